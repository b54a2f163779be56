/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that are compressed: each is a zlib stream of its own (RFC 1950). */
#ifndef WEIR_SE_COMPRESS_H
#define WEIR_SE_COMPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

/* The memory of zlib, taken once: a stream begins anew without an allocation. One direction uses each. */
struct weir__se_deflater {
	z_stream stream;
	bool open;
};

struct weir__se_inflater {
	z_stream stream;
	bool open;
};

/* 0 or -ENOMEM; nothing to do for one that is open. */
int weir__se_deflater_open(struct weir__se_deflater *deflater);
void weir__se_deflater_close(struct weir__se_deflater *deflater);
int weir__se_inflater_open(struct weir__se_inflater *inflater);
void weir__se_inflater_close(struct weir__se_inflater *inflater);

/* Bytes that n may become at the most. */
size_t weir__se_deflated_bound(struct weir__se_deflater *deflater, size_t n);
/* Returns the bytes that it wrote; to has that many as the bound says. 0: zlib failed. */
size_t weir__se_deflate(struct weir__se_deflater *deflater, uint8_t *to, size_t size, const uint8_t *from,
			size_t n);
/* The same the other way. Returns -EBADMSG for what is no whole stream, or more than size bytes. */
int weir__se_inflate(struct weir__se_inflater *inflater, uint8_t *to, size_t size, const uint8_t *from,
		     size_t n);

#endif
