/* Functions of glibc that mingw lacks and port.c has; included in front of every file of the
 * Windows build. */
#ifndef KONSEKI_COLLECTORS_WINDOWS_MISSING_H
#define KONSEKI_COLLECTORS_WINDOWS_MISSING_H

#include <stddef.h>

void *memmem(const void *hay, size_t hay_size, const void *needle, size_t needle_size);

#endif
