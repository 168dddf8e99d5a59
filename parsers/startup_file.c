/*
 * Files that are run, sourced or obeyed at start, at logon or by other programs, where the place
 * says it all: ld.so.preload, rc.local, init scripts, profiles of shells, XDG autostart (Desktop
 * Entry Specification, "Exec"), PAM's files, udev's RUN, ...
 */
#include "parsers/autorun.h"

#include "base/autorun_place.h"

/* The places of which the file tells all by itself; crontabs, units, keys and containers have parsers
 * of their own. */
static const struct autorun_place *place_of(const char *path)
{
	const struct autorun_place *place = autorun_place_of(view_text(path));

	return place && (place->reading == AUTORUN_FILE || place->reading == AUTORUN_LINES ||
			 place->reading == AUTORUN_DESKTOP || place->reading == AUTORUN_MATCH)
		       ? place
		       : NULL;
}

static int probe(const struct probe *p)
{
	const struct autorun_place *place;

	if (p->size == 0 || p->size > 16u << 20)
		return BID_NO;
	place = place_of(p->path);
	if (!place || autorun_left_out(place, autorun_name(p->path)) ||
	    (place->reading != AUTORUN_FILE && p->head.len && memchr(p->head.data, 0, p->head.len)))
		return BID_NO;
	return BID_NAME;
}

static int parse(struct parse *p, struct view bytes)
{
	static const struct autorun_place entry = {"xdg-autostart", "", AUTORUN_DESKTOP, NULL, 0};
	const struct autorun_place *place = place_of(p->path);
	struct view rest = bytes, line, user = parse_path_user(p->path);
	struct autorun found = {
		.place = place ? place->place : "file", .user = user, .enabled = -1};
	uint64_t number = 0, offset = 0;
	int status = OK;

	if (!place && view_glob(autorun_name(p->path), "*.desktop")) {
		place = &entry;
		found.place = entry.place;
	}
	if (!place || place->reading == AUTORUN_FILE)
		return autorun_emit(p, &found, 0);
	while (status >= 0 && view_line(&rest, &line)) {
		struct autorun a = {
			.place = place->place, .user = user, .line = ++number, .enabled = -1};
		struct view value;

		a.command = view_trim(line);
		if (autorun_comment(a.command))
			continue;
		if (place->reading == AUTORUN_DESKTOP) {
			if ((value = autorun_value(a.command, "Exec")).len && !found.command.len) {
				found.command = value;
				found.line = number;
				offset = (uint64_t)(line.data - bytes.data);
			} else if ((value = autorun_value(a.command, "Name")).len &&
				   !found.name.len) {
				found.name = value;
			} else if ((value = autorun_value(a.command, "User")).len) {
				found.user = value;
			} else if ((value = autorun_value(a.command, "Hidden")).len) {
				found.enabled = !view_is(value, "true");
			}
			continue;
		}
		if (place->reading == AUTORUN_MATCH && !autorun_holds(a.command, place->words))
			continue;
		status = autorun_emit(p, &a, (uint64_t)(line.data - bytes.data));
	}
	if (status >= 0 && found.command.len)
		status = autorun_emit(p, &found, offset);
	return status;
}

const struct parser parser_startup_file = {
	.name = "startup_file",
	.title = "Files that run at start and logon (Linux)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
