/* collect --image: the files of a profile out of a disk image or a raw device. */
#ifndef KONSEKI_CMD_IMAGE_H
#define KONSEKI_CMD_IMAGE_H

#include "collectors/collection.h"

/* As collect_run, of o->image. The static collectors have none of this: they complain and give
 * ERR_UNSUPPORTED. */
int collect_image(const struct collect_options *o, struct bundle_output *out,
		  struct collect_result *r);

#endif
