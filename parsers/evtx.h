/*
 * Inside of the evtx parser: what its files share. Nobody else includes this.
 *
 * A template's binary XML is decoded once per file into a list of ops; a record is then an instance
 * of a template: the list plus a table of values ("holes"). Two walkers read ops: evtx_xml.c writes
 * XML, evtx.c compiles them into a plan, which says for each field of the event where its value is.
 *
 * Format: libyal, "Windows XML Event Log (EVTX) format"; binary XML: [MS-EVEN6] 2.2.12.
 */
#ifndef KONSEKI_PARSERS_EVTX_H
#define KONSEKI_PARSERS_EVTX_H

#include "parsers/script.h"

#define EVTX_CHUNK	 65536u
#define EVTX_CHUNK_HEAD	 512u
#define EVTX_FILE_HEAD	 4096u
#define EVTX_RECORD_HEAD 24u
#define EVTX_RECORD_MIN	 28u

/* Value types; [MS-EVEN6] 2.2.12, "BinXmlValueType". */
enum evtx_type {
	EVTX_NULL = 0x00,
	EVTX_STRING = 0x01,
	EVTX_ANSI = 0x02,
	EVTX_INT8 = 0x03,
	EVTX_UINT8 = 0x04,
	EVTX_INT16 = 0x05,
	EVTX_UINT16 = 0x06,
	EVTX_INT32 = 0x07,
	EVTX_UINT32 = 0x08,
	EVTX_INT64 = 0x09,
	EVTX_UINT64 = 0x0a,
	EVTX_REAL32 = 0x0b,
	EVTX_REAL64 = 0x0c,
	EVTX_BOOL = 0x0d,
	EVTX_BINARY = 0x0e,
	EVTX_GUID = 0x0f,
	EVTX_SIZE = 0x10,
	EVTX_FILETIME = 0x11,
	EVTX_SYSTIME = 0x12,
	EVTX_SID = 0x13,
	EVTX_HEX32 = 0x14,
	EVTX_HEX64 = 0x15,
	EVTX_HANDLE = 0x20,
	EVTX_BINXML = 0x21,
	EVTX_XML = 0x23,
	EVTX_ARRAY = 0x80, /* flag */
};

enum evtx_op_type {
	EVTX_OP_OPEN,	   /* element: text is its name */
	EVTX_OP_ATTRIBUTE, /* text is its name; values follow */
	EVTX_OP_CONTENT,   /* attributes end here, content begins */
	EVTX_OP_CLOSE,	   /* the element ends */
	EVTX_OP_TEXT,	   /* text, UTF-8, not escaped */
	EVTX_OP_CDATA,
	EVTX_OP_VALUE, /* a literal that is not text */
	EVTX_OP_HOLE,
	EVTX_OP_PI, /* text is the target */
	EVTX_OP_PI_DATA,
	EVTX_OP_INSTANCE,
};

#define EVTX_NO_DEPENDENCY 0xffff

/* Bytes of the chunk with their type. */
struct evtx_hole {
	const uint8_t *data;
	/* As they stand in a record's table of values. */
	uint16_t size;
	uint8_t type;
	uint8_t unused;
};

struct evtx_instance;

struct evtx_op {
	uint8_t type;
	bool optional;	     /* HOLE */
	uint16_t hole;	     /* HOLE: number of the value */
	uint16_t dependency; /* OPEN: left out when that hole is null */
	uint32_t end;	     /* OPEN: index of its CLOSE */
	struct view text;
	union {
		struct evtx_hole value;		/* VALUE */
		struct evtx_instance *instance; /* INSTANCE */
	};
};

struct evtx_ops {
	struct evtx_op *op;
	uint32_t count;
};

/* One step of comparing a definition in another chunk with the compiled one. */
struct evtx_check {
	uint32_t offset; /* RAW, NAME: in `same` of the template */
	uint16_t len;	 /* RAW: bytes; NAME: UTF-16 units; SIZE: 0 */
	uint8_t type;
};

struct evtx_plan;
struct evtx_program;

struct evtx_template {
	uint8_t guid[16];
	bool stand_in; /* for one that is lost; lives as long as the record */
	struct evtx_ops ops;
	struct evtx_check *checks;
	uint32_t check_count;
	uint8_t *same;		    /* bytes that every copy of it shares, names included */
	struct evtx_template *next; /* in its bucket */
	/* XML: made at the second use; the other one for records with arrays. */
	struct evtx_program *program[2];
	unsigned uses;
};

struct evtx_instance {
	struct evtx_template *t;
	struct evtx_hole *holes;
	uint32_t count;
	uint32_t nested; /* values that are binary XML */
	bool arrays;	 /* some values are arrays */
	bool cut;	 /* the values do not all lie inside the record */
	bool borrowed;	 /* the definition is damaged: that of another chunk serves, what is left of
			    it, or a stand-in */
};

/* A record, as its head has it. */
struct evtx_record {
	size_t pos, end; /* binary XML, in e->chunk */
	uint64_t offset; /* of the record in the artefact */
	uint64_t number;
	uint64_t written; /* FILETIME */
	unsigned flags;	  /* enum event_flag */
};
#define EVTX_BUCKETS 1024
#define EVTX_NEAR    256 /* slots of the table by offset in a chunk */
#define EVTX_HOLES   32768
#define EVTX_SOUGHT  32

struct evtx {
	struct parse *p;
	struct view bytes;		  /* whole artefact */
	size_t base;			  /* of the chunk in bytes */
	struct view chunk;		  /* what is there of it */
	const struct evtx_record *record; /* being read */
	uint32_t generation;		  /* of `near`: one per chunk */
	struct evtx_near {
		uint32_t generation, offset;
		struct evtx_template *t;
		bool lenient; /* made of what is left of a damaged definition */
	} near[EVTX_NEAR];
	struct evtx_template *buckets[EVTX_BUCKETS];
	struct evtx_plan *plans[EVTX_BUCKETS]; /* by the templates of a record */
	struct arena arena;		       /* templates and plans; lives as long as the file */
	struct arena scratch;		       /* of one record */
	struct evtx_hole *holes;	       /* EVTX_HOLES of them, for the record being read */
	uint32_t holes_used;
	/* Scratch of the decoder. */
	struct evtx_op *op;
	size_t op_cap;
	uint32_t op_used;
	struct evtx_check *check;
	size_t check_cap;
	struct buffer same, text;
	uint32_t sought[EVTX_SOUGHT], sought_count; /* numbers of templates that were looked for */
	size_t compiled;			    /* bytes of definitions, in this chunk */
	const char *why;			    /* reason of the last failure */
	struct scripts scripts;			    /* script blocks of several events */
};

void evtx_begin(struct evtx *e, struct parse *p, struct view bytes);
void evtx_end(struct evtx *e);
/* Sets the chunk that offsets count from: [base, base+len). */
void evtx_set_chunk(struct evtx *e, size_t base, size_t len);

/*
 * Decodes binary XML that is not a template definition, at [pos, end) of the chunk, into ops of the
 * scratch arena. False, and e->why, when it is not well-formed.
 */
bool evtx_fragment(struct evtx *e, size_t pos, size_t end, unsigned depth, struct evtx_ops *ops);

/* Reads a template instance, pos behind its token; *pos gets the end of its values. */
bool evtx_instance(struct evtx *e, size_t *pos, size_t end, unsigned depth,
		   struct evtx_instance *out);

/*
 * The instance that a record or a value of binary XML consists of: fragment header, instance, end.
 * False when it is something else (then evtx_fragment reads it). Where `pos` is in the chunk.
 */
bool evtx_sole_instance(struct evtx *e, size_t pos, size_t end, unsigned depth,
			struct evtx_instance *out);

static inline const struct evtx_hole *evtx_hole(const struct evtx_instance *i, unsigned n)
{
	static const struct evtx_hole none = {NULL, 0, EVTX_NULL, 0};

	return i && n < i->count ? &i->holes[n] : &none;
}
static inline bool evtx_is_null(const struct evtx_hole *h)
{
	return h->type == EVTX_NULL;
}
/* Position of evidence bytes in the chunk. */
static inline size_t evtx_position(const struct evtx *e, const uint8_t *data)
{
	return (size_t)(data - e->chunk.data);
}

/*
 * The types that nearly all values of a log have, with the sizes that they should have; false for
 * the others.
 */
static inline bool evtx_common_value(const struct evtx_hole *h, struct value *v)
{
	uint32_t type = VALUE_UNSIGNED, size = h->size, n = 0;
	uint16_t half;

	switch (h->type) {
	case EVTX_STRING:
		size &= ~1u;
		while (size && h->data[size - 1] == 0 && h->data[size - 2] == 0)
			size -= 2;
		*v = (struct value){.type = VALUE_UTF16, .len = size, .data = h->data};
		return true;
	case EVTX_UINT8:
		if (size != 1)
			return false;
		*v = (struct value){.type = VALUE_UNSIGNED, .u = h->data[0]};
		return true;
	case EVTX_UINT16:
		if (size != 2)
			return false;
		memcpy(&half, h->data, 2);
		*v = (struct value){.type = VALUE_UNSIGNED, .u = half};
		return true;
	case EVTX_HEX32:
		type = VALUE_HEX;
		/* fall through */
	case EVTX_UINT32:
		if (size != 4)
			return false;
		memcpy(&n, h->data, 4);
		*v = (struct value){.type = type, .u = n};
		return true;
	case EVTX_HEX64:
	case EVTX_FILETIME:
		type = h->type == EVTX_HEX64 ? VALUE_HEX : VALUE_FILETIME;
		/* fall through */
	case EVTX_UINT64:
		if (size != 8)
			return false;
		*v = (struct value){.type = type};
		memcpy(&v->u, h->data, 8);
		return true;
	case EVTX_GUID:
		if (size != 16)
			return false;
		*v = (struct value){.type = VALUE_GUID, .len = 16, .data = h->data};
		return true;
	case EVTX_SID:
		*v = (struct value){
			.type = size ? VALUE_SID : VALUE_ABSENT, .len = size, .data = h->data};
		return true;
	default:
		return false;
	}
}

/* The value of a hole (not of binary XML); lists go to the scratch arena. */
struct value evtx_value(struct evtx *e, const struct evtx_hole *h);

/* Takes the next item of an array off the hole; false at its end. */
bool evtx_next_item(struct evtx_hole *rest, struct evtx_hole *item);

/* Appends the XML of a value of type 0x21. */
void evtx_xml_nested(struct evtx *e, struct buffer *out, const struct evtx_hole *h, unsigned depth);

/*
 * Walks the records of the artefact, or of the segments asked for. `record` gets each record's
 * extent in the chunk: [pos, end) is its binary XML. Losses are told by parse_lost.
 */
uint32_t evtx_segments(struct view bytes);
/* The part [from, to) of the artefact that was asked for; `first` is where its first chunk is due. */
void evtx_range(const struct evtx *e, size_t *first, size_t *from, size_t *to);
int evtx_walk(struct evtx *e,
	      int (*record)(struct evtx *e, const struct evtx_record *r, void *data), void *data);
/* The same for [from, to), where chunks are due. */
int evtx_walk_range(struct evtx *e, size_t from, size_t to,
		    int (*record)(struct evtx *e, const struct evtx_record *r, void *data),
		    void *data);

/* Tells what of a record is lost, once, when not all of it is told already. `why` may be empty. */
enum evtx_loss {
	EVTX_LOSS_NONE,
	EVTX_LOSS_TEMPLATE, /* nothing, but another template served */
	EVTX_LOSS_NAMES,    /* a stand-in served */
	EVTX_LOSS_VALUES,
};
int evtx_tell(struct evtx *e, const struct evtx_record *r, enum evtx_loss loss, const char *why);

/* What is known of an event id: the kind, and the message as a pattern: "... {Field} ...". */
struct evtx_known {
	const char *provider;
	uint16_t id;
	uint16_t kind;
	const char *message; /* or NULL */
};
const struct evtx_known *evtx_known(struct view provider, uint64_t id);
size_t evtx_known_count(void);
/* The field that holds who did it, or NULL: one of the names that providers share. */
const char *evtx_user_field(const struct evtx_known *known);
/* Another kind, by the value of a field. */
struct evtx_refinement {
	const char *provider;
	uint16_t id;
	const char *field;
	const char *text; /* that it begins with; NULL: a number other than zero */
	uint16_t kind;
};
const struct evtx_refinement *evtx_refinement(const struct evtx_known *known); /* or NULL */
bool evtx_refines(const struct evtx_refinement *r, const struct value *v);
/*
 * The formatter of "{Field:NAME}", or NULL. Those for parts of a sentence (from, by, paren, ...)
 * write nothing for a value that is not there; "1" to "8" take an item of an array.
 */
typedef void (*evtx_format)(struct buffer *out, const struct value *v);
evtx_format evtx_format_named(struct view name);

#endif
