/* SPDX-License-Identifier: Apache-2.0 */
/* Where a pipeline hands packets to a host, and takes its frames from. Several pipelines may have one, and
 * several workers of one pipeline: whatever they give is handled under the host's lock. */
#include <errno.h>

#include "clock.h"
#include "host.h"
#include "reader.h"

struct port {
	struct weir_host *host;
};

static const struct weir_reason reasons[] = {
	[WEIR__HOST_FLOOD - 1] = { "flood", "more of its kind in this second than the host looks at" },
	[WEIR__HOST_MALFORMED - 1] = { "malformed", "not what it says it is" },
	[WEIR__HOST_UNWANTED - 1] = { "unwanted", "nothing that concerns the host" },
	[WEIR__HOST_DOWN - 1] = { "down", "there is no carrier" },
	[WEIR__HOST_TOO_LONG - 1] = { "too_long", "longer than the MTU of the host" },
	[WEIR__HOST_NO_WAY - 1] = { "no_route",
				    "no prefix of the link and no gateway leads to its destination" },
	[WEIR__HOST_NO_ROOM - 1] = { "no_room", "too many packets wait for neighbours" },
	{ 0 },
};

static int port_check(const void *options_, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct weir_host_port *options = options_;

	if (!options->host)
		return weir_invalid(err, "host", "there is none: weir_host_create() makes it");
	info->layer = WEIR_LAYER_L2;
	info->max_packet = options->host->frames.size > options->host->control.size
				   ? options->host->frames.size
				   : options->host->control.size;
	return 0;
}

static int port_open(void *state, const void *options, struct weir_endpoint_info *info,
		     struct weir_error *err)
{
	struct port *port = state;

	(void)err;
	port->host = ((const struct weir_host_port *)options)->host;
	info->read_fd = port->host->out_fd;
	return 0;
}

static int port_read(void *state, struct weir_reader *reader)
{
	struct weir_host *host = ((const struct port *)state)->host;
	const struct weir__frame *frame;

	/* Mostly there is nothing. Acquire: pairs with the release of who put a frame in. */
	if (!__atomic_load_n(&host->out_n, __ATOMIC_ACQUIRE))
		return 0;
	pthread_mutex_lock(&host->lock);
	while ((frame = weir__host_peek(host)) && weir__reader_copy(reader, frame->bytes, frame->len))
		weir__host_sent(host);
	pthread_mutex_unlock(&host->lock);
	return 0;
}

/* neighbour_wrap leaves the destination open of what it gives to the host. */
static bool is_open(const struct weir_buf *buf)
{
	static const uint8_t open[6] = { 0 };

	return buf->len >= WEIR__ETH_HEADER && memcmp(buf->data, open, sizeof(open)) == 0;
}

static uint32_t port_write(void *state, struct weir_writer *writer)
{
	struct weir_host *host = ((const struct port *)state)->host;
	const uint64_t now = weir__now();

	pthread_mutex_lock(&host->lock);
	for (uint32_t i = 0; i < writer->n; i++) {
		const struct weir_buf *buf = weir_writer_buf(writer, i);
		enum weir__host_result result;

		if (is_open(buf))
			result = weir__host_send(host, buf->data + WEIR__ETH_HEADER,
						 buf->len - WEIR__ETH_HEADER, now);
		else
			result = weir__host_input(host, buf->data, buf->len, now);
		if (result != WEIR__HOST_TAKEN)
			weir_writer_drop(writer, i, (unsigned)result - 1);
	}
	if (host->routes_changed)
		weir__host_wake(host, now);
	weir__host_wake(host, host->neighbours.due);
	pthread_mutex_unlock(&host->lock);
	return writer->n;
}

static const struct weir_option options[] = {
	WEIR_OPTION(struct weir_host_port, host, OBJECT, "the host; required"),
	{ 0 },
};

const struct weir_endpoint_type weir_host_port_type = {
	.name = "host_port",
	.help = "what a host on an Ethernet says, hears, and is to find neighbours for",
	.reasons = reasons,
	.options = options,
	.options_size = sizeof(struct weir_host_port),
	.state_size = sizeof(struct port),
	.check = port_check,
	.open = port_open,
	.read = port_read,
	.write = port_write,
};
