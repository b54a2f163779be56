/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>

#include "ip.h"
#include "option.h"
#include "udp.h"

#define NS         1000000000ull
#define PACKET_L3  1500
#define PACKET_L2  1518 /* with an Ethernet header and a VLAN tag */
#define PACKET_MAX 65535

enum {
	NOT_IP = WEIR__UDP_REASONS_N, /* the first of those of IP */
	UNKNOWN_PEER = NOT_IP + WEIR__IP_REASONS_N,
	PEERS_FULL,
};

static const struct weir_reason reasons[] = {
	WEIR__UDP_REASONS,
	WEIR__IP_REASONS_FROM(NOT_IP),
	[UNKNOWN_PEER] = { "unknown_peer", "its sender is none of the peers" },
	[PEERS_FULL] = { "peers_full", "its sender is new, and there is no place for another peer" },
	{ 0 },
};

struct state {
	struct weir__udp udp;
	struct weir__udp_peers peers; /* of a socket that is not connected */
	bool l3;
	bool learn;
	uint64_t trimmed;
};

static const struct weir_counter counters[] = {
	{ "gso_messages", "messages sent that had several packets",
	  offsetof(struct state, udp.sender.messages) },
	{ "gso_packets", "the packets in them", offsetof(struct state, udp.sender.segments) },
	{ "gso_refused", "messages of several packets that the system refused: each went by itself then",
	  offsetof(struct state, udp.sender.unbundled) },
	{ "gro_messages", "messages received that had several packets",
	  offsetof(struct state, udp.receiver.messages) },
	{ "gro_packets", "the packets in them", offsetof(struct state, udp.receiver.segments) },
	{ "write_notices", "times that the network told the writer that a packet did not arrive",
	  offsetof(struct state, udp.sender.notices) },
	{ "read_notices", "times that it told the reader", offsetof(struct state, udp.receiver.notices) },
	{ "trimmed", "IP packets that were followed by other bytes, now cut off",
	  offsetof(struct state, trimmed) },
	{ "learned", "peers learned", offsetof(struct state, peers.learned) },
	{ "forgotten", "learned peers forgotten, as they were silent",
	  offsetof(struct state, peers.forgotten) },
	{ 0 },
};

static int udp_check(const void *opts, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct weir_udp *options = opts;
	struct weir__udp_options socket;
	int rc = weir__udp_check(options, &socket, err);

	if (options->layer != WEIR_LAYER_ANY && options->layer != WEIR_LAYER_L3 &&
	    options->layer != WEIR_LAYER_L2)
		rc |= weir_invalid(err, "layer", "%d is not WEIR_LAYER_L3 or WEIR_LAYER_L2",
				   (int)options->layer);
	if (options->max_packet > PACKET_MAX)
		rc |= weir_invalid(err, "max_packet", "%u is more than %u", options->max_packet, PACKET_MAX);
	info->layer = options->layer ? options->layer : WEIR_LAYER_L3;
	info->max_packet = options->max_packet               ? options->max_packet
			   : options->layer == WEIR_LAYER_L2 ? PACKET_L2
							     : PACKET_L3;
	return rc;
}

static int open_peers(struct state *state, const struct weir_udp *options, struct weir_error *err)
{
	const uint32_t learned = weir__udp_learned(options);
	const uint64_t seconds = options->learn_seconds ? options->learn_seconds : WEIR__UDP_LEARN_SECONDS;
	uint32_t n = 0;
	int rc;

	while (options->peers && options->peers[n])
		n++;
	rc = weir__udp_peers_open(&state->peers, n, learned, seconds * NS, err);
	for (uint32_t i = 0; rc == 0 && i < n; i++) {
		union weir_socket_address address;

		weir__udp_check_peer("peers", options->peers[i], &address, err);
		weir__udp_adapt(&state->udp, &address);
		weir__udp_peers_add(&state->peers, &address);
	}
	return rc;
}

static void udp_close(void *memory)
{
	struct state *state = memory;

	weir__udp_peers_close(&state->peers);
	weir__udp_close(&state->udp);
}

static int udp_open(void *memory, const void *opts, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct weir_udp *options = opts;
	struct weir__udp_options socket;
	struct state *state = memory;
	int rc = weir__udp_check(options, &socket, err);

	if (rc == 0)
		rc = weir__udp_open(&state->udp, &socket, err);
	if (rc < 0)
		return rc;
	state->l3 = options->layer != WEIR_LAYER_L2;
	state->learn = options->learn;
	if (!options->remote)
		rc = open_peers(state, options, err);
	if (rc < 0) {
		udp_close(state);
		return rc;
	}
	info->read_fd = state->udp.fd;
	info->write_fd = state->udp.fd;
	info->write_events = POLLOUT;
	return 0;
}

/* --- reading --- */

/* What a datagram is found to be. */
struct finding {
	int reason; /* to drop it; -1: none */
	struct weir__ip_check ip;
	uint32_t peer;
};

/* Last, so that only who sends packets is learned. */
static void find_peer(struct state *state, const union weir_socket_address *from, uint64_t now,
		      struct finding *finding)
{
	struct weir__udp_peers *peers = &state->peers;

	if (state->udp.connected)
		return;
	finding->peer = weir__udp_peers_seen(peers, from, now);
	if (!finding->peer && state->learn)
		finding->peer = weir__udp_peers_learn(peers, from, now);
	if (!finding->peer)
		finding->reason = state->learn ? PEERS_FULL : UNKNOWN_PEER;
}

static struct finding look_at(struct state *state, const struct weir_datagram *datagram, uint64_t now)
{
	struct finding finding = { .reason = -1, .ip.length = datagram->len };

	if (datagram->len == 0) {
		finding.reason = WEIR__UDP_EMPTY;
		return finding;
	}
	if (state->l3)
		finding.ip = weir__ip_check(datagram->bytes, datagram->len);
	if (finding.ip.verdict != WEIR_NEXT)
		finding.reason = NOT_IP + finding.ip.verdict - 1;
	else
		find_peer(state, datagram->from, now, &finding);
	return finding;
}

/* Returns false if there is no buffer for it now. */
static bool deliver(struct state *state, struct weir_reader *reader, const struct weir_datagram *datagram)
{
	const struct finding finding = look_at(state, datagram, reader->now);
	struct weir_buf *buf;

	if (finding.reason >= 0) {
		weir_reader_drop(reader, (unsigned)finding.reason);
		weir__udp_skip(&state->udp, datagram);
		return true;
	}
	if (!weir__udp_take(&state->udp, reader, datagram, 0, finding.ip.length, &buf))
		return false;
	weir_count(&state->trimmed, finding.ip.length < datagram->len);
	if (buf) {
		buf->family = finding.ip.family;
		buf->peer = finding.peer;
	}
	return true;
}

static int udp_read(void *memory, struct weir_reader *reader)
{
	struct state *state = memory;
	struct weir_datagram datagram;
	int rc;

	if (state->learn)
		weir__udp_peers_forget(&state->peers, reader->now);
	weir__udp_begin(&state->udp, reader);
	while ((rc = weir__udp_next(&state->udp, reader, &datagram)) > 0)
		if (!deliver(state, reader, &datagram))
			return 0;
	return rc;
}

/* What was received, and found no room in the last vector, poll() does not see. */
static bool udp_arm(void *memory)
{
	const struct state *state = memory;

	return !weir__udp_pending(&state->udp);
}

/* --- writing --- */

static uint32_t udp_write(void *memory, struct weir_writer *writer)
{
	struct state *state = memory;
	union weir_socket_address addresses[WEIR_VECTOR_SIZE];
	const union weir_socket_address *to[WEIR_VECTOR_SIZE];
	uint32_t last = 0;

	if (state->udp.connected)
		return weir__udp_send(&state->udp, writer, NULL, NULL);
	for (uint32_t i = 0; i < writer->n; i++) {
		const uint32_t peer = weir_writer_buf(writer, i)->peer;

		if (i > 0 && peer == last)
			to[i] = to[i - 1];
		else
			to[i] = weir__udp_peers_address(&state->peers, peer, &addresses[i]) ? &addresses[i]
											    : NULL;
		last = peer;
	}
	return weir__udp_send(&state->udp, writer, to, NULL);
}

/* --- for the application --- */

int weir_udp_local(const void *udp, char text[WEIR_UDP_TEXT])
{
	const struct state *state = udp;
	union weir_socket_address local;

	weir__udp_local(&state->udp, &local);
	weir_socket_address_text(&local, text);
	return 0;
}

static int address_of(const struct state *state, uint32_t number, union weir_socket_address *address)
{
	if (!state->udp.connected)
		return weir__udp_peers_address(&state->peers, number, address) ? 0 : -ENOENT;
	if (number)
		return -ENOENT;
	weir__udp_remote(&state->udp, address);
	return 0;
}

int weir_udp_peer(const void *udp, uint32_t number, char text[WEIR_UDP_TEXT])
{
	union weir_socket_address address;
	const int rc = address_of(udp, number, &address);

	if (rc == 0)
		weir_socket_address_text(&address, text);
	return rc;
}

int weir_udp_find(const void *udp, const char *text, uint32_t *number)
{
	const struct state *state = udp;
	union weir_socket_address address, remote;

	if (weir__udp_check_peer("address", text, &address, NULL))
		return -EINVAL;
	weir__udp_adapt(&state->udp, &address);
	if (state->udp.connected) {
		weir__udp_remote(&state->udp, &remote);
		*number = 0;
		return weir_socket_same(&address, &remote) ? 0 : -ENOENT;
	}
	*number = weir__udp_peers_find(&state->peers, &address);
	return *number ? 0 : -ENOENT;
}

int weir_udp_mtu(const void *udp, uint32_t number, uint32_t *bytes, struct weir_error *err)
{
	const struct state *state = udp;
	union weir_socket_address address;

	if (address_of(state, number, &address))
		return weir_failed(err, -ENOENT, "no peer has the number %u", number);
	return weir__udp_mtu(&state->udp, &address, bytes, err);
}

int weir_udp_kernel_drops(const void *udp, uint64_t *packets, struct weir_error *err)
{
	const struct state *state = udp;

	return weir__udp_drops(&state->udp, packets, err);
}

static const struct weir_option udp_options[] = {
	WEIR_OPTION(struct weir_udp, local, STRING,
		    "own address, 192.0.2.1:4789 or [fd00::1]:4789; with remote, default any"),
	WEIR_OPTION(struct weir_udp, remote, STRING, "the one peer, 192.0.2.2:4789"),
	WEIR_OPTION(struct weir_udp, peers, LIST, "without remote: the peers that are known"),
	WEIR_OPTION(struct weir_udp, learn, BOOL, "without remote: whoever sends a packet is a peer"),
	WEIR_OPTION(struct weir_udp, learn_max, U32, "learned peers at once; default 1024"),
	WEIR_OPTION(struct weir_udp, learn_seconds, U32, "silence that forgets one; default 300"),
	WEIR_ENUM_OPTION(struct weir_udp, layer, weir__layer_values, "l3 or l2; default l3"),
	WEIR_OPTION(struct weir_udp, max_packet, U32,
		    "bytes of the largest packet; default 1500, of l2 1518"),
	WEIR_OPTION(struct weir_udp, receive_buffer, U32, "bytes of SO_RCVBUF; default 4 MiB if possible"),
	WEIR_OPTION(struct weir_udp, send_buffer, U32, "bytes of SO_SNDBUF; default 1 MiB if possible"),
	WEIR_OPTION(struct weir_udp, no_gso, BOOL, "send each packet by itself"),
	WEIR_OPTION(struct weir_udp, no_gro, BOOL, "receive each packet by itself"),
	WEIR_OPTION(struct weir_udp, dscp, U32, "class of service, 0 to 63"),
	WEIR_OPTION(struct weir_udp, ttl, U32, "of datagrams, 1 to 255; 0: the system's default"),
	WEIR_OPTION(struct weir_udp, df, BOOL, "never fragment, drop what is too long"),
	WEIR_OPTION(struct weir_udp, bind_device, STRING, "only through this network device"),
	WEIR_OPTION(struct weir_udp, mark, U32, "of datagrams, for routing rules; 0: none"),
	WEIR_OPTION(struct weir_udp, netns, STRING, "path of a network namespace; default the caller's"),
	{ 0 },
};

const struct weir_endpoint_type weir_udp_type = {
	.name = "udp",
	.help = "a UDP socket: packets are the payload of datagrams",
	.reasons = reasons,
	.counters = counters,
	.options = udp_options,
	.options_size = sizeof(struct weir_udp),
	.state_size = sizeof(struct state),
	.check = udp_check,
	.open = udp_open,
	.close = udp_close,
	.read = udp_read,
	.arm = udp_arm,
	.write = udp_write,
};
