/* A hit as the output contract has it. */
#ifndef KONSEKI_DETECT_HIT_H
#define KONSEKI_DETECT_HIT_H

#include "detect/engine.h"

/* Appends the object of `detect --format jsonl`, newline included; id 0: there is no case, and `id` is null. */
void hit_json(struct buffer *out, const struct hit *hit, const struct event *event,
	      const struct event_origin *origin, int64_t id);
/* Appends what matched for a person: "selection: Field value; ...". */
void hit_text(struct buffer *out, const struct hit *hit);
/* Appends the `matched` array. */
void hit_matched_json(struct buffer *out, const struct hit *hit);
/* The record's number: EventRecordID, or else the offset in the artefact. */
uint64_t hit_record(const struct event *event);
/* Appends what rules of every kind begin with: "rule_id":..,"rule_title":..,"level":..,"tags":[..],"rule_path":.. */
void rule_json(struct buffer *out, const struct rule *rule);

#endif
