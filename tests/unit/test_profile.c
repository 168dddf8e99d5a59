/* Profiles from files: our own form, ForensicArtifacts' definitions, and nonsense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "collectors/profile.h"

#include <stdlib.h>
#include <string.h>

static const char own[] =
	"# ours\n"
	"name: mine\n"
	"summary: a few\n  things\n"
	"live: false\n"
	"walk: no\n"
	"rules:\n"
	"  - group: log\n"
	"    path: /var/log/**   # all\n"
	"    limit: 10M\n"
	"    total: 1G\n"
	"  - path: '~/it''s #1'\n"
	"    secret: true\n"
	"  - /etc/passwd\n"
	"exclude: [/a/*, \"/b \\\"c\\\"\"]\n"
	"secret:\n"
	"- /etc/shadow\n";

static const char artifacts[] =
	"# ForensicArtifacts\n"
	"---\n"
	"name: LinuxLogs\n"
	"doc: |\n"
	"  Some text: with a colon.\n"
	"  - and a dash\n"
	"sources:\n"
	"- type: FILE\n"
	"  attributes:\n"
	"    paths:\n"
	"      - '/var/log/a*'\n"
	"      - '%%users.homedir%%/.x/**5'\n"
	"- type: FILE\n"
	"  attributes: {paths: ['/etc/one',\n"
	"     '/etc/two']}\n"
	"  supported_os: [Linux, Darwin]\n"
	"- type: FILE\n"
	"  attributes:\n"
	"    paths: ['/Library/x']\n"
	"  supported_os: [Darwin]\n"
	"- type: REGISTRY_KEY\n"
	"  attributes: {keys: ['HKEY\\x']}\n"
	"supported_os: [Linux, Darwin]\n"
	"urls:\n"
	"- 'https://example.org/'\n"
	"---\n"
	"name: WindowsThing\n"
	"doc: Windows only.\n"
	"sources:\n"
	"- type: FILE\n"
	"  attributes:\n"
	"    paths: ['%%environ_systemroot%%\\x', '/would/fit']\n"
	"    separator: '\\'\n"
	"supported_os: [Windows]\n";

static void test_own(void **unused)
{
	struct problem problem;
	struct buffer notes = {0};
	struct profile *p = profile_read(view_text(own), false, &problem, &notes);

	(void)unused;
	assert_non_null(p);
	assert_string_equal(p->name, "mine");
	assert_false(p->processes);
	assert_false(p->walk);
	assert_string_equal(p->rules[0].collector, "log");
	assert_string_equal(p->rules[0].pattern, "/var/log/**");
	assert_int_equal(p->rules[0].limit, 10 << 20);
	assert_int_equal(p->rules[0].total, 1 << 30);
	assert_string_equal(p->rules[1].pattern, "~/it's #1");
	assert_true(p->rules[1].secret);
	assert_string_equal(p->rules[2].pattern, "/etc/passwd");
	assert_null(p->rules[3].pattern);
	assert_string_equal(p->exclude[0], "/a/*");
	assert_string_equal(p->exclude[1], "/b \"c\"");
	assert_null(p->exclude[2]);
	assert_string_equal(p->secret[0], "/etc/shadow");
	assert_null(p->secret[1]);
	profile_free(p);
}

static void test_artifacts(void **unused)
{
	static const char *const want[] = {"/var/log/a*", "~/.x/**", "/etc/one", "/etc/two", NULL};
	struct problem problem;
	struct buffer notes = {0};
	struct profile *p = profile_read(view_text(artifacts), false, &problem, &notes);

	(void)unused;
	assert_non_null(p);
	for (unsigned i = 0; want[i]; i++) {
		assert_non_null(p->rules[i].pattern);
		assert_string_equal(p->rules[i].pattern, want[i]);
		assert_string_equal(p->rules[i].collector, "LinuxLogs");
	}
	assert_null(p->rules[4].pattern);
	assert_non_null(strstr(buffer_text(&notes), "LinuxLogs: "));
	buffer_release(&notes);
	profile_free(p);
}

static void test_windows(void **unused)
{
	static const struct {
		const char *from, *to;
	} paths[] = {
		{"%SystemRoot%\\System32\\config\\SAM", "Windows/System32/config/SAM"},
		{"%windir%/x", "Windows/x"},
		{"%%environ_systemroot%%\\x", "Windows/x"},
		{"%%environ_systemdrive%%\\x", "x"},
		{"%ProgramFiles(x86)%\\a\\*.log", "Program Files (x86)/a/*.log"},
		{"%UserProfile%\\NTUSER.DAT", "~/NTUSER.DAT"},
		{"%LOCALAPPDATA%\\x\\**\\y", "~/AppData/Local/x/**/y"},
		{"%%users.appdata%%\\x\\**5", "~/AppData/Roaming/x/**"},
		{"C:\\x\\y", "C:/x/y"},
		{"\\x", "x"},
		{"/x/", "x/**"},
		{"~\\Desktop\\*", "~/Desktop/*"},
		{"$Extend\\$UsnJrnl:$J", "$Extend/$UsnJrnl:$J"},
		{"%SystemRoot%\\winevt\\A%4Operational.evtx", "Windows/winevt/A%4Operational.evtx"},
		{"%LocalAppData%\\L.%%users.username%%\\a", "~/AppData/Local/L.*/a"},
		{"%SystemDrive%\\$Recycle.Bin\\%%users.sid%%", "$Recycle.Bin/*"},
		{"%nobody%\\x", NULL},
		{"a\\%x%\\b", NULL},
		{"", NULL},
	};
	static const char yaml[] =
		"name: w\nrules:\n  - path: '%SystemRoot%\\x'\n    limit: 1K\n"
		"  - ~\\y\n  - C:/a/**/b\nexclude: ['%SystemRoot%\\x\\*', '~\\z', "
		"'*.tmp']\n";
	struct problem problem;
	struct buffer notes = {0};
	struct profile *p;

	(void)unused;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		char *got = profile_windows_path(paths[i].from);

		if (!paths[i].to)
			assert_null(got);
		else
			assert_string_equal(got, paths[i].to);
		free(got);
	}
	p = profile_read(view_text(yaml), true, &problem, &notes);
	assert_non_null(p);
	assert_string_equal(p->rules[0].pattern, "Windows/x");
	assert_int_equal(p->rules[0].limit, 1024);
	assert_string_equal(p->rules[1].pattern, "~/y");
	assert_string_equal(p->rules[2].pattern, "C:/a/**/b");
	assert_null(p->rules[3].pattern);
	assert_string_equal(p->exclude[0], "*:/Windows/x/*");
	assert_string_equal(p->exclude[1], "*:/*/z");
	assert_string_equal(p->exclude[2], "*.tmp");
	profile_free(p);
	p = profile_read(view_text(artifacts), true, &problem, &notes);
	assert_non_null(p);
	assert_string_equal(p->rules[0].pattern, "Windows/x");
	assert_string_equal(p->rules[1].pattern, "would/fit");
	assert_null(p->rules[2].pattern);
	profile_free(p);
	assert_null(
		profile_read(view_text("rules:\n  - path: '%x%\\y'\n"), true, &problem, &notes));
}

static void test_wrong(void **unused)
{
	static const char *const wrong[] = {"rules:\n  - path: var/log\n",
					    "rules:\n  - pat: /x\n",
					    "nonsense\nx: y\n",
					    "rules:\n  - path: /a\n    time: soon\n",
					    "exclude: [a, b\n",
					    "rules:\n  - group: x\n",
					    "rules:\n  - path: /a\n    limit: x\n",
					    "live: no\nrules:\n",
					    "rules:\n\t- path: /a\n"};

	(void)unused;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct problem problem = {0};
		struct buffer notes = {0};

		if (profile_read(view_text(wrong[i]), false, &problem, &notes))
			fail_msg("taken: %s", wrong[i]);
		assert_true(strncmp(problem.reason, "line ", 5) == 0);
	}
	/* Cut anywhere, and each byte another: no read past the end, no endless loop. */
	for (size_t n = 0; n < sizeof(artifacts) - 1; n++) {
		struct problem problem;
		char *copy = malloc(n + 1);

		memcpy(copy, artifacts, n);
		profile_free(profile_read(view_of(copy, n), n % 2, &problem, NULL));
		if (n) {
			copy[n / 2] = "-:['{\"# \n"[n % 9];
			profile_free(profile_read(view_of(copy, n), n % 2, &problem, NULL));
		}
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own), cmocka_unit_test(test_artifacts),
		cmocka_unit_test(test_windows), cmocka_unit_test(test_wrong)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
