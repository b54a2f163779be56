/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

void command_run(const struct rig *rig, enum side side, const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	rig_enter(rig, side); /* this thread, and so what it starts */
	if (system(command) != 0)
		give_up(BENCH_REFUSED, "failed: %s", command);
}
