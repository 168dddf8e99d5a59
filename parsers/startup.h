/*
 * Autoruns of Windows that are files: one persistence event with the fields that those of the registry have.
 */
#ifndef KONSEKI_PARSERS_STARTUP_H
#define KONSEKI_PARSERS_STARTUP_H

#include "parsers/parser.h"

/* Of one user and of all; letters without case, '/' between the parts. */
#define STARTUP_FOLDER "*/start menu/programs/startup/*"

/* The file at p->path makes Windows run `command`; arguments may be "". Time and account are those of the file. */
int startup_emit(struct parse *p, const char *place, const char *name, const char *command,
		 const char *arguments, struct view script, uint64_t offset);

#endif
