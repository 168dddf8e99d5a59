#include "base/memory.h"

#include "base/limits.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *checked(void *p)
{
	if (!p) {
		static const char text[] = "konseki: out of memory\n";

		(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
		_exit(2);
	}
	return p;
}

void *xmalloc(size_t n)
{
	return checked(malloc(n ? n : 1));
}

void *xcalloc(size_t n, size_t size)
{
	return checked(calloc(n ? n : 1, size ? size : 1));
}

void *xrealloc(void *p, size_t n)
{
	return checked(realloc(p, n ? n : 1));
}

char *xstrdup(const char *s)
{
	return checked(strdup(s));
}

char *xmemdup0(const void *data, size_t n)
{
	char *copy = xmalloc(n + 1);

	if (n)
		memcpy(copy, data, n);
	copy[n] = '\0';
	return copy;
}

char *xasprintf(const char *fmt, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0)
		checked(NULL);
	text = xmalloc((size_t)n + 1);
	va_start(args, fmt);
	(void)vsnprintf(text, (size_t)n + 1, fmt, args);
	va_end(args);
	return text;
}

void *xgrow(void *p, size_t *cap, size_t need, size_t size)
{
	size_t want = *cap ? *cap : 16, bytes;

	if (need <= *cap)
		return p;
	while (want < need)
		if (__builtin_mul_overflow(want, (size_t)2, &want))
			checked(NULL);
	if (__builtin_mul_overflow(want, size, &bytes))
		checked(NULL);
	p = xrealloc(p, bytes);
	*cap = want;
	return p;
}

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	_Alignas(16) unsigned char data[];
};

#define ARENA_BLOCK ((size_t)64 << 10)

void *arena_alloc(struct arena *a, size_t n)
{
	size_t limit = a->limit ? a->limit : LIMIT_ARENA;
	struct arena_block *b;
	void *p;

	if (n > limit || a->used > limit - n)
		return NULL;
	n = (n + 15) & ~(size_t)15;
	for (b = a->current; b && b->size - b->used < n; b = b->next)
		;
	if (!b) {
		size_t size = n > ARENA_BLOCK ? n : ARENA_BLOCK;

		b = xmalloc(sizeof(*b) + size);
		b->size = size;
		b->used = 0;
		b->next = NULL;
		if (a->current) {
			b->next = a->current->next;
			a->current->next = b;
		} else {
			a->first = b;
		}
	}
	a->current = b;
	p = b->data + b->used;
	b->used += n;
	a->used += n;
	return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
	void *p = arena_alloc(a, n);

	return p ? memset(p, 0, n) : NULL;
}

char *arena_strndup(struct arena *a, const void *data, size_t n)
{
	char *p = arena_alloc(a, n + 1);

	if (!p)
		return NULL;
	if (n)
		memcpy(p, data, n);
	p[n] = '\0';
	return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list args;
	char *p;
	int n;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0)
		return NULL;
	p = arena_alloc(a, (size_t)n + 1);
	if (!p)
		return NULL;
	va_start(args, fmt);
	(void)vsnprintf(p, (size_t)n + 1, fmt, args);
	va_end(args);
	return p;
}

void arena_reset(struct arena *a)
{
	struct arena_block **at = &a->first;

	/* Oversized blocks go back, so that one large record does not stay for ever. */
	while (*at) {
		struct arena_block *b = *at;

		b->used = 0;
		if (b->size > ARENA_BLOCK * 16) {
			*at = b->next;
			free(b);
		} else {
			at = &b->next;
		}
	}
	a->current = a->first;
	a->used = 0;
}

void arena_release(struct arena *a)
{
	struct arena_block *b = a->first;

	while (b) {
		struct arena_block *next = b->next;

		free(b);
		b = next;
	}
	*a = (struct arena){.limit = a->limit};
}
