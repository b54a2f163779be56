/* SPDX-License-Identifier: Apache-2.0 */
/* Of the engine that breaks.py has broken: which break is on. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

bool sim_broken(const char *name);

bool sim_broken(const char *name)
{
	static const char *on;

	if (!on)
		on = getenv("SIM_BREAK") ? getenv("SIM_BREAK") : "";
	return strcmp(name, on) == 0;
}
