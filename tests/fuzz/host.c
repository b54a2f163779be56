/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever frames come, in whatever order and at whatever time: what a host keeps is bounded and whole, and
 * what it says is well-formed and comes from itself. */
#include "input.h"

#include "bytes.h"
#include "checksum.h"
#include "host/arp.h"
#include "host/host.h"
#include "ip.h"

#define SECOND UINT64_C(1000000000)
#define MAX    16 /* neighbours */

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };

static uint64_t now;

static void require_ours(const struct weir__frame *frame)
{
	const uint8_t *body = frame->bytes + 14;
	const uint16_t type = weir__load_be16(frame->bytes + 12);
	struct weir__arp arp;
	struct weir__nd nd;

	require(frame->len >= 60 && frame->len <= 1536);
	require(memcmp(frame->bytes + 6, mac, 6) == 0);
	if (type == WEIR__ETHERTYPE_ARP) {
		require(weir__arp_parse(body, frame->len - 14, &arp));
		require(memcmp(arp.sender_mac, mac, 6) == 0);
	} else if (type == WEIR__ETHERTYPE_IPV6) {
		const struct weir__ip_check ip = weir__ip_check(body, frame->len - 14);

		require(ip.verdict == WEIR_NEXT && ip.family == 6);
		if (body[6] == 58 && body[40] >= 133 && body[40] <= 136)
			require(weir__nd_parse(body, ip.length, &nd));
	} else {
		require(type == WEIR__ETHERTYPE_IPV4);
	}
}

static void drain(struct weir_host *host)
{
	const struct weir__frame *frame;

	while ((frame = weir__host_peek(host))) {
		require_ours(frame);
		weir__host_sent(host);
	}
	require(host->out_n == 0);
}

static void require_sound(const struct weir_host *host)
{
	const struct weir__neighbours *table = &host->neighbours;
	uint32_t n = 0, unresolved = 0, frames = host->frames.free.n;

	for (uint32_t i = 1; i <= table->max; i++) {
		const struct weir__neighbour *e = &table->entry[i];

		n += e->state != WEIR_NEIGHBOUR_NONE;
		unresolved += e->state == WEIR_NEIGHBOUR_INCOMPLETE || e->state == WEIR_NEIGHBOUR_FAILED;
		frames += e->queue.n;
		require(e->state == WEIR_NEIGHBOUR_NONE || weir__neighbours_find(table, &e->ip) == e);
	}
	require(n == table->n && n <= MAX && unresolved == table->n_unresolved);
	require(frames == weir__neighbours_waiting(MAX, 3) + 257);
	require(host->owns.n <= WEIR_HOST_ADDRESSES);
	require(host->n_candidates <= WEIR__HOST_CANDIDATES);
}

/* With what a sender who means it gets right, so that more than the check of it is reached. */
static void complete(uint8_t *frame, size_t size)
{
	const uint16_t type = size >= 14 ? weir__load_be16(frame + 12) : 0;
	uint8_t *packet = frame + 14;
	uint16_t checksum;
	uint64_t sum;

	if (type == WEIR__ETHERTYPE_ARP && size >= 22)
		memcpy(packet, (const uint8_t[]){ 0, 1, 8, 0, 6, 4, 0 }, 7);
	if (type != WEIR__ETHERTYPE_IPV6 || size < 14 + 44)
		return;
	packet[0] = 0x60;
	weir__store_be16(packet + 4, (uint16_t)(size - 54));
	packet[6] = 58;
	packet[7] = 255;
	memset(packet + 42, 0, 2);
	sum = weir__checksum_pseudo6(packet + 8, 58, (uint32_t)(size - 54));
	checksum = weir__checksum_finish(weir__checksum_add(sum, packet + 40, size - 54));
	memcpy(packet + 42, &checksum, 2);
}

static void give(struct weir_host *host, struct input *input, bool completed)
{
	size_t size = input_number(input, 2) % 600;
	uint8_t *frame;

	size = size < input->size ? size : input->size;
	frame = malloc(size + 1);
	memcpy(frame, input->bytes, size);
	input->bytes += size;
	input->size -= size;
	if (completed)
		complete(frame, size);
	weir__host_input(host, frame, size, now);
	free(frame);
}

static void send_to(struct weir_host *host, struct input *input, bool ipv6)
{
	uint8_t packet[60] = { 0 };

	packet[0] = ipv6 ? 0x60 : 0x45;
	weir__store_be16(packet + (ipv6 ? 4 : 2), ipv6 ? 20 : 60);
	for (unsigned i = ipv6 ? 24 : 16; i < (ipv6 ? 40 : 20); i++)
		packet[i] = input_byte(input);
	weir__host_send(host, packet, sizeof(packet), now);
}

static void step(struct weir_host *host, struct input *input)
{
	const uint8_t what = input_byte(input);

	switch (what & 7) {
	case 0:
	case 1:
	case 2:
		give(host, input, what & 3);
		break;
	case 3:
		send_to(host, input, what & 8);
		break;
	case 4:
		weir__host_set_carrier(host, what & 8, now);
		break;
	case 5:
		now += input_number(input, 2) * SECOND;
		break;
	default:
		now += input_number(input, 2) * 1000000;
		break;
	}
	weir__host_run(host, now);
	drain(host);
	require_sound(host);
}

/* Steps, each of one byte and what belongs to it. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const struct weir_host_options options = {
		.mac = "02:00:00:00:00:01",
		.ipv4 = WEIR_LIST("10.0.0.1/24"),
		.ipv6 = WEIR_LIST("fd00::1/64"),
		.route = (const struct weir_route[]){ { "default", .via = "10.0.0.254" }, { 0 } },
		.slaac = true,
		.neighbours_max = MAX,
	};
	struct input input = { bytes, size };
	struct weir_host *host;

	now = 1000 * SECOND;
	require(weir__host_open(&host, &options, NULL) == 0);
	weir__host_set_carrier(host, true, now);
	while (input.size)
		step(host, &input);
	weir__host_free(host);
	return 0;
}
