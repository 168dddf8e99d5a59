/* Persistence places of a hive (base/persistence.h): one event of kind persistence for each entry. */
#include "parsers/registry.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* ---- the event ---- */

static bool other_control_set(const struct registry *r)
{
	const char *at;
	unsigned n;

	if (r->on != ON_SYSTEM || !r->control_set || r->path.len < 24)
		return false;
	at = r->path.data + strlen(r->prefix) + 1;
	if (strncasecmp(at, "ControlSet", 10) != 0 || r->path.len < strlen(r->prefix) + 14)
		return false;
	n = (unsigned)(at[10] - '0') * 100 + (unsigned)(at[11] - '0') * 10 +
	    (unsigned)(at[12] - '0');
	return n != r->control_set;
}

int registry_persist(struct registry *r, const struct hive_key *k, const struct persistence *e)
{
	const char *image = e->image, *module = e->module;
	int64_t ts = e->ts ? e->ts : time_from_filetime(k->written);

	if (other_control_set(r))
		return OK;
	if (!image && e->command)
		image = command_image(&r->arena, e->command);
	if (e->command && image && !module)
		module = command_module(&r->arena, e->command, image);
	registry_event(r, k, KIND_PERSISTENCE, ts,
		       ts == TIME_NONE ? "Not a time"
		       : e->ts_desc    ? e->ts_desc
				       : "Content Modification Time",
		       e->value);
	if (e->user)
		event_user(r->p, value_text(e->user));
	event_add(r->p, "Place", value_text(e->place));
	registry_add(r, "Name", e->name);
	registry_add(r, "CommandLine", e->command);
	registry_add(r, "Image", image);
	registry_add(r, "ImageLoaded", module);
	event_add(r->p, "File", value_view(buffer_as_view(&r->path)));
	if (e->value)
		registry_add(r, "Details", e->command);
	registry_add(r, "User", e->user ? e->user : r->user);
	for (size_t i = 0; i < 10 && e->names[i]; i++)
		registry_add(r, e->names[i], e->texts[i]);
	event_messagef(r->p, "%s: %s%s%s", e->place, e->name ? e->name : "",
		       e->command && *e->command ? " runs " : "", e->command ? e->command : "");
	return event_emit(r->p);
}

/* ---- a hive as the places read it ---- */

struct reader {
	struct place_reader reader;
	struct registry *registry;
};

static struct registry *of(struct place_reader *r)
{
	return ((struct reader *)r)->registry;
}

static uint32_t count(struct place_reader *r, const void *key)
{
	return hive_value_count(&of(r)->hive, key);
}

static void make_value(struct registry *r, const struct hive_value *v, struct place_value *out)
{
	out->name = registry_name(r, v->name, v->ascii);
	out->type = v->type;
	out->data = registry_data(r, v);
	out->size = v->size;
}

static bool value(struct place_reader *r, const void *key, uint32_t i, struct place_value *out)
{
	struct hive_value v;

	if (!hive_value_at(&of(r)->hive, key, i, &v))
		return false;
	make_value(of(r), &v, out);
	return true;
}

static bool find(struct place_reader *r, const void *key, const char *name, struct place_value *out)
{
	struct hive_value v;

	if (!hive_find_value(&of(r)->hive, key, name, &v))
		return false;
	make_value(of(r), &v, out);
	return true;
}

static const void *open_key(struct place_reader *r, const void *key, const char *path)
{
	struct hive_key *k = arena_alloc(r->arena, sizeof(*k));

	return k && hive_find(&of(r)->hive, key ? key : &of(r)->root, path, k) ? k : NULL;
}

static const char *path(struct place_reader *r, const void *key)
{
	(void)key; /* only the key at hand is asked for */
	return registry_path(of(r));
}

static int found(struct place_reader *r, const void *key, const struct persistence *e)
{
	return registry_persist(of(r), key, e);
}

int registry_place(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	const struct place *place = ((const struct registry_place *)rule)->entry;
	struct reader reader = {
		{&r->arena, count, value, find, open_key, path, found},
		r,
	};

	return place->fn(&reader.reader, k, place);
}
