/* The running Windows, most volatile first, each collector in a thread with a time limit. Schema:
 * collectors/live.h. */
#include "collectors/windows/windows.h"

#include <process.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "collectors/lines.h"

struct step {
	const struct step_plan *plan;
	const struct collect_result *result;
	CRITICAL_SECTION lock; /* of what follows */
	struct buffer done, failures;
	uint64_t lines;
	volatile LONG over;
	struct buffer line; /* the thread's own */
	HANDLE thread;
};

struct buffer *step_lines(struct step *s)
{
	return &s->line;
}

void step_end(struct step *s)
{
	line_end(&s->line);
	EnterCriticalSection(&s->lock);
	if (!s->over) {
		buffer_view(&s->done, buffer_as_view(&s->line));
		s->lines++;
	}
	LeaveCriticalSection(&s->lock);
	s->line.len = 0;
}

void step_failed(struct step *s, const char *fmt, ...)
{
	char reason[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	EnterCriticalSection(&s->lock);
	if (!s->over)
		buffer_append(&s->failures, reason, strlen(reason) + 1);
	LeaveCriticalSection(&s->lock);
}

const struct collect_result *step_result(const struct step *s)
{
	return s->result;
}

bool step_over(const struct step *s)
{
	return s->over != 0;
}

static __thread struct step *current; /* of this thread; NULL in the main one */

static unsigned __stdcall thread(void *data)
{
	struct step *s = current = data;

	s->plan->run(s);
	return 0;
}

/* A collector that falls over what a system's DLL does, or a driver's hook in it, costs itself. */
static LONG WINAPI fallen(EXCEPTION_POINTERS *e)
{
	if (!current)
		return EXCEPTION_CONTINUE_SEARCH;
	step_failed(current, "crashed: exception 0x%08lx at %p",
		    (unsigned long)e->ExceptionRecord->ExceptionCode,
		    e->ExceptionRecord->ExceptionAddress);
	ExitThread(1);
}

static void failure(struct windows_collector *c, const struct step_plan *p, const char *why)
{
	struct bundle_file file = {.path = p->member, .collector = p->collector};

	bundle_missing(c->w, &file, why);
}

static void run_step(struct windows_collector *c, const struct step_plan *p)
{
	struct step *s = xcalloc(1, sizeof(*s));
	struct buffer done, failures;
	const struct bundle_file file = {
		.member = p->member, .collector = p->collector, .mtime = time_now()};
	struct bundle_counts n = bundle_counts(c->w);
	uint64_t limit = (uint64_t)c->o->item_seconds * p->limits * 1000;
	bool came_back;

	if (c->o->progress)
		c->o->progress(c->o->data, p->member, &n);
	s->plan = p;
	s->result = c->r;
	InitializeCriticalSection(&s->lock);
	s->thread = (HANDLE)_beginthreadex(NULL, 0, thread, s, 0, NULL);
	if (!s->thread) {
		failure(c, p, "no thread could be started");
		DeleteCriticalSection(&s->lock);
		free(s);
		return;
	}
	came_back =
		WaitForSingleObject(s->thread, limit < 0x7fffffff ? (DWORD)limit : 0x7fffffff) ==
		WAIT_OBJECT_0;
	EnterCriticalSection(&s->lock);
	s->over = 1;
	done = s->done;
	failures = s->failures;
	if (p->run == windows_autoruns || p->run == windows_tasks)
		c->r->autoruns += s->lines;
	s->done = s->failures = (struct buffer){0};
	LeaveCriticalSection(&s->lock);
	/* An empty member says that it was looked, and nothing found. */
	if (c->status == OK && (done.len || (came_back && !failures.len)))
		c->status = bundle_whole(c->w, &file, buffer_as_view(&done),
					 came_back ? NULL : "ended by its time limit");
	if (!came_back) {
		char why[100];

		(void)snprintf(why, sizeof(why), "gave no answer in %llu s",
			       (unsigned long long)(limit / 1000));
		failure(c, p, why);
		c->r->lost++;
	}
	for (size_t at = 0; at < failures.len; at += strlen(failures.data + at) + 1)
		failure(c, p, failures.data + at);
	buffer_release(&done);
	buffer_release(&failures);
	if (!came_back) /* what the thread still uses stays */
		return;
	(void)CloseHandle(s->thread);
	DeleteCriticalSection(&s->lock);
	buffer_release(&s->line);
	free(s);
}

void line_own(struct buffer *b, const char *name, char *text)
{
	line_some(b, name, text);
	free(text);
}

void line_wide(struct buffer *b, const char *name, const wchar_t *wide)
{
	if (wide)
		line_own(b, name, utf8_of(wide));
}

void windows_live(struct windows_collector *c)
{
	static const struct step_plan plans[] = {
		{"live/processes.jsonl", "processes", windows_processes, 6},
		{"live/sockets.jsonl", "sockets", windows_sockets, 1},
		{"live/dns.jsonl", "dns", windows_dns, 1},
		{"live/pipes.jsonl", "pipes", windows_pipes, 1},
		{"live/network.jsonl", "network", windows_network, 1},
		{"live/sessions.jsonl", "sessions", windows_sessions, 1},
		{"live/shares.jsonl", "shares", windows_shares, 1},
		{"live/handles.jsonl", "handles", windows_handles, 1},
		{"live/loaded-modules.jsonl", "modules", windows_modules, 9},
		{"live/services.jsonl", "services", windows_services, 6},
		{"live/drivers.jsonl", "drivers", windows_drivers, 6},
		{"live/modules.jsonl", "modules", windows_kernel_modules, 3},
		{"live/autoruns.jsonl", "autoruns", windows_autoruns, 6},
		{"live/tasks.jsonl", "tasks", windows_tasks, 6},
		{"live/wmi.jsonl", "wmi", windows_wmi, 3},
		{"live/accounts.jsonl", "accounts", windows_accounts, 2},
		{"live/software.jsonl", "software", windows_software, 1},
		{"live/firewall.jsonl", "firewall", windows_firewall, 1},
		{"live/settings.jsonl", "settings", windows_settings, 1},
		{"live/system.jsonl", "system", windows_system, 1},
	};

	windows_images_begin();
	(void)SetUnhandledExceptionFilter(fallen);
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]) && c->status == OK; i++)
		run_step(c, &plans[i]);
}
