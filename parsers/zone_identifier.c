/*
 * Zone.Identifier: the stream that says where a file came from ("Mark of the Web"). [MS-FSCC] 5.6.1
 * and the keys that browsers add (ReferrerUrl, HostUrl, LastWriterPackageFamilyName, AppZoneId). It
 * holds no time.
 */
#include "parsers/textfile.h"

static int probe(const struct probe *p)
{
	char text[64];
	bool named = view_glob(view_text(p->name), "*zone.identifier*");

	if (!view_begins(textfile_head(p, text, sizeof(text)), "[ZoneTransfer]"))
		return named ? BID_NAME : BID_NO;
	return named ? BID_EXACT : BID_MAGIC;
}

static int parse(struct parse *p, struct view bytes)
{
	static const char *const zones[] = {"this computer", "the local intranet", "a trusted site",
					    "the Internet", "a restricted site"};
	/* Keys of the format on the left, our field names on the right. */
	static const char *const keys[][2] = {
		{"ZoneId", "ZoneId"},
		{"ReferrerUrl", "ReferrerUrl"},
		{"HostUrl", "Url"},
		{"HostIpAddress", "IpAddress"},
		{"LastWriterPackageFamilyName", "LastWriterPackageFamilyName"},
		{"AppZoneId", "AppZoneId"},
		{"AppDefinedZoneId", "AppDefinedZoneId"}};
	const char *name = strrchr(p->path, '/'), *url = NULL, *zone = "an unknown place";
	struct view file, line, rest = view_text(name ? name + 1 : p->path);
	struct textfile t;
	int status;

	if (!view_cut(&rest, ":Zone.Identifier", &file))
		rest = view_text(name ? name + 1 : p->path),
		(void)view_cut(&rest, "%3AZone.Identifier", &file);
	textfile_open(&t, bytes);
	event_start(p, KIND_DOWNLOAD, TIME_NONE, "Not a time", 0);
	event_add(p, "TargetFilename", value_view(file));
	while (textfile_line(&t, &line)) {
		struct view key, value = line;
		uint64_t n;

		if (!view_cut(&value, "=", &key))
			continue;
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			if (view_is(key, keys[i][0]))
				event_add(p, keys[i][1], value_view(value));
		if (view_is(key, "HostUrl") || (view_is(key, "ReferrerUrl") && !url))
			url = parse_text(&p->scratch, value);
		if (view_is(key, "ZoneId") && view_decimal(view_trim(value), &n) && n < 5)
			zone = zones[n];
	}
	event_messagef(p, "%s came from %s%s%s", parse_text(&p->scratch, file), zone,
		       url ? ": " : "", url ? url : "");
	status = event_emit(p);
	textfile_release(&t);
	return status;
}

const struct parser parser_zone_identifier = {
	.name = "zone_identifier",
	.title = "Zone.Identifier streams (where a file came from)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
