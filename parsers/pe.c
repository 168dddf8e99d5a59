/*
 * Programs, libraries and drivers of Windows: when they were linked and what they say of themselves.
 * Facts: Microsoft, "PE Format" (cited by its headings) and VS_VERSIONINFO.
 *
 * A reproducible build has a hash where the times would stand (debug type 16): its events have none.
 */
#include "parsers/startup.h"

#include "base/text.h"

#include <strings.h>

enum directory {
	DIR_EXPORT,
	DIR_IMPORT,
	DIR_RESOURCE,
	DIR_SECURITY = 4,
	DIR_DEBUG = 6,
	DIR_LOAD = 10,
	DIR_DELAY = 13
};

#define SECTIONS_MAX  96   /* "the Windows loader limits the number of sections to 96" */
#define IMPORTS_MAX   1024 /* descriptors that are looked at for their times */
#define RESOURCES_MAX 4096 /* entries of one level of the resource tree */

struct pe {
	struct view file, sections, directories;
	uint16_t machine, flags, subsystem;
	bool plus; /* PE32+ */
	bool repro;
	const char *pdb, *export_name;
	const char *original, *internal, *product, *company, *description, *file_version;
	uint32_t linked;
	struct {
		uint32_t raw;
		const char *what, *desc;
	} times[8];
	size_t count;
};

/* What an address within the loaded image is in the file: at most to the end of its section. */
static struct view at_address(const struct pe *x, uint32_t address)
{
	for (size_t i = 0; view_has(x->sections, i * 40, 40); i++) {
		uint32_t start = view_get32(x->sections, i * 40 + 12),
			 size = view_get32(x->sections, i * 40 + 16),
			 offset = view_get32(x->sections, i * 40 + 20);

		if (address >= start && address - start < size)
			return view_clip(view_from(x->file, offset), address - start,
					 size - (address - start));
	}
	return VIEW_EMPTY;
}

static struct view directory(const struct pe *x, enum directory n)
{
	uint32_t address = view_get32(x->directories, n * 8u);

	return address ? at_address(x, address) : VIEW_EMPTY;
}

static void time_add(struct pe *x, uint32_t raw, const char *what, const char *desc)
{
	/* All ones: bound by the new way, no time. */
	if (raw == 0 || raw == UINT32_MAX || x->count == sizeof(x->times) / sizeof(x->times[0]))
		return;
	for (size_t i = 0; i < x->count; i++)
		if (x->times[i].raw == raw)
			return;
	x->times[x->count].raw = raw;
	x->times[x->count].what = what;
	x->times[x->count++].desc = desc;
}

static const char *string_at(struct parse *p, const struct pe *x, uint32_t address)
{
	return address ? parse_text(&p->arena, view_clip(at_address(x, address), 0, 260)) : "";
}

static void exports(struct parse *p, struct pe *x)
{
	struct view v = directory(x, DIR_EXPORT);

	time_add(x, view_get32(v, 4), "export table", "Content Modification Time");
	x->export_name = string_at(p, x, view_get32(v, 12));
}

static void imports(struct pe *x)
{
	struct view v = directory(x, DIR_IMPORT);

	for (size_t i = 0; i < IMPORTS_MAX && view_get32(v, i * 20 + 12); i++)
		time_add(x, view_get32(v, i * 20 + 4), "import table", "Content Modification Time");
	v = directory(x, DIR_DELAY);
	for (size_t i = 0; i < IMPORTS_MAX && view_get32(v, i * 32 + 4); i++)
		time_add(x, view_get32(v, i * 32 + 28), "delayed import table",
			 "Content Modification Time");
}

static void debug(struct parse *p, struct pe *x)
{
	struct view v = view_clip(directory(x, DIR_DEBUG), 0,
				  view_get32(x->directories, DIR_DEBUG * 8u + 4));

	for (size_t i = 0; i < 64 && view_has(v, i * 28, 28); i++) {
		uint32_t type = view_get32(v, i * 28 + 12);
		struct view raw =
			view_clip(x->file, view_get32(v, i * 28 + 24), view_get32(v, i * 28 + 16));

		/* "Debug Type": 2 CodeView, 16 repro */
		if (type == 16)
			x->repro = true;
		else
			time_add(x, view_get32(v, i * 28 + 4), "debug directory",
				 "Content Modification Time");
		if (type == 2 && view_starts(raw, "RSDS", 4))
			x->pdb = parse_text(&p->arena, view_clip(view_from(raw, 24), 0, 1024));
		else if (type == 2 && view_starts(raw, "NB10", 4))
			x->pdb = parse_text(&p->arena, view_clip(view_from(raw, 16), 0, 1024));
	}
}

/* VS_VERSIONINFO: blocks of (length, value length, type, key, padding, value, padding, children). */
static void version_strings(struct parse *p, struct pe *x, struct view v)
{
	static const char *const names[] = {"OriginalFilename", "InternalName",	   "ProductName",
					    "CompanyName",	"FileDescription", "FileVersion"};
	const char **const to[] = {&x->original, &x->internal,	  &x->product,
				   &x->company,	 &x->description, &x->file_version};

	v = view_clip(v, 0, 65536);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		uint8_t key[64];
		size_t n = strlen(names[i]) + 1, at;

		/* A String block: its key stands six bytes in, its value after it, at a multiple of
		 * four. */
		for (size_t k = 0; k < n; k++) {
			key[2 * k] = (uint8_t)names[i][k];
			key[2 * k + 1] = 0;
		}
		at = view_find(v, 0, key, 2 * n);
		if (at < 6 || at >= v.len)
			continue;
		struct view block = view_clip(v, at - 6, view_get16(v, at - 6)),
			    value = view_from(block, (6 + 2 * n + 3) & ~(size_t)3);

		*to[i] = parse_utf16z(&p->arena, view_clip(value, 0, 512));
	}
}

/* "The .rsrc Section": type, name, language; each level's entries are (id, offset). */
static void resources(struct parse *p, struct pe *x)
{
	struct view root = directory(x, DIR_RESOURCE);
	uint32_t at = 0;

	time_add(x, view_get32(root, 4), "resource table", "Content Modification Time");
	for (unsigned level = 0; level < 3; level++) {
		unsigned n = view_get16(root, at + 12u) + view_get16(root, at + 14u);
		uint32_t next = 0;

		for (size_t i = 0; i < n && i < RESOURCES_MAX && !next; i++)
			/* 16: RT_VERSION; below it the first of each */
			if (level || view_get32(root, at + 16u + i * 8) == 16)
				next = view_get32(root, at + 20u + i * 8);
		/* The high bit: another level. */
		if (!next || (next >> 31) != (level < 2))
			return;
		at = next & 0x7fffffff;
	}
	version_strings(
		p, x, view_clip(at_address(x, view_get32(root, at)), 0, view_get32(root, at + 4u)));
}

static const char *machine_text(uint16_t machine)
{
	switch (machine) {
	case 0x14c:
		return "x86";
	case 0x8664:
		return "x64";
	case 0x1c0:
	case 0x1c4:
		return "ARM";
	case 0xaa64:
		return "ARM64";
	case 0x200:
		return "IA64";
	}
	return NULL;
}

static void add_fields(struct parse *p, const struct pe *x)
{
	static const char *const names[] = {"OriginalFileName", "InternalName", "Product",
					    "Company",		"Description",	"FileVersion",
					    "ExportName",	"PdbPath"};
	const char *const texts[] = {x->original,    x->internal,     x->product,     x->company,
				     x->description, x->file_version, x->export_name, x->pdb};

	if (machine_text(x->machine))
		event_add(p, "Machine", value_text(machine_text(x->machine)));
	else
		event_addf(p, "Machine", "0x%04x", x->machine);
	/* "Windows Subsystem" 1: native, which on NT is a driver; "Characteristics" 0x2000: DLL */
	event_add(p, "Type",
		  value_text(x->subsystem == 1	 ? "driver"
			     : x->flags & 0x2000 ? "library"
			     : x->subsystem == 3 ? "console program"
						 : "program"));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (texts[i] && *texts[i])
			event_add(p, names[i], value_text(texts[i]));
	event_add(p, "Signature",
		  value_text(view_get32(x->directories, DIR_SECURITY * 8u + 4) ? "embedded"
									       : "none"));
}

static int parse(struct parse *p, struct view v)
{
	struct pe x = {.file = v};
	size_t at = view_get32(v, 60), optional;
	const char *name = strrchr(p->path, '/');
	int status = OK;

	name = name ? name + 1 : p->path;
	if (!view_starts(view_from(v, at), "PE\0\0", 4) || !view_has(v, at, 24))
		return parse_fail(p, ERR_FORMAT, at, "no PE header");
	/* "COFF File Header", "Optional Header" */
	x.machine = view_get16(v, at + 4);
	x.linked = view_get32(v, at + 8);
	x.flags = view_get16(v, at + 22);
	optional = at + 24;
	x.plus = view_get16(v, optional) == 0x20b;
	x.subsystem = view_get16(v, optional + 68);
	x.directories = view_clip(view_from(v, optional + (x.plus ? 112 : 96)), 0,
				  8 * (size_t)(view_get32(v, optional + (x.plus ? 108 : 92)) & 31));
	x.sections = view_clip(view_from(v, optional + view_get16(v, at + 20)), 0,
			       40 * (size_t)(view_get16(v, at + 6) > SECTIONS_MAX
						     ? SECTIONS_MAX
						     : view_get16(v, at + 6)));
	time_add(&x, x.linked, "header", "Creation Time");
	exports(p, &x);
	imports(&x);
	resources(p, &x);
	time_add(&x, view_get32(directory(&x, DIR_LOAD), 4), "load configuration",
		 "Content Modification Time");
	debug(p, &x);
	if (x.sections.len == 0 && (status = parse_lost(p, optional, "no section headers")) < 0)
		return status;
	/* A program in the Startup folder runs at every logon. */
	if (view_glob(view_text(p->path), STARTUP_FOLDER) &&
	    (status = startup_emit(p, "Startup folder", name, p->path, "", VIEW_EMPTY, 0)) < 0)
		return status;
	for (size_t i = 0; i < x.count || i == 0; i++) {
		bool timed = x.count && !x.repro;

		event_start(p, KIND_FILE_METADATA,
			    timed ? time_from_unix(x.times[i].raw) : TIME_NONE,
			    timed ? x.times[i].desc : "Not a time", at + 8);
		add_fields(p, &x);
		if (timed)
			event_add(p, "TimeOf", value_text(x.times[i].what));
		else
			event_add(p, x.repro ? "ReproducibleHash" : "TimeDateStamp",
				  value_hex(x.linked));
		event_messagef(p, "%s%s%s%s%s", name, timed ? ": " : "",
			       timed && i == 0 ? "linked"
			       : timed	       ? x.times[i].what
					       : "",
			       x.description && *x.description ? ", " : "",
			       x.description ? x.description : "");
		if ((status = event_emit(p)) < 0 || !timed)
			return status;
	}
	return status;
}

static int probe(const struct probe *p)
{
	uint32_t at = view_get32(p->head, 60);

	return view_starts(p->head, "MZ", 2) && view_starts(view_from(p->head, at), "PE\0\0", 4)
		       ? BID_MAGIC
		       : BID_NO;
}

const struct parser parser_pe = {
	.name = "pe",
	.title = "Windows programs, libraries and drivers (PE)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
