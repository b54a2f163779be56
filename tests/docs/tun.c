/* SPDX-License-Identifier: Apache-2.0 */
/* What docs/devices.md quotes is a configuration without a fault. */
#include <stdio.h>

#include <weir/weir.h>

int main(void)
{
	const struct weir_route routes[] = {
		{ .to = "10.0.0.0/8" },
		{ .to = "default", .via = "10.9.0.1" },
		{ .to = NULL },
	};
	const struct weir_config config = {
		.endpoints = {
			weir_tun("tun0", .ipv4 = WEIR_LIST("10.9.0.2/24"), .ipv6 = WEIR_LIST("fd00:9::2/64"),
				 .mtu = 1400, .route = routes),
			weir_null("out"),
		},
		.workers = { { "worker", .unpinned = true } },
		.chains = {
			{ "chain", .stages = { weir_read("tun0", .worker = "worker"), weir_write("out") } },
		},
	};
	struct weir_error err;

	if (weir_config_check(&config, &err) == 0)
		return 0;
	puts(err.text);
	return 1;
}
