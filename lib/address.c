/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <string.h>

#include "address.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads "xx", "xx:xx" … up to six bytes, one separator throughout; returns what follows them, NULL: no bytes.
 */
static const char *mac_bytes(const char *text, uint8_t mac[6], unsigned *n)
{
	const char separator = text[0] && text[1] && text[2] == '-' ? '-' : ':';

	for (*n = 0;; text++) {
		int high = hex_digit(text[0]);
		int low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0)
			return NULL;
		mac[(*n)++] = (uint8_t)(high << 4 | low);
		text += 2;
		if (*text != separator || *n == 6)
			return text;
	}
}

/* A decimal number from 0 to max and nothing else. */
static bool number_parse(const char *text, unsigned max, unsigned *number)
{
	unsigned value = 0;

	if (text[0] == '0' && text[1])
		return false;
	do {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (unsigned)(*text - '0');
	} while (*++text && value <= max);
	if (value > max)
		return false;
	*number = value;
	return true;
}

static bool mac_rest_is_zero(const uint8_t mac[6], unsigned bits)
{
	uint64_t value = 0;

	for (int i = 0; i < 6; i++)
		value = value << 8 | mac[i];
	return (value << bits & 0xffffffffffff) == 0;
}

bool weir__mac_parse(const char *text, uint8_t mac[6])
{
	uint8_t bytes[6];
	unsigned n;
	const char *end = mac_bytes(text, bytes, &n);

	if (!end || *end || n != 6)
		return false;
	memcpy(mac, bytes, 6);
	return true;
}

bool weir__mac_prefix_parse(const char *text, uint8_t mac[6], unsigned *bits)
{
	uint8_t bytes[6] = { 0 };
	unsigned n, length;
	const char *end = mac_bytes(text, bytes, &n);

	if (!end)
		return false;
	length = n * 8;
	if (*end && (*end != '/' || !number_parse(end + 1, n * 8, &length)))
		return false;
	if (!mac_rest_is_zero(bytes, length))
		return false;
	memcpy(mac, bytes, 6);
	*bits = length;
	return true;
}

bool weir__ip_parse(const char *text, struct weir__ip *ip)
{
	struct weir__ip result = { .family = strchr(text, ':') ? 6 : 4 };

	if (inet_pton(result.family == 6 ? AF_INET6 : AF_INET, text, result.bytes) != 1)
		return false;
	*ip = result;
	return true;
}

bool weir__ip_prefix_parse(const char *text, struct weir__ip *ip, unsigned *bits)
{
	const size_t n = strcspn(text, "/");
	char address[INET6_ADDRSTRLEN];
	struct weir__ip result;
	unsigned max;

	if (n >= sizeof(address))
		return false;
	memcpy(address, text, n);
	address[n] = '\0';
	if (!weir__ip_parse(address, &result))
		return false;
	max = result.family == 6 ? 128 : 32;
	if (!text[n])
		*bits = max;
	else if (!number_parse(text + n + 1, max, bits))
		return false;
	*ip = result;
	return true;
}

bool weir__ip_port_parse(const char *text, struct weir__ip *ip, uint16_t *port)
{
	const bool bracket = text[0] == '[';
	const size_t n = strcspn(text += bracket, bracket ? "]" : ":");
	const char *colon = text + n + (bracket && text[n]);
	char address[INET6_ADDRSTRLEN];
	struct weir__ip result;
	unsigned number;

	if (n >= sizeof(address) || *colon != ':' || !number_parse(colon + 1, UINT16_MAX, &number))
		return false;
	memcpy(address, text, n);
	address[n] = '\0';
	if (!weir__ip_parse(address, &result) || (result.family == 6) != bracket)
		return false;
	*ip = result;
	*port = (uint16_t)number;
	return true;
}

bool weir__mac_is_station(const uint8_t mac[6])
{
	return !(mac[0] & 1) && (mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]);
}

void weir__mac_of_group(const struct weir__ip *group, uint8_t mac[6])
{
	if (group->family == 6) {
		memset(mac, 0x33, 2);
		memcpy(mac + 2, group->bytes + 12, 4);
	} else {
		memcpy(mac, "\x01\x00\x5e", 3);
		memcpy(mac + 3, group->bytes + 1, 3);
		mac[3] &= 0x7f;
	}
}
