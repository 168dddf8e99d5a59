/* konseki-collect: the collector alone, in one static binary for hosts with nothing installed. */
#include "cmd/command.h"
#include "cmd/image.h"

#include <string.h>

int collect_image(const struct collect_options *o, struct bundle_output *out,
		  struct collect_result *r)
{
	(void)out;
	*r = (struct collect_result){.start = time_now()};
	complainf(o->image,
		  "images need libtsk, which this program is built without: use `konseki "
		  "collect --image'");
	return ERR_UNSUPPORTED;
}

int main(int argc, char **argv)
{
	keep_standard_descriptors();
	if (argc > 1 && strcmp(argv[1], "verify") == 0)
		return finish_stdout(command_verify.run(argc - 1, argv + 1));
	/* The name of the command may be said, too. */
	if (argc > 1 && strcmp(argv[1], "collect") == 0)
		return finish_stdout(command_collect.run(argc - 1, argv + 1));
	return finish_stdout(command_collect.run(argc, argv));
}
