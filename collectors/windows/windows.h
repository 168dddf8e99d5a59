/* What the parts of the Windows collector share. */
#ifndef KONSEKI_COLLECTORS_WINDOWS_WINDOWS_H
#define KONSEKI_COLLECTORS_WINDOWS_WINDOWS_H

#include "collectors/collection.h"
#include "collectors/windows/port.h"

struct windows_collector {
	const struct collect_options *o;
	struct collect_result *r;
	struct bundle_writer *w; /* NULL with --list */
	int status;		 /* of the first failed write: nothing goes on after it */
};

void windows_files(struct windows_collector *c);
void windows_live(struct windows_collector *c);

/*
 * A collector of live state runs in a thread of its own, so that one that does not come back costs
 * its time limit and not the collection: what it wrote until then is kept, and the rest is said to
 * be missing. It owns what it works on and shares only what is told here; after the limit it may
 * still run, unheard.
 */
struct step;
typedef void step_fn(struct step *s);
struct step_plan {
	const char *member; /* "live/processes.jsonl" */
	const char *collector;
	step_fn *run;
	unsigned limits; /* of the time of an item (o->item_seconds) */
};
/* Where the next line goes: line_start(step_lines(s), ...), then step_end(s). */
struct buffer *step_lines(struct step *s);
void step_end(struct step *s); /* line_end, and the line counts */
/* Something could not be read: a failure of the collection; more may follow. */
__attribute__((format(gnu_printf, 2, 3))) void step_failed(struct step *s, const char *fmt, ...);
const struct collect_result *step_result(const struct step *s); /* only what is set before it */
/* True when its time is over: long loops end then. */
bool step_over(const struct step *s);

step_fn windows_processes, windows_modules, windows_handles, windows_sockets, windows_network,
	windows_dns, windows_shares, windows_pipes, windows_sessions, windows_accounts,
	windows_services, windows_drivers, windows_kernel_modules, windows_system, windows_settings,
	windows_firewall, windows_software, windows_autoruns, windows_wmi, windows_tasks;

/* Processes that windows_processes found. Text stays good until the end; NULL: none of that id. */
struct windows_process {
	DWORD id, parent;
	int64_t start;
	char *name, *image, *command, *directory, *user;
	const char *integrity;
	DWORD session, threads;
	bool has_session, elevated, has_elevated, wow64, hidden;
	char *error;
};
const struct windows_process *windows_process_of(DWORD id);
const struct windows_process *windows_process_at(size_t i); /* NULL past the last */

/* Fields of who owns a thing: ProcessId, Image, CommandLine, User. */
void windows_owner(struct buffer *b, DWORD process);
void line_own(struct buffer *b, const char *name, char *text);		 /* takes the text */
void line_wide(struct buffer *b, const char *name, const wchar_t *wide); /* left out when empty */

/* The file that a command starts, as a path ("%SystemRoot%\x.exe -k y" gives C:\Windows\x.exe), or
 * NULL. The caller's. */
char *windows_image(const char *command);
char *windows_expanded(const char *text); /* %variables%; the caller's */
char *windows_folder(void);		  /* C:\Windows; the caller's */
void windows_images_begin(void);	  /* before all others */
/* "SHA256=..." of a file by its path with '/' or '\'; "" when it cannot be read. Kept. */
const char *windows_hash(const char *path);
/* Hashes, Signed, Signature, SignatureStatus, SignatureType. */
void windows_image_fields(struct buffer *b, const char *path);
/* The name that the parser of a user's hive gives him: his folder's. By the text of the SID; the
 * caller's. */
char *windows_hive_user(const char *sid);
bool windows_image_trusted(const char *path);		/* as the fields said */
const char *windows_signature_status(const char *path); /* "Valid", ...; "" when it is not known */
/* The home folder of every profile of the registry's list, the services' own too. */
void windows_profiles(void (*fn)(struct step *s, const char *home), struct step *s);

/* Opens for reading, also what is a folder's or another's with the backup privilege, and without a
 * change of the access time where that may be asked for. */
HANDLE windows_open(const wchar_t *path, DWORD more_flags);

/* Offline, or to be fetched when it is read (FILE_ATTRIBUTE_OFFLINE, RECALL_ON_OPEN,
 * RECALL_ON_DATA_ACCESS). */
static inline bool windows_elsewhere(DWORD attributes)
{
	return attributes & (0x1000 | 0x40000 | 0x400000);
}

#endif
