/* SPDX-License-Identifier: Apache-2.0 */
/* The further queues of a device. They are set up by joining it; all that is set up else is the device's. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tun.h"

const struct weir_option weir__tun_queue_options[] = {
	WEIR_OPTION(struct weir_tun_queue, of, STRING, "the endpoint of the device, a tun with queues"),
	{ 0 },
};

int weir__tun_queue_check(const void *opts, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct weir_tun_queue *options = opts;
	const struct weir_tun *device = info->whole_options;
	const uint32_t queues = device->queues ? device->queues : 1;

	if (info->part >= queues)
		return weir_invalid(err, "of", "'%s' has queues = %u, and with this one it needs %u",
				    options->of, queues, info->part + 1);
	return 0;
}

/* To a name that no device has, the kernel would make one. And this one may have been renamed. */
static int join(struct weir__tun *queue, struct weir_error *err)
{
	const struct weir__tun *device = queue->device;
	struct ifreq request = { 0 };
	bool found;

	if (ioctl(device->fd, TUNGETIFF, &request))
		return weir_failed(err, -ENODEV, "device %s is gone: recover its own endpoint first",
				   device->name);
	memcpy(queue->name, request.ifr_name, IFNAMSIZ);
	return weir__tun_attach(queue, &found, err);
}

int weir__tun_queue_open(void *state, const void *opts, struct weir_endpoint_info *info,
			 struct weir_error *err)
{
	const struct weir_tun *options = info->whole_options;
	struct weir__tun *queue = state;
	int rc;

	(void)opts;
	queue->device = info->whole;
	queue->tap = queue->device->tap;
	queue->packet_information = queue->device->packet_information;
	queue->flags = queue->device->flags & ~IFF_TUN_EXCL;
	queue->offload = queue->device->offload;
	queue->fd = -1;
	rc = weir__tun_make_piece(queue, err);
	if (rc)
		return rc;
	queue->fd = weir__tun_open_file(queue->device->netns, options->device_path, NULL, err);
	rc = queue->fd < 0 ? queue->fd : join(queue, err);
	if (rc == 0)
		rc = weir__uring_open(&queue->uring, queue->fd, options->io, err);
	if (rc) {
		weir__tun_queue_close(queue);
		return rc;
	}
	info->read_fd = queue->fd;
	info->write_fd = queue->fd;
	info->write_events = POLLOUT;
	return 0;
}

void weir__tun_queue_close(void *state)
{
	struct weir__tun *queue = state;

	weir__uring_close(&queue->uring);
	if (queue->fd >= 0)
		close(queue->fd);
	free(queue->piece);
}

int weir__tun_queue_recover(void *state, struct weir_error *err)
{
	struct weir__tun *queue = state;
	struct ifreq request = { 0 };

	/* It did not die with its device if it still has one. */
	return ioctl(queue->fd, TUNGETIFF, &request) ? join(queue, err) : 0;
}
