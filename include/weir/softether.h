/* SPDX-License-Identifier: Apache-2.0 */
/*
 * softether: a session with a SoftEther VPN server, over TCP and TLS. It carries Ethernet frames to and from
 *a virtual hub of the server, where it is one host, or with .bridge a network of them.
 *
 *	weir_softether("vpn", .server = "vpn.example.org", .hub = "VPN", .user = "u1",
 *		       .password_file = "/etc/vpn/password", .fingerprints = WEIR_LIST("6E:0B:…"))
 *
 * Whom it believes that it is the server, see struct weir_tls: without any of .ca_file, .certificate,
 * .fingerprints and .any_server, the server's certificate must come from a root that the system trusts and be
 * for its name. Servers make themselves one that does not; its fingerprint is told when it is refused.
 */
#ifndef WEIR_SOFTETHER_H
#define WEIR_SOFTETHER_H

#include <weir/secret.h>
#include <weir/session.h>

WEIR_BEGIN_DECLS

enum weir_softether_auth {
	WEIR_SOFTETHER_AUTO = 0, /* by what is given: password, certificate, or anonymous */
	WEIR_SOFTETHER_ANONYMOUS,
	WEIR_SOFTETHER_PASSWORD,    /* a hash of it is sent: for users that the server itself knows */
	WEIR_SOFTETHER_PLAIN,       /* the password is sent, in TLS: for RADIUS and the like */
	WEIR_SOFTETHER_CERTIFICATE, /* .user_certificate and its key */
};

struct weir_softether {
	WEIR_SESSION_OPTIONS;
	const char *server; /* name or address; required */
	uint16_t port;      /* 0: 443 */
	const char *hub;    /* required */
	const char *user;   /* required */

	enum weir_softether_auth auth;
	WEIR_SECRET_OPTIONS(password);
	const char *user_certificate; /* PEM or DER file: X.509, RSA of 1024 to 4096 bits */
	WEIR_SECRET_OPTIONS(key);     /* its private key, PEM without a passphrase */

	/* Whom to believe: members of struct weir_tls. */
	const char *ca_file;
	const char *certificate;
	const char *const *fingerprints; /* at most 16 */
	const char *tls_name;
	const char *tls_minimum;
	bool any_server; /* do not check at all */

	uint32_t connections;  /* TCP connections at the most, up to 32; the server may allow fewer. 0: 1 */
	bool half_duplex;      /* each of them carries frames in one direction; takes two at least */
	bool compress;         /* frames with zlib, each by itself */
	bool bridge;           /* frames come from many MAC addresses: the hub allows three otherwise */
	bool udp_acceleration; /* frames by UDP where that works, TCP only to keep the session */
	bool clear_data;       /* leave TLS after the login: everybody on the way reads and changes frames */

	uint32_t max_frame;    /* bytes of the longest frame in both directions, 64 to 1600; 0: 1518 */
	uint32_t pace;         /* bytes a second at the most that each connection sends; 0: as TCP can */
	uint32_t keepalive_ms; /* between keepalives; 0: at random, by the time that the server waits for one
				*/
	uint32_t connect_timeout_ms; /* for name, TCP and TLS together; 0: 15,000 */

	uint32_t receive_buffer, send_buffer; /* as of struct weir_udp, like the rest */
	const char *bind_device;
	uint32_t mark;
	uint32_t dscp;
	const char *netns;
};

WEIR_API extern const struct weir_endpoint_type weir_softether_type;

#define weir_softether(...) WEIR_ENDPOINT(weir_softether_type, struct weir_softether, __VA_ARGS__)

WEIR_END_DECLS

#endif
