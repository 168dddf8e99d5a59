/*
 * Allocation. The x-calls never return NULL: when memory runs out the process says so and exits
 * with status 2, which in a parser's process costs one artefact. Sizes that come from evidence are
 * checked against limits.h before they get here.
 */
#ifndef KONSEKI_BASE_MEMORY_H
#define KONSEKI_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size); /* zeroed */
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
char *xmemdup0(const void *data, size_t n); /* copy with a NUL behind it */
__attribute__((format(printf, 1, 2))) char *xasprintf(const char *fmt, ...);

/* Grows an array by doubling so that `need` elements fit: ptr = grow(ptr, &cap, need, sizeof *ptr).
 */
void *xgrow(void *p, size_t *cap, size_t need, size_t size);

/*
 * An arena: many small allocations, freed at once. Blocks are kept over a reset, so that a parser
 * that resets per record does not allocate at all once warm. Released with arena_release.
 */
struct arena_block;
struct arena {
	struct arena_block *first, *current;
	size_t used;  /* bytes handed out since the last reset */
	size_t limit; /* of used; 0 means LIMIT_ARENA */
};

/* n bytes, aligned to 16, not zeroed; NULL when the limit would be passed. */
void *arena_alloc(struct arena *a, size_t n);
void *arena_zalloc(struct arena *a, size_t n);
char *arena_strndup(struct arena *a, const void *data, size_t n); /* NULL at the limit */
__attribute__((format(printf, 2, 3))) char *arena_printf(struct arena *a, const char *fmt, ...);
void arena_reset(struct arena *a);
void arena_release(struct arena *a);

#endif
