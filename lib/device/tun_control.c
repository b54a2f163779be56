/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of a device: made so when it is opened, changed while it runs, made so again when it
 * recovers. */
#include <errno.h>
#include <stdlib.h>

#include "error.h"
#include "tun.h"

/* Called before the device may give a packet that the reader does not expect. */
static void expect_mtu(struct weir__tun *tun, uint32_t mtu)
{
	const uint32_t frame = weir__tun_frame(mtu, tun->tap, tun->packet_information);

	if (frame > tun->frame_max)
		__atomic_store_n(&tun->frame_max, frame, __ATOMIC_RELEASE);
}

static int set_queue_length(struct weir__tun *tun, const struct weir__link *want, struct weir_error *err)
{
	/* Who owns a persistent device may attach to it, but not change it. */
	const int expected = tun->config.queue_default ? -EPERM : 0;
	int rc = weir__link_set_queue_length(&tun->netlink, tun->index, want->queue_length, expected, err);

	return rc == expected ? 0 : rc;
}

/* Changes what differs, because even a change to the same value needs a privilege. */
static int set_link(struct weir__tun *tun, const struct weir__link *want, struct weir_error *err)
{
	struct weir__link now;
	int rc = weir__link_read(&tun->netlink, tun->index, &now, err);

	if (rc == 0 && now.queue_length != want->queue_length)
		rc = set_queue_length(tun, want, err);
	if (rc == 0 && memcmp(now.mac, want->mac, sizeof(now.mac)) != 0)
		rc = weir__link_set_mac(&tun->netlink, tun->index, want->mac, err);
	if (rc == 0) {
		expect_mtu(tun, now.mtu);
		expect_mtu(tun, want->mtu);
	}
	if (rc == 0 && now.mtu != want->mtu)
		rc = weir__link_set_mtu(&tun->netlink, tun->index, want->mtu, err);
	return rc;
}

static int set_up(struct weir__tun *tun, bool up, struct weir_error *err)
{
	struct weir__link now;
	int rc = weir__link_read(&tun->netlink, tun->index, &now, err);

	if (rc == 0 && !(now.flags & IFF_UP) == up)
		rc = weir__link_set_up(&tun->netlink, tun->index, up, err);
	return rc;
}

static int add_entry(struct weir__tun *tun, const struct weir__tun_entry *entry, int expected,
		     struct weir_error *err)
{
	int rc;

	if (entry->is_route)
		return weir__route_add(&tun->netlink, tun->index, &entry->route, expected, err);
	rc = weir__address_add(&tun->netlink, tun->index, &entry->address, expected, err);
	if (rc == 0 || rc == expected)
		weir__address_wait(&tun->netlink, tun->index, &entry->address);
	return rc;
}

static int remove_entry(struct weir__tun *tun, const struct weir__tun_entry *entry, int expected,
			struct weir_error *err)
{
	if (entry->is_route)
		return weir__route_remove(&tun->netlink, tun->index, &entry->route, expected, err);
	return weir__address_remove(&tun->netlink, tun->index, &entry->address, expected, err);
}

/* It may be there already: on a persistent device, or kept by the kernel while the device was down. */
static int apply_entry(struct weir__tun *tun, struct weir__tun_entry *entry, struct weir_error *err)
{
	int rc = add_entry(tun, entry, -EEXIST, err);

	entry->added |= rc == 0;
	if (rc != -EEXIST)
		return rc;
	if (!entry->is_route)
		return 0;
	/* Through this device it is ours, and goes. Through another one it stays in the way, and is the
	 * error. */
	remove_entry(tun, entry, 0, NULL);
	return add_entry(tun, entry, 0, err);
}

static int apply_entries(struct weir__tun *tun, bool routes, struct weir_error *err)
{
	struct weir__tun_config *config = &tun->config;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < config->n_entries; i++)
		if (config->entries[i].is_route == routes)
			rc = apply_entry(tun, &config->entries[i], err);
	return rc;
}

int weir__tun_apply(struct weir__tun *tun, struct weir_error *err)
{
	const bool up = tun->config.link.flags & IFF_UP;
	int rc = set_link(tun, &tun->config.link, err);

	/* Before it is up, so that it never has an IPv6 address nor solicits a router. */
	if (rc == 0 && tun->config.no_ipv6)
		rc = weir__tun_disable_ipv6(tun, true, err);
	if (rc == 0)
		rc = set_up(tun, up, err);
	if (rc == 0)
		rc = apply_entries(tun, false, err);
	/* A device that is down has no routes. */
	if (rc == 0 && up)
		rc = apply_entries(tun, true, err);
	return rc;
}

void weir__tun_withdraw(struct weir__tun *tun)
{
	struct weir__tun_config *config = &tun->config;

	for (size_t i = config->n_entries; i-- > 0;)
		if (config->entries[i].added)
			remove_entry(tun, &config->entries[i], 0, NULL);
	set_up(tun, tun->before.flags & IFF_UP, NULL);
	set_link(tun, &tun->before, NULL);
	if (tun->ipv6_disabled)
		weir__tun_disable_ipv6(tun, false, NULL);
}

static bool same_ip(const struct weir__ip *a, const struct weir__ip *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Whether the kernel, told to remove what is wanted, would remove this. */
static bool matches(const struct weir__tun_entry *entry, const struct weir__tun_entry *wanted)
{
	const struct weir__address *address = &wanted->address;
	const struct weir__route *route = &wanted->route;

	if (entry->is_route != wanted->is_route)
		return false;
	if (!entry->is_route)
		return same_ip(&entry->address.local, &address->local) &&
		       same_ip(&entry->address.peer, &address->peer) && entry->address.bits == address->bits;
	return same_ip(&entry->route.to, &route->to) && entry->route.bits == route->bits &&
	       entry->route.table == route->table &&
	       (!route->metric || entry->route.metric == route->metric) &&
	       (!route->via.family || same_ip(&entry->route.via, &route->via));
}

static int reserve(struct weir__tun_config *config, struct weir_error *err)
{
	void *larger = reallocarray(config->entries, config->n_entries + 1, sizeof(*config->entries));

	if (!larger)
		return weir_failed(err, -ENOMEM, "no memory for one more address or route");
	config->entries = larger;
	return 0;
}

int weir__tun_keep(struct weir__tun_config *config, const struct weir__tun_entry *entry,
		   struct weir_error *err)
{
	int rc = reserve(config, err);

	if (rc == 0)
		config->entries[config->n_entries++] = *entry;
	return rc;
}

/* The entry that the kernel removes with this one; n_entries: none. */
static size_t find(const struct weir__tun_config *config, const struct weir__tun_entry *wanted)
{
	size_t i = 0;

	while (i < config->n_entries && !matches(&config->entries[i], wanted))
		i++;
	return i;
}

static bool is_ipv6(const struct weir__tun_entry *entry)
{
	return (entry->is_route ? entry->route.to.family : entry->address.local.family) == 6;
}

/* The kernel takes IPv6 off a device with less than 1280 bytes without a word. */
static int check_ipv6(const struct weir__tun_config *config, const struct weir__tun_entry *entry,
		      uint32_t mtu, const char *field, struct weir_error *err)
{
	if (!is_ipv6(entry))
		return 0;
	if (config->no_ipv6)
		return weir_invalid(err, field, "is IPv6, and no_ipv6 is set");
	if (mtu < WEIR__TUN_MTU_IPV6)
		return weir_invalid(err, field, "IPv6 needs an mtu of %d, not %u", WEIR__TUN_MTU_IPV6, mtu);
	return 0;
}

static int change_add(struct weir__tun *tun, struct weir__tun_entry *entry, const char *field,
		      struct weir_error *err)
{
	struct weir__tun_config *config = &tun->config;
	int rc = check_ipv6(config, entry, config->link.mtu, field, err);
	size_t i;

	if (rc == 0)
		rc = reserve(config, err);
	if (rc == 0)
		rc = add_entry(tun, entry, 0, err);
	if (rc)
		return rc;
	entry->added = true;
	/* It stands there already if somebody else had taken it off the device. */
	i = find(config, entry);
	config->entries[i] = *entry;
	config->n_entries += i == config->n_entries;
	return 0;
}

static int change_remove(struct weir__tun *tun, const struct weir__tun_entry *entry, struct weir_error *err)
{
	struct weir__tun_config *config = &tun->config;
	const size_t i = find(config, entry);
	const bool known = i < config->n_entries;
	const int gone = entry->is_route ? -ESRCH : -EADDRNOTAVAIL;
	/* What is known may have left the device already, when it went down. */
	int rc = remove_entry(tun, entry, known ? gone : 0, err);

	if (!known || (rc && rc != gone))
		return rc;
	config->n_entries--;
	memmove(&config->entries[i], &config->entries[i + 1],
		(config->n_entries - i) * sizeof(*config->entries));
	return 0;
}

/* The problems of a control function are told with the name of the device. */
static void begin(const struct weir__tun *tun, struct weir_error *err)
{
	if (!err)
		return;
	weir__error_clear(err);
	weir__error_at(err, "%s", tun->name);
}

const char *weir_tun_name(const void *state)
{
	const struct weir__tun *tun = state;

	return tun->name;
}

uint32_t weir_tun_index(const void *state)
{
	const struct weir__tun *tun = state;

	return tun->index;
}

int weir_tun_set_up(void *state, bool up, struct weir_error *err)
{
	struct weir__tun *tun = state;
	struct weir__link now;
	int rc;

	begin(tun, err);
	rc = weir__link_read(&tun->netlink, tun->index, &now, err);
	if (rc)
		return rc;
	tun->config.link.flags = up ? IFF_UP : 0;
	if (!(now.flags & IFF_UP) == !up)
		return 0;
	/* What the kernel took away when it went down comes back with it. */
	rc = up ? weir__tun_apply(tun, err) : set_up(tun, false, err);
	if (rc && up) {
		tun->config.link.flags = 0;
		set_up(tun, false, NULL);
	}
	return rc;
}

int weir_tun_set_mtu(void *state, uint32_t mtu, struct weir_error *err)
{
	struct weir__tun *tun = state;
	struct weir__tun_config *config = &tun->config;
	int rc;

	begin(tun, err);
	rc = weir__tun_check_mtu(mtu, tun->tap, tun->packet_information, err);
	for (size_t i = 0; rc == 0 && i < config->n_entries; i++)
		rc = check_ipv6(config, &config->entries[i], mtu, "mtu", err);
	if (rc)
		return rc;
	expect_mtu(tun, mtu);
	rc = weir__link_set_mtu(&tun->netlink, tun->index, mtu, err);
	if (rc)
		return rc;
	config->link.mtu = mtu;
	/* A device that comes up to 1280 bytes gets IPv6 anew, with the settings of all. */
	return config->no_ipv6 ? weir__tun_disable_ipv6(tun, true, err) : 0;
}

int weir_tun_set_mac(void *state, const char *text, struct weir_error *err)
{
	struct weir__tun *tun = state;
	uint8_t mac[6];
	int rc;

	begin(tun, err);
	if (!tun->tap)
		return weir_invalid(err, "mac", "needs tap");
	rc = weir__tun_parse_mac(text, mac, err);
	if (rc == 0)
		rc = weir__link_set_mac(&tun->netlink, tun->index, mac, err);
	if (rc == 0)
		memcpy(tun->config.link.mac, mac, sizeof(mac));
	return rc;
}

int weir_tun_set_queue_length(void *state, uint32_t packets, struct weir_error *err)
{
	struct weir__tun *tun = state;
	const uint32_t length = packets ? packets : WEIR__TUN_QUEUE;
	int rc;

	begin(tun, err);
	rc = weir__link_set_queue_length(&tun->netlink, tun->index, length, 0, err);
	if (rc == 0)
		tun->config.link.queue_length = length;
	return rc;
}

int weir_tun_add_address(void *state, const char *address, struct weir_error *err)
{
	struct weir__tun_entry entry = { .is_route = false };
	int rc;

	begin(state, err);
	rc = weir__tun_parse_address("address", address, 0, &entry.address, err);
	return rc ? rc : change_add(state, &entry, "address", err);
}

int weir_tun_remove_address(void *state, const char *address, struct weir_error *err)
{
	struct weir__tun_entry entry = { .is_route = false };
	int rc;

	begin(state, err);
	rc = weir__tun_parse_address("address", address, 0, &entry.address, err);
	return rc ? rc : change_remove(state, &entry, err);
}

int weir_tun_add_route(void *state, const struct weir_route *route, struct weir_error *err)
{
	struct weir__tun_entry entry = { .is_route = true };
	int rc;

	begin(state, err);
	rc = weir__tun_parse_route("route", route, &entry.route, err);
	return rc ? rc : change_add(state, &entry, "route", err);
}

int weir_tun_remove_route(void *state, const struct weir_route *route, struct weir_error *err)
{
	struct weir__tun_entry entry = { .is_route = true };
	int rc;

	begin(state, err);
	rc = weir__tun_parse_route("route", route, &entry.route, err);
	return rc ? rc : change_remove(state, &entry, err);
}

int weir_tun_kernel_drops(void *state, uint64_t *packets, struct weir_error *err)
{
	struct weir__tun *tun = state;
	struct weir__link link;
	int rc;

	begin(tun, err);
	rc = weir__link_read(&tun->netlink, tun->index, &link, err);
	if (rc == 0)
		*packets = link.tx_dropped;
	return rc;
}
