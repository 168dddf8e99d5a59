/*
 * vsftpd.log (vsftpd.conf(5), vsftpd_log_file): "Mon Jun  6 18:43:32 2016 [pid 1] [jean] OK LOGIN:
 * Client "192.168.1.9", ...". Local time without a zone.
 */
#include "parsers/parser.h"

static bool number_at(struct view v, size_t at, size_t n, unsigned *out)
{
	uint64_t x;

	v = view_trim(view_sub(v, at, n));
	if (!view_decimal(v, &x) || x > 9999)
		return false;
	*out = (unsigned)x;
	return true;
}

static bool read_time(struct view line, int64_t *ts)
{
	unsigned month, day, hour, minute, second, year;

	if (line.len < 25 || line.data[3] != ' ' || line.data[7] != ' ' || line.data[10] != ' ' ||
	    line.data[13] != ':' || line.data[16] != ':' || line.data[19] != ' ' ||
	    line.data[24] != ' ')
		return false;
	month = time_month(view_sub(line, 4, 3));
	if (!month || !number_at(line, 8, 2, &day) || !number_at(line, 11, 2, &hour) ||
	    !number_at(line, 14, 2, &minute) || !number_at(line, 17, 2, &second) ||
	    !number_at(line, 20, 4, &year))
		return false;
	*ts = time_from_civil(year, month, day, hour, minute, second, 0);
	return *ts != TIME_NONE;
}

static int probe(const struct probe *p)
{
	int64_t ts;

	return read_time(view_clip(p->head, 0, 64), &ts) &&
			       view_starts(view_from(p->head, 25), "[pid ", 5)
		       ? BID_BOTH
		       : BID_NO;
}

static struct view between(struct view *rest, char open, char close)
{
	struct view text;
	size_t end;

	if (rest->len == 0 || rest->data[0] != (uint8_t)open)
		return VIEW_EMPTY;
	end = view_find(*rest, 1, &close, 1);
	text = view_sub(*rest, 1, end - 1);
	*rest = view_trim(view_from(*rest, end < rest->len ? end + 1 : end));
	return text;
}

static int parse(struct parse *p, struct view bytes)
{
	struct view rest = bytes, line;
	uint64_t number = 0, pid;
	int status = OK;

	while (status >= 0 && view_line(&rest, &line)) {
		uint64_t offset = (uint64_t)(line.data - bytes.data);
		struct view tail, user, action, outcome = VIEW_EMPTY, file = VIEW_EMPTY,
						client = VIEW_EMPTY, id;
		enum event_kind kind = KIND_OTHER;
		int64_t ts;
		bool good;

		number++;
		if (line.len == 0)
			continue;
		if (!read_time(line, &ts)) {
			status = parse_lost(p, offset, "no line of vsftpd's");
			continue;
		}
		tail = view_trim(view_from(line, 25));
		id = between(&tail, '[', ']');
		user = between(&tail, '[', ']');
		event_start(p, kind, ts, "Recorded Time", offset);
		p->event.record = number;
		p->event.flags = EVENT_ZONE_ASSUMED | EVENT_SECOND_PRECISION;
		event_add(p, "Program", value_text("vsftpd"));
		if (view_starts(id, "pid ", 4) && view_decimal(view_from(id, 4), &pid))
			event_add(p, "ProcessId", value_unsigned(pid));
		event_add(p, "Message", value_view(tail));
		action = view_clip(tail, 0, view_find(tail, 0, ":", 1));
		if (view_starts(action, "OK ", 3) || view_starts(action, "FAIL ", 5)) {
			outcome = view_clip(action, 0, view_find(action, 0, " ", 1));
			action = view_from(action, outcome.len + 1);
		}
		good = !view_is(outcome, "FAIL");
		tail = view_from(tail, view_find(tail, 0, "Client \"", 8));
		if (tail.len) {
			tail = view_from(tail, 7);
			client = between(&tail, '"', '"');
			if (view_starts(tail, ", \"", 3)) {
				tail = view_from(tail, 2);
				file = between(&tail, '"', '"');
			}
		}
		if (view_is(action, "LOGIN"))
			kind = good ? KIND_LOGON : KIND_LOGON_FAILURE;
		else if (view_is(action, "CONNECT"))
			kind = KIND_NETWORK_CONNECT;
		else if (good && (view_is(action, "UPLOAD") || view_is(action, "MKDIR")))
			kind = KIND_FILE_CREATE;
		else if (good && view_is(action, "DOWNLOAD"))
			kind = KIND_FILE_READ;
		else if (good && (view_is(action, "DELETE") || view_is(action, "RMDIR")))
			kind = KIND_FILE_DELETE;
		else if (good && view_is(action, "RENAME"))
			kind = KIND_FILE_RENAME;
		p->event.kind = kind;
		if (action.len && action.len < 32)
			event_add(p, "Action", value_view(action));
		if (outcome.len)
			event_add(p, "Outcome", value_view(outcome));
		if (user.len) {
			event_add(p, "TargetUserName", value_view(user));
			event_user(p, value_view(user));
		}
		if (client.len)
			event_add(p, "IpAddress", value_view(client));
		if (file.len)
			event_add(p, "TargetFilename", value_view(file));
		p->event.message = value_view(view_from(line, 25));
		status = event_emit(p);
	}
	return status;
}

const struct parser parser_vsftpd = {
	.name = "vsftpd",
	.title = "vsftpd.log",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
