/* SPDX-License-Identifier: Apache-2.0 */
/* Where fields lie in the headers of IP, TCP and UDP: RFC 791 §3.1, RFC 8200 §3, RFC 9293 §3.1, RFC 768. */
#ifndef WEIR__HEADERS_H
#define WEIR__HEADERS_H

enum {
	WEIR__IPV4_LENGTH = 2,
	WEIR__IPV4_ID = 4,
	WEIR__IPV4_FRAGMENT = 6, /* flags and offset */
	WEIR__IPV4_PROTOCOL = 9,
	WEIR__IPV4_CHECKSUM = 10,
	WEIR__IPV4_ADDRESSES = 12,
	WEIR__IPV6_LENGTH = 4,
	WEIR__IPV6_NEXT = 6,
	WEIR__IPV6_ADDRESSES = 8,

	WEIR__TCP_SEQUENCE = 4,
	WEIR__TCP_DATA_OFFSET = 12,
	WEIR__TCP_FLAGS = 13,
	WEIR__TCP_CHECKSUM = 16,
	WEIR__TCP_HEADER = 20, /* bytes, without options */

	WEIR__UDP_LENGTH = 4,
	WEIR__UDP_CHECKSUM = 6,
	WEIR__UDP_HEADER = 8, /* bytes */
};

#define WEIR__IPV4_IS_FRAGMENT 0x3fff /* of FRAGMENT: more of them follow, or some came before */

#define WEIR__TCP_FIN 0x01
#define WEIR__TCP_PSH 0x08
#define WEIR__TCP_ACK 0x10
#define WEIR__TCP_CWR 0x80

#endif
