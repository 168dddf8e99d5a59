/* The whole Windows collection, in its order: live state, autoruns, files, manifest. */
#include "collectors/windows/windows.h"

#include "base/text.h"
#include "base/version.h"
#include "collectors/lines.h"

#include <errno.h>
#include <stdlib.h>

char *collect_host(const char *root)
{
	wchar_t name[300];
	DWORD n = 300;

	(void)root;
	if (!GetComputerNameExW(ComputerNamePhysicalDnsHostname, name, &n) || !*name) {
		n = 300;
		if (!GetComputerNameW(name, &n))
			return xstrdup("host");
	}
	return utf8_of(name);
}

static bool elevated(void)
{
	TOKEN_ELEVATION e = {0};
	HANDLE token;
	DWORD n;
	bool ok;

	if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
		return false;
	ok = GetTokenInformation(token, TokenElevation, &e, sizeof(e), &n) && e.TokenIsElevated;
	(void)CloseHandle(token);
	return ok;
}

static void build_head(const struct windows_collector *c, struct buffer *b)
{
	static const wchar_t key[] = L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion";
	const struct collect_options *o = c->o;
	TIME_ZONE_INFORMATION zone;
	char *os = registry_read(HKEY_LOCAL_MACHINE, key, L"ProductName"),
	     *build = registry_read(HKEY_LOCAL_MACHINE, key, L"CurrentBuild"),
	     *id = registry_read(HKEY_LOCAL_MACHINE, L"SOFTWARE\\Microsoft\\Cryptography",
				 L"MachineGuid"),
	     *name = NULL;

	collection_head(b, o, c->r, "windows");
	line_text(b, "os", os ? os : "Windows");
	line_text(b, "kernel", build);
	line_text(b, "machine_id", id);
	if (GetTimeZoneInformation(&zone) != TIME_ZONE_ID_INVALID)
		name = utf8_of(zone.StandardName);
	line_some(b, "timezone", name);
	line_text(b, "drives", o->drives);
	line_bool(b, "live", o->profile->processes);
	line_bool(b, "elevated", c->r->privileged);
	line_number(b, "raw_volumes", (int64_t)c->r->raw_volumes);
	line_number(b, "shadow_copies", (int64_t)c->r->shadow_copies);
	line_number(b, "shadow_files_as_on_the_drive", (int64_t)c->r->shadow_unchanged);
	free(os);
	free(build);
	free(id);
	free(name);
}

int collect_run(const struct collect_options *o, struct bundle_output *out,
		struct collect_result *r)
{
	struct windows_collector c = {.o = o, .r = r};
	struct buffer head = {0};
	uint8_t digest[SHA256_SIZE];
	struct view failures;

	*r = (struct collect_result){.start = time_now(), .host = collect_host(NULL)};
	/* An administrator has these, but asleep: to read what belongs to others, and processes of
	 * other users. */
	(void)enable_privilege(L"SeBackupPrivilege");
	(void)enable_privilege(L"SeDebugPrivilege");
	r->privileged = elevated();
	if (o->list) {
		windows_files(&c);
		return OK;
	}
	c.w = bundle_writer_new(out, 3);
	if (!c.w)
		return ERR_MEMORY;
	if (o->key)
		bundle_writer_sign(c.w, o->key);
	if (o->profile->processes)
		windows_live(&c);
	windows_files(&c);
	/* A system has more than this, whatever it is: something went wrong and must not look like
	 * success. */
	for (r->processes = 0; windows_process_at((size_t)r->processes); r->processes++)
		;
	r->near_empty =
		(o->profile == profiles[0] && bundle_counts(c.w).members < 50 && !r->unchanged) ||
		(o->profile->processes && r->processes < 2);
	r->end = time_now();
	if (c.status == OK) {
		build_head(&c, &head);
		c.status = bundle_finish(c.w, buffer_as_view(&head), digest);
	}
	if (c.status == OK)
		sha256_hex(digest, r->sha256);
	else
		r->error = errno;
	r->counts = bundle_counts(c.w);
	failures = bundle_failures(c.w);
	buffer_view(&r->failures, failures);
	bundle_writer_free(c.w);
	buffer_release(&head);
	return c.status;
}

void collect_result_release(struct collect_result *r)
{
	free(r->host);
	buffer_release(&r->failures);
}
