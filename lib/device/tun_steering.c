/* SPDX-License-Identifier: Apache-2.0 */
/* The program that chooses the queue by which a device gives a packet. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include "tun.h"

int weir__tun_steering_check(const struct weir_tun *options, struct weir_error *err)
{
	int rc = 0;

	if (options->steering && !options->steering[0])
		rc |= weir_invalid(err, "steering", "is empty");
	if ((options->steering || options->steering_fd) && options->queues < 2)
		rc |= weir_invalid(err, options->steering ? "steering" : "steering_fd",
				   "needs queues of 2 or more");
	if (options->steering_program && !options->steering)
		rc |= weir_invalid(err, "steering_program", "'%s' needs steering, the file that it is in",
				   options->steering_program);
	/* Now, before other descriptors take the number of one that is closed. */
	if (options->steering_fd && fcntl(options->steering_fd, F_GETFD) < 0)
		rc |= weir_invalid(err, "steering_fd", "%d: %s", options->steering_fd, strerror(errno));
	if (options->steering_fd && options->steering)
		rc |= weir_invalid(err, "steering_fd", "give it or steering, not both");
	return rc;
}

int weir__tun_steering_open(struct weir__tun *tun, const struct weir_tun *options, struct weir_error *err)
{
	if (options->steering) {
		tun->steering = weir__tun_program_load(options->steering, options->steering_program, err);
		return tun->steering < 0 ? tun->steering : 0;
	}
	if (!options->steering_fd)
		return 0;
	tun->steering = fcntl(options->steering_fd, F_DUPFD_CLOEXEC, 0);
	if (tun->steering < 0)
		return weir_failed(err, -errno, "steering_fd: %d: %s", options->steering_fd, strerror(errno));
	return 0;
}

int weir__tun_steer(const struct weir__tun *tun, struct weir_error *err)
{
	/* Also none (-1): the program belongs to the device, so that a persistent one has that of whoever had
	 * it before. */
	if (!(tun->flags & IFF_MULTI_QUEUE) || !ioctl(tun->fd, TUNSETSTEERINGEBPF, &tun->steering))
		return 0;
	if (tun->steering < 0 && errno == EINVAL) /* Linux before 4.16 has no such thing */
		return 0;
	return weir_failed(err, -errno, "device %s: its steering program: %s%s", tun->name, strerror(errno),
			   errno == EINVAL ? ": it is no eBPF program of the type socket filter" : "");
}
