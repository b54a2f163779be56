/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pipeline whose two workers have no threads: the application's own calls run their passes, one packet
 * each. At the far end of both chains stands an endpoint that is the application's buffer.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <weir/weir.h>

#include "clock.h"
#include "error.h"
#include "pipeline.h"

#define DEFAULT_MTU    1500
#define PREFIX         4  /* bytes of any framing that has one */
#define FRAME_OVERHEAD 18 /* an Ethernet header and a tag */
#define MAX_FRAME      65535

/* The application's side of one call. */
struct desk {
	void *frame;      /* where the frame goes that is read; NULL: none is asked for */
	const void *sent; /* the frame that is written; NULL: none */
	size_t size;      /* of either */
	ssize_t result;   /* bytes read, or -EMSGSIZE */
};

struct app {
	struct desk reading;
	struct desk writing;
};

struct app_options {
	WEIR_ENDPOINT_OPTIONS;
	uint32_t max_packet;
};

static int app_check(const void *options, struct weir_endpoint_info *info, struct weir_error *err)
{
	(void)err;
	info->layer = WEIR_LAYER_L2;
	info->max_packet = ((const struct app_options *)options)->max_packet;
	return 0;
}

static int app_open(void *state, const void *options, struct weir_endpoint_info *info, struct weir_error *err)
{
	(void)state;
	(void)options;
	(void)info;
	(void)err;
	return 0;
}

static int app_read(void *state, struct weir_reader *reader)
{
	struct desk *desk = &((struct app *)state)->writing;

	if (desk->sent && weir__reader_copy(reader, desk->sent, (uint32_t)desk->size))
		desk->sent = NULL;
	return 0;
}

static uint32_t app_write(void *state, struct weir_writer *writer)
{
	struct desk *desk = &((struct app *)state)->reading;
	const struct weir_buf *buf = weir_writer_buf(writer, 0);

	if (!desk->frame)
		return 0;
	if (buf->len > desk->size) {
		desk->result = -EMSGSIZE;
		weir_writer_drop(writer, 0, 0);
	} else {
		memcpy(desk->frame, buf->data, buf->len);
		desk->result = buf->len;
	}
	desk->frame = NULL;
	return 1;
}

static const struct weir_reason app_reasons[] = {
	{ "no_room", "the application's buffer was smaller than the frame" },
	{ 0 },
};

static const struct weir_endpoint_type app_type = {
	.name = "application",
	.help = "the caller of an adapter",
	.reasons = app_reasons,
	.options_size = sizeof(struct app_options),
	.state_size = sizeof(struct app),
	.check = app_check,
	.open = app_open,
	.read = app_read,
	.write = app_write,
};

struct weir_adapter {
	struct weir_pipeline *pipeline;
	struct app *app;
	struct weir__worker *reader;
	struct weir__worker *writer;
	const struct weir__endpoint *device;
	int interrupt; /* eventfd */
	const char *name;
};

static void log_nothing(void *data, enum weir_log_level level, const char *line)
{
	/* The caller learns of a dead device by the result of its call. */
	(void)data;
	(void)level;
	(void)line;
}

static int create_pipeline(struct weir_adapter *adapter, const struct weir_adapter_options *options,
			   struct weir_error *err)
{
	const uint32_t mtu = options->mtu ? options->mtu : DEFAULT_MTU;
	const struct weir_endpoint tun =
		weir_tun("device", .device = options->name ? options->name : "weir%d", .mtu = mtu,
			 .ipv4 = options->ipv4, .ipv6 = options->ipv6);
	const struct weir_endpoint fd = weir_fd(
		"device", .fd = options->fd, .ownership = options->ownership, .framing = options->framing,
		.max_packet = mtu + (options->framing == WEIR_FRAMING_RAW ? 0 : PREFIX));
	const struct weir_config config = {
		.endpoints = { options->from_fd ? fd : tun,
			       WEIR_ENDPOINT(app_type, struct app_options, "application",
					     .max_packet = mtu + FRAME_OVERHEAD) },
		.workers = { { "reader", .unpinned = true }, { "writer", .unpinned = true } },
		.chains = { { "read", .stages = { weir_read("device", .worker = "reader"), weir_af_decap(),
						  weir_eth_wrap(.source = options->mac,
								.next_hop = options->next_hop),
						  weir_write("application") } },
			    { "write",
			      .stages = { weir_read("application", .worker = "writer"),
					  weir_mac_filter(.own = WEIR_LIST(options->mac),
							  .promiscuous = options->accept_all,
							  .all_multicast = true),
					  weir_eth_unwrap(), weir_af_encap(), weir_write("device") } } },
		.log = log_nothing,
	};

	return weir_pipeline_create(&adapter->pipeline, &config, err);
}

static void find_parts(struct weir_adapter *adapter)
{
	struct weir_pipeline *pipeline = adapter->pipeline;
	void *tun = weir_pipeline_endpoint(pipeline, "device", &weir_tun_type);

	adapter->app = weir_pipeline_endpoint(pipeline, "application", &app_type);
	/* NOLINTNEXTLINE(*NullDereference): there is a pipeline, as weir_failed() never returns 0 */
	adapter->device = pipeline->shape->endpoints[0];
	adapter->reader = pipeline->shape->workers[0];
	adapter->writer = pipeline->shape->workers[1];
	/* One packet a pass, so that nothing waits inside that the descriptor does not tell of. The other
	 * way, the application gives only one. */
	adapter->reader->read_limit = 1;
	adapter->name = tun ? weir_tun_name(tun) : "";
}

int weir_adapter_create(struct weir_adapter **result, const struct weir_adapter_options *options,
			struct weir_error *err)
{
	struct weir_adapter *adapter = calloc(1, sizeof(*adapter));
	struct weir_error unused;
	int rc;

	*result = NULL;
	if (!err)
		err = &unused;
	weir__error_clear(err);
	if (!adapter)
		return weir_failed(err, -ENOMEM, "no memory for an adapter");
	if (!options->mac) {
		free(adapter);
		return weir_invalid(err, "mac", "missing");
	}
	adapter->interrupt = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = adapter->interrupt < 0 ? weir_failed(err, -errno, "eventfd: %s", strerror(errno))
				    : create_pipeline(adapter, options, err);
	if (rc < 0) {
		weir_adapter_close(adapter);
		return rc;
	}
	find_parts(adapter);
	*result = adapter;
	return 0;
}

void weir_adapter_close(struct weir_adapter *adapter)
{
	if (!adapter)
		return;
	weir_pipeline_destroy(adapter->pipeline);
	if (adapter->interrupt >= 0)
		close(adapter->interrupt);
	free(adapter);
}

const char *weir_adapter_name(const struct weir_adapter *adapter)
{
	return adapter->name;
}

int weir_adapter_fd(const struct weir_adapter *adapter)
{
	return adapter->device->info.read_fd;
}

void weir_adapter_interrupt(struct weir_adapter *adapter)
{
	const uint64_t one = 1;
	const int saved = errno; /* a signal handler must leave it alone */

	(void)!write(adapter->interrupt, &one, sizeof(one));
	errno = saved;
}

/* The error of a dead device, or 0. */
static int death(const struct weir_adapter *adapter)
{
	return weir__endpoint_dead(adapter->device)
		       ? __atomic_load_n(&adapter->device->error, __ATOMIC_RELAXED)
		       : 0;
}

/* Runs the worker of one direction in the caller's thread. Its descriptors are asked anew every time. */
static void pass(struct weir__worker *worker)
{
	worker->ready = UINT64_MAX;
	weir__worker_pass(worker);
}

/* Waits for a packet. Returns 0, -EAGAIN after the time or -EINTR. */
static int wait_readable(struct weir_adapter *adapter, int timeout_ms)
{
	struct pollfd fds[] = { { .fd = adapter->interrupt, .events = POLLIN },
				{ .fd = weir_adapter_fd(adapter), .events = POLLIN } };
	uint64_t count;
	int rc = poll(fds, 2, timeout_ms);

	if (rc < 0 && errno != EINTR)
		return -errno;
	if (fds[0].revents && read(adapter->interrupt, &count, sizeof(count)) > 0)
		return -EINTR;
	return rc == 0 ? -EAGAIN : 0;
}

ssize_t weir_adapter_read_frame(struct weir_adapter *adapter, void *frame, size_t size, int timeout_ms)
{
	const uint64_t deadline = timeout_ms > 0 ? weir__now() + (uint64_t)timeout_ms * 1000000 : 0;
	struct desk *desk = &adapter->app->reading;
	int rc;

	for (;;) {
		uint64_t now;

		*desk = (struct desk){ .frame = frame, .size = size };
		pass(adapter->reader);
		if (!desk->frame)
			return desk->result;
		if (death(adapter))
			return death(adapter);
		now = timeout_ms > 0 ? weir__now() : 0;
		rc = wait_readable(adapter, timeout_ms <= 0  ? timeout_ms
					    : now < deadline ? (int)((deadline - now + 999999) / 1000000)
							     : 0);
		if (rc < 0)
			return rc;
	}
}

ssize_t weir_adapter_write_frame(struct weir_adapter *adapter, const void *frame, size_t size)
{
	struct desk *desk = &adapter->app->writing;
	const struct weir__row *out = adapter->writer->program->sinks[0]->row;
	uint64_t before;

	if (adapter->writer->blocked) /* the frame before still waits for the device */
		pass(adapter->writer);
	if (adapter->writer->blocked)
		return -EAGAIN;
	if (death(adapter))
		return death(adapter);
	if (size > MAX_FRAME)
		return -EMSGSIZE;
	if (!frame)
		return 0;
	before = out->counters.packets;
	*desk = (struct desk){ .sent = frame, .size = size };
	pass(adapter->writer);
	if (death(adapter))
		return death(adapter);
	return out->counters.packets > before || adapter->writer->blocked ? (ssize_t)size : 0;
}

static uint64_t drops_of(const struct weir_counters *counters, const char *chain)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < counters->n_stages; i++)
		for (unsigned k = 0; strncmp(counters->stages[i].path, chain, strlen(chain)) == 0 &&
				     k < counters->stages[i].n_drops;
		     k++)
			n += counters->stages[i].drops[k].n;
	return n;
}

int weir_adapter_stats(struct weir_adapter *adapter, struct weir_adapter_stats *stats)
{
	struct weir_counters *counters = weir_counters_read(adapter->pipeline);
	const struct weir_stage_counters *read, *written;

	if (!counters)
		return -ENOMEM;
	read = weir_counters_stage(counters, "read/write");
	written = weir_counters_stage(counters, "write/write");
	*stats = (struct weir_adapter_stats){
		.read_frames = read->packets,
		.read_bytes = read->bytes,
		.write_frames = written->packets,
		.write_bytes = written->bytes,
		.read_drops = drops_of(counters, "read/"),
		.write_drops = drops_of(counters, "write/"),
	};
	weir_counters_free(counters);
	return 0;
}
