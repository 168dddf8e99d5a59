/* host.h for Windows; and files that the user names. */
#include "collectors/windows/port.h"

#include "cmd/command.h"
#include "cmd/host.h"

#include <errno.h>
#include <io.h>
#include <stdlib.h>

const char host_separator[] = "\\";
const char host_privilege[] = "an administrator";

/* Win32's reason as errno, whose sentences the shared code has. */
static void set_errno(void)
{
	switch (GetLastError()) {
	case ERROR_DISK_FULL:
	case ERROR_HANDLE_DISK_FULL:
	case 1295: /* ERROR_DISK_QUOTA_EXCEEDED */
		errno = ENOSPC;
		break;
	case ERROR_BROKEN_PIPE:
	case ERROR_NO_DATA:
		errno = EPIPE;
		break;
	case ERROR_ACCESS_DENIED:
	case ERROR_SHARING_VIOLATION:
	case ERROR_WRITE_PROTECT:
		errno = EACCES;
		break;
	case ERROR_FILE_NOT_FOUND:
	case ERROR_PATH_NOT_FOUND:
	case ERROR_BAD_NETPATH:
	case ERROR_BAD_NET_NAME:
	case ERROR_INVALID_NAME:
		errno = ENOENT;
		break;
	case ERROR_FILE_EXISTS:
	case ERROR_ALREADY_EXISTS:
		errno = EEXIST;
		break;
	case ERROR_FILE_TOO_LARGE: /* FAT: 4 GiB */
		errno = EFBIG;
		break;
	default:
		errno = EIO;
	}
}

int64_t host_clock(void)
{
	LARGE_INTEGER now, unit;

	(void)QueryPerformanceCounter(&now);
	(void)QueryPerformanceFrequency(&unit);
	return now.QuadPart / unit.QuadPart * TIME_SECOND +
	       now.QuadPart % unit.QuadPart * TIME_SECOND / unit.QuadPart;
}

int64_t host_cpu(void)
{
	FILETIME created, ended, kernel, user;

	if (!GetProcessTimes(GetCurrentProcess(), &created, &ended, &kernel, &user))
		return 0;
	return 100 * (int64_t)(((uint64_t)kernel.dwHighDateTime << 32 | kernel.dwLowDateTime) +
			       ((uint64_t)user.dwHighDateTime << 32 | user.dwLowDateTime));
}

void host_sleep(int64_t ns)
{
	if (ns > 0)
		Sleep((DWORD)((ns + 999999) / 1000000));
}

void host_lowest_priority(void)
{
	/* Background mode lowers the disk's and memory's priority, too; it is for the own process
	 * only. */
	(void)SetPriorityClass(GetCurrentProcess(), IDLE_PRIORITY_CLASS);
	(void)SetPriorityClass(GetCurrentProcess(), PROCESS_MODE_BACKGROUND_BEGIN);
}

bool host_is_terminal(FILE *f)
{
	return _isatty(_fileno(f));
}

/* A path that the user gave, in full and without the limit of 260 units. */
static wchar_t *given_path(const char *path)
{
	wchar_t *wide = wide_of(path), *full, *out;
	DWORD n;

	/* Devices and what is exact already stay: \\?\C:\x, \\.\pipe\x. */
	if (wcsncmp(wide, L"\\\\?\\", 4) == 0 || wcsncmp(wide, L"\\\\.\\", 4) == 0)
		return wide;
	n = GetFullPathNameW(wide, 0, NULL, NULL);
	full = xcalloc((size_t)n + 1, sizeof(*full));
	if (n == 0 || GetFullPathNameW(wide, n, full, NULL) == 0 || wcslen(full) < 240) {
		free(full);
		return wide;
	}
	free(wide);
	out = xcalloc((size_t)n + 16, sizeof(*out));
	if (wcsncmp(full, L"\\\\", 2) == 0)
		(void)_snwprintf(out, (size_t)n + 15, L"\\\\?\\UNC\\%ls", full + 2);
	else
		(void)_snwprintf(out, (size_t)n + 15, L"\\\\?\\%ls", full);
	free(full);
	return out;
}

bool host_is_folder(const char *path)
{
	wchar_t *wide = given_path(path);
	DWORD attributes = GetFileAttributesW(wide);

	free(wide);
	return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY);
}

struct host_file {
	HANDLE handle;
	bool standard;
};

static struct host_file *file_of(HANDLE handle, bool standard)
{
	struct host_file *f;

	if (handle == INVALID_HANDLE_VALUE || !handle) {
		set_errno();
		return NULL;
	}
	f = xmalloc(sizeof(*f));
	f->handle = handle;
	f->standard = standard;
	return f;
}

struct host_file *host_standard_output(void)
{
	return file_of(GetStdHandle(STD_OUTPUT_HANDLE), true);
}

struct host_file *host_create(const char *path)
{
	wchar_t *wide = given_path(path);
	bool device = wcsncmp(wide, L"\\\\.\\", 4) == 0;
	HANDLE h = CreateFileW(wide, GENERIC_WRITE, FILE_SHARE_READ, NULL,
			       device ? OPEN_EXISTING : CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);

	free(wide);
	return file_of(h, false);
}

ptrdiff_t host_write(struct host_file *f, const void *data, size_t n)
{
	DWORD done = 0;

	/* Shares and consoles refuse what is too long. */
	if (n > 1u << 20)
		n = 1u << 20;
	if (WriteFile(f->handle, data, (DWORD)n, &done, NULL) && done)
		return done;
	set_errno();
	return -1;
}

bool host_sync(struct host_file *f)
{
	if (f->standard || GetFileType(f->handle) != FILE_TYPE_DISK || FlushFileBuffers(f->handle))
		return true;
	set_errno();
	return false;
}

bool host_identity(const struct host_file *f, uint64_t *device, uint64_t *number)
{
	BY_HANDLE_FILE_INFORMATION info;

	if (GetFileType(f->handle) != FILE_TYPE_DISK ||
	    !GetFileInformationByHandle(f->handle, &info))
		return false;
	*device = info.dwVolumeSerialNumber;
	*number = (uint64_t)info.nFileIndexHigh << 32 | info.nFileIndexLow;
	return true;
}

void host_close(struct host_file *f)
{
	if (f && !f->standard)
		(void)CloseHandle(f->handle);
	free(f);
}

void host_remove(const char *path)
{
	wchar_t *wide = given_path(path);

	(void)DeleteFileW(wide);
	free(wide);
}

static HANDLE open_to_read(const char *path)
{
	wchar_t *wide = given_path(path);
	HANDLE h = CreateFileW(wide, GENERIC_READ,
			       FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
			       OPEN_EXISTING, FILE_FLAG_SEQUENTIAL_SCAN, NULL);

	free(wide);
	if (h == INVALID_HANDLE_VALUE)
		set_errno();
	return h;
}

bool host_map(const char *path, struct view *bytes)
{
	HANDLE h = open_to_read(path), mapping = NULL;
	LARGE_INTEGER size = {.QuadPart = 0};
	void *at = NULL;

	if (h == INVALID_HANDLE_VALUE)
		return false;
	if (GetFileSizeEx(h, &size) && size.QuadPart) {
		mapping = CreateFileMappingW(h, NULL, PAGE_READONLY, 0, 0, NULL);
		at = mapping ? MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0) : NULL;
	}
	if (!at)
		set_errno();
	if (!size.QuadPart)
		errno = ENODATA;
	if (mapping)
		(void)CloseHandle(mapping);
	(void)CloseHandle(h);
	*bytes = view_of(at, (size_t)size.QuadPart);
	return at;
}

void host_unmap(struct view bytes)
{
	(void)UnmapViewOfFile(bytes.data);
}

bool file_slurp(const char *path, size_t limit, struct buffer *out)
{
	/* "-" is standard input: there is no /dev/stdin here. */
	bool standard = strcmp(path, "-") == 0;
	HANDLE h = standard ? GetStdHandle(STD_INPUT_HANDLE) : open_to_read(path);
	size_t start = out->len;
	DWORD n = 1;
	bool ok = h && h != INVALID_HANDLE_VALUE;

	while (ok && n && out->len - start <= limit) {
		ok = ReadFile(h, buffer_reserve(out, 65536), 65536, &n, NULL);
		if (ok)
			out->len += n;
		else if (GetLastError() == ERROR_BROKEN_PIPE) { /* the end of a pipe */
			ok = true;
			break;
		} else {
			set_errno();
		}
	}
	if (ok && out->len - start > limit) {
		errno = EFBIG;
		ok = false;
	}
	if (!standard && h != INVALID_HANDLE_VALUE)
		(void)CloseHandle(h);
	return ok;
}
