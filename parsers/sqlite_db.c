/*
 * Databases of SQLite that programs leave: browsers, Windows' activity and notification databases,
 * chats, macOS. One row of the table below is one query; its column names tell what a column is:
 *	"@FORMAT Description"  a time (webkit, filetime, unix, ms, us, cocoa, text): an event for
 * each that is there
 *	"!"                    the message        "$user"  the user
 *	anything else          the field of that name
 * A row whose query does not compile (tables or columns are not there) does not apply; rows of the
 * same set are alternatives, the first that compiles wins.
 */
#include "base/text.h"
#include "parsers/cookie.h"
#include "parsers/sqlite_view.h"

#include <math.h>
#include <stdlib.h>

struct query {
	const char *set;
	enum event_kind kind;
	const char *sql;
};

static const struct query queries[] = {
	/* Chromium: chrome/browser/../history_database.cc and the like; times are microseconds
	   since 1601 */
	{"chrome history", KIND_WEB_VISIT,
	 "SELECT v.visit_time AS '@webkit Last Visited Time', u.url AS Url, u.title AS Title, "
	 "u.visit_count AS VisitCount, "
	 "u.typed_count AS TypedCount, v.transition AS Transition, pu.url AS ReferrerUrl, "
	 "'Visited ' || u.url AS '!' FROM visits v JOIN urls u ON u.id = v.url LEFT JOIN visits pv "
	 "ON pv.id = v.from_visit "
	 "LEFT JOIN urls pu ON pu.id = pv.url"},
	{"chrome search", KIND_WEB_VISIT,
	 "SELECT u.last_visit_time AS '@webkit Last Visited Time', k.term AS SearchTerm, u.url AS "
	 "Url, "
	 "'Searched for ' || k.term AS '!' FROM keyword_search_terms k JOIN urls u ON u.id = "
	 "k.url_id"},
	{"chrome download", KIND_DOWNLOAD,
	 "SELECT start_time AS '@webkit Start Time', end_time AS '@webkit End Time', target_path "
	 "AS TargetFilename, "
	 "(SELECT url FROM downloads_url_chains c WHERE c.id = d.id ORDER BY chain_index DESC "
	 "LIMIT 1) AS Url, "
	 "CASE WHEN (SELECT count(*) FROM downloads_url_chains c WHERE c.id = d.id) > 1 THEN "
	 "(SELECT group_concat(url, ' ') FROM (SELECT url FROM downloads_url_chains c WHERE c.id = "
	 "d.id ORDER BY chain_index)) END AS UrlChain, "
	 "referrer AS ReferrerUrl, tab_url AS TabUrl, mime_type AS MimeType, total_bytes AS "
	 "FileSize, received_bytes AS ReceivedBytes, "
	 "state AS State, danger_type AS DangerType, opened AS Opened, 'Downloaded ' || "
	 "target_path || coalesce(' from ' || "
	 "(SELECT url FROM downloads_url_chains c WHERE c.id = d.id ORDER BY chain_index DESC "
	 "LIMIT 1), '') AS '!' FROM downloads d"},
	{"chrome download", KIND_DOWNLOAD,
	 "SELECT start_time AS '@webkit Start Time', end_time AS '@webkit End Time', target_path "
	 "AS TargetFilename, "
	 "(SELECT url FROM downloads_url_chains c WHERE c.id = d.id ORDER BY chain_index DESC "
	 "LIMIT 1) AS Url, total_bytes AS FileSize, "
	 "received_bytes AS ReceivedBytes, state AS State, 'Downloaded ' || target_path AS '!' "
	 "FROM downloads d"},
	{"chrome download", KIND_DOWNLOAD,
	 "SELECT start_time AS '@unix Start Time', full_path AS TargetFilename, url AS Url, "
	 "total_bytes AS FileSize, "
	 "received_bytes AS ReceivedBytes, state AS State, 'Downloaded ' || full_path || ' from ' "
	 "|| url AS '!' FROM downloads"},
	{"chrome cookies", KIND_OTHER,
	 "SELECT creation_utc AS '@webkit Creation Time', last_access_utc AS '@webkit Last Access "
	 "Time', expires_utc AS "
	 "'@webkit Expiration Time', host_key AS Host, name AS CookieName, value AS CookieValue, "
	 "path AS Path, is_secure AS Secure, "
	 "is_httponly AS HttpOnly, is_persistent AS Persistent, 'Cookie ' || name || ' of ' || "
	 "host_key AS '!' FROM cookies"},
	{"chrome cookies", KIND_OTHER,
	 "SELECT creation_utc AS '@webkit Creation Time', last_access_utc AS '@webkit Last Access "
	 "Time', expires_utc AS "
	 "'@webkit Expiration Time', host_key AS Host, name AS CookieName, value AS CookieValue, "
	 "path AS Path, secure AS Secure, "
	 "httponly AS HttpOnly, persistent AS Persistent, 'Cookie ' || name || ' of ' || host_key "
	 "AS '!' FROM cookies"},
	{"chrome login", KIND_OTHER,
	 "SELECT date_created AS '@webkit Creation Time', date_last_used AS '@webkit Last Used "
	 "Time', date_password_modified AS "
	 "'@webkit Last Password Set Time', origin_url AS Url, username_value AS TargetUserName, "
	 "times_used AS UseCount, "
	 "'Saved login ' || username_value || ' at ' || origin_url AS '!' FROM logins"},
	{"chrome login", KIND_OTHER,
	 "SELECT date_created AS '@webkit Creation Time', origin_url AS Url, username_value AS "
	 "TargetUserName, times_used AS UseCount, "
	 "'Saved login ' || username_value || ' at ' || origin_url AS '!' FROM logins"},
	{"chrome autofill", KIND_OTHER,
	 "SELECT date_created AS '@unix Creation Time', date_last_used AS '@unix Last Used Time', "
	 "name AS FormField, value AS FormValue, "
	 "count AS UseCount, 'Form field ' || name || ' was filled with ' || value AS '!' FROM "
	 "autofill"},
	/* Favicons outlive the history that was cleared. */
	{"chrome favicon", KIND_WEB_VISIT,
	 "SELECT b.last_updated AS '@webkit Last Updated Time', m.page_url AS Url, f.url AS "
	 "IconUrl, 'Icon of ' || m.page_url AS '!' FROM icon_mapping m JOIN favicons f ON f.id = "
	 "m.icon_id LEFT JOIN favicon_bitmaps b ON b.icon_id = f.id GROUP BY m.page_url, f.url, "
	 "b.last_updated"},
	{"chrome predictor", KIND_WEB_VISIT,
	 "SELECT user_text AS TypedText, url AS Url, number_of_hits AS UseCount, number_of_misses "
	 "AS MissCount, 'Typed ' || user_text || ', was offered ' || url AS '!' FROM "
	 "network_action_predictor"},
	{"chrome shortcut", KIND_WEB_VISIT,
	 "SELECT last_access_time AS '@webkit Last Access Time', text AS TypedText, url AS Url, "
	 "number_of_hits AS UseCount, "
	 "'Typed ' || text || ', went to ' || url AS '!' FROM omni_box_shortcuts"},
	{"chrome extension", KIND_OTHER,
	 "SELECT a.time AS '@webkit Recorded Time', x.value AS ExtensionId, n.value AS ApiName, "
	 "r.value AS Arguments, p.value AS Url, "
	 "t.value AS Title, g.value AS ArgumentUrl, o.value AS Other, a.action_type AS ActionType, "
	 "a.count AS Count, "
	 "'Extension ' || coalesce(x.value, '?') || ' called ' || coalesce(n.value, '?') AS '!' "
	 "FROM activitylog_compressed a "
	 "LEFT JOIN string_ids x ON x.id = a.extension_id_x LEFT JOIN string_ids n ON n.id = "
	 "a.api_name_x "
	 "LEFT JOIN string_ids r ON r.id = a.args_x LEFT JOIN url_ids p ON p.id = a.page_url_x "
	 "LEFT JOIN string_ids t ON t.id = "
	 "a.page_title_x LEFT JOIN url_ids g ON g.id = a.arg_url_x LEFT JOIN string_ids o ON o.id "
	 "= a.other_x"},
	{"edge load statistics", KIND_WEB_VISIT,
	 "SELECT last_update AS '@webkit Last Updated Time', top_level_hostname AS Host, "
	 "resource_hostname AS ResourceHost, resource_type AS "
	 "ResourceType, 'Page of ' || top_level_hostname || ' loaded from ' || resource_hostname "
	 "AS '!' FROM load_statistics"},
	/* Firefox: toolkit/components/places; microseconds since 1970 */
	{"firefox history", KIND_WEB_VISIT,
	 "SELECT v.visit_date AS '@us Last Visited Time', h.url AS Url, h.title AS Title, "
	 "h.visit_count AS VisitCount, v.visit_type AS "
	 "VisitType, ph.url AS ReferrerUrl, 'Visited ' || h.url AS '!' FROM moz_historyvisits v "
	 "JOIN moz_places h ON h.id = v.place_id "
	 "LEFT JOIN moz_historyvisits pv ON pv.id = v.from_visit LEFT JOIN moz_places ph ON ph.id "
	 "= pv.place_id"},
	{"firefox bookmark", KIND_OTHER,
	 "SELECT b.dateAdded AS '@us Added Time', b.lastModified AS '@us Content Modification "
	 "Time', b.title AS Title, h.url AS Url, b.type "
	 "AS BookmarkType, 'Bookmark ' || coalesce(b.title, '') || coalesce(' ' || h.url, '') AS "
	 "'!' FROM moz_bookmarks b LEFT JOIN "
	 "moz_places h ON h.id = b.fk"},
	{"firefox annotation", KIND_OTHER,
	 "SELECT a.dateAdded AS '@us Added Time', a.lastModified AS '@us Content Modification "
	 "Time', a.content AS Content, b.title AS Title, "
	 "h.url AS Url, 'Annotation of bookmark ' || coalesce(b.title, '') AS '!' FROM "
	 "moz_items_annos a LEFT JOIN moz_bookmarks b ON "
	 "b.id = a.item_id LEFT JOIN moz_places h ON h.id = b.fk"},
	{"firefox download 20", KIND_DOWNLOAD,
	 "SELECT a.dateAdded AS '@us Start Time', a.lastModified AS '@us End Time', a.content AS "
	 "TargetFilename, h.url AS Url, "
	 "'Downloaded ' || a.content || ' from ' || h.url AS '!' FROM moz_annos a JOIN "
	 "moz_anno_attributes n ON n.id = "
	 "a.anno_attribute_id AND n.name = 'downloads/destinationFileURI' JOIN moz_places h ON "
	 "h.id = a.place_id"},
	{"firefox download", KIND_DOWNLOAD,
	 "SELECT startTime AS '@us Start Time', endTime AS '@us End Time', target AS "
	 "TargetFilename, source AS Url, referrer AS ReferrerUrl, "
	 "mimeType AS MimeType, maxBytes AS FileSize, currBytes AS ReceivedBytes, state AS State, "
	 "'Downloaded ' || target || ' from ' || "
	 "source AS '!' FROM moz_downloads"},
	{"firefox cookies", KIND_OTHER,
	 "SELECT creationTime AS '@us Creation Time', lastAccessed AS '@us Last Access Time', "
	 "expiry AS '@unix Expiration Time', host AS "
	 "Host, name AS CookieName, value AS CookieValue, path AS Path, isSecure AS Secure, "
	 "isHttpOnly AS HttpOnly, "
	 "'Cookie ' || name || ' of ' || host AS '!' FROM moz_cookies"},
	{"firefox form", KIND_OTHER,
	 "SELECT firstUsed AS '@us Creation Time', lastUsed AS '@us Last Used Time', fieldname AS "
	 "FormField, value AS FormValue, timesUsed "
	 "AS UseCount, 'Form field ' || fieldname || ' was filled with ' || value AS '!' FROM "
	 "moz_formhistory"},
	{"firefox permission", KIND_OTHER,
	 "SELECT modificationTime AS '@ms Content Modification Time', origin AS Url, type AS "
	 "Permission, permission AS Setting, 'Site ' || origin || ': ' || type AS '!' FROM "
	 "moz_perms"},
	{"firefox favicon", KIND_WEB_VISIT,
	 "SELECT p.page_url AS Url, i.icon_url AS IconUrl, i.expire_ms AS '@ms Expiration Time', "
	 "'Icon of ' || p.page_url AS '!' FROM moz_pages_w_icons p JOIN moz_icons_to_pages t ON "
	 "t.page_id = p.id JOIN moz_icons i ON i.id = t.icon_id"},
	/* Safari: seconds since 2001 */
	{"safari history", KIND_WEB_VISIT,
	 "SELECT v.visit_time AS '@cocoa Last Visited Time', i.url AS Url, v.title AS Title, "
	 "i.visit_count AS VisitCount, "
	 "'Visited ' || i.url AS '!' FROM history_visits v JOIN history_items i ON i.id = "
	 "v.history_item"},
	/* Windows: seconds since 1970 in ActivitiesCache.db, FILETIME in wpndatabase.db and
	   EventTranscript.db */
	{"windows timeline", KIND_PROCESS_SEEN,
	 "SELECT StartTime AS '@unix Start Time', EndTime AS '@unix End Time', LastModifiedTime AS "
	 "'@unix Content Modification Time', "
	 "CreatedInCloud AS '@unix Creation Time', ExpirationTime AS '@unix Expiration Time', "
	 "CASE WHEN json_valid(AppId) THEN json_extract(AppId, '$[0].application') END AS Image, "
	 "ActivityType AS ActivityType, "
	 "CASE WHEN json_valid(CAST(Payload AS TEXT)) THEN json_extract(CAST(Payload AS TEXT), "
	 "'$.displayText') END AS DisplayText, "
	 "CASE WHEN json_valid(CAST(Payload AS TEXT)) THEN json_extract(CAST(Payload AS TEXT), "
	 "'$.description') END AS Description, "
	 "CASE WHEN json_valid(CAST(Payload AS TEXT)) THEN json_extract(CAST(Payload AS TEXT), "
	 "'$.contentUri') END AS ContentUri, "
	 "CASE WHEN json_valid(CAST(Payload AS TEXT)) THEN json_extract(CAST(Payload AS TEXT), "
	 "'$.activeDurationSeconds') END AS "
	 "ActiveSeconds, AppId AS AppId, CAST(Payload AS TEXT) AS Payload, "
	 "CASE WHEN json_valid(AppId) THEN json_extract(AppId, '$[0].application') ELSE AppId END "
	 "|| CASE ActivityType WHEN 5 THEN "
	 "' was opened' WHEN 6 THEN ' was in use' ELSE ': activity of type ' || ActivityType END "
	 "|| coalesce(': ' || CASE WHEN "
	 "json_valid(CAST(Payload AS TEXT)) THEN json_extract(CAST(Payload AS TEXT), "
	 "'$.displayText') END, '') AS '!' FROM Activity"},
	{"windows notification", KIND_OTHER,
	 "SELECT n.ArrivalTime AS '@filetime Arrival Time', n.ExpiryTime AS '@filetime Expiration "
	 "Time', h.CreatedTime AS "
	 "'@text Creation Time', h.ModifiedTime AS '@text Modification Time', h.PrimaryId AS "
	 "Image, n.Type AS NotificationType, "
	 "CAST(n.Payload AS TEXT) AS Payload, 'Notification of ' || h.PrimaryId AS '!' FROM "
	 "Notification n LEFT JOIN NotificationHandler h "
	 "ON h.RecordId = n.HandlerId"},
	{"windows notification handler", KIND_OTHER,
	 "SELECT CreatedTime AS '@text Creation Time', ModifiedTime AS '@text Modification Time', "
	 "PrimaryId AS Image, HandlerType AS "
	 "HandlerType, 'Notifications were registered by ' || PrimaryId AS '!' FROM "
	 "NotificationHandler"},
	{"windows event transcript", KIND_OTHER,
	 "SELECT timestamp AS '@filetime Recorded Time', full_event_name AS EventName, sid AS "
	 "UserSid, payload AS Payload, "
	 "'Diagnostic event ' || full_event_name AS '!' FROM events_persisted"},
	{"windows recall", KIND_PROCESS_SEEN,
	 "SELECT TimeStamp AS '@ms Recorded Time', WindowTitle AS Title, ImageToken AS ImageToken, "
	 "'Recall saw the window ' || WindowTitle AS '!' FROM WindowCapture WHERE WindowTitle IS "
	 "NOT NULL OR ImageToken IS NOT NULL"},
	/* Skype 7 and before */
	{"skype message", KIND_OTHER,
	 "SELECT timestamp AS '@unix Recorded Time', author AS Author, from_dispname AS "
	 "DisplayName, dialog_partner AS Recipient, chatname "
	 "AS Chat, body_xml AS Text, 'Skype: ' || coalesce(author, '?') || ' wrote: ' || "
	 "coalesce(body_xml, '') AS '!' FROM Messages"},
	{"skype account", KIND_OTHER,
	 "SELECT profile_timestamp AS '@unix Profile Change Time', authreq_timestamp AS '@unix "
	 "Authenticate Request', lastonline_timestamp "
	 "AS '@unix Last Online Time', mood_timestamp AS '@unix Mood Event Time', "
	 "sent_authrequest_time AS '@unix Sent Authentication "
	 "Request', lastused_timestamp AS '@unix Last Used Time', skypename AS TargetUserName, "
	 "fullname AS DisplayName, emails AS Email, "
	 "'Skype account ' || skypename AS '!' FROM Accounts"},
	{"skype sms", KIND_OTHER,
	 "SELECT timestamp AS '@unix Recorded Time', target_numbers AS Recipient, body AS Text, "
	 "'Skype: SMS to ' || target_numbers AS '!' "
	 "FROM SMSes"},
	{"skype transfer", KIND_OTHER,
	 "SELECT starttime AS '@unix Start Time', finishtime AS '@unix End Time', accepttime AS "
	 "'@unix Accept Time', filepath AS "
	 "TargetFilename, filename AS FileName, filesize AS FileSize, partner_handle AS Partner, "
	 "type AS TransferType, status AS State, "
	 "'Skype: file ' || coalesce(filename, '') || ' with ' || partner_handle AS '!' FROM "
	 "Transfers"},
	{"skype call", KIND_OTHER,
	 "SELECT c.begin_timestamp AS '@unix Start Time', c.begin_timestamp + coalesce(c.duration, "
	 "(SELECT max(m.call_duration) FROM "
	 "CallMembers m WHERE m.call_db_id = c.id)) AS '@unix End Time', c.host_identity AS Host, "
	 "c.is_incoming AS Incoming, "
	 "(SELECT group_concat(m.identity, ', ') FROM CallMembers m WHERE m.call_db_id = c.id) AS "
	 "Partner, 'Skype: call by ' || "
	 "coalesce(c.host_identity, '?') || coalesce(' with ' || (SELECT group_concat(m.identity, "
	 "', ') FROM CallMembers m WHERE "
	 "m.call_db_id = c.id), '') AS '!' FROM Calls c"},
	{"skype call", KIND_OTHER,
	 "SELECT begin_timestamp AS '@unix Start Time', begin_timestamp + duration AS '@unix End "
	 "Time', begin_timestamp AS "
	 "'@unix Attempt Time', host_identity AS Host, is_incoming AS Incoming, duration AS "
	 "Seconds, 'Skype: call by ' || "
	 "coalesce(host_identity, '?') AS '!' FROM Calls"},
	/* Cloud drives */
	{"google drive cloud", KIND_OTHER,
	 "SELECT modified AS '@unix Content Modification Time', created AS '@unix Creation Time', "
	 "filename AS FileName, url AS Url, size AS "
	 "FileSize, shared AS Shared, 'Google Drive: ' || filename AS '!' FROM cloud_entry"},
	{"google drive local", KIND_OTHER,
	 "SELECT modified AS '@unix Content Modification Time', filename AS FileName, size AS "
	 "FileSize, 'Google Drive, local: ' || filename "
	 "AS '!' FROM local_entry"},
	{"dropbox", KIND_OTHER,
	 "SELECT timestamp AS '@unix Recorded Time', event_type AS EventType, file_event_type AS "
	 "FileEventType, direction AS Direction, "
	 "local_path AS TargetFilename, 'Dropbox: ' || coalesce(direction, event_type) || ' ' || "
	 "coalesce(file_event_type, '') || ' ' || "
	 "coalesce(local_path, '') AS '!' FROM sync_history"},
	/* macOS: seconds since 2001 unless said otherwise */
	{"quarantine", KIND_DOWNLOAD,
	 "SELECT LSQuarantineTimeStamp AS '@cocoa Downloaded Time', LSQuarantineAgentName AS "
	 "Image, LSQuarantineDataURLString AS Url, "
	 "LSQuarantineOriginURLString AS ReferrerUrl, LSQuarantineSenderName AS Sender, "
	 "LSQuarantineSenderAddress AS SenderAddress, "
	 "coalesce(LSQuarantineAgentName, 'A program') || ' downloaded ' || "
	 "coalesce(LSQuarantineDataURLString, 'a file') AS '!' FROM "
	 "LSQuarantineEvent"},
	{"knowledgec", KIND_PROCESS_SEEN,
	 "SELECT o.ZSTARTDATE AS '@cocoa Start Time', o.ZENDDATE AS '@cocoa End Time', "
	 "o.ZCREATIONDATE AS '@cocoa Creation Time', "
	 "o.ZSTREAMNAME AS Stream, o.ZVALUESTRING AS Image, o.ZSTREAMNAME || ': ' || "
	 "coalesce(o.ZVALUESTRING, '') AS '!' FROM ZOBJECT o"},
	{"tcc", KIND_POLICY_CHANGE,
	 "SELECT last_modified AS '@unix Content Modification Time', service AS Service, client AS "
	 "Image, allowed AS Allowed, "
	 "client || CASE WHEN allowed THEN ' may use ' ELSE ' may not use ' END || service AS '!' "
	 "FROM access"},
	{"tcc", KIND_POLICY_CHANGE,
	 "SELECT last_modified AS '@unix Content Modification Time', service AS Service, client AS "
	 "Image, auth_value AS Allowed, "
	 "client || CASE WHEN auth_value > 0 THEN ' may use ' ELSE ' may not use ' END || service "
	 "AS '!' FROM access"},
	{"application usage", KIND_PROCESS_SEEN,
	 "SELECT last_time AS '@unix Last Used Time', app_path AS Image, bundle_id AS BundleId, "
	 "app_version AS FileVersion, event AS Action, "
	 "number_times AS UseCount, app_path || ': ' || event AS '!' FROM application_usage"},
	{"imessage", KIND_OTHER,
	 "SELECT CASE WHEN m.date > 1000000000000 THEN m.date / 1000000000.0 ELSE m.date END AS "
	 "'@cocoa Creation Time', h.id AS Partner, "
	 "m.text AS Text, m.is_from_me AS Outgoing, 'Message ' || CASE WHEN m.is_from_me THEN 'to "
	 "' ELSE 'from ' END || coalesce(h.id, '?') "
	 "|| ': ' || coalesce(m.text, '') AS '!' FROM message m LEFT JOIN handle h ON h.ROWID = "
	 "m.handle_id"},
	{"mac notes", KIND_OTHER,
	 "SELECT ZDATECREATED AS '@cocoa Creation Time', ZDATEEDITED AS '@cocoa Content "
	 "Modification Time', ZTITLE AS Title, 'Note ' || "
	 "ZTITLE AS '!' FROM ZNOTE"},
	{"mac notification center", KIND_OTHER,
	 "SELECT r.delivered_date AS '@cocoa Creation Time', a.identifier AS Image, 'Notification "
	 "of ' || a.identifier AS '!' FROM record r "
	 "JOIN app a ON a.app_id = r.app_id"},
	{"mac document versions", KIND_FILE_WRITE,
	 "SELECT g.generation_add_time AS '@unix Creation Time', f.file_last_seen AS '@unix Last "
	 "Seen Time', f.file_path AS TargetFilename, "
	 "g.generation_path AS VersionPath, 'Version of ' || f.file_path AS '!' FROM files f JOIN "
	 "generations g ON "
	 "g.generation_storage_id = f.file_storage_id"},
	{"url cache", KIND_WEB_VISIT,
	 "SELECT time_stamp AS '@text Added Time', request_key AS Url, 'Cached ' || request_key AS "
	 "'!' FROM cfurl_cache_response"},
	/* Others */
	{"kodi", KIND_FILE_READ,
	 "SELECT f.lastPlayed AS '@text Last Played Time', f.strFilename AS TargetFilename, "
	 "f.playCount AS UseCount, 'Played ' || "
	 "f.strFilename AS '!' FROM files f WHERE f.lastPlayed IS NOT NULL AND f.idPath IS NOT "
	 "NULL"},
	{"zeitgeist", KIND_FILE_READ,
	 "SELECT e.timestamp AS '@ms Recorded Time', u.value AS Url, e.actor AS Actor, 'Used ' || "
	 "u.value AS '!' FROM event e LEFT JOIN uri u "
	 "ON u.id = e.subj_id"},
};

#define QUERIES	    (sizeof(queries) / sizeof(queries[0]))
#define MAX_COLUMNS 32

/* What times are called, as static text: names of columns live as long as their query only. */
static const char *const descriptions[] = {
	"Accept Time",
	"Added Time",
	"Arrival Time",
	"Attempt Time",
	"Authenticate Request",
	"Content Modification Time",
	"Creation Time",
	"Downloaded Time",
	"End Time",
	"Expiration Time",
	"Last Access Time",
	"Last Online Time",
	"Last Password Set Time",
	"Last Played Time",
	"Last Seen Time",
	"Last Updated Time",
	"Last Used Time",
	"Last Visited Time",
	"Modification Time",
	"Mood Event Time",
	"Profile Change Time",
	"Recorded Time",
	"Sent Authentication Request",
	"Start Time",
};

static const char *description(const char *name)
{
	for (size_t i = 0; i < sizeof(descriptions) / sizeof(descriptions[0]); i++)
		if (strcmp(descriptions[i], name) == 0)
			return descriptions[i];
	return "Recorded Time";
}

static int probe(const struct probe *p)
{
	return view_starts(p->head, "SQLite format 3\0", 16) ? BID_MAGIC - 5 : BID_NO;
}

static const char *browser_of(const char *path)
{
	static const char *const parts[][2] = {
		{"*/microsoft/edge*", "Edge"}, {"*/brave*", "Brave"},
		{"*/vivaldi*", "Vivaldi"},     {"*/opera*", "Opera"},
		{"*/chromium*", "Chromium"},   {"*/chrome*", "Chrome"},
		{"*/firefox*", "Firefox"},     {"*/safari*", "Safari"},
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (view_glob(view_text(path), parts[i][0]))
			return parts[i][1];
	return NULL;
}

static int64_t time_of(sqlite3_stmt *s, int column, const char *format)
{
	int64_t n = sqlite3_column_int64(s, column), ts;
	bool zoned;

	if (sqlite3_column_type(s, column) == SQLITE_NULL)
		return TIME_NONE;
	if (strncmp(format, "webkit ", 7) == 0)
		return time_from_webkit(n);
	if (strncmp(format, "filetime ", 9) == 0)
		return n > 0 ? time_from_filetime((uint64_t)n) : TIME_NONE;
	if (strncmp(format, "unix ", 5) == 0)
		return time_from_unix(n);
	if (strncmp(format, "ms ", 3) == 0)
		return time_from_unix_scaled(n, 1000);
	if (strncmp(format, "us ", 3) == 0)
		return time_from_unix_scaled(n, 1000000);
	if (strncmp(format, "cocoa ", 6) == 0) {
		double d = sqlite3_column_double(s, column);

		return isfinite(d) && d != 0 ? time_from_cocoa(d) : TIME_NONE;
	}
	if (sqlite3_column_text(s, column) &&
	    time_parse_iso(view_of(sqlite3_column_text(s, column),
				   (size_t)sqlite3_column_bytes(s, column)),
			   &ts, &zoned, NULL))
		return ts;
	return TIME_NONE;
}

static int row(struct parse *p, const struct query *q, sqlite3_stmt *s, const char *browser)
{
	struct {
		int64_t ts;
		const char *desc;
	} times[MAX_COLUMNS];
	struct view user = parse_path_user(p->path), name = VIEW_EMPTY, cookie = VIEW_EMPTY;
	int columns = sqlite3_column_count(s), status = OK;
	size_t n = 0;

	event_start(p, q->kind, TIME_NONE, "Not a time", 0);
	if (user.len)
		event_user(p, value_view(user));
	if (browser)
		event_add(p, "Browser", value_text(browser));
	for (int i = 0; i < columns && i < MAX_COLUMNS; i++) {
		const char *column = sqlite3_column_name(s, i), *desc;
		int type = sqlite3_column_type(s, i);
		struct view v;

		if (type == SQLITE_NULL)
			continue;
		if (column[0] == '@') {
			int64_t ts = time_of(s, i, column + 1);

			desc = description(strchr(column, ' ') + 1);
			if (ts != TIME_NONE) {
				times[n].ts = ts;
				times[n++].desc = desc;
			} else if (sqlite3_column_int64(s, i) != 0) {
				event_add(p, desc, value_signed(sqlite3_column_int64(s, i)));
			}
			continue;
		}
		if (type == SQLITE_INTEGER && column[0] != '!') {
			event_add(p, column, value_signed(sqlite3_column_int64(s, i)));
			continue;
		}
		if (type == SQLITE_FLOAT && column[0] != '!') {
			event_add(p, column,
				  (struct value){.type = VALUE_DOUBLE,
						 .f = sqlite3_column_double(s, i)});
			continue;
		}
		/* Text stays valid until the next step of the query. */
		v = view_of(sqlite3_column_blob(s, i), (size_t)sqlite3_column_bytes(s, i));
		if (column[0] == '!')
			p->event.message = value_view(v);
		else if (strcmp(column, "$user") == 0)
			event_user(p, value_view(v));
		else if (v.len)
			event_add(p, column, type == SQLITE_BLOB ? value_binary(v) : value_view(v));
		if (strcmp(column, "CookieName") == 0)
			name = v;
		if (strcmp(column, "CookieValue") == 0)
			cookie = v;
	}
	if (n == 0)
		return event_emit(p);
	for (size_t i = 0; i < n && status >= 0; i++)
		status = event_emit_at(p, times[i].ts, times[i].desc);
	if (status >= 0 && cookie.len)
		status = cookie_times(p, name, cookie);
	return status;
}

static int run(struct parse *p, const struct query *q, sqlite3_stmt *s, const char *browser)
{
	uint64_t number = 0;
	int status = OK, step;

	while (status >= 0 && (step = sqlite3_step(s)) == SQLITE_ROW) {
		number++;
		status = row(p, q, s, browser);
	}
	if (status >= 0 && step != SQLITE_DONE)
		status = parse_lost(p, 0, "%s: the query ended after %llu rows: %s", q->set,
				    (unsigned long long)number,
				    sqlite3_errmsg(sqlite3_db_handle(s)));
	return status;
}

static int parse(struct parse *p, struct view bytes)
{
	struct view wal = p->companion ? p->companion(p, "-wal") : VIEW_EMPTY;
	const char *browser = browser_of(p->path), *set = "";
	struct sqlite_log log;
	sqlite3 *db = sqlite_view_open(bytes, wal, &log, &p->problem);
	int status = OK, known = 0;

	if (!db)
		return ERR_FORMAT;
	for (size_t i = 0; i < QUERIES && status >= 0; i++) {
		sqlite3_stmt *s = NULL;
		int made;

		if (strcmp(queries[i].set, set) == 0)
			continue;
		made = sqlite3_prepare_v2(db, queries[i].sql, -1, &s, NULL);
		if (made == SQLITE_OK) {
			set = queries[i].set;
			known++;
			status = run(p, &queries[i], s, browser);
		} else if (made != SQLITE_ERROR) {
			/* Not "no such table": the schema cannot be read. */
			status = parse_lost(p, 0, "%s", sqlite3_errmsg(db));
			(void)sqlite3_finalize(s);
			break;
		}
		(void)sqlite3_finalize(s);
	}
	/* A database that nobody knows gives one line: what tables it has is a lead too. */
	if (status >= 0 && !known) {
		sqlite3_stmt *s = NULL;

		event_start(p, KIND_OTHER, TIME_NONE, "Not a time", 0);
		if (sqlite3_prepare_v2(db,
				       "SELECT group_concat(name, ', ') FROM sqlite_master WHERE "
				       "type = 'table'",
				       -1, &s, NULL) == SQLITE_OK &&
		    sqlite3_step(s) == SQLITE_ROW && sqlite3_column_text(s, 0))
			event_addf(p, "Tables", "%.4000s", (const char *)sqlite3_column_text(s, 0));
		(void)sqlite3_finalize(s);
		event_messagef(p, "SQLite database of a kind that is not known");
		status = event_emit(p);
	}
	sqlite_view_close(db);
	return status;
}

const struct parser parser_sqlite_db = {
	.name = "sqlite_db",
	.title = "SQLite databases (browsers, Windows timeline and notifications, chats, macOS)",
	.version = 2,
	.probe = probe,
	.parse = parse,
};
