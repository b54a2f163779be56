/* SPDX-License-Identifier: Apache-2.0 */
#include "input.h"

#include <arpa/inet.h>

#include "address.h"

static void check_mac(const char *text)
{
	uint8_t mac[6], prefix[6], again[6];
	unsigned bits, bits_again;
	char written[24];

	if (!weir__mac_prefix_parse(text, prefix, &bits)) {
		require(!weir__mac_parse(text, mac));
		return;
	}
	require(bits <= 48);
	for (unsigned i = bits; i < 48; i++)
		require(!(prefix[i / 8] & 0x80 >> i % 8));
	if (weir__mac_parse(text, mac)) {
		require(bits == 48);
		require(memcmp(mac, prefix, 6) == 0);
	}
	snprintf(written, sizeof(written), "%02x:%02x:%02x:%02x:%02x:%02x/%u", prefix[0], prefix[1],
		 prefix[2], prefix[3], prefix[4], prefix[5], bits);
	require(weir__mac_prefix_parse(written, again, &bits_again));
	require(memcmp(again, prefix, 6) == 0 && bits_again == bits);
}

static void check_ip(const char *text)
{
	struct weir__ip ip, prefix, again;
	char written[INET6_ADDRSTRLEN + 4];
	unsigned bits, bits_again;
	uint8_t mac[6];

	if (!weir__ip_prefix_parse(text, &prefix, &bits)) {
		require(!weir__ip_parse(text, &ip));
		return;
	}
	require(prefix.family == 4 || prefix.family == 6);
	require(bits <= (prefix.family == 4 ? 32 : 128));
	if (weir__ip_parse(text, &ip)) {
		require(bits == (prefix.family == 4 ? 32 : 128));
		require(memcmp(&ip, &prefix, sizeof(ip)) == 0);
	}
	require(inet_ntop(prefix.family == 4 ? AF_INET : AF_INET6, prefix.bytes, written, sizeof(written)));
	sprintf(written + strlen(written), "/%u", bits);
	require(weir__ip_prefix_parse(written, &again, &bits_again));
	require(memcmp(&again, &prefix, sizeof(again)) == 0 && bits_again == bits);
	weir__mac_of_group(&prefix, mac);
	require(mac[0] & 1);
}

static void check_ip_port(const char *text)
{
	struct weir__ip ip, again;
	char address[INET6_ADDRSTRLEN], written[INET6_ADDRSTRLEN + 10];
	uint16_t port, port_again;

	if (!weir__ip_port_parse(text, &ip, &port))
		return;
	require(ip.family == 4 || ip.family == 6);
	require(inet_ntop(ip.family == 4 ? AF_INET : AF_INET6, ip.bytes, address, sizeof(address)));
	snprintf(written, sizeof(written), ip.family == 4 ? "%s:%u" : "[%s]:%u", address, port);
	require(weir__ip_port_parse(written, &again, &port_again));
	require(memcmp(&again, &ip, sizeof(again)) == 0 && port_again == port);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text = malloc(size + 1); /* of just that size, so that a sanitizer sees a byte read too many */

	require(text);
	memcpy(text, bytes, size);
	text[size] = '\0';
	check_mac(text);
	check_ip(text);
	check_ip_port(text);
	free(text);
	return 0;
}
