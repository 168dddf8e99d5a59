/* The collector's NTFS reader, beside the Sleuth Kit's word for every file of a volume that mkntfs
 * makes. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/sha256.h"
#include "collectors/ntfs.h"

#include <fcntl.h>
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
	char command[4000];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	return system(command);
}

/*
 * Volumes of every kind: sizes of clusters, sectors and records, compression, and, where one may be
 * mounted for a moment, what only a driver makes: fragments, attribute lists, deep trees, streams,
 * links, holes past 4 GiB. The shell's functions: `volume OPTIONS` makes i; `mounted` mounts it on m.
 */
static const char helpers[] =
	"PATH=$PATH:/sbin:/usr/sbin; rm -rf *; "
	"volume() { truncate -s 40M i && mkntfs -F -q -Q \"$@\" i >/dev/null 2>&1; }; "
	"mounted() { mkdir -p m; [ $(id -u) = 0 ] && ntfs-3g -o "
	"streams_interface=windows,compression i "
	"m 2>/dev/null; }; "
	"copied() { echo small > small && seq 200000 > packed && head -c 700000 /dev/urandom > "
	"random "
	"&& truncate -s 3M zeros && (seq 9000; head -c 100000 /dev/urandom; truncate -s 200K t; "
	"cat t) "
	"> mixed && for f in small packed random zeros mixed; do ntfscp -q -f i $f "
	"\"Datei-$f-\303\244\" "
	"|| exit 1; done; ntfscp -q -f -N Zone.Identifier i small Datei-small-\303\244; "
	"ntfscp -q -f -N big i packed Datei-small-\303\244; "
	"for n in $(seq 120); do ntfscp -q -f i small a-rather-long-file-name-$n.txt || exit 1; "
	"done; }; ";
static const struct volume {
	const char *script;
	unsigned files; /* at least */
} volumes[] = {
	{"volume -c 4096 -C && copied", 130},
	{"volume -c 512 && copied", 130},
	{"volume -c 65536 && copied", 130},
	{"volume -s 4096 -c 4096 && copied", 130},
	/* Two files that grow in turns, in clusters of 512 bytes: thousands of fragments, so that their
	 * run lists fill records and need an attribute list; the $MFT grows between them. */
	{"volume -c 512 && copied && mounted && { for n in $(seq 250); do seq $n 300 >> m/one; seq "
	 "$n 200 "
	 ">> m/two; : > m/e$n; done; umount m; }",
	 280},
	/* Compressed files that were written over and appended to. */
	{"volume -c 4096 && copied && mounted && { mkdir m/packed && python3 -c \"import os; "
	 "os.setxattr('m/packed', 'system.ntfs_attrib_be', bytes([0, 0, 8, 0]))\"; "
	 "seq 90000 > m/packed/a; cp random m/packed/b; dd "
	 "if=/dev/urandom of=m/packed/a bs=1000 count=50 seek=100 conv=notrunc 2>/dev/null; for n "
	 "in "
	 "$(seq 60); do seq $n 900 >> m/packed/c; done; truncate -s 900000 m/packed/c; umount m; }",
	 133},
	/* A deep and a wide tree, long names of other scripts, hard links, many streams, links. */
	{"volume -c 4096 && copied && mounted && { d=m; for n in $(seq 40); do d=$d/deep$n; mkdir "
	 "$d; "
	 "echo $n > $d/f; done; mkdir m/wide; for n in $(seq 400); do echo $n > "
	 "\"m/wide/$(printf '\346\274\242%0100d' $n)\"; done; rm m/wide/*5; ln m/deep1/f "
	 "m/wide/hard; for n "
	 "in $(seq 50); do seq $n 400 > \"m/streams:s$n\"; done; ln -s deep1 m/soft; umount m; }",
	 500},
	/* Holes. */
	{"volume -c 4096 && copied && mounted && { truncate -s 20M m/hole; echo x | dd of=m/hole "
	 "bs=1 "
	 "seek=9000000 conv=notrunc 2>/dev/null; seq 4000 > m/cut; truncate -s 300 m/cut; truncate "
	 "-s 90000 "
	 "m/cut; umount m; }",
	 132},
};
#define VOLUMES (sizeof(volumes) / sizeof(volumes[0]))

/* False when it cannot be made here: it needs to be mounted. */
static bool open_volume(const struct volume *v)
{
	char *command, path[100];
	int failed;

	assert_true(asprintf(&command, "cd %s && { %s%s; }", folder, helpers, v->script) > 0);
	failed = system(command);
	free(command);
	if (image >= 0)
		close(image);
	(void)snprintf(path, sizeof(path), "%s/i", folder);
	image = open(path, O_RDONLY);
	assert_true(image >= 0);
	return !failed;
}

static int make_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/konseki-ntfs.XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
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
static void every_file(unsigned at_least)
{
	struct ntfs_source source = {from_image, NULL};
	struct problem problem;
	char command[700], line[500];
	unsigned files = 0, streams = 0;
	struct ntfs *n;
	FILE *list;

	assert_int_equal(ntfs_open(&n, &source, &problem), OK);
	(void)snprintf(command, sizeof(command), "cd %s && fls -u -F -r -p i | grep -v OrphanFiles",
		       folder);
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
	if (files < at_least)
		fail_msg("only %u files", files);
	assert_true(streams > files - 20);
	assert_int_equal(ntfs_lookup(n, "no/such/file", &(uint64_t){0}), ERR_NOT_FOUND);
	ntfs_close(n);
}

static void test_every_file(void **state)
{
	unsigned seen = 0;

	(void)state;
	for (size_t i = 0; i < VOLUMES; i++) {
		if (!open_volume(&volumes[i])) {
			print_message("volume %zu cannot be made here\n", i);
			continue;
		}
		print_message("volume %zu\n", i);
		every_file(volumes[i].files);
		seen++;
	}
	assert_true(seen >= 4);
}

/* A file of more than 4 GiB, nearly all a hole: its end is where it should be, and read. */
static void test_large(void **state)
{
	static const struct volume large = {
		"volume -c 4096 && mounted && { truncate -s 5G m/large; printf end | dd of=m/large "
		"bs=1 "
		"seek=5368709117 conv=notrunc 2>/dev/null; umount m; }",
		0};
	struct ntfs_source source = {from_image, NULL};
	struct ntfs_stream *s;
	struct ntfs *n;
	uint64_t record;
	char text[8] = "";
	size_t got;

	(void)state;
	if (!open_volume(&large))
		skip();
	assert_int_equal(ntfs_open(&n, &source, NULL), OK);
	assert_int_equal(ntfs_lookup(n, "large", &record), OK);
	assert_int_equal(ntfs_stream_open(n, record, NTFS_DATA, "", &s), OK);
	assert_true(ntfs_stream_size(s) == UINT64_C(5368709120));
	assert_true(ntfs_stream_data(s, 0) > UINT64_C(5368700000));
	assert_false(ntfs_stream_whole(s));
	assert_int_equal(ntfs_stream_read(s, UINT64_C(5368709116), text, 8, &got), OK);
	assert_int_equal(got, 4);
	assert_memory_equal(text, "\0end", 4);
	ntfs_stream_close(s);
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
	(void)open_volume(&volumes[4]); /* all that a driver makes, or what mkntfs does */
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
					   cmocka_unit_test(test_large),
					   cmocka_unit_test(test_damage)};

	return cmocka_run_group_tests(tests, make_folder, remove_volume);
}
