/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel.h"
#include "namespace.h"
#include "netlink.h"
#include "wire.h"

void wire_address(const char *device, const char *text)
{
	struct weir__address address = { 0 };
	struct weir__netlink netlink;

	namespace_set_flag(device, IFF_UP, true);
	assert_true(weir__ip_prefix_parse(text, &address.local, &address.bits));
	assert_int_equal(weir__netlink_open(&netlink, NULL), 0);
	assert_int_equal(weir__address_add(&netlink, if_nametoindex(device), &address, 0, NULL), 0);
	weir__address_wait(&netlink, if_nametoindex(device), &address);
	weir__netlink_close(&netlink);
}

bool wire_make(const struct site site[2])
{
	int rc;

	site_enter(&site[0]);
	rc = kernel_make_veth("wire0", site[1].fd, "wire1");
	if (rc == 0) {
		/* Addresses of IPv6 can be used when both ends are up. */
		namespace_set_flag("wire0", IFF_UP, true);
		site_enter(&site[1]);
		wire_address("wire1", WIRE_IPV4(2) "/24");
		wire_address("wire1", WIRE_IPV6(2) "/64");
		site_enter(&site[0]);
		wire_address("wire0", WIRE_IPV4(1) "/24");
		wire_address("wire0", WIRE_IPV6(1) "/64");
	}
	site_leave();
	return rc == 0;
}
