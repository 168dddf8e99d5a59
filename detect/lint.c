/* What is odd about rules that load: they can never match, match everything, or do not mean what they say. */
#include "detect/rule.h"

#include "base/text.h"

#include <ctype.h>
#include <stdlib.h>

/* ---- conditions ---- */

/* Selections of one condition whose every combination is tried. */
#define LINT_SELECTIONS 12u

static int selection_index(const struct rule *r, const struct node *n)
{
	for (uint32_t i = 0; i < r->selection_count; i++)
		if (r->selections[i] == n->kids[0] && strcmp(r->selection_names[i], n->name) == 0)
			return (int)i;
	return -1;
}

/* Which selections the condition names. A filter's own are not among the rule's: those are left alone. */
static void used_selections(const struct rule *r, const struct node *n, bool *used, bool *foreign)
{
	if (n->type == NODE_SELECTION) {
		int i = selection_index(r, n);

		if (i >= 0)
			used[i] = true;
		else
			*foreign = true;
		return;
	}
	for (uint32_t i = 0; i < n->count; i++)
		used_selections(r, n->kids[i], used, foreign);
}

static bool truth(const struct rule *r, const struct node *n, uint32_t holding)
{
	uint32_t held = 0;

	if (n->type == NODE_SELECTION)
		return holding >> selection_index(r, n) & 1;
	if (n->type == NODE_NOT)
		return !truth(r, n->kids[0], holding);
	for (uint32_t i = 0; i < n->count; i++)
		held += truth(r, n->kids[i], holding);
	return n->type == NODE_AND ? held == n->count
				   : held >= (n->type == NODE_COUNT ? n->need : 1);
}

static void condition_lint(struct ruleset *set, const struct rule *r)
{
	bool *used = xcalloc(r->selection_count + 1, sizeof(*used)), foreign = false, ever = false;

	used_selections(r, r->condition, used, &foreign);
	for (uint32_t i = 0; i < r->selection_count; i++)
		if (!used[i])
			ruleset_warn(set, r->path, r->selection_lines[i],
				     "the condition does not use '%s'", r->selection_names[i]);
	free(used);
	if (foreign || r->selection_count > LINT_SELECTIONS)
		return;
	for (uint32_t holding = 0; holding < 1u << r->selection_count && !ever; holding++)
		ever = truth(r, r->condition, holding);
	if (!ever)
		ruleset_warn(set, r->path, r->line, "the condition can never hold");
	else if (truth(r, r->condition, 0))
		ruleset_warn(set, r->path, r->line,
			     "the condition holds on every event for which no selection does");
}

/* ---- selections ---- */

/* The texts that alone satisfy the predicate are this one. */
static bool is_literal(const struct predicate *p)
{
	return p->type == PREDICATE_STRING &&
	       !memchr(p->text.data ? p->text.data : (const uint8_t *)"", PATTERN_ANY,
		       p->text.len) &&
	       !memchr(p->text.data ? p->text.data : (const uint8_t *)"", PATTERN_ONE, p->text.len);
}

/* Whether one value of a field can satisfy both; true where that is not known. */
static bool compatible(const struct predicate *a, const struct predicate *b)
{
	if (a->type == PREDICATE_STRING && b->type == PREDICATE_STRING && a->cased == b->cased) {
		if (is_literal(a))
			return pattern_matches(b->text, a->text);
		return !is_literal(b) || pattern_matches(a->text, b->text);
	}
	if (a->type == PREDICATE_NUMBER && b->type == PREDICATE_NUMBER)
		return a->number == b->number;
	if (a->type == PREDICATE_COMPARE && b->type == PREDICATE_COMPARE && a->part == b->part) {
		const struct predicate *low = a->op >= COMPARE_GT ? a : b, *high = low == a ? b : a;

		if (low->op >= COMPARE_GT && (high->op == COMPARE_LT || high->op == COMPARE_LTE))
			return low->number < high->number ||
			       (low->number == high->number && low->op == COMPARE_GTE &&
				high->op == COMPARE_LTE);
	}
	if (a->type == PREDICATE_NULL || b->type == PREDICATE_NULL)
		return a->type == b->type;
	return true;
}

/* A predicate, or an OR of predicates, of one field. */
static bool simple(const struct ruleset *set, const struct node *n, uint32_t *field)
{
	if (n->type == NODE_PREDICATE) {
		*field = set->predicates[n->predicate].field;
		return *field != FIELD_ANY;
	}
	if (n->type != NODE_OR || !n->count)
		return false;
	for (uint32_t i = 0; i < n->count; i++) {
		uint32_t own;

		if (n->kids[i]->type != NODE_PREDICATE || !simple(set, n->kids[i], &own) ||
		    (i && own != *field))
			return false;
		*field = own;
	}
	return true;
}

static bool any_compatible(const struct ruleset *set, const struct node *a, const struct node *b)
{
	for (uint32_t i = 0; i < (a->count ? a->count : 1); i++)
		for (uint32_t k = 0; k < (b->count ? b->count : 1); k++)
			if (compatible(&set->predicates[(a->count ? a->kids[i] : a)->predicate],
				       &set->predicates[(b->count ? b->kids[k] : b)->predicate]))
				return true;
	return false;
}

/* The parts of an AND that want one value to be two things. */
static void selection_lint(struct ruleset *set, const struct rule *r, const struct node *n,
			   uint32_t line, const char *name)
{
	for (uint32_t i = 0; n->type != NODE_NOT && i < n->count; i++) {
		uint32_t field, other;

		selection_lint(set, r, n->kids[i], line, name);
		for (uint32_t k = 0; n->type == NODE_AND && k < i; k++) {
			if (!simple(set, n->kids[i], &field) || !simple(set, n->kids[k], &other) ||
			    field != other || any_compatible(set, n->kids[i], n->kids[k]))
				continue;
			ruleset_warn(
				set, r->path, line,
				"'%s' can only match where %s has several values: what it asks "
				"of it excludes each other",
				name, set->fields[field]);
			return;
		}
	}
}

/* ---- fields ---- */

/* What Sysmon's events have (its manifest, schema 4.90), and what the mapping makes of them and of 4688. */
static const char *const sysmon_fields[] = {"Archived",
					    "CallTrace",
					    "Channel",
					    "ClientInfo",
					    "CommandLine",
					    "Company",
					    "Computer",
					    "Consumer",
					    "Contents",
					    "CreationUtcTime",
					    "CurrentDirectory",
					    "Description",
					    "Destination",
					    "DestinationHostname",
					    "DestinationIp",
					    "DestinationIsIpv6",
					    "DestinationPort",
					    "DestinationPortName",
					    "Details",
					    "Device",
					    "EventID",
					    "EventNamespace",
					    "EventType",
					    "FileVersion",
					    "Filter",
					    "GrantedAccess",
					    "Hash",
					    "Hashes",
					    "ID",
					    "Image",
					    "ImageLoaded",
					    "Imphash",
					    "Initiated",
					    "IntegrityLevel",
					    "IsExecutable",
					    "LogonGuid",
					    "LogonId",
					    "Name",
					    "NewName",
					    "NewThreadId",
					    "Operation",
					    "OriginalFileName",
					    "ParentCommandLine",
					    "ParentImage",
					    "ParentProcessGuid",
					    "ParentProcessId",
					    "ParentUser",
					    "PipeName",
					    "PreviousCreationUtcTime",
					    "ProcessGuid",
					    "ProcessId",
					    "Product",
					    "Protocol",
					    "Provider_Name",
					    "Query",
					    "QueryName",
					    "QueryResults",
					    "QueryStatus",
					    "RuleName",
					    "Session",
					    "Signature",
					    "SignatureStatus",
					    "Signed",
					    "SourceHostname",
					    "SourceImage",
					    "SourceIp",
					    "SourceIsIpv6",
					    "SourcePort",
					    "SourcePortName",
					    "SourceProcessGuid",
					    "SourceProcessId",
					    "SourceThreadId",
					    "SourceUser",
					    "StartAddress",
					    "StartFunction",
					    "StartModule",
					    "State",
					    "TargetFilename",
					    "TargetImage",
					    "TargetObject",
					    "TargetProcessGuid",
					    "TargetProcessId",
					    "TargetUser",
					    "TerminalSessionId",
					    "Type",
					    "User",
					    "UtcTime",
					    "Version",
					    "md5",
					    "sha1",
					    "sha256",
					    NULL};
static const char *const sysmon_categories[] = {"process_creation",
						"process_termination",
						"file_change",
						"file_event",
						"file_delete",
						"file_delete_detected",
						"file_executable_detected",
						"file_block_executable",
						"file_block_shredding",
						"network_connection",
						"driver_load",
						"image_load",
						"create_remote_thread",
						"raw_access_thread",
						"process_access",
						"process_tampering",
						"registry_add",
						"registry_delete",
						"registry_event",
						"registry_rename",
						"registry_set",
						"create_stream_hash",
						"pipe_created",
						"wmi_event",
						"clipboard_change",
						NULL};

static bool is_listed(const char *text, const char *const *list)
{
	for (; *list; list++)
		if (strcasecmp(text, *list) == 0)
			return true;
	return false;
}

/* Fields that no source of a category whose fields are known has: the rule waits for them in vain. */
static void fields_lint(struct ruleset *set, const struct rule *r, const struct node *n,
			uint32_t line, const char *name, uint8_t *told)
{
	for (uint32_t i = 0; n->type != NODE_PREDICATE && i < n->count; i++)
		fields_lint(set, r, n->kids[i], line, name, told);
	if (n->type != NODE_PREDICATE)
		return;
	for (int side = 0; side < 2; side++) {
		const struct predicate *p = &set->predicates[n->predicate];
		uint32_t field = side ? p->other : p->field;

		if (field == FIELD_ANY || (side && p->type != PREDICATE_FIELDREF) || told[field] ||
		    is_listed(set->fields[field], sysmon_fields))
			continue;
		told[field] = 1;
		ruleset_warn(set, r->path, line, "'%s': events of %s have no field '%s'", name,
			     r->logsource.category, set->fields[field]);
	}
}

/* ---- rules ---- */

static bool is_uuid(const char *s)
{
	for (unsigned i = 0; i < 36; i++)
		if (i == 8 || i == 13 || i == 18 || i == 23 ? s[i] != '-'
							    : !isxdigit((unsigned char)s[i]))
			return false;
	return !s[36];
}

static void correlation_lint(struct ruleset *set, const struct rule *r)
{
	const struct correlation *c = r->correlation;

	for (uint32_t i = 0; i < c->alias_count; i++) {
		const struct alias *a = &c->aliases[i];
		bool used = false;

		for (uint32_t k = 0; k < c->group_count; k++)
			used |= strcmp(c->group_by[k], a->name) == 0;
		for (uint32_t k = 0; k < c->field_count; k++)
			used |= strcmp(c->fields[k], a->name) == 0;
		if (!used)
			ruleset_warn(set, r->path, r->line, "nothing uses the alias '%s'", a->name);
		for (uint32_t k = 0; k < a->count; k++) {
			bool referred = false;

			for (uint32_t m = 0; m < c->rule_count; m++)
				referred |= c->rules[m] == a->rules[k];
			if (!referred)
				ruleset_warn(
					set, r->path, r->line,
					"the alias '%s' names '%s', which the correlation does not",
					a->name, a->references[k]);
		}
	}
	for (uint32_t i = 0; i < c->rule_count; i++)
		for (uint32_t k = 0; k < i; k++)
			if (c->rules[i] == c->rules[k])
				ruleset_warn(set, r->path, r->line, "refers to '%s' twice",
					     c->references[i]);
}

struct named {
	const char *text;
	const struct rule *rule;
};

static int by_text(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int order = strcasecmp(x->text, y->text);

	return order ? order : x->rule->index < y->rule->index ? -1 : 1;
}

/* Two rules that are called the same: one hides behind the other wherever that is used. */
static void doubles(struct ruleset *set, bool names)
{
	struct named *list = xcalloc(set->rule_count + 1, sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; i < set->rule_count; i++) {
		const char *text = names ? set->rules[i]->name : set->rules[i]->id;

		if (text)
			list[n++] = (struct named){text, set->rules[i]};
	}
	if (n)
		qsort(list, n, sizeof(*list), by_text);
	for (size_t i = 1; i < n; i++)
		if (strcasecmp(list[i].text, list[i - 1].text) == 0)
			ruleset_warn(set, list[i].rule->path, list[i].rule->line,
				     "the %s %s is that of %s too", names ? "name" : "id",
				     list[i].text, list[i - 1].rule->path);
	free(list);
}

void ruleset_lint(struct ruleset *set)
{
	static const char *const statuses[] = {"stable",     "test",	    "experimental",
					       "deprecated", "unsupported", NULL};

	uint8_t *told = xcalloc(set->field_count + 1, 1);

	for (size_t i = 0; i < set->rule_count; i++) {
		const struct rule *r = set->rules[i];

		if (strlen(r->title) > 256)
			ruleset_warn(set, r->path, r->line, "a title of more than 256 characters");
		if (r->id && !is_uuid(r->id))
			ruleset_warn(set, r->path, r->line, "the id '%s' is no UUID", r->id);
		if (r->status && !is_listed(r->status, statuses))
			ruleset_warn(set, r->path, r->line, "there is no status '%s'", r->status);
		if (r->taxonomy && strcmp(r->taxonomy, "sigma") != 0)
			ruleset_warn(set, r->path, r->line,
				     "the taxonomy is '%s': fields and logsources are read as "
				     "Sigma's own",
				     r->taxonomy);
		if (r->correlation) {
			correlation_lint(set, r);
			continue;
		}
		condition_lint(set, r);
		memset(told, 0, set->field_count);
		for (uint32_t k = 0; k < r->selection_count; k++)
			selection_lint(set, r, r->selections[k], r->selection_lines[k],
				       r->selection_names[k]);
		for (uint32_t k = 0;
		     k < r->selection_count && r->logsource.category && r->logsource.product &&
		     strcasecmp(r->logsource.product, "windows") == 0 &&
		     is_listed(r->logsource.category, sysmon_categories);
		     k++)
			fields_lint(set, r, r->selections[k], r->selection_lines[k],
				    r->selection_names[k], told);
	}
	free(told);
	doubles(set, false);
	doubles(set, true);
}
