/*
 * The bitmap cache of the Remote Desktop client: Terminal Server Client\Cache\Cache0000.bin (Windows
 * 7 and later) and bcache2.bmc, bcache22.bmc, bcache24.bmc. Listed, not shown: how many tiles of which
 * sizes say how much was seen of another machine's desktop.
 *
 * Facts: ANSSI, bmc-tools; CERT-FR 2016-ACT-017. A .bin file: "RDP8bmp\0", version, then tiles, each
 * two keys, width, height (16 bits) and the pixels, 32 bits each. A .bmc file: tiles of two keys,
 * width, height, length of the pixels and flags (8: compressed); pixels that are not compressed
 * have room for 64 x 64.
 */
#include "parsers/parser.h"

#define SIDE 64 /* pixels of a tile, at most */

static int probe(const struct probe *p)
{
	struct view name = view_text(p->name);

	if (view_starts(p->head, "RDP8bmp", 8))
		return view_glob(name, "cache????.bin") ? BID_EXACT : BID_MAGIC;
	if (view_glob(name, "bcache*.bmc"))
		return p->size == 0 || (view_get16(p->head, 8) <= SIDE &&
					view_get16(p->head, 10) <= SIDE)
			       ? BID_BOTH
			       : BID_NAME;
	return BID_NO;
}

static int parse(struct parse *p, struct view v)
{
	bool bin = view_starts(v, "RDP8bmp", 8);
	size_t at = bin ? 12 : 0, head = bin ? 12 : 20;
	uint64_t tiles = 0, whole = 0, compressed = 0, pixels = 0;
	struct view user = parse_path_user(p->path);
	int status = OK;

	while (view_has(v, at, head) && status >= 0) {
		unsigned width = view_get16(v, at + 8), height = view_get16(v, at + 10);
		uint64_t size = (uint64_t)width * height * 4;
		bool packed = false;

		if (!bin) {
			uint32_t length = view_get32(v, at + 12);

			packed = view_get32(v, at + 16) & 8;
			/* 8, 16 and 32 bits a pixel: the room follows from the length. */
			size = length;
			if (!packed && width && height)
				size = (uint64_t)SIDE * SIDE *
				       (length / ((uint64_t)width * height));
		}
		if (width == 0 || height == 0 || width > SIDE || height > SIDE ||
		    size > (uint64_t)SIDE * SIDE * 4) {
			/* A file that was made but not filled has nothing but zeros. */
			if (view_get32(v, at) || view_get32(v, at + 4) || width || height)
				status = parse_lost(p, at, "a tile of %u x %u pixels", width,
						    height);
			break;
		}
		if (!view_has(v, at + head, 1))
			break;
		tiles++;
		whole += width == SIDE && height == SIDE;
		compressed += packed;
		pixels += (uint64_t)width * height;
		if (size > v.len - at - head) {
			if (bin || packed)
				status = parse_lost(p, at, "tile %llu is cut",
						    (unsigned long long)tiles);
			break;
		}
		at += head + (size_t)size;
	}
	if (status < 0)
		return status;
	event_start(p, KIND_NETWORK_CONNECT, p->mtime,
		    p->mtime == TIME_NONE ? "Not a time" : "Content Modification Time", 0);
	event_add(p, "Product", value_text("Remote Desktop client"));
	event_add(p, "Tiles", value_unsigned(tiles));
	event_add(p, "WholeTiles", value_unsigned(whole));
	event_add(p, "CompressedTiles", value_unsigned(compressed));
	event_add(p, "Pixels", value_unsigned(pixels));
	event_add(p, "FileSize", value_unsigned(v.len));
	if (user.len)
		event_user(p, value_view(user));
	event_messagef(p, "Remote Desktop client's cache of pictures: %llu tiles of what it showed",
		       (unsigned long long)tiles);
	return event_emit(p);
}

const struct parser parser_rdp_cache = {
	.name = "rdp_cache",
	.title = "Remote Desktop client's bitmap cache (listing)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
