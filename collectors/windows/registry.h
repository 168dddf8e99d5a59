/* The registry of this running Windows, as base/persistence.h reads one. */
#ifndef KONSEKI_COLLECTORS_WINDOWS_REGISTRY_H
#define KONSEKI_COLLECTORS_WINDOWS_REGISTRY_H

#include "base/persistence.h"
#include "collectors/windows/windows.h"

struct live_registry;
struct live_entry {
	const struct persistence *e;
	const char
		*path; /* of the key: HKLM\SYSTEM\ControlSet001\... as the hive's parser says it */
	const char *user; /* whose hive it is, or NULL */
	int64_t written;  /* of the key */
	struct place_reader *reader;
	const void *key;
};

/* Every entry of the places for which `wanted` is true, in every loaded hive. */
void live_places(struct step *s, bool (*wanted)(const struct place *p),
		 void (*found)(struct step *s, const struct live_entry *e, void *data), void *data);

/* Place, Name, CommandLine, Image, ImageLoaded, TargetObject, User, what else the place has. */
void live_entry_fields(struct buffer *b, const struct live_entry *e);

#endif
