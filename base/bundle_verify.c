#include "base/bundle_verify.h"

#include "base/limits.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

/* Kept from member to member. */
#define PIECE ((size_t)128 << 10)
struct work {
	ZSTD_DCtx *zstd;
	char *piece;
};

struct member {
	const struct bundle_entry *entry;
	uint8_t digest[SHA256_SIZE];
	bool good, told; /* told: it has a line in the manifest */
};

__attribute__((format(printf, 4, 5))) static void
fault(struct bundle_verifier *v, const char *member, uint64_t offset, const char *fmt, ...)
{
	struct problem p = {.offset = offset};
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(p.reason, sizeof(p.reason), fmt, args);
	va_end(args);
	v->result.faults++;
	v->fault(v, member, &p);
}

static bool all_zero(const char *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/*
 * One frame: its content is exactly a tar member with the entry's name and size, or without an
 * entry the tar's end. The SHA-256 of the file goes to `digest`. Reason of a fault, or NULL.
 */
static const char *check_content(struct work *work, struct view frame, const struct bundle_entry *e,
				 uint8_t digest[SHA256_SIZE])
{
	ZSTD_DCtx *d = work->zstd;
	ZSTD_inBuffer in = {frame.data, frame.len, 0};
	struct buffer head = {0};
	struct sha256 h;
	size_t left = 1;
	char *piece = work->piece;
	/* In the frame's content: end of the headers, of the file, and of all. */
	uint64_t data = e ? e->data_offset : 0, end = e ? data + e->size : 2 * BUNDLE_TAR_BLOCK;
	uint64_t total = (end + BUNDLE_TAR_BLOCK - 1) & ~(uint64_t)(BUNDLE_TAR_BLOCK - 1), at = 0;
	const char *why = NULL;

	sha256_init(&h);
	(void)ZSTD_DCtx_reset(d, ZSTD_reset_session_only);
	if (e && (e->data_offset > 2 * BUNDLE_HEAD_LIMIT || e->size > UINT64_MAX / 2))
		why = "impossible sizes in the index";
	while (!why && left) {
		ZSTD_outBuffer out = {piece, PIECE, 0};
		size_t i = 0;

		left = ZSTD_decompressStream(d, &out, &in);
		if (ZSTD_isError(left)) {
			why = "does not decompress";
			break;
		}
		if (out.pos > total - at) {
			why = "holds more than one file";
			break;
		}
		if (at < data) {
			i = out.pos < data - at ? out.pos : (size_t)(data - at);
			buffer_append(&head, piece, i);
		}
		if (i < out.pos && at + i < end) {
			size_t n =
				out.pos - i < end - at - i ? out.pos - i : (size_t)(end - at - i);

			sha256_update(&h, piece + i, n);
			if (!e && !all_zero(piece + i, n))
				why = "bytes in the tar's end";
			i += n;
		}
		if (!all_zero(piece + i, out.pos - i))
			why = "bytes in the padding";
		at += out.pos;
		if (left && in.pos == in.size && out.pos < out.size)
			why = "is cut";
	}
	sha256_final(&h, digest);
	if (!why && (in.pos != in.size || at != total))
		why = "is not as long as the index says";
	if (!why && e) {
		struct bundle_tar tar;

		if (bundle_tar_parse(buffer_as_view(&head), &tar) < 0 || tar.end ||
		    tar.data_offset != e->data_offset || tar.size != e->size ||
		    !view_is(tar.name, e->name))
			why = "has another tar header than the index says";
	}
	buffer_release(&head);
	return why;
}

/* A frame and the receipt behind it. True when both are right. */
static bool check_frame(struct bundle_verifier *v, struct work *work, struct view bytes,
			uint64_t offset, uint64_t length, const struct bundle_entry *e,
			uint8_t digest[SHA256_SIZE])
{
	const char *name = e ? e->name : "end of the tar", *why;
	struct view frame = view_sub(bytes, (size_t)offset, (size_t)length);
	struct view receipt = view_sub(bytes, (size_t)(offset + length), BUNDLE_RECEIPT_SIZE);
	uint8_t stored[SHA256_SIZE];

	if (frame.len != length || receipt.len == 0) {
		fault(v, name, offset, "lies outside of the bundle");
		return false;
	}
	why = check_content(work, frame, e, digest);
	sha256(frame, stored);
	if (why) {
		fault(v, name, offset, "altered: %s", why);
	} else if (view_get32(receipt, 0) != BUNDLE_RECEIPT_MAGIC ||
		   view_get32(receipt, 4) != BUNDLE_RECEIPT_SIZE - 8 ||
		   memcmp(receipt.data + 8, "konsekiR", 8) != 0 ||
		   view_get64(receipt, 16) != offset || view_get64(receipt, 24) != length) {
		fault(v, name, offset + length, "altered: its receipt is not right");
	} else if (memcmp(receipt.data + 32, stored, sizeof(stored)) != 0) {
		fault(v, name, offset, "altered: SHA-256 of the stored frame is not its receipt's");
	} else if (memcmp(receipt.data + 64, digest, SHA256_SIZE) != 0) {
		fault(v, name, offset, "altered: SHA-256 of the content is not its receipt's");
	} else {
		return true;
	}
	return false;
}

static int by_name(const void *a, const void *b)
{
	const struct member *const *x = a, *const *y = b;

	return strcmp((*x)->entry->name, (*y)->entry->name);
}

static struct member *find(struct member **sorted, size_t count, const char *name)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(sorted[middle]->entry->name, name);

		if (order == 0)
			return sorted[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* The signature against the head, and whose it is. */
static void check_signature(struct bundle_verifier *v, struct view bytes, struct member *signature,
			    struct view head)
{
	struct problem problem = {PROBLEM_NO_OFFSET, ""};
	struct buffer text = {0};
	bool known = !v->signers;

	if (!signature) {
		if (v->signers)
			fault(v, BUNDLE_SIGNATURE, PROBLEM_NO_OFFSET,
			      "is missing: nobody signed this bundle");
		return;
	}
	if (!signature->good)
		return; /* told already */
	if (bundle_read(bytes, signature->entry, 1 << 20, &text, &problem) < 0 ||
	    ssh_verify(buffer_as_view(&text), head, v->result.signer, &problem) < 0) {
		fault(v, BUNDLE_SIGNATURE, signature->entry->offset, "%s", problem.reason);
	} else {
		v->result.is_signed = true;
		for (size_t i = 0; i < v->signer_count && !known; i++)
			known = memcmp(v->signers + i * ED25519_KEY, v->result.signer,
				       ED25519_KEY) == 0;
		if (!known)
			fault(v, BUNDLE_SIGNATURE, signature->entry->offset,
			      "is by a key that is none of the given ones");
	}
	buffer_release(&text);
}

/* Each line against its member, each member against its line, and the head against the lines. */
static void check_manifest(struct bundle_verifier *v, struct view bytes, struct member **sorted,
			   size_t count)
{
	struct member *lines = find(sorted, count, "manifest.jsonl");
	struct member *head = find(sorted, count, "manifest.json");
	struct buffer text = {0}, value = {0};
	char hex[2 * SHA256_SIZE + 1];
	struct view rest, one;
	uint64_t n = 0;

	if (!lines || !lines->good ||
	    bundle_read(bytes, lines->entry, LIMIT_MEMBER, &text, NULL) < 0) {
		if (v->result.complete && !lines)
			fault(v, "manifest.jsonl", PROBLEM_NO_OFFSET, "is missing");
		if (v->signers)
			fault(v, BUNDLE_SIGNATURE, PROBLEM_NO_OFFSET,
			      "proves nothing: there is no whole manifest");
		goto out;
	}
	rest = buffer_as_view(&text);
	while (view_line(&rest, &one)) {
		struct member *m;

		n++;
		if (bundle_json_value(one, "left_out", &value))
			v->result.left_out++;
		else if (bundle_json_value(one, "error", &value))
			v->result.notes++;
		else if (!bundle_json_value(one, "member", &value))
			fault(v, "manifest.jsonl", PROBLEM_NO_OFFSET,
			      "line %" PRIu64 " names no member", n);
		if (!bundle_json_value(one, "member", &value))
			continue;
		m = find(sorted, count, buffer_text(&value));
		if (!m) {
			fault(v, buffer_text(&value), PROBLEM_NO_OFFSET,
			      "is in the manifest, not in the bundle");
			continue;
		}
		m->told = true;
		if (!m->good)
			continue; /* told already */
		sha256_hex(m->digest, hex);
		if (!bundle_json_value(one, "sha256", &value) ||
		    !view_is(buffer_as_view(&value), hex))
			fault(v, m->entry->name, m->entry->offset, "SHA-256 is not the manifest's");
		if (!bundle_json_value(one, "size", &value) ||
		    strtoull(buffer_text(&value), NULL, 10) != m->entry->size)
			fault(v, m->entry->name, m->entry->offset, "size is not the manifest's");
	}
	for (size_t i = 0; i < count; i++)
		if (!sorted[i]->told && !bundle_own_member(sorted[i]->entry->name))
			fault(v, sorted[i]->entry->name, sorted[i]->entry->offset,
			      "is not in the manifest");
	if (!head && v->result.complete)
		fault(v, "manifest.json", PROBLEM_NO_OFFSET, "is missing");
	if (head && head->good && bundle_read(bytes, head->entry, LIMIT_ARENA, &text, NULL) == OK) {
		sha256_hex(lines->digest, hex);
		if (!bundle_json_value(buffer_as_view(&text), "manifest_sha256", &value) ||
		    !view_is(buffer_as_view(&value), hex))
			fault(v, "manifest.json", head->entry->offset,
			      "its manifest_sha256 is not that of manifest.jsonl");
		check_signature(v, bytes, find(sorted, count, BUNDLE_SIGNATURE),
				buffer_as_view(&text));
	} else if (v->signers) {
		fault(v, BUNDLE_SIGNATURE, PROBLEM_NO_OFFSET,
		      "proves nothing: there is no whole manifest");
	}
out:
	buffer_release(&text);
	buffer_release(&value);
}

int bundle_verify(struct view bytes, struct bundle_verifier *v)
{
	struct bundle_index index;
	struct problem problem;
	struct member *members, **sorted;
	struct sha256 all;
	uint8_t digest[SHA256_SIZE];
	uint64_t at = 0;
	struct work work;
	int status = bundle_index_load(bytes, &index, &problem);

	v->result = (struct bundle_verified){0};
	if (status < 0) {
		fault(v, NULL, problem.offset, "%s", problem.reason);
		return status;
	}
	v->result.complete = index.complete;
	v->result.members = index.count;
	work = (struct work){ZSTD_createDCtx(), xmalloc(PIECE)};
	if (!work.zstd) {
		free(work.piece);
		bundle_index_release(&index);
		return ERR_MEMORY;
	}
	members = xcalloc(index.count, sizeof(*members));
	sorted = xcalloc(index.count, sizeof(struct member *));
	sha256_init(&all);
	for (size_t i = 0; i < index.count; i++) {
		const struct bundle_entry *e = &index.entries[i];

		members[i].entry = e;
		sorted[i] = &members[i];
		if (e->offset != at)
			fault(v, e->name, e->offset, "%s bytes before it (from offset %" PRIu64 ")",
			      index.complete ? "unaccounted" : "damaged", at);
		if (e->offset >= at) {
			at = e->offset;
			members[i].good = check_frame(v, &work, bytes, e->offset, e->length, e,
						      members[i].digest);
			at += e->length + BUNDLE_RECEIPT_SIZE;
		}
		if (members[i].good) {
			v->result.good++;
			v->result.bytes += e->size;
		}
		if (v->progress)
			v->progress(v, e->name, at, bytes.len);
	}
	qsort(sorted, index.count, sizeof(struct member *), by_name);
	for (size_t i = 1; i < index.count; i++)
		if (strcmp(sorted[i]->entry->name, sorted[i - 1]->entry->name) == 0)
			fault(v, sorted[i]->entry->name, sorted[i]->entry->offset,
			      "is there twice");
	if (index.complete) {
		if (index.index_offset < at + BUNDLE_RECEIPT_SIZE)
			fault(v, NULL, at, "the end of the tar is missing");
		else
			(void)check_frame(v, &work, bytes, at,
					  index.index_offset - BUNDLE_RECEIPT_SIZE - at, NULL,
					  digest);
		sha256_update(&all, bytes.data, (size_t)index.index_offset);
		sha256_final(&all, digest);
		if (memcmp(digest, index.digest, sizeof(digest)) != 0)
			fault(v, NULL, PROBLEM_NO_OFFSET,
			      "altered: SHA-256 of the bundle is not the index's");
	} else {
		fault(v, NULL, problem.offset, "incomplete: %s", problem.reason);
	}
	check_manifest(v, bytes, sorted, index.count);
	free(members);
	free(sorted);
	free(work.piece);
	ZSTD_freeDCtx(work.zstd);
	bundle_index_release(&index);
	return v->result.faults ? ERR_INTEGRITY : OK;
}
