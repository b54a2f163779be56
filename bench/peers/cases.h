/* SPDX-License-Identifier: Apache-2.0 */
/* The traffic by which forwarders are compared with their peers. */
#ifndef WEIR_BENCH_PEERS_CASES_H
#define WEIR_BENCH_PEERS_CASES_H

#include "traffic.h"

#define PEER_CASES 4

extern const struct traffic_case peer_cases[PEER_CASES];

#endif
