/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte chooses options, the rest is the file. */
#include "input.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <weir/pcap.h>

#include "reader.h"

#define SMALL      WEIR_VECTOR_SIZE
#define JUMBO      2
#define ROOM       256
#define JUMBO_ROOM (65535 + 512)
#define HEADROOM   32

static struct weir_buf bufs[SMALL + JUMBO];

static void make_rooms(void)
{
	for (uint32_t i = 0; i < SMALL + JUMBO; i++) {
		bufs[i].room_size = i < SMALL ? ROOM : JUMBO_ROOM;
		/* Each of its own, so that a sanitizer sees a byte written too many. */
		bufs[i].room = malloc(bufs[i].room_size);
		require(bufs[i].room);
	}
}

static void check_packets(const struct weir_reader *reader)
{
	uint64_t bytes = 0;

	require(reader->n <= reader->limit);
	for (uint32_t i = 0; i < reader->n; i++) {
		const struct weir_buf *buf = &bufs[reader->index[i]];

		require(buf->data == buf->room + HEADROOM);
		require(buf->len <= 65535 && buf->len <= buf->room_size - HEADROOM);
		bytes += buf->len;
	}
	require(bytes == reader->bytes);
}

/* One read(); returns what it returned, and counts what came out of the file. */
static int read_once(void *state, uint64_t now, uint64_t *records)
{
	uint32_t small[SMALL + JUMBO], jumbo[JUMBO], jumbo_n = JUMBO;
	struct weir__spill spill = { .jumbo = jumbo, .jumbo_n = &jumbo_n };
	uint64_t dropped[WEIR_REASONS_MAX] = { 0 };
	struct weir_reader reader = {
		.bufs = bufs,
		.stash = small,
		.stash_n = SMALL,
		.limit = SMALL,
		.headroom = HEADROOM,
		.now = now,
		.dropped = dropped,
		.engine = &spill,
	};
	int ret;

	for (uint32_t i = 0; i < SMALL; i++)
		small[i] = i;
	for (uint32_t i = 0; i < JUMBO; i++)
		jumbo[i] = SMALL + i;
	weir__reader_spill(&reader);
	ret = weir_pcap_type.read(state, &reader);
	check_packets(&reader);
	*records += reader.n;
	for (unsigned i = 0; i < WEIR_REASONS_MAX; i++)
		*records += dropped[i];
	return ret;
}

static void read_file(const struct weir_pcap *options, size_t size)
{
	struct weir_endpoint_info info = { 0 };
	uint64_t records = 0, now = 1;
	void *state;
	int ret = 0;

	if (weir_pcap_type.check(options, &info, NULL) < 0)
		return;
	require(info.layer == WEIR_LAYER_AF || info.layer == WEIR_LAYER_L2);
	require(info.max_packet <= 65535);
	state = calloc(1, weir_pcap_type.state_size);
	require(state);
	require(weir_pcap_type.open(state, options, &info, NULL) == 0);
	/* In its own time, a file may last for centuries. */
	for (size_t calls = 0; ret == 0 && calls < 1000 + size; calls++, now += 1000000000)
		ret = read_once(state, now, &records);
	require(ret == 0 || ret == -ENODATA || ret == -EBADMSG);
	require(options->in_own_time || ret < 0);
	/* A record has a header of 16 bytes at least. */
	require(records <= (options->loops + 1) * (size / 16));
	weir_pcap_type.close(state);
	free(state);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input input = { bytes, size };
	const uint8_t choice = input_byte(&input);
	char path[32];
	int fd = memfd_create("capture", MFD_CLOEXEC);

	require(fd >= 0);
	if (!bufs[0].room)
		make_rooms();
	require(write(fd, input.bytes, input.size) == (ssize_t)input.size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	read_file(&(struct weir_pcap){ .read = path, .in_own_time = choice & 1, .loops = choice >> 1 & 3 },
		  input.size);
	close(fd);
	return 0;
}
