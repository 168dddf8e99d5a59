/*
 * Windows Defender: DetectionHistory files (a row of typed values) and MPLog-*.log (lines that
 * begin with a time, UTC). DetectionHistory is not documented by its maker: values are 32-bit size,
 * 32-bit type and data padded to 8 bytes; what they mean follows from the strings between them
 * ("Magic.Version:1.2", then "file", "webfile", "containerfile" and their path).
 */
#include "parsers/textfile.h"

#define TYPE_TEXT     0x15
#define TYPE_FILETIME 0x0a
#define TYPE_GUID     0x1e
#define TYPE_BLOB     0x28
#define MAX_RESOURCES 64
#define MPLOG_TIME    "%Y-%m-%dT%H:%M:%S.%fZ"

static bool history(struct view head)
{
	/* A number of 8 bytes (the threat's id), then the detection's GUID. */
	return view_get32(head, 0) == 8 && view_get32(head, 4) == 8 && view_get32(head, 16) == 16 &&
	       view_get32(head, 20) == TYPE_GUID;
}

static int probe(const struct probe *p)
{
	char text[512];
	struct view head = textfile_head(p, text, sizeof(text)), line;

	if (history(p->head))
		return BID_MAGIC;
	if (!view_glob(view_text(p->name), "mplog-*"))
		return BID_NO;
	for (int i = 0; i < 8 && view_line(&head, &line); i++)
		if (time_scan(line, MPLOG_TIME, NULL, NULL))
			return BID_BOTH;
	return BID_NAME;
}

/*
 * A block of bytes (type 0x28) holds names and values: 20 bytes, then size and name, type (6: text
 * with its size before it; 4: 64 bits; 3: 32 bits) and value. Gives the value of a name, or an
 * empty view.
 */
static struct view tracked(struct view blob, const char *name)
{
	size_t at = 24;

	while (view_has(blob, at, 8)) {
		uint32_t length = view_get32(blob, at), type, size;
		struct view key = view_sub(blob, at + 4, length);
		size_t n = strlen(name), i = 0;

		if (!key.data || !view_has(blob, at + 4 + length, 4))
			return VIEW_EMPTY;
		at += 4 + (size_t)length;
		type = view_get32(blob, at);
		at += 4;
		if (type == 6) {
			size = view_get32(blob, at);
			at += 4;
		} else {
			size = type == 4 ? 8 : type == 3 ? 4 : UINT32_MAX;
		}
		if (!view_has(blob, at, size))
			return VIEW_EMPTY;
		while (i < n && view_get16(key, i * 2) == (uint8_t)name[i])
			i++;
		if (i == n && key.len == (n + 1) * 2)
			return view_sub(blob, at, size);
		at += size;
	}
	return VIEW_EMPTY;
}

static int detection(struct parse *p, struct view v)
{
	struct value resources[MAX_RESOURCES];
	const char *threat = "", *first = NULL, *type = NULL, *user = NULL, *process = NULL;
	struct view id = view_sub(v, 24, 16);
	int64_t times[8];
	size_t n = 0, time_count = 0, at = 0, strings = 0;
	int64_t starts[8];
	size_t start_count = 0;
	const char *sha1 = NULL, *sha256 = NULL;
	bool after_magic = false;
	int status = OK;

	event_start(p, KIND_MALWARE_FOUND, TIME_NONE, "Not a time", 0);
	while (view_has(v, at, 8)) {
		uint32_t size = view_get32(v, at), kind = view_get32(v, at + 4);
		struct view data = view_sub(v, at + 8, size);

		if (!data.data && size) {
			status = parse_lost(p, at, "a value of %u bytes does not fit", size);
			/* parse_lost emits by itself; the event at hand goes on. */
			break;
		}
		if (kind == TYPE_FILETIME && time_count < 8) {
			int64_t ts = time_from_filetime(view_get64(data, 0));

			if (ts != TIME_NONE)
				times[time_count++] = ts;
		} else if (kind == TYPE_BLOB) {
			struct view found = tracked(data, "ThreatTrackingStartTime");

			if (start_count < 8 && found.len == 8 &&
			    time_from_filetime(view_get64(found, 0)) != TIME_NONE)
				starts[start_count++] = time_from_filetime(view_get64(found, 0));
			if (!sha256 && (found = tracked(data, "ThreatTrackingSha256")).len)
				sha256 = parse_utf16z(&p->arena, found);
			if (!sha1 && (found = tracked(data, "ThreatTrackingSha1")).len)
				sha1 = parse_utf16z(&p->arena, found);
		} else if (kind == TYPE_TEXT) {
			const char *text = parse_utf16z(&p->arena, data);

			strings++;
			if (strncmp(text, "Magic.Version:", 14) == 0) {
				after_magic = true;
				type = NULL;
			} else if (after_magic && strings == 2) {
				threat = text;
				after_magic = false;
			} else if (after_magic) {
				type = text;
				after_magic = false;
			} else if (type) {
				if (!first)
					first = text;
				if (n < MAX_RESOURCES)
					resources[n++] = value_text(
						arena_printf(&p->arena, "%s:%s", type, text));
				type = NULL;
			} else if (time_count && !user && strchr(text, '\\') &&
				   !strchr(text, ':')) {
				user = text; /* "DOMAIN\user", behind the first time */
			} else if (time_count && !process && strchr(text, '\\')) {
				process = text;
			} else if (time_count && !process && strcmp(text, "Unknown") == 0) {
				process = text;
			}
		}
		at += 8 + (((size_t)size + 7) & ~(size_t)7);
	}
	if (status < 0)
		return status;
	event_start(p, KIND_MALWARE_FOUND, TIME_NONE, "Not a time", 0);
	event_add(p, "Product", value_text("Windows Defender"));
	event_add(p, "ThreatName", value_text(threat));
	event_add(p, "ThreatId", value_unsigned(view_get64(v, 8)));
	if (id.data)
		event_add(p, "DetectionId", value_guid(id.data));
	event_add(p, "TargetFilename", value_text(first));
	if (sha1 || sha256)
		event_addf(p, "Hashes", "%s%s%s%s", sha1 ? "SHA1=" : "", sha1 ? sha1 : "",
			   sha1 && sha256 ? ",SHA256="
			   : sha256	  ? "SHA256="
					  : "",
			   sha256 ? sha256 : "");
	event_add(p, "User", value_text(user));
	event_add(p, "ProcessName", value_text(process));
	if (n)
		event_add(
			p, "Resources",
			(struct value){.type = VALUE_LIST, .len = (uint32_t)n, .list = resources});
	if (user)
		event_user(p, value_text(user));
	event_messagef(p, "Windows Defender found %s in %s", threat,
		       first ? first : "an unnamed place");
	/* One time may stand in several resources. */
	for (size_t i = 0; i < start_count + time_count && status >= 0; i++) {
		int64_t ts = i < start_count ? starts[i] : times[i - start_count];
		bool told = false;

		for (size_t k = 0; k < i; k++)
			told |= ts == (k < start_count ? starts[k] : times[k - start_count]);
		if (!told)
			status = event_emit_at(p, ts,
					       i < start_count	  ? "Recorded Time"
					       : i == start_count ? "Detection Time"
								  : "Content Modification Time");
	}
	return start_count + time_count ? status : event_emit(p);
}

static int mplog(struct parse *p, struct view bytes)
{
	struct textfile t;
	struct view line;
	int status = OK;

	textfile_open(&t, bytes);
	while (status >= 0 && textfile_line(&t, &line)) {
		struct view words, rest, value, skip;
		int64_t ts;
		size_t used;

		if (!time_scan(line, MPLOG_TIME, &ts, &used))
			continue; /* the rest of entries of several lines */
		words = view_trim(view_from(line, used));
		if (view_starts(words, "[", 1) && (rest = words, view_cut(&rest, "] ", &skip)))
			words = view_trim(rest);
		event_start(p,
			    view_begins(words, "DETECTION") || view_begins(words, "Threat")
				    ? KIND_MALWARE_FOUND
			    : view_begins(words, "ProcessImageName") ? KIND_PROCESS_SEEN
								     : KIND_OTHER,
			    ts, "Recorded Time", t.offset);
		p->event.record = t.line;
		event_add(p, "Product", value_text("Windows Defender"));
		rest = words;
		if (view_cut(&rest, "ProcessImageName: ", &skip)) {
			(void)view_cut(&rest, ",", &value);
			event_add(p, "Image", value_view(value));
			if (view_cut(&rest, "Pid: ", &skip)) {
				(void)view_cut(&rest, ",", &value);
				event_add(p, "ProcessId", value_view(value));
			}
		}
		/* DETECTION_ADD#1 THREAT file:PATH; DETECTIONEVENT SOURCE THREAT file:PATH */
		rest = words;
		if (p->event.kind == KIND_MALWARE_FOUND && view_cut(&rest, " file:", &skip)) {
			size_t end = skip.len;

			event_add(p, "TargetFilename", value_view(view_trim(rest)));
			while (end && skip.data[end - 1] != ' ')
				end--;
			event_add(p, "ThreatName", value_view(view_from(skip, end)));
		}
		event_add(p, "Text", value_view(words));
		event_messagef(p, "Windows Defender: %s", parse_text(&p->scratch, words));
		status = event_emit(p);
	}
	textfile_release(&t);
	return status;
}

static int parse(struct parse *p, struct view bytes)
{
	return history(bytes) ? detection(p, bytes) : mplog(p, bytes);
}

const struct parser parser_windefender = {
	.name = "windefender",
	.title = "Windows Defender (DetectionHistory, MPLog)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
