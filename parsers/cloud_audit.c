/*
 * Audit logs of clouds and of what runs in them, as JSON: one object a line, an array, or an object
 * that holds the array (CloudTrail's "Records", Azure's "records" and "value"). Told by the members
 * that each has:
 *
 *	aws	CloudTrail record contents (AWS, "CloudTrail record contents"), also as `aws cloudtrail
 *		lookup-events` gives them, the record inside as text
 *	azure	activity, sign-in, audit and resource logs (Microsoft, "Azure resource logs common schema")
 *	m365	the unified audit log (Microsoft, "Office 365 Management Activity API schema")
 *	gcp	Cloud Audit Logs (Google, LogEntry and AuditLog)
 *	kubernetes	audit.k8s.io Event
 *	okta	System Log; github: organisation audit log
 *
 * Members keep their names, those of members joined with a point, so that Sigma's rules for these
 * sources find them; lists of objects are told as JSON and member by member.
 */
#include "parsers/json_value.h"
#include "parsers/parser.h"

#include <stdlib.h>

enum cloud { NONE, AWS, AZURE, M365, GCP, KUBERNETES, OKTA, GITHUB };
static const char *const clouds[] = {"",    "aws",	  "azure", "m365",
				     "gcp", "kubernetes", "okta",  "github"};

#define RECORD_MAX (8u << 20) /* bytes of one object */

static bool has(struct view v, const char *member)
{
	return view_find(v, 0, member, strlen(member)) < v.len;
}

static enum cloud cloud_of(struct view v)
{
	if (has(v, "\"eventSource\"") && has(v, "\"eventName\"") && has(v, "\"eventVersion\""))
		return AWS;
	if (has(v, "\"CloudTrailEvent\"") && has(v, "\"EventSource\""))
		return AWS;
	if (has(v, "\"protoPayload\"") && has(v, "\"logName\""))
		return GCP;
	if (has(v, "audit.k8s.io") && has(v, "\"verb\"") && has(v, "\"auditID\""))
		return KUBERNETES;
	if (has(v, "\"Workload\"") && has(v, "\"Operation\"") && has(v, "\"CreationTime\""))
		return M365;
	if ((has(v, "\"operationName\"") || has(v, "\"operation_name\"")) &&
	    (has(v, "\"resourceId\"") || has(v, "\"resource_id\"") || has(v, "\"tenantId\"")) &&
	    (has(v, "\"time\"") || has(v, "\"timeStamp\"") || has(v, "\"event_timestamp\"") ||
	     has(v, "\"eventTimestamp\"")))
		return AZURE;
	if (has(v, "\"published\"") && has(v, "\"eventType\"") && has(v, "\"actor\"") &&
	    has(v, "\"outcome\""))
		return OKTA;
	if (has(v, "\"@timestamp\"") && has(v, "\"action\"") && has(v, "\"actor\"") &&
	    has(v, "\"org\""))
		return GITHUB;
	return NONE;
}

static int probe(const struct probe *p)
{
	struct view head = view_trim(p->head);

	if (!head.len || (head.data[0] != '{' && head.data[0] != '['))
		return BID_NO;
	/* konseki's own lines can hold any of these. */
	if (has(view_clip(head, 0, 512), "\"ts_desc\":"))
		return BID_NO;
	return cloud_of(view_clip(head, 0, 16384)) == NONE ? BID_NO : BID_MAGIC;
}

/* The end of the object that begins at `at`, or 0 when it has none. */
static size_t object_end(struct view v, size_t at)
{
	size_t depth = 0;
	bool quoted = false;

	for (size_t i = at; i < v.len && i - at < RECORD_MAX; i++) {
		uint8_t c = v.data[i];

		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
		} else if (c == '"') {
			quoted = true;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if ((c == '}' || c == ']') && --depth == 0) {
			return i + 1;
		}
	}
	return 0;
}

/* ---- members ---- */

static void add_json(struct parse *p, const char *name, const json_t *v)
{
	char *text = json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS), *copy;

	if (!text)
		return;
	copy = arena_strndup(&p->scratch, text, strlen(text));
	free(text);
	event_add(p, name, value_text(copy));
}

static void add(struct parse *p, const char *name, const json_t *v, unsigned depth)
{
	json_t *member;

	if (depth > 12 || p->count > LIMIT_EVENT_FIELDS / 2) {
		add_json(p, name, v);
		return;
	}
	if (json_is_object(v)) { /* NOLINT(misc-redundant-expression): jansson's macro */
		/* Rules look into these as a whole. */
		if (strcmp(name, "requestParameters") == 0 ||
		    strcmp(name, "responseElements") == 0 || strcmp(name, "requestObject") == 0)
			add_json(p, name, v);
		/* Azure: {"value": ..., "localizedValue": ...} is what the value says. */
		if ((member = json_object_get(v, "value")) && json_is_string(member) &&
		    json_object_get(v, "localizedValue"))
			event_add(p, name, json_value(&p->scratch, member));
		for (struct json_member m = json_first(v); m.at; m = json_next(m))
			add(p, arena_printf(&p->scratch, "%s.%s", name, m.key), m.value, depth + 1);
	} else if (json_is_array(v)) { /* NOLINT(misc-redundant-expression) */
		size_t n = json_array_size(v);
		struct value *list = n ? arena_zalloc(&p->scratch, n * sizeof(*list)) : NULL;
		uint32_t count = 0;
		bool objects = false;

		for (size_t i = 0; list && i < n; i++) {
			member = json_array_get(v, i);
			if (json_is_object(member) || json_is_array(member)) /* NOLINT */
				objects = true;
			else
				list[count++] = json_value(&p->scratch, member);
		}
		if (objects) {
			add_json(p, name, v);
			for (size_t i = 0; i < n; i++)
				if (json_is_object(json_array_get(v, i))) /* NOLINT */
					add(p, name, json_array_get(v, i), depth + 1);
		} else if (count) {
			event_add(p, name,
				  count == 1 ? list[0]
					     : (struct value){.type = VALUE_LIST,
							      .len = count,
							      .list = list});
		}
	} else {
		event_add(p, name, json_value(&p->scratch, v));
	}
}

/* A member by its path; NULL when it is not there. */
static const json_t *at(const json_t *v, const char *path)
{
	char key[64];

	while (v && *path) {
		size_t n = strcspn(path, ".");

		if (n >= sizeof(key))
			return NULL;
		memcpy(key, path, n);
		key[n] = '\0';
		v = json_object_get(v, key);
		path += n + (path[n] == '.');
	}
	return v;
}

/* The text of the first member that is there; "" when none is. */
static const char *text(const json_t *v, const char *const *paths)
{
	for (; *paths; paths++) {
		const json_t *m = at(v, *paths);

		if (json_is_string(m) && json_string_length(m)) /* NOLINT */
			return json_string_value(m);
	}
	return "";
}
#define TEXT(v, ...) text(v, (const char *const[]){__VA_ARGS__, NULL})

/* What each calls who, what, on what, from where, and how it ended. */
struct summary {
	const char *time, *who, *what, *object, *address, *outcome;
	bool logon, failed;
};

static struct summary summary_of(enum cloud cloud, const json_t *v)
{
	struct summary s = {"", "", "", "", "", "", false, false};

	switch (cloud) {
	case AWS:
		s.time = TEXT(v, "eventTime", "EventTime");
		s.who = TEXT(v, "userIdentity.userName", "userIdentity.arn",
			     "userIdentity.invokedBy", "userIdentity.principalId",
			     "userIdentity.type", "Username");
		s.what = TEXT(v, "eventName", "EventName");
		s.object = TEXT(v, "eventSource", "EventSource");
		s.address = TEXT(v, "sourceIPAddress");
		s.outcome = TEXT(v, "errorCode", "responseElements.ConsoleLogin");
		s.logon = strcmp(s.what, "ConsoleLogin") == 0;
		s.failed = strcmp(s.outcome, "Failure") == 0 || *TEXT(v, "errorCode");
		break;
	case AZURE:
		s.time = TEXT(v, "time", "timeStamp", "eventTimestamp", "event_timestamp",
			      "createdDateTime");
		s.who = TEXT(v, "caller", "identity", "properties.userPrincipalName",
			     "userPrincipalName", "properties.initiatedBy.user.userPrincipalName");
		s.what = TEXT(v, "operationName", "operationName.value", "operation_name.value",
			      "properties.activityDisplayName");
		s.object = TEXT(v, "resourceId", "resource_id");
		s.address = TEXT(v, "callerIpAddress", "properties.ipAddress",
				 "properties.clientIP", "httpRequest.clientIpAddress", "ipAddress");
		s.outcome = TEXT(v, "resultSignature", "status.value", "status", "resultType",
				 "resultDescription");
		s.logon = strcmp(s.what, "Sign-in activity") == 0;
		s.failed = json_integer_value(at(v, "properties.status.errorCode")) != 0 ||
			   (*TEXT(v, "resultType") && strcmp(TEXT(v, "resultType"), "0") != 0);
		break;
	case M365:
		s.time = TEXT(v, "CreationTime");
		s.who = TEXT(v, "UserId");
		s.what = TEXT(v, "Operation");
		s.object = TEXT(v, "ObjectId", "Workload");
		s.address = TEXT(v, "ClientIP", "ClientIPAddress", "ActorIpAddress");
		s.outcome = TEXT(v, "ResultStatus");
		s.logon = strncmp(s.what, "UserLog", 7) == 0;
		s.failed = strcmp(s.what, "UserLoginFailed") == 0;
		break;
	case GCP:
		s.time = TEXT(v, "timestamp", "receiveTimestamp");
		s.who = TEXT(v, "protoPayload.authenticationInfo.principalEmail");
		s.what = TEXT(v, "protoPayload.methodName");
		s.object = TEXT(v, "protoPayload.resourceName", "protoPayload.serviceName");
		s.address = TEXT(v, "protoPayload.requestMetadata.callerIp");
		s.outcome = TEXT(v, "protoPayload.status.message", "severity");
		break;
	case KUBERNETES:
		s.time = TEXT(v, "stageTimestamp", "requestReceivedTimestamp");
		s.who = TEXT(v, "user.username");
		s.what = TEXT(v, "verb");
		s.object = TEXT(v, "requestURI", "objectRef.resource");
		s.address = json_string_value(json_array_get(at(v, "sourceIPs"), 0));
		s.outcome = TEXT(v, "responseStatus.reason", "stage");
		break;
	case OKTA:
		s.time = TEXT(v, "published");
		s.who = TEXT(v, "actor.alternateId", "actor.displayName");
		s.what = TEXT(v, "eventType");
		s.object = TEXT(v, "displayMessage");
		s.address = TEXT(v, "client.ipAddress");
		s.outcome = TEXT(v, "outcome.result");
		s.logon = strcmp(s.what, "user.session.start") == 0;
		s.failed = strcmp(s.outcome, "FAILURE") == 0;
		break;
	case GITHUB:
		s.who = TEXT(v, "actor");
		s.what = TEXT(v, "action");
		s.object = TEXT(v, "repo", "org");
		s.address = TEXT(v, "actor_ip");
		break;
	case NONE:
		break;
	}
	s.address = s.address ? s.address : "";
	return s;
}

static int record(struct parse *p, const json_t *v, enum cloud cloud, uint64_t offset,
		  uint64_t number)
{
	struct summary s = summary_of(cloud, v);
	int64_t ts = TIME_NONE;
	bool zoned = true;

	if (*s.time && !time_parse_iso(view_text(s.time), &ts, &zoned, NULL))
		ts = TIME_NONE;
	/* GitHub counts milliseconds. */
	if (cloud == GITHUB && json_is_integer(at(v, "@timestamp"))) /* NOLINT */
		ts = time_from_unix_scaled(json_integer_value(at(v, "@timestamp")), 1000);
	event_start(p, s.logon ? (s.failed ? KIND_LOGON_FAILURE : KIND_LOGON) : KIND_OTHER, ts,
		    ts == TIME_NONE ? "Not a time" : "Recorded Time", offset);
	p->event.record = number;
	event_add(p, "Cloud", value_text(clouds[cloud]));
	for (struct json_member m = json_first(v); m.at; m = json_next(m))
		add(p, arena_strndup(&p->scratch, m.key, strlen(m.key)), m.value, 1);
	if (*s.who)
		event_user(p, value_text(arena_strndup(&p->scratch, s.who, strlen(s.who))));
	event_messagef(p, "%s: %s: %s%s%s%s%s%s%s%s", clouds[cloud], *s.who ? s.who : "?", s.what,
		       *s.object ? " " : "", s.object, *s.address ? " from " : "", s.address,
		       *s.outcome ? " (" : "", s.outcome, *s.outcome ? ")" : "");
	return event_emit(p);
}

/* `aws cloudtrail lookup-events`: the record is a text. */
static json_t *inner(json_t *v)
{
	const json_t *text_ = json_object_get(v, "CloudTrailEvent");
	json_t *in = json_is_string(text_) /* NOLINT */
			     ? json_loadb(json_string_value(text_), json_string_length(text_),
					  JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL)
			     : NULL;

	if (json_is_object(in) && json_object_get(in, "eventName")) { /* NOLINT */
		json_decref(v);
		return in;
	}
	json_decref(in);
	return v;
}

static int parse(struct parse *p, struct view v)
{
	size_t i = 0, end;
	uint64_t number = 0;
	bool lines = false;
	enum cloud whole = cloud_of(view_clip(v, 0, 1 << 20));
	int status = OK;

	/* {"Records":[ and the like: the objects are inside. */
	while (i < v.len && v.data[i] != '{' && v.data[i] != '[')
		i++;
	if (i < v.len && v.data[i] == '{') {
		static const char *const holders[] = {"\"Records\"", "\"records\"", "\"value\"",
						      "\"Events\"",  "\"events\"",  "\"items\""};
		struct view head = view_clip(v, i, 256);

		for (size_t k = 0; k < sizeof(holders) / sizeof(holders[0]); k++) {
			size_t key = view_find(head, 0, holders[k], strlen(holders[k])),
			       array = view_find(head, key, "[", 1),
			       inside = view_find(head, 1, "{", 1);

			if (array < head.len && array < inside && array - key < 24) {
				i += array;
				break;
			}
		}
	}
	while (status >= 0 && i < v.len) {
		json_t *object;
		json_error_t error;
		enum cloud cloud;

		if (v.data[i] != '{') {
			i++;
			continue;
		}
		number++;
		/* Damaged ones must not make each one behind them run to the end. */
		end = object_end(lines ? view_clip(v, 0, view_find(v, i, "\n", 1)) : v, i);
		if (!end) {
			/* Go on behind the line: the next one may be whole. */
			status = parse_lost(p, i, "an object that does not end");
			i = view_find(v, i, "\n", 1);
			lines = true;
			continue;
		}
		object = json_loadb((const char *)v.data + i, end - i, JSON_ALLOW_NUL, &error);
		if (!json_is_object(object)) { /* NOLINT */
			status = parse_lost(p, i, "no JSON: %s", error.text);
		} else {
			object = inner(object);
			cloud = cloud_of(view_sub(v, i, end - i));
			status = record(p, object, cloud == NONE ? whole : cloud, i, number);
		}
		json_decref(object);
		i = end;
		parse_release(p, i);
	}
	return status;
}

const struct parser parser_cloud_audit = {
	.name = "cloud_audit",
	.title = "Audit logs of clouds (AWS, Azure, Microsoft 365, Google, Kubernetes, Okta, "
		 "GitHub)",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
