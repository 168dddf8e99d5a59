/* The line on a terminal that says how far the pipeline is. */
#include "cmd/pipeline_internal.h"

#include <stdio.h>

void progress_clear(struct pipeline *p)
{
	if (p->progress_shown)
		fputs("\r\033[K", stderr);
	p->progress_shown = false;
}

/* 12345678 as "12.3 M". */
static const char *human(double n, char text[16])
{
	static const char units[] = " kMGT";
	unsigned i = 0;

	for (; n >= 1000 && i < 4; i++)
		n /= 1000;
	if (i == 0)
		(void)snprintf(text, 16, "%.0f", n);
	else
		(void)snprintf(text, 16, "%.*f %c", n < 10 ? 2 : n < 100 ? 1 : 0, n, units[i]);
	return text;
}

void progress_show(struct pipeline *p, int64_t now)
{
	double seconds = (double)(now - p->began) / (double)TIME_SECOND, share, left;
	uint64_t files =
		p->totals.parsed + p->totals.unclaimed + p->totals.skipped + p->totals.failed;
	uint64_t behind = p->expected_done + p->position + p->loose_bytes;
	char a[16], b[16], c[16], of[32] = "";

	if (!p->progress_wanted || seconds < 2 || now < p->next_progress)
		return;
	p->next_progress = now + TIME_SECOND / 4;
	p->progress_shown = true;
	/* What is in an archive or an image nobody knows before it is read. */
	if (!p->containers && files <= p->expected_files)
		(void)snprintf(of, sizeof(of), "/%llu", (unsigned long long)p->expected_files);
	fprintf(stderr, "\r\033[K%s: %llu%s files, %s events, %s events/s, %sB/s", p->options.verb,
		(unsigned long long)files, of, human((double)p->job_events, a),
		human((double)p->job_events / seconds, b),
		human((double)p->job_bytes / seconds, c));
	share = p->expected ? (double)behind / (double)p->expected : 0;
	left = share > 0.01 && share <= 1 ? seconds / share - seconds : -1;
	if (left >= 0)
		fprintf(stderr, ", %.0f %s left", left < 120 ? left : left / 60,
			left < 120 ? "s" : "min");
	(void)fflush(stderr);
}
