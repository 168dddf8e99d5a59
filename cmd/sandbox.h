/*
 * The sandbox of a process that reads evidence: after sandbox_enter it can compute, use memory, and
 * read and write the file descriptors that it has; it opens nothing by name, starts nothing,
 * connects to nothing. A call outside of that ends it with SIGSYS, or, for the harmless ones that
 * libraries try by habit (open, stat, access), fails with EACCES.
 */
#ifndef KONSEKI_CMD_SANDBOX_H
#define KONSEKI_CMD_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Memory that the process may have beside its read-only mappings, file descriptors, no core. Before
 * sandbox_enter. */
void sandbox_limits(uint64_t memory);

/*
 * Enters for good. 0, or -1 with errno. A build with sanitizers has no filter, because their
 * runtime needs calls of its own; what it checks is checked there.
 */
int sandbox_enter(void);

/* Closes every descriptor but 0 to 2 and these (negative ones are no descriptors). */
void sandbox_close_others(const int *keep, size_t count);

#endif
