/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the server of the tests for somebody else: softether_run ADDRESS PORT, in a network namespace that has
 * this address. Says "ready" once it can be used, and ends it when its own input ends.
 */
#include "namespace.h"

#include "softether.h"

int main(int argc, char **argv)
{
	struct softether server = { 0 };

	if (argc != 3) {
		fprintf(stderr, "softether_run ADDRESS PORT\n");
		return 2;
	}
	server.address = argv[1];
	server.port = (uint16_t)strtoul(argv[2], NULL, 10);
	softether_enter();
	softether_start(&server);
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		continue;
	softether_stop(&server);
	return 0;
}
