/* Jump lists: automatic (an OLE file with a DestList stream) and custom destinations. */
#ifndef KONSEKI_PARSERS_JUMP_LIST_H
#define KONSEKI_PARSERS_JUMP_LIST_H

#include "parsers/ole.h"
#include "parsers/parser.h"

/* Emits the events of an automatic jump list. */
int jump_list_automatic(struct parse *p, const struct ole *o);

#endif
