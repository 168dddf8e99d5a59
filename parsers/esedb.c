/*
 * What Windows keeps in ESE databases: SRUM (SRUDB.dat: network and resource use by program), User
 * Access Logging (Current.mdb, {GUID}.mdb, SystemIdentity.mdb: clients of a server's roles),
 * WebCache (WebCacheV01.dat: pages and files of Internet Explorer and Edge), Windows Search (Windows.edb:
 * what was indexed, with its text). Tables that nobody here knows are told row by row. A time belongs to the
 * database that holds it: Plaso reads SystemIdentity.mdb together with the {GUID}.mdb beside it and
 * tells its two creation times under the name of the latter. Names of tables and columns: libyal's
 * esedb-kb; Yogesh Khatri on SRUM; KPMG on UAL.
 */
#include "parsers/bits.h"
#include "parsers/ese.h"
#include "parsers/parser.h"

#include "base/text.h"

#include <stdlib.h>
#include <strings.h>

enum database { DB_OTHER, DB_SRUM, DB_ACCESS, DB_WEB, DB_BITS, DB_SEARCH };

struct named {
	int64_t id, parent; /* parent: of Windows Search's folders */
	const char *text, *extra;
};

struct work {
	struct parse *p;
	struct ese db;
	enum database kind;
	const struct ese_table *table;
	const char *title; /* what the table is about */
	enum event_kind event;
	struct named *names; /* SRUM's ids, WebCache's containers, roles: sorted by id */
	size_t name_count, name_cap;
	const struct named *container;
	struct arena scratch; /* of a record's values */
};

static int by_id(const void *a, const void *b)
{
	int64_t x = ((const struct named *)a)->id, y = ((const struct named *)b)->id;

	return x < y ? -1 : x > y;
}

static const struct named *name_of(const struct work *w, int64_t id)
{
	struct named key = {.id = id};

	return w->name_count ? bsearch(&key, w->names, w->name_count, sizeof(key), by_id) : NULL;
}

static int name_add(struct work *w, int64_t id, const char *text, const char *extra)
{
	if (!text || w->name_count >= (1u << 20))
		return OK;
	w->names = xgrow(w->names, &w->name_cap, w->name_count + 1, sizeof(*w->names));
	w->names[w->name_count++] = (struct named){id, 0, text, extra};
	return OK;
}

static const char *kept(struct work *w, const char *text)
{
	return arena_strndup(&w->p->arena, text, strlen(text));
}

/* SRUM: programs and accounts by number. Type 3 is a SID, the others are UTF-16 text. */
static int srum_id(void *data, const struct ese_value *v, size_t n, uint64_t offset)
{
	struct work *w = data;
	const struct ese_value *blob = ese_find(v, n, "IdBlob");

	(void)offset;
	if (!blob)
		return OK;
	if (ese_number(ese_find(v, n, "IdType")) == 3) {
		struct value sid = {.type = VALUE_SID,
				    .len = (uint32_t)blob->data.len,
				    .data = blob->data.data};

		return name_add(w, ese_number(ese_find(v, n, "IdIndex")),
				parse_value_text(&w->p->arena, &sid), "sid");
	}
	return name_add(w, ese_number(ese_find(v, n, "IdIndex")),
			parse_utf16z(&w->p->arena, blob->data), NULL);
}

static int web_container(void *data, const struct ese_value *v, size_t n, uint64_t offset)
{
	struct work *w = data;

	(void)offset;
	return name_add(w, ese_number(ese_find(v, n, "ContainerId")),
			kept(w, ese_text(ese_find(v, n, "Name"), &w->scratch)),
			kept(w, ese_text(ese_find(v, n, "Directory"), &w->scratch)));
}

/* Windows Search: folders by number; a name ends with the separator. */
static int search_scope(void *data, const struct ese_value *v, size_t n, uint64_t offset)
{
	struct work *w = data;
	size_t count = w->name_count;
	int status = name_add(w, ese_number(ese_find(v, n, "Scope")),
			      kept(w, ese_text(ese_find(v, n, "Name"), &w->scratch)), NULL);

	(void)offset;
	if (w->name_count > count)
		w->names[count].parent = ese_number(ese_find(v, n, "Parent"));
	return status;
}

static const struct {
	const char *column, *desc;
} times[] = {
	{"TimeStamp", "Recorded Time"},
	{"EventTimestamp", "Recorded Time"},
	{"ConnectStartTime", "Last Connection Time"},
	{"EndTime", "End Time"},
	{"StartTime", "Start Time"},
	{"InsertDate", "First Access Time"},
	{"LastAccess", "Last Access Time"},
	{"FirstSeen", "First Seen Time"},
	{"LastSeen", "Last Seen Time"},
	{"LastSeenActive", "Last Seen Time"},
	{"CreationTime", "Creation Time"},
	{"AccessedTime", "Last Visited Time"},
	{"ModifiedTime", "Content Modification Time"},
	{"ExpiryTime", "Expiration Time"},
	{"SyncTime", "Synchronization Time"},
	{"LastAccessTime", "Last Access Time"},
	{"LastScavengeTime", "Last Scavenge Time"},
	{"PostCheckTime", "Last Checked Time"},
	{"System_DateModified", "Content Modification Time"},
	{"System_DateCreated", "Creation Time"},
	{"System_DateAccessed", "Last Access Time"},
	{"System_Search_GatherTime", "Last Indexed Time"},
	{"System_Link_DateVisited", "Last Visited Time"},
	{"System_ActivityHistory_StartTime", "Start Time"},
	{"System_ActivityHistory_EndTime", "End Time"},
	{"System_Message_DateReceived", "Received Time"},
	{"System_Message_DateSent", "Sent Time"},
	{"System_StartDate", "Start Time"},
	{"LastModified", "Content Modification Time"},
	{"fileCreated", "Creation Time"},
	{"fileModified", "Content Modification Time"},
};

/* "4447-System_ItemPathDisplay", "15F-System_DateModified": the property's name is what counts. */
static const char *property(const char *column)
{
	const char *rest = column + strspn(column, "0123456789");

	if (rest == column)
		return column;
	rest += *rest == 'F';
	return *rest == '-' || *rest == '_' ? rest + 1 : column;
}

static const char *time_desc(const struct ese_column *c)
{
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (strcasecmp(property(c->name), times[i].column) == 0)
			return times[i].desc;
	return c->type == ESE_DATETIME ? "Recorded Time" : NULL;
}

static void add_address(struct parse *p, const char *field, struct view v)
{
	if (v.len == 4) {
		event_addf(p, field, "%u.%u.%u.%u", v.data[0], v.data[1], v.data[2], v.data[3]);
	} else if (v.len == 16) {
		struct buffer b = {0};

		for (size_t i = 0; i < 16; i += 2)
			buffer_printf(&b, "%s%x", i ? ":" : "", v.data[i] << 8 | v.data[i + 1]);
		event_add(p, field, value_text(arena_strndup(&p->scratch, b.data, b.len)));
		buffer_release(&b);
	}
}

/* Windows Search keeps the path of a row as the number of its folder and a name. */
static const char *search_path(struct work *w, const struct ese_value *v, size_t n)
{
	const char *path = ese_text(ese_find(v, n, "FileName"), &w->p->scratch);
	int64_t scope = ese_number(ese_find(v, n, "ScopeID"));
	const struct named *at;

	for (unsigned depth = 0;
	     depth < 64 && path && strlen(path) < LIMIT_PATH && (at = name_of(w, scope)) != NULL;
	     depth++, scope = at->parent)
		path = arena_printf(&w->p->scratch, "%s%s", at->text, path);
	return path ? path : "";
}

/* The value at v[0], or all values of its column as a list; how many they are. */
static size_t values_of(struct work *w, const struct ese_value *v, size_t n, struct value *out)
{
	struct arena *a = &w->p->scratch;
	struct value *list;
	size_t count = 1;

	while (count < n && v[count].column == v->column)
		count++;
	if (count == 1 || !(list = arena_alloc(a, count * sizeof(*list)))) {
		*out = ese_value(v, a);
		return count;
	}
	for (size_t i = 0; i < count; i++)
		list[i] = ese_value(&v[i], a);
	*out = (struct value){.type = VALUE_LIST, .len = (uint32_t)count, .list = list};
	return count;
}

static void add_fields(struct work *w, const struct ese_value *v, size_t n)
{
	struct parse *p = w->p;

	if (w->kind == DB_SEARCH && ese_find(v, n, "ScopeID"))
		event_add(p, "TargetFilename", value_text(search_path(w, v, n)));
	for (size_t i = 0; i < n && p->count < LIMIT_EVENT_FIELDS; i++) {
		const char *name = property(v[i].column->name);
		const struct named *known;
		struct value value;

		if (w->kind == DB_SRUM &&
		    (strcmp(name, "AppId") == 0 || strcmp(name, "UserId") == 0)) {
			bool app = name[0] == 'A';

			known = name_of(w, ese_number(&v[i]));
			event_add(p, name, ese_value(&v[i], &p->scratch));
			if (known && *known->text) {
				event_add(p, app ? "Image" : "UserSid", value_text(known->text));
				if (!app)
					event_user(p, value_text(known->text));
			}
		} else if (w->kind == DB_ACCESS && strcmp(name, "Address") == 0) {
			if (v[i].column->type == ESE_BINARY)
				add_address(p, "IpAddress", v[i].data);
			else
				event_add(p, "IpAddress", ese_value(&v[i], &p->scratch));
		} else if (w->kind == DB_ACCESS && strcmp(name, "AuthenticatedUserName") == 0) {
			event_add(p, "TargetUserName", ese_value(&v[i], &p->scratch));
			event_user(p, ese_value(&v[i], &p->scratch));
		} else if (strcmp(name, "RoleGuid") == 0 || strcmp(name, "TenantId") == 0 ||
			   strcmp(name, "VmGuid") == 0 || strcmp(name, "BIOSGuid") == 0) {
			event_add(p, name,
				  v[i].data.len == 16 ? value_guid(v[i].data.data)
						      : ese_value(&v[i], &p->scratch));
		} else if (w->kind == DB_SEARCH && strcmp(name, "System_ItemPathDisplay") == 0) {
			event_add(p, "TargetFilename", ese_value(&v[i], &p->scratch));
		} else if (w->kind == DB_SEARCH && strcmp(name, "System_Size") == 0 &&
			   v[i].data.len == 8) {
			event_add(p, "FileSize", value_unsigned(view_get64(v[i].data, 0)));
		} else if (w->kind == DB_SEARCH && strcmp(name, "System_Kind") == 0) {
			event_add(p, name, value_utf16(v[i].data));
		} else if (ese_time(&v[i]) != TIME_NONE &&
			   (time_desc(v[i].column) ||
			    (w->kind == DB_SEARCH &&
			     (strstr(name, "Date") || strstr(name, "Time"))))) {
			event_add(p, name, value_time(ese_time(&v[i])));
		} else if (w->kind == DB_WEB && strcmp(name, "Url") == 0) {
			/* History: "Visited: alice@http://..." */
			const char *url = ese_text(&v[i], &p->scratch),
				   *at = strncmp(url, "Visited: ", 9) == 0 ? strchr(url, '@')
									   : NULL;

			event_add(p, name, value_text(at ? at + 1 : url));
			if (at)
				event_user(p, value_view(view_of(url + 9, (size_t)(at - url - 9))));
		} else if (w->kind == DB_WEB && v[i].column->type == ESE_LONG_BINARY &&
			   strcmp(name, "ResponseHeaders") == 0) {
			event_add(
				p, name,
				value_text(parse_text(&p->scratch, view_clip(v[i].data, 0, 2048))));
		} else {
			i += values_of(w, &v[i], n - i, &value) - 1;
			event_add_named(p, view_text(name), value);
		}
	}
}

static const char *search_name(struct work *w, const struct ese_value *v, size_t n)
{
	static const char *const names[] = {"System_ItemPathDisplay", "System_ItemUrl",
					    "System_ItemNameDisplay"};

	if (ese_find(v, n, "ScopeID"))
		return search_path(w, v, n);
	for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
		for (size_t i = 0; i < n; i++)
			if (strcmp(property(v[i].column->name), names[k]) == 0)
				return ese_text(&v[i], &w->p->scratch);
	return "an item";
}

static void message(struct work *w, const struct ese_value *v, size_t n)
{
	struct parse *p = w->p;
	const struct named *app =
		w->kind == DB_SRUM ? name_of(w, ese_number(ese_find(v, n, "AppId"))) : NULL;
	const char *url;

	switch (w->kind) {
	case DB_SRUM:
		if (ese_find(v, n, "BytesSent"))
			event_messagef(p, "%s sent %lld bytes and received %lld",
				       app ? app->text : "A program",
				       (long long)ese_number(ese_find(v, n, "BytesSent")),
				       (long long)ese_number(ese_find(v, n, "BytesRecvd")));
		else if (ese_find(v, n, "ConnectedTime"))
			event_messagef(p, "%s was connected to a network for %lld s",
				       app ? app->text : "A program",
				       (long long)ese_number(ese_find(v, n, "ConnectedTime")));
		else
			event_messagef(p, "%s: %s", app ? app->text : "A program", w->title);
		break;
	case DB_ACCESS:
		if (ese_find(v, n, "TotalAccesses"))
			event_messagef(
				p, "%s came to this server's role %lld times",
				ese_text(ese_find(v, n, "AuthenticatedUserName"), &p->scratch),
				(long long)ese_number(ese_find(v, n, "TotalAccesses")));
		else if (ese_find(v, n, "HostName"))
			event_messagef(p, "%s is %s",
				       ese_text(ese_find(v, n, "HostName"), &p->scratch),
				       ese_text(ese_find(v, n, "Address"), &p->scratch));
		else if (ese_find(v, n, "RoleName"))
			event_messagef(p, "Server role: %s",
				       ese_text(ese_find(v, n, "RoleName"), &p->scratch));
		else if (ese_find(v, n, "OSBuildNumber"))
			event_messagef(p, "Server: Windows %lld.%lld build %lld",
				       (long long)ese_number(ese_find(v, n, "OSMajor")),
				       (long long)ese_number(ese_find(v, n, "OSMinor")),
				       (long long)ese_number(ese_find(v, n, "OSBuildNumber")));
		else
			event_messagef(p, "%s", w->title);
		break;
	case DB_WEB:
		url = ese_text(ese_find(v, n, "Url"), &p->scratch);
		if (strncmp(url, "Visited: ", 9) == 0 && strchr(url, '@'))
			url = strchr(url, '@') + 1;
		event_messagef(p, "%s: %s", w->container ? w->container->text : w->title, url);
		break;
	case DB_SEARCH:
		event_messagef(p, "Indexed: %s", search_name(w, v, n));
		return;
	case DB_BITS:
	case DB_OTHER:
		break;
	}
	if (!w->title) { /* a table that is not known: its first text */
		const char *text = "";

		for (size_t i = 0; i < n && !*text; i++)
			if (v[i].column->type == ESE_TEXT || v[i].column->type == ESE_LONG_TEXT)
				text = ese_text(&v[i], &p->scratch);
		event_messagef(p, "%s%s%s", w->table->name, *text ? ": " : "", text);
	}
}

static int table_record(void *data, const struct ese_value *v, size_t n, uint64_t offset)
{
	struct work *w = data;
	struct parse *p = w->p;
	enum event_kind kind = w->event;
	bool any = false;
	int status = OK;

	if (w->container) { /* WebCache: what the container is for */
		const char *name = w->container->text;

		kind = strncasecmp(name, "MSHist", 6) == 0 || strcasecmp(name, "History") == 0
			       ? KIND_WEB_VISIT
		       : strcasecmp(name, "iedownload") == 0 ? KIND_DOWNLOAD
							     : KIND_OTHER;
	}
	event_start(p, kind, TIME_NONE, "Not a time", offset);
	if (w->db.deleted)
		p->event.flags = EVENT_RECOVERED;
	event_add(p, "Table", value_text(w->title ? w->title : w->table->name));
	if (w->container) {
		event_add(p, "Container", value_text(w->container->text));
		if (w->container->extra && *w->container->extra)
			event_add(p, "Directory", value_text(w->container->extra));
	}
	add_fields(w, v, n);
	message(w, v, n);
	for (size_t i = 0; i < n && status >= 0; i++) {
		const char *desc = time_desc(v[i].column);
		int64_t ts = desc ? ese_time(&v[i]) : TIME_NONE;

		/* An index keeps the same moment under many names. */
		for (size_t j = 0; w->kind == DB_SEARCH && ts != TIME_NONE && j < i; j++)
			if (time_desc(v[j].column) && ese_time(&v[j]) == ts)
				ts = TIME_NONE;
		if (ts == TIME_NONE)
			continue;
		any = true;
		status = event_emit_at(p, ts, desc);
	}
	return any || status < 0 ? status : event_emit(p);
}

static const struct {
	enum database kind;
	const char *table, *title;
	enum event_kind event;
} known[] = {
	{DB_SRUM, "{973F5D5C-1D90-4944-BE8E-24B94231A174}", "network data usage",
	 KIND_NETWORK_CONNECT},
	{DB_SRUM, "{DD6636C4-8929-4683-974E-22C046A43763}", "network connectivity",
	 KIND_NETWORK_CONNECT},
	{DB_SRUM, "{D10CA2FE-6FCF-4F6D-848E-B2E99266FA89}", "application resource usage",
	 KIND_PROCESS_SEEN},
	{DB_SRUM, "{5C8CF1C7-7257-4F13-B223-970EF5939312}", "application timeline",
	 KIND_PROCESS_SEEN},
	{DB_SRUM, "{D10CA2FE-6FCF-4F6D-848E-B2E99266FA86}", "push notifications", KIND_OTHER},
	{DB_SRUM, "{7ACBBAA3-D029-4BE4-9A7A-0885927F1D8F}", "file system usage", KIND_PROCESS_SEEN},
	{DB_SRUM, "{FEE4E14F-02A9-4550-B5CE-5FA2DA202E37}", "energy usage", KIND_OTHER},
	{DB_SRUM, "{FEE4E14F-02A9-4550-B5CE-5FA2DA202E37}LT", "energy usage, long term",
	 KIND_OTHER},
	{DB_SRUM, "{97C2CE28-A37B-4920-B1E9-8B76CD341EC5}", "energy estimation", KIND_OTHER},
	{DB_SRUM, "{B6D82AF1-F780-4E17-8077-6CB9AD8A6FC4}", "tagged energy", KIND_OTHER},
	{DB_SRUM, "{DA73FB89-2BEA-4DDC-86B8-6E048C6DA477}", "energy estimator", KIND_OTHER},
	{DB_SEARCH, "SystemIndex_PropertyStore", "Windows Search", KIND_FILE_METADATA},
	{DB_SEARCH, "SystemIndex_0A", "Windows Search", KIND_FILE_METADATA},
	{DB_SEARCH, "SystemIndex_Gthr", "Windows Search crawl", KIND_FILE_METADATA},
	{DB_ACCESS, "CLIENTS", "Client of a server role", KIND_NETWORK_CONNECT},
	{DB_ACCESS, "DNS", "Client's name", KIND_NETWORK_CONNECT},
	{DB_ACCESS, "ROLE_ACCESS", "Server role in use", KIND_OTHER},
	{DB_ACCESS, "VIRTUALMACHINES", "Virtual machine", KIND_OTHER},
	{DB_ACCESS, "SYSTEM_IDENTITY", "Server", KIND_SYSTEM_INFO},
	{DB_ACCESS, "ROLE_IDS", "Server role", KIND_OTHER},
	{DB_ACCESS, "CHAINED_DATABASES", "Database of a year", KIND_OTHER},
};

static int read_table(struct work *w, const struct ese_table *t, const char *title,
		      enum event_kind event)
{
	unsigned bad = w->db.bad;
	int status;

	w->table = t;
	w->title = title;
	w->event = event;
	w->db.with_deleted = true;
	status = ese_records(&w->db, t, &w->scratch, table_record, w);
	w->db.with_deleted = false;
	if (status >= 0 && w->db.bad > bad)
		status = parse_lost(w->p, 0, "table %s: %u pages cannot be read", t->name,
				    w->db.bad - bad);
	return status;
}

/* ---- BITS: jobs name their files by GUID, which are in a table of their own ---- */

struct stored_file {
	uint8_t id[16];
	struct bits_file file;
};
#define MAX_FILES 65536

struct queue {
	struct work *w;
	struct stored_file *files;
	size_t count, cap;
};

/* The whole blob is a GUID of its version and the file. */
static int queue_file(void *data, const struct ese_value *v, size_t n, uint64_t offset)
{
	struct queue *q = data;
	const struct ese_value *id = ese_find(v, n, "Id"), *blob = ese_find(v, n, "Blob");
	struct stored_file f;
	size_t at = 0;

	(void)offset;
	if (!id || id->data.len != 16 || !blob || q->count == MAX_FILES ||
	    !bits_file_read(&q->w->p->arena, blob->data, &at, &f.file))
		return OK;
	memcpy(f.id, id->data.data, 16);
	q->files = xgrow(q->files, &q->cap, q->count + 1, sizeof(*q->files));
	q->files[q->count++] = f;
	return OK;
}

static int queue_job(void *data, const struct ese_value *v, size_t n, uint64_t offset)
{
	struct queue *q = data;
	struct parse *p = q->w->p;
	const struct ese_value *blob = ese_find(v, n, "Blob");
	struct bits_job job;
	size_t end;
	uint32_t count;
	bool any = false;
	int status = OK;

	if (!blob || bits_job_find(&p->arena, blob->data, 0, &job, &end) == SIZE_MAX)
		return parse_lost(p, offset, "a job of BITS cannot be read");
	count = view_get32(job.files, 0);
	for (uint32_t i = 0; i < count && status >= 0; i++) {
		struct view id = view_sub(job.files, 4 + 16 * (size_t)i, 16);

		if (!id.data)
			break;
		for (size_t k = 0; k < q->count && status >= 0; k++) {
			if (memcmp(q->files[k].id, id.data, 16) != 0)
				continue;
			any = true;
			status = bits_emit(p, &job, &q->files[k].file, offset);
			break;
		}
	}
	if (status >= 0 && !any)
		status = bits_emit(p, &job, NULL, offset);
	return status < 0 ? status : bits_emit_command(p, &job, offset);
}

static int read_queue(struct work *w, const struct ese_table *jobs, const struct ese_table *files)
{
	struct queue q = {.w = w};
	unsigned bad = w->db.bad;
	int status = ese_records(&w->db, files, &w->scratch, queue_file, &q);

	if (status >= 0)
		status = ese_records(&w->db, jobs, &w->scratch, queue_job, &q);
	if (status >= 0 && w->db.bad > bad)
		status = parse_lost(w->p, 0, "%u pages of the queue cannot be read",
				    w->db.bad - bad);
	free(q.files);
	return status;
}

/* Tables that were read already, those of the engine itself, and an index's own words. */
static bool left_out(const struct work *w, const char *name)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].kind == w->kind && strcmp(known[i].table, name) == 0)
			return true;
	return strncmp(name, "MSys", 4) == 0 || w->kind == DB_SEARCH ||
	       (w->kind == DB_SRUM && strcmp(name, "SruDbIdMapTable") == 0) ||
	       (w->kind == DB_BITS && (strcmp(name, "Jobs") == 0 || strcmp(name, "Files") == 0));
}

/* What the head says: a database that was not shut down cleanly misses what only its logs hold. */
static int database_event(struct work *w)
{
	struct parse *p = w->p;
	const char *name = strrchr(p->path, '/');

	event_start(p, KIND_OTHER, TIME_NONE, "Not a time", 0);
	event_add(p, "Database", value_text(name ? name + 1 : p->path));
	event_add(p, "Tables", value_unsigned(w->db.count));
	event_add(p, "PageSize", value_unsigned(w->db.page_size));
	event_add(p, "Dirty", value_bool(w->db.dirty));
	event_messagef(p, "ESE database %s, %zu tables%s", name ? name + 1 : p->path, w->db.count,
		       w->db.dirty ? ", not shut down cleanly: what only its logs hold is not read"
				   : "");
	return event_emit(p);
}

static int parse(struct parse *p, struct view bytes)
{
	struct work w = {.p = p};
	const struct ese_table *t;
	int status = ese_open(&w.db, bytes, &p->arena);

	if (status < 0) {
		ese_close(&w.db);
		return parse_fail(p, status, 0,
				  status == ERR_FORMAT ? "not an ESE database"
						       : "a page size that cannot be");
	}
	if (w.db.bad &&
	    (status = parse_lost(p, 0, "%u pages of the catalogue cannot be read", w.db.bad)) < 0)
		goto out;
	if ((status = database_event(&w)) < 0)
		goto out;
	if ((t = ese_table_find(&w.db, "SruDbIdMapTable")) != NULL) {
		w.kind = DB_SRUM;
		status = ese_records(&w.db, t, &w.scratch, srum_id, &w);
	} else if ((t = ese_table_find(&w.db, "Containers")) != NULL) {
		w.kind = DB_WEB;
		status = ese_records(&w.db, t, &w.scratch, web_container, &w);
	} else if ((t = ese_table_find(&w.db, "Jobs")) != NULL &&
		   ese_table_find(&w.db, "Files") != NULL) {
		w.kind = DB_BITS;
		status = read_queue(&w, t, ese_table_find(&w.db, "Files"));
	} else if (ese_table_find(&w.db, "SystemIndex_PropertyStore") ||
		   ese_table_find(&w.db, "SystemIndex_0A")) {
		w.kind = DB_SEARCH;
		if ((t = ese_table_find(&w.db, "SystemIndex_GthrPth")) != NULL)
			status = ese_records(&w.db, t, &w.scratch, search_scope, &w);
	} else if (ese_table_find(&w.db, "CLIENTS") || ese_table_find(&w.db, "ROLE_IDS")) {
		w.kind = DB_ACCESS;
	}
	if (w.name_count)
		qsort(w.names, w.name_count, sizeof(*w.names), by_id);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]) && status >= 0; i++)
		if (known[i].kind == w.kind && (t = ese_table_find(&w.db, known[i].table)) != NULL)
			status = read_table(&w, t, known[i].title, known[i].event);
	for (size_t i = 0; i < w.db.count && status >= 0; i++) {
		t = &w.db.tables[i];
		w.container = NULL;
		if (left_out(&w, t->name))
			continue;
		if (w.kind == DB_WEB && strncmp(t->name, "Container_", 10) == 0) {
			w.container = name_of(&w, strtoll(t->name + 10, NULL, 10));
			status = read_table(&w, t, "Web cache", KIND_OTHER);
		} else {
			status = read_table(&w, t, NULL, KIND_OTHER);
		}
	}
out:
	ese_close(&w.db);
	free(w.names);
	arena_release(&w.scratch);
	return status;
}

static int probe(const struct probe *p)
{
	/* File type 0: a database, not a streaming file. */
	return view_get32(p->head, 4) == 0x89abcdef && view_get32(p->head, 12) == 0 ? BID_MAGIC
										    : BID_NO;
}

const struct parser parser_esedb = {
	.name = "esedb",
	.title = "ESE databases: SRUM, User Access Logging, WebCache, Windows Search, BITS queue",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
