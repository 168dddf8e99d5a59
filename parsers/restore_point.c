/*
 * Restore points of Windows XP (rp.log): a RESTOREPOINTINFOW (event type, restore point type,
 * sequence number, 256 characters of description: Microsoft, srrestoreptapi.h), then the time of
 * creation as FILETIME. 536 bytes.
 */
#include "parsers/parser.h"

#define DESCRIPTION 16 /* the sequence number is a 64-bit integer at offset 8 */
#define CREATED	    528
#define SIZE	    536

static const char *type_text(uint32_t type)
{
	switch (type) {
	case 0:
		return "application installed";
	case 1:
		return "application uninstalled";
	case 7:
	case 16:
		return "made by hand";
	case 10:
		return "device driver installed";
	case 12:
		return "settings changed";
	case 13:
		return "cancelled operation";
	}
	return NULL;
}

static int parse(struct parse *p, struct view v)
{
	const char *text = parse_utf16z(&p->arena, view_sub(v, DESCRIPTION, 512)),
		   *type = type_text(view_get32(v, 4));

	if (v.len < SIZE)
		return parse_fail(p, ERR_TRUNCATED, v.len, "%zu bytes only", v.len);
	event_start(p, KIND_OTHER, time_from_filetime(view_get64(v, CREATED)), "Creation Time", 0);
	event_add(p, "Description", value_text(text));
	event_add(p, "EventType", value_unsigned(view_get32(v, 0)));
	event_add(p, "RestorePointType", value_unsigned(view_get32(v, 4)));
	if (type)
		event_add(p, "RestorePointReason", value_text(type));
	event_add(p, "SequenceNumber", value_unsigned(view_get64(v, 8)));
	event_messagef(p, "Restore point: %s%s%s", text, type ? ", " : "", type ? type : "");
	return event_emit(p);
}

static int probe(const struct probe *p)
{
	if (p->size < SIZE || p->size > 4096 || !view_glob(view_text(p->name), "rp.log*"))
		return BID_NO;
	/* BEGIN_SYSTEM_CHANGE 100 to END_NESTED_SYSTEM_CHANGE 103, as made by the system itself 102 */
	return view_get32(p->head, 0) >= 100 && view_get32(p->head, 0) <= 103 &&
			       view_get32(p->head, 4) < 32
		       ? BID_BOTH
		       : BID_NO;
}

const struct parser parser_restore_point = {
	.name = "restore_point",
	.title = "Restore points of Windows XP (rp.log)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
