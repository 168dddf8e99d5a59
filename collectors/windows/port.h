/*
 * What the shared code and the Windows collector need of Windows in another shape: text as UTF-8
 * here, UTF-16 there; Win32's errors as sentences; the registry's values; the functions of glibc
 * that mingw lacks.
 */
#ifndef KONSEKI_COLLECTORS_WINDOWS_PORT_H
#define KONSEKI_COLLECTORS_WINDOWS_PORT_H

#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <stdio.h>
#include <wchar.h>
#include <winsock2.h>
#include <windows.h>

#include "base/buffer.h"
#include "base/timestamp.h"

/* Both are the caller's (free). Lone surrogates come through both ways (WTF-8, text_wtf8). NULL
 * gives "". */
wchar_t *wide_of(const char *utf8);
char *utf8_of(const wchar_t *wide);
char *utf8_of_n(const wchar_t *wide, size_t units);

/* "C:/Users/x" to L"\\?\C:\Users\x", which has no limit of 260 units. The caller's. */
wchar_t *wide_path(const char *path);

/* "the file is in use (32)": the system's sentence, without its line end. Valid until the next
 * call. */
const char *windows_error(DWORD code);

int64_t time_of_filetime(FILETIME t);

/*
 * A function of a DLL of System32, or NULL. What is not in every Windows since 7 is called so, and
 * what is in no DLL that Windows itself names by its full path (KnownDLLs): a planted iphlpapi.dll
 * beside the program is not loaded.
 */
void *windows_proc(const wchar_t *dll, const char *name);
#define PROC(variable, dll, name) __typeof__(name) *variable = windows_proc(dll, #name)
bool enable_privilege(const wchar_t *name); /* false: the token has none such */

/*
 * A value of the registry as text (REG_SZ, REG_EXPAND_SZ unexpanded, REG_MULTI_SZ with blanks
 * between, DWORD and QWORD decimal). NULL when it is not there; the caller's.
 */
char *registry_text(HKEY key, const wchar_t *value);
char *registry_read(HKEY root, const wchar_t *path, const wchar_t *value);
char *registry_render(DWORD type, const BYTE *data, DWORD size);

/* "DOMAIN\name", or the SID's text when nobody knows it. The caller's; NULL when it is no SID. */
char *account_of_sid(PSID sid);

#endif
