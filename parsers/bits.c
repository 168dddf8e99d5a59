/*
 * qmgr0.dat and qmgr1.dat, the queue of BITS until Windows 8.1: a marker, the queue's marker, the
 * number of jobs, and the jobs, each behind a GUID that differs from version to version. Jobs are
 * therefore told by what they are - three small numbers, a GUID, five strings of which the last is a
 * SID - and so those that are no longer in the queue, but still in the file, are found too.
 */
#include "parsers/bits.h"

#include <strings.h>

#define STRING_MAX 16384 /* UTF-16 units of a name, URL or command */

static const uint8_t file_marker[16] = {0x13, 0xf7, 0x2b, 0xc8, 0x40, 0x99, 0x12, 0x4a,
					0x9f, 0x1a, 0x3a, 0xae, 0xbd, 0x89, 0x4e, 0xea};
static const uint8_t queue_marker[16] = {0x47, 0x44, 0x5f, 0x00, 0xa9, 0xbd, 0xba, 0x44,
					 0x98, 0x51, 0xc4, 0x7b, 0xb6, 0xc0, 0x7a, 0xce};
static const uint8_t files_marker[16] = {0x36, 0xda, 0x56, 0x77, 0x6f, 0x51, 0x5a, 0x43,
					 0xac, 0xac, 0x44, 0xa2, 0x48, 0xff, 0xf3, 0x4d};

/* A count of UTF-16 units, its NUL among them, and the text. */
static bool string(struct view v, size_t *at, struct view *out)
{
	uint32_t n;

	if (!view_u32le(v, *at, &n) || n > STRING_MAX || !view_has(v, *at + 4, (size_t)n * 2))
		return false;
	*out = view_sub(v, *at + 4, (size_t)n * 2);
	*at += 4 + (size_t)n * 2;
	if (n && view_get16(*out, (size_t)(n - 1) * 2))
		return false; /* every string ends with one */
	return true;
}

static bool is_sid(struct view utf16)
{
	static const char head[] = "S-1-";

	for (size_t i = 0; i < 4; i++)
		if (view_get16(utf16, i * 2) != (uint8_t)head[i])
			return false;
	return utf16.len < 400;
}

/* Between 2000 and 2100. */
static bool plausible(uint64_t ticks)
{
	return ticks > UINT64_C(125911584000000000) && ticks < UINT64_C(157469184000000000);
}

/*
 * Behind the second files marker: number of errors and the errors (their size differs), the count of
 * transient errors, delay and time limit, then the times of creation and of the last changes, and of
 * completion.
 */
static void times(struct view v, struct bits_job *job)
{
	for (size_t at = 12; at < 256 && view_has(v, at, 24); at++) {
		uint64_t a = view_get64(v, at), b = view_get64(v, at + 8);

		if (!plausible(a) || !plausible(b) || b < a)
			continue;
		job->created = time_from_filetime(a);
		job->modified = time_from_filetime(b);
		if (plausible(view_get64(v, at + 16)))
			job->touched = time_from_filetime(view_get64(v, at + 16));
		if (plausible(view_get64(v, at + 24)))
			job->completed = time_from_filetime(view_get64(v, at + 24));
		return;
	}
}

static bool job_at(struct arena *a, struct view v, size_t at, struct bits_job *job, size_t *end)
{
	struct view name, description, program, arguments, sid;
	size_t marker;

	if (!view_has(v, at, 36) || view_get32(v, at) > 2 || view_get32(v, at + 4) > 3 ||
	    view_get32(v, at + 8) > 8)
		return false;
	*end = at + 32;
	if (!string(v, end, &name) || !name.len || !string(v, end, &description) ||
	    !string(v, end, &program) || !string(v, end, &arguments) || !string(v, end, &sid) ||
	    !is_sid(sid))
		return false;
	*job = (struct bits_job){
		.type = view_get32(v, at),
		.priority = view_get32(v, at + 4),
		.state = view_get32(v, at + 8),
		.id = v.data + at + 16,
		.name = parse_utf16z(a, name),
		.description = parse_utf16z(a, description),
		.program = parse_utf16z(a, program),
		.arguments = parse_utf16z(a, arguments),
		.sid = parse_utf16z(a, sid),
		.notify = view_get32(v, *end),
		.created = TIME_NONE,
		.modified = TIME_NONE,
		.touched = TIME_NONE,
		.completed = TIME_NONE,
	};
	/* A security descriptor lies between; the markers enclose the files. */
	marker = view_find(view_clip(v, 0, *end + 65536), *end, files_marker, 16);
	if (view_has(v, marker, 20) && memcmp(v.data + marker, files_marker, 16) == 0) {
		size_t second = view_find(v, marker + 16, files_marker, 16);

		job->files = view_sub(v, marker + 16, second - marker - 16);
		*end = second < v.len ? second + 16 : marker + 16;
		if (second < v.len)
			times(view_clip(v, second + 16, 512), job);
	}
	return true;
}

size_t bits_job_find(struct arena *a, struct view v, size_t from, struct bits_job *job, size_t *end)
{
	for (size_t at = from; view_has(v, at, 36); at++)
		if (v.data[at] <= 2 && job_at(a, v, at, job, end))
			return at;
	return SIZE_MAX;
}

/* A path: of a drive, of a share, or of a device; more than the drive itself. */
static bool is_path(struct view utf16)
{
	return utf16.len > 8 && (view_get16(utf16, 2) == ':' ||
				 (view_get16(utf16, 0) == '\\' && view_get16(utf16, 2) == '\\'));
}

/* "http://...", or a file of a share. */
static bool is_remote(struct view utf16)
{
	static const char scheme[] = {':', 0, '/', 0, '/', 0};

	return view_find(view_clip(utf16, 0, 24), 0, scheme, sizeof(scheme)) < 24 ||
	       (is_path(utf16) && view_get16(utf16, 4) != '?');
}

bool bits_file_read(struct arena *a, struct view v, size_t *at, struct bits_file *file)
{
	size_t from = *at;

	/* A GUID, or what is left of the file before, stands in front. */
	for (; from < v.len && from < *at + 256; from++) {
		struct view target, url, temporary, drive = VIEW_EMPTY, volume = VIEW_EMPTY;
		size_t end = from;

		if (!string(v, &end, &target) || !is_path(target) || !string(v, &end, &url) ||
		    !is_remote(url) || !string(v, &end, &temporary))
			continue;
		*file = (struct bits_file){.target = parse_utf16z(a, target),
					   .url = parse_utf16z(a, url),
					   .temporary = parse_utf16z(a, temporary),
					   .volume = "",
					   .received = UINT64_MAX,
					   .size = UINT64_MAX,
					   .known = true};
		(void)view_u64le(v, end, &file->received);
		(void)view_u64le(v, end + 8, &file->size);
		*at = end;
		end += 17;
		if (string(v, &end, &drive) && string(v, &end, &volume)) {
			file->volume = parse_utf16z(a, volume);
			*at = end;
		}
		return true;
	}
	return false;
}

/* ---- events ---- */

static const char *name_of(const char *const *names, size_t n, uint32_t i)
{
	return i < n ? names[i] : "unknown";
}

static const char *const types[] = {"download", "upload", "upload-reply"};
static const char *const priorities[] = {"foreground", "high", "normal", "low"};
static const char *const states[] = {"queued",	    "connecting",   "transferring",
				     "suspended",   "error",	    "transient error",
				     "transferred", "acknowledged", "cancelled"};

static const char *command(struct parse *p, const struct bits_job *job)
{
	const char *slash = strrchr(job->program, '\\'), *name = slash ? slash + 1 : job->program;
	const char *first = job->arguments + (job->arguments[0] == '"');
	size_t n = strcspn(name, ".");

	/* The parameters begin with the program, as argv does, where whoever set them knew that. */
	if (strncasecmp(first, job->program, strlen(job->program)) == 0 ||
	    (n && strncasecmp(first, name, n) == 0 && strchr(" .\"", first[n])))
		return job->arguments;
	return arena_printf(&p->scratch, "%s%s%s", job->program, *job->arguments ? " " : "",
			    job->arguments);
}

static void add_job(struct parse *p, const struct bits_job *job)
{
	event_add(p, "JobId", value_guid(job->id));
	event_add(p, "JobName", value_text(job->name));
	if (*job->description)
		event_add(p, "Description", value_text(job->description));
	event_add(p, "JobType", value_text(name_of(types, 3, job->type)));
	event_add(p, "Priority", value_text(name_of(priorities, 4, job->priority)));
	event_add(p, "State", value_text(name_of(states, 9, job->state)));
	event_add(p, "UserSid", value_text(job->sid));
	event_user(p, value_text(job->sid));
	if (*job->program) {
		event_add(p, "CommandLine", value_text(command(p, job)));
		event_add(p, "NotifyFlags", value_hex(job->notify));
	}
}

int bits_emit(struct parse *p, const struct bits_job *job, const struct bits_file *file,
	      uint64_t offset)
{
	const struct {
		int64_t ts;
		const char *desc;
	} at[] = {{job->created, "Creation Time"},
		  {job->modified, "Content Modification Time"},
		  {job->touched, "Last Updated Time"},
		  {job->completed, "End Time"}};
	const char *state = name_of(states, 9, job->state);
	bool any = false;
	int status = OK;

	event_start(p, job->type == 0 ? KIND_DOWNLOAD : KIND_NETWORK_CONNECT, TIME_NONE,
		    "Not a time", offset);
	p->event.flags |= job->recovered ? EVENT_RECOVERED : 0;
	if (file) {
		event_add(p, "Url", value_text(file->url));
		event_add(p, "TargetFilename", value_text(file->target));
		if (*file->temporary)
			event_add(p, "TemporaryFile", value_text(file->temporary));
		if (file->size != UINT64_MAX)
			event_add(p, "FileSize", value_unsigned(file->size));
		if (file->received != UINT64_MAX)
			event_add(p, "ReceivedBytes", value_unsigned(file->received));
		if (*file->volume)
			event_add(p, "Volume", value_text(file->volume));
	}
	add_job(p, job);
	if (!file)
		event_messagef(p, "BITS job %s (%s), %s, without files", job->name,
			       name_of(types, 3, job->type), state);
	else if (job->type == 0)
		event_messagef(p, "BITS job %s downloads %s to %s (%s)", job->name, file->url,
			       file->target, state);
	else
		event_messagef(p, "BITS job %s uploads %s to %s (%s)", job->name, file->target,
			       file->url, state);
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]) && status >= 0; i++) {
		if (at[i].ts == TIME_NONE)
			continue;
		any = true;
		status = event_emit_at(p, at[i].ts, at[i].desc);
	}
	return any || status < 0 ? status : event_emit(p);
}

int bits_emit_command(struct parse *p, const struct bits_job *job, uint64_t offset)
{
	const char *run;

	if (!*job->program)
		return OK;
	event_start(p, KIND_PERSISTENCE, job->created,
		    job->created == TIME_NONE ? "Not a time" : "Creation Time", offset);
	p->event.flags |= job->recovered ? EVENT_RECOVERED : 0;
	run = command(p, job);
	event_add(p, "Place", value_text("BITS job"));
	event_add(p, "Name", value_text(job->name));
	event_add(p, "CommandLine", value_text(run));
	event_add(p, "Image", value_text(job->program));
	event_add(p, "User", value_text(job->sid));
	event_user(p, value_text(job->sid));
	event_add(p, "JobId", value_guid(job->id));
	event_add(p, "State", value_text(name_of(states, 9, job->state)));
	/* BG_NOTIFY_JOB_TRANSFERRED 1, BG_NOTIFY_JOB_ERROR 2, BG_NOTIFY_DISABLE 4 */
	event_add(p, "NotifyFlags", value_hex(job->notify));
	event_add(p, "Enabled", value_bool(!(job->notify & 4)));
	event_messagef(p, "Autorun (BITS job) %s: %s", job->name, run);
	return event_emit(p);
}

/* ---- qmgr0.dat, qmgr1.dat ---- */

static int probe(const struct probe *p)
{
	bool named = view_glob(view_text(p->name), "qmgr?.dat");

	if (view_starts(p->head, file_marker, 16))
		return named ? BID_EXACT : BID_MAGIC;
	/* What stands before the marker differs. */
	return named && view_find(p->head, 0, file_marker, 16) < p->head.len ? BID_EXACT : BID_NO;
}

static int parse(struct parse *p, struct view v)
{
	struct bits_job job;
	size_t end = 0, at = 0, live;
	int status = OK;

	/* Behind the queue's second marker nothing of the queue stands: what is found there, or in
	 * the other half of the file, is of older states. */
	live = view_find(v, 0, queue_marker, 16);
	live = live < v.len ? view_find(v, live + 16, queue_marker, 16) : v.len;
	while (status >= 0 && (at = bits_job_find(&p->arena, v, at, &job, &end)) != SIZE_MAX) {
		uint32_t count = view_get32(job.files, 0);
		size_t in = 4;
		bool any = false;

		job.recovered = at >= live;
		for (uint32_t i = 0; i < count && status >= 0; i++) {
			struct bits_file file;

			if (!bits_file_read(&p->arena, job.files, &in, &file)) {
				status = parse_lost(p, at, "job %s: file %u of %u cannot be read",
						    job.name, i + 1, count);
				break;
			}
			any = true;
			status = bits_emit(p, &job, &file, at);
		}
		if (status >= 0 && !any)
			status = bits_emit(p, &job, NULL, at);
		if (status >= 0)
			status = bits_emit_command(p, &job, at);
		at = end;
	}
	return status;
}

const struct parser parser_bits = {
	.name = "bits",
	.title = "BITS queue (qmgr0.dat, qmgr1.dat)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
