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

/* What stands behind a key in a line, up to the text `until` (or the end). */
static const struct {
	const char *key, *until, *field;
} mplog_keys[] = {
	{"ProcessImageName: ", ",", "Image"},
	{"Pid: ", ",", "ProcessId"},
	{"MaxTimeFile: ", ", EstimatedImpact", "TargetFilename"},
	{"EstimatedImpact: ", "%", "EstimatedImpact"},
	{"Blocked file: ", " Process: ", "TargetFilename"},
	{"Unsuccessful scan status: ", " Process: ", "TargetFilename"},
	{" Process: ", ", Status", "Image"},
	{"for process: ", " pid:", "Image"},
	{" pid: ", ",", "ProcessId"},
	{"original file name \"", "\"", "OriginalFileName"},
	{"\" for \"", "\"", "TargetFilename"},
	{"SDN query for ", " (", "TargetFilename"},
	{"command line reported as lowfi: ", "", "CommandLine"},
	{"[Exclusion] ", " -> ", "Exclusion"},
};

/* "(sha1=..., sha2=...)" of a query to the cloud, as Sysmon writes hashes. */
static void add_hashes(struct parse *p, struct view words)
{
	struct view rest = words, skip, sha1 = VIEW_EMPTY, sha256 = VIEW_EMPTY;

	if (view_cut(&rest, "sha1=", &skip))
		sha1 = view_clip(rest, 0, 40);
	rest = words;
	if (view_cut(&rest, "sha2=", &skip))
		sha256 = view_clip(rest, 0, 64);
	if (sha1.len || sha256.len)
		event_addf(p, "Hashes", "%s%s%s%s", sha1.len ? "SHA1=" : "",
			   parse_text(&p->scratch, sha1),
			   sha256.len ? (sha1.len ? ",SHA256=" : "SHA256=") : "",
			   parse_text(&p->scratch, sha256));
}

static int mplog_line(struct parse *p, struct view line, const struct textfile *t, int64_t ts,
		      size_t used)
{
	struct view words = view_trim(view_from(line, used)), rest, value, skip;
	enum event_kind kind = KIND_OTHER;

	if (view_starts(words, "[", 1) && !view_begins(words, "[Exclusion] ") &&
	    (rest = words, view_cut(&rest, "] ", &skip)))
		words = view_trim(rest);
	if (view_begins(words, "DETECTION") || view_begins(words, "Threat") ||
	    view_index(words, "Blocked file: ") < words.len)
		kind = KIND_MALWARE_FOUND;
	else if (view_begins(words, "ProcessImageName") ||
		 view_index(words, "for process: ") < words.len ||
		 view_index(words, "command line reported as lowfi: ") < words.len)
		kind = KIND_PROCESS_SEEN;
	else if (view_begins(words, "[Exclusion] "))
		kind = KIND_POLICY_CHANGE;
	event_start(p, kind, ts, "Recorded Time", t->offset);
	p->event.record = t->line;
	event_add(p, "Product", value_text("Windows Defender"));
	for (size_t i = 0; i < sizeof(mplog_keys) / sizeof(mplog_keys[0]); i++) {
		rest = words;
		if (!view_cut(&rest, mplog_keys[i].key, &skip))
			continue;
		if (*mplog_keys[i].until)
			(void)view_cut(&rest, mplog_keys[i].until, &value);
		else
			value = rest;
		value = view_trim(value);
		if (value.len)
			event_add(p, mplog_keys[i].field, value_view(value));
	}
	add_hashes(p, words);
	/* DETECTION_ADD#1 THREAT file:PATH; DETECTIONEVENT SOURCE THREAT file:PATH */
	rest = words;
	if (view_begins(words, "DETECTION") && view_cut(&rest, " file:", &skip)) {
		size_t end = skip.len;

		(void)view_cut(&rest, ";", &value);
		event_add(p, "TargetFilename", value_view(view_trim(value)));
		while (end && skip.data[end - 1] != ' ')
			end--;
		event_add(p, "ThreatName", value_view(view_from(skip, end)));
	}
	event_add(p, "Text", value_view(words));
	event_messagef(p, "Windows Defender: %s",
		       parse_text(&p->scratch, view_clip(words, 0, 4000)));
	return event_emit(p);
}

/* Entries of several lines, "Key:Value" each. */
static const struct {
	const char *begin, *end, *title;
} blocks[] = {
	{"Begin Resource Scan", "End Scan", "scanned"},
	{"BEGIN BM telemetry", "END BM telemetry", "saw behaviour"},
	{"Beginning threat actions", "Finished threat actions", "acted on a threat"},
};

/* Keys whose own name is not the one of the vocabulary. */
static const char *const block_names[][2] = {
	{"Threat Name", "ThreatName"},
	{"TelemetryName", "ThreatName"},
	{"Resource Path", "TargetFilename"},
	{"TargetFileName", "TargetFilename"},
	{"ImagePath", "Image"},
	{"ProcessID", "ProcessId"},
	{"File Name", "TargetFilename"},
	{"Action", "Action"},
};

static bool block_time(struct view value, int64_t *ts)
{
	return time_scan(value, "%m-%d-%Y %H:%M:%S", ts, NULL) ||
	       time_scan(value, "%Y-%m-%dT%H:%M:%S", ts, NULL) ||
	       time_scan(value, "%Y-%m-%d %H:%M:%S", ts, NULL);
}

static int mplog_block(struct parse *p, struct textfile *t, size_t which, int64_t before)
{
	struct view line, value, key, threat = VIEW_EMPTY, about = VIEW_EMPTY;
	int64_t ts = TIME_NONE, found;
	uint64_t offset = t->offset, number = t->line;
	size_t lines = 0;

	event_start(p, which == 0 ? KIND_OTHER : KIND_MALWARE_FOUND, TIME_NONE, "Not a time",
		    offset);
	p->event.record = number;
	event_add(p, "Product", value_text("Windows Defender"));
	/* A block without its end must not swallow the log. */
	while (lines++ < 200 && textfile_line(t, &line) &&
	       view_index(line, blocks[which].end) == line.len) {
		const char *name = NULL;

		value = line;
		if (!view_cut(&value, ":", &key))
			continue;
		key = view_trim(key);
		value = view_trim(value);
		if (!key.len || key.len > 40 || !value.len)
			continue;
		if (ts == TIME_NONE &&
		    (view_is(key, "Start Time") || view_is(key, "Start time") ||
		     view_is(key, "CreationTime")) &&
		    block_time(value, &found))
			ts = found;
		for (size_t i = 0; i < sizeof(block_names) / sizeof(block_names[0]); i++)
			if (view_is(key, block_names[i][0]))
				name = block_names[i][1];
		if (name && strcmp(name, "ThreatName") == 0)
			threat = value;
		if (name && strcmp(name, "TargetFilename") == 0)
			about = value;
		if (!about.len && name && strcmp(name, "Image") == 0)
			about = value;
		if (!name) { /* "Scan Source" is ScanSource */
			char *own = arena_alloc(&p->scratch, key.len + 1);
			size_t n = 0;

			if (!own)
				continue;
			for (size_t i = 0; i < key.len; i++)
				if (key.data[i] != ' ')
					own[n++] = (char)key.data[i];
			own[n] = '\0';
			name = own;
		}
		event_add(p, name, value_view(value));
	}
	if (threat.len)
		p->event.kind = KIND_MALWARE_FOUND;
	if (ts == TIME_NONE)
		ts = before; /* of the line before it */
	p->event.ts = ts;
	p->event.ts_desc = ts == TIME_NONE ? "Not a time" : "Recorded Time";
	event_messagef(p, "Windows Defender %s%s%s%s%s", blocks[which].title,
		       threat.len ? ": " : "", parse_text(&p->scratch, threat),
		       about.len ? ": " : "", parse_text(&p->scratch, about));
	return event_emit(p);
}

static int mplog(struct parse *p, struct view bytes)
{
	struct textfile t;
	struct view line;
	int64_t last = TIME_NONE;
	int status = OK;

	textfile_open(&t, bytes);
	while (status >= 0 && textfile_line(&t, &line)) {
		int64_t ts;
		size_t used, i = 0, n = sizeof(blocks) / sizeof(blocks[0]);

		while (i < n && view_index(line, blocks[i].begin) == line.len)
			i++;
		if (i < n) {
			status = mplog_block(p, &t, i, last);
		} else if (time_scan(line, MPLOG_TIME, &ts, &used)) {
			last = ts;
			status = mplog_line(p, line, &t, ts, used);
		}
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
	.version = 2,
	.probe = probe,
	.parse = parse,
};
