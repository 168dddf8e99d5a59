#include "parsers/ntfs_file.h"

const char *const ntfs_time_descs[4] = {"Creation Time", "Content Modification Time",
					"Metadata Modification Time", "Last Access Time"};

bool ntfs_name_read(struct view c, struct ntfs_name *n)
{
	size_t chars = view_get8(c, 64);

	if (!view_has(c, 66, chars * 2) || chars == 0)
		return false;
	*n = (struct ntfs_name){
		.parent = view_get64(c, 0),
		.times = {view_get64(c, 8), view_get64(c, 16), view_get64(c, 24),
			  view_get64(c, 32)},
		.allocated = view_get64(c, 40),
		.size = view_get64(c, 48),
		.flags = view_get32(c, 56),
		.space = view_get8(c, 65),
		.name = view_sub(c, 66, chars * 2),
	};
	return n->space <= 3;
}

bool ntfs_fixup(uint8_t *record, size_t len)
{
	struct view v = view_of(record, len);
	size_t at = view_get16(v, 4), count = view_get16(v, 6);
	bool whole = true;

	if (count == 0 || !view_has(v, at, count * 2) || (count - 1) * 512 > len)
		return false;
	for (size_t i = 1; i < count; i++) {
		uint8_t *end = record + i * 512 - 2;

		whole = whole && memcmp(end, record + at, 2) == 0;
		memcpy(end, record + at + 2 * i, 2);
	}
	return whole;
}
