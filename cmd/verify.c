/* konseki verify: proves bundles against their own receipts, index and manifest. */
#include "cmd/command.h"

#include "base/age.h"
#include "base/bundle_verify.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct option_list signers;

struct checker {
	struct bundle_verifier v;
	const char *path;
};

/* A damaged bundle can have a fault for each member: past these only the count goes on. */
#define FAULTS_SHOWN 50

static void tell(struct bundle_verifier *v, const char *member, const struct problem *problem)
{
	const struct checker *c = (const struct checker *)v;

	if (v->result.faults == FAULTS_SHOWN + 1)
		complainf(c->path, "more faults follow");
	if (v->result.faults > FAULTS_SHOWN)
		return;
	if (problem->offset == PROBLEM_NO_OFFSET)
		complainf(c->path, "%s%s%s", member ? member : "", member ? ": " : "",
			  problem->reason);
	else
		complainf(c->path, "%s%soffset %" PRIu64 ": %s", member ? member : "",
			  member ? ": " : "", problem->offset, problem->reason);
}

/* Whoever may have signed: all keys of all --signer files. False after a complaint. */
static bool load_signers(uint8_t **keys, size_t *count)
{
	bool ok = true;

	for (size_t i = 0; i < signers.count && ok; i++) {
		struct buffer text = {0};
		uint8_t *found = NULL;
		unsigned skipped = 0;
		size_t n = 0;

		if (!file_slurp(signers.items[i], 4 << 20, &text)) {
			complainf(signers.items[i], "%s", strerror(errno));
			ok = false;
		} else {
			n = ssh_public_keys(buffer_as_view(&text), &found, &skipped);
			if (skipped)
				complainf(signers.items[i],
					  "%u lines are no plain ssh-ed25519 keys: left out",
					  skipped);
			if (n == 0)
				complainf(signers.items[i], "holds no ssh-ed25519 key");
			ok = n;
		}
		*keys = xrealloc(*keys, (*count + n) * ED25519_KEY + 1);
		if (n)
			memcpy(*keys + *count * ED25519_KEY, found, n * ED25519_KEY);
		*count += n;
		free(found);
		buffer_release(&text);
	}
	return ok;
}

static int verify(const char *path, const uint8_t *keys, size_t key_count)
{
	struct checker c = {.v = {.fault = tell, .signers = keys, .signer_count = key_count},
			    .path = path};
	const struct bundle_verified *r = &c.v.result;
	struct buffer name = {0};
	struct stat st;
	void *at;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), status;

	if (fd < 0 || fstat(fd, &st) < 0) {
		complainf(path, "%s", strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return EXIT_DAMAGED;
	}
	if (!S_ISREG(st.st_mode) || st.st_size == 0) {
		complainf(path, "%s", S_ISREG(st.st_mode) ? "is empty" : "is not a file");
		(void)close(fd);
		return EXIT_DAMAGED;
	}
	at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	(void)close(fd);
	if (at == MAP_FAILED) {
		complainf(path, "%s", strerror(errno));
		return EXIT_DAMAGED;
	}
	(void)madvise(at, (size_t)st.st_size, MADV_SEQUENTIAL);
	if (age_probe(view_of(at, (size_t)st.st_size))) {
		(void)munmap(at, (size_t)st.st_size);
		complainf(path, "is encrypted: konseki decrypt opens it");
		return EXIT_DAMAGED;
	}
	status = bundle_verify(view_of(at, (size_t)st.st_size), &c.v);
	(void)munmap(at, (size_t)st.st_size);
	text_terminal(&name, view_text(path));
	if (status == OK)
		printf("%s: whole: %" PRIu64 " members, %" PRIu64 " bytes, as the manifest says",
		       buffer_text(&name), r->members, r->bytes);
	else if (r->members)
		printf("%s: %s: %" PRIu64 " of %" PRIu64 " members are proved, %" PRIu64
		       " bytes, %" PRIu64 " faults",
		       buffer_text(&name), r->complete ? "ALTERED" : "INCOMPLETE", r->good,
		       r->members, r->bytes, r->faults);
	if (r->members) {
		if (r->notes)
			printf("; the collector could not read %" PRIu64
			       " files whole (see its manifest)",
			       r->notes);
		if (r->left_out)
			printf("; %" PRIu64 " left out on purpose", r->left_out);
		if (r->is_signed) {
			struct buffer signer = {0};

			ssh_key_fingerprint(&signer, r->signer);
			printf("; signed by %s%s", buffer_text(&signer),
			       keys ? "" : " (whose key that is, --signer can tell)");
			buffer_release(&signer);
		}
		putchar('\n');
	}
	buffer_release(&name);
	return status == OK ? EXIT_COMPLETE : EXIT_DAMAGED;
}

static const struct option options[] = {
	{OPTION_LIST, 0, "signer", "FILE",
	 "demand a signature by a key of FILE (NAME.pub, allowed_signers); may be repeated",
	 &signers},
	{OPTION_END},
};
static const struct command_help help = {
	"verify",
	"BUNDLE...",
	"prove that bundles are whole and unaltered",
	"Checks each file's SHA-256, each frame, the index and the manifest. Exit status 1 when "
	"anything is\n"
	"altered or missing; of a bundle that was cut short, the whole members are proved. A "
	"signature\n"
	"is checked when there is one; --signer says whose it must be.",
};

static int run(int argc, char **argv)
{
	int n, status = EXIT_COMPLETE;
	uint8_t *keys = NULL;
	size_t key_count = 0;

	switch (option_parse(&help, options, argc, argv, &n)) {
	case OPTION_EXIT_OK:
		return EXIT_COMPLETE;
	case OPTION_MISUSE:
		return EXIT_MISUSE;
	case OPTION_GO:
		break;
	}
	if (n == 0) {
		option_usage(stderr, &help, options);
		return EXIT_MISUSE;
	}
	if (!load_signers(&keys, &key_count))
		status = EXIT_MISUSE;
	for (int i = 1; i <= n && status != EXIT_MISUSE; i++)
		if (verify(argv[i], keys, key_count))
			status = EXIT_DAMAGED;
	free(keys);
	free(signers.items);
	return status;
}

const struct command command_verify = {&help, run};
