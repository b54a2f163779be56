/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "netns.h"

/* Besides what is wanted, what could not be removed yet. */
#define ITEMS (2 * (WEIR_HOST_ADDRESSES + WEIR_HOST_ROUTES))

/* An address or a route. */
struct item {
	bool is_route;
	struct weir__address address;
	struct weir__route route;
	bool deprecated; /* of an address: as it is on the device */
	bool deprecate;  /* as it is wanted */
	bool wanted;
	bool ours; /* it was not there before we put it there */
};

struct weir__host_device {
	struct weir__netlink netlink;
	char name[IFNAMSIZ];
	uint32_t index;                /* 0: not seen yet */
	uint32_t mtu_before, mtu_ours; /* 0: left as it was */
	unsigned n;
	struct item item[ITEMS];
};

static int open_netlink(void *data)
{
	return weir__netlink_open(data, NULL);
}

static int enter(struct weir__host_device *device, const char *netns, struct weir_error *err)
{
	int fd, rc;

	if (!netns)
		return weir__netlink_open(&device->netlink, err);
	fd = weir__netns_open(netns, err);
	if (fd < 0)
		return fd;
	rc = weir__netns_run(fd, open_netlink, &device->netlink, err);
	close(fd);
	return rc;
}

int weir__host_device_open(struct weir__host_device **result, const char *name, const char *netns,
			   struct weir_error *err)
{
	struct weir__host_device *device;
	int rc;

	*result = NULL;
	if (strlen(name) >= IFNAMSIZ)
		return weir_failed(err, -EINVAL, "device %s: the name is too long", name);
	device = calloc(1, sizeof(*device));
	if (!device)
		return weir_failed(err, -ENOMEM, "device %s: no memory", name);
	snprintf(device->name, sizeof(device->name), "%s", name);
	rc = enter(device, netns, err);
	if (rc < 0) {
		free(device);
		return rc;
	}
	*result = device;
	return 0;
}

/* --- items */

static bool same_ip(const struct weir__ip *a, const struct weir__ip *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes,
						a->family == 6   ? 16
						: a->family == 4 ? 4
								 : 0) == 0;
}

static bool same_address(const struct weir__address *a, const struct weir__address *b)
{
	return same_ip(&a->local, &b->local) && same_ip(&a->peer, &b->peer) && a->bits == b->bits;
}

static bool same_route(const struct weir__route *a, const struct weir__route *b)
{
	return same_ip(&a->to, &b->to) && same_ip(&a->via, &b->via) && a->bits == b->bits &&
	       a->metric == b->metric && a->table == b->table;
}

static bool same_item(const struct item *a, const struct item *b)
{
	if (a->is_route != b->is_route)
		return false;
	return a->is_route ? same_route(&a->route, &b->route) : same_address(&a->address, &b->address);
}

static void want(struct weir__host_device *device, const struct item *wanted)
{
	struct item *item = device->item;

	while (item < device->item + device->n && !same_item(item, wanted))
		item++;
	if (item == device->item + ITEMS)
		return;
	if (item == device->item + device->n)
		device->item[device->n++] = *wanted;
	item->wanted = true;
	item->deprecate = wanted->deprecate;
}

/* What the kernel takes if none is said, for it removes any if none is said. */
static struct weir__route with_metric(struct weir__route route)
{
	if (route.to.family == 6 && !route.metric)
		route.metric = 1024;
	return route;
}

static void want_all(struct weir__host_device *device, const struct weir__wanted *wanted)
{
	for (unsigned i = 0; i < device->n; i++)
		device->item[i].wanted = false;
	for (unsigned i = 0; i < wanted->n_addresses; i++)
		want(device, &(const struct item){ .address = wanted->address[i].address,
						   .deprecate = wanted->address[i].deprecated });
	for (unsigned i = 0; i < wanted->n_routes; i++)
		want(device,
		     &(const struct item){ .is_route = true, .route = with_metric(wanted->route[i]) });
}

/* --- the device */

static void note(int *first, int rc)
{
	if (rc < 0 && !*first)
		*first = rc;
}

/* Also what was put there before: when a device goes down, the kernel takes routes and addresses away. A
 * route that is there, but not ours, is most likely one through another device, which wins. */
static int put_item(struct weir__host_device *device, struct item *item, struct weir_error *err)
{
	const int expected = item->is_route && !item->ours ? 0 : -EEXIST;
	int rc = item->is_route
			 ? weir__route_add(&device->netlink, device->index, &item->route, expected, err)
			 : weir__address_add(&device->netlink, device->index, &item->address, expected, err);

	if (rc && rc != expected)
		return rc;
	if (rc == 0) {
		item->ours = true;
		item->deprecated = false;
		/* Who is told of the address then may use it. */
		if (!item->is_route)
			weir__address_wait(&device->netlink, device->index, &item->address);
	}
	if (!item->ours || item->deprecated == item->deprecate)
		return 0;
	rc = weir__address_deprecate(&device->netlink, device->index, &item->address, item->deprecate, err);
	if (rc == 0)
		item->deprecated = item->deprecate;
	return rc;
}

/* Somebody else may have taken it away. */
static int remove_item(struct weir__host_device *device, const struct item *item, struct weir_error *err)
{
	const int gone = item->is_route ? -ESRCH : -EADDRNOTAVAIL;
	int rc = item->is_route
			 ? weir__route_remove(&device->netlink, device->index, &item->route, gone, err)
			 : weir__address_remove(&device->netlink, device->index, &item->address, gone, err);

	return rc == gone ? 0 : rc;
}

/* Addresses, or routes. */
static int put_items(struct weir__host_device *device, bool routes, struct weir_error *err)
{
	int first = 0;

	for (unsigned i = 0; i < device->n; i++)
		if (device->item[i].wanted && device->item[i].is_route == routes)
			note(&first, put_item(device, &device->item[i], err));
	return first;
}

static int remove_items(struct weir__host_device *device, bool routes, struct weir_error *err)
{
	unsigned kept = 0;
	int first = 0;

	for (unsigned i = 0; i < device->n; i++) {
		const struct item *item = &device->item[i];
		int rc = 0;

		if (!item->wanted && item->is_route == routes) {
			rc = item->ours ? remove_item(device, item, err) : 0;
			note(&first, rc);
			if (rc == 0)
				continue;
		}
		device->item[kept++] = *item;
	}
	device->n = kept;
	return first;
}

static int set_mtu(struct weir__host_device *device, const struct weir__link *link, uint32_t mtu,
		   struct weir_error *err)
{
	int rc = 0;

	if (mtu == device->mtu_ours)
		return 0;
	if (!device->mtu_ours)
		device->mtu_before = link->mtu;
	if (mtu)
		rc = weir__link_set_mtu(&device->netlink, device->index, mtu, err);
	else if (link->mtu == device->mtu_ours) /* else somebody else has set it since */
		rc = weir__link_set_mtu(&device->netlink, device->index, device->mtu_before, err);
	if (rc == 0)
		device->mtu_ours = mtu;
	return rc;
}

/* Another device may have the name now: nothing on it is ours. */
static int find(struct weir__host_device *device, struct weir__link *link, struct weir_error *err)
{
	int rc = weir__link_find(&device->netlink, device->name, link, err);

	if (rc == 0 && link->index == device->index)
		return 0;
	device->n = 0;
	device->mtu_ours = 0;
	device->index = rc == 0 ? link->index : 0;
	/* Without, a new lease in the old subnet would go with the old address, and with that all routes. */
	return rc ? rc : weir__link_promote_secondaries(&device->netlink, device->index, err);
}

int weir__host_device_apply(struct weir__host_device *device, const struct weir__wanted *wanted,
			    struct weir_error *err)
{
	struct weir__link link;
	int first = find(device, &link, err);

	if (first < 0)
		return first;
	want_all(device, wanted);
	/* First, because IPv6 needs an MTU of 1280. */
	note(&first, set_mtu(device, &link, wanted->mtu, err));
	note(&first, put_items(device, false, err));
	note(&first, put_items(device, true, err));
	note(&first, remove_items(device, true, err));
	note(&first, remove_items(device, false, err));
	return first;
}

void weir__host_device_close(struct weir__host_device *device)
{
	static const struct weir__wanted nothing;

	if (!device)
		return;
	if (device->index)
		weir__host_device_apply(device, &nothing, NULL);
	weir__netlink_close(&device->netlink);
	free(device);
}
