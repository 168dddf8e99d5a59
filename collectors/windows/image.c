/* Program files: which one a command starts, its hash, who signed it. Each is looked at once. */
#include "collectors/windows/windows.h"

#include <softpub.h>
#include <stdlib.h>
#include <wincrypt.h>
#include <wintrust.h>

#include "collectors/lines.h"

/* ---- the file of a command ---- */

static bool is_file(const char *path)
{
	wchar_t *wide = path[0] && path[1] == ':' ? wide_path(path) : NULL;
	DWORD attributes = wide ? GetFileAttributesW(wide) : INVALID_FILE_ATTRIBUTES;

	free(wide);
	return attributes != INVALID_FILE_ATTRIBUTES && !(attributes & FILE_ATTRIBUTE_DIRECTORY);
}

char *windows_expanded(const char *text)
{
	wchar_t *wide = wide_of(text), *out = xcalloc(32768, sizeof(*out));
	DWORD n = ExpandEnvironmentStringsW(wide, out, 32768);
	char *expanded = n && n <= 32768 ? utf8_of(out) : xstrdup(text);

	free(wide);
	free(out);
	return expanded;
}

char *windows_folder(void)
{
	wchar_t folder[MAX_PATH];
	UINT n = GetSystemWindowsDirectoryW(folder, MAX_PATH);

	return utf8_of_n(folder, n < MAX_PATH ? n : 0);
}

/* As it stands, with ".exe", in System32: the first that is a file. The caller's, or NULL. */
static char *existing(const char *path, const char *windows)
{
	static const char *const folders[] = {"", "\\System32\\", "\\"};

	for (size_t i = 0; i < 3; i++)
		for (size_t with_exe = 0; with_exe < 2; with_exe++) {
			char *name = xasprintf("%s%s%s%s", i ? windows : "", folders[i], path,
					       with_exe ? ".exe" : "");

			if (is_file(name))
				return name;
			free(name);
		}
	return NULL;
}

char *windows_image(const char *command)
{
	char *text = windows_expanded(command ? command : ""), *start = text, *found = NULL,
	     *windows = windows_folder(), *whole;
	size_t n;

	while (*start == ' ')
		start++;
	/* Names of the kernel's own: \??\C:\x, \SystemRoot\x, system32\x. */
	if (strncmp(start, "\\??\\", 4) == 0)
		start += 4;
	if (_strnicmp(start, "\\SystemRoot\\", 12) == 0)
		whole = xasprintf("%s\\%s", windows, start + 12);
	else if (_strnicmp(start, "system32\\", 9) == 0)
		whole = xasprintf("%s\\%s", windows, start);
	else
		whole = xstrdup(start);
	if (whole[0] == '"') {
		char *end = strchr(whole + 1, '"');

		if (end)
			*end = '\0';
		found = existing(whole + 1, windows);
	} else {
		/* Unquoted, Windows itself tries at every blank; so do we. */
		n = strlen(whole);
		for (size_t i = 1; i <= n && !found; i++) {
			char kept = whole[i];

			if (kept != ' ' && kept != '\0' && kept != ',')
				continue;
			whole[i] = '\0';
			found = existing(whole, windows);
			whole[i] = kept;
		}
	}
	free(whole);
	free(windows);
	free(text);
	return found;
}

/* ---- what is known of files ---- */

#define HASH_LIMIT (512ull << 20) /* larger files are not hashed */

struct known {
	char *path;
	char *hash; /* NULL: not asked yet */
	char *status, *signer;
	bool is_signed, by_catalog;
};

/* Several collectors may run at once, one of them perhaps stuck in a file: the lock is never held
 * while a file is read. */
static CRITICAL_SECTION lock;
static struct known **all; /* sorted by path; pointers stay good */
static size_t count, cap;

static struct known *known_of(const char *path)
{
	size_t low = 0, high;
	struct known *k;

	EnterCriticalSection(&lock);
	high = count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = _stricmp(path, all[middle]->path);

		if (order == 0) {
			k = all[middle];
			LeaveCriticalSection(&lock);
			return k;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	all = xgrow(all, &cap, count + 1, sizeof(struct known *));
	memmove(&all[low + 1], &all[low], (count - low) * sizeof(struct known *));
	k = all[low] = xcalloc(1, sizeof(*k));
	k->path = xstrdup(path);
	count++;
	LeaveCriticalSection(&lock);
	return k;
}

/* Keeps the first answer; the text becomes the cache's. */
static void keep(char **slot, char *text)
{
	EnterCriticalSection(&lock);
	if (*slot)
		free(text);
	else
		*slot = text;
	LeaveCriticalSection(&lock);
}

void windows_images_begin(void)
{
	InitializeCriticalSection(&lock);
}

/* Only a fixed drive's path: one of the network could be an enemy's, or never answer. */
static bool local(const char *path)
{
	wchar_t root[] = L"X:\\";
	UINT type;

	if (!path || !path[0] || path[1] != ':' || (path[2] != '\\' && path[2] != '/'))
		return false;
	root[0] = (wchar_t)path[0];
	type = GetDriveTypeW(root);
	return type == DRIVE_FIXED || type == DRIVE_REMOVABLE || type == DRIVE_RAMDISK ||
	       type == DRIVE_CDROM;
}

HANDLE windows_open(const wchar_t *path, DWORD more_flags)
{
	static const FILETIME keep_time = {0xffffffff, 0xffffffff};
	const DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
		    flags = FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_SEQUENTIAL_SCAN |
			    FILE_FLAG_OPEN_NO_RECALL | more_flags;
	HANDLE h = CreateFileW(path, GENERIC_READ | FILE_WRITE_ATTRIBUTES, share, NULL,
			       OPEN_EXISTING, flags, NULL);

	/* This value says that reads through the handle leave the time as it is (SetFileTime). */
	if (h != INVALID_HANDLE_VALUE)
		(void)SetFileTime(h, NULL, &keep_time, NULL);
	else
		h = CreateFileW(path, GENERIC_READ, share, NULL, OPEN_EXISTING, flags, NULL);
	return h;
}

static HANDLE open_file(const char *path)
{
	wchar_t *wide = wide_path(path);
	DWORD attributes = GetFileAttributesW(wide);
	HANDLE h = INVALID_HANDLE_VALUE;

	/* A placeholder would be fetched from its cloud. */
	if (attributes != INVALID_FILE_ATTRIBUTES && !windows_elsewhere(attributes))
		h = windows_open(wide, 0);
	free(wide);
	return h;
}

static char *hash_file(const char *path)
{
	HANDLE h = open_file(path);
	uint8_t *bytes = xmalloc(1 << 18), digest[SHA256_SIZE];
	struct sha256 state;
	char hex[2 * SHA256_SIZE + 1];
	uint64_t total = 0;
	DWORD got = 0;
	bool ok = h != INVALID_HANDLE_VALUE && GetFileType(h) == FILE_TYPE_DISK;

	sha256_init(&state);
	while (ok && (ok = ReadFile(h, bytes, 1 << 18, &got, NULL)) && got) {
		sha256_update(&state, bytes, got);
		total += got;
		ok = total <= HASH_LIMIT;
	}
	if (h != INVALID_HANDLE_VALUE)
		(void)CloseHandle(h);
	free(bytes);
	if (!ok)
		return xstrdup("");
	sha256_final(&state, digest);
	sha256_hex(digest, hex);
	return xasprintf("SHA256=%s", hex);
}

const char *windows_hash(const char *path)
{
	struct known *k;

	if (!local(path))
		return "";
	k = known_of(path);
	if (!k->hash)
		keep(&k->hash, hash_file(path));
	return k->hash;
}

/* ---- signatures ---- */

/* mscat.h's catalog functions, and their structures as of Windows 8; the older ones are shorter. */
struct catalog_name {
	DWORD size;
	wchar_t file[MAX_PATH];
};
struct catalog_info {
	DWORD size, version;
	const wchar_t *catalog, *tag, *member;
	HANDLE file;
	BYTE *hash;
	DWORD hash_size;
	const void *context;
	HANDLE admin; /* Windows 8 on */
};

static struct trust {
	LONG(WINAPI *verify)(HWND, GUID *, void *);
	CRYPT_PROVIDER_DATA *(WINAPI *state)(HANDLE);
	CRYPT_PROVIDER_SGNR *(WINAPI *signer)(CRYPT_PROVIDER_DATA *, DWORD, BOOL, DWORD);
	BOOL(WINAPI *acquire)(HANDLE *, const GUID *, DWORD);
	BOOL(WINAPI *acquire2)(HANDLE *, const GUID *, const wchar_t *, const void *, DWORD);
	BOOL(WINAPI *calculate)(HANDLE, DWORD *, BYTE *, DWORD);
	BOOL(WINAPI *calculate2)(HANDLE, HANDLE, DWORD *, BYTE *, DWORD);
	HANDLE(WINAPI *find)(HANDLE, BYTE *, DWORD, DWORD, HANDLE *);
	BOOL(WINAPI *info)(HANDLE, struct catalog_name *, DWORD);
	BOOL(WINAPI *release_info)(HANDLE, HANDLE, DWORD);
	BOOL(WINAPI *release)(HANDLE, DWORD);
	DWORD(WINAPI *name)(PCCERT_CONTEXT, DWORD, DWORD, void *, wchar_t *, DWORD);
	bool loaded;
} trust;

static void load_trust(void)
{
	static const wchar_t dll[] = L"wintrust.dll";
	struct trust t = {
		.verify = windows_proc(dll, "WinVerifyTrust"),
		.state = windows_proc(dll, "WTHelperProvDataFromStateData"),
		.signer = windows_proc(dll, "WTHelperGetProvSignerFromChain"),
		.acquire = windows_proc(dll, "CryptCATAdminAcquireContext"),
		.acquire2 = windows_proc(dll, "CryptCATAdminAcquireContext2"),
		.calculate = windows_proc(dll, "CryptCATAdminCalcHashFromFileHandle"),
		.calculate2 = windows_proc(dll, "CryptCATAdminCalcHashFromFileHandle2"),
		.find = windows_proc(dll, "CryptCATAdminEnumCatalogFromHash"),
		.info = windows_proc(dll, "CryptCATCatalogInfoFromContext"),
		.release_info = windows_proc(dll, "CryptCATAdminReleaseCatalogContext"),
		.release = windows_proc(dll, "CryptCATAdminReleaseContext"),
		.name = windows_proc(L"crypt32.dll", "CertGetNameStringW"),
		.loaded = true,
	};

	EnterCriticalSection(&lock);
	if (!trust.loaded)
		trust = t;
	LeaveCriticalSection(&lock);
}

/* As Sysmon's SignatureStatus says it. */
static const char *status_of(LONG code)
{
	switch ((DWORD)code) {
	case ERROR_SUCCESS:
		return "Valid";
	case 0x800b0100: /* TRUST_E_NOSIGNATURE */
		return "Unavailable";
	case 0x80096010: /* TRUST_E_BAD_DIGEST */
		return "Bad digest";
	case 0x800b0101: /* CERT_E_EXPIRED */
		return "Expired";
	case 0x800b010c: /* CERT_E_REVOKED */
		return "Revoked";
	case 0x800b0109: /* CERT_E_UNTRUSTEDROOT */
		return "Untrusted root";
	case 0x800b0111: /* TRUST_E_EXPLICIT_DISTRUST */
		return "Explicitly distrusted";
	default:
		return NULL;
	}
}

/* Only what is on this host is asked: no revocation lists are fetched, no window is shown. */
static LONG verify(WINTRUST_DATA *d, struct known *k)
{
	static const GUID generic = WINTRUST_ACTION_GENERIC_VERIFY_V2;
	GUID action = generic;
	CRYPT_PROVIDER_DATA *state;
	CRYPT_PROVIDER_SGNR *signer;
	wchar_t name[512];
	LONG code;

	d->cbStruct = sizeof(*d);
	d->dwUIChoice = WTD_UI_NONE;
	d->fdwRevocationChecks = WTD_REVOKE_NONE;
	d->dwStateAction = WTD_STATEACTION_VERIFY;
	d->dwProvFlags = WTD_CACHE_ONLY_URL_RETRIEVAL | WTD_REVOCATION_CHECK_NONE;
	code = trust.verify((HWND)INVALID_HANDLE_VALUE, &action, d);
	state = trust.state && trust.name ? trust.state(d->hWVTStateData) : NULL;
	signer = state && trust.signer ? trust.signer(state, 0, FALSE, 0) : NULL;
	if (signer && signer->csCertChain && signer->pasCertChain[0].pCert &&
	    trust.name(signer->pasCertChain[0].pCert, CERT_NAME_SIMPLE_DISPLAY_TYPE, 0, NULL, name,
		       512) > 1)
		keep(&k->signer, utf8_of(name));
	d->dwStateAction = WTD_STATEACTION_CLOSE;
	(void)trust.verify((HWND)INVALID_HANDLE_VALUE, &action, d);
	return code;
}

/* Most of Windows' own files are signed by the hash in a catalog: SHA-1 since 7, SHA-256 since 8.
 * False when no catalog has it. */
static bool verify_catalog(const wchar_t *path, HANDLE file, bool sha256, struct known *k,
			   LONG *code)
{
	static const GUID driver = DRIVER_ACTION_VERIFY; /* catalogs of the system */
	HANDLE admin = NULL, catalog = NULL;
	struct catalog_name name = {.size = sizeof(name)};
	BYTE hash[64];
	DWORD size = sizeof(hash);
	wchar_t tag[2 * 64 + 1];
	bool found = false;

	if (sha256 ? !trust.acquire2(&admin, &driver, L"SHA256", NULL, 0)
		   : !trust.acquire(&admin, &driver, 0))
		return false;
	if (sha256 ? trust.calculate2(admin, file, &size, hash, 0)
		   : trust.calculate(file, &size, hash, 0))
		catalog = trust.find(admin, hash, size, 0, NULL);
	if (catalog && trust.info(catalog, &name, 0)) {
		struct catalog_info info = {
			.size = trust.acquire2 ? sizeof(info)
					       : offsetof(struct catalog_info, admin),
			.catalog = name.file,
			.tag = tag,
			.member = path,
			.file = file,
			.hash = hash,
			.hash_size = size,
			.admin = admin,
		};
		WINTRUST_DATA d = {.dwUnionChoice = WTD_CHOICE_CATALOG};

		for (DWORD i = 0; i < size && i < 64; i++)
			(void)_snwprintf(tag + 2 * (size_t)i, 3, L"%02X", hash[i]);
		d.pCatalog = (WINTRUST_CATALOG_INFO *)(void *)&info;
		*code = verify(&d, k);
		found = true;
	}
	if (catalog)
		(void)trust.release_info(admin, catalog, 0);
	(void)trust.release(admin, 0);
	return found;
}

static void look_at_signature(struct known *k)
{
	wchar_t *wide = wide_of(k->path);
	HANDLE file = open_file(k->path);
	WINTRUST_FILE_INFO info = {.cbStruct = sizeof(info)};
	WINTRUST_DATA d = {.dwUnionChoice = WTD_CHOICE_FILE};
	const char *status;
	LONG code;

	if (file == INVALID_HANDLE_VALUE) {
		keep(&k->status, xstrdup(""));
		free(wide);
		return;
	}
	for (wchar_t *at = wide; *at; at++)
		if (*at == L'/')
			*at = L'\\';
	info.pcwszFilePath = wide;
	info.hFile = file;
	d.pFile = &info;
	code = verify(&d, k);
	/* No signature inside: 0x800b0100; of a kind that has none inside: 0x800b0003, 0x800b0001. */
	if (((DWORD)code == 0x800b0100 || (DWORD)code == 0x800b0003 || (DWORD)code == 0x800b0001) &&
	    trust.acquire && trust.calculate && trust.find && trust.info && trust.release_info &&
	    trust.release) {
		LONG by_catalog;

		if ((trust.acquire2 && trust.calculate2 &&
		     verify_catalog(wide, file, true, k, &by_catalog)) ||
		    verify_catalog(wide, file, false, k, &by_catalog)) {
			code = by_catalog;
			k->by_catalog = true;
		} else {
			code = (LONG)0x800b0100;
		}
	}
	(void)CloseHandle(file);
	free(wide);
	k->is_signed = (DWORD)code != 0x800b0100;
	status = status_of(code);
	keep(&k->status, status ? xstrdup(status) : xasprintf("0x%08lx", (unsigned long)code));
}

/* ---- both, as fields ---- */

static const struct known *signature_of(const char *path)
{
	struct known *k;

	if (!local(path))
		return NULL;
	if (!trust.loaded)
		load_trust();
	if (!trust.verify)
		return NULL;
	k = known_of(path);
	if (!k->status)
		look_at_signature(k);
	return *k->status ? k : NULL;
}

void windows_image_fields(struct buffer *b, const char *path)
{
	const struct known *k;

	line_some(b, "Hashes", windows_hash(path));
	k = signature_of(path);
	if (!k)
		return;
	line_bool(b, "Signed", k->is_signed);
	line_some(b, "Signature", k->signer);
	line_text(b, "SignatureStatus", k->status);
	if (k->is_signed)
		line_text(b, "SignatureType", k->by_catalog ? "Catalog" : "Embedded");
}

const char *windows_signature_status(const char *path)
{
	const struct known *k = signature_of(path);

	return k ? k->status : "";
}

bool windows_image_trusted(const char *path)
{
	return strcmp(windows_signature_status(path), "Valid") == 0;
}
