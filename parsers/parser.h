/*
 * A parser turns the bytes of one artefact into events. One format, one file, one exported symbol
 * `parser_NAME`, one line in list.h; the list drives the table, the tests and the fuzz targets.
 */
#ifndef KONSEKI_PARSERS_PARSER_H
#define KONSEKI_PARSERS_PARSER_H

#include "base/event.h"
#include "base/limits.h"
#include "base/status.h"

/* What a probe may look at: it never allocates and reads few bytes. */
struct probe {
	struct view head; /* the first bytes, up to PROBE_HEAD */
	uint64_t size;	  /* of the whole artefact, bytes */
	const char *path; /* original path, '/' between the parts, as found in the evidence; "" if
			     unknown */
	const char *name; /* its last part */
};
#define PROBE_HEAD 65536

/* Bids. The highest wins; equal bids go to the first of list.h. */
enum bid {
	BID_NO = 0,
	BID_NAME = 20,	  /* the path fits, the content cannot tell */
	BID_CONTENT = 50, /* the content looks right (text that parses, ...) */
	BID_BOTH = 70,	  /* content and path both fit */
	BID_MAGIC = 90,	  /* a magic number that nothing else has */
	BID_EXACT =
		100, /* magic and path: more special than another parser of the same container */
};

struct parse;

struct parser {
	const char *name;  /* "evtx": for --parser, the case and the tests */
	const char *title; /* "Windows event log": for lists and man pages */
	unsigned version;  /* raised when the events of the same bytes change */
	int (*probe)(const struct probe *probe);
	/*
	 * Reads the whole artefact and emits its events. Returns OK also when parts were damaged
	 * (each told by parse_lost); an error when the artefact had to be abandoned, with
	 * parse->problem set. A status that parse_emit returned is handed back at once.
	 */
	int (*parse)(struct parse *parse, struct view bytes);
	/*
	 * Formats whose parts stand alone (EVTX chunks, $MFT records): the number of segments, a
	 * few MiB each, that this artefact can be read in, one by one and by several workers.
	 * parse() then reads segments [p->segment_from, p->segment_to). NULL: the artefact is one
	 * segment.
	 */
	uint32_t (*segments)(struct view bytes);
};

/* The world of one run of a parser. Made by parse_begin; a parser reads it and calls the functions
 * below. */
struct parse {
	const char *path; /* original path: for what it tells (user of a home folder, ...), never to
			     open */
	const char *host; /* of the machine, or NULL where unknown */
	int64_t mtime;	  /* of the artefact, ns, or TIME_NONE: infers years */
	int64_t now;	  /* of the collection, ns: nothing in the evidence is much later */
	bool carve;	  /* --carve: look for records in slack too */
	bool collected;	  /* the evidence is a bundle: its live lines list autoruns and accounts
			     already */
	uint32_t segment_from, segment_to; /* which part to read; 0 and UINT32_MAX: all of it */
	/* Bytes of a companion ("-wal", ".LOG1": appended to the path; "/NAME": another file of the
	 * folder), or an empty view. Valid as long as the parse. May be NULL. */
	struct view (*companion)(struct parse *parse, const char *suffix);
	void *companion_data;

	struct arena arena;   /* lives as long as the artefact; parsers may use it */
	struct arena scratch; /* reset by event_start: text made for one event */
	struct shape_table *shapes;
	struct sink *sink;
	struct view bytes; /* the whole artefact, as given to parse() */
	struct problem problem;
	uint64_t events;   /* emitted, losses not counted */
	uint64_t losses;   /* records or parts that could not be read */
	uint64_t released; /* see parse_release */

	/* The event being built: event_start .. event_emit. */
	struct event event;
	struct view names[LIMIT_EVENT_FIELDS];
	struct value values[LIMIT_EVENT_FIELDS];
	size_t count;
	bool decoded; /* what its commands hide was looked for (parsers/encoded.h) */
};

void parse_init(struct parse *p, struct sink *sink, struct shape_table *shapes);
void parse_done(struct parse *p);

/* Hands an event that the parser made itself (own shape and values) to the sink. */
int parse_emit(struct parse *p, const struct event *e);

/*
 * Damage is evidence: emits a KIND_DAMAGE event with the offset and the reason, and counts a loss.
 * After LIMIT_LOSSES of them only the count goes on. Returns like parse_emit.
 */
#define LIMIT_LOSSES 10000
__attribute__((format(printf, 3, 4))) int parse_lost(struct parse *p, uint64_t offset,
						     const char *fmt, ...);

/* Abandons: sets p->problem and returns the status. */
#define parse_fail(p, status, offset, ...) problem_set(&(p)->problem, status, offset, __VA_ARGS__)

/* Tells that bytes before `offset` are not needed again, so that their pages may go. Cheap. */
void parse_release(struct parse *p, uint64_t offset);

/*
 * Building an event, for parsers that need no more speed than that:
 *	event_start(p, KIND_LOGON, ts, "Creation Time", offset);
 *	event_add(p, "TargetUserName", value_view(user));
 *	event_user(p, value_view(user));
 *	event_messagef(p, "Account %s logged on", text);
 *	if ((status = event_emit(p)) < 0) return status;
 * Names are static strings or live in p->scratch or p->arena; views and strings are not copied
 * before the sink has them, so text made on the fly goes to p->scratch. Absent values and NULL names
 * are left out. event_emit adds what a command hides (parsers/encoded.h) in fields of its own.
 */
void event_start(struct parse *p, enum event_kind kind, int64_t ts, const char *ts_desc,
		 uint64_t offset);
void event_add(struct parse *p, const char *name, struct value value);
void event_add_named(struct parse *p, struct view name, struct value value);
void event_addf(struct parse *p, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void event_messagef(struct parse *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline void event_user(struct parse *p, struct value user)
{
	p->event.user = user;
}
static inline void event_host(struct parse *p, struct value host)
{
	p->event.host = host;
}
/* Emits it. The fields stay: event_emit_at sends the same event again with another time. */
int event_emit(struct parse *p);
int event_emit_at(struct parse *p, int64_t ts, const char *ts_desc);

/* UTF-8 text of UTF-16LE bytes in p->scratch (or another arena), stopped at the first NUL. Never
 * NULL. */
const char *parse_utf16z(struct arena *a, struct view utf16);
/* A NUL-terminated, repaired copy of the bytes. Never NULL. */
const char *parse_text(struct arena *a, struct view bytes);
/* The text of a value, NUL-terminated. Never NULL. */
const char *parse_value_text(struct arena *a, const struct value *v);

/* Part of a path after "/home/" or "/Users/" (or "root"), as a view; empty when there is none. */
struct view parse_path_user(const char *path);

/* The table, made of list.h; NULL-terminated. */
extern const struct parser *const parsers[];
const struct parser *parser_find(const char *name);
/* The highest bidder, or NULL. *bid may be NULL. */
const struct parser *parser_pick(const struct probe *probe, int *bid);

/*
 * Event logs as XML: the records as Windows renders them. Only the evtx parser has it; the element
 * <Events> around them is the caller's. Appends to out, hands it to flush when it is large.
 */
int evtx_to_xml(struct parse *p, struct view bytes, struct buffer *out,
		int (*flush)(void *data, struct buffer *out), void *data);

#endif
