/*
 * WMI repository (OBJECTS.DATA): event filters, consumers, timers and bindings, the subscriptions that run something when an
 * event happens (ATT&CK T1546.003). Instances are carved: each begins with the hash of its class's upper-case name in
 * UTF-16LE, written as UTF-16 hex digits (SHA-256, 64 of them; Windows XP and 2003: MD5, 32), two FILETIMEs, then its encoding
 * ([MS-WMIO] 2.2.54): size, offset of the class's name, a flag, two bits for each property (null, default), the
 * values in the order of the class, qualifiers, a heap of strings. So what was deleted and not yet overwritten is found as well.
 * Where a class keeps which property was taken from the class definitions of a real repository; they are part of Windows since
 * XP and do not change.
 *
 * Pages of 8192 bytes begin with a table of the objects in them; an object that is longer goes on in the pages that follow
 * logically, which MAPPING1.MAP to MAPPING3.MAP put in order (libyal, "WMI repository file format"). Without them the pages that
 * follow in the file are taken. What no table names, or stands in a page that no mapping has, was deleted.
 */
#include "parsers/registry.h" /* command_image */

#include "base/sha256.h"
#include "base/text.h"

#include <stdlib.h>
#include <strings.h>

#define HASH_NEW	  128u /* bytes: 64 hex digits in UTF-16 */
#define HASH_OLD	  64u
#define SIZE_MAX_INSTANCE (4u << 20) /* a script with its instance; real ones have some KiB */
#define QUALIFIERS_MAX	  8192u	     /* bytes between values and heap: real instances have five */
#define ABSENT		  UINT32_MAX /* a property of the heap that is not set */

struct property {
	const char *name;
	uint16_t index, offset; /* among the class's properties, among its values */
};

static const struct class
{
	const char *name, *place;
	const char *md5;	     /* of the upper-case name in UTF-16LE */
	const char *subject;	     /* the property that names it */
	const char *command;	     /* what it runs, or NULL */
	uint16_t properties, values; /* count, bytes */
	struct property text[12];    /* strings and references */
	struct property sid;
} classes[] = {
	{"__EventFilter",
	 "WMI event filter",
	 "D4A52B2BD3BF3604AD338F63412AEB3C",
	 "Name",
	 NULL,
	 6,
	 24,
	 {{"Name", 0, 0},
	  {"Language", 2, 8},
	  {"Query", 3, 12},
	  {"EventNamespace", 4, 16},
	  {"EventAccess", 5, 20}},
	 {"CreatorSID", 1, 4}},
	{"__FilterToConsumerBinding",
	 "WMI binding",
	 "A8B3187D121830A052261C3643ACD9AF",
	 "Consumer",
	 NULL,
	 7,
	 22,
	 {{"Filter", 0, 0}, {"Consumer", 1, 4}},
	 {"CreatorSID", 6, 18}},
	{"CommandLineEventConsumer",
	 "WMI command line consumer",
	 "350EB6ACE592C89B344EECFE24ACDF77",
	 "Name",
	 "CommandLineTemplate",
	 27,
	 92,
	 {{"MachineName", 0, 0},
	  {"Name", 3, 12},
	  {"ExecutablePath", 4, 16},
	  {"CommandLineTemplate", 5, 20},
	  {"WorkingDirectory", 12, 38},
	  {"DesktopName", 13, 42},
	  {"WindowTitle", 14, 46}},
	 {"CreatorSID", 2, 8}},
	{"ActiveScriptEventConsumer",
	 "WMI script consumer",
	 "5D1A479DE8D5AFD9BDEDA7BE5BEA9591",
	 "Name",
	 "ScriptText",
	 8,
	 32,
	 {{"MachineName", 0, 0},
	  {"Name", 3, 12},
	  {"Language", 4, 16},
	  {"ScriptText", 5, 20},
	  {"ScriptFilename", 6, 24}},
	 {"CreatorSID", 2, 8}},
	{"LogFileEventConsumer",
	 "WMI log file consumer",
	 "3E809FD8DD509A11D628992AEA792A5E",
	 "Name",
	 "Filename",
	 8,
	 34,
	 {{"MachineName", 0, 0}, {"Name", 3, 12}, {"Filename", 4, 16}, {"Text", 5, 20}},
	 {"CreatorSID", 2, 8}},
	{"NTEventLogEventConsumer",
	 "WMI event log consumer",
	 "E6C579F59FCBD59F5F40D32F3A505E0A",
	 "Name",
	 "SourceName",
	 13,
	 50,
	 {{"MachineName", 0, 0},
	  {"Name", 3, 12},
	  {"UNCServerName", 4, 16},
	  {"SourceName", 5, 20},
	  {"NameOfUserSIDProperty", 12, 46}},
	 {"CreatorSID", 2, 8}},
	{"SMTPEventConsumer",
	 "WMI mail consumer",
	 "D2B80DA64B60F0E0BF3170DC5D0AF61D",
	 "Name",
	 "ToLine",
	 13,
	 52,
	 {{"MachineName", 0, 0},
	  {"Name", 3, 12},
	  {"SMTPServer", 4, 16},
	  {"Subject", 5, 20},
	  {"FromLine", 6, 24},
	  {"ReplyToLine", 7, 28},
	  {"Message", 8, 32},
	  {"ToLine", 9, 36},
	  {"CcLine", 10, 40},
	  {"BccLine", 11, 44}},
	 {"CreatorSID", 2, 8}},
	{"__IntervalTimerInstruction",
	 "WMI timer",
	 "3A0E8E42323742DC6A2E36B5E2EA41A5",
	 "TimerId",
	 NULL,
	 3,
	 10,
	 {{"TimerId", 0, 0}},
	 {NULL, 0, 0}},
	{"__AbsoluteTimerInstruction",
	 "WMI timer",
	 "D6A9A824C235BB504742FFF781AE8144",
	 "TimerId",
	 NULL,
	 3,
	 10,
	 {{"TimerId", 0, 0}, {"EventDateTime", 2, 6}},
	 {NULL, 0, 0}},
};
#define CLASSES (sizeof(classes) / sizeof(classes[0]))

#define PAGE	  8192u
#define PAGES_MAX (1u << 20) /* of a repository: 8 GiB */
#define NO_PAGE	  UINT32_MAX

/* What the mapping says of each page of the file. */
struct pages {
	struct view objects;
	uint32_t *next; /* the page that follows logically, or NO_PAGE; NULL: no mapping */
	uint8_t *mapped;
	size_t count;
	struct buffer joined; /* an object that goes over pages */
	uint64_t
		copied; /* bytes of those so far: hostile sizes must not copy the file again and again */
};

static void wide_hex(const char *hex, uint8_t *out)
{
	for (; *hex; hex++, out += 2) {
		out[0] = (uint8_t)*hex;
		out[1] = 0;
	}
}

/* The hash of a class as it stands in the file. */
static void class_hash(const char *name, uint8_t out[HASH_NEW])
{
	uint8_t wide[128], digest[SHA256_SIZE];
	size_t n = strlen(name);
	char hex[2 * SHA256_SIZE + 1];
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < n && i < 64; i++) {
		wide[2 * i] = (uint8_t)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i]);
		wide[2 * i + 1] = 0;
	}
	sha256(view_of(wide, n * 2), digest);
	for (size_t i = 0; i < SHA256_SIZE; i++) {
		hex[2 * i] = digits[digest[i] >> 4];
		hex[2 * i + 1] = digits[digest[i] & 15];
	}
	hex[2 * SHA256_SIZE] = '\0';
	wide_hex(hex, out);
}

/* [MS-WMIO] 2.2.78, Encoded-String: a flag, 0 for 8-bit text, 1 for UTF-16, the text, a NUL. */
static const char *heap_string(struct arena *a, struct view heap, uint32_t at)
{
	struct view v = view_from(heap, (size_t)at + 1);
	struct buffer b = {0};
	const char *text;
	size_t n = 0;

	if (at >= heap.len || heap.data[at] > 1)
		return NULL;
	if (heap.data[at]) {
		text_utf16z(&b, v);
	} else {
		while (n < v.len && v.data[n])
			n++;
		text_cp1252(&b, view_clip(v, 0, n));
	}
	text = arena_strndup(a, b.data, b.len);
	buffer_release(&b);
	return text;
}

/* The heap of an instance: its size has the top bit set and fits, and the class's own name comes first. At `at` where the values
 * end; searched for when the instance has qualifiers or a layout of its own. */
static struct view find_heap(struct view body, const char *class, size_t at)
{
	size_t n = strlen(class), end = at + QUALIFIERS_MAX;

	for (; at < end && at + 5 + n <= body.len; at++) {
		uint32_t size = view_get32(body, at);

		if (size >> 31 && body.data[at + 4] == 0 &&
		    strncasecmp((const char *)body.data + at + 5, class, n) == 0 &&
		    view_get8(body, at + 5 + n) == 0)
			return view_clip(body, at + 4, size & 0x7fffffff);
	}
	return VIEW_EMPTY;
}

/* Two bits for each property ([MS-WMIO] 2.2.26, NdTable): 1: null; 2: the class's default. */
static uint32_t heap_offset(const struct class *c, struct view body, const struct property *q)
{
	size_t bits = 5, values = bits + (c->properties + 3u) / 4;

	if (view_get8(body, bits + q->index / 4u) >> (q->index % 4 * 2) & 3)
		return ABSENT;
	return view_get32(body, values + q->offset);
}

/* "Class.Name="x"" in a reference: what stands between the quotes. */
static const char *key_of(struct parse *p, const char *reference)
{
	const char *from = strchr(reference, '"'), *to = from ? strrchr(from + 1, '"') : NULL;

	return to ? arena_strndup(&p->arena, from + 1, (size_t)(to - from - 1)) : reference;
}

/* `body` begins behind the size: offset of the class's name, flag, bits, values, qualifiers, heap. */
static int instance(struct parse *p, const struct class *c, uint64_t offset, struct view times,
		    struct view body, unsigned flags)
{
	size_t values = 5 + (c->properties + 3u) / 4;
	struct view heap = find_heap(body, c->name, values + c->values);
	const char *texts[12] = {NULL}, *subject = NULL, *command = NULL, *image = NULL,
		   *query = NULL, *filter = NULL, *name;
	int64_t ts = time_from_filetime(view_get64(times, 0));
	unsigned n = 0, known = 0;
	uint32_t at;

	if (!heap.len)
		return OK; /* a definition or a reference, no instance */
	for (; n < 12 && c->text[n].name; n++) {
		if ((at = heap_offset(c, body, &c->text[n])) == ABSENT ||
		    !(texts[n] = heap_string(&p->arena, heap, at)) || !*texts[n])
			continue;
		known++;
		if (strcmp(c->text[n].name, c->subject) == 0)
			subject = texts[n];
		if (c->command && strcmp(c->text[n].name, c->command) == 0)
			command = texts[n];
		if (strcmp(c->text[n].name, "ExecutablePath") == 0)
			image = texts[n];
		else if (strcmp(c->text[n].name, "ScriptFilename") == 0 && !command)
			command = texts[n];
		else if (strcmp(c->text[n].name, "Query") == 0)
			query = texts[n];
		else if (strcmp(c->text[n].name, "Filter") == 0)
			filter = key_of(p, texts[n]);
	}
	if (!known)
		return OK;
	if (!command && image)
		command = image;
	if (!image && command && strcmp(c->name, "CommandLineEventConsumer") == 0)
		image = command_image(&p->arena, command);
	name = subject ? key_of(p, subject) : NULL;
	event_start(p, KIND_PERSISTENCE, ts, ts == TIME_NONE ? "Not a time" : "Recorded Time",
		    offset);
	p->event.flags = flags;
	event_add(p, "Place", value_text(c->place));
	event_add(p, "Name", value_text(name));
	event_add(p, "CommandLine", value_text(command));
	event_add(p, "Image", value_text(image));
	if (strstr(c->name, "EventConsumer")) /* as the collector calls it */
		event_add(p, "ConsumerClass", value_text(c->name));
	event_add(p, "File",
		  value_text(strrchr(p->path, '/') ? strrchr(p->path, '/') + 1 : p->path));
	for (unsigned i = 0; i < n; i++)
		if (texts[i] && *texts[i] && strcmp(c->text[i].name, "Name") != 0)
			event_add(p, c->text[i].name,
				  value_text(strcmp(c->text[i].name, "Filter") == 0 ? filter
										    : texts[i]));
	if (c->sid.name && (at = heap_offset(c, body, &c->sid)) != ABSENT) {
		/* An array: its count, then the bytes. */
		struct view sid = view_sub(heap, (size_t)at + 4, view_get32(heap, at));

		if (sid.len >= 8 && sid.len <= 68)
			event_add(p, "CreatorSid",
				  (struct value){.type = VALUE_SID,
						 .len = (uint32_t)sid.len,
						 .data = sid.data});
	}
	event_add(p, "SecondTime", value_time(time_from_filetime(view_get64(times, 8))));
	if (filter)
		event_messagef(p, "WMI: filter %s starts consumer %s", filter, name ? name : "?");
	else
		event_messagef(p, "%s %s: %s", c->place, name ? name : "",
			       query	 ? query
			       : command ? command
					 : "");
	return event_emit(p);
}

/* "Mapping file": signature, version, (since Vista) two numbers, count of pages, count of entries; then the entries by
 * logical number, 24 bytes (XP: 4) that begin with the page's number in the file. The newest of the three counts. */
static struct view newest_mapping(struct parse *p, bool *wide)
{
	static const char *const names[] = {"/MAPPING1.MAP", "/MAPPING2.MAP", "/MAPPING3.MAP",
					    "/mapping1.map", "/mapping2.map", "/mapping3.map"};
	struct view best = VIEW_EMPTY;
	uint32_t version = 0;

	for (size_t i = 0; p->companion && i < sizeof(names) / sizeof(names[0]); i++) {
		struct view v = p->companion(p, names[i]);

		if (view_get32(v, 0) != 0xabcd || (best.len && view_get32(v, 4) <= version))
			continue;
		best = v;
		version = view_get32(v, 4);
	}
	/* Entries fill the file but for a list of free pages. */
	*wide = view_has(best, 24, 24 * (size_t)view_get32(best, 20)) && view_get32(best, 20) > 0;
	return best;
}

static void pages_open(struct parse *p, struct pages *w, struct view objects)
{
	bool wide;
	struct view v = newest_mapping(p, &wide);
	uint32_t count = view_get32(v, wide ? 20 : 12), before = NO_PAGE;
	size_t step = wide ? 24 : 4, head = wide ? 24 : 16;

	*w = (struct pages){.objects = objects, .count = objects.len / PAGE};
	if (!v.len || !w->count || w->count > PAGES_MAX)
		return;
	w->next = xmalloc(w->count * sizeof(*w->next));
	memset(w->next, 0xff, w->count * sizeof(*w->next));
	w->mapped = xcalloc(w->count, 1);
	for (size_t i = 0; i < count && view_has(v, head + i * step, 4); i++) {
		uint32_t page = view_get32(v, head + i * step) & 0x3fffffff;

		if (before < w->count && page < w->count)
			w->next[before] = page;
		if (page < w->count)
			w->mapped[page] = 1;
		before = page;
	}
}

static void pages_close(struct pages *w)
{
	free(w->next);
	free(w->mapped);
	buffer_release(&w->joined);
}

/* n bytes of an object from `at` on, over the pages that it goes on in. */
static struct view object_bytes(struct pages *w, size_t at, size_t n)
{
	uint32_t page = (uint32_t)(at / PAGE);

	if (!w->next || page >= w->count || !w->mapped[page] || at % PAGE + n <= PAGE ||
	    w->copied > 4 * (uint64_t)w->objects.len)
		return view_clip(w->objects, at, n);
	w->joined.len = 0;
	buffer_view(&w->joined, view_sub(w->objects, at, PAGE - at % PAGE));
	while (w->joined.len < n && (page = w->next[page]) < w->count) {
		struct view v = view_clip(w->objects, (size_t)page * PAGE, PAGE);

		buffer_view(&w->joined, view_clip(v, 0, n - w->joined.len));
	}
	w->copied += w->joined.len;
	return buffer_as_view(&w->joined);
}

/* An object that the table of its page names: (id, offset, size, checksum), ended by zeros. */
static bool is_live(const struct pages *w, size_t at)
{
	struct view page = view_clip(w->objects, at - at % PAGE, PAGE);

	if (w->mapped && at / PAGE < w->count && !w->mapped[at / PAGE])
		return false;
	for (size_t i = 0; i + 16 <= page.len && view_get32(page, i + 4); i += 16)
		if (view_get32(page, i + 4) == at % PAGE)
			return true;
	return false;
}

static int at_hash(struct parse *p, const struct class *c, struct pages *w, size_t at, size_t hash)
{
	uint32_t size = view_get32(object_bytes(w, at, hash + 20), hash + 16);
	struct view object;

	if (size < 16 || size > SIZE_MAX_INSTANCE)
		return OK;
	object = object_bytes(w, at, hash + 16 + size);
	return instance(p, c, at, view_sub(object, hash, 16), view_from(object, hash + 20),
			(object.len < hash + 16 + size ? EVENT_CUT : 0u) |
				(is_live(w, at) ? 0u : EVENT_RECOVERED));
}

static int parse(struct parse *p, struct view bytes)
{
	uint8_t hashes[CLASSES][HASH_NEW], old[CLASSES][HASH_OLD];
	struct pages w;
	int status = OK;

	pages_open(p, &w, bytes);
	for (size_t c = 0; c < CLASSES; c++) {
		class_hash(classes[c].name, hashes[c]);
		wide_hex(classes[c].md5, old[c]);
	}
	/* Hashes are hex digits in UTF-16: the first two tell most places apart. */
	for (size_t at = 0; at + HASH_OLD + 20 <= bytes.len && status >= 0; at++) {
		const uint8_t *d = bytes.data + at;

		if (at % (1u << 20) == 0)
			parse_release(p, at);
		if (d[1] || d[3] || d[5] || !d[0] || !d[2])
			continue;
		for (size_t c = 0; c < CLASSES && status >= 0; c++) {
			if (view_has(bytes, at, HASH_NEW) && memcmp(d, hashes[c], HASH_NEW) == 0)
				status = at_hash(p, &classes[c], &w, at, HASH_NEW);
			else if (memcmp(d, old[c], HASH_OLD) == 0)
				status = at_hash(p, &classes[c], &w, at, HASH_OLD);
		}
	}
	pages_close(&w);
	return status;
}

static int probe(const struct probe *p)
{
	/* No magic number: the name, and pages of 8192 bytes. */
	return view_glob(view_text(p->name), "objects.data") && p->size >= 8192 &&
			       p->size % 8192 == 0
		       ? BID_BOTH
		       : BID_NO;
}

const struct parser parser_wmi_repository = {
	.name = "wmi_repository",
	.title = "WMI repository: event subscriptions",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
