/*
 * Transactional logs of the registry (TxR): NAME.blf, a base log of the common log file system, and its containers
 * NAME*.regtrans-ms. What they hold is not read: that they are there and were used is recorded, because a hive whose last changes
 * went through a transaction shows them only after Windows has replayed these. Facts: libyal, "Common Log File System (CLFS)"
 * (libfsclfs documentation), head of a log block: version 0x15, fixups, total sector count, ...
 */
#include "parsers/parser.h"

static bool used(struct view v)
{
	/* Sampled: one 64-bit word of each 512 bytes; a container is preallocated with zeros. */
	for (size_t i = 0; i + 8 <= v.len; i += 512)
		if (view_get64(v, i))
			return true;
	return false;
}

static int parse(struct parse *p, struct view v)
{
	const char *name = strrchr(p->path, '/');
	bool base, any = used(v);

	name = name ? name + 1 : p->path;
	base = view_glob(view_text(name), "*.blf");
	event_start(p, KIND_OTHER, p->mtime,
		    p->mtime == TIME_NONE ? "Not a time" : "Content Modification Time", 0);
	event_add(p, "Artifact", value_text("Registry transaction log"));
	event_add(p, "Part", value_text(base ? "base log" : "container"));
	event_add(p, "Size", value_unsigned(v.len));
	event_add(p, "Used", value_bool(any));
	event_messagef(p, "Registry transaction log %s, %s%s", name,
		       base ? "base log" : "container",
		       any ? "; its changes are not read" : ", never used");
	return event_emit(p);
}

static int probe(const struct probe *p)
{
	struct view name = view_text(p->name);

	if (view_glob(name, "*.regtrans-ms"))
		return BID_NAME;
	/* A log block's head: major version 0x15, minor 1 or 2. */
	return view_glob(name, "*.blf") && view_get8(p->head, 0) == 0x15 ? BID_BOTH : BID_NO;
}

const struct parser parser_registry_transaction = {
	.name = "registry_transaction",
	.title = "Transactional logs of the registry (TxR)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
