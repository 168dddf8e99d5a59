/*
 * A writer of Windows event logs, for tests and benchmarks: chunks, string and template tables,
 * binary XML with inline and referred names, checksums. The inverse of parsers/evtx*.c, written
 * from the same documents and sharing no code with them.
 *
 * A template is given as text that looks like the XML it makes:
 *	<Data Name='Image'>%4</Data>	a hole: value 4
 *	<Security UserID='?12'/>	an optional one: nothing when the value is null
 *	<Version@3>%3</Version>		an element that is left out when value 3 is null
 *	&amp; &#233; <![CDATA[..]]> <?target data?>  as in XML; %% and ?? are the characters
 */
#ifndef KONSEKI_TESTS_EVTX_WRITER_H
#define KONSEKI_TESTS_EVTX_WRITER_H

#include "base/buffer.h"

struct evtx_writer_template {
	const char *xml;
	uint8_t guid[16]; /* derived from the text at first use */
	uint32_t chunk;	  /* in which it stands, at `offset` */
	uint32_t offset;
	bool known;
};

struct evtx_writer_value {
	uint8_t type;	  /* as in [MS-EVEN6]; 0x80 for arrays */
	const char *text; /* types 1 and 2: UTF-8; an array's items end with a newline each */
	const void *data; /* the others: bytes */
	uint16_t size;
	struct evtx_writer_template *nested; /* type 0x21: an instance of it, ... */
	const struct evtx_writer_value *values;
	uint16_t count;
	const char *fragment; /* ... elements without a template, or these and then the instance */
};

struct evtx_writer {
	int (*put)(void *data, const void *bytes,
		   size_t n); /* takes whole chunks; negative stops */
	void *put_data;
	uint8_t chunk[65536];
	size_t pos;
	uint32_t number; /* of the chunk, from 1 */
	uint64_t record; /* next one */
	uint64_t first;	 /* of this chunk */
	size_t last;	 /* offset of the last record */
	struct evtx_writer_name {
		const char *text;
		uint32_t len, offset;
	} names[2048];
	uint32_t name_count;
	uint32_t dirty; /* flags of the file header */
	bool overflow;
};

/* The file header goes first, as a placeholder; evtx_writer_head makes the true one at the end. */
void evtx_writer_init(struct evtx_writer *w, int (*put)(void *data, const void *bytes, size_t n),
		      void *data);
/* Writes a record; written is a FILETIME. Negative when put failed or it does not fit a chunk. */
int evtx_writer_record(struct evtx_writer *w, uint64_t written, struct evtx_writer_template *t,
		       const struct evtx_writer_value *values, uint16_t count);
/* A record whose binary XML is not a template's. */
int evtx_writer_fragment(struct evtx_writer *w, uint64_t written, const char *xml);
int evtx_writer_end(struct evtx_writer *w);
void evtx_writer_head(const struct evtx_writer *w, uint8_t head[4096]);

#endif
