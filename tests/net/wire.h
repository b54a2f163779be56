/* SPDX-License-Identifier: Apache-2.0 */
/* A wire between two sites: a pair of virtual Ethernet devices, wire0 in the first and wire1 in the second.
 */
#ifndef WEIR_TEST_WIRE_H
#define WEIR_TEST_WIRE_H

#include <stdbool.h>

#include "site.h"

#define WIRE_IPV4(side) "192.0.2." #side
#define WIRE_IPV6(side) "fd00:5::" #side

/* Gives them the addresses WIRE_IPV4(1) and WIRE_IPV6(1), and those with 2, which can be used at once.
 * Returns false if this kernel has no such devices. */
bool wire_make(const struct site site[2]);

/* Gives a device of the calling thread's site an address, "192.0.2.1/24", and brings it up. */
void wire_address(const char *device, const char *text);

#endif
