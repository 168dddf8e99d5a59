/* What a cookie's value tells: the times that Google Analytics keeps in __utma, __utmb and __utmz.
 */
#ifndef KONSEKI_PARSERS_COOKIE_H
#define KONSEKI_PARSERS_COOKIE_H

#include "parsers/parser.h"

/* Emits the event at hand again with each time that the value holds. */
int cookie_times(struct parse *p, struct view name, struct view value);

#endif
