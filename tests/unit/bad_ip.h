/* SPDX-License-Identifier: Apache-2.0 */
/* One packet for each reason of weir__ip_check(), for the stages that call it; tests/unit/ip.c has the
 * boundaries. */
#ifndef WEIR_TEST_BAD_IP_H
#define WEIR_TEST_BAD_IP_H

#include <stdint.h>

struct bad_ip {
	const char *reason;
	uint32_t len;
	uint8_t bytes[40];
};

static const struct bad_ip bad_ips[] = {
	{ "short", 19, { 0x45, 0, 0, 19 } },
	{ "version", 20, { 0x55, 0, 0, 20 } },
	{ "header_length", 20, { 0x44, 0, 0, 20 } },
	{ "total_length", 20, { 0x45, 0, 0, 21 } },
	{ "jumbogram", 40, { 0x60 } },
};

#endif
