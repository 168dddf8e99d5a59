/* What the collectors that stand alone, on Linux and Windows, say of images. */
#include "cmd/command.h"
#include "cmd/image.h"

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
