#include "collectors/bundle.h"

#include "base/bundle_format.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zstd.h>

#define FAILURES_KEPT 200

struct bundle_writer {
	struct bundle_output *out;
	ZSTD_CCtx *zstd;
	char *piece; /* zstd's output on its way */
	size_t piece_size;
	struct sha256 all;     /* every byte written */
	struct sha256 frame;   /* of the current frame */
	struct sha256 content; /* of the current file */
	uint64_t written, frame_start;
	uint64_t size, given; /* of the current file: promised, received */
	uint64_t surplus;     /* bytes that came after the promised size */
	uint32_t data_offset;
	uint8_t last[SHA256_SIZE]; /* of the file before */
	struct bundle_file file;
	struct buffer member; /* name of the current file */
	struct buffer lines;  /* manifest.jsonl */
	struct buffer index;  /* entries */
	struct buffer failures;
	uint32_t entries;
	struct bundle_counts counts;
	const struct ssh_key *key; /* signs the manifest; NULL: nobody does */
	bool in_manifest;	   /* its own members have no line */
	int failed;		   /* errno of the first failed write */
};

static int put(struct bundle_writer *w, const void *data, size_t n)
{
	if (w->failed) {
		errno = w->failed;
		return ERR_IO;
	}
	if (n == 0)
		return OK;
	if (!w->out->write(w->out, data, n)) {
		w->failed = errno ? errno : EIO;
		return ERR_IO;
	}
	sha256_update(&w->all, data, n);
	w->written += n;
	return OK;
}

static void little32(struct buffer *b, uint32_t n)
{
	buffer_append(b, &n, 4); /* view.h holds that the machine is little-endian */
}

static void little64(struct buffer *b, uint64_t n)
{
	buffer_append(b, &n, 8);
}

struct bundle_writer *bundle_writer_new(struct bundle_output *out, int level)
{
	struct bundle_writer *w = xcalloc(1, sizeof(*w));

	w->out = out;
	w->zstd = ZSTD_createCCtx();
	if (!w->zstd) {
		free(w);
		return NULL;
	}
	(void)ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, level);
	(void)ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_checksumFlag, 1);
	w->piece_size = ZSTD_CStreamOutSize();
	w->piece = xmalloc(w->piece_size);
	sha256_init(&w->all);
	return w;
}

void bundle_writer_free(struct bundle_writer *w)
{
	if (!w)
		return;
	ZSTD_freeCCtx(w->zstd);
	free(w->piece);
	buffer_release(&w->member);
	buffer_release(&w->lines);
	buffer_release(&w->index);
	buffer_release(&w->failures);
	free(w);
}

void bundle_writer_sign(struct bundle_writer *w, const struct ssh_key *key)
{
	w->key = key;
}

/* ---- frames ---- */

static int frame_begin(struct bundle_writer *w, uint64_t content_size)
{
	w->frame_start = w->written;
	sha256_init(&w->frame);
	sha256_init(&w->content);
	(void)ZSTD_CCtx_reset(w->zstd, ZSTD_reset_session_only);
	(void)ZSTD_CCtx_setPledgedSrcSize(w->zstd, content_size);
	return w->failed ? ERR_IO : OK;
}

static int frame_data(struct bundle_writer *w, const void *data, size_t n, ZSTD_EndDirective how)
{
	ZSTD_inBuffer in = {data, n, 0};
	size_t left;

	do {
		ZSTD_outBuffer out = {w->piece, w->piece_size, 0};
		int status;

		left = ZSTD_compressStream2(w->zstd, &out, &in, how);
		if (ZSTD_isError(left)) {
			w->failed = w->failed ? w->failed : EIO;
			errno = w->failed;
			return ERR_IO;
		}
		sha256_update(&w->frame, w->piece, out.pos);
		if ((status = put(w, w->piece, out.pos)) < 0)
			return status;
	} while (how == ZSTD_e_end ? left != 0 : in.pos < in.size);
	return OK;
}

static int frame_end(struct bundle_writer *w, uint8_t content[SHA256_SIZE])
{
	struct buffer receipt = {0};
	uint8_t digest[SHA256_SIZE];
	int status = frame_data(w, NULL, 0, ZSTD_e_end);

	sha256_final(&w->content, content);
	memcpy(w->last, content, SHA256_SIZE);
	if (status < 0)
		return status;
	sha256_final(&w->frame, digest);
	little32(&receipt, BUNDLE_RECEIPT_MAGIC);
	little32(&receipt, BUNDLE_RECEIPT_SIZE - 8);
	buffer_string(&receipt, "konsekiR");
	little64(&receipt, w->frame_start);
	little64(&receipt, w->written - w->frame_start);
	buffer_append(&receipt, digest, sizeof(digest));
	buffer_append(&receipt, content, SHA256_SIZE);
	status = put(w, receipt.data, receipt.len);
	buffer_release(&receipt);
	return status;
}

/* ---- tar headers: POSIX.1-2017, pax, "ustar Interchange Format" ---- */

static void octal(uint8_t *field, size_t n, uint64_t value)
{
	for (size_t i = n - 1; i-- > 0; value >>= 3)
		field[i] = (uint8_t)('0' + (value & 7));
}

static void header(struct buffer *out, struct view name, char type, uint64_t size,
		   const struct bundle_file *f)
{
	uint8_t *h = (uint8_t *)buffer_reserve(out, BUNDLE_TAR_BLOCK);
	unsigned sum = 0;
	int64_t seconds = f->mtime == TIME_NONE || f->mtime < 0 ? 0 : f->mtime / TIME_SECOND;

	memset(h, 0, BUNDLE_TAR_BLOCK);
	memcpy(h, name.data, name.len < 100 ? name.len : 100);
	octal(h + 100, 8, f->has_stat && !f->no_owner ? f->mode & 0777 : 0600);
	octal(h + 108, 8, f->has_stat && f->uid <= 07777777 ? f->uid : 0);
	octal(h + 116, 8, f->has_stat && f->gid <= 07777777 ? f->gid : 0);
	octal(h + 124, 12, size < 1ull << 33 ? size : 0);
	octal(h + 136, 12, (uint64_t)seconds);
	memset(h + 148, ' ', 8);
	h[156] = (uint8_t)type;
	memcpy(h + 257, "ustar\00000", 8);
	for (size_t i = 0; i < BUNDLE_TAR_BLOCK; i++)
		sum += h[i];
	octal(h + 148, 7, sum);
	out->len += BUNDLE_TAR_BLOCK;
}

/* "LENGTH KEY=VALUE\n", where the length counts itself. */
static void pax_record(struct buffer *out, const char *key, struct view value)
{
	size_t n = strlen(key) + value.len + 3, digits = 1;

	for (size_t limit = 10; n + digits >= limit; limit *= 10)
		digits++;
	buffer_printf(out, "%zu %s=", n + digits, key);
	buffer_view(out, value);
	buffer_char(out, '\n');
}

static bool ascii(struct view v)
{
	for (size_t i = 0; i < v.len; i++)
		if (v.data[i] >= 0x80)
			return false;
	return true;
}

static void zeros(struct buffer *out, size_t n)
{
	memset(buffer_reserve(out, n), 0, n);
	out->len += n;
}

static size_t padding(uint64_t size)
{
	return (size_t)(-size & (BUNDLE_TAR_BLOCK - 1));
}

int bundle_begin(struct bundle_writer *w, const struct bundle_file *file, uint64_t size)
{
	struct buffer head = {0}, pax = {0};
	struct view name;
	int status;

	w->file = *file;
	w->size = size;
	w->given = w->surplus = 0;
	w->member.len = 0;
	if (file->member)
		buffer_string(&w->member, file->member);
	else
		bundle_member_name(&w->member, view_text(file->path));
	name = buffer_as_view(&w->member);
	if (name.len > 100 || !ascii(name))
		pax_record(&pax, "path", name);
	if (size >= 1ull << 33) {
		char digits[24];

		(void)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)size);
		pax_record(&pax, "size", view_text(digits));
	}
	if (pax.len) {
		header(&head, view_text("PaxHeader"), 'x', pax.len, file);
		buffer_append(&head, pax.data, pax.len);
		zeros(&head, padding(pax.len));
	}
	header(&head, name, '0', size, file);
	w->data_offset = (uint32_t)head.len;
	status = frame_begin(w, head.len + size + padding(size));
	if (status == OK)
		status = frame_data(w, head.data, head.len, ZSTD_e_continue);
	buffer_release(&head);
	buffer_release(&pax);
	return status;
}

int bundle_data(struct bundle_writer *w, const void *data, size_t n)
{
	if (n > w->size - w->given) {
		w->surplus += n - (size_t)(w->size - w->given);
		n = (size_t)(w->size - w->given);
	}
	w->given += n;
	sha256_update(&w->content, data, n);
	return n ? frame_data(w, data, n, ZSTD_e_continue) : w->failed ? ERR_IO : OK;
}

static void time_field(struct buffer *b, const char *name, int64_t ts)
{
	char text[TIME_TEXT];

	if (ts == TIME_NONE)
		return;
	(void)time_format(ts, text);
	buffer_printf(b, ",\"%s\":\"%s\"", name, text);
}

static void line(struct bundle_writer *w, const struct bundle_file *f, const char *member,
		 const uint8_t *digest, const char *error, bool on_purpose)
{
	struct buffer *b = &w->lines;
	const char *path = f->path ? f->path : member;

	buffer_string(b, "{\"path\":");
	text_json_quoted(b, view_text(path));
	if (digest) {
		char hex[2 * SHA256_SIZE + 1];

		sha256_hex(digest, hex);
		buffer_string(b, ",\"member\":");
		text_json_quoted(b, view_text(member));
		buffer_printf(b, ",\"size\":%llu,\"sha256\":\"%s\"", (unsigned long long)w->size,
			      hex);
	}
	if (f->has_stat) {
		time_field(b, "mtime", f->mtime);
		time_field(b, "atime", f->atime);
		time_field(b, "ctime", f->ctime);
		time_field(b, "btime", f->btime);
		if (!f->no_owner)
			buffer_printf(b, ",\"uid\":%u,\"gid\":%u,\"mode\":\"%04o\"", f->uid, f->gid,
				      f->mode & 07777);
		buffer_printf(b, ",\"inode\":%llu", (unsigned long long)f->inode);
	}
	buffer_string(b, ",\"collector\":");
	text_json_quoted(b, view_text(f->collector));
	if (error) {
		buffer_string(b, ",\"error\":");
		text_json_quoted(b, view_text(error));
		if (on_purpose) {
			buffer_string(b, ",\"left_out\":true");
			if (f->same_as) {
				buffer_string(b, ",\"same_as\":");
				text_json_quoted(b, view_text(f->same_as));
			}
			w->counts.left_out++;
		} else if (w->counts.failures++ < FAILURES_KEPT) {
			buffer_string(&w->failures, path);
			buffer_string(&w->failures, ": ");
			buffer_string(&w->failures, error);
			/* Not a newline: names may hold one. */
			buffer_char(&w->failures, '\0');
		}
	}
	buffer_string(b, "}\n");
}

const uint8_t *bundle_last_digest(const struct bundle_writer *w)
{
	return w->last;
}

int bundle_end(struct bundle_writer *w, const char *error)
{
	static const char nothing[65536];
	uint8_t digest[SHA256_SIZE];
	char cut[120];
	uint64_t missing = w->size - w->given, offset = w->frame_start;
	int status = OK;

	if (missing && !error) {
		(void)snprintf(
			cut, sizeof(cut),
			"shrank while it was read: zeros stand for the last %llu of %llu bytes",
			(unsigned long long)missing, (unsigned long long)w->size);
		error = cut;
	}
	while (missing && status == OK) {
		size_t n = missing < sizeof(nothing) ? (size_t)missing : sizeof(nothing);

		status = bundle_data(w, nothing, n);
		missing -= n;
	}
	if (status == OK)
		status = frame_data(w, nothing, padding(w->size), ZSTD_e_continue);
	if (status == OK)
		status = frame_end(w, digest);
	if (status < 0)
		return status;
	w->entries++;
	little64(&w->index, offset);
	little64(&w->index, w->written - BUNDLE_RECEIPT_SIZE - offset);
	little64(&w->index, w->size);
	little32(&w->index, w->data_offset);
	little32(&w->index, (uint32_t)w->member.len);
	buffer_append(&w->index, w->member.data, w->member.len);
	if (!w->in_manifest) {
		line(w, &w->file, buffer_text(&w->member), digest, error, false);
		w->counts.members++;
		w->counts.bytes += w->size;
	}
	return OK;
}

int bundle_whole(struct bundle_writer *w, const struct bundle_file *file, struct view content,
		 const char *error)
{
	int status = bundle_begin(w, file, content.len);

	if (status == OK)
		status = bundle_data(w, content.data, content.len);
	return status == OK ? bundle_end(w, error) : status;
}

void bundle_missing(struct bundle_writer *w, const struct bundle_file *file, const char *error)
{
	line(w, file, file->member ? file->member : "", NULL, error, false);
}

void bundle_left_out(struct bundle_writer *w, const struct bundle_file *file, const char *why)
{
	line(w, file, file->member ? file->member : "", NULL, why, true);
}

struct bundle_counts bundle_counts(const struct bundle_writer *w)
{
	struct bundle_counts c = w->counts;

	c.written = w->written;
	return c;
}

struct view bundle_failures(const struct bundle_writer *w)
{
	return buffer_as_view(&w->failures);
}

int bundle_finish(struct bundle_writer *w, struct view head, uint8_t digest[SHA256_SIZE])
{
	const struct bundle_file lines = {.member = "manifest.jsonl", .mtime = time_now()};
	const struct bundle_file last = {.member = "manifest.json", .mtime = time_now()};
	const struct bundle_file seal = {.member = BUNDLE_SIGNATURE, .mtime = time_now()};
	static const char end[2 * BUNDLE_TAR_BLOCK];
	struct buffer text = {0}, index = {0}, signature = {0};
	struct view rest = buffer_as_view(&w->failures), one;
	char hex[2 * SHA256_SIZE + 1];
	uint64_t offset;
	int status;

	w->in_manifest = true;
	status = bundle_whole(w, &lines, buffer_as_view(&w->lines), NULL);
	if (status < 0)
		goto out;
	sha256(buffer_as_view(&w->lines), digest);
	sha256_hex(digest, hex);
	buffer_char(&text, '{');
	buffer_view(&text, head);
	buffer_printf(&text,
		      ",\"counts\":{\"members\":%llu,\"bytes\":%llu,\"failures\":%llu,\"left_out\":"
		      "%llu},\"failures\":[",
		      (unsigned long long)w->counts.members, (unsigned long long)w->counts.bytes,
		      (unsigned long long)w->counts.failures,
		      (unsigned long long)w->counts.left_out);
	for (bool first = true; view_token(&rest, '\0', &one); first = false) {
		if (one.len == 0)
			continue;
		buffer_string(&text, first ? "" : ",");
		text_json_quoted(&text, one);
	}
	buffer_char(&text, ']');
	if (w->key) {
		buffer_string(&text, ",\"signer\":\"");
		ssh_key_fingerprint(&text, w->key->public);
		buffer_char(&text, '"');
	}
	buffer_printf(&text, ",\"manifest_sha256\":\"%s\"}\n", hex);
	status = bundle_whole(w, &last, buffer_as_view(&text), NULL);
	if (status == OK && w->key) {
		ssh_sign(&signature, w->key, buffer_as_view(&text));
		status = bundle_whole(w, &seal, buffer_as_view(&signature), NULL);
	}
	if (status == OK)
		status = frame_begin(w, sizeof(end));
	if (status == OK) {
		sha256_update(&w->content, end, sizeof(end));
		status = frame_data(w, end, sizeof(end), ZSTD_e_continue);
	}
	if (status == OK)
		status = frame_end(w, digest);
	if (status < 0)
		goto out;

	offset = w->written;
	{
		struct sha256 before = w->all;

		sha256_final(&before, digest);
	}
	little32(&index, BUNDLE_INDEX_MAGIC);
	little32(&index, (uint32_t)(BUNDLE_INDEX_HEAD + w->index.len + BUNDLE_INDEX_TAIL));
	buffer_string(&index, "konsekiX");
	little32(&index, BUNDLE_VERSION);
	little32(&index, w->entries);
	little64(&index, offset);
	buffer_append(&index, digest, SHA256_SIZE);
	buffer_append(&index, w->index.data, w->index.len);
	sha256(view_from(buffer_as_view(&index), 8), digest);
	buffer_append(&index, digest, SHA256_SIZE);
	little64(&index, index.len + 16);
	buffer_string(&index, "konsekiE");
	status = put(w, index.data, index.len);
	if (status == OK) {
		struct sha256 all = w->all;

		sha256_final(&all, digest);
	}
out:
	buffer_release(&text);
	buffer_release(&index);
	buffer_release(&signature);
	return status;
}
