/*
 * <Event><System>...</System><EventData><Data Name="Image">/bin/sh</Data>...</EventData></Event>, one line.
 * Format: Sysmon for Linux (output of its syslog sink); the fields are those of Sysmon's manifest. libxml2 reads it
 * from memory, without network or entities.
 */
#include "parsers/sysmon_message.h"

#include "base/limits.h"
#include "base/text.h"
#include "parsers/evtx.h"

#include <libxml/xmlreader.h>

static struct view kept(struct parse *p, const xmlChar *text)
{
	return view_text(parse_text(&p->scratch, view_text(text ? (const char *)text : "")));
}

/* An attribute of the element at hand; NULL when there is none. In p->scratch. */
static const char *attribute(struct parse *p, xmlTextReader *r, const char *name)
{
	xmlChar *text = xmlTextReaderGetAttribute(r, (const xmlChar *)name);
	const char *copy = text ? (const char *)kept(p, text).data : NULL;

	xmlFree(text);
	return copy;
}

static void add_attribute(struct parse *p, xmlTextReader *r, const char *name, const char *field)
{
	const char *text = attribute(p, r, name);

	if (text)
		event_add(p, field, value_text(text));
}

static const char *field_text(const struct parse *p, const char *name)
{
	for (size_t i = 0; i < p->count; i++)
		if (view_is(p->names[i], name) && p->values[i].type == VALUE_UTF8)
			return (const char *)p->values[i].data;
	return "";
}

/* The element at hand: its attributes, and *name of the field that its text is. */
static void element(struct parse *p, xmlTextReader *r, struct view *name)
{
	const struct view tag = view_text((const char *)xmlTextReaderConstLocalName(r));
	const char *text;
	int64_t ts;

	*name = VIEW_EMPTY;
	if (view_is(tag, "Data")) {
		text = attribute(p, r, "Name");
		*name = view_text(text ? text : "Data");
	} else if (view_is(tag, "Provider")) {
		add_attribute(p, r, "Name", "Provider_Name");
	} else if (view_is(tag, "Execution")) {
		add_attribute(p, r, "ProcessID", "Execution_ProcessID");
		add_attribute(p, r, "ThreadID", "Execution_ThreadID");
	} else if (view_is(tag, "Security")) {
		add_attribute(p, r, "UserId", "Security_UserID");
	} else if (view_is(tag, "TimeCreated")) {
		text = attribute(p, r, "SystemTime");
		if (text && time_parse_iso(view_text(text), &ts, NULL, NULL) && ts != TIME_NONE) {
			p->event.ts = ts;
			p->event.flags &= ~(unsigned)(EVENT_SECOND_PRECISION | EVENT_YEAR_INFERRED |
						      EVENT_ZONE_ASSUMED);
		}
	} else if (!view_is(tag, "Event") && !view_is(tag, "System") &&
		   !view_is(tag, "EventData") && !view_is(tag, "Correlation")) {
		*name = kept(p, xmlTextReaderConstLocalName(r));
	}
}

/* Logs cut long lines: then what stands up to the last whole value. */
static struct view whole(struct parse *p, struct view message)
{
	static const char value[] = "</Data>", end[] = "</EventData></Event>";
	size_t at = 0, last = 0;
	char *text;

	if (message.len >= 8 && memcmp(message.data + message.len - 8, "</Event>", 8) == 0)
		return message;
	while ((at = view_find(message, at, value, 7)) < message.len)
		last = at += 7;
	text = last ? arena_alloc(&p->scratch, last + sizeof(end)) : NULL;
	if (!text)
		return message;
	memcpy(text, message.data, last);
	memcpy(text + last, end, sizeof(end));
	return view_of(text, last + sizeof(end) - 1);
}

bool sysmon_message_add(struct parse *p, struct view program, struct view message)
{
	const struct evtx_known *known = NULL;
	struct view name = VIEW_EMPTY, text = VIEW_EMPTY;
	size_t first = p->count;
	xmlTextReader *r;
	uint64_t id = 0;

	if (!view_starts(program, "sysmon", 6) ||
	    (!view_starts(message, "<Event>", 7) && !view_starts(message, "<Event ", 7)))
		return false;
	message = whole(p, message);
	r = xmlReaderForMemory((const char *)message.data, (int)message.len, NULL, "UTF-8",
			       XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	if (!r)
		return false;
	while (p->count < LIMIT_EVENT_FIELDS && xmlTextReaderRead(r) == 1) {
		switch (xmlTextReaderNodeType(r)) {
		case XML_READER_TYPE_ELEMENT:
			element(p, r, &name);
			text = VIEW_EMPTY;
			if (!name.len || !xmlTextReaderIsEmptyElement(r))
				break;
			event_add_named(p, name, value_text(""));
			name = VIEW_EMPTY;
			break;
		case XML_READER_TYPE_TEXT:
		case XML_READER_TYPE_CDATA:
		case XML_READER_TYPE_SIGNIFICANT_WHITESPACE:
			if (name.len)
				text = kept(p, xmlTextReaderConstValue(r));
			break;
		case XML_READER_TYPE_END_ELEMENT:
			if (name.len &&
			    (view_is(name, "EventID") || view_is(name, "EventRecordID")) &&
			    view_decimal(text, &id)) {
				event_add_named(p, name, value_unsigned(id));
				if (view_is(name, "EventID"))
					known = evtx_known(view_text("Microsoft-Windows-Sysmon"),
							   id);
			} else if (name.len) {
				event_add_named(p, name,
						value_view(text.data ? text : view_text("")));
			}
			name = VIEW_EMPTY;
			break;
		default:
			break;
		}
	}
	xmlFreeTextReader(r);
	if (!known && p->count == first)
		return false;
	/* The log's own ProcessId is that of Sysmon, not the one that it tells about. */
	for (size_t i = 0; i < first; i++)
		for (size_t k = first; k < p->count; k++)
			if (view_equal(p->names[i], p->names[k]))
				p->values[i] = value_text(NULL);
	if (known)
		p->event.kind = known->kind;
	if (*field_text(p, "User"))
		event_user(p, value_text(field_text(p, "User")));
	event_messagef(p, "Sysmon event %llu: %s %s%s%s",
		       (unsigned long long)(known ? known->id : 0), field_text(p, "Image"),
		       field_text(p, "CommandLine"), field_text(p, "TargetFilename"),
		       field_text(p, "DestinationIp"));
	return true;
}
