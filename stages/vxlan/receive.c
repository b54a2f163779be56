/* SPDX-License-Identifier: Apache-2.0 */
#include "vxlan.h"

#define SENT -1 /* no reason to drop it */

/* What a datagram is found to be. */
struct finding {
	int reason;
	uint64_t source;                       /* of the frame */
	const union weir_socket_address *host; /* that sent it */
	union weir_socket_address unknown;     /* the same of a host that no option names */
};

/* RFC 7348 5: what is reserved is ignored, and what comes without the flag has no VNI. */
static int check_header(const struct weir__vxlan *vxlan, const uint8_t *bytes, uint32_t len)
{
	if (len < WEIR__VXLAN_HEADER + WEIR__VXLAN_FRAME_MIN)
		return WEIR__VXLAN_SHORT;
	if (!(bytes[0] & WEIR__VXLAN_FLAG_I))
		return WEIR__VXLAN_NO_VNI;
	if (memcmp(bytes + 4, vxlan->header + 4, 3) != 0)
		return WEIR__VXLAN_OTHER_VNI;
	return !vxlan->vlan && weir__vxlan_is_tagged(bytes + WEIR__VXLAN_HEADER) ? WEIR__VXLAN_VLAN : SENT;
}

/* Most datagrams come from the host of the one before. */
static void find_host(struct weir__vxlan *vxlan, const union weir_socket_address *from,
		      struct finding *finding)
{
	union weir_socket_address key;

	weir__vxlan_key(from, &key);
	if (!weir_socket_same(&key, &vxlan->last)) {
		vxlan->last = key;
		vxlan->last_host = weir__vxlan_host(&vxlan->peers, &key);
	}
	finding->host = vxlan->last_host;
	if (finding->host)
		return;
	if (!vxlan->learn_remotes) {
		finding->reason = WEIR__VXLAN_UNKNOWN_REMOTE;
		return;
	}
	/* It sends from any port, and listens at that of all. */
	finding->unknown = key;
	finding->unknown.ipv4.sin_port = vxlan->port;
	finding->host = &finding->unknown;
}

/* A station with an entry is where that says, and nobody else speaks for it. */
static bool is_elsewhere(const struct weir__vxlan *vxlan, const struct finding *finding)
{
	const union weir_socket_address *entry =
		vxlan->peers.n_entries ? weir__vxlan_entry(&vxlan->peers, finding->source) : NULL;
	union weir_socket_address a, b;

	if (!entry)
		return false;
	weir__vxlan_key(entry, &a);
	weir__vxlan_key(finding->host, &b);
	return !weir_socket_same(&a, &b);
}

static void look_at(struct weir__vxlan *vxlan, const struct weir_datagram *datagram, struct finding *finding)
{
	finding->reason = check_header(vxlan, datagram->bytes, datagram->len);
	if (finding->reason == SENT)
		find_host(vxlan, datagram->from, finding);
	if (finding->reason != SENT)
		return;
	finding->source = weir__vxlan_mac(datagram->bytes + WEIR__VXLAN_HEADER + 6);
	if (is_elsewhere(vxlan, finding))
		finding->reason = WEIR__VXLAN_ELSEWHERE;
}

int weir__vxlan_datagrams(void *state, struct weir_socket *socket, struct weir_reader *reader)
{
	struct weir__vxlan *vxlan = state;
	struct weir_datagram datagram;
	struct finding finding;
	struct weir_buf *buf;
	int rc;

	weir__vxlan_table_forget(&vxlan->table, reader->now);
	while ((rc = weir_socket_next(socket, reader, &datagram)) > 0) {
		look_at(vxlan, &datagram, &finding);
		if (finding.reason != SENT) {
			weir_reader_drop(reader, (unsigned)finding.reason);
			weir_socket_skip(socket, &datagram);
			continue;
		}
		weir__vxlan_table_seen(&vxlan->table, finding.source, finding.host, reader->now);
		if (!weir_socket_take(socket, reader, &datagram, WEIR__VXLAN_HEADER,
				      datagram.len - WEIR__VXLAN_HEADER, &buf))
			return 0;
	}
	return rc;
}
