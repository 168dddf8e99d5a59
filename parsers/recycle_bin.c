/*
 * Recycle Bin: $I files (Vista and later, versions 1 and 2) and INFO2 (95 to XP). Facts: libyal's
 * documentation "Windows Recycle.Bin file formats".
 */
#include "base/text.h"
#include "parsers/parser.h"

static bool info2(struct view head)
{
	uint32_t version = view_get32(head, 0), size = view_get32(head, 12);

	return head.len >= 20 && version <= 5 && (size == 280 || size == 800);
}

static int probe(const struct probe *p)
{
	uint64_t version = view_get64(p->head, 0);
	bool named = view_glob(view_text(p->name), "$i*");

	if (view_glob(view_text(p->name), "info2*") && info2(p->head))
		return BID_BOTH;
	if (version == 2 && p->size >= 30 && (uint64_t)view_get32(p->head, 24) * 2 == p->size - 28)
		return named ? BID_EXACT : BID_CONTENT;
	if (version == 1 && p->size >= 543 && p->size <= 544)
		return named ? BID_EXACT : BID_CONTENT;
	return named && (version == 1 || version == 2) && p->size < 66000 ? BID_NAME : BID_NO;
}

/* The SID that names the folder of a user inside $Recycle.Bin or RECYCLER. */
static struct view path_sid(const char *path)
{
	struct view rest = view_text(path), part;

	while (view_token(&rest, '/', &part))
		if (view_starts(part, "S-1-", 4))
			return part;
	return VIEW_EMPTY;
}

/* target and trash live in p->arena: the event's own scratch is reset here. */
static int deleted(struct parse *p, uint64_t offset, uint64_t ticks, const char *target,
		   uint64_t size, const char *trash)
{
	struct view sid = path_sid(p->path);

	event_start(p, KIND_FILE_DELETE, time_from_filetime(ticks), "Content Deletion Time",
		    offset);
	event_add(p, "TargetFilename", value_text(target));
	event_add(p, "FileSize", value_unsigned(size));
	event_add(p, "RecycleName", value_text(trash));
	if (sid.len)
		event_add(p, "UserSid", value_view(sid));
	if (p->event.ts == TIME_NONE && ticks)
		event_add(p, "RawTime", value_hex(ticks));
	event_messagef(p, "%s (%llu bytes) was moved to the Recycle Bin", target,
		       (unsigned long long)size);
	return event_emit(p);
}

static int parse_info2(struct parse *p, struct view v)
{
	uint32_t size = view_get32(v, 12);
	int status = OK;

	if (size != 280 && size != 800)
		return parse_fail(p, ERR_FORMAT, 12, "records of %u bytes", size);
	for (size_t at = 20; at < v.len && status >= 0; at += size) {
		struct view r = view_sub(v, at, size);
		struct buffer ansi = {0};
		const char *target, *trash;
		uint32_t drive;
		size_t n = 0;

		if (!r.data)
			return parse_lost(p, at, "the last record is cut");
		arena_reset(&p->arena);
		while (n < 260 && (r.data[n] || n == 0))
			n++;
		drive = view_get32(r, 264);
		/* The first character is zeroed when the file left the bin; the number of the drive
		 * has it. */
		if (size == 800) {
			struct view wide = view_sub(r, 280, 520);

			target =
				view_get16(wide, 0)
					? parse_utf16z(&p->arena, wide)
					: arena_printf(&p->arena, "%c%s",
						       drive < 26 ? 'A' + (int)drive : '?',
						       parse_utf16z(&p->arena, view_from(wide, 2)));
		} else {
			text_cp1252(&ansi, view_sub(r, r.data[0] ? 0 : 1, r.data[0] ? n : n - 1));
			target = r.data[0] ? arena_printf(&p->arena, "%s", buffer_text(&ansi))
					   : arena_printf(&p->arena, "%c%s",
							  drive < 26 ? 'A' + (int)drive : '?',
							  buffer_text(&ansi));
			buffer_release(&ansi);
		}
		if (!target)
			return ERR_LIMIT;
		trash = arena_printf(&p->arena, "D%c%u", drive < 26 ? 'a' + (int)drive : '?',
				     view_get32(r, 260));
		if (view_get64(r, 268) == 0 && view_get32(r, 260) == 0 && !*target)
			continue;
		status = deleted(p, at, view_get64(r, 268), target, view_get32(r, 276), trash);
	}
	return status;
}

static int parse(struct parse *p, struct view v)
{
	uint64_t version = view_get64(v, 0);
	const char *name = strrchr(p->path, '/');
	struct view path;

	name = name ? name + 1 : p->path;
	if (info2(v) && !(version == 1 || version == 2))
		return parse_info2(p, v);
	if (version == 1) {
		path = view_clip(v, 24, 520);
	} else if (version == 2) {
		path = view_clip(v, 28, (size_t)view_get32(v, 24) * 2);
		if (path.len / 2 < view_get32(v, 24)) {
			int status = parse_lost(p, 28, "the path is cut: %zu of %u characters",
						path.len / 2, view_get32(v, 24));

			if (status < 0)
				return status;
		}
	} else {
		return parse_fail(p, ERR_UNSUPPORTED, 0, "version %llu",
				  (unsigned long long)version);
	}
	if (v.len < 24)
		return parse_fail(p, ERR_TRUNCATED, v.len, "%zu bytes only", v.len);
	/* Its content is the $R file of the same name. */
	return deleted(p, 0, view_get64(v, 16), parse_utf16z(&p->arena, path), view_get64(v, 8),
		       strncmp(name, "$I", 2) == 0 ? arena_printf(&p->arena, "$R%s", name + 2)
						   : NULL);
}

const struct parser parser_recycle_bin = {
	.name = "recycle_bin",
	.title = "Recycle Bin ($I, INFO2)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
