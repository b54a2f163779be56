/* SPDX-License-Identifier: Apache-2.0 */
/* As much of HTTP/1.1 as two kinds of POST and their replies are. */
#ifndef WEIR_SE_HTTP_H
#define WEIR_SE_HTTP_H

#include <stddef.h>
#include <stdint.h>

#define WEIR__SE_HTTP_HEAD 8192  /* bytes of a reply's head at the most */
#define WEIR__SE_HTTP_BODY 65536 /* and of its body */

/* Writes the head of a POST with a body of n bytes. Returns its length, or -EMSGSIZE. */
int weir__se_http_request(char *text, size_t size, const char *path, const char *host, const char *type,
			  size_t n);

struct weir__se_http_reply {
	unsigned status;
	size_t body; /* bytes that follow the head */
};

/*
 * Reads the head of a reply. Returns its length, with the empty line; 0: it is not whole yet; -EMSGSIZE: it
 * is longer than a head or body may be; -EBADMSG: it is none, or does not say plainly how long its body is.
 */
int weir__se_http_reply(const uint8_t *bytes, size_t n, struct weir__se_http_reply *reply);

#endif
