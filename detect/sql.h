/*
 * A rule as SQL over the view `timeline` of a case, for stock sqlite3: the same events as the engine
 * finds. What SQLite cannot say the same way has no SQL, and the reason is told.
 */
#ifndef KONSEKI_DETECT_SQL_H
#define KONSEKI_DETECT_SQL_H

#include "detect/engine.h"

/* Appends one statement (SELECT id, time, host, message ...;). ERR_UNSUPPORTED with *problem when the rule has none. */
int rule_sql(struct buffer *out, const struct engine *engine, const struct rule *rule,
	     struct problem *problem);

#endif
