#include "base/bundle_format.h"

#include "base/limits.h"
#include "base/text.h"

#include <stdlib.h>
#include <zstd.h>

void bundle_member_name(struct buffer *out, struct view path)
{
	static const char digits[] = "0123456789ABCDEF";
	struct view part;
	bool drive = path.len >= 2 && path.data[1] == ':' &&
		     ((path.data[0] | 0x20) >= 'a' && (path.data[0] | 0x20) <= 'z') &&
		     (path.len == 2 || path.data[2] == '/');

	buffer_string(out, "files");
	if (drive) {
		buffer_char(out, '/');
		buffer_char(out, (char)path.data[0]);
		path = view_from(path, 2);
	}
	while (view_token(&path, '/', &part)) {
		bool dots = view_is(part, ".") || view_is(part, "..");

		if (part.len == 0)
			continue;
		buffer_char(out, '/');
		while (part.len) {
			struct view before = part;
			uint32_t code = 0;
			size_t n;

			(void)text_decode(&part, &code);
			n = before.len - part.len;
			if (code >= 0x20 && code != '%' && code != '\\' && code != 0x7f && !dots &&
			    !(code >= 0x80 && n == 1)) {
				buffer_append(out, before.data, n);
				continue;
			}
			for (size_t i = 0; i < n; i++) {
				buffer_char(out, '%');
				buffer_char(out, digits[before.data[i] >> 4]);
				buffer_char(out, digits[before.data[i] & 15]);
			}
		}
	}
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool bundle_own_member(const char *member)
{
	return strcmp(member, "manifest.json") == 0 || strcmp(member, "manifest.jsonl") == 0 ||
	       strcmp(member, BUNDLE_SIGNATURE) == 0;
}

void bundle_member_path(struct buffer *out, struct view member)
{
	if (!view_starts(member, "files/", 6)) {
		buffer_view(out, member);
		return;
	}
	member = view_from(member, 5);
	for (size_t i = 0; i < member.len; i++) {
		int high, low;

		if (member.data[i] == '%' && member.len - i > 2 &&
		    (high = hex_digit(member.data[i + 1])) >= 0 &&
		    (low = hex_digit(member.data[i + 2])) >= 0) {
			buffer_char(out, (char)(high << 4 | low));
			i += 2;
		} else {
			buffer_char(out, (char)member.data[i]);
		}
	}
}

/* ---- tar: POSIX.1-2017, pax, "ustar Interchange Format" ---- */

static bool octal(struct view field, uint64_t *out)
{
	uint64_t n = 0;
	size_t i = 0;

	while (i < field.len && field.data[i] == ' ')
		i++;
	for (; i < field.len && field.data[i] >= '0' && field.data[i] <= '7'; i++) {
		if (n >> 60)
			return false;
		n = n << 3 | (uint64_t)(field.data[i] - '0');
	}
	*out = n;
	return i == field.len || field.data[i] == '\0' || field.data[i] == ' ';
}

static struct view until_nul(struct view v)
{
	return view_clip(v, 0, view_find(v, 0, "", 1));
}

/* A 512-byte header whose checksum is right. */
static bool tar_header(struct view block, uint64_t *size, uint8_t *type)
{
	uint64_t sum = 0, told = 0;

	if (block.len < BUNDLE_TAR_BLOCK || memcmp(block.data + 257, "ustar", 6) != 0 ||
	    !octal(view_sub(block, 148, 8), &told) || !octal(view_sub(block, 124, 12), size))
		return false;
	for (size_t i = 0; i < BUNDLE_TAR_BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : block.data[i];
	*type = block.data[156];
	return sum == told;
}

int bundle_tar_parse(struct view head, struct bundle_tar *tar)
{
	uint64_t size, at = 0, pax_size = UINT64_MAX;
	struct view path = VIEW_EMPTY, prefix;
	uint8_t type;

	*tar = (struct bundle_tar){0};
	if (head.len < BUNDLE_TAR_BLOCK)
		return ERR_TRUNCATED;
	if (head.data[0] == 0) {
		tar->end = true;
		return OK;
	}
	if (!tar_header(view_sub(head, 0, BUNDLE_TAR_BLOCK), &size, &type))
		return ERR_FORMAT;
	if (type == 'x') {
		struct view records, line;

		if (size > BUNDLE_HEAD_LIMIT)
			return ERR_FORMAT;
		if (!view_has(head, BUNDLE_TAR_BLOCK, (size_t)size))
			return ERR_TRUNCATED;
		records = view_sub(head, BUNDLE_TAR_BLOCK, (size_t)size);
		/* "LENGTH KEY=VALUE\n"; our values hold no newline, other writers' are cut by the
		 * length. */
		while (records.len) {
			uint64_t n;
			size_t space = view_find(records, 0, " ", 1);

			if (!view_decimal(view_clip(records, 0, space), &n) || n > records.len ||
			    n < space + 2)
				return ERR_FORMAT;
			line = view_sub(records, space + 1, (size_t)n - space - 2);
			if (view_starts(line, "path=", 5))
				path = view_from(line, 5);
			else if (view_starts(line, "size=", 5) &&
				 !view_decimal(view_from(line, 5), &pax_size))
				return ERR_FORMAT;
			records = view_from(records, (size_t)n);
		}
		at = BUNDLE_TAR_BLOCK + ((size + 511) & ~(uint64_t)511);
		if (!view_has(head, (size_t)at, BUNDLE_TAR_BLOCK))
			return ERR_TRUNCATED;
		if (!tar_header(view_sub(head, (size_t)at, BUNDLE_TAR_BLOCK), &size, &type))
			return ERR_FORMAT;
	}
	if (type != '0')
		return ERR_FORMAT;
	tar->size = pax_size != UINT64_MAX ? pax_size : size;
	tar->data_offset = at + BUNDLE_TAR_BLOCK;
	tar->name = path.len ? path : until_nul(view_sub(head, (size_t)at, 100));
	prefix = until_nul(view_sub(head, (size_t)at + 345, 155));
	/* The writer uses a pax record for every long name, never the prefix. */
	if (prefix.len || tar->name.len == 0 || tar->name.len > BUNDLE_HEAD_LIMIT ||
	    memchr(tar->name.data, 0, tar->name.len))
		return ERR_FORMAT;
	return OK;
}

/* ---- frames ---- */

/* Decompresses the start of the frame until its tar headers are whole. */
static int frame_head(struct view frame, struct buffer *head, struct bundle_tar *tar)
{
	ZSTD_DCtx *d = ZSTD_createDCtx();
	ZSTD_inBuffer in = {frame.data, frame.len, 0};
	int status = ERR_TRUNCATED;

	head->len = 0;
	while (d && head->len < BUNDLE_HEAD_LIMIT * 2) {
		ZSTD_outBuffer out = {buffer_reserve(head, 1536), 1536, 0};
		size_t left = ZSTD_decompressStream(d, &out, &in);

		if (ZSTD_isError(left)) {
			status = ERR_FORMAT;
			break;
		}
		head->len += out.pos;
		status = bundle_tar_parse(buffer_as_view(head), tar);
		if (status != ERR_TRUNCATED || left == 0 ||
		    (in.pos == in.size && out.pos < out.size))
			break;
	}
	ZSTD_freeDCtx(d);
	return status;
}

bool bundle_probe(struct view bytes)
{
	struct buffer head = {0};
	struct bundle_tar tar;
	bool yes = view_get32(bytes, 0) == ZSTD_MAGICNUMBER &&
		   frame_head(view_clip(bytes, 0, 1 << 20), &head, &tar) == OK && !tar.end &&
		   (view_starts(tar.name, "live/", 5) || view_starts(tar.name, "files/", 6) ||
		    view_starts(tar.name, "manifest", 8));

	buffer_release(&head);
	return yes;
}

static void add(struct bundle_index *index, uint64_t offset, uint64_t length, uint64_t size,
		uint32_t data_offset, struct view name)
{
	index->entries =
		xgrow(index->entries, &index->cap, index->count + 1, sizeof(*index->entries));
	index->entries[index->count++] = (struct bundle_entry){offset, length, size, data_offset,
							       xmemdup0(name.data, name.len)};
}

static int load_index(struct view bytes, struct bundle_index *index, struct problem *problem)
{
	uint64_t length = 0, offset = 0;
	uint32_t count = 0;
	uint8_t digest[SHA256_SIZE];
	struct view frame, content;
	size_t at = BUNDLE_INDEX_HEAD;

	if (bytes.len < 8 + BUNDLE_INDEX_HEAD + BUNDLE_INDEX_TAIL ||
	    memcmp(bytes.data + bytes.len - 8, "konsekiE", 8) != 0)
		return problem_set(problem, ERR_TRUNCATED, bytes.len,
				   "the index at the end is missing");
	length = view_get64(bytes, bytes.len - 16);
	if (length > bytes.len || length < 8 + BUNDLE_INDEX_HEAD + BUNDLE_INDEX_TAIL)
		return problem_set(problem, ERR_FORMAT, bytes.len - 16,
				   "wrong length of the index");
	frame = view_from(bytes, bytes.len - (size_t)length);
	offset = bytes.len - length;
	content = view_from(frame, 8);
	if (view_get32(frame, 0) != BUNDLE_INDEX_MAGIC || view_get32(frame, 4) != content.len ||
	    memcmp(content.data, "konsekiX", 8) != 0)
		return problem_set(problem, ERR_FORMAT, offset, "the index has a wrong header");
	sha256(view_clip(content, 0, content.len - BUNDLE_INDEX_TAIL), digest);
	if (memcmp(digest, content.data + content.len - BUNDLE_INDEX_TAIL, sizeof(digest)) != 0)
		return problem_set(problem, ERR_INTEGRITY, offset,
				   "the index is altered (SHA-256)");
	if (view_get32(content, 8) != BUNDLE_VERSION)
		return problem_set(problem, ERR_UNSUPPORTED, offset, "version %u of the format",
				   view_get32(content, 8));
	if (view_get64(content, 16) != offset)
		return problem_set(problem, ERR_FORMAT, offset, "the index belongs at offset %llu",
				   (unsigned long long)view_get64(content, 16));
	count = view_get32(content, 12);
	memcpy(index->digest, content.data + 24, sizeof(index->digest));
	content = view_clip(content, 0, content.len - BUNDLE_INDEX_TAIL);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t from = view_get64(content, at), n = view_get64(content, at + 8);
		uint32_t name = view_get32(content, at + 28);

		if (!view_has(content, at, BUNDLE_ENTRY_HEAD) ||
		    !view_has(content, at + BUNDLE_ENTRY_HEAD, name) || from > offset ||
		    n > offset - from || memchr(content.data + at + BUNDLE_ENTRY_HEAD, 0, name))
			return problem_set(problem, ERR_FORMAT, offset + 8 + at,
					   "entry %u of the index is wrong", i);
		add(index, from, n, view_get64(content, at + 16), view_get32(content, at + 24),
		    view_sub(content, at + BUNDLE_ENTRY_HEAD, name));
		at += BUNDLE_ENTRY_HEAD + name;
	}
	if (at != content.len)
		return problem_set(problem, ERR_FORMAT, offset + 8 + at,
				   "bytes behind the entries of the index");
	index->index_offset = index->end = offset;
	index->complete = true;
	return OK;
}

/* Goes over the frames: every whole frame that a receipt follows is a member. */
static void scan(struct view bytes, struct bundle_index *index, struct problem *problem)
{
	struct buffer head = {0};
	uint64_t at = 0;

	while (at < bytes.len) {
		struct view rest = view_from(bytes, (size_t)at), receipt;
		struct bundle_tar tar;
		uint32_t magic = view_get32(rest, 0);
		size_t length;

		if (magic == BUNDLE_INDEX_MAGIC)
			break; /* damaged, or it would have been read: problem says how */
		length = magic == ZSTD_MAGICNUMBER
				 ? ZSTD_findFrameCompressedSize(rest.data, rest.len)
				 : 0;
		receipt = ZSTD_isError(length) || length == 0
				  ? VIEW_EMPTY
				  : view_sub(rest, length, BUNDLE_RECEIPT_SIZE);
		if (receipt.len == 0 || view_get32(receipt, 0) != BUNDLE_RECEIPT_MAGIC ||
		    view_get64(receipt, 16) != at || view_get64(receipt, 24) != length ||
		    frame_head(view_clip(rest, 0, length), &head, &tar) < 0) {
			/* Damaged here: the next receipt tells where a frame begins again. */
			size_t next = view_find(rest, 1, "konsekiR", 8);

			if (!view_has(rest, next, BUNDLE_RECEIPT_SIZE - 8)) {
				if (magic == ZSTD_MAGICNUMBER &&
				    frame_head(rest, &head, &tar) == OK && !tar.end) {
					struct buffer name = {0};

					buffer_view(&name, view_clip(tar.name, 0, 120));
					(void)problem_set(problem, ERR_TRUNCATED, at,
							  "ends inside of %s", buffer_text(&name));
					buffer_release(&name);
				}
				break;
			}
			at += next + BUNDLE_RECEIPT_SIZE - 8;
			continue;
		}
		if (!tar.end)
			add(index, at, length, tar.size, (uint32_t)tar.data_offset, tar.name);
		at += length + BUNDLE_RECEIPT_SIZE;
		index->end = at;
	}
	buffer_release(&head);
}

int bundle_index_load(struct view bytes, struct bundle_index *index, struct problem *problem)
{
	struct problem why = {PROBLEM_NO_OFFSET, ""};

	*index = (struct bundle_index){0};
	if (load_index(bytes, index, &why) == OK)
		return OK;
	bundle_index_release(index);
	scan(bytes, index, &why);
	if (problem)
		*problem = why;
	if (index->count == 0 && !bundle_probe(bytes))
		return problem_set(problem, ERR_FORMAT, 0, "not a bundle");
	return OK;
}

const struct bundle_entry *bundle_index_find(const struct bundle_index *index, const char *name)
{
	for (size_t i = 0; i < index->count; i++)
		if (strcmp(index->entries[i].name, name) == 0)
			return &index->entries[i];
	return NULL;
}

void bundle_index_release(struct bundle_index *index)
{
	for (size_t i = 0; i < index->count; i++)
		free(index->entries[i].name);
	free(index->entries);
	*index = (struct bundle_index){0};
}

int bundle_read(struct view bytes, const struct bundle_entry *entry, uint64_t limit,
		struct buffer *out, struct problem *problem)
{
	struct view frame = view_sub(bytes, (size_t)entry->offset, (size_t)entry->length);
	ZSTD_DCtx *d = ZSTD_createDCtx();
	ZSTD_inBuffer in = {frame.data, frame.len, 0};
	size_t step = 128u << 10;
	uint64_t at = 0; /* in the frame's content */
	char *piece = xmalloc(step);
	int status = OK;

	out->len = 0;
	while (d && out->len < entry->size) {
		ZSTD_outBuffer o = {piece, step, 0};
		size_t left = ZSTD_decompressStream(d, &o, &in), skip, take;

		if (ZSTD_isError(left)) {
			status = problem_set(problem, ERR_FORMAT, entry->offset, "%s",
					     ZSTD_getErrorName(left));
			break;
		}
		skip = at < entry->data_offset ? (size_t)(entry->data_offset - at) : 0;
		take = o.pos > skip ? o.pos - skip : 0;
		at += o.pos;
		if (take > entry->size - out->len)
			take = (size_t)(entry->size - out->len);
		if (take > limit - out->len) {
			buffer_append(out, piece + skip, (size_t)(limit - out->len));
			status = problem_set(problem, ERR_LIMIT, entry->offset,
					     "larger than the limit");
			break;
		}
		buffer_append(out, piece + skip, take);
		if (left == 0 || (in.pos == in.size && o.pos < o.size))
			break;
	}
	if (status == OK && out->len < entry->size)
		status = problem_set(problem, ERR_TRUNCATED, entry->offset,
				     "ends after %zu of %llu bytes", out->len,
				     (unsigned long long)entry->size);
	free(piece);
	ZSTD_freeDCtx(d);
	return status;
}

/* ---- flat JSON ---- */

static void blanks(struct view *v)
{
	while (v->len && (v->data[0] == ' ' || v->data[0] == '\t'))
		*v = view_from(*v, 1);
}

/* A string at the front of *v, unescaped. */
static bool json_string(struct view *v, struct buffer *out)
{
	size_t i = 1;

	out->len = 0;
	if (v->len == 0 || v->data[0] != '"')
		return false;
	for (; i < v->len && v->data[i] != '"'; i++) {
		uint32_t code = 0;
		uint8_t utf8[4];

		if (v->data[i] != '\\') {
			buffer_char(out, (char)v->data[i]);
			continue;
		}
		if (++i >= v->len)
			return false;
		switch (v->data[i]) {
		case 'b':
			buffer_char(out, '\b');
			break;
		case 'f':
			buffer_char(out, '\f');
			break;
		case 'n':
			buffer_char(out, '\n');
			break;
		case 'r':
			buffer_char(out, '\r');
			break;
		case 't':
			buffer_char(out, '\t');
			break;
		case 'u':
			for (unsigned n = 0; n < 4; n++) {
				int digit = ++i < v->len ? hex_digit(v->data[i]) : -1;

				if (digit < 0)
					return false;
				code = code << 4 | (uint32_t)digit;
			}
			buffer_append(out, utf8, text_encode(code, utf8));
			break;
		default:
			buffer_char(out, (char)v->data[i]);
		}
	}
	if (i >= v->len)
		return false;
	*v = view_from(*v, i + 1);
	return true;
}

bool bundle_json_value(struct view line, const char *name, struct buffer *out)
{
	struct buffer key = {0};
	bool found = false;

	line = view_trim(line);
	if (line.len == 0 || line.data[0] != '{')
		return false;
	line = view_from(line, 1);
	for (;;) {
		bool wanted;

		blanks(&line);
		if (!json_string(&line, &key))
			break;
		wanted = view_is(buffer_as_view(&key), name);
		blanks(&line);
		if (line.len == 0 || line.data[0] != ':')
			break;
		line = view_from(line, 1);
		blanks(&line);
		if (line.len && line.data[0] == '"') {
			if (!json_string(&line, out))
				break;
		} else {
			size_t n = 0, depth = 0;

			/* A number, a word, or something nested, which is handed over as it is
			 * written. */
			for (bool text = false; n < line.len; n++) {
				uint8_t c = line.data[n];

				if (text && c == '\\')
					n++;
				else if (c == '"')
					text = !text;
				else if (!text && (c == '{' || c == '['))
					depth++;
				else if (!text && depth && (c == '}' || c == ']'))
					depth--;
				else if (!text && !depth && (c == ',' || c == '}'))
					break;
			}
			out->len = 0;
			buffer_view(out, view_trim(view_clip(line, 0, n)));
			line = view_from(line, n < line.len ? n : line.len);
		}
		if (wanted) {
			found = true;
			break;
		}
		blanks(&line);
		if (line.len == 0 || line.data[0] != ',')
			break;
		line = view_from(line, 1);
	}
	buffer_release(&key);
	return found;
}
