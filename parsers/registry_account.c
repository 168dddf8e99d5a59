/*
 * Users and groups from the SAM hive: the fixed part F, the variable part V, and a group's C.
 * Facts: libyal's winreg-kb, "Security Account Manager keys"; flags: [MS-SAMR] 2.2.1.12.
 */
#include "parsers/registry.h"

#include <stdio.h>
#include <stdlib.h>

/* Item i of V: 12 bytes of offset (behind the table of 0xcc bytes), size, unknown. */
static const char *v_text(struct registry *r, struct view v, unsigned i)
{
	uint32_t at = view_get32(v, i * 12), n = view_get32(v, i * 12 + 4);

	return at < v.len ? parse_utf16z(&r->arena, view_sub(v, 0xcc + (size_t)at, n)) : "";
}

static int user(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	static const struct {
		uint32_t bit;
		const char *text;
	} flags[] = {
		{0x0001, "disabled"},
		{0x0002, "home directory required"},
		{0x0004, "password not required"},
		{0x0010, "normal account"},
		{0x0040, "interdomain trust"},
		{0x0080, "workstation trust"},
		{0x0100, "server trust"},
		{0x0200, "password does not expire"},
		{0x0400, "locked out"},
		{0x0800, "encrypted text password"},
		{0x1000, "smart card required"},
		{0x2000, "trusted for delegation"},
	};
	static const struct {
		size_t offset;
		const char *desc, *verb;
	} times[] = {
		{8, "Last Login Time", "last logged on"},
		{24, "Last Password Set Time", "set a password"},
		{40, "Last Failed Login Time", "last failed to log on"},
		{32, "Expiration Time", "expires"},
	};
	struct view f = registry_bytes(r, k, "F"), v = registry_bytes(r, k, "V");
	const char *name, *key = registry_name(r, k->name, k->ascii);
	uint32_t rid = view_get32(f, 48), key_rid = (uint32_t)strtoul(key, NULL, 16),
		 acb = view_get16(f, 56);
	struct buffer b = {0};
	struct hive_key names;
	const char *path;
	int status;

	(void)rule;
	if (f.len < 68 || key_rid == 0)
		return OK;
	name = v_text(r, v, 1);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (acb & flags[i].bit)
			buffer_printf(&b, "%s%s", b.len ? ", " : "", flags[i].text);
	registry_event(r, k, KIND_ACCOUNT_SEEN, time_from_filetime(k->written),
		       "Content Modification Time", NULL);
	event_user(r->p, value_text(name));
	event_add(r->p, "TargetUserName", value_text(name));
	event_add(r->p, "RID", value_unsigned(key_rid));
	registry_add(r, "FullName", v_text(r, v, 2));
	registry_add(r, "Comment", v_text(r, v, 3));
	registry_add(r, "UserComment", v_text(r, v, 4));
	registry_add(r, "HomeDirectory", v_text(r, v, 6));
	registry_add(r, "ScriptPath", v_text(r, v, 8));
	registry_add(r, "ProfilePath", v_text(r, v, 9));
	event_add(r->p, "LogonCount", value_unsigned(view_get16(f, 66)));
	event_add(r->p, "BadPasswordCount", value_unsigned(view_get16(f, 64)));
	registry_add(r, "AccountFlags", b.len ? buffer_text(&b) : NULL);
	if (rid != key_rid)
		event_add(r->p, "HijackedRID", value_unsigned(rid));
	event_messagef(r->p, "Account %s (RID %u)%s%s", name, key_rid, acb & 1 ? ", disabled" : "",
		       rid != key_rid ? ", its RID was replaced" : "");
	status = event_emit(r->p);
	for (size_t i = 0; i < 4 && status >= 0; i++) {
		int64_t ts = time_from_filetime(view_get64(f, times[i].offset));

		if (ts == TIME_NONE || view_get64(f, times[i].offset) == INT64_MAX)
			continue;
		event_messagef(r->p, "Account %s (RID %u) %s", name, key_rid, times[i].verb);
		status = event_emit_at(r->p, ts, times[i].desc);
	}
	/* The key of the name is written once: when the account was made, or renamed. */
	path = arena_printf(&r->arena, "SAM\\Domains\\Account\\Users\\Names\\%s", name);
	if (status >= 0 && *name && path && hive_find(&r->hive, &r->root, path, &names)) {
		r->p->event.kind = KIND_ACCOUNT_CREATE;
		event_messagef(r->p, "Account %s (RID %u) was made or renamed", name, key_rid);
		status = event_emit_at(r->p, time_from_filetime(names.written), "Creation Time");
	}
	/* An ordinary account with an administrator's RID is a way back in (T1098). */
	if (status >= 0 && rid != key_rid) {
		struct persistence e = {.place = "RID hijack",
					.name = name,
					.value = "F",
					.user = name,
					.names = {"RID", "HijackedRID"}};

		e.texts[0] = arena_printf(&r->arena, "%u", key_rid);
		e.texts[1] = arena_printf(&r->arena, "%u", rid);
		status = registry_persist(r, k, &e);
	}
	buffer_release(&b);
	return status;
}

static int group(struct registry *r, const struct hive_key *k, const struct registry_rule *rule)
{
	struct view c = registry_bytes(r, k, "C"), sids;
	uint32_t count = view_get32(c, 48), n = 0;
	struct value *list;
	const char *name;
	size_t at = 0;

	(void)rule;
	if (c.len < 52)
		return OK;
	name = parse_utf16z(&r->arena,
			    view_sub(c, 52 + (size_t)view_get32(c, 16), view_get32(c, 20)));
	sids = view_sub(c, 52 + (size_t)view_get32(c, 40), view_get32(c, 44));
	if (count > sids.len / 12)
		count = (uint32_t)(sids.len / 12);
	list = arena_alloc(&r->arena, (count + 1) * sizeof(*list));
	for (; list && n < count; n++) {
		size_t size = 8 + 4 * (size_t)view_get8(sids, at + 1);
		struct view sid = view_sub(sids, at, size);

		if (!sid.len)
			break;
		list[n] = (struct value){
			.type = VALUE_SID, .len = (uint32_t)sid.len, .data = sid.data};
		at += size;
	}
	registry_event(r, k, KIND_ACCOUNT_SEEN, time_from_filetime(k->written),
		       "Content Modification Time", NULL);
	event_add(r->p, "GroupName", value_text(name));
	event_add(r->p, "RID",
		  value_unsigned(strtoul(registry_name(r, k->name, k->ascii), NULL, 16)));
	registry_add(r, "Comment",
		     parse_utf16z(&r->arena,
				  view_sub(c, 52 + (size_t)view_get32(c, 28), view_get32(c, 32))));
	if (n)
		event_add(r->p, "Members",
			  (struct value){.type = VALUE_LIST, .len = n, .list = list});
	event_messagef(r->p, "Group %s with %u members", name, n);
	return event_emit(r->p);
}

const struct registry_rule registry_account_rules[] = {
	{ON_SAM, "SAM\\Domains\\Account\\Users\\0*", user, NULL, NULL},
	{ON_SAM, "SAM\\Domains\\Builtin\\Aliases\\0*", group, NULL, NULL},
	{ON_SAM, "SAM\\Domains\\Account\\Aliases\\0*", group, NULL, NULL},
	{0},
};
