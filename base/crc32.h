/* CRC-32 as zip, gzip and event logs have it: polynomial 0x04c11db7, reflected, inverted at both
 * ends. */
#ifndef KONSEKI_BASE_CRC32_H
#define KONSEKI_BASE_CRC32_H

#include "base/view.h"

/* The checksum of bytes that follow those of `crc`; 0 for the first ones. */
uint32_t crc32_add(uint32_t crc, struct view bytes);

#endif
