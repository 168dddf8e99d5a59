#include "parsers/inflate.h"

#define MAX_BITS 15

struct stream {
	struct view in;
	size_t at;
	uint32_t hold;
	unsigned held;
	bool over; /* asked for bits behind the end */
};

static uint32_t bits(struct stream *s, unsigned n)
{
	uint32_t x;

	while (s->held < n) {
		uint8_t b = 0;

		if (!view_u8(s->in, s->at, &b))
			s->over = true;
		s->at++;
		s->hold |= (uint32_t)b << s->held;
		s->held += 8;
	}
	x = s->hold & ((1u << n) - 1);
	s->hold >>= n;
	s->held -= n;
	return x;
}

/* A canonical code (3.2.2): how many codes each length has, and the symbols in the order of their
 * codes. */
struct code {
	uint16_t count[MAX_BITS + 1];
	uint16_t symbol[320];
};

static bool code_make(struct code *c, const uint8_t *lengths, size_t n)
{
	uint16_t first[MAX_BITS + 2] = {0};
	int room = 1;

	memset(c->count, 0, sizeof(c->count));
	for (size_t i = 0; i < n; i++)
		c->count[lengths[i]]++;
	c->count[0] = 0;
	for (unsigned b = 1; b <= MAX_BITS; b++) {
		room = room * 2 - c->count[b];
		if (room < 0)
			return false;
		first[b + 1] = (uint16_t)(first[b] + c->count[b]);
	}
	for (size_t i = 0; i < n; i++)
		if (lengths[i])
			c->symbol[first[lengths[i]]++] = (uint16_t)i;
	return true;
}

static int code_next(struct stream *s, const struct code *c)
{
	int value = 0, begin = 0, index = 0;

	for (unsigned b = 1; b <= MAX_BITS; b++) {
		value |= (int)bits(s, 1);
		if (value - begin < c->count[b])
			return c->symbol[index + value - begin];
		index += c->count[b];
		begin = (begin + c->count[b]) * 2;
		value *= 2;
	}
	return -1;
}

/* 3.2.5 */
static const uint16_t length_base[29] = {3,  4,	 5,  6,	  7,   8,   9,	 10,  11, 13,
					 15, 17, 19, 23,  27,  31,  35,	 43,  51, 59,
					 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t length_extra[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
					 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t far_base[30] = {
	1,   2,	  3,   4,   5,	 7,    9,    13,   17,	 25,   33,   49,   65,	  97,	 129,
	193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};

static int block(struct stream *s, const struct code *literals, const struct code *distances,
		 size_t start, size_t most, struct buffer *out)
{
	for (;;) {
		int symbol = code_next(s, literals), far;
		size_t length, distance;

		if (s->over)
			return ERR_TRUNCATED;
		if (symbol < 0 || symbol > 285)
			return ERR_FORMAT;
		if (symbol == 256)
			return OK;
		if (out->len - start >= most)
			return ERR_LIMIT;
		if (symbol < 256) {
			buffer_char(out, (char)symbol);
			continue;
		}
		length = (size_t)length_base[symbol - 257] + bits(s, length_extra[symbol - 257]);
		far = code_next(s, distances);
		if (far < 0 || far > 29)
			return s->over ? ERR_TRUNCATED : ERR_FORMAT;
		distance = (size_t)far_base[far] + bits(s, far < 2 ? 0 : (unsigned)far / 2 - 1);
		if (s->over)
			return ERR_TRUNCATED;
		if (distance > out->len - start)
			return ERR_FORMAT;
		if (length > most - (out->len - start))
			length = most - (out->len - start);
		(void)buffer_reserve(out, length);
		while (length--) {
			out->data[out->len] = out->data[out->len - distance];
			out->len++;
		}
	}
}

/* 3.2.7 */
static int dynamic(struct stream *s, struct code *literals, struct code *distances)
{
	static const uint8_t order[19] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
					  11, 4,  12, 3, 13, 2, 14, 1, 15};
	unsigned n_literals = bits(s, 5) + 257, n_distances = bits(s, 5) + 1,
		 n_codes = bits(s, 4) + 4, n = 0;
	uint8_t lengths[320] = {0};
	struct code meta;

	for (unsigned i = 0; i < n_codes; i++)
		lengths[order[i]] = (uint8_t)bits(s, 3);
	if (n_literals > 286 || n_distances > 30 || !code_make(&meta, lengths, 19))
		return ERR_FORMAT;
	memset(lengths, 0, sizeof(lengths));
	while (n < n_literals + n_distances) {
		int symbol = code_next(s, &meta);
		unsigned times;
		uint8_t value = 0;

		if (symbol < 0 || s->over)
			return s->over ? ERR_TRUNCATED : ERR_FORMAT;
		if (symbol < 16) {
			lengths[n++] = (uint8_t)symbol;
			continue;
		}
		if (symbol == 16) {
			if (n == 0)
				return ERR_FORMAT;
			value = lengths[n - 1];
			times = 3 + bits(s, 2);
		} else {
			times = symbol == 17 ? 3 + bits(s, 3) : 11 + bits(s, 7);
		}
		if (times > n_literals + n_distances - n)
			return ERR_FORMAT;
		while (times--)
			lengths[n++] = value;
	}
	return code_make(literals, lengths, n_literals) &&
			       code_make(distances, lengths + n_literals, n_distances)
		       ? OK
		       : ERR_FORMAT;
}

int inflate_raw(struct view in, size_t most, struct buffer *out)
{
	struct stream s = {.in = in};
	size_t start = out->len;
	struct code literals, distances;
	bool last = false;
	int status = OK;

	while (!last && status == OK) {
		unsigned kind;

		last = bits(&s, 1);
		kind = bits(&s, 2);
		if (s.over)
			return ERR_TRUNCATED;
		if (kind == 0) { /* 3.2.4: stored */
			uint16_t n;
			struct view run;

			s.at -= s.held / 8;
			s.hold = 0;
			s.held = 0;
			if (!view_u16le(in, s.at, &n) || !view_has(in, s.at, 4))
				return ERR_TRUNCATED;
			if ((n ^ view_get16(in, s.at + 2)) != 0xffff)
				return ERR_FORMAT;
			run = view_clip(in, s.at + 4, n);
			if (run.len > most - (out->len - start))
				return ERR_LIMIT;
			buffer_view(out, run);
			if (run.len < n)
				return ERR_TRUNCATED;
			s.at += 4 + (size_t)n;
			continue;
		}
		if (kind == 1) { /* 3.2.6 */
			uint8_t lengths[288];

			memset(lengths, 8, 144);
			memset(lengths + 144, 9, 112);
			memset(lengths + 256, 7, 24);
			memset(lengths + 280, 8, 8);
			(void)code_make(&literals, lengths, 288);
			memset(lengths, 5, 30);
			(void)code_make(&distances, lengths, 30);
		} else if (kind == 2) {
			status = dynamic(&s, &literals, &distances);
		} else {
			return ERR_FORMAT;
		}
		if (status == OK)
			status = block(&s, &literals, &distances, start, most, out);
	}
	return status;
}

int inflate_gzip(struct view in, size_t most, struct buffer *out)
{
	uint8_t flags = view_get8(in, 3);
	size_t at = 10;

	if (!view_starts(in, "\x1f\x8b\x08", 3))
		return ERR_FORMAT;
	if (flags & 4)
		at += 2 + (size_t)view_get16(in, at);
	for (unsigned f = 8; f <= 16; f *= 2) /* name and comment end with a zero */
		if (flags & f) {
			at = view_find(in, at <= in.len ? at : in.len, "", 1) + 1;
		}
	if (flags & 2)
		at += 2;
	return inflate_raw(view_from(in, at), most, out);
}
