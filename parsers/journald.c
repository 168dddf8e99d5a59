/*
 * systemd's journal (*.journal, *.journal~), by systemd.io/JOURNAL_FILE_FORMAT ("spec" below).
 *
 * The arena is walked object by object and every ENTRY becomes an event, so that hash tables, entry
 * arrays, keyed hashes and the state of the header do not matter: a file that was cut, never closed
 * or partly overwritten gives what is readable. After bytes that are no object the walk goes on at
 * the next that looks like one.
 *
 * Fields keep their names, but for those that all logs share: MESSAGE is Message, SYSLOG_IDENTIFIER
 * (or _COMM) Program, _PID ProcessId, PRIORITY Severity, SYSLOG_FACILITY Facility, _HOSTNAME the
 * event's host.
 */
#include "parsers/sysmon_message.h"
#include "parsers/unix_message.h"

#include <lzma.h>
#include <zstd.h>

#define MAX_FIELD                                                                                  \
	LIMIT_LINE /* bytes of one value: journald cuts at 768 MiB (core dumps), a person before   \
		      that */
#define MAX_FIELDS 512 /* of one entry; journald allows 1024 */

enum { UNUSED, DATA, FIELD, ENTRY, DATA_HASH_TABLE, FIELD_HASH_TABLE, ENTRY_ARRAY, TAG, TYPES };

enum { COMPRESSED_XZ = 1, COMPRESSED_LZ4 = 2, COMPRESSED_ZSTD = 4 }; /* spec, "Objects": flags */

#define INCOMPATIBLE_COMPACT 16 /* spec, "Header" */

struct journal {
	struct parse *p;
	struct view bytes;
	bool compact;
	struct unix_message message;
};

static int probe(const struct probe *p)
{
	return view_starts(p->head, "LPKSHHRH", 8) ? BID_MAGIC : BID_NO; /* spec, "Header" */
}

/* An object at `at`: its bytes, header included; empty when there is none. */
static struct view object_at(const struct journal *j, uint64_t at, unsigned *type)
{
	static const uint8_t least[TYPES] = {0, 64, 40, 64, 16, 16, 24, 64};
	struct view head = at % 8 ? VIEW_EMPTY : view_sub(j->bytes, (size_t)at, 16);
	uint64_t size = view_get64(head, 8);

	if (head.len == 0)
		return VIEW_EMPTY;
	*type = head.data[0];
	if (*type == UNUSED || *type >= TYPES || (head.data[1] & ~7) ||
	    (view_get64(head, 0) & UINT64_C(0xffffffffffff0000)))
		return VIEW_EMPTY;
	if (size < least[*type] || size > j->bytes.len - at)
		return VIEW_EMPTY;
	return view_sub(j->bytes, (size_t)at, (size_t)size);
}

/* The LZ4 block format (lz4_Block_format.md): sequences of literals and copies. False when it does
 * not decode. */
static bool lz4_block(struct view in, uint8_t *out, size_t room, size_t *used)
{
	size_t at = 0, n = 0;

	while (at < in.len) {
		unsigned token = in.data[at++];
		size_t literals = token >> 4, length = token & 15, distance;
		uint8_t more;

		if (literals == 15)
			do {
				if (!view_u8(in, at++, &more))
					return false;
				literals += more;
			} while (more == 255);
		if (!view_has(in, at, literals))
			return false;
		if (literals > room - n)
			literals = room - n; /* we want no more */
		memcpy(out + n, in.data + at, literals);
		at += literals;
		n += literals;
		if (at >= in.len || n == room)
			break;
		distance = view_get16(in, at);
		at += 2;
		if (distance == 0 || distance > n)
			return false;
		if (length == 15)
			do {
				if (!view_u8(in, at++, &more))
					return false;
				length += more;
			} while (more == 255);
		length += 4;
		for (; length > 0 && n < room; length--, n++)
			out[n] = out[n - distance];
		if (n == room)
			break;
	}
	*used = n;
	return true;
}

static struct view expand(struct journal *j, struct view in, unsigned how)
{
	uint64_t size = MAX_FIELD;
	uint8_t *out;
	size_t used = 0;
	bool good = false;

	if (how == COMPRESSED_ZSTD) {
		unsigned long long told = ZSTD_getFrameContentSize(in.data, in.len);

		if (told == ZSTD_CONTENTSIZE_ERROR)
			return VIEW_EMPTY;
		if (told < size)
			size = told;
	} else if (how == COMPRESSED_LZ4) {
		/* spec, "Data Objects": the size as 64 bits, then a block */
		if (in.len < 8)
			return VIEW_EMPTY;
		if (view_get64(in, 0) < size)
			size = view_get64(in, 0);
		in = view_from(in, 8);
	}
	out = arena_alloc(&j->p->scratch, (size_t)size + 1);
	if (!out)
		return VIEW_EMPTY;
	if (how == COMPRESSED_ZSTD) {
		ZSTD_DStream *stream = ZSTD_createDStream();
		ZSTD_inBuffer from = {in.data, in.len, 0};
		ZSTD_outBuffer to = {out, (size_t)size, 0};

		/* A window past that is none of journald's. */
		if (stream) {
			(void)ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, 27);
			good = true;
			while (good && to.pos < to.size && from.pos < from.size) {
				size_t before = to.pos + from.pos,
				       left = ZSTD_decompressStream(stream, &to, &from);

				good = !ZSTD_isError(left);
				if (left == 0 || to.pos + from.pos == before)
					break;
			}
			used = to.pos;
		}
		ZSTD_freeDStream(stream);
	} else if (how == COMPRESSED_LZ4) {
		good = lz4_block(in, out, (size_t)size, &used);
	} else if (how == COMPRESSED_XZ) {
		lzma_stream stream = LZMA_STREAM_INIT;

		if (lzma_stream_decoder(&stream, 64u << 20, 0) == LZMA_OK) {
			lzma_ret ret;

			stream.next_in = in.data;
			stream.avail_in = in.len;
			stream.next_out = out;
			stream.avail_out = (size_t)size;
			do {
				ret = lzma_code(&stream, LZMA_FINISH);
			} while (ret == LZMA_OK && stream.avail_out > 0);
			good = ret == LZMA_OK || ret == LZMA_STREAM_END || ret == LZMA_BUF_ERROR;
			used = (size_t)size - stream.avail_out;
		}
		lzma_end(&stream);
	}
	return good ? view_of(out, used) : VIEW_EMPTY;
}

/* NAME=value of a DATA object, expanded. */
static struct view data_at(struct journal *j, uint64_t at)
{
	unsigned type;
	struct view object = object_at(j, at, &type), payload;

	if (object.len == 0 || type != DATA)
		return VIEW_EMPTY;
	payload = view_from(object, j->compact ? 72 : 64);
	return object.data[1] ? expand(j, payload, object.data[1]) : payload;
}

/* Names of fields: upper case, digits, underscore (systemd.journal-fields(7)); at most 64 bytes. */
static bool field_name(struct view v)
{
	if (v.len == 0 || v.len > 64)
		return false;
	for (size_t i = 0; i < v.len; i++)
		if (!((v.data[i] >= 'A' && v.data[i] <= 'Z') ||
		      (v.data[i] >= '0' && v.data[i] <= '9') || v.data[i] == '_'))
			return false;
	return true;
}

static int entry(struct journal *j, struct view object, uint64_t offset)
{
	static const struct view none;
	struct parse *p = j->p;
	size_t step = j->compact ? 4 : 16, items = (object.len - 64) / step, bad = 0;
	uint64_t micro = view_get64(object, 24), number;
	bool sysmon = false;
	struct view message = none, program = none, comm = none, pid = none, host = none;
	const char *text;
	int64_t ts =
		micro && micro < (uint64_t)INT64_MAX / 1000 ? (int64_t)micro * 1000 : TIME_NONE;

	event_start(p, KIND_OTHER, ts, ts == TIME_NONE ? "Not a time" : "Recorded Time", offset);
	p->event.record = view_get64(object, 16);
	for (size_t i = 0; i < items && i < MAX_FIELDS; i++) {
		uint64_t at = j->compact ? view_get32(object, 64 + i * step)
					 : view_get64(object, 64 + i * step);
		struct view data = data_at(j, at), name, value;
		size_t equal = view_find(view_clip(data, 0, 80), 0, "=", 1);

		name = view_clip(data, 0, equal);
		if (data.len == 0 || !field_name(name) || equal >= data.len) {
			bad++;
			continue;
		}
		value = view_from(data, equal + 1);
		if (view_is(name, "MESSAGE"))
			message = value;
		else if (view_is(name, "SYSLOG_IDENTIFIER"))
			program = value;
		else if (view_is(name, "_PID"))
			pid = value;
		else if (view_is(name, "_HOSTNAME"))
			host = value;
		else if (view_is(name, "PRIORITY") && view_decimal(value, &number) &&
			 syslog_severity(number))
			event_add(p, "Severity", value_text(syslog_severity(number)));
		else if (view_is(name, "SYSLOG_FACILITY") && view_decimal(value, &number) &&
			 syslog_facility(number))
			event_add(p, "Facility", value_text(syslog_facility(number)));
		else if (p->count < LIMIT_EVENT_FIELDS - UNIX_MESSAGE_FIELDS - 8)
			event_add_named(p, name, value_view(value));
		if (view_is(name, "_COMM"))
			comm = value;
	}
	if (program.len == 0)
		program = comm;
	if (program.len)
		event_add(p, "Program", value_view(program));
	if (view_decimal(pid, &number))
		event_add(p, "ProcessId", value_unsigned(number));
	else if (pid.len)
		event_add(p, "ProcessId", value_view(pid));
	if (message.data) {
		unix_message_read(&j->message, program, message);
		event_add(p, "Message", value_view(message));
		sysmon = sysmon_message_add(p, program, message);
		if (!sysmon)
			unix_message_add(p, &j->message);
	}
	if (host.len)
		event_host(p, value_view(host));
	if (bad) {
		p->event.flags |= EVENT_CUT;
		event_add(p, "LostFields", value_unsigned(bad));
	}
	text = parse_text(&p->scratch, view_clip(message, 0, 4000));
	if (!sysmon)
		event_messagef(p, pid.len ? "%.*s[%.*s]: %s" : "%.*s%.*s: %s", (int)program.len,
			       program.len ? (const char *)program.data : "", (int)pid.len,
			       pid.len ? (const char *)pid.data : "", text);
	if (bad == items && items > 0)
		return parse_lost(p, offset, "none of an entry's %zu fields can be read", items);
	return event_emit(p);
}

static bool zero_from(struct view v, size_t at)
{
	v = view_from(v, at);
	return v.len == 0 || (v.data[0] == 0 && memcmp(v.data, v.data + 1, v.len - 1) == 0);
}

static int parse(struct parse *p, struct view bytes)
{
	struct journal j = {.p = p, .bytes = bytes};
	uint64_t at = view_get64(bytes, 88), entries = 0; /* header_size */
	bool lost = false;
	int status = OK;

	if (!view_starts(bytes, "LPKSHHRH", 8) || bytes.len < 208)
		return parse_fail(p, ERR_FORMAT, 0, "no header of a journal");
	j.compact = (view_get32(bytes, 12) & INCOMPATIBLE_COMPACT) != 0;
	if (view_get32(bytes, 12) & ~UINT32_C(31))
		return parse_fail(p, ERR_UNSUPPORTED, 12, "incompatible flags 0x%x",
				  view_get32(bytes, 12));
	if (at < 208 || at > 4096 || at % 8) {
		status = parse_lost(p, 88, "the header's size is %llu", (unsigned long long)at);
		at = 208;
	}
	while (status >= 0 && at < bytes.len) {
		unsigned type;
		struct view object = object_at(&j, at, &type);

		if (object.len == 0) {
			/* Files are allocated ahead: zeros to the end are no loss. */
			if (view_get64(bytes, (size_t)at) == 0 && zero_from(bytes, (size_t)at))
				break;
			if (!lost)
				status = parse_lost(p, at, "no journal object");
			lost = true;
			at = (at & ~UINT64_C(7)) + 8;
			continue;
		}
		/* Found again by chance? Entries and data must fit on both sides. */
		if (lost && at + object.len < bytes.len) {
			unsigned next;
			uint64_t behind = (at + object.len + 7) & ~UINT64_C(7);

			if (object_at(&j, behind, &next).len == 0 &&
			    !(behind < bytes.len && view_get64(bytes, (size_t)behind) == 0)) {
				at += 8;
				continue;
			}
		}
		lost = false;
		if (type == ENTRY) {
			status = entry(&j, object, at);
			entries++;
		}
		at = (at + object.len + 7) & ~UINT64_C(7);
	}
	/* The header counts the entries of a file that was closed; a cut one has fewer. */
	if (status >= 0 && entries < view_get64(bytes, 152) && p->losses == 0)
		status = parse_lost(p, bytes.len, "%llu of %llu entries are there",
				    (unsigned long long)entries,
				    (unsigned long long)view_get64(bytes, 152));
	return status;
}

const struct parser parser_journald = {
	.name = "journald",
	.title = "systemd journal",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
