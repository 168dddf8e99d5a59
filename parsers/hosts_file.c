/*
 * The hosts file, of Windows (drivers\etc\hosts) and Unix (hosts(5)): an address, the names that it
 * has. Entries of the loopback's own names are left out; names that are sent to nowhere are not.
 */
#include "parsers/textfile.h"

#define NAMES 64

static int probe(const struct probe *p)
{
	return view_glob(view_text(p->path), "*etc/hosts") ? BID_BOTH : BID_NO;
}

static struct view word(struct view *rest)
{
	size_t n = 0;
	struct view v;

	*rest = view_trim(*rest);
	while (n < rest->len && rest->data[n] != ' ' && rest->data[n] != '\t')
		n++;
	v = view_clip(*rest, 0, n);
	*rest = view_from(*rest, n);
	return v;
}

/* What every machine has. */
static bool own_name(struct view v)
{
	return view_glob(v, "localhost*") || view_glob(v, "ip6-*") ||
	       view_glob(v, "broadcasthost") || view_glob(v, "*.localdomain*") ||
	       view_glob(v, "kubernetes.docker.internal");
}

static int parse(struct parse *p, struct view bytes)
{
	struct value list[NAMES];
	struct textfile t;
	struct view line;
	int status = OK;

	textfile_open(&t, bytes);
	while (status >= 0 && textfile_line(&t, &line)) {
		struct view rest = view_clip(line, 0, view_index(line, "#")), address = word(&rest),
			    name;
		uint32_t n = 0;

		if (!address.len)
			continue;
		while (n < NAMES && (name = word(&rest)).len)
			if (!own_name(name))
				list[n++] = value_view(name);
		if (!n)
			continue;
		event_start(p, KIND_SYSTEM_INFO, p->mtime,
			    p->mtime == TIME_NONE ? "Not a time" : "Content Modification Time",
			    t.offset);
		p->event.record = t.line;
		event_add(p, "IpAddress", value_view(address));
		event_add(p, "HostName",
			  n == 1 ? list[0]
				 : (struct value){.type = VALUE_LIST, .len = n, .list = list});
		event_messagef(p, "The hosts file says that %s is %s",
			       parse_text(&p->scratch, view_of(list[0].data, list[0].len)),
			       parse_text(&p->scratch, address));
		status = event_emit(p);
	}
	textfile_release(&t);
	return status;
}

const struct parser parser_hosts_file = {
	.name = "hosts_file",
	.title = "The hosts file",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
