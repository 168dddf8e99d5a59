/*
 * SQLite databases out of memory: a VFS that reads a view, pages of a write-ahead log laid over it.
 * Nothing is copied but the list of those pages, nothing is written. File format and log:
 * sqlite.org/fileformat2.html, sections 1.3 and 4.
 */
#ifndef KONSEKI_PARSERS_SQLITE_VIEW_H
#define KONSEKI_PARSERS_SQLITE_VIEW_H

#include "base/status.h"
#include "base/view.h"

#include <sqlite3.h>

/* Frames of the log that hold (checksums right, salt of the log, up to the last commit). */
struct sqlite_log {
	uint64_t frames, used; /* in the log; valid and committed */
};

/*
 * Opens the database read-only and with the hardening that hostile ones need: no views, no
 * triggers, no trusted schema, bounded memory, and a budget of steps after which a query ends with
 * SQLITE_INTERRUPT. The views must outlive it. One at a time in a thread. NULL with the reason in
 * *problem. Closed with sqlite_view_close.
 */
sqlite3 *sqlite_view_open(struct view file, struct view wal, struct sqlite_log *log,
			  struct problem *problem);
void sqlite_view_close(sqlite3 *db);

#endif
