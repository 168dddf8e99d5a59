/* konseki keygen: a key pair for --encrypt, as age-keygen writes it. */
#include "cmd/command.h"

#include "base/age.h"
#include "base/timestamp.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char *output;
static const struct option options[] = {
	{OPTION_TEXT, 'o', "output", "FILE",
	 "write the identity there (mode 0600) instead of to standard output", &output},
	{OPTION_END},
};
static const struct command_help help = {
	"keygen",
	"",
	"make a key pair for encrypted collections",
	"The identity opens what `konseki collect --encrypt RECIPIENT` writes: keep it away from "
	"the hosts\n"
	"that are collected. The recipient (age1...) is printed, and goes to the hosts.",
};

static int run(int argc, char **argv)
{
	struct age_key secret, public;
	char identity[AGE_TEXT], recipient[AGE_TEXT], now[TIME_TEXT];
	struct buffer text = {0};
	int n, status = EXIT_COMPLETE;

	switch (option_parse(&help, options, argc, argv, &n)) {
	case OPTION_EXIT_OK:
		return EXIT_COMPLETE;
	case OPTION_MISUSE:
		return EXIT_MISUSE;
	case OPTION_GO:
		break;
	}
	if (n) {
		option_usage(stderr, &help, options);
		return EXIT_MISUSE;
	}
	if (age_generate(&secret) < 0) {
		complainf(NULL, "no random numbers: %s", strerror(errno));
		return EXIT_MISUSE;
	}
	age_public(&secret, &public);
	age_identity_text(&secret, identity);
	age_recipient_text(&public, recipient);
	(void)time_format(time_now() / TIME_SECOND * TIME_SECOND, now);
	buffer_printf(&text, "# created: %s\n# public key: %s\n%s\n", now, recipient, identity);
	if (output) {
		int fd = open(output, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		bool ok = fd >= 0 && write(fd, text.data, text.len) == (ssize_t)text.len &&
			  fsync(fd) == 0;

		if (!ok) {
			complainf(output, "%s", strerror(errno));
			status = EXIT_MISUSE;
		} else {
			printf("%s\n", recipient);
		}
		if (fd >= 0)
			(void)close(fd);
	} else {
		(void)fwrite(text.data, 1, text.len, stdout);
		if (!isatty(STDOUT_FILENO))
			(void)fprintf(stderr, "%s\n", recipient);
	}
	explicit_bzero(&secret, sizeof(secret));
	explicit_bzero(identity, sizeof(identity));
	explicit_bzero(text.data, text.len);
	buffer_release(&text);
	return status;
}

const struct command command_keygen = {&help, run};
