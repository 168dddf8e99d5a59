/*
 * Windows prefetch files: what ran, when (the last run, or the last eight), how often, from which
 * volume, with which files. Facts: libyal's documentation "Windows Prefetch File (PF) format",
 * sections as cited; compressed files since Windows 10 are a MAM header and LZXPRESS Huffman
 * ([MS-XCA]).
 */
#include "parsers/lzxpress.h"
#include "parsers/parser.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_SIZE    (64u << 20) /* decompressed: real ones stay under 2 MiB */
#define MAX_VOLUMES 64

static int probe(const struct probe *p)
{
	if (view_starts(p->head, "MAM\x04", 4) || view_starts(p->head, "MAM\x84", 4))
		return view_glob(view_text(p->name), "*.pf") ? BID_EXACT : BID_MAGIC;
	return p->head.len >= 84 && memcmp(p->head.data + 4, "SCCA", 4) == 0 ? BID_MAGIC : BID_NO;
}

/* Where the fields of a version are; "File information". */
struct layout {
	uint32_t version;
	uint16_t run_time, run_times, run_count, volume_size;
	const char *windows;
};
static const struct layout layouts[] = {
	{17, 120, 1, 144, 40, "Windows XP, 2003"}, {23, 128, 1, 152, 104, "Windows Vista, 7"},
	{26, 128, 8, 208, 104, "Windows 8"},	   {30, 128, 8, 208, 96, "Windows 10"},
	{31, 128, 8, 208, 96, "Windows 11"},
};

static struct view utf16_until_zero(struct view v)
{
	size_t n = 0;

	while (view_has(v, n, 2) && view_get16(v, n))
		n += 2;
	return view_sub(v, 0, n);
}

/* The list of NUL-terminated UTF-16 strings; *image gets the one whose last part is the program's
 * name. */
static struct value file_list(struct parse *p, struct view strings, const char *name,
			      const char **image)
{
	struct value *list = NULL;
	size_t count = 0, n = 0, length = strlen(name);

	for (size_t i = 0; view_has(strings, i, 2); i += 2)
		count += view_get16(strings, i) == 0;
	if (count && count <= strings.len)
		list = arena_alloc(&p->arena, count * sizeof(*list));
	for (size_t at = 0; list && n < count;) {
		struct view one = utf16_until_zero(view_from(strings, at));
		const char *text, *last;

		at += one.len + 2;
		if (one.len == 0) {
			count--;
			continue;
		}
		text = parse_utf16z(&p->arena, one);
		list[n++] = value_text(text);
		last = strrchr(text, '\\');
		/* The header's name is cut at 29 characters. */
		if (!*image && last && length &&
		    (length >= 29 ? strncasecmp(last + 1, name, length)
				  : strcasecmp(last + 1, name)) == 0)
			*image = text;
	}
	return n ? (struct value){.type = VALUE_LIST, .len = (uint32_t)n, .list = list}
		 : (struct value){0};
}

/* Directory strings: a count of characters, the characters, a NUL; "Directory strings". */
static struct value directory_list(struct parse *p, struct view v, uint32_t count)
{
	struct value *list;
	size_t n = 0, at = 0;

	if (count > v.len / 4)
		count = (uint32_t)(v.len / 4);
	if (!count || !(list = arena_alloc(&p->scratch, count * sizeof(*list))))
		return (struct value){0};
	while (n < count && view_has(v, at, 2)) {
		size_t bytes = (size_t)view_get16(v, at) * 2;

		if (!view_has(v, at + 2, bytes))
			break;
		list[n++] = value_utf16(view_sub(v, at + 2, bytes));
		at += 2 + bytes + 2;
	}
	return n ? (struct value){.type = VALUE_LIST, .len = (uint32_t)n, .list = list}
		 : (struct value){0};
}

/* The record of the program in the $MFT: "File metrics array", entries of 32 bytes since version 23; 0 where there is none. */
static uint64_t image_reference(struct parse *p, struct view v, uint32_t version, const char *image)
{
	struct view strings = view_clip(v, view_get32(v, 100), view_get32(v, 104)),
		    metrics = view_from(v, view_get32(v, 84));
	uint32_t count = view_get32(v, 88);

	for (size_t i = 0; version >= 23 && image && i < count && view_has(metrics, i * 32, 32);
	     i++) {
		struct view name = view_sub(strings, view_get32(metrics, i * 32 + 12),
					    (size_t)view_get32(metrics, i * 32 + 16) * 2);

		if (name.len == 2 * strlen(image) &&
		    strcmp(parse_utf16z(&p->arena, name), image) == 0)
			return view_get64(metrics, i * 32 + 24);
	}
	return 0;
}

static int volumes(struct parse *p, struct view info, uint32_t count, uint16_t entry_size,
		   const char *name, uint32_t hash, uint64_t base)
{
	for (uint32_t i = 0; i < count && i < MAX_VOLUMES; i++) {
		struct view entry = view_sub(info, (size_t)i * entry_size, entry_size);
		struct view device;
		int status;

		if (!entry.data)
			return parse_lost(p, base + (uint64_t)i * entry_size,
					  "volume %u of %u is not there", i + 1, count);
		device = view_clip(info, view_get32(entry, 0), (size_t)view_get32(entry, 4) * 2);
		event_start(p, KIND_OTHER, time_from_filetime(view_get64(entry, 8)),
			    "Creation Time", base + (uint64_t)i * entry_size);
		event_add(p, "Executable", value_text(name));
		event_add(p, "PrefetchHash", value_hex(hash));
		event_add(p, "DevicePath", value_utf16(device));
		event_addf(p, "VolumeSerialNumber", "%08X", view_get32(entry, 16));
		event_add(p, "Directories",
			  directory_list(p, view_from(info, view_get32(entry, 28)),
					 view_get32(entry, 32)));
		event_messagef(p, "Volume %s, serial %08X, from which %s ran, was created",
			       parse_utf16z(&p->scratch, device), view_get32(entry, 16), name);
		if ((status = event_emit(p)) < 0)
			return status;
	}
	return OK;
}

static int scca(struct parse *p, struct view v)
{
	const struct layout *layout = NULL;
	uint32_t version = view_get32(v, 0), hash = view_get32(v, 76), run_count,
		 volume_count = view_get32(v, 112);
	const char *name = parse_utf16z(&p->arena, view_sub(v, 16, 60)), *image = NULL;
	struct view info = view_clip(v, view_get32(v, 108), view_get32(v, 116));
	struct value files;
	uint64_t reference;
	int status;

	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (layouts[i].version == version)
			layout = &layouts[i];
	if (!layout)
		return parse_fail(p, ERR_UNSUPPORTED, 0, "prefetch version %u", version);
	if (!view_has(v, 84, 68))
		return parse_fail(p, ERR_TRUNCATED, v.len, "the file information is cut");
	/* The second variant of version 30, and 31, has a file information shorter by 8 bytes; its
	 * metrics begin at 0x128. */
	run_count = view_get32(v, version >= 30 && view_get32(v, 84) == 0x128 ? 200
									      : layout->run_count);
	files = file_list(p, view_clip(v, view_get32(v, 100), view_get32(v, 104)), name, &image);
	reference = image_reference(p, v, version, image);
	for (unsigned i = 0; i < layout->run_times; i++) {
		uint64_t ticks = view_get64(v, layout->run_time + (size_t)i * 8);

		if (ticks == 0 && i > 0)
			continue;
		event_start(p, KIND_PROCESS_SEEN, time_from_filetime(ticks),
			    i ? "Previous Last Time Executed" : "Last Time Executed",
			    layout->run_time + (uint64_t)i * 8);
		event_add(p, "Executable", value_text(name));
		event_add(p, "Image", value_text(image));
		if (reference)
			event_addf(p, "FileReference", "%llu-%llu",
				   (unsigned long long)(reference & 0xffffffffffff),
				   (unsigned long long)(reference >> 48));
		event_add(p, "RunCount", value_unsigned(run_count));
		event_add(p, "PrefetchHash", value_hex(hash));
		event_add(p, "PrefetchVersion", value_unsigned(version));
		event_add(p, "OSVersion", value_text(layout->windows));
		event_add(p, "VolumeCount", value_unsigned(volume_count));
		/* Once is enough: the list is that of the last runs together. */
		if (i == 0)
			event_add(p, "Files", files);
		if (p->event.ts == TIME_NONE && ticks)
			event_add(p, "RawTime", value_hex(ticks));
		event_messagef(p, "%s ran%s (run count %u)", image ? image : name,
			       i ? " before" : "", run_count);
		if ((status = event_emit(p)) < 0)
			return status;
	}
	if (volume_count && !info.data)
		return parse_lost(p, view_get32(v, 108), "the volume information is not there");
	return volumes(p, info, volume_count, layout->volume_size, name, hash, view_get32(v, 108));
}

static int parse(struct parse *p, struct view bytes)
{
	size_t head = 8, made = 0;
	uint32_t size;
	uint8_t *out;
	int status;

	if (!view_starts(bytes, "MAM", 3))
		return scca(p, bytes);
	/* "MAM", the method in the low bits (4: LZXPRESS Huffman), 0x80: a checksum follows the
	 * size. */
	if ((view_get8(bytes, 3) & 0x7f) != 4)
		return parse_fail(p, ERR_UNSUPPORTED, 3, "compression method %u",
				  view_get8(bytes, 3) & 0x7f);
	head += view_get8(bytes, 3) & 0x80 ? 4 : 0;
	size = view_get32(bytes, 4);
	if (size > MAX_SIZE || size < 84)
		return parse_fail(p, ERR_LIMIT, 4, "a decompressed size of %u bytes", size);
	out = calloc(1, size);
	if (!out)
		return parse_fail(p, ERR_MEMORY, 4, "no memory for %u bytes", size);
	status = lzxpress_huffman(view_from(bytes, head), out, size, &made);
	if (status < 0)
		status = parse_lost(p, head, "decompression ended after %zu of %u bytes: %s", made,
				    size, status_text(status));
	if (status >= 0) {
		struct view v = view_of(out, made);

		status = made >= 84 && memcmp(out + 4, "SCCA", 4) == 0
				 ? scca(p, v)
				 : parse_fail(p, ERR_FORMAT, 4, "no prefetch file inside");
	}
	free(out);
	return status;
}

const struct parser parser_prefetch = {
	.name = "prefetch",
	.title = "Windows prefetch (XP to 11)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
