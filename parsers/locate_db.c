/*
 * mlocate's database (/var/lib/mlocate/mlocate.db; mlocate.db(5)): every folder with its time and what
 * was in it when updatedb ran, often weeks of file names that are gone since. Numbers are big-endian.
 *
 * Head: "\0mlocate", size of the configuration (32 bits), version, visibility, 2 bytes, root path,
 * configuration. Folders: seconds (64 bits), nanoseconds (32), 4 bytes, path; entries: type (0 file,
 * 1 folder, 2 no more), name. Texts end with a NUL.
 */
#include "parsers/parser.h"

#define NAMES 512 /* of an event: a folder with more gives several */

static const uint8_t magic[8] = {0, 'm', 'l', 'o', 'c', 'a', 't', 'e'};

static int probe(const struct probe *p)
{
	return view_starts(p->head, magic, 8) && view_get8(p->head, 12) == 0 ? BID_MAGIC : BID_NO;
}

static bool text(struct view v, size_t *at, struct view *out)
{
	size_t end = view_find(v, *at, "", 1);

	if (end >= v.len)
		return false;
	*out = view_sub(v, *at, end - *at);
	*at = end + 1;
	return true;
}

static int folder(struct parse *p, struct view path, int64_t ts, uint64_t offset,
		  const struct value *names, uint32_t count)
{
	event_start(p, KIND_FILE_METADATA, ts,
		    ts == TIME_NONE ? "Not a time" : "Content Modification Time", offset);
	event_add(p, "TargetFilename", value_view(path));
	if (count)
		event_add(p, "Entries",
			  count == 1 ? names[0]
				     : (struct value){
					       .type = VALUE_LIST, .len = count, .list = names});
	event_messagef(p, "Folder %s had %u %s", parse_text(&p->scratch, path), count,
		       count == 1 ? "entry" : "entries");
	return event_emit(p);
}

static int parse(struct parse *p, struct view v)
{
	struct value names[NAMES];
	struct view path, name;
	uint32_t config = 0;
	size_t at = 16;
	int status = OK;

	if (!view_starts(v, magic, 8) || !view_u32be(v, 8, &config) || !text(v, &at, &path) ||
	    config > v.len - at)
		return parse_fail(p, ERR_FORMAT, 0, "no database of mlocate");
	at += config;
	while (status >= 0 && at < v.len) {
		uint64_t seconds, offset = at;
		uint32_t nano, count = 0;
		int64_t ts = TIME_NONE;
		bool told = false;
		uint8_t type = 0;

		parse_release(p, at);
		if (!view_u64be(v, at, &seconds) || !view_u32be(v, at + 8, &nano)) {
			status = parse_lost(p, at, "a folder that is cut");
			break;
		}
		at += 16;
		if (!text(v, &at, &path) || path.len > LIMIT_PATH || nano >= 1000000000u) {
			status = parse_lost(p, offset, "no folder");
			break;
		}
		if (seconds && seconds < UINT64_C(9000000000))
			ts = time_from_unix((int64_t)seconds) + nano;
		while (status >= 0) {
			if (!view_u8(v, at, &type) || type > 2) {
				status = parse_lost(p, at, "an entry of type %u", type);
				at = v.len;
				break;
			}
			at++;
			if (type == 2)
				break;
			if (!text(v, &at, &name)) {
				status = parse_lost(p, at, "a name that is cut");
				at = v.len;
				break;
			}
			names[count++] = value_view(name);
			if (count == NAMES) {
				status = folder(p, path, ts, offset, names, count);
				told = true;
				count = 0;
			}
		}
		if (status >= 0 && (count || !told))
			status = folder(p, path, ts, offset, names, count);
	}
	return status;
}

const struct parser parser_locate_db = {
	.name = "locate_db",
	.title = "mlocate's database of file names",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
