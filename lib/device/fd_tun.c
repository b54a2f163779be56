/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include "fd_tun.h"
#include "netlink.h"
#include "netns.h"

struct question {
	const char *name;
	struct weir__link link;
};

/* In the namespace of the device. */
static int ask_link(void *data)
{
	struct question *question = data;
	struct weir__netlink netlink = { 0 };
	int ret = weir__netlink_open(&netlink, NULL);

	if (ret < 0)
		return ret;
	ret = weir__link_find(&netlink, question->name, &question->link, NULL);
	weir__netlink_close(&netlink);
	return ret;
}

/*
 * Whether the device has packet information. TUNGETIFF does not tell: its bit of IFF_NO_PI is that of
 * IFF_NOFILTER too, which is set whenever the queue has no filter. Returns 1, 0, or a negative errno: this
 * process may not know.
 */
static int has_packet_information(int fd, const struct ifreq *ifr)
{
	struct question question = { .name = ifr->ifr_name };
	int netns, ret;

	if (!(ifr->ifr_flags & IFF_NO_PI))
		return 1;
	netns = ioctl(fd, TUNGETDEVNETNS);
	if (netns < 0)
		return -errno;
	ret = weir__netns_run(netns, ask_link, &question, NULL);
	close(netns);
	return ret < 0 ? ret : question.link.packet_information;
}

static int check_framing(int fd, const struct weir_fd *options, const struct ifreq *ifr,
			 struct weir_error *err)
{
	const int pi = has_packet_information(fd, ifr);

	if (pi < 0)
		return 0;
	if (options->layer == WEIR_LAYER_L2 && pi)
		return weir_invalid(err, "fd",
				    "'%s' has packet information in front of frames: attach with IFF_NO_PI",
				    ifr->ifr_name);
	if (options->layer != WEIR_LAYER_L2 &&
	    options->framing != (pi ? WEIR_FRAMING_TUN_PI : WEIR_FRAMING_RAW))
		return weir_invalid(err, "framing", "'%s' is attached with%s packet information: that is %s",
				    ifr->ifr_name, pi ? "" : "out",
				    pi ? "WEIR_FRAMING_TUN_PI" : "WEIR_FRAMING_RAW");
	return 0;
}

static int check_flags(int fd, const struct weir_fd *options, const struct ifreq *ifr, struct weir_error *err)
{
	const bool tap = ifr->ifr_flags & IFF_TAP;

	if (ifr->ifr_flags & IFF_VNET_HDR)
		return weir_invalid(
			err, "fd",
			"'%s' has a virtio_net header in front of packets: attach without IFF_VNET_HDR",
			ifr->ifr_name);
	if (tap != (options->layer == WEIR_LAYER_L2))
		return weir_invalid(err, "layer", "'%s' is a %s device: that is %s", ifr->ifr_name,
				    tap ? "TAP" : "TUN", tap ? "WEIR_LAYER_L2" : "WEIR_LAYER_AF");
	return check_framing(fd, options, ifr, err);
}

int weir__fd_prepare_tun(int fd, const struct weir_fd *options, struct weir_error *err)
{
	struct ifreq ifr = { 0 };
	int ret;

	if (ioctl(fd, TUNGETIFF, &ifr) < 0) {
		if (errno == EBADFD)
			return weir_failed(err, -EBADFD, "fd: %d is attached to no device (TUNSETIFF)",
					   options->fd);
		/* Not a TUN or TAP, or an application of Android, which may not ask. */
		return 0;
	}
	ret = check_flags(fd, options, &ifr, err);
	if (ret < 0)
		return ret;
	/* The mask is the device's, whoever set it, and would let packets in whose checksums are not
	 * complete. By value. */
	if (ioctl(fd, TUNSETOFFLOAD, 0ul) < 0)
		return weir_failed(err, -errno, "fd: offloads of '%s' cannot be switched off: %s",
				   ifr.ifr_name, strerror(errno));
	return 1;
}
