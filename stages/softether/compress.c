/* SPDX-License-Identifier: Apache-2.0 */
#include "compress.h"

#include <errno.h>

int weir__se_deflater_open(struct weir__se_deflater *deflater)
{
	if (!deflater->open && deflateInit(&deflater->stream, Z_DEFAULT_COMPRESSION) != Z_OK)
		return -ENOMEM;
	deflater->open = true;
	return 0;
}

void weir__se_deflater_close(struct weir__se_deflater *deflater)
{
	if (deflater->open)
		deflateEnd(&deflater->stream);
	deflater->open = false;
}

int weir__se_inflater_open(struct weir__se_inflater *inflater)
{
	if (!inflater->open && inflateInit(&inflater->stream) != Z_OK)
		return -ENOMEM;
	inflater->open = true;
	return 0;
}

void weir__se_inflater_close(struct weir__se_inflater *inflater)
{
	if (inflater->open)
		inflateEnd(&inflater->stream);
	inflater->open = false;
}

size_t weir__se_deflated_bound(struct weir__se_deflater *deflater, size_t n)
{
	return deflateBound(&deflater->stream, n);
}

/* One call with all the input and all the room. zlib does not write to its input. */
static void aim(z_stream *stream, uint8_t *to, size_t size, const uint8_t *from, size_t n)
{
	union {
		const uint8_t *read;
		uint8_t *given;
	} input = { .read = from };

	stream->next_in = input.given;
	stream->avail_in = (uInt)n;
	stream->next_out = to;
	stream->avail_out = (uInt)size;
}

size_t weir__se_deflate(struct weir__se_deflater *deflater, uint8_t *to, size_t size, const uint8_t *from,
			size_t n)
{
	z_stream *stream = &deflater->stream;

	aim(stream, to, size, from, n);
	if (deflateReset(stream) != Z_OK || deflate(stream, Z_FINISH) != Z_STREAM_END)
		return 0;
	return size - stream->avail_out;
}

int weir__se_inflate(struct weir__se_inflater *inflater, uint8_t *to, size_t size, const uint8_t *from,
		     size_t n)
{
	z_stream *stream = &inflater->stream;

	aim(stream, to, size, from, n);
	if (inflateReset(stream) != Z_OK || inflate(stream, Z_FINISH) != Z_STREAM_END)
		return -EBADMSG;
	return (int)(size - stream->avail_out);
}
