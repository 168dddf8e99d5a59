/*
 * The tables of a case. What a user reads are the views `timeline`, `detections`, `summary` and
 * `sources`; below them `event` holds integers, and `shape` (timeline/row.h) what many events
 * share.
 *
 * event           id; ts in ns since 1970 or NULL; shape; host; artifact (the representative source:
 *                 of all artefacts that have the record, the one whose path sorts first); user (in
 *                 `name`); record number; byte offset; id of the process that it is about; message,
 *                 only where the shape has no layout for it; vals, a JSON array that the shape's
 *                 layout puts names to
 * block           some hundred events that were loaded together: first and last id, their artefact
 *                 and range of times; its signature is in `signature`, or in `signature_group` and
 *                 `signature_slice` (timeline/blocks.h)
 * shape_host      how many events there are of each shape on each host (0: none): every count comes
 *                 from it
 * artifact_shape  the same count for each artefact, with times; not lowered when records are merged
 * event_source    all sources of each event that has more than one
 *
 * Times are ns since 1970 UTC everywhere.
 */
#ifndef KONSEKI_TIMELINE_SCHEMA_H
#define KONSEKI_TIMELINE_SCHEMA_H

#define SCHEMA_FRACTION(ts) "((" ts " % 1000000000 + 1000000000) % 1000000000)"
#define SCHEMA_SECONDS(ts)                                                                         \
	"strftime('%Y-%m-%dT%H:%M:%S', (" ts                                                       \
	" - " SCHEMA_FRACTION(ts) ") / 1000000000, 'unixepoch')"
/* RFC 3339 with 0, 3, 6, 7 or 9 digits, as time_format of base/timestamp.h */
#define SCHEMA_TIME(ts)                                                                            \
	SCHEMA_SECONDS(ts) " || CASE WHEN " SCHEMA_FRACTION(ts) " = 0 THEN ''"                     \
	" WHEN " ts " % 1000000 = 0 THEN printf('.%03d', " SCHEMA_FRACTION(ts) " / 1000000)"       \
	" WHEN " ts " % 1000 = 0 THEN printf('.%06d', " SCHEMA_FRACTION(ts) " / 1000)"             \
	" WHEN " ts " % 100 = 0 THEN printf('.%07d', " SCHEMA_FRACTION(ts) " / 100)"               \
	" ELSE printf('.%09d', " SCHEMA_FRACTION(ts) ") END || 'Z'"
#define SCHEMA_TIME6(ts) SCHEMA_SECONDS(ts) " || printf('.%06dZ', " SCHEMA_FRACTION(ts) " / 1000)"

#define SCHEMA_FIELDS                                                                              \
	"(SELECT group_concat(CASE WHEN l.type = 'text' THEN l.atom WHEN l.atom >= 0 THEN e.vals " \
	"-> l.atom" \
	" WHEN l.atom = -1 THEN '\"' || " SCHEMA_TIME6("e.ts") " || '\"' ELSE json_quote(h.name) END, '')" \
	" FROM json_each(s.layout) l)"
#define SCHEMA_MESSAGE                                                                             \
	"coalesce(e.message, (SELECT group_concat(CASE WHEN l.type = 'text' THEN l.atom WHEN "     \
	"l.atom >= 0 THEN"                                                                         \
	" CASE WHEN substr(e.vals -> l.atom, 1, 1) = '\"' THEN e.vals ->> l.atom ELSE e.vals -> "  \
	"l.atom END"                                                                               \
	" WHEN l.atom = -1 THEN " SCHEMA_TIME6(                                                    \
		"e.ts") " ELSE h.name END, '') FROM json_each(s.message) l), '')"

static const char schema_sql[] =
	"CREATE TABLE host(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
	"CREATE TABLE name(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);"
	"CREATE TABLE bundle(id INTEGER PRIMARY KEY, path TEXT NOT NULL, type TEXT, host INTEGER REFERENCES host,"
	" manifest TEXT);"
	"CREATE TABLE artifact(id INTEGER PRIMARY KEY, bundle INTEGER REFERENCES bundle, host INTEGER REFERENCES host,"
	" path TEXT NOT NULL, member TEXT, size INTEGER, mtime INTEGER, sha256 TEXT, parser TEXT, parser_version INTEGER,"
	" status TEXT NOT NULL, events INTEGER NOT NULL DEFAULT 0, losses INTEGER NOT NULL DEFAULT 0,"
	" first INTEGER, last INTEGER, error TEXT, error_offset INTEGER, merged INTEGER NOT NULL DEFAULT 0);"
	"CREATE INDEX artifact_path ON artifact(path);"
	"CREATE TABLE shape(id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, kind TEXT NOT NULL, ts_desc TEXT NOT NULL,"
	" provider TEXT, channel TEXT, event_id INTEGER, flags INTEGER NOT NULL, vals INTEGER NOT NULL,"
	" names TEXT NOT NULL, layout TEXT NOT NULL, message TEXT);"
	"CREATE TABLE event(id INTEGER PRIMARY KEY, ts INTEGER, shape INTEGER NOT NULL, host INTEGER, artifact INTEGER NOT NULL,"
	" user INTEGER, record INTEGER, offset INTEGER, process INTEGER, message TEXT, vals TEXT NOT NULL);"
	"CREATE TABLE event_source(event INTEGER NOT NULL, artifact INTEGER NOT NULL, record INTEGER, offset INTEGER,"
	" PRIMARY KEY(event, artifact)) WITHOUT ROWID;"
	"CREATE INDEX event_source_artifact ON event_source(artifact);"
	"CREATE TABLE block(first INTEGER PRIMARY KEY, last INTEGER NOT NULL, artifact INTEGER NOT NULL, ts_first INTEGER, ts_last INTEGER);"
	"CREATE INDEX block_artifact ON block(artifact);"
	"CREATE TABLE signature(block INTEGER PRIMARY KEY, bits BLOB NOT NULL);"
	"CREATE TABLE signature_group(id INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, last INTEGER NOT NULL, blocks BLOB NOT NULL);"
	"CREATE TABLE signature_slice(id INTEGER PRIMARY KEY, bits BLOB NOT NULL);"
	"CREATE TABLE shape_host(shape INTEGER NOT NULL, host INTEGER NOT NULL, events INTEGER NOT NULL,"
	" PRIMARY KEY(shape, host)) WITHOUT ROWID;"
	"CREATE TABLE artifact_shape(artifact INTEGER NOT NULL, shape INTEGER NOT NULL, host INTEGER NOT NULL,"
	" events INTEGER NOT NULL, untimed INTEGER NOT NULL, first INTEGER, last INTEGER,"
	" PRIMARY KEY(artifact, shape, host)) WITHOUT ROWID;"
	"CREATE TABLE ingest_error(id INTEGER PRIMARY KEY, bundle INTEGER, artifact INTEGER, path TEXT, offset INTEGER,"
	" reason TEXT NOT NULL);"
	"CREATE TABLE rule(id INTEGER PRIMARY KEY, rule_id TEXT NOT NULL, title TEXT NOT NULL, level TEXT, tags TEXT, path TEXT NOT NULL,"
	" UNIQUE(path, rule_id, title));"
	/* events: ids of all events of a correlation, a JSON array; NULL for a plain rule */
	"CREATE TABLE detection(id INTEGER PRIMARY KEY, rule INTEGER NOT NULL REFERENCES rule, event INTEGER NOT NULL,"
	" matched TEXT NOT NULL, events TEXT, UNIQUE(rule, event));"
	"CREATE INDEX detection_event ON detection(event);"
	/* What correlations want to know of the events that a rule hit while they were loaded. rule: a hash
	   of its path, id and title, because the rows of `rule` come and go with detections. */
	"CREATE TABLE correlation_input(rule INTEGER NOT NULL, event INTEGER NOT NULL, encoded BLOB NOT NULL,"
	" PRIMARY KEY(rule, event)) WITHOUT ROWID;"
	"CREATE INDEX correlation_input_event ON correlation_input(event);"
	/* type: hash, ip, domain, path, ... ; source: the list that it is from */
	"CREATE TABLE indicator(id INTEGER PRIMARY KEY, type TEXT NOT NULL, value TEXT NOT NULL, source TEXT, note TEXT,"
	" UNIQUE(type, value));"
	"CREATE TABLE tag(event INTEGER NOT NULL, name TEXT NOT NULL, note TEXT, PRIMARY KEY(event, name)) WITHOUT ROWID;"
	/* reconstructed: a process is (host, pid, start); parent is a row of this table; start_event NULL: its start is not in the evidence */
	"CREATE TABLE process(id INTEGER PRIMARY KEY, host INTEGER, pid INTEGER, start_ts INTEGER, stop_ts INTEGER,"
	" parent INTEGER REFERENCES process, ppid INTEGER, image TEXT, command_line TEXT, user TEXT, guid TEXT, parent_guid TEXT,"
	" parent_image TEXT, logon_id TEXT, integrity TEXT, hashes TEXT, start_event INTEGER, stop_event INTEGER);"
	"CREATE INDEX process_host_pid ON process(host, pid, start_ts);"
	"CREATE INDEX process_guid ON process(guid);"
	"CREATE INDEX process_parent ON process(parent);"
	"CREATE TABLE logon_session(id INTEGER PRIMARY KEY, host INTEGER, logon_id TEXT, user TEXT, domain TEXT, sid TEXT,"
	" logon_type INTEGER, source_ip TEXT, source_host TEXT, process TEXT, start_ts INTEGER, stop_ts INTEGER,"
	" start_event INTEGER, stop_event INTEGER);"
	"CREATE INDEX logon_session_host ON logon_session(host, logon_id, start_ts);"

	"CREATE VIEW timeline AS SELECT e.id AS id, " SCHEMA_TIME("e.ts") " AS time, s.ts_desc AS ts_desc,"
	" h.name AS host, s.kind AS kind, u.text AS user, " SCHEMA_MESSAGE " AS message,"
	" a.path AS source, a.parser AS parser, " SCHEMA_FIELDS " AS fields FROM event e"
	" LEFT JOIN shape s ON s.id = e.shape LEFT JOIN artifact a ON a.id = e.artifact"
	" LEFT JOIN host h ON h.id = e.host LEFT JOIN name u ON u.id = e.user;"

	"CREATE VIEW detections AS SELECT d.id AS id, " SCHEMA_TIME("e.ts") " AS time, r.level AS level, r.title AS rule,"
	" h.name AS host, s.kind AS kind, u.text AS user, " SCHEMA_MESSAGE " AS message, a.path AS source,"
	" e.id AS event, coalesce(e.record, e.offset) AS record, r.rule_id AS rule_id, r.tags AS tags, r.path AS rule_path,"
	" d.matched AS matched, d.events AS events"
	" FROM detection d JOIN rule r ON r.id = d.rule JOIN event e ON e.id = d.event"
	" LEFT JOIN shape s ON s.id = e.shape LEFT JOIN artifact a ON a.id = e.artifact"
	" LEFT JOIN host h ON h.id = e.host LEFT JOIN name u ON u.id = e.user;"

	"CREATE VIEW summary AS SELECT h.name AS host, s.kind AS kind, s.provider AS provider, s.channel AS channel,"
	" s.event_id AS event_id, n.events AS events FROM shape_host n"
	" LEFT JOIN shape s ON s.id = n.shape LEFT JOIN host h ON h.id = n.host;"

	"CREATE VIEW sources AS SELECT es.event AS event, a.path AS source, a.member AS member, b.path AS bundle,"
	" a.sha256 AS sha256, es.record AS record, es.offset AS offset FROM event_source es"
	" JOIN artifact a ON a.id = es.artifact LEFT JOIN bundle b ON b.id = a.bundle;";

/* Built by case_finish, after the load. All that a walk in the order of times wants to know of an event. */
#define SCHEMA_INDEX "CREATE INDEX IF NOT EXISTS event_ts ON event(ts, host, shape)"

#endif
