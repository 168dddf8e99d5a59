/*
 * Docker's own files about a container (containers/ID/config.v2.json, config.json before 1.10) and a
 * layer (graph/ID/json, image/.../imagedb/content/sha256/ID): when it was made, started and stopped,
 * from which image, what it runs (moby, container/container.go and image/image.go).
 */
#include "base/autorun_place.h"
#include "parsers/autorun.h"
#include "parsers/json_value.h"

#define SIZE_MAX_READ (4u << 20) /* bytes: they have some kilobytes */

static bool has(struct view v, const char *s)
{
	return view_find(v, 0, s, strlen(s)) < v.len;
}

static bool container(struct view v)
{
	return has(v, "\"State\":{") && has(v, "\"StartedAt\":") && has(v, "\"Config\":{");
}

static bool layer(struct view v)
{
	return has(v, "\"created\":") && has(v, "\"architecture\":") && has(v, "\"config\":{");
}

static int probe(const struct probe *p)
{
	struct view head = p->head;

	if (!view_starts(head, "{", 1) || p->size > SIZE_MAX_READ)
		return BID_NO;
	if (container(head) && (view_glob(view_text(p->name), "config*.json")))
		return BID_BOTH;
	/* The place says it all. */
	if (view_glob(view_text(p->path), "*/containers/*/config.v2.json"))
		return BID_NAME;
	return layer(head) && (view_is(view_text(p->name), "json") ||
			       view_glob(view_text(p->path), "*/sha256/*"))
		       ? BID_BOTH
		       : BID_NO;
}

static const json_t *at(const json_t *v, const char *key)
{
	return json_object_get(v, key);
}

static void add(struct parse *p, const char *name, const json_t *v)
{
	if (v && !(json_is_string(v) && !json_string_length(v)) && /* NOLINT */
	    !(json_is_array(v) && !json_array_size(v)))		   /* NOLINT */
		event_add(p, name, json_value(&p->scratch, v));
}

/* Go's zero time is none. */
static int64_t time_of(const json_t *v)
{
	int64_t ts = TIME_NONE;

	if (!time_parse_iso(json_text(v), &ts, NULL, NULL) || view_starts(json_text(v), "0001-", 5))
		return TIME_NONE;
	return ts;
}

static int emit(struct parse *p, const json_t *created, const json_t *started,
		const json_t *finished)
{
	int64_t times[3] = {time_of(created), time_of(started), time_of(finished)};
	static const char *const what[] = {"Creation Time", "Start Time", "End Time"};
	bool any = false;
	int status = OK;

	for (size_t i = 0; i < 3 && status >= 0; i++) {
		if (times[i] == TIME_NONE)
			continue;
		any = true;
		if (i == 1)
			p->event.kind = KIND_PROCESS_START;
		if (i == 2)
			p->event.kind = KIND_PROCESS_STOP;
		status = event_emit_at(p, times[i], what[i]);
	}
	return any || status < 0 ? status : event_emit(p);
}

/* Path and Args as one line. */
static void command_of(const json_t *v, struct buffer *out)
{
	buffer_view(out, json_text(at(v, "Path")));
	for (size_t i = 0; i < json_array_size(at(v, "Args")); i++) {
		buffer_char(out, ' ');
		buffer_view(out, json_text(json_array_get(at(v, "Args"), i)));
	}
	(void)buffer_text(out); /* its NUL now: later it might move what a view was taken of */
}

static int of_container(struct parse *p, const json_t *v, struct view bytes)
{
	const json_t *state = at(v, "State"), *config = at(v, "Config");
	const char *slash = strrchr(p->path, '/');
	struct buffer name = {0}, command = {0};
	struct view id = json_text(at(v, "ID"));
	const char *line;
	int status;

	event_start(p, KIND_PROCESS_SEEN, TIME_NONE, "Not a time", 0);
	command_of(v, &command);
	line = buffer_text(&command);
	add(p, "ContainerId", at(v, "ID"));
	add(p, "Name", at(v, "Name"));
	if (*line)
		event_add(p, "CommandLine", value_text(line));
	add(p, "Image", at(v, "Path"));
	add(p, "ContainerImage", at(config, "Image"));
	add(p, "ContainerImageId", at(v, "Image"));
	add(p, "User", at(config, "User"));
	add(p, "Environment", at(config, "Env"));
	add(p, "Running", at(state, "Running"));
	if (json_integer_value(at(state, "Pid")))
		add(p, "ProcessId", at(state, "Pid"));
	add(p, "ExitCode", at(state, "ExitCode"));
	add(p, "Privileged", at(at(v, "HostConfig"), "Privileged"));
	add(p, "Mounts", at(v, "MountPoints"));
	event_messagef(p, "Container %s of %s: %s",
		       parse_text(&p->scratch, json_text(at(v, "Name"))),
		       parse_text(&p->scratch, json_text(at(config, "Image"))), line);
	status = emit(p, at(v, "Created"), at(state, "StartedAt"), at(state, "FinishedAt"));
	buffer_release(&command);
	/* Docker starts it again by itself. */
	if (status >= 0 && slash && strcmp(slash + 1, "config.v2.json") == 0 &&
	    autorun_docker(bytes, &name, &command)) {
		struct autorun a = {.place = "container",
				    .name = name.len ? buffer_as_view(&name) : id,
				    .command = buffer_as_view(&command),
				    .user = parse_path_user(p->path),
				    .enabled = -1};

		status = autorun_emit(p, &a, 0);
	}
	buffer_release(&name);
	buffer_release(&command);
	return status;
}

static int of_layer(struct parse *p, const json_t *v)
{
	const json_t *ran = at(at(v, "container_config"), "Cmd");

	event_start(p, KIND_OTHER, TIME_NONE, "Not a time", 0);
	add(p, "LayerId", at(v, "id"));
	add(p, "ParentId", at(v, "parent"));
	add(p, "Container", at(v, "container"));
	add(p, "Author", at(v, "author"));
	add(p, "Command", ran ? ran : at(at(v, "config"), "Cmd"));
	event_messagef(p, "Container image layer %s was made",
		       parse_text(&p->scratch, json_text(at(v, "id"))));
	return emit(p, at(v, "created"), NULL, NULL);
}

static int parse(struct parse *p, struct view bytes)
{
	json_error_t error = {.text = ""};
	json_t *v = bytes.len <= SIZE_MAX_READ
			    ? json_loadb((const char *)bytes.data, bytes.len, 0, &error)
			    : NULL;
	int status;

	if (!json_is_object(v)) { /* NOLINT(misc-redundant-expression): jansson's macro */
		json_decref(v);
		return parse_fail(p, ERR_FORMAT, (uint64_t)error.position, "no JSON: %s",
				  error.text);
	}
	status = at(v, "State") || at(v, "Path") ? of_container(p, v, bytes) : of_layer(p, v);
	json_decref(v);
	return status;
}

const struct parser parser_docker_config = {
	.name = "docker_config",
	.title = "Docker's containers and image layers",
	.version = 1,
	.probe = probe,
	.parse = parse,
};
