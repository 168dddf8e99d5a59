#include "parsers/cookie.h"

int cookie_times(struct parse *p, struct view name, struct view value)
{
	/* Parts between points, from 0: __utma is domain.visitor.first.previous.last.sessions,
	 * __utmb domain.pages.ten.started,
	 * __utmz domain.last.sessions.sources.campaign. */
	static const struct {
		const char *name;
		size_t part;
		const char *desc;
	} known[] = {
		{"__utma", 2, "Creation Time"},	    {"__utma", 3, "Visited Time"},
		{"__utma", 4, "Last Visited Time"}, {"__utmb", 3, "Last Visited Time"},
		{"__utmz", 1, "Last Visited Time"},
	};
	int status = OK;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]) && status >= 0; i++) {
		struct view rest = value, part = VIEW_EMPTY;
		uint64_t seconds;
		size_t n = 0;

		if (!view_is(name, known[i].name))
			continue;
		while (n <= known[i].part && view_token(&rest, '.', &part))
			n++;
		/* Some writers leave milliseconds or other numbers there: only what is a time of
		 * the web's age counts. */
		if (n != known[i].part + 1 || !view_decimal(part, &seconds))
			continue;
		/* Some writers leave milliseconds there; what is no time of the web's age is
		 * another number. */
		if (seconds > 946684800 && seconds < 4102444800)
			status = event_emit_at(p, time_from_unix((int64_t)seconds), known[i].desc);
		else if (seconds > 946684800000 && seconds < 4102444800000)
			status = event_emit_at(p, time_from_unix_scaled((int64_t)seconds, 1000),
					       known[i].desc);
	}
	return status;
}
