/* Functions of glibc that mingw lacks and port.c has; included in front of every file of the
 * Windows build. */
#ifndef KONSEKI_COLLECTORS_WINDOWS_MISSING_H
#define KONSEKI_COLLECTORS_WINDOWS_MISSING_H

#include <stddef.h>
#include <sys/types.h>

void *memmem(const void *hay, size_t hay_size, const void *needle, size_t needle_size);

ssize_t getrandom(void *out, size_t n, unsigned flags);

static inline void explicit_bzero(void *p, size_t n)
{
	__builtin_memset(p, 0, n);
	__asm__ volatile("" : : "r"(p) : "memory"); /* may not be left out as a dead store */
}

#endif
