/*
 * Logs of antivirus products: McAfee access protection (tabs), Symantec (commas, time as 12
 * hexadecimal digits: years since 1970, month from 0, day, hour, minute, second), Trend Micro
 * OfficeScan (pccnt35.log, OfcUrlf.log: "<;>"), Sophos (SAV.txt: "yyyymmdd hhmmss text"). Times are
 * local, but for Trend Micro's own seconds since 1970.
 */
#include "parsers/textfile.h"

enum product { NONE, MCAFEE, SYMANTEC, TREND_FILE, TREND_URL, SOPHOS };

static bool hex_time(struct view v, int64_t *ts)
{
	unsigned n[6];

	if (v.len < 13 || v.data[12] != ',')
		return false;
	for (size_t i = 0; i < 6; i++) {
		n[i] = 0;
		for (size_t k = 0; k < 2; k++) {
			unsigned c = v.data[i * 2 + k], d = c >= '0' && c <= '9'   ? c - '0'
							    : c >= 'A' && c <= 'F' ? c - 'A' + 10
										   : 99;

			if (d == 99)
				return false;
			n[i] = n[i] * 16 + d;
		}
	}
	*ts = time_from_civil(1970 + (int64_t)n[0], n[1] + 1, n[2], n[3], n[4], n[5], 0);
	return *ts != TIME_NONE;
}

static enum product product_of(struct view line)
{
	struct view rest = line, cell;
	uint64_t n;
	size_t used, cells = 0;
	int64_t ts;

	if (time_scan(line, "%m/%d/%Y\t%I:%M:%S %p\t", NULL, NULL))
		return MCAFEE;
	if (hex_time(line, &ts))
		return SYMANTEC;
	if (time_scan(line, "%Y%m%d %H%M%S ", NULL, &used) && used == 16)
		return SOPHOS;
	while (view_cut(&rest, "<;>", &cell))
		if (++cells == 1 && !(cell.len == 8 && view_decimal(cell, &n)))
			return NONE;
	if (cells < 8)
		return NONE;
	rest = line;
	for (int i = 0; i < 4; i++)
		(void)view_cut(&rest, "<;>", &cell);
	return view_index(cell, "://") < cell.len ? TREND_URL : TREND_FILE;
}

static int probe(const struct probe *p)
{
	char text[2048];
	struct view head = textfile_head(p, text, sizeof(text)), line;

	if (!view_line(&head, &line) ||
	    memchr(line.data ? line.data : (const uint8_t *)"", 0, line.len))
		return BID_NO;
	return product_of(line) != NONE ? BID_CONTENT + 5 : BID_NO;
}

static int mcafee(struct parse *p, struct view line, const struct textfile *t)
{
	static const char *const names[] = {"Action",	      "User", "Image",
					    "TargetFilename", "Rule", "Detail"};
	struct view rest, cells[6];
	size_t used = 0, n = 0;
	int64_t ts = TIME_NONE;

	(void)time_scan(line, "%m/%d/%Y\t%I:%M:%S %p\t", &ts, &used);
	rest = view_from(line, used);
	while (n < 6 && view_token(&rest, '\t', &cells[n])) {
		cells[n] = view_trim(cells[n]);
		n++;
	}
	event_start(p, KIND_MALWARE_FOUND, ts, "Recorded Time", t->offset);
	event_add(p, "Product", value_text("McAfee"));
	/* Port blocking rules have no user and no file: image, rule, address. */
	if (n == 4 || (n == 5 && cells[4].len == 0)) {
		event_add(p, "Action", value_view(cells[0]));
		event_add(p, "Image", value_view(cells[1]));
		event_add(p, "Rule", value_view(cells[2]));
		event_add(p, "Detail", value_view(cells[3]));
		event_messagef(p, "McAfee: %s: %s, %s", parse_text(&p->scratch, cells[0]),
			       parse_text(&p->scratch, cells[1]),
			       parse_text(&p->scratch, cells[3]));
		return event_emit(p);
	}
	for (size_t i = 0; i < n; i++)
		if (cells[i].len)
			event_add(p, names[i], value_view(cells[i]));
	if (n > 1)
		event_user(p, value_view(cells[1]));
	event_messagef(p, "McAfee: %s: %s on %s", n > 0 ? parse_text(&p->scratch, cells[0]) : "",
		       n > 2 ? parse_text(&p->scratch, cells[2]) : "",
		       n > 3 ? parse_text(&p->scratch, cells[3]) : "");
	return event_emit(p);
}

/* A cell of comma-separated values, quotes around it taken off. */
static bool csv_cell(struct view *rest, struct view *cell)
{
	if (view_starts(*rest, "\"", 1)) {
		size_t end = view_find(*rest, 1, "\"", 1);

		*cell = view_clip(*rest, 1, end - 1);
		*rest = view_from(*rest, end + 1 <= rest->len ? end + 1 : rest->len);
		if (rest->len)
			*rest = view_from(*rest, 1);
		return true;
	}
	return view_token(rest, ',', cell);
}

static int symantec(struct parse *p, struct view line, const struct textfile *t)
{
	/* Symantec, "Interpreting log files": the columns that tell something; 0 for the rest. */
	static const char *const names[] = {NULL,
					    "EventType",
					    "Category",
					    "Logger",
					    "Computer",
					    "User",
					    "ThreatName",
					    "TargetFilename",
					    "WantedAction1",
					    "WantedAction2",
					    "RealAction",
					    "VirusType",
					    NULL,
					    "Description"};
	struct view rest = line, cell, threat = VIEW_EMPTY, file = VIEW_EMPTY, words = VIEW_EMPTY,
		    user = VIEW_EMPTY;
	int64_t ts = TIME_NONE;

	(void)hex_time(line, &ts);
	event_start(p, KIND_OTHER, ts, "Recorded Time", t->offset);
	event_add(p, "Product", value_text("Symantec"));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && csv_cell(&rest, &cell); i++) {
		if (cell.len && names[i])
			event_add(p, names[i], value_view(cell));
		if (i == 5)
			user = cell;
		if (i == 6)
			threat = cell;
		if (i == 7)
			file = cell;
		if (i == 13)
			words = cell;
	}
	if (user.len)
		event_user(p, value_view(user));
	if (threat.len) {
		p->event.kind = KIND_MALWARE_FOUND;
		event_messagef(p, "Symantec: %s in %s", parse_text(&p->scratch, threat),
			       parse_text(&p->scratch, file));
	} else {
		event_messagef(p, "Symantec: %s",
			       parse_text(&p->scratch, words.len ? words : file));
	}
	return event_emit(p);
}

static int trend(struct parse *p, struct view line, const struct textfile *t, enum product product)
{
	static const char *const file_names[] = {NULL,	     NULL, "ThreatName", "ActionResult",
						 "ScanType", NULL, "Path",	 "FileName"};
	static const char *const url_names[] = {
		NULL,	 NULL,	   "BlockMode",	       "Url",	"CredibilityRating",
		"Group", "Policy", "CredibilityScore", "Image", "Threshold"};
	const char *const *names = product == TREND_URL ? url_names : file_names;
	size_t known = product == TREND_URL ? 10 : 8;
	struct view rest = line, cells[16];
	uint64_t seconds = 0, clock = 0;
	int64_t ts = TIME_NONE;
	size_t n = 0;

	while (n < 16 && rest.len)
		(void)view_cut(&rest, "<;>", &cells[n++]);
	for (size_t i = n; i < 16; i++)
		cells[i] = VIEW_EMPTY;
	if (view_decimal(cells[product == TREND_URL ? 12 : 9], &seconds) && seconds)
		ts = time_from_unix((int64_t)seconds);
	else if (time_scan(cells[0], "%Y%m%d", &ts, NULL) && view_decimal(cells[1], &clock) &&
		 clock < 2400 && clock % 100 < 60)
		ts += (int64_t)(clock / 100 * 3600 + clock % 100 * 60) * TIME_SECOND;
	event_start(p, KIND_MALWARE_FOUND, ts, ts == TIME_NONE ? "Not a time" : "Recorded Time",
		    t->offset);
	if (!seconds)
		p->event.flags |= EVENT_ZONE_ASSUMED;
	event_add(p, "Product", value_text("Trend Micro"));
	for (size_t i = 0; i < known; i++)
		if (names[i] && cells[i].len)
			event_add(p, names[i], value_view(cells[i]));
	if (product == TREND_URL) {
		event_messagef(p, "Trend Micro: %s, %s, by %s", parse_text(&p->scratch, cells[3]),
			       parse_text(&p->scratch, cells[5]),
			       parse_text(&p->scratch, cells[8]));
	} else {
		event_addf(p, "TargetFilename", "%s%s", parse_text(&p->scratch, cells[6]),
			   parse_text(&p->scratch, cells[7]));
		event_messagef(p, "Trend Micro: %s in %s%s", parse_text(&p->scratch, cells[2]),
			       parse_text(&p->scratch, cells[6]),
			       parse_text(&p->scratch, cells[7]));
	}
	return event_emit(p);
}

static int sophos(struct parse *p, struct view line, const struct textfile *t)
{
	struct view words = view_trim(view_from(line, 16)), rest = words, file;
	bool inside;
	int64_t ts = TIME_NONE;
	bool threat = view_index(words, "irus/spyware '") < words.len;

	(void)time_scan(line, "%Y%m%d %H%M%S ", &ts, NULL);
	event_start(p, threat ? KIND_MALWARE_FOUND : KIND_OTHER, ts, "Recorded Time", t->offset);
	event_add(p, "Product", value_text("Sophos"));
	event_add(p, "Text", value_view(words));
	/* The second cut goes on where the first ended. */
	inside = view_cut(&rest, "\"", &file);
	if (inside && view_cut(&rest, "\"", &file))
		event_add(p, "TargetFilename", value_view(file));
	rest = words;
	if (view_cut(&rest, "irus/spyware '", &file) && view_cut(&rest, "'", &file))
		event_add(p, "ThreatName", value_view(file));
	event_messagef(p, "Sophos: %s", parse_text(&p->scratch, words));
	return event_emit(p);
}

static int parse(struct parse *p, struct view bytes)
{
	struct textfile t;
	struct view line;
	int status = OK;

	textfile_open(&t, bytes);
	while (status >= 0 && textfile_line(&t, &line)) {
		enum product product = product_of(line);

		if (!view_trim(line).len)
			continue;
		/* Only the head of a longer list may be missing: rows of OfficeScan end early. */
		if (product == NONE && view_index(line, "<;>") == 8 && line.len > 8)
			product = TREND_FILE;
		switch (product) {
		case MCAFEE:
			status = mcafee(p, line, &t);
			break;
		case SYMANTEC:
			status = symantec(p, line, &t);
			break;
		case TREND_FILE:
		case TREND_URL:
			status = trend(p, line, &t, product);
			break;
		case SOPHOS:
			status = sophos(p, line, &t);
			break;
		case NONE:
			status = parse_lost(p, t.offset,
					    "line %llu is none of an antivirus log that we know",
					    (unsigned long long)t.line);
			break;
		}
	}
	textfile_release(&t);
	return status;
}

const struct parser parser_antivirus_log = {
	.name = "antivirus_log",
	.title = "Antivirus logs (McAfee, Symantec, Trend Micro, Sophos)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
