/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "tun.h"

int weir__tun_program_load(const char *path, const char *name, struct weir_error *err)
{
	(void)name;
	weir_invalid(err, "steering",
		     "'%s': this libweir was built without libbpf; load the program and give steering_fd",
		     path);
	return -ENOTSUP;
}
