/* SPDX-License-Identifier: Apache-2.0 */
/* A device with offload: packets with a virtio_net header in front, among them super-packets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "pool.h"
#include "reader.h"
#include "segment.h"
#include "tun.h"
#include "vnet.h"

/*
 * Bytes after which one read ends. From 64 to 512 KiB TCP was as fast, and took the less processor time the
 * fewer; with one super-packet at a time, four streams lost a tenth and more.
 */
#define READ_BYTES (64 * 1024)

/* More segments than this no kernel takes in one. Old ones take 64. */
#define SEGMENTS_MAX 128

/* Super-packets refused in all after which none is offered any more. */
#define REFUSALS 16

uint32_t weir__tun_offload(const struct weir_tun *options)
{
	uint32_t offload = WEIR_OFFLOAD_ALL & ~options->no_offload;

	if (options->packet_information || !(offload & WEIR_OFFLOAD_CSUM))
		return 0;
	if (!(offload & WEIR_OFFLOAD_TSO))
		offload &= ~WEIR_OFFLOAD_TSO_ECN;
	/* The kernel knows these two only together. */
	if ((offload & WEIR_OFFLOAD_USO) != WEIR_OFFLOAD_USO)
		offload &= ~WEIR_OFFLOAD_USO;
	return offload;
}

int weir__tun_make_piece(struct weir__tun *tun, struct weir_error *err)
{
	if (!tun->offload)
		return 0;
	/* Zeros: the header of an ordinary packet, which no piece changes. */
	tun->piece = calloc(1, WEIR__VNET + WEIR__JUMBO_PACKET);
	return tun->piece ? 0 : weir_failed(err, -ENOMEM, "no memory");
}

/* Kernels before 6.2 do not know USO, and very old ones only some of the rest. */
int weir__tun_set_offload(struct weir__tun *tun, struct weir_error *err)
{
	const uint32_t tries[] = { tun->offload, tun->offload & ~WEIR_OFFLOAD_USO,
				   tun->offload & (WEIR_OFFLOAD_CSUM | WEIR_OFFLOAD_TSO),
				   tun->offload & WEIR_OFFLOAD_CSUM, 0 };
	const int size = WEIR__VNET;

	if (tun->offload && ioctl(tun->fd, TUNSETVNETHDRSZ, &size) < 0)
		return weir_failed(err, -errno, "device %s: size of its virtio_net header: %s", tun->name,
				   strerror(errno));
	/*
	 * The mask belongs to the device and outlives a process too: a persistent one might otherwise give 64
	 * KiB packets with half a checksum to who does not expect them. So it is written in any case. The
	 * argument is a value, no pointer.
	 */
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		if (ioctl(tun->fd, TUNSETOFFLOAD, (unsigned long)tries[i]) == 0)
			return 0;
		if (errno != EINVAL)
			break;
	}
	return weir_failed(err, -errno, "device %s: offload: %s", tun->name, strerror(errno));
}

/* --- reading ----------------------------------------------------------------------------------------------
 */

/* Returns 1, 0 when there is nothing more, or a negative errno. */
static int read_one(const struct weir__tun *tun, struct weir_reader *reader, uint8_t *place)
{
	struct virtio_net_hdr header;
	struct weir_buf *buf;
	uint32_t len;
	ssize_t n = read(tun->fd, place - WEIR__VNET, WEIR__VNET + WEIR__JUMBO_PACKET + 1);

	if (WEIR_UNLIKELY(n <= WEIR__VNET)) {
		if (n < 0)
			return errno == EINTR ? 1 : errno == EAGAIN ? 0 : -errno;
		weir_reader_drop(reader, WEIR__TUN_EMPTY);
		return n > 0;
	}
	len = (uint32_t)n - WEIR__VNET;
	memcpy(&header, place - WEIR__VNET, WEIR__VNET);
	if (WEIR_UNLIKELY(len > WEIR__JUMBO_PACKET)) {
		weir_reader_drop(reader, WEIR__TUN_CUT);
	} else if (WEIR_UNLIKELY(!weir__vnet_check(&header, place, len))) {
		weir_reader_drop(reader, WEIR__TUN_MALFORMED);
	} else {
		buf = weir__reader_commit_large(reader, len);
		if (buf)
			weir__vnet_decode(&header, buf);
	}
	return 1;
}

int weir__tun_vnet_read(struct weir__tun *tun, struct weir_reader *reader)
{
	/* A turn may end without a packet in the reader: not more of them than it takes, however many come.
	 */
	for (uint32_t turns = reader->limit; turns > 0 && reader->n < reader->limit; turns--) {
		uint8_t *place = weir__reader_large(reader);
		int rc;

		if (!place || reader->bytes >= READ_BYTES) {
			reader->more = true;
			return 0;
		}
		rc = read_one(tun, reader, place);
		if (rc <= 0)
			return rc;
	}
	return 0;
}

/* --- writing ----------------------------------------------------------------------------------------------
 */

static int write_one(const struct weir__tun *tun, const uint8_t *bytes, size_t size)
{
	ssize_t n;

	do {
		n = write(tun->fd, bytes, size);
	} while (WEIR_UNLIKELY(n < 0) && errno == EINTR);
	if (WEIR_LIKELY(n == (ssize_t)size))
		return 0;
	return n < 0 ? -errno : -EMSGSIZE; /* The rest of a packet is no packet. */
}

/* Of buf->flags, and of no use outside of this file: the first next_piece pieces of it are written. */
#define BEGUN 0x8000

/*
 * Writes a super-packet in pieces. If the device takes no more, the next call goes on with the same packet;
 * unless that was dropped meanwhile, as when the pipeline stops.
 */
static int write_pieces(struct weir__tun *tun, struct weir_buf *buf)
{
	struct weir__segments segments;
	uint8_t *piece = tun->piece + WEIR__VNET;
	int rc = 0;

	if (!(buf->flags & BEGUN))
		tun->next_piece = 0;
	if (!weir__segments_begin(
		    &segments, buf,
		    weir__segments_network(buf, tun->tap ? WEIR_LAYER_L2 : WEIR_LAYER_L3, WEIR_FRAMING_RAW)))
		return -EINVAL;
	while (rc == 0 && tun->next_piece < segments.n) {
		const uint32_t len = weir__segments_len(&segments, tun->next_piece);

		weir__segments_write(&segments, tun->next_piece, piece);
		rc = write_one(tun, tun->piece, WEIR__VNET + len);
		if (rc == 0)
			tun->next_piece++;
	}
	if (rc == -EAGAIN)
		buf->flags |= BEGUN;
	weir_count(&tun->cut, rc == 0);
	return rc;
}

/* Kernels have refused super-packets that are right: 6.6.44 and others of that time. */
static int write_refused(struct weir__tun *tun, struct weir_buf *buf)
{
	weir_count(&tun->refused, 1);
	return write_pieces(tun, buf);
}

static void put_header(struct weir_buf *buf)
{
	struct virtio_net_hdr header;

	weir__vnet_encode(&header, buf);
	memcpy(buf->data - WEIR__VNET, &header, WEIR__VNET);
}

static bool takes_whole(const struct weir__tun *tun, const struct weir_buf *buf)
{
	if (buf->flags & BEGUN)
		return false;
	return !buf->gso_type || (tun->refused < REFUSALS && weir_buf_segments(buf) <= SEGMENTS_MAX);
}

static int write_packet(struct weir__tun *tun, struct weir_buf *buf)
{
	int rc;

	if (WEIR_UNLIKELY(!takes_whole(tun, buf)))
		return write_pieces(tun, buf);
	put_header(buf);
	rc = write_one(tun, buf->data - WEIR__VNET, WEIR__VNET + buf->len);
	if (WEIR_UNLIKELY(rc == -EINVAL && buf->gso_type))
		return write_refused(tun, buf);
	return rc;
}

/*
 * Ordinary packets that follow each other are written together. A super-packet is not: the kernel may refuse
 * it, and its pieces would come after what follows it.
 */
static uint32_t write_run(struct weir__tun *tun, struct weir_writer *writer, uint32_t first)
{
	uint32_t end = first;

	while (end < writer->n && !weir_writer_buf(writer, end)->gso_type)
		end++;
	if (!tun->uring.ring || end - first < 2)
		return first;
	for (uint32_t i = first; i < end; i++)
		put_header(weir_writer_buf(writer, i));
	return weir__tun_write_together(tun, writer, first, end, WEIR__VNET);
}

uint32_t weir__tun_vnet_write(struct weir__tun *tun, struct weir_writer *writer)
{
	uint32_t i = 0;

	while (i < writer->n) {
		const uint32_t end = write_run(tun, writer, i);
		int rc;

		if (writer->error)
			return end;
		if (end > i) {
			i = end;
			continue;
		}
		rc = write_packet(tun, weir_writer_buf(writer, i));
		if (WEIR_UNLIKELY(rc < 0) && !weir__tun_drop_failed(writer, i, -rc))
			return i;
		i++;
	}
	return i;
}
