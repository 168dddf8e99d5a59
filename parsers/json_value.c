#include "parsers/json_value.h"

#include <stdlib.h>

struct value json_value(struct arena *a, const json_t *v)
{
	struct value *list;
	char *text, *kept;

	switch (json_typeof(v)) {
	case JSON_STRING:
		return value_view(json_text(v));
	case JSON_INTEGER:
		return value_signed(json_integer_value(v));
	case JSON_REAL:
		return (struct value){.type = VALUE_DOUBLE, .f = json_real_value(v)};
	case JSON_TRUE:
	case JSON_FALSE:
		return value_bool(json_is_true(v));
	case JSON_ARRAY:
		list = arena_zalloc(a, json_array_size(v) * sizeof(*list) + 1);
		if (!list)
			break;
		/* Arrays in arrays do not come from anybody that we read. */
		for (size_t i = 0; i < json_array_size(v); i++)
			if (json_typeof(json_array_get(v, i)) != JSON_ARRAY)
				list[i] = json_value(a, json_array_get(v, i));
		return (struct value){
			.type = VALUE_LIST, .len = (uint32_t)json_array_size(v), .list = list};
	case JSON_OBJECT:
		text = json_dumps(v, JSON_COMPACT);
		kept = text ? arena_strndup(a, text, strlen(text)) : NULL;
		free(text);
		if (kept)
			return (struct value){.type = VALUE_JSON,
					      .len = (uint32_t)strlen(kept),
					      .data = (const uint8_t *)kept};
		break;
	case JSON_NULL:
		break;
	}
	return (struct value){.type = VALUE_ABSENT};
}
