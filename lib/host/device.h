/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host has, put on a TUN by netlink: addresses, routes and the MTU. It changes only what it put
 * there itself; what the device had of its own stays. One thread at a time.
 */
#ifndef WEIR__HOST_DEVICE_H
#define WEIR__HOST_DEVICE_H

#include <weir/host.h>

#include "netlink.h"

struct weir__wanted_address {
	struct weir__address address;
	bool deprecated; /* for connections that have it already (RFC 4862 §5.5.4): preferred for 0 seconds */
};

/* Routes have no gateway: a device of layer 3 has no neighbours, next hops are the host's affair. */
struct weir__wanted {
	unsigned n_addresses, n_routes;
	struct weir__wanted_address address[WEIR_HOST_ADDRESSES];
	struct weir__route route[WEIR_HOST_ROUTES];
	uint32_t mtu; /* 0: as the device had it */
};

struct weir__host_device;

/* netns: path of a network namespace; NULL: the caller's. The device need not exist yet: then apply() says
 * -ENODEV, and is to be called again. Errors: -EINVAL: no name of a device; -ENOMEM; of the namespace. */
int weir__host_device_open(struct weir__host_device **result, const char *name, const char *netns,
			   struct weir_error *err);

/*
 * Makes the device as wanted by the difference to what the last call made of it: what both have is not
 * touched, new addresses come before old ones go, so that connections live. It goes on after an error, and
 * returns the first one; what failed is tried again with the next call.
 */
int weir__host_device_apply(struct weir__host_device *device, const struct weir__wanted *wanted,
			    struct weir_error *err);

/* Takes away what apply() put there, as far as that is still possible, and frees it. NULL is allowed. */
void weir__host_device_close(struct weir__host_device *device);

#endif
