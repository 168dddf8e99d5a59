#define _GNU_SOURCE
#include "base/view.h"

#include <ctype.h>

size_t view_find(struct view v, size_t from, const void *needle, size_t n)
{
	const uint8_t *hit;

	if (from > v.len || n == 0 || n > v.len - from)
		return v.len;
	hit = memmem(v.data + from, v.len - from, needle, n);
	return hit ? (size_t)(hit - v.data) : v.len;
}

bool view_line(struct view *rest, struct view *line)
{
	const uint8_t *end;

	*line = VIEW_EMPTY;
	if (rest->len == 0)
		return false;
	end = memchr(rest->data, '\n', rest->len);
	*line = view_of(rest->data, end ? (size_t)(end - rest->data) : rest->len);
	*rest = view_from(*rest, line->len + (end ? 1 : 0));
	if (line->len && line->data[line->len - 1] == '\r')
		line->len--;
	return true;
}

bool view_token(struct view *rest, char sep, struct view *head)
{
	const uint8_t *end;

	*head = VIEW_EMPTY; /* never left unset: callers that expect a part may not ask */
	if (rest->data == NULL)
		return false;
	end = rest->len ? memchr(rest->data, sep, rest->len) : NULL;
	if (end) {
		*head = view_of(rest->data, (size_t)(end - rest->data));
		*rest = view_from(*rest, head->len + 1);
	} else {
		*head = *rest;
		*rest = VIEW_EMPTY;
	}
	return true;
}

struct view view_trim(struct view v)
{
	while (v.len && isspace(v.data[0])) {
		v.data++;
		v.len--;
	}
	while (v.len && isspace(v.data[v.len - 1]))
		v.len--;
	return v;
}

bool view_decimal(struct view v, uint64_t *out)
{
	uint64_t x = 0;

	if (v.len == 0)
		return false;
	for (size_t i = 0; i < v.len; i++) {
		unsigned digit = (unsigned)v.data[i] - '0';

		if (digit > 9 || __builtin_mul_overflow(x, (uint64_t)10, &x) ||
		    __builtin_add_overflow(x, (uint64_t)digit, &x))
			return false;
	}
	*out = x;
	return true;
}

bool view_glob(struct view v, const char *pattern)
{
	const char *star = NULL;
	size_t at = 0, mark = 0;

	while (at < v.len) {
		if (*pattern == '*') {
			star = ++pattern;
			mark = at;
		} else if (*pattern && (*pattern == '?' ||
					tolower((unsigned char)*pattern) == tolower(v.data[at]))) {
			pattern++;
			at++;
		} else if (star) {
			pattern = star;
			at = ++mark;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

struct view view_word(struct view *rest)
{
	struct view v;
	size_t n = 0;

	*rest = view_trim(*rest);
	while (n < rest->len && rest->data[n] != ' ' && rest->data[n] != '\t')
		n++;
	v = view_clip(*rest, 0, n);
	*rest = view_trim(view_from(*rest, n));
	return v;
}
