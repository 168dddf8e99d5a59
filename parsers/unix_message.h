/*
 * What the programs of a Unix system say in their log messages, whoever kept them (syslog files,
 * the journal): logons, sudo, accounts, cron, services. A table of patterns: the messages are those
 * of the programs' own sources (OpenSSH auth.c and session.c, Linux-PAM, shadow-utils, sudo,
 * util-linux login and su, vixie-cron, cronie, systemd, polkit).
 */
#ifndef KONSEKI_PARSERS_UNIX_MESSAGE_H
#define KONSEKI_PARSERS_UNIX_MESSAGE_H

#include "parsers/parser.h"

#define UNIX_MESSAGE_FIELDS 24

/* Views point into the text that was read, or to static text. */
struct unix_message {
	enum event_kind kind; /* KIND_OTHER when nothing is known about it */
	struct view user;     /* who did it, or whose account it is about; may be empty */
	unsigned count;
	struct view names[UNIX_MESSAGE_FIELDS];
	struct view values[UNIX_MESSAGE_FIELDS];
};

/* Program: as logged, a path or a bare name. */
void unix_message_read(struct unix_message *m, struct view program, struct view text);

/* Adds the fields, kind and user to the event that is being built. */
void unix_message_add(struct parse *p, const struct unix_message *m);

/* Names of syslog's facilities and severities (RFC 5424, 6.2.1), NULL out of range. */
const char *syslog_facility(uint64_t number);
const char *syslog_severity(uint64_t number);

#endif
