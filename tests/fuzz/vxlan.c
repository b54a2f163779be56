/* SPDX-License-Identifier: Apache-2.0 */
/* Datagrams to a VXLAN session, from hosts that it knows and others, and frames that it then sends. The
 * socket is this. */
#include "input.h"

#include <weir/endpoint.h>

#include "vxlan/vxlan.h"

#define ROOM     2048
#define HEADROOM 64
#define STATIONS 8

static struct weir_datagram arriving;
static bool is_arriving;
static uint32_t taken; /* bytes of the last frame */

int __wrap_weir_socket_next(struct weir_socket *socket, struct weir_reader *reader,
			    struct weir_datagram *datagram);
void __wrap_weir_socket_skip(struct weir_socket *socket, const struct weir_datagram *datagram);
bool __wrap_weir_socket_take(struct weir_socket *socket, struct weir_reader *reader,
			     const struct weir_datagram *datagram, uint32_t offset, uint32_t len,
			     struct weir_buf **buf);
uint32_t __wrap_weir_socket_send(struct weir_socket *socket, struct weir_writer *writer,
				 const union weir_socket_address *const *to, const uint8_t *source);

int __wrap_weir_socket_next(struct weir_socket *socket, struct weir_reader *reader,
			    struct weir_datagram *datagram)
{
	(void)socket, (void)reader;
	*datagram = arriving;
	return is_arriving;
}

void __wrap_weir_socket_skip(struct weir_socket *socket, const struct weir_datagram *datagram)
{
	(void)socket, (void)datagram;
	is_arriving = false;
}

bool __wrap_weir_socket_take(struct weir_socket *socket, struct weir_reader *reader,
			     const struct weir_datagram *datagram, uint32_t offset, uint32_t len,
			     struct weir_buf **buf)
{
	(void)reader;
	require(offset == WEIR__VXLAN_HEADER && offset + len == datagram->len);
	require(len >= WEIR__VXLAN_FRAME_MIN);
	taken = len;
	*buf = NULL;
	__wrap_weir_socket_skip(socket, datagram);
	return true;
}

uint32_t __wrap_weir_socket_send(struct weir_socket *socket, struct weir_writer *writer,
				 const union weir_socket_address *const *to, const uint8_t *source)
{
	const struct weir__vxlan *vxlan = (const void *)socket;

	for (uint32_t i = 0; i < writer->n; i++) {
		const struct weir_buf *buf = weir_writer_buf(writer, i);

		require(buf->len >= WEIR__VXLAN_HEADER + WEIR__VXLAN_FRAME_MIN);
		require(memcmp(buf->data, vxlan->header, WEIR__VXLAN_HEADER) == 0);
		require(to[i] && source[i] >= 1 && source[i] <= vxlan->sources);
	}
	return writer->n;
}

static void open_session(struct weir__vxlan *vxlan, bool learn_remotes)
{
	const struct weir_vxlan options = { .vni = 42,
					    .remote = WEIR_LIST("10.0.0.1", "10.0.0.2"),
					    .entry = WEIR_LIST("02:00:00:00:00:03=10.0.0.3") };
	union weir_socket_address local;

	require(weir__vxlan_local(&options, &local, NULL) == 0);
	require(weir__vxlan_peers_read(&vxlan->peers, &options, &local, NULL, NULL) == 0);
	require(weir__vxlan_table_open(&vxlan->table, STATIONS, UINT64_MAX / 4, NULL) == 0);
	memcpy(vxlan->header, (const uint8_t[]){ WEIR__VXLAN_FLAG_I, 0, 0, 0, 0, 0, 42, 0 }, 8);
	vxlan->sources = 16;
	vxlan->learn_remotes = learn_remotes;
	vxlan->socket[0] = (struct weir_socket *)vxlan;
}

static union weir_socket_address host(uint8_t number)
{
	union weir_socket_address address = { 0 };

	address.ipv4.sin_family = AF_INET;
	address.ipv4.sin_port = htons((uint16_t)(1 + number));
	address.ipv4.sin_addr.s_addr = htonl(0x0a000000u | (number & 7));
	return address;
}

static void receive(struct weir__vxlan *vxlan, uint8_t *bytes, uint32_t len, uint8_t from)
{
	const union weir_socket_address address = host(from);
	uint64_t dropped[WEIR_REASONS_MAX] = { 0 }, drops = 0;
	struct weir_reader reader = { .limit = 1, .now = 1, .dropped = dropped };

	arriving = (struct weir_datagram){ .bytes = bytes, .len = len, .from = &address };
	is_arriving = true;
	taken = 0;
	require(weir__vxlan_datagrams(vxlan, vxlan->socket[0], &reader) == 0);
	for (unsigned i = 0; i < WEIR_REASONS_MAX; i++)
		drops += dropped[i];
	require(!is_arriving && drops == (taken ? 0 : 1)); /* each has one fate */
	require(!taken || vxlan->learn_remotes || ((from & 7) >= 1 && (from & 7) <= 3));
	require(vxlan->table.learned <= STATIONS);
}

/* Sends the frame back, as a bridge might, with its addresses exchanged. */
static void send_back(struct weir__vxlan *vxlan, const uint8_t *frame, uint32_t len)
{
	static uint8_t room[ROOM];
	struct weir_buf buf = { .room = room, .room_size = ROOM, .data = room + HEADROOM, .len = len };
	const uint32_t index = 0;
	struct weir_writer writer = { .bufs = &buf, .index = &index, .n = 1 };

	memcpy(buf.data, frame, len);
	if (len >= 12) {
		memcpy(buf.data, frame + 6, 6);
		memcpy(buf.data + 6, frame, 6);
	}
	require(weir__vxlan_send(vxlan, &writer, 0) == 1);
}

/* options, then: sender, length, datagram; and so on */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct weir__vxlan vxlan;
	struct input input = { bytes, size };

	memset(&vxlan, 0, sizeof(vxlan));
	open_session(&vxlan, input_byte(&input) & 1);
	while (input.size) {
		const uint8_t from = input_byte(&input);
		const size_t said = input_byte(&input);
		const size_t len = said < input.size ? said : input.size;
		uint8_t *datagram = malloc(len ? len : 1); /* so that it is seen if more is read */

		require(datagram);
		memcpy(datagram, input.bytes, len);
		receive(&vxlan, datagram, (uint32_t)len, from);
		if (taken)
			send_back(&vxlan, datagram + WEIR__VXLAN_HEADER, taken);
		free(datagram);
		input.bytes += len;
		input.size -= len;
	}
	weir__vxlan_table_close(&vxlan.table);
	return 0;
}
