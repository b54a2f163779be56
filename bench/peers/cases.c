/* SPDX-License-Identifier: Apache-2.0 */
#include "cases.h"

const struct traffic_case peer_cases[] = {
	{ "tcp1", "TCP, 1 stream", &traffic_tcp, .streams = 1 },
	{ "tcp4", "TCP, 4 streams", &traffic_tcp, .streams = 4 },
	{ "udp64", "flood of UDP datagrams of 64 bytes", &traffic_udp, .size = 64 },
	{ "rtt", "UDP request and response of 64 bytes, back to back", &traffic_rtt, .size = 64 },
};
