#include "collectors/windows/port.h"

#include "base/text.h"
#include "collectors/windows/missing.h"

#include <errno.h>
#include <sddl.h>
#include <stdio.h>
#include <stdlib.h>

wchar_t *wide_of(const char *utf8)
{
	struct view rest = view_text(utf8 ? utf8 : "");
	wchar_t *wide = xcalloc(rest.len + 1, sizeof(*wide)), *at = wide;
	uint32_t c = 0;

	while (rest.len) {
		const uint8_t *b = (const uint8_t *)rest.data;

		/* A surrogate in three bytes, as utf8_of makes it of a lone one. */
		if (rest.len >= 3 && b[0] == 0xed && b[1] >= 0xa0 && b[1] < 0xc0 &&
		    (b[2] & 0xc0) == 0x80) {
			*at++ = (wchar_t)(0xd000 | (b[1] & 0x3f) << 6 | (b[2] & 0x3f));
			rest = view_from(rest, 3);
			continue;
		}
		(void)text_decode(&rest, &c);
		if (c >= 0x10000) {
			*at++ = (wchar_t)(0xd800 + ((c - 0x10000) >> 10));
			*at++ = (wchar_t)(0xdc00 + ((c - 0x10000) & 0x3ff));
		} else {
			*at++ = (wchar_t)c;
		}
	}
	return wide;
}

/* Stops at a NUL. */
char *utf8_of_n(const wchar_t *wide, size_t units)
{
	struct buffer b = {0};
	char *text;

	if (wide)
		text_wtf8(&b, view_of(wide, 2 * wcsnlen(wide, units)));
	text = xmemdup0(b.data ? b.data : "", b.len);
	buffer_release(&b);
	return text;
}

char *utf8_of(const wchar_t *wide)
{
	return utf8_of_n(wide, wide ? wcslen(wide) : 0);
}

wchar_t *wide_path(const char *path)
{
	char *text = xasprintf("\\\\?\\%s", path);
	wchar_t *wide;

	for (char *c = text; *c; c++)
		if (*c == '/')
			*c = '\\';
	wide = wide_of(text);
	free(text);
	return wide;
}

const char *windows_error(DWORD code)
{
	static __thread char text[400]; /* several collectors may run */
	wchar_t wide[300];
	DWORD n = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS |
					 FORMAT_MESSAGE_MAX_WIDTH_MASK,
				 NULL, code, MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US), wide,
				 300, NULL);
	char *sentence;

	/* Systems of another language have no English sentences. */
	if (n == 0)
		n = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS |
					   FORMAT_MESSAGE_MAX_WIDTH_MASK,
				   NULL, code, 0, wide, 300, NULL);
	while (n && (wide[n - 1] == L' ' || wide[n - 1] == L'.' || wide[n - 1] == L'\r' ||
		     wide[n - 1] == L'\n'))
		n--;
	sentence = utf8_of_n(wide, n);
	(void)snprintf(text, sizeof(text), "%.380s (%lu)", *sentence ? sentence : "error",
		       (unsigned long)code);
	free(sentence);
	return text;
}

int64_t time_of_filetime(FILETIME t)
{
	return time_from_filetime((uint64_t)t.dwHighDateTime << 32 | t.dwLowDateTime);
}

void *windows_proc(const wchar_t *dll, const char *name)
{
	wchar_t path[MAX_PATH + 64];
	UINT n = GetSystemDirectoryW(path, MAX_PATH);
	HMODULE module;

	if (n == 0 || n >= MAX_PATH)
		return NULL;
	(void)_snwprintf(path + n, 64, L"\\%ls", dll);
	module = LoadLibraryW(path);
	return module ? (void *)(uintptr_t)GetProcAddress(module, name) : NULL;
}

bool enable_privilege(const wchar_t *name)
{
	TOKEN_PRIVILEGES p = {.PrivilegeCount = 1};
	HANDLE token;
	bool ok;

	if (!OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &token))
		return false;
	p.Privileges[0].Attributes = SE_PRIVILEGE_ENABLED;
	/* It succeeds when nothing was changed, too: the last error tells. */
	ok = LookupPrivilegeValueW(NULL, name, &p.Privileges[0].Luid) &&
	     AdjustTokenPrivileges(token, FALSE, &p, 0, NULL, NULL) &&
	     GetLastError() == ERROR_SUCCESS;
	(void)CloseHandle(token);
	return ok;
}

/* ---- the registry ---- */

char *registry_render(DWORD type, const BYTE *data, DWORD size)
{
	uint64_t n = 0;
	char *text;

	switch (type) {
	case REG_SZ:
	case REG_EXPAND_SZ:
		return utf8_of_n((const wchar_t *)(const void *)data, size / 2);
	case REG_MULTI_SZ: {
		struct buffer b = {0};
		const wchar_t *units = (const wchar_t *)(const void *)data;
		size_t count = size / 2, at = 0;

		while (at < count && units[at]) {
			size_t end = at;

			while (end < count && units[end])
				end++;
			if (b.len)
				buffer_char(&b, ' ');
			text_utf16(&b, view_of(units + at, 2 * (end - at)));
			at = end + 1;
		}
		text = xmemdup0(b.data ? b.data : "", b.len);
		buffer_release(&b);
		return text;
	}
	case REG_DWORD:
	case REG_QWORD:
		if (size > sizeof(n) || (size != 4 && size != 8))
			return NULL;
		memcpy(&n, data, size);
		return xasprintf("%llu", (unsigned long long)n);
	default:
		return NULL;
	}
}

char *registry_text(HKEY key, const wchar_t *value)
{
	DWORD type, size = 0;
	BYTE *data;
	char *text = NULL;

	if (RegQueryValueExW(key, value, NULL, &type, NULL, &size) != ERROR_SUCCESS ||
	    size > 4u << 20)
		return NULL;
	data = xcalloc((size_t)size + 8, 1);
	if (RegQueryValueExW(key, value, NULL, &type, data, &size) == ERROR_SUCCESS)
		text = registry_render(type, data, size);
	free(data);
	return text;
}

char *registry_read(HKEY root, const wchar_t *path, const wchar_t *value)
{
	HKEY key;
	char *text;

	if (RegOpenKeyExW(root, path, 0, KEY_READ | KEY_WOW64_64KEY, &key) != ERROR_SUCCESS)
		return NULL;
	text = registry_text(key, value);
	(void)RegCloseKey(key);
	return text;
}

/* Who is who, once asked: a domain that does not answer costs seconds each time. */
static struct known_account {
	char *sid, *name;
} * accounts;
static size_t account_count, account_cap;
static INIT_ONCE accounts_once = INIT_ONCE_STATIC_INIT;
static CRITICAL_SECTION accounts_lock;

static BOOL CALLBACK accounts_begin(INIT_ONCE *once, void *parameter, void **context)
{
	(void)once;
	(void)parameter;
	(void)context;
	InitializeCriticalSection(&accounts_lock);
	return TRUE;
}

static char *ask_account(PSID sid);

char *account_of_sid(PSID sid)
{
	wchar_t *wide = NULL;
	char *text, *name = NULL;

	if (!ConvertSidToStringSidW(sid, &wide))
		return NULL;
	text = utf8_of(wide);
	(void)LocalFree(wide);
	(void)InitOnceExecuteOnce(&accounts_once, accounts_begin, NULL, NULL);
	EnterCriticalSection(&accounts_lock);
	for (size_t i = 0; i < account_count && !name; i++)
		if (strcmp(accounts[i].sid, text) == 0)
			name = xstrdup(accounts[i].name);
	LeaveCriticalSection(&accounts_lock);
	if (!name) {
		name = ask_account(sid);
		if (!name)
			name = xstrdup(text);
		EnterCriticalSection(&accounts_lock);
		accounts = xgrow(accounts, &account_cap, account_count + 1, sizeof(*accounts));
		accounts[account_count++] = (struct known_account){xstrdup(text), xstrdup(name)};
		LeaveCriticalSection(&accounts_lock);
	}
	free(text);
	return name;
}

/* NULL when nobody knows it. */
static char *ask_account(PSID sid)
{
	wchar_t name[300], domain[300];
	DWORD names = 300, domains = 300;
	SID_NAME_USE use;
	char *a, *b, *both;

	if (LookupAccountSidW(NULL, sid, name, &names, domain, &domains, &use)) {
		a = utf8_of(domain);
		b = utf8_of(name);
		both = *a ? xasprintf("%s\\%s", a, b) : xstrdup(b);
		free(a);
		free(b);
		return both;
	}
	return NULL;
}

/* ---- what glibc has and mingw has not ---- */

void *memmem(const void *hay, size_t hay_size, const void *needle, size_t needle_size)
{
	const char *at = hay, *last;

	if (needle_size == 0)
		return (void *)(uintptr_t)hay;
	if (hay_size < needle_size)
		return NULL;
	last = at + (hay_size - needle_size);
	while (at <= last && (at = memchr(at, *(const char *)needle, (size_t)(last - at) + 1))) {
		if (memcmp(at, needle, needle_size) == 0)
			return (void *)(uintptr_t)at;
		at++;
	}
	return NULL;
}

/* RtlGenRandom, which advapi32.dll exports under its first name. */
BOOLEAN NTAPI SystemFunction036(PVOID out, ULONG n);

ssize_t getrandom(void *out, size_t n, unsigned flags)
{
	(void)flags;
	if (n > 1u << 20)
		n = 1u << 20;
	return SystemFunction036(out, (ULONG)n) ? (ssize_t)n : -1;
}
