/* Sysmon for Linux writes its events as XML into the system log, whoever keeps that. */
#ifndef KONSEKI_PARSERS_SYSMON_MESSAGE_H
#define KONSEKI_PARSERS_SYSMON_MESSAGE_H

#include "parsers/parser.h"

/*
 * Adds the fields of the message to the event that is being built, named as those of an event log, and
 * sets its time, kind, user and message. False when it is none: then nothing was added.
 */
bool sysmon_message_add(struct parse *p, struct view program, struct view message);

#endif
