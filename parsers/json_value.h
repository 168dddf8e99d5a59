/* JSON values (RFC 8259, read by jansson, which bounds its own depth) as those of events. */
#ifndef KONSEKI_PARSERS_JSON_VALUE_H
#define KONSEKI_PARSERS_JSON_VALUE_H

#include "base/event.h"

#include <jansson.h>

/*
 * Texts are jansson's own and live as long as v; lists of scalars and the text of objects go to the
 * arena. Null, and what finds no room, is absent.
 */
struct value json_value(struct arena *a, const json_t *v);

/* The members of an object, in turn: for (struct json_member m = json_first(v); m.at; m = json_next(m)) */
struct json_member {
	const json_t *of;
	void *at; /* NULL behind the last */
	const char *key;
	const json_t *value;
};

static inline struct json_member json_member_at(const json_t *v, void *at)
{
	return (struct json_member){v, at, at ? json_object_iter_key(at) : NULL,
				    at ? json_object_iter_value(at) : NULL};
}
static inline struct json_member json_first(const json_t *v)
{
	return json_member_at(v, json_object_iter((json_t *)(uintptr_t)v));
}
static inline struct json_member json_next(struct json_member m)
{
	return json_member_at(m.of, json_object_iter_next((json_t *)(uintptr_t)m.of, m.at));
}

static inline struct view json_text(const json_t *v)
{
	return json_is_string(v) ? view_of(json_string_value(v), json_string_length(v))
				 : VIEW_EMPTY;
}

#endif
