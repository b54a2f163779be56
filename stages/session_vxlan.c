/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

#include "vxlan/vxlan.h"

#define VNI_MAX     0xffffffu
#define PACKET      1518 /* with an Ethernet header and a VLAN tag */
#define PACKET_MAX  65535
#define LEARN       4096
#define AGE_S       300
#define AGE_MAX     (365u * 86400)
#define SOURCES     16
#define BUFFER_MAX  (1u << 30) /* what the kernel can double */
#define NS          UINT64_C(1000000000)
#define MTU_LOOK_NS UINT64_C(30000000000) /* the way may change */

static const struct weir_reason reasons[] = {
	WEIR_SESSION_REASONS,
	[WEIR__VXLAN_SHORT] = { "short", "too short for an Ethernet frame, or for that and a VXLAN header" },
	[WEIR__VXLAN_VLAN] = { "vlan", "the frame has a VLAN tag, and the option vlan is not set" },
	[WEIR__VXLAN_UNKNOWN] = { "unknown", "it is for a station that is not known" },
	[WEIR__VXLAN_NO_VNI] = { "no_vni", "the VXLAN header says that it has no VNI" },
	[WEIR__VXLAN_OTHER_VNI] = { "other_vni", "it belongs to another VNI" },
	[WEIR__VXLAN_UNKNOWN_REMOTE] = { "unknown_remote", "its sender is none of the remotes" },
	[WEIR__VXLAN_ELSEWHERE] = { "elsewhere",
				    "its source has an entry that says another host than the sender" },
	[WEIR__VXLAN_NO_SENDER] = { "no_sender", "it came by more senders than the option senders says" },
	{ 0 },
};

static const struct weir_counter counters[] = {
	WEIR_SESSION_COUNTERS(struct weir__vxlan),
	{ "learned", "stations learned", offsetof(struct weir__vxlan, table.learned) },
	{ "moved", "times that a station was found behind another remote",
	  offsetof(struct weir__vxlan, table.moved) },
	{ "refused", "frames of stations that were not learned, as there was no place",
	  offsetof(struct weir__vxlan, table.refused) },
	{ "forgotten", "stations forgotten, as they were silent or their remote was taken away",
	  offsetof(struct weir__vxlan, table.forgotten) },
	{ "flooded", "frames sent to all remotes", offsetof(struct weir__vxlan, sent.flooded) },
	{ "copies", "datagrams sent for these", offsetof(struct weir__vxlan, sent.copies) },
	{ "uncopied", "copies that could not be sent, of frames of which others were",
	  offsetof(struct weir__vxlan, sent.uncopied) },
	{ 0 },
};

/* --- options --- */

static int check_max(const char *field, uint32_t value, uint32_t max, struct weir_error *err)
{
	return value > max ? weir_invalid(err, field, "%u is more than %u", value, max) : 0;
}

static int check_learning(const struct weir_vxlan *options, struct weir_error *err)
{
	int rc = 0;

	if (options->no_learn && options->learn_max)
		rc = weir_invalid(err, "learn_max", "is not possible with no_learn");
	if (options->no_learn && options->learn_seconds)
		rc |= weir_invalid(err, "learn_seconds", "is not possible with no_learn");
	rc |= check_max("learn_max", options->learn_max, WEIR_VXLAN_LEARN_MAX, err);
	rc |= check_max("learn_seconds", options->learn_seconds, AGE_MAX, err);
	if (!options->learn_remotes && !(options->remote && options->remote[0]) &&
	    !(options->entry && options->entry[0]))
		rc |= weir_invalid(err, "remote",
				   "is needed, or entry, or learn_remotes: there is nobody to talk to");
	return rc;
}

static int check_way(const struct weir_vxlan *options, struct weir_error *err)
{
	const char *device = options->bind_device;
	int rc = check_max("sources", options->sources, WEIR_SOCKET_SOURCES, err);

	rc |= check_max("senders", options->senders, WEIR_VXLAN_SENDERS_MAX, err);
	if (options->one_source && options->sources)
		rc |= weir_invalid(err, "sources", "is not possible with one_source");
	rc |= check_max("dscp", options->dscp, 63, err);
	rc |= check_max("ttl", options->ttl, 255, err);
	rc |= check_max("receive_buffer", options->receive_buffer, BUFFER_MAX, err);
	rc |= check_max("send_buffer", options->send_buffer, BUFFER_MAX, err);
	if (device && (!device[0] || strlen(device) >= IFNAMSIZ))
		rc |= weir_invalid(err, "bind_device", "'%s' is not the name of a device", device);
	if (options->netns && (!options->netns[0] || strlen(options->netns) >= WEIR__VXLAN_NETNS))
		rc |= weir_invalid(err, "netns", "'%s' is not the path of a network namespace",
				   options->netns);
	return rc;
}

static int check_peers(const struct weir_vxlan *options, struct weir_error *err)
{
	struct weir__vxlan_peers *peers;
	union weir_socket_address local;
	int rc = weir__vxlan_local(options, &local, err);

	if (rc < 0)
		return rc;
	peers = malloc(sizeof(*peers));
	if (!peers)
		return weir_failed(err, -ENOMEM, "no memory for the remotes");
	rc = weir__vxlan_peers_read(peers, options, &local, NULL, err);
	free(peers);
	return rc;
}

static int vxlan_check(const void *opts, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct weir_vxlan *options = opts;
	int rc = 0, peers;

	if (options->vni == 0 || options->vni > VNI_MAX)
		rc = weir_invalid(err, "vni", "%u is not from 1 to %u", options->vni, VNI_MAX);
	rc |= check_max("max_packet", options->max_packet, PACKET_MAX, err);
	rc |= check_learning(options, err);
	rc |= check_way(options, err);
	peers = check_peers(options, err);
	info->layer = WEIR_LAYER_L2;
	info->max_packet = options->max_packet ? options->max_packet : PACKET;
	info->headroom = WEIR__VXLAN_HEADER;
	return rc ? rc : peers;
}

/* --- opening and changing --- */

static void fix(struct weir__vxlan_fixed *fixed, const struct weir_vxlan *options)
{
	memset(fixed, 0, sizeof(*fixed));
	weir__vxlan_local(options, &fixed->local, NULL);
	fixed->senders = options->senders;
	fixed->sources = options->one_source ? 0 : options->sources ? options->sources : SOURCES;
	fixed->learn_max = options->learn_max ? options->learn_max : LEARN;
	fixed->max_packet = options->max_packet ? options->max_packet : PACKET;
	fixed->mark = options->mark;
	fixed->receive_buffer = options->receive_buffer;
	fixed->send_buffer = options->send_buffer;
	fixed->no_learn = options->no_learn;
	fixed->no_checksum = options->no_checksum;
	fixed->fragment = options->fragment;
	fixed->no_gso = options->no_gso;
	fixed->no_gro = options->no_gro;
	if (options->bind_device)
		snprintf(fixed->bind_device, sizeof(fixed->bind_device), "%s", options->bind_device);
	if (options->netns)
		snprintf(fixed->netns, sizeof(fixed->netns), "%s", options->netns);
}

static bool is_same(const struct weir__vxlan_fixed *a, const struct weir__vxlan_fixed *b)
{
	return weir_socket_same(&a->local, &b->local) && a->senders == b->senders &&
	       a->sources == b->sources && a->learn_max == b->learn_max && a->max_packet == b->max_packet &&
	       a->mark == b->mark && a->receive_buffer == b->receive_buffer &&
	       a->send_buffer == b->send_buffer && a->no_learn == b->no_learn &&
	       a->no_checksum == b->no_checksum && a->fragment == b->fragment && a->no_gso == b->no_gso &&
	       a->no_gro == b->no_gro && strcmp(a->bind_device, b->bind_device) == 0 &&
	       strcmp(a->netns, b->netns) == 0;
}

/* The first socket has the port that all send to; the others any, for they only send. */
static int open_socket(struct weir__vxlan *vxlan, uint32_t i, struct weir_error *err)
{
	const struct weir__vxlan_fixed *fixed = &vxlan->fixed;
	union weir_socket_address local = fixed->local;
	const struct weir_socket_options options = {
		.local = &local,
		.sources = fixed->sources,
		.receive_buffer = fixed->receive_buffer,
		.send_buffer = fixed->send_buffer,
		.no_gso = fixed->no_gso,
		.no_gro = fixed->no_gro,
		.mark = fixed->mark,
		.df = !fixed->fragment,
		.no_checksum = fixed->no_checksum,
		.bind_device = fixed->bind_device[0] ? fixed->bind_device : NULL,
		.netns = fixed->netns[0] ? fixed->netns : NULL,
	};

	if (i > 0)
		local.ipv4.sin_port = 0;
	return weir_socket_open(&vxlan->socket[i], vxlan->session, &options, err);
}

/* What can change while packets flow. Checked before, it does not fail. */
static void take_options(struct weir__vxlan *vxlan, const struct weir_vxlan *options)
{
	const uint32_t age = options->learn_seconds ? options->learn_seconds : AGE_S;

	vxlan->header[0] = WEIR__VXLAN_FLAG_I;
	vxlan->header[4] = (uint8_t)(options->vni >> 16);
	vxlan->header[5] = (uint8_t)(options->vni >> 8);
	vxlan->header[6] = (uint8_t)options->vni;
	vxlan->port = htons(options->port ? options->port : WEIR_VXLAN_PORT);
	vxlan->learn_remotes = options->learn_remotes;
	vxlan->drop_unknown = options->drop_unknown;
	vxlan->vlan = options->vlan;
	vxlan->table.age_ns = age * NS;
	weir__vxlan_peers_read(&vxlan->peers, options, &vxlan->fixed.local, vxlan->socket[0], NULL);
	vxlan->last_host = NULL;
	memset(&vxlan->last, 0, sizeof(vxlan->last));
	for (uint32_t i = 0; i <= vxlan->fixed.senders; i++)
		weir_socket_set_header(vxlan->socket[i], options->dscp, options->ttl, NULL);
}

/* Sockets are closed by the engine. */
static void vxlan_close(void *state)
{
	struct weir__vxlan *vxlan = state;

	weir__vxlan_table_close(&vxlan->table);
}

static int vxlan_open(void *state, const void *opts, struct weir_error *err)
{
	const struct weir_vxlan *options = opts;
	struct weir__vxlan *vxlan = state;
	int rc = 0;

	fix(&vxlan->fixed, options);
	vxlan->sources = (uint8_t)vxlan->fixed.sources;
	if (!options->no_learn)
		rc = weir__vxlan_table_open(&vxlan->table, vxlan->fixed.learn_max, 0, err);
	for (uint32_t i = 0; rc == 0 && i <= vxlan->fixed.senders; i++)
		rc = open_socket(vxlan, i, err);
	if (rc < 0)
		vxlan_close(vxlan);
	else
		take_options(vxlan, options);
	return rc;
}

static bool keep_known(const void *context, const union weir_socket_address *address)
{
	const struct weir__vxlan *vxlan = context;
	const union weir_socket_address *to;
	union weir_socket_address key;

	weir__vxlan_key(address, &key);
	to = weir__vxlan_host(&vxlan->peers, &key);
	return to ? weir_socket_same(to, address) : vxlan->learn_remotes;
}

static bool keep_none(const void *context, const union weir_socket_address *address)
{
	(void)context, (void)address;
	return false;
}

/* Stations of another VNI, or behind a remote that is none any more, are no longer there. */
static int vxlan_change(void *state, const void *opts, bool try_only, struct weir_error *err)
{
	struct weir__vxlan *vxlan = state;
	struct weir__vxlan_fixed fixed;
	uint8_t before[WEIR__VXLAN_HEADER];

	(void)err; /* check() has found the options to be right */
	fix(&fixed, opts);
	if (!is_same(&fixed, &vxlan->fixed))
		return -ENOTSUP;
	if (try_only)
		return 0;
	memcpy(before, vxlan->header, sizeof(before));
	take_options(vxlan, opts);
	weir__vxlan_table_sift(&vxlan->table,
			       memcmp(before, vxlan->header, sizeof(before)) ? keep_none : keep_known, vxlan);
	memset(vxlan->unfinished, 0, sizeof(vxlan->unfinished));
	weir_session_tend(vxlan->session);
	return 0;
}

/* --- what the application is told --- */

/* Copies the address of a host; false: there are not so many. */
static bool host_at(const struct weir__vxlan *vxlan, uint32_t i, union weir_socket_address *address)
{
	bool there;

	weir_session_lock(vxlan->session);
	there = i < vxlan->peers.n_hosts;
	if (there)
		*address = vxlan->peers.hosts[i].to;
	weir_session_unlock(vxlan->session);
	return there;
}

/* Bytes of a packet in a frame that reaches all hosts in one piece; 0: unknown. A host that cannot be reached
 * now does not count. */
static uint32_t least_mtu(const struct weir__vxlan *vxlan)
{
	union weir_socket_address address;
	uint32_t least = 0, bytes;

	for (uint32_t i = 0; host_at(vxlan, i, &address); i++)
		if (weir_socket_mtu(vxlan->socket[0], &address, &bytes, NULL) == 0 &&
		    bytes > WEIR__VXLAN_HEADER + WEIR__VXLAN_FRAME_MIN && (!least || bytes < least))
			least = bytes;
	return least ? least - WEIR__VXLAN_HEADER - WEIR__VXLAN_FRAME_MIN : 0;
}

static void assign(struct weir__vxlan *vxlan)
{
	struct weir_session_status status = { .mtu = least_mtu(vxlan) };
	union weir_socket_address only;

	weir_session_lock(vxlan->session);
	snprintf(status.label, sizeof(status.label), "VNI %u",
		 (unsigned)vxlan->header[4] << 16 | (unsigned)vxlan->header[5] << 8 | vxlan->header[6]);
	weir_session_unlock(vxlan->session);
	if (host_at(vxlan, 0, &only) && !host_at(vxlan, 1, &only))
		weir_socket_address_text(&only, status.remote);
	if (status.mtu == vxlan->told.mtu && strcmp(status.label, vxlan->told.label) == 0 &&
	    strcmp(status.remote, vxlan->told.remote) == 0)
		return;
	vxlan->told = status;
	weir_session_assign(vxlan->session, &status);
}

/* There is no one to ask: it is up. */
static int vxlan_connect(void *state, struct weir_error *err)
{
	struct weir__vxlan *vxlan = state;

	(void)err;
	memset(vxlan->unfinished, 0, sizeof(vxlan->unfinished));
	memset(&vxlan->told, 0, sizeof(vxlan->told));
	assign(vxlan);
	return 0;
}

static int vxlan_tend(void *state, struct weir_error *err)
{
	(void)err;
	assign(state);
	return 0;
}

static uint64_t vxlan_timer(void *state, uint64_t now)
{
	const struct weir__vxlan *vxlan = state;

	weir_session_tend(vxlan->session);
	return now + MTU_LOOK_NS;
}

int weir_vxlan_find(const void *vxlan, const char *text, char remote[WEIR_SESSION_TEXT])
{
	const struct weir__vxlan *state = vxlan;
	union weir_socket_address address;
	const union weir_socket_address *entry;
	uint64_t mac;
	int rc = -ENOENT;

	if (!weir__vxlan_mac_parse(text, strlen(text), &mac))
		return -EINVAL;
	weir_session_lock(state->session);
	entry = weir__vxlan_entry(&state->peers, mac);
	if (entry)
		address = *entry;
	if (entry || weir__vxlan_table_find(&state->table, mac, weir_session_now(), &address))
		rc = 0;
	weir_session_unlock(state->session);
	if (rc == 0)
		weir_socket_address_text(&address, remote);
	return rc;
}

static const struct weir_option vxlan_options[] = {
	WEIR_SESSION_OPTION_ROWS(struct weir_vxlan),
	WEIR_OPTION(struct weir_vxlan, vni, U32, "the network, 1 to 16777215"),
	WEIR_OPTION(struct weir_vxlan, local, STRING,
		    "own address, 192.0.2.1 or [fd00::1]:4789; default any, of the family of the remotes"),
	WEIR_OPTION(struct weir_vxlan, port, U16, "of the remotes and the own one; default 4789"),
	WEIR_OPTION(struct weir_vxlan, remote, LIST, "the others, 192.0.2.2 or 192.0.2.3:8472"),
	WEIR_OPTION(struct weir_vxlan, entry, LIST, "stations that stay, 02:00:00:00:00:07=192.0.2.7"),
	WEIR_OPTION(struct weir_vxlan, learn_remotes, BOOL, "take frames from any host"),
	WEIR_OPTION(struct weir_vxlan, no_learn, BOOL, "do not learn where stations are"),
	WEIR_OPTION(struct weir_vxlan, learn_max, U32, "stations learned at once; default 4096"),
	WEIR_OPTION(struct weir_vxlan, learn_seconds, U32, "silence that forgets one; default 300"),
	WEIR_OPTION(struct weir_vxlan, drop_unknown, BOOL, "drop frames to stations that are not known"),
	WEIR_OPTION(struct weir_vxlan, vlan, BOOL, "let frames with a VLAN tag pass"),
	WEIR_OPTION(struct weir_vxlan, max_packet, U32, "bytes of the largest frame; default 1518"),
	WEIR_OPTION(struct weir_vxlan, sources, U32, "ports to send from; default 16"),
	WEIR_OPTION(struct weir_vxlan, one_source, BOOL, "send from the own port alone"),
	WEIR_OPTION(struct weir_vxlan, senders, U32, "further senders that it has; default 0"),
	WEIR_OPTION(struct weir_vxlan, no_checksum, BOOL, "no UDP checksums"),
	WEIR_OPTION(struct weir_vxlan, fragment, BOOL, "let datagrams be fragmented"),
	WEIR_OPTION(struct weir_vxlan, dscp, U32, "class of service, 0 to 63"),
	WEIR_OPTION(struct weir_vxlan, ttl, U32, "of datagrams, 1 to 255; 0: the system's default"),
	WEIR_OPTION(struct weir_vxlan, mark, U32, "of datagrams, for routing rules; 0: none"),
	WEIR_OPTION(struct weir_vxlan, receive_buffer, U32, "bytes of SO_RCVBUF; default 4 MiB if possible"),
	WEIR_OPTION(struct weir_vxlan, send_buffer, U32, "bytes of SO_SNDBUF; default 1 MiB if possible"),
	WEIR_OPTION(struct weir_vxlan, no_gso, BOOL, "send each packet by itself"),
	WEIR_OPTION(struct weir_vxlan, no_gro, BOOL, "receive each packet by itself"),
	WEIR_OPTION(struct weir_vxlan, bind_device, STRING, "only through this network device"),
	WEIR_OPTION(struct weir_vxlan, netns, STRING, "path of a network namespace; default the caller's"),
	{ 0 },
};

static const struct weir_session_type vxlan_session = {
	.check = vxlan_check,
	.open = vxlan_open,
	.close = vxlan_close,
	.change = vxlan_change,
	.connect = vxlan_connect,
	.tend = vxlan_tend,
	.timer = vxlan_timer,
	.datagrams = weir__vxlan_datagrams,
	.send = weir__vxlan_send,
	.senders = WEIR__VXLAN_SENDERS,
};

WEIR_SESSION(weir_vxlan_type, vxlan_session, .name = "vxlan", .help = "Ethernet frames over UDP, RFC 7348",
	     .reasons = reasons, .counters = counters, .options = vxlan_options,
	     .options_size = sizeof(struct weir_vxlan), .state_size = sizeof(struct weir__vxlan));

WEIR_SESSION_SENDER(weir_vxlan_sender_type, weir_vxlan_type, .name = "vxlan_sender",
		    .help = "a further sender of a VXLAN session", .reasons = reasons);
