/* A statement's rows as a table. */
#ifndef KONSEKI_CMD_ROWS_H
#define KONSEKI_CMD_ROWS_H

#include "base/table.h"

#include <sqlite3.h>

/* What sqlite3_step returned last: SQLITE_DONE, or SQLITE_ROW when nobody reads standard output any more,
 * or an error. */
int print_rows(struct table *t, sqlite3_stmt *s);

#endif
