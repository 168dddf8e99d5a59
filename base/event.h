/*
 * The event: a time plus what happened. Every parser makes them, every sink takes them.
 *
 * An event is a shape (an interned list of field names) plus one value for each name. Values are
 * spans of the evidence in the type that they have there; a sink renders the ones it needs, once,
 * into what it needs (JSON, a matcher's text, a database row). Nothing is copied on the way: all
 * spans are valid only during the call of sink->event, and a sink copies what it keeps.
 */
#ifndef KONSEKI_BASE_EVENT_H
#define KONSEKI_BASE_EVENT_H

#include "base/buffer.h"
#include "base/timestamp.h"

/* The closed list of what can happen. KIND(c_name, "text") */
#define EVENT_KINDS(KIND)                                                                          \
	KIND(OTHER, "other")                                                                       \
	KIND(PROCESS_START, "process_start")                                                       \
	KIND(PROCESS_STOP, "process_stop")                                                         \
	KIND(PROCESS_ACCESS, "process_access") /* handle to, or thread in, another process */      \
	KIND(PROCESS_SEEN, "process_seen")     /* running at collection; or traces that it ran */  \
	KIND(IMAGE_LOAD, "image_load")                                                             \
	KIND(DRIVER_LOAD, "driver_load")                                                           \
	KIND(FILE_CREATE, "file_create")                                                           \
	KIND(FILE_DELETE, "file_delete")                                                           \
	KIND(FILE_RENAME, "file_rename")                                                           \
	KIND(FILE_WRITE, "file_write")                                                             \
	KIND(FILE_READ, "file_read")                                                               \
	KIND(FILE_METADATA, "file_metadata") /* times, owner, rights changed; entries of a MFT */  \
	KIND(REGISTRY_SET, "registry_set")                                                         \
	KIND(REGISTRY_ADD, "registry_add")                                                         \
	KIND(REGISTRY_DELETE, "registry_delete")                                                   \
	KIND(REGISTRY_KEY, "registry_key") /* a key's last write time */                           \
	KIND(SERVICE_INSTALL, "service_install")                                                   \
	KIND(SERVICE_START, "service_start")                                                       \
	KIND(SERVICE_STOP, "service_stop")                                                         \
	KIND(TASK_CREATE, "task_create")                                                           \
	KIND(TASK_RUN, "task_run")                                                                 \
	KIND(TASK_DELETE, "task_delete")                                                           \
	KIND(LOGON, "logon")                                                                       \
	KIND(LOGOFF, "logoff")                                                                     \
	KIND(LOGON_FAILURE, "logon_failure")                                                       \
	KIND(LOGON_SEEN, "logon_seen")	     /* logged on at collection */                         \
	KIND(PRIVILEGE_USE, "privilege_use") /* sudo, su, special privileges */                    \
	KIND(ACCOUNT_CREATE, "account_create")                                                     \
	KIND(ACCOUNT_CHANGE, "account_change")                                                     \
	KIND(ACCOUNT_DELETE, "account_delete")                                                     \
	KIND(ACCOUNT_SEEN, "account_seen")                                                         \
	KIND(GROUP_CHANGE, "group_change")                                                         \
	KIND(NETWORK_CONNECT, "network_connect")                                                   \
	KIND(NETWORK_LISTEN, "network_listen")                                                     \
	KIND(NETWORK_SHARE, "network_share")                                                       \
	KIND(DNS_QUERY, "dns_query")                                                               \
	KIND(WEB_VISIT, "web_visit")                                                               \
	KIND(WEB_REQUEST, "web_request") /* a server's access log */                               \
	KIND(DOWNLOAD, "download")                                                                 \
	KIND(PIPE_CREATE, "pipe_create")                                                           \
	KIND(WMI, "wmi")                                                                           \
	KIND(SCRIPT_BLOCK, "script_block")                                                         \
	KIND(COMMAND_HISTORY, "command_history")                                                   \
	KIND(PERSISTENCE, "persistence")                                                           \
	KIND(MODULE_SEEN, "module_seen") /* kernel module or driver at collection */               \
	KIND(MOUNT_SEEN, "mount_seen")                                                             \
	KIND(INTERFACE_SEEN, "interface_seen")                                                     \
	KIND(DEVICE_CONNECT, "device_connect")                                                     \
	KIND(PACKAGE_INSTALL, "package_install")                                                   \
	KIND(PACKAGE_REMOVE, "package_remove")                                                     \
	KIND(MALWARE_FOUND, "malware_found") /* by the host's own protection */                    \
	KIND(POLICY_CHANGE, "policy_change")                                                       \
	KIND(LOG_CLEARED, "log_cleared")                                                           \
	KIND(SYSTEM_START, "system_start")                                                         \
	KIND(SYSTEM_STOP, "system_stop")                                                           \
	KIND(TIME_CHANGE, "time_change")                                                           \
	KIND(SYSTEM_INFO, "system_info") /* name, version, time zone of the host */                \
	KIND(DAMAGE, "damage")		 /* bytes that could not be read; fields Offset, Reason */

enum event_kind {
#define KIND(name, text) KIND_##name,
	EVENT_KINDS(KIND)
#undef KIND
		KIND_COUNT
};

const char *event_kind_text(enum event_kind kind);
/* The kind of a text, or KIND_COUNT when there is none. */
enum event_kind event_kind_of(struct view text);

enum value_type {
	VALUE_ABSENT,	/* the field is not there in this event: never rendered */
	VALUE_UTF8,	/* data/len: bytes, meant as UTF-8; sinks repair what is not */
	VALUE_UTF16,	/* data/len: UTF-16LE, no terminator */
	VALUE_SIGNED,	/* i */
	VALUE_UNSIGNED, /* u */
	VALUE_HEX,	/* u, rendered 0x1a */
	VALUE_BOOL,	/* u: 0 or 1; rendered true, false */
	VALUE_DOUBLE,	/* f */
	VALUE_FLOAT,	/* f holds a single-precision value: rendered with the digits of one */
	VALUE_TIME,	/* i: ns since 1970; rendered RFC 3339 */
	VALUE_FILETIME, /* u: 100 ns since 1601; rendered to the microsecond, as event logs are
			   printed: 2026-11-23T20:38:01.123456Z */
	VALUE_GUID,	/* data: 16 bytes; rendered {8-4-4-4-12}, upper case */
	VALUE_SID,	/* data/len: rendered S-1-5-... */
	VALUE_BINARY,	/* data/len: rendered as upper-case hex */
	VALUE_LIST, /* list/len: len values, rendered as a JSON array; in text joined with ", " */
	VALUE_JSON, /* data/len: one JSON value, already valid, copied as it is */
};

struct value {
	uint32_t type;
	uint32_t len; /* bytes of data, or count of list */
	union {
		const uint8_t *data;
		int64_t i;
		uint64_t u;
		double f;
		const struct value *list;
	};
};

static inline struct value value_view(struct view v)
{
	return (struct value){.type = VALUE_UTF8, .len = (uint32_t)v.len, .data = v.data};
}
static inline struct value value_text(const char *s)
{
	return s ? value_view(view_text(s)) : (struct value){.type = VALUE_ABSENT};
}
static inline struct value value_utf16(struct view v)
{
	return (struct value){.type = VALUE_UTF16, .len = (uint32_t)v.len, .data = v.data};
}
static inline struct value value_unsigned(uint64_t u)
{
	return (struct value){.type = VALUE_UNSIGNED, .u = u};
}
static inline struct value value_signed(int64_t i)
{
	return (struct value){.type = VALUE_SIGNED, .i = i};
}
static inline struct value value_hex(uint64_t u)
{
	return (struct value){.type = VALUE_HEX, .u = u};
}
static inline struct value value_bool(bool b)
{
	return (struct value){.type = VALUE_BOOL, .u = b};
}
static inline struct value value_time(int64_t ts)
{
	struct value v = {.type = ts == TIME_NONE ? VALUE_ABSENT : VALUE_TIME, .i = ts};

	return v;
}
static inline struct value value_filetime(uint64_t ticks)
{
	return (struct value){.type = VALUE_FILETIME, .u = ticks};
}
static inline struct value value_guid(const uint8_t sixteen[16])
{
	return (struct value){.type = VALUE_GUID, .len = 16, .data = sixteen};
}
static inline struct value value_binary(struct view v)
{
	return (struct value){.type = VALUE_BINARY, .len = (uint32_t)v.len, .data = v.data};
}

/* The value as a person reads it: UTF-8, valid, not escaped. Absent values append nothing. */
void value_append(struct buffer *out, const struct value *v);
/*
 * The same for values whose text is short and needs no escape anywhere (numbers, times, GUIDs, SIDs
 * as they should be), into VALUE_PUT_ROOM bytes that the caller provides. The end, or NULL for the
 * others.
 */
#define VALUE_PUT_ROOM 288
char *value_put(char *p, const struct value *v);
/* The value as JSON: strings quoted; numbers and booleans bare; hex, times, GUIDs as strings;
 * absent is null. */
void value_json(struct buffer *out, const struct value *v);

/*
 * A shape: the field names of an event, in document order. The same name may stand more than once
 * (positional Data, repeated attributes); JSON then holds an array under the first.
 * Shapes are interned in a table and live as long as it does: sinks may key caches by `id`.
 */
struct shape {
	uint32_t id;	     /* dense, from 0, in this table */
	uint32_t count;	     /* of names */
	uint64_t hash;	     /* of the names */
	struct view *names;  /* UTF-8 */
	struct view *keys;   /* "name": with quotes, escapes and colon, ready to print */
	uint32_t *next_same; /* index of the next field of that name, or 0 */
	bool *repeats;	     /* a name that stood before: printed with its first */
	bool unique;	     /* no name stands twice */
	/* Indices of names that sinks look for, or -1. */
	int32_t provider, channel, event_id, computer, record_id, process_id;
};

struct shape_table;
struct shape_table *shape_table_new(void);
void shape_table_free(struct shape_table *t);
/* Whether it has more than honest evidence needs: time for a new one, lest hostile names leave no room for others. */
bool shape_table_full(const struct shape_table *t);
/* The shape of these names; the names are copied when it is new. NULL past LIMIT_EVENT_FIELDS. */
const struct shape *shape_intern(struct shape_table *t, const struct view *names, size_t count);
/* Index of the first field of that name (exact), or -1. */
int shape_find(const struct shape *s, struct view name);

/* Flags of an event: what about it is not certain. Rendered as the field names in event_flag_text.
 */
enum event_flag {
	EVENT_RECOVERED = 1,	 /* from slack, deleted or unallocated space */
	EVENT_YEAR_INFERRED = 2, /* the source has no year */
	EVENT_ZONE_ASSUMED = 4,	 /* the source has local times and no zone: read as UTC */
	EVENT_SECOND_PRECISION = 8,
	EVENT_CUT = 16, /* some of its bytes are lost */
};

/* The name of one flag ("recovered", ...), or NULL. */
const char *event_flag_text(unsigned flag);

/*
 * A message made of the event's own fields, put together only where somebody wants to read it: text
 * and values in turn.
 */
struct message_part {
	struct view text;					   /* when field is negative */
	int32_t field;						   /* index in the event's values */
	void (*format)(struct buffer *out, const struct value *v); /* NULL for value_append */
};

struct event {
	int64_t ts;	     /* ns since 1970 UTC, or TIME_NONE */
	const char *ts_desc; /* static: what ts means, in Plaso's vocabulary ("Creation Time") */
	enum event_kind kind;
	unsigned flags;	   /* enum event_flag */
	uint64_t offset;   /* where in the artefact: byte offset */
	uint64_t record;   /* record number in the artefact, or line; 0 when it has none */
	struct value host; /* what the record itself says; absent: the artefact's host */
	struct value user;
	struct value message; /* one line for a person; absent: made of the parts, or else of the
				 fields */
	const struct message_part *parts;
	uint32_t part_count;
	const char *
		parser; /* who parsed it first, where the event was read back; NULL: the origin's */
	const struct shape *shape;
	const struct value *values; /* shape->count of them */
};

/* The value of the first field of that name, or NULL. */
const struct value *event_find(const struct event *e, const char *name);

/* Where an event came from: constant over an artefact. */
struct event_origin {
	const char *host;   /* of the artefact's machine, or NULL */
	const char *source; /* original path */
	const char *parser;
};

/* Appends {"name":value,...}: all fields that are there. */
void event_fields_json(struct buffer *out, const struct event *e);

/* Appends the whole event as one line of JSON (output contract), newline included. */
void event_json(struct buffer *out, const struct event *e, const struct event_origin *origin);

/* Appends the message: the event's own, or one made from its first fields. Never more than 4 KiB,
 * never a newline. */
void event_message(struct buffer *out, const struct event *e);

/* Takes events. */
struct sink {
	/* 0 to go on; a negative status stops the parser, which returns it. */
	int (*event)(struct sink *sink, const struct event *event);
};

#endif
