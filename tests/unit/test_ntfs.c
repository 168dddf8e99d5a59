/* The collector's NTFS reader, beside the Sleuth Kit's word for every file of a volume that mkntfs
 * makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/sha256.h"
#include "collectors/ntfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64];
static int image = -1;

static int from_image(void *data, uint64_t offset, void *out, size_t n)
{
	(void)data;
	return pread(image, out, n, (off_t)offset) == (ssize_t)n ? OK : ERR_IO;
}

__attribute__((format(printf, 1, 2))) static int shell(const char *fmt, ...)
{
	char command[2000];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	return system(command);
}

static int make_volume(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/konseki-ntfs.XXXXXX");
	if (!mkdtemp(folder) ||
	    shell("PATH=$PATH:/sbin:/usr/sbin; cd %s && truncate -s 24M i && mkntfs -F -q -C -c "
		  "4096 i >/dev/null 2>&1 && "
		  "echo small > small && seq 300000 > packed && head -c 700000 /dev/urandom > "
		  "random && "
		  "truncate -s 3M zeros && (seq 9000; head -c 100000 /dev/urandom; truncate -s "
		  "200K t; cat t) > mixed && "
		  "for f in small packed random zeros mixed; do ntfscp -q -f i $f "
		  "\"Datei-$f-\303\244\" || exit 1; done && "
		  "ntfscp -q -f -N Zone.Identifier i small Datei-small-\303\244 && ntfscp -q -f -N "
		  "big i packed Datei-small-\303\244 && "
		  "for n in $(seq 120); do ntfscp -q -f i small a-rather-long-file-name-$n.txt || "
		  "exit 1; done",
		  folder))
		return -1;
	char path[100];
	(void)snprintf(path, sizeof(path), "%s/i", folder);
	image = fileno(fopen(path, "rb"));
	return image < 0;
}

static int remove_volume(void **state)
{
	(void)state;
	return shell("rm -rf %s", folder);
}

static void hash_stream(struct ntfs *n, uint64_t record, const char *name, char hex[65])
{
	struct ntfs_stream *s;
	struct sha256 h;
	uint8_t buffer[9001], digest[32]; /* odd, so that reads cross units */
	size_t got = 1;

	assert_int_equal(ntfs_stream_open(n, record, NTFS_DATA, name, &s), OK);
	sha256_init(&h);
	for (uint64_t at = 0; got; at += got) {
		assert_int_equal(ntfs_stream_read(s, at, buffer, sizeof(buffer), &got), OK);
		sha256_update(&h, buffer, got);
	}
	sha256_final(&h, digest);
	sha256_hex(digest, hex);
	ntfs_stream_close(s);
}

static int count_stream(void *data, const char *name, uint64_t size)
{
	(void)name;
	(void)size;
	++*(unsigned *)data;
	return OK;
}

/* `fls` names (record, path), `icat | sha256sum` says what is in it. */
static void test_every_file(void **state)
{
	struct ntfs_source source = {from_image, NULL};
	struct problem problem;
	char command[700], line[500];
	unsigned files = 0, streams = 0;
	struct ntfs *n;
	FILE *list;

	(void)state;
	assert_int_equal(ntfs_open(&n, &source, &problem), OK);
	(void)snprintf(command, sizeof(command),
		       "cd %s && fls -F -r -p i | grep -v '^-/r' | grep -v OrphanFiles", folder);
	list = popen(command, "r");
	while (fgets(line, sizeof(line), list)) { /* r/r 64-128-2:	name */
		char *path = strchr(line, '\t'), hex[65], want[65] = "", *stream;
		uint64_t record = strtoull(line + 4, NULL, 10), found;
		FILE *icat;

		assert_non_null(path);
		*path++ = '\0';
		path[strcspn(path, "\n")] = '\0';
		line[strcspn(line, ":")] = '\0';
		if (*path == '$')
			stream = NULL;
		else if ((stream = strchr(path, ':')) != NULL)
			*stream++ = '\0';
		if (*path == '$' && strchr(path, ':'))
			continue;
		(void)snprintf(command, sizeof(command), "cd %s && icat i %s | sha256sum", folder,
			       line + 4);
		icat = popen(command, "r");
		assert_true(fread(want, 1, 64, icat) == 64);
		(void)pclose(icat);
		if (strncmp(path, "$Extend/", 8) == 0 || strcmp(path, "$BadClus") == 0 ||
		    strcmp(path, "$Secure") == 0)
			continue; /* their data is in named streams or nowhere */
		hash_stream(n, record, stream ? stream : "", hex);
		if (strcmp(hex, want) != 0)
			fail_msg("%s:%s: %s, icat says %s", path, stream ? stream : "", hex, want);
		if (*path != '$') {
			for (char *c = path; *c; c++) /* names are found without case */
				if (*c >= 'a' && *c <= 'z')
					*c = (char)(*c - 32);
			assert_int_equal(ntfs_lookup(n, path, &found), OK);
			assert_int_equal(found, record);
			assert_int_equal(ntfs_streams(n, record, count_stream, &streams), OK);
		}
		files++;
	}
	(void)pclose(list);
	assert_true(files >= 125 + 2 + 5);
	assert_true(streams > files - 20);
	assert_int_equal(ntfs_lookup(n, "no/such/file", &(uint64_t){0}), ERR_NOT_FOUND);
	ntfs_close(n);
}

/* Damage anywhere in the first megabytes costs a status, never more. */
static uint64_t flip;
static int flipped(void *data, uint64_t offset, void *out, size_t n)
{
	int status = from_image(data, offset, out, n);
	uint8_t *bytes = out;

	for (size_t i = 0; i < n; i++)
		if ((offset + i) * UINT64_C(0x9e3779b97f4a7c15) >> 54 == flip)
			bytes[i] = (uint8_t)(bytes[i] ^ (1u << (flip % 8)));
	return status;
}

static struct ntfs *walking;
static int walk_entry(void *data, const struct ntfs_entry *e)
{
	uint8_t buffer[65536];
	struct ntfs_stream *s;
	size_t got;
	unsigned streams = 0;

	(void)data;
	(void)ntfs_streams(walking, e->record, count_stream, &streams);
	if (ntfs_stream_open(walking, e->record, NTFS_DATA, "", &s) >= 0) {
		for (uint64_t at = 0;
		     at < 4 << 20 && ntfs_stream_read(s, at, buffer, sizeof(buffer), &got) >= 0 &&
		     got;
		     at += got)
			;
		ntfs_stream_close(s);
	}
	return OK;
}

static void test_damage(void **state)
{
	struct ntfs_source source = {flipped, NULL};

	(void)state;
	for (flip = 0; flip < 150; flip++) {
		if (ntfs_open(&walking, &source, NULL) < 0)
			continue;
		for (uint64_t r = 0; r < 80; r++) {
			struct ntfs_info info;

			(void)ntfs_info(walking, r, &info);
		}
		(void)ntfs_list(walking, NTFS_ROOT, walk_entry, NULL);
		ntfs_close(walking);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_file),
					   cmocka_unit_test(test_damage)};

	return cmocka_run_group_tests(tests, make_volume, remove_volume);
}
