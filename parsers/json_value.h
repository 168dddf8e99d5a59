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

static inline struct view json_text(const json_t *v)
{
	return json_is_string(v) ? view_of(json_string_value(v), json_string_length(v))
				 : VIEW_EMPTY;
}

#endif
