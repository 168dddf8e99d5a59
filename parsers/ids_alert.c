/*
 * Alerts of intrusion detection: Snort's and Suricata's fast.log ("TIME [**] [1:366:11] text [**]
 * [Classification: ...] [Priority: 3] {TCP} a:1 -> b:2"; Snort leaves the year out), and Suricata's
 * eve.json (docs.suricata.io, "Eve JSON Format"): alerts and what else it logs, one object a line.
 */
#include "parsers/json_value.h"
#include "parsers/textfile.h"

static bool fast_time(struct view line, int64_t *ts, size_t *used, bool *no_year)
{
	*no_year = false;
	if (time_scan(line, "%Y/%m/%d-%H:%M:%S.%f ", ts, used) ||
	    time_scan(line, "%y/%m/%d-%H:%M:%S.%f ", ts, used))
		return true;
	/* Suricata: month/day/year */
	if (time_scan(line, "%m/%d/%Y-%H:%M:%S.%f ", ts, used))
		return true;
	*no_year = true;
	return time_scan(line, "%m/%d-%H:%M:%S.%f ", ts, used);
}

static bool eve(struct view line)
{
	return view_begins(line, "{\"timestamp\":") &&
	       view_index(line, "\"event_type\":") < line.len;
}

static int probe(const struct probe *p)
{
	char text[4096];
	struct view head = textfile_head(p, text, sizeof(text)), line;
	int64_t ts;
	size_t used;
	bool no_year;

	for (int i = 0; i < 3 && view_line(&head, &line); i++) {
		if (fast_time(line, &ts, &used, &no_year) &&
		    view_begins(view_trim(view_from(line, used)), "[**] ["))
			return BID_MAGIC;
		if (eve(line))
			return BID_MAGIC;
	}
	return BID_NO;
}

/* "10.0.0.1:80" and "2001:db8::1:80": Snort writes both alike, so the last part is the port of a
 * protocol that has ports. */
static void add_end(struct parse *p, struct view end, bool ports, const char *address,
		    const char *port)
{
	size_t at = end.len;

	end = view_trim(end);
	while (ports && at > 0 && end.data[at - 1] != ':')
		at--;
	if (ports && at > 0) {
		event_add(p, address, value_view(view_clip(end, 0, at - 1)));
		event_add(p, port, value_view(view_from(end, at)));
	} else {
		event_add(p, address, value_view(end));
	}
}

static int fast(struct parse *p, struct view line, const struct textfile *t)
{
	struct view rest, skip, id, text, class_ = VIEW_EMPTY, priority = VIEW_EMPTY,
					  protocol = VIEW_EMPTY, from;
	int64_t ts;
	size_t used;
	bool no_year, ports;

	if (!fast_time(line, &ts, &used, &no_year))
		return view_trim(line).len ? parse_lost(p, t->offset, "no alert") : OK;
	rest = view_from(line, used);
	if (!view_cut(&rest, "[**] [", &skip) || !view_cut(&rest, "] ", &id) ||
	    !view_cut(&rest, " [**]", &text))
		return parse_lost(p, t->offset, "no alert");
	event_start(p, KIND_MALWARE_FOUND, ts, "Recorded Time", t->offset);
	p->event.record = t->line;
	p->event.flags |= EVENT_ZONE_ASSUMED;
	if (no_year)
		p->event.ts = time_in_year(p, ts);
	text = view_trim(text);
	if (text.len > 1 && text.data[0] == '"' && text.data[text.len - 1] == '"')
		text = view_sub(text, 1, text.len - 2);
	event_add(p, "Signature", value_view(text));
	event_add(p, "SignatureId", value_view(id));
	skip = rest;
	if (view_cut(&skip, "[Classification: ", &from) && view_cut(&skip, "]", &class_))
		event_add(p, "Classification", value_view(class_));
	skip = rest;
	if (view_cut(&skip, "[Priority: ", &from) && view_cut(&skip, "]", &priority))
		event_add(p, "Priority", value_view(priority));
	if (view_cut(&rest, "{", &skip) && view_cut(&rest, "} ", &protocol)) {
		event_add(p, "Protocol", value_view(protocol));
		ports = view_is(protocol, "TCP") || view_is(protocol, "UDP") ||
			view_is(protocol, "SCTP");
		if (view_cut(&rest, " -> ", &from)) {
			add_end(p, from, ports, "SourceIp", "SourcePort");
			add_end(p, rest, ports, "DestinationIp", "DestinationPort");
			event_messagef(p, "Alert: %s: %s to %s", parse_text(&p->scratch, text),
				       parse_text(&p->scratch, from),
				       parse_text(&p->scratch, rest));
		}
	}
	if (p->event.message.type == VALUE_ABSENT)
		event_messagef(p, "Alert: %s", parse_text(&p->scratch, text));
	return event_emit(p);
}

static void add(struct parse *p, const json_t *v, const char *key, const char *field)
{
	const json_t *m = json_object_get(v, key);

	if (m)
		event_add(p, field, json_value(&p->scratch, m));
}

static const char *shown(struct parse *p, const json_t *v)
{
	return parse_text(&p->scratch, view_clip(json_text(v), 0, 1000));
}

static int eve_line(struct parse *p, struct view line, const struct textfile *t)
{
	static const char *const top[][2] = {{"event_type", "EventType"},
					     {"src_ip", "SourceIp"},
					     {"src_port", "SourcePort"},
					     {"dest_ip", "DestinationIp"},
					     {"dest_port", "DestinationPort"},
					     {"proto", "Protocol"},
					     {"app_proto", "ApplicationProtocol"},
					     {"flow_id", "FlowId"},
					     {"in_iface", "Interface"}};
	json_error_t error;
	json_t *v = json_loadb((const char *)line.data, line.len, 0, &error);
	const json_t *alert = json_object_get(v, "alert"), *dns = json_object_get(v, "dns"),
		     *http = json_object_get(v, "http"), *tls = json_object_get(v, "tls"),
		     *file = json_object_get(v, "fileinfo"), *name;
	int64_t ts = TIME_NONE;
	const char *what;
	int status;

	if (!json_is_object(v)) { /* NOLINT(misc-redundant-expression): jansson's macro */
		json_decref(v);
		return parse_lost(p, t->offset, "no JSON: %s", error.text);
	}
	if (!time_parse_iso(json_text(json_object_get(v, "timestamp")), &ts, NULL, NULL))
		ts = TIME_NONE;
	event_start(p,
		    alert  ? KIND_MALWARE_FOUND
		    : dns  ? KIND_DNS_QUERY
		    : http ? KIND_WEB_REQUEST
			   : KIND_NETWORK_CONNECT,
		    ts, ts == TIME_NONE ? "Not a time" : "Recorded Time", t->offset);
	p->event.record = t->line;
	for (size_t i = 0; i < sizeof(top) / sizeof(top[0]); i++)
		add(p, v, top[i][0], top[i][1]);
	what = shown(p, json_object_get(v, "event_type"));
	if (alert) {
		add(p, alert, "signature", "Signature");
		add(p, alert, "signature_id", "SignatureId");
		add(p, alert, "category", "Classification");
		add(p, alert, "severity", "Priority");
		add(p, alert, "action", "Action");
		what = shown(p, json_object_get(alert, "signature"));
	}
	if (dns) {
		name = json_object_get(dns, "rrname");
		if (!name)
			name = json_object_get(json_array_get(json_object_get(dns, "queries"), 0),
					       "rrname");
		if (name)
			event_add(p, "QueryName", json_value(&p->scratch, name));
		add(p, dns, "rrtype", "QueryType");
		add(p, dns, "rcode", "QueryStatus");
		what = arena_printf(&p->scratch, "dns %s", shown(p, name));
	}
	if (http) {
		add(p, http, "hostname", "cs-host");
		add(p, http, "url", "cs-uri");
		add(p, http, "http_method", "cs-method");
		add(p, http, "http_user_agent", "cs-user-agent");
		add(p, http, "status", "sc-status");
		if (!alert)
			what = arena_printf(&p->scratch, "%s http://%s%s",
					    shown(p, json_object_get(http, "http_method")),
					    shown(p, json_object_get(http, "hostname")),
					    shown(p, json_object_get(http, "url")));
	}
	if (tls) {
		add(p, tls, "sni", "ServerName");
		add(p, tls, "subject", "Subject");
		add(p, tls, "issuerdn", "Issuer");
		add(p, tls, "fingerprint", "Fingerprint");
		if (!alert)
			what = arena_printf(&p->scratch, "tls %s",
					    shown(p, json_object_get(tls, "sni")));
	}
	if (file) {
		add(p, file, "filename", "TargetFilename");
		add(p, file, "size", "FileSize");
		name = json_object_get(file, "sha256");
		if (name)
			event_addf(p, "Hashes", "SHA256=%s", shown(p, name));
	}
	event_messagef(p, "%s%s: %s to %s", alert ? "Alert: " : "", what,
		       shown(p, json_object_get(v, "src_ip")),
		       shown(p, json_object_get(v, "dest_ip")));
	status = event_emit(p);
	json_decref(v);
	return status;
}

static int parse(struct parse *p, struct view bytes)
{
	struct textfile t;
	struct view line;
	int status = OK;

	textfile_open(&t, bytes);
	while (status >= 0 && textfile_line(&t, &line)) {
		if (view_begins(line, "{"))
			status = eve_line(p, line, &t);
		else
			status = fast(p, line, &t);
	}
	textfile_release(&t);
	return status;
}

const struct parser parser_ids_alert = {
	.name = "ids_alert",
	.title = "Alerts of Snort and Suricata (fast.log, eve.json)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
