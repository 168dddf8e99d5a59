/*
 * Events between the process that parses them and the process that writes the case.
 *
 * The parser's process (sandboxed) renders each event once, into blocks of some hundred rows; the
 * writer's process takes a block apart without trusting a byte of it. What repeats is sent once: a
 * block names its shapes by a hash of their definitions, and holds a definition the first time that
 * a stream needs it. A stream is one task: row_encoder_begin .. row_encoder_end. Blocks of different
 * streams may reach the writer in any order, those of one stream in order.
 *
 * A shape here is more than the names of base/event.h: everything that events of one make share, so
 * that a row holds only what differs. It has the kind, the provider, the channel, the event id,
 * what the time means, and two layouts, one of the fields as JSON and one of the message. A layout
 * is a JSON array of literal texts and holes: text is copied, a number n stands for value n of the
 * row, negative ones for what is in the row already (enum row_hole). Fields of the event's System
 * part that seldom change (provider, level, keywords, ...) are text of the layout. Absent fields are
 * not in it at all: an event that lacks one has another shape. So `fields` is the concatenation, in
 * C as in plain SQL:
 *	["{\"EventID\":4624,\"TargetUserName\":",0,",\"LogonType\":",1,"}"] and ["bob",3]
 *
 * Block, integers little-endian:
 *	u32 size of all of it; u32 ROW_MAGIC; u32 shapes, strings, rows, hits; u32 bytes of the
 * signature shape:  16 bytes hash (of SHA-256 of the definition), u32 bytes of the definition or 0,
 * definition string: u32 bytes, UTF-8 row:    struct row_head, message (UTF-8), values (a JSON
 * array) hit:    u32 row, u32 silent, then six strings: rule id, title, level, tags (JSON), path, matched
 * (JSON), and bytes for correlations
 *	signature: the Bloom filter of the block (timeline/signature.h)
 * Definition: u32 kind, flags, values; i64 event id (-1: none); then strings ts_desc, provider,
 * channel, names (JSON array), layout, message layout ("" when rows bring their own message).
 */
#ifndef KONSEKI_TIMELINE_ROW_H
#define KONSEKI_TIMELINE_ROW_H

#include "base/event.h"
#include "base/status.h"

#define ROW_MAGIC	  0x31776f72u /* "row1" */
#define ROW_HASH	  16
#define ROW_SIGNATURE_MAX 8192 /* bytes */
/* A block is closed at either; a single event may make it larger, up to ROW_BLOCK_MAX. */
#define ROW_BLOCK_ROWS	128
#define ROW_BLOCK_BYTES (48u << 10)
#define ROW_BLOCK_MAX	(256u << 20)

enum row_hole {
	ROW_TIME = -1, /* the row's time with six digits of a second, as VALUE_FILETIME renders */
	ROW_HOST = -2, /* the row's host */
};

/* ---- in the worker ---- */

struct row_encoder;
struct row_encoder *row_encoder_new(void);
void row_encoder_free(struct row_encoder *e);

/* Starts a stream: nothing is known to the writer yet, and nothing of an earlier stream is kept. */
void row_encoder_begin(struct row_encoder *e);
/* Appends the event; whole blocks go to `out` as they fill up. OK or ERR_LIMIT (an event beyond all
 * bounds). */
int row_encode(struct row_encoder *e, struct buffer *out, const struct event *event);
/* A detection of the event that was encoded last. */
struct row_hit {
	struct view rule_id, title, level, tags, path, matched; /* tags and matched: JSON arrays */
	struct view correlated; /* what correlations want to know of the event, or empty */
	bool silent;		/* no detection of its own */
};
void row_encode_hit(struct row_encoder *e, const struct row_hit *hit);
/* The rest of the stream. */
void row_encoder_end(struct row_encoder *e, struct buffer *out);

/* ---- in the writer ---- */

struct row_shape {
	uint8_t hash[ROW_HASH];
	bool defined; /* the rest is there */
	uint32_t kind, flags, values;
	int64_t event_id; /* or -1 */
	struct view ts_desc, provider, channel, names, layout, message;
};

struct row {
	uint32_t shape;			 /* index in the block */
	struct view host, user;		 /* empty: none of its own */
	uint32_t host_index, user_index; /* of the block's strings, from 1; 0: none */
	int64_t ts;			 /* or TIME_NONE */
	uint64_t record, offset;
	int64_t process;     /* or -1 */
	struct view message; /* empty: made of the shape's */
	struct view values;  /* valid JSON array of scalars or what the event held */
};

/* A block being read. All views point into the bytes that it was opened on. */
struct row_block {
	uint32_t shape_count, string_count, row_count, hit_count;
	struct row_shape *shapes;
	struct view *strings;
	struct view signature;
	struct view rest; /* rows not read yet, then hits */
	struct view hits;
	uint32_t read, read_hits;
	size_t shape_cap, string_cap;
};

/*
 * Takes the next block off *bytes: OK, ERR_NOT_FOUND at the end, ERR_FORMAT for anything that the
 * encoder would not write. A zeroed struct serves for any number of blocks; row_block_release frees
 * it.
 */
int row_block_open(struct row_block *b, struct view *bytes);
/* 1 and the next row, 0 after the last, ERR_FORMAT. `values`, by shape index: how many values a row
 * of it has. */
int row_block_next(struct row_block *b, const uint32_t *values, struct row *row);
/* After the rows: 1 and the next hit with the index of its row in the block, 0, ERR_FORMAT. */
int row_block_hit(struct row_block *b, uint32_t *index, struct row_hit *hit);
void row_block_release(struct row_block *b);

/* ---- layouts ---- */

struct row_part {
	struct view text; /* unescaped */
	int32_t hole;	  /* ROW_NO_HOLE: text */
};
#define ROW_NO_HOLE INT32_MIN
/* Takes a layout apart into parts that live in the arena; false when it is not one for that many
 * values. */
bool row_layout(struct arena *a, struct view json, uint32_t values, struct row_part **parts,
		size_t *count);

/*
 * Splits a JSON array into spans of its values, up to max; returns their number (which may be more
 * than max), or -1 when it is not valid JSON in valid UTF-8. max 0: only counts.
 */
int64_t row_values(struct view json, struct view *spans, size_t max);
/* One JSON string, quotes included, to text. */
void row_unescape(struct buffer *out, struct view json);
/*
 * Calls `each` for every text that a value of a row is compared by: a string is its text, an array
 * each of its items and itself, anything else its JSON. True as soon as `each` is.
 */
bool row_each_text(struct view json, struct buffer *scratch,
		   bool (*each)(void *data, struct view text), void *data);

#endif
