/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "peers.h"
#include "table.h"

#define MAC_TEXT 17 /* characters */

_Static_assert(offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port),
	       "a port has the same place in both");

/* What all addresses are read for. */
struct reading {
	const struct weir_vxlan *options;
	const union weir_socket_address *local;
	const struct weir_socket *socket;
	struct weir_error *err;
};

static bool is_any(const union weir_socket_address *address)
{
	return address->any.sa_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&address->ipv6.sin6_addr)
						  : address->ipv4.sin_addr.s_addr == INADDR_ANY;
}

static bool is_group(const union weir_socket_address *address)
{
	return address->any.sa_family == AF_INET6 ? IN6_IS_ADDR_MULTICAST(&address->ipv6.sin6_addr)
						  : ntohl(address->ipv4.sin_addr.s_addr) >= 0xe0000000;
}

static uint16_t port_of(const struct weir_vxlan *options)
{
	return options->port ? options->port : WEIR_VXLAN_PORT;
}

/* --- the own address --- */

/* The family of the first address that can be read. */
static int family_of_peers(const struct weir_vxlan *options)
{
	union weir_socket_address address;

	for (const char *const *text = options->remote; text && *text; text++)
		if (weir_socket_address_parse(*text, 0, &address))
			return address.any.sa_family;
	for (const char *const *text = options->entry; text && *text; text++)
		if (strchr(*text, '=') && weir_socket_address_parse(strchr(*text, '=') + 1, 0, &address))
			return address.any.sa_family;
	return AF_INET;
}

int weir__vxlan_local(const struct weir_vxlan *options, union weir_socket_address *local,
		      struct weir_error *err)
{
	memset(local, 0, sizeof(*local));
	if (!options->local) {
		local->any.sa_family = (sa_family_t)family_of_peers(options);
		local->ipv4.sin_port = htons(port_of(options));
		return 0;
	}
	if (!weir_socket_address_parse(options->local, port_of(options), local))
		return weir_invalid(err, "local", "'%s' is not an address, nor one with a port",
				    options->local);
	if (is_group(local))
		return weir_invalid(err, "local", "'%s' is the address of a group or of all", options->local);
	if (local->ipv4.sin_port == 0)
		return weir_invalid(err, "local", "'%s' has no port", options->local);
	return 0;
}

/* --- the others --- */

/* Reads an address; its port is 0 if the text has none. */
static int read_address(const struct reading *reading, const char *field, const char *text,
			union weir_socket_address *address)
{
	const union weir_socket_address *local = reading->local;
	struct weir_error *err = reading->err;

	if (!weir_socket_address_parse(text, 0, address))
		return weir_invalid(err, field, "'%s' is not an address, nor one with a port", text);
	if (is_any(address))
		return weir_invalid(err, field, "'%s' is nobody's address", text);
	if (is_group(address))
		return weir_invalid(err, field, "'%s' is the address of a group or of all: name each host",
				    text);
	if (address->any.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&address->ipv6.sin6_addr) &&
	    !reading->options->bind_device)
		return weir_invalid(err, field, "'%s' is link-local: set bind_device", text);
	if (address->any.sa_family != local->any.sa_family &&
	    !(local->any.sa_family == AF_INET6 && is_any(local)))
		return weir_invalid(err, field, "'%s' is not of the family of %s", text,
				    reading->options->local ? "local" : "the first remote");
	if (reading->socket)
		weir_socket_adapt(reading->socket, address);
	return 0;
}

static bool is_host(const union weir_socket_address *a, const union weir_socket_address *b)
{
	union weir_socket_address a_key, b_key;

	weir__vxlan_key(a, &a_key);
	weir__vxlan_key(b, &b_key);
	return weir_socket_same(&a_key, &b_key);
}

static int read_remote(struct weir__vxlan_peers *peers, const struct reading *reading, uint32_t i)
{
	const char *text = reading->options->remote[i];
	union weir_socket_address *address = &peers->remotes[peers->n_remotes];
	char field[32];

	snprintf(field, sizeof(field), "remote[%u]", i);
	if (read_address(reading, field, text, address))
		return -EINVAL;
	for (uint32_t k = 0; k < peers->n_remotes; k++)
		if (is_host(address, &peers->remotes[k]))
			return weir_invalid(reading->err, field,
					    "'%s': this host is there already: it can be told by its address "
					    "alone",
					    text);
	if (is_host(address, reading->local))
		return weir_invalid(reading->err, field, "'%s' is local", text);
	if (address->ipv4.sin_port == 0)
		address->ipv4.sin_port = htons(port_of(reading->options));
	peers->n_remotes++;
	return 0;
}

static int digit_of(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

bool weir__vxlan_mac_parse(const char *text, size_t length, uint64_t *mac)
{
	uint8_t bytes[6];

	if (length != MAC_TEXT)
		return false;
	for (unsigned i = 0; i < 6; i++) {
		const int high = digit_of(text[3 * i]), low = digit_of(text[3 * i + 1]);

		if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':' && text[3 * i + 2] != '-'))
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	*mac = weir__vxlan_mac(bytes);
	return true;
}

/* The port of an entry that says none is that of the remote with its address. */
static void complete_port(const struct weir__vxlan_peers *peers, const struct weir_vxlan *options,
			  union weir_socket_address *address)
{
	if (address->ipv4.sin_port)
		return;
	address->ipv4.sin_port = htons(port_of(options));
	for (uint32_t i = 0; i < peers->n_remotes; i++)
		if (is_host(address, &peers->remotes[i]))
			address->ipv4.sin_port = peers->remotes[i].ipv4.sin_port;
}

static int read_entry(struct weir__vxlan_peers *peers, const struct reading *reading, uint32_t i)
{
	const char *text = reading->options->entry[i], *equals = strchr(text, '=');
	struct weir__vxlan_entry *entry = &peers->entries[peers->n_entries];
	char field[32];

	snprintf(field, sizeof(field), "entry[%u]", i);
	if (!equals || !weir__vxlan_mac_parse(text, (size_t)(equals - text), &entry->mac))
		return weir_invalid(reading->err, field, "'%s' is not MAC=ADDRESS", text);
	if (weir__vxlan_is_group(entry->mac))
		return weir_invalid(reading->err, field,
				    "'%s' is for a group: frames to these go to all remotes", text);
	if (read_address(reading, field, equals + 1, &entry->to))
		return -EINVAL;
	for (uint32_t k = 0; k < peers->n_entries; k++)
		if (peers->entries[k].mac == entry->mac)
			return weir_invalid(reading->err, field, "'%s': this station has an entry already",
					    text);
	complete_port(peers, reading->options, &entry->to);
	peers->n_entries++;
	return 0;
}

/* Reads a list of at most max texts. */
static int read_list(struct weir__vxlan_peers *peers, const struct reading *reading, const char *field,
		     const char *const *list, uint32_t max,
		     int (*read)(struct weir__vxlan_peers *peers, const struct reading *reading, uint32_t i))
{
	int rc = 0;

	for (uint32_t i = 0; list && list[i]; i++) {
		if (i == max)
			return weir_invalid(reading->err, field, "has more than %u", max);
		rc |= read(peers, reading, i);
	}
	return rc;
}

static int compare_entries(const void *a, const void *b)
{
	const struct weir__vxlan_entry *left = a, *right = b;

	return (left->mac > right->mac) - (left->mac < right->mac);
}

static int compare_hosts(const void *a, const void *b)
{
	const struct weir__vxlan_host *left = a, *right = b;

	unsigned word = 0;

	while (word < 6 && left->key.words[word] == right->key.words[word])
		word++;
	return (left->key.words[word] > right->key.words[word]) -
	       (left->key.words[word] < right->key.words[word]);
}

/* Of a host that is named more than once, the first port counts: that of the remote. */
static void add_host(struct weir__vxlan_peers *peers, const union weir_socket_address *address)
{
	struct weir__vxlan_host host = { .to = *address };

	weir__vxlan_key(address, &host.key);
	for (uint32_t i = 0; i < peers->n_hosts; i++)
		if (weir_socket_same(&peers->hosts[i].key, &host.key))
			return;
	peers->hosts[peers->n_hosts++] = host;
}

int weir__vxlan_peers_read(struct weir__vxlan_peers *peers, const struct weir_vxlan *options,
			   const union weir_socket_address *local, const struct weir_socket *socket,
			   struct weir_error *err)
{
	const struct reading reading = { options, local, socket, err };
	int rc;

	peers->n_remotes = peers->n_entries = peers->n_hosts = 0;
	rc = read_list(peers, &reading, "remote", options->remote, WEIR_VXLAN_REMOTES_MAX, read_remote);
	rc |= read_list(peers, &reading, "entry", options->entry, WEIR_VXLAN_ENTRIES_MAX, read_entry);
	for (uint32_t i = 0; i < peers->n_remotes; i++)
		add_host(peers, &peers->remotes[i]);
	for (uint32_t i = 0; i < peers->n_entries; i++)
		add_host(peers, &peers->entries[i].to);
	qsort(peers->entries, peers->n_entries, sizeof(peers->entries[0]), compare_entries);
	qsort(peers->hosts, peers->n_hosts, sizeof(peers->hosts[0]), compare_hosts);
	return rc;
}

const union weir_socket_address *weir__vxlan_host(const struct weir__vxlan_peers *peers,
						  const union weir_socket_address *key)
{
	const struct weir__vxlan_host wanted = { .key = *key };
	const struct weir__vxlan_host *host =
		bsearch(&wanted, peers->hosts, peers->n_hosts, sizeof(peers->hosts[0]), compare_hosts);

	return host ? &host->to : NULL;
}

const union weir_socket_address *weir__vxlan_entry(const struct weir__vxlan_peers *peers, uint64_t mac)
{
	const struct weir__vxlan_entry wanted = { .mac = mac };
	const struct weir__vxlan_entry *entry = bsearch(&wanted, peers->entries, peers->n_entries,
							sizeof(peers->entries[0]), compare_entries);

	return entry ? &entry->to : NULL;
}
