/*
 * WMI repository (OBJECTS.DATA): event filters, consumers and bindings, the subscriptions that run
 * something when an event happens (ATT&CK T1546.003). Instances are carved: each begins with the
 * hash of its class's name (SHA-256 of the upper-case name in UTF-16LE, written as 64 UTF-16 hex
 * digits), two FILETIMEs and its encoding length; strings stand in a heap
 * ([MS-WMIO] 2.2.66: length with the top bit set; 2.2.78: a flag, 0 for 8-bit text, 1 for UTF-16,
 * then the text). So what was deleted and not yet overwritten is found as well. Facts: Ballenthin,
 * Graeber, Teodorescu, "WMI offense, defense, and forensics"; libyal, "WMI repository file format".
 * Instances that go over a page's end are read as far as they stand together.
 */
#include "parsers/registry.h" /* command_image */

#include "base/sha256.h"
#include "base/text.h"

#include <strings.h>

#define HASH		  128u /* 64 hex digits in UTF-16 */
#define HEAD		  (HASH + 20u)
#define SIZE_MAX_INSTANCE (256u << 10)
#define STRINGS_MAX	  64u

enum role { FILTER, BINDING, CONSUMER };

static const struct {
	const char *name;
	enum role role;
	const char *place;
} classes[] = {
	{"__EventFilter", FILTER, "WMI event filter"},
	{"__FilterToConsumerBinding", BINDING, "WMI binding"},
	{"CommandLineEventConsumer", CONSUMER, "WMI command line consumer"},
	{"ActiveScriptEventConsumer", CONSUMER, "WMI script consumer"},
	{"LogFileEventConsumer", CONSUMER, "WMI log file consumer"},
	{"NTEventLogEventConsumer", CONSUMER, "WMI event log consumer"},
	{"SMTPEventConsumer", CONSUMER, "WMI mail consumer"},
	{"__TimerInstruction", CONSUMER, "WMI timer"},
	{"__IntervalTimerInstruction", CONSUMER, "WMI timer"},
	{"__AbsoluteTimerInstruction", CONSUMER, "WMI timer"},
};
#define CLASSES (sizeof(classes) / sizeof(classes[0]))

/* The hash of a class as it stands in the file. */
static void class_hash(const char *name, uint8_t out[HASH])
{
	uint8_t wide[128], digest[SHA256_SIZE];
	size_t n = strlen(name);
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < n && i < 64; i++) {
		wide[2 * i] = (uint8_t)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i]);
		wide[2 * i + 1] = 0;
	}
	sha256(view_of(wide, n * 2), digest);
	for (size_t i = 0; i < SHA256_SIZE; i++) {
		out[4 * i] = (uint8_t)digits[digest[i] >> 4];
		out[4 * i + 2] = (uint8_t)digits[digest[i] & 15];
		out[4 * i + 1] = out[4 * i + 3] = 0;
	}
}

/* Takes a string off the heap: its flag, its text, a NUL. */
static bool heap_string(struct parse *p, struct view *heap, const char **text)
{
	uint8_t flag;
	size_t n = 0;

	if (!view_u8(*heap, 0, &flag) || flag > 1)
		return false;
	*heap = view_from(*heap, 1);
	if (flag) {
		while (n + 2 <= heap->len && (heap->data[n] || heap->data[n + 1]))
			n += 2;
		*text = parse_utf16z(&p->arena, view_clip(*heap, 0, n));
		*heap = view_from(*heap, n + 2 <= heap->len ? n + 2 : heap->len);
	} else {
		struct buffer b = {0};

		while (n < heap->len && heap->data[n])
			n++;
		text_cp1252(&b, view_clip(*heap, 0, n));
		*text = arena_strndup(&p->arena, b.data, b.len);
		buffer_release(&b);
		*heap = view_from(*heap, n + 1 <= heap->len ? n + 1 : heap->len);
	}
	return *text != NULL;
}

/* The heap of an instance: its size has the top bit set and fits, and the class's own name comes
 * first. */
static struct view find_heap(struct view body, const char *class)
{
	size_t n = strlen(class);

	for (size_t at = 0; at + 5 + n <= body.len; at++) {
		uint32_t size = view_get32(body, at);

		if (size >> 31 && (size & 0x7fffffff) <= body.len - at - 4 &&
		    body.data[at + 4] == 0 &&
		    strncasecmp((const char *)body.data + at + 5, class, n) == 0 &&
		    view_get8(body, at + 5 + n) == 0)
			return view_sub(body, at + 4, size & 0x7fffffff);
	}
	return VIEW_EMPTY;
}

/* "Class.Name="x"" in a reference: what stands between the quotes. */
static const char *key_of(struct parse *p, const char *reference)
{
	const char *from = strchr(reference, '"'), *to = from ? strrchr(from + 1, '"') : NULL;

	return to ? arena_strndup(&p->arena, from + 1, (size_t)(to - from - 1)) : reference;
}

static bool starts(const char *s, const char *with)
{
	return strncasecmp(s, with, strlen(with)) == 0;
}

static int instance(struct parse *p, size_t class, uint64_t offset, struct view head,
		    struct view body)
{
	const char *strings[STRINGS_MAX], *name = NULL, *query = NULL, *language = NULL,
					  *space = NULL, *command = NULL, *filter = NULL,
					  *consumer = NULL;
	struct view heap = find_heap(body, classes[class].name);
	int64_t first = time_from_filetime(view_get64(head, HASH)),
		second = time_from_filetime(view_get64(head, HASH + 8));
	struct value list[STRINGS_MAX];
	unsigned n = 0;

	while (n < STRINGS_MAX && heap.len && heap_string(p, &heap, &strings[n]))
		n += *strings[n] != '\0';
	if (n < 2)
		return OK; /* a definition or a reference, no instance */
	for (unsigned i = 1; i < n; i++) {
		const char *s = strings[i];

		if (classes[class].role == BINDING) {
			if (strstr(s, "__EventFilter."))
				filter = key_of(p, s);
			else if (strstr(s, "Consumer."))
				consumer = s;
		} else if (classes[class].role == FILTER) {
			if (starts(s, "select "))
				query = s;
			else if (strcasecmp(s, "WQL") == 0)
				language = s;
			else if (starts(s, "root"))
				space = s;
			else if (!name)
				name = s;
		} else if (strcasecmp(s, "VBScript") == 0 || strcasecmp(s, "JScript") == 0) {
			language = s;
		} else if (!command || strlen(s) > strlen(command)) {
			/* The longest is what runs; the others are the name, a folder, a window's
			 * title. */
			if (command && !name)
				name = command;
			command = s;
		} else if (!name) {
			name = s;
		}
	}
	if (classes[class].role == BINDING) {
		if (!filter && !consumer)
			return OK;
		name = consumer ? key_of(p, consumer) : filter;
	}
	event_start(p, KIND_PERSISTENCE, first, first == TIME_NONE ? "Not a time" : "Recorded Time",
		    offset);
	event_add(p, "Place", value_text(classes[class].place));
	event_add(p, "Name", value_text(name));
	event_add(p, "CommandLine", value_text(command));
	event_add(p, "Query", value_text(query));
	event_add(p, "EventNamespace", value_text(space));
	event_add(p, "Language", value_text(language));
	event_add(p, "Filter", value_text(filter));
	event_add(p, "Consumer", value_text(consumer));
	if (command && strcmp(classes[class].name, "CommandLineEventConsumer") == 0)
		event_add(p, "Image", value_text(command_image(&p->arena, command)));
	event_add(p, "File",
		  value_text(strrchr(p->path, '/') ? strrchr(p->path, '/') + 1 : p->path));
	event_add(p, "SecondTime", value_time(second));
	for (unsigned i = 0; i < n; i++)
		list[i] = value_text(strings[i]);
	event_add(p, "Strings", (struct value){.type = VALUE_LIST, .len = n, .list = list});
	if (classes[class].role == BINDING)
		event_messagef(p, "WMI: filter %s starts consumer %s", filter ? filter : "?",
			       name ? name : "?");
	else
		event_messagef(p, "%s %s: %s", classes[class].place, name ? name : "",
			       query	 ? query
			       : command ? command
					 : "");
	return event_emit(p);
}

static int parse(struct parse *p, struct view bytes)
{
	uint8_t hashes[CLASSES][HASH];
	int status = OK;

	for (size_t c = 0; c < CLASSES; c++)
		class_hash(classes[c].name, hashes[c]);
	/* Hashes are hex digits in UTF-16: the first two tell most places apart. */
	for (size_t at = 0; at + HEAD <= bytes.len && status >= 0; at++) {
		const uint8_t *d = bytes.data + at;

		if (d[1] || d[3] || d[5] || !d[0] || !d[2])
			continue;
		for (size_t c = 0; c < CLASSES && status >= 0; c++) {
			uint32_t size = view_get32(bytes, at + HASH + 16);

			if (memcmp(d, hashes[c], HASH) != 0)
				continue;
			if (size >= 16 && size <= SIZE_MAX_INSTANCE)
				status = instance(p, c, at, view_sub(bytes, at, HEAD),
						  view_clip(bytes, at + HEAD, size));
			break;
		}
		if (at % (1u << 20) == 0)
			parse_release(p, at);
	}
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
