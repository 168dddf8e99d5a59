/*
 * Access logs of web servers in the common and combined formats of Apache httpd (mod_log_config),
 * which nginx and many others write too: host ident user [13/Jan/2016:19:31:16 +0000] "GET /x
 * HTTP/1.1" 200 494 "referer" "agent", with a virtual host
 * ("name:port") before it or not. Text inside of the quotes has \" and \xNN escapes, kept as they
 * are.
 *
 * And those of Confluence and Jira ("[TIME] user thread client GET /x HTTP/1.1 200 46ms 1206 referer
 * agent", from Confluence 7.11 and Jira 9.4 on with X-Forwarded-For before the user), Bitbucket
 * (columns between " | "), AWS load balancers (docs.aws.amazon.com, "Access log entries"), and Squid's
 * own ("1588327200.123 345 client TCP_MISS/200 1234 GET url user HIER_DIRECT/server type").
 */
#include "parsers/textfile.h"

struct request {
	struct view vhost, client, user, method, path, protocol, status, size, referer, agent;
	struct view forwarded, product, target;
	int64_t ts, made; /* made: of the request, where the log has it, or TIME_NONE */
	bool fine;	  /* fractions of a second */
	bool local;	  /* no zone */
};

static bool digits(struct view v, size_t at, size_t n, unsigned *out)
{
	if (!view_has(v, at, n))
		return false;
	for (*out = 0; n > 0; n--, at++) {
		if (v.data[at] < '0' || v.data[at] > '9')
			return false;
		*out = *out * 10 + (unsigned)(v.data[at] - '0');
	}
	return true;
}

/* [13/Jan/2016:19:31:16 +0200] without the brackets */
static bool time_of(struct view v, int64_t *ts)
{
	unsigned day, month, year, hour, minute, second, zh, zm;
	int64_t t;

	if (v.len < 26 || v.data[2] != '/' || v.data[6] != '/' || v.data[11] != ':' ||
	    v.data[14] != ':' || v.data[17] != ':' || v.data[20] != ' ' ||
	    (v.data[21] != '+' && v.data[21] != '-') || !digits(v, 0, 2, &day) ||
	    !digits(v, 7, 4, &year) || !digits(v, 12, 2, &hour) || !digits(v, 15, 2, &minute) ||
	    !digits(v, 18, 2, &second) || !digits(v, 22, 2, &zh) || !digits(v, 24, 2, &zm))
		return false;
	month = time_month(view_sub(v, 3, 3));
	t = time_from_civil(year, month, day, hour, minute, second, 0);
	if (month == 0 || t == TIME_NONE || zh > 23)
		return false;
	*ts = t - (v.data[21] == '-' ? -1 : 1) * (int64_t)(zh * 3600 + zm * 60) * TIME_SECOND;
	return true;
}

static struct view word(struct view *rest)
{
	struct view head = VIEW_EMPTY;

	while (rest->len && rest->data[0] == ' ')
		*rest = view_from(*rest, 1);
	(void)view_token(rest, ' ', &head);
	return head.len == 1 && head.data[0] == '-' ? VIEW_EMPTY : head;
}

/* "..." with backslash escapes; what is cut off ends with the line. */
static struct view quoted(struct view *rest)
{
	struct view text;
	size_t i;

	while (rest->len && rest->data[0] == ' ')
		*rest = view_from(*rest, 1);
	if (rest->len == 0 || rest->data[0] != '"')
		return VIEW_EMPTY;
	for (i = 1; i < rest->len && rest->data[i] != '"'; i++)
		if (rest->data[i] == '\\')
			i++;
	if (i > rest->len)
		i = rest->len;
	text = view_sub(*rest, 1, i - 1);
	*rest = view_from(*rest, i < rest->len ? i + 1 : i);
	return text.len == 1 && text.data[0] == '-' ? VIEW_EMPTY : text;
}

static bool read_line(struct view line, struct request *r)
{
	size_t open = view_find(view_clip(line, 0, 4096), 0, " [", 2), close;
	struct view head, request, rest;
	uint64_t n;

	*r = (struct request){.ts = TIME_NONE, .made = TIME_NONE};
	if (open >= 4096 || !view_has(line, open, 30))
		return false;
	close = open + 28;
	if (line.data[close] != ']' || !time_of(view_sub(line, open + 2, 26), &r->ts))
		return false;
	head = view_clip(line, 0, open);
	r->client = word(&head);
	/* Four words before the time: the first is the virtual host. */
	rest = head;
	(void)word(&rest);
	(void)word(&rest);
	if (view_trim(rest).len) {
		r->vhost = r->client;
		r->client = word(&head);
	}
	(void)word(&head);
	r->user = word(&head);
	rest = view_from(line, close + 1);
	request = quoted(&rest);
	r->status = word(&rest);
	if (!view_decimal(r->status, &n)) {
		/* Some servers leave quotes in the request as they are: it ends where a status
		 * follows. */
		struct view all = view_from(line, open + 30);
		unsigned code;

		for (size_t at = 2; (at = view_find(all, at, "\" ", 2)) < all.len; at++)
			if (digits(all, at + 2, 3, &code) && at + 5 < all.len &&
			    all.data[at + 5] == ' ') {
				request = view_sub(all, 1, at - 1);
				rest = view_from(all, at + 1);
				r->status = word(&rest);
				break;
			}
	}
	r->size = word(&rest);
	r->referer = quoted(&rest);
	r->agent = quoted(&rest);
	if (!view_decimal(r->status, &n) || n > 999 || r->client.len == 0)
		return false;
	/* A request that is no HTTP stays as it came, as the path. */
	close = view_find(request, 0, " ", 1);
	if (close < request.len && close < 24) {
		r->method = view_clip(request, 0, close);
		request = view_from(request, close + 1);
		for (close = request.len; close > 0 && request.data[close - 1] != ' ';)
			close--;
		if (close > 0 && view_starts(view_from(request, close), "HTTP/", 5)) {
			r->protocol = view_from(request, close);
			request = view_clip(request, 0, close - 1);
		}
	}
	r->path = request;
	return true;
}

static bool is_method(struct view v)
{
	static const char *const methods[] = {"GET",	 "POST",     "HEAD",  "PUT",
					      "DELETE",	 "OPTIONS",  "PATCH", "TRACE",
					      "CONNECT", "PROPFIND", "REPORT"};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (view_is(v, methods[i]))
			return true;
	return false;
}

/* "GET /x HTTP/1.1" */
static void split_request(struct view request, struct request *r)
{
	r->method = word(&request);
	r->path = word(&request);
	r->protocol = word(&request);
}

static bool read_atlassian(struct view line, struct request *r)
{
	struct view rest, words[6];
	size_t n = 0;
	uint64_t number;

	if (line.len < 30 || line.data[0] != '[' || line.data[27] != ']' ||
	    !time_of(view_sub(line, 1, 26), &r->ts))
		return false;
	rest = view_from(line, 28);
	while (n < 6 && rest.len) {
		while (rest.len && rest.data[0] == ' ')
			rest = view_from(rest, 1);
		(void)view_token(&rest, ' ', &words[n]);
		if (is_method(words[n++]))
			break;
	}
	if (n < 4 || !is_method(words[n - 1]))
		return false;
	r->client = words[n - 2];
	r->user = view_is(words[n - 4], "-") ? VIEW_EMPTY : words[n - 4];
	r->forwarded = n >= 5 && !view_is(words[n - 5], "-") ? words[n - 5] : VIEW_EMPTY;
	r->method = words[n - 1];
	r->path = word(&rest);
	r->protocol = word(&rest);
	r->status = word(&rest);
	(void)word(&rest); /* "46ms" */
	r->size = word(&rest);
	r->referer = word(&rest);
	r->agent = view_trim(rest);
	if (view_is(r->agent, "-"))
		r->agent = VIEW_EMPTY;
	r->product = view_text("Atlassian");
	return view_decimal(r->status, &number);
}

/* ADDRESS[,ADDRESS] | protocol | @request | user | time | "request" | "referer" "agent" | status | ... */
static bool read_bitbucket(struct view line, struct request *r)
{
	struct view cells[10], rest = line, more;
	size_t n = 0, at = 4;

	while (n < 10 && view_cut(&rest, " | ", &cells[n]))
		n++;
	/* gRPC has one column more in front. */
	if (n > 8 && !time_scan(cells[4], "%Y-%m-%d %H:%M:%S,%f", NULL, NULL))
		at = 5;
	if (n < at + 4 || !time_scan(cells[at], "%Y-%m-%d %H:%M:%S,%f", &r->ts, NULL))
		return false;
	r->client = cells[0];
	if (view_cut(&r->client, ",", &more)) {
		r->forwarded = cells[0];
		r->client = more;
	} else {
		r->client = cells[0];
	}
	r->user = view_is(cells[at - 1], "-") ? VIEW_EMPTY : cells[at - 1];
	split_request(quoted(&cells[at + 1]), r);
	if (at == 5) {
		r->path = r->method;
		r->method = cells[1];
	}
	r->referer = quoted(&cells[at + 2]);
	r->agent = quoted(&cells[at + 2]);
	r->status = view_trim(cells[at + 3]);
	r->size = n > at + 4 ? view_trim(cells[at + 4]) : VIEW_EMPTY;
	r->product = view_text("Bitbucket");
	r->fine = r->local = true;
	return true;
}

/* "203.0.113.9:2817" */
static struct view host_of(struct view v)
{
	for (size_t i = v.len; i > 0; i--)
		if (v.data[i - 1] == ':')
			return view_clip(v, 0, i - 1);
	return v;
}

static bool read_balancer(struct view line, struct request *r)
{
	static const char *const types[] = {"http", "https", "h2", "grpcs", "ws", "wss"};
	struct view rest = line, first = word(&rest), when = first, client, cell;
	bool tls = view_is(first, "tls");
	uint64_t port;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (view_is(first, types[i]))
			when = word(&rest);
	if (tls) { /* of a network load balancer: version, time, ..., listener */
		(void)word(&rest);
		when = word(&rest);
	}
	if (when.len < 19 || when.data[10] != 'T' || !time_parse_iso(when, &r->ts, NULL, NULL))
		return false;
	r->vhost = word(&rest);
	if (tls)
		(void)word(&rest);
	client = word(&rest);
	r->client = host_of(client);
	if (r->client.len == client.len ||
	    !view_decimal(view_from(client, r->client.len + 1), &port))
		return false;
	r->target = word(&rest);
	if (tls && (host_of(r->target).len == r->target.len || !view_decimal(word(&rest), &port)))
		return false;
	r->product = view_text("AWS load balancer");
	r->fine = true;
	if (tls)
		return true;
	for (int i = 0; i < 3; i++) { /* seconds: of the request, the target, the answer; or -1 */
		cell = word(&rest);
		if (!view_is(cell, "-1") && !view_decimal(view_clip(cell, 0, 1), &port))
			return false;
	}
	r->status = word(&rest);
	(void)word(&rest);
	(void)word(&rest);
	r->size = word(&rest);
	split_request(quoted(&rest), r);
	r->agent = quoted(&rest);
	/* Cipher, protocol, target group, "trace", "domain", "certificate", priority, creation */
	for (int i = 0; i < 3; i++)
		(void)word(&rest);
	for (int i = 0; i < 3; i++)
		(void)quoted(&rest);
	(void)word(&rest);
	cell = word(&rest);
	if (cell.len < 20 || !time_parse_iso(cell, &r->made, NULL, NULL))
		r->made = TIME_NONE;
	return true;
}

static bool read_squid(struct view line, struct request *r)
{
	struct view rest = line, when = word(&rest), seconds, code;
	uint64_t s, ms = 0, n;

	/* "1588327200.123" */
	if (when.len != 14 || !view_token(&when, '.', &seconds) || !view_decimal(seconds, &s) ||
	    !view_decimal(when, &ms) || !view_decimal(word(&rest), &n))
		return false;
	r->ts = time_from_unix((int64_t)s);
	if (r->ts == TIME_NONE)
		return false;
	r->ts += (int64_t)ms * 1000000;
	r->client = word(&rest);
	r->status = word(&rest);
	if (!view_token(&r->status, '/', &code) || !view_decimal(r->status, &n))
		return false;
	r->size = word(&rest);
	r->method = word(&rest);
	r->path = word(&rest);
	r->user = word(&rest);
	r->target = word(&rest);
	r->product = view_text("Squid");
	r->fine = true;
	return r->path.len > 0;
}

static bool read_any(struct view line, struct request *r)
{
	if (read_line(line, r))
		return true;
	*r = (struct request){.ts = TIME_NONE, .made = TIME_NONE};
	if (read_atlassian(line, r))
		return true;
	*r = (struct request){.ts = TIME_NONE, .made = TIME_NONE};
	if (read_balancer(line, r))
		return true;
	*r = (struct request){.ts = TIME_NONE, .made = TIME_NONE};
	if (read_squid(line, r))
		return true;
	*r = (struct request){.ts = TIME_NONE, .made = TIME_NONE};
	return read_bitbucket(line, r);
}

static int probe(const struct probe *p)
{
	struct view rest = p->head, line;
	struct request r;

	for (unsigned i = 0; i < 3 && view_line(&rest, &line); i++)
		if (line.len)
			return read_any(line, &r)
				       ? BID_CONTENT + (view_glob(view_text(p->name), "*access*")
								? 15
								: 5)
				       : BID_NO;
	return BID_NO;
}

static void add(struct parse *p, const char *name, struct view v)
{
	if (v.len)
		event_add(p, name, value_view(v));
}

static int parse(struct parse *p, struct view bytes)
{
	struct view rest = bytes, line;
	uint64_t number = 0, n;
	int status = OK;

	while (status >= 0 && view_line(&rest, &line)) {
		uint64_t offset = (uint64_t)(line.data - bytes.data);
		struct request r;
		size_t query;

		number++;
		if (line.len == 0)
			continue;
		parse_release(p, offset);
		line = view_clip(line, 0, LIMIT_LINE);
		if (!read_any(line, &r)) {
			status = parse_lost(p, offset, "no request");
			continue;
		}
		event_start(p,
			    r.method.len || r.status.len ? KIND_WEB_REQUEST : KIND_NETWORK_CONNECT,
			    r.ts, "Recorded Time", offset);
		p->event.record = number;
		p->event.flags =
			(r.fine ? 0 : EVENT_SECOND_PRECISION) | (r.local ? EVENT_ZONE_ASSUMED : 0);
		/* Names of Sigma's category webserver (the W3C extended log's). */
		add(p, "c-ip", r.client);
		add(p, "cs-username", r.user);
		add(p, "cs-method", r.method);
		query = view_find(r.path, 0, "?", 1);
		add(p, "cs-uri", r.path);
		add(p, "cs-uri-stem", view_clip(r.path, 0, query));
		add(p, "cs-uri-query", view_from(r.path, query < r.path.len ? query + 1 : query));
		add(p, "cs-version", r.protocol);
		add(p, "cs-host", r.vhost);
		if (view_decimal(r.status, &n))
			event_add(p, "sc-status", value_unsigned(n));
		if (view_decimal(r.size, &n))
			event_add(p, "sc-bytes", value_unsigned(n));
		add(p, "cs-referer", r.referer);
		add(p, "cs-user-agent", r.agent);
		add(p, "IpAddress", r.client);
		add(p, "ForwardedFor", r.forwarded);
		add(p, "Target", r.target);
		add(p, "Product", r.product);
		if (r.user.len)
			event_user(p, value_view(r.user));
		if (!r.method.len && !r.status.len)
			event_messagef(p, "%s connected to %s", parse_text(&p->scratch, r.client),
				       parse_text(&p->scratch, r.target.len ? r.target : r.vhost));
		else
			event_messagef(p, "%s: %s %s %s",
				       parse_text(&p->scratch, view_clip(r.client, 0, 64)),
				       parse_text(&p->scratch, r.method),
				       parse_text(&p->scratch, view_clip(r.path, 0, 2000)),
				       parse_text(&p->scratch, r.status));
		status = event_emit(p);
		if (status >= 0 && r.made != TIME_NONE)
			status = event_emit_at(p, r.made, "Creation Time");
	}
	return status;
}

const struct parser parser_web_access = {
	.name = "web_access",
	.title = "Access logs of web servers (Apache, nginx, Atlassian, AWS load balancers, Squid)",
	.version = 2,
	.probe = probe,
	.parse = parse,
};
