/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tun: a Linux TUN or TAP device.
 *
 * Needs /dev/net/tun and CAP_NET_ADMIN in the user namespace of the network namespace, or a persistent device
 * whose owner or group the caller is. A device that is not persistent vanishes when the pipeline is
 * destroyed.
 */
#ifndef WEIR_TUN_H
#define WEIR_TUN_H

#include <weir/io.h>
#include <weir/pipeline.h>

WEIR_BEGIN_DECLS

struct weir_route {
	const char *to;  /* "10.0.0.0/8", "::/0", "default" (IPv4); NULL ends a list */
	const char *via; /* gateway; NULL: the device itself */
	uint32_t metric; /* 0: the kernel's default */
	uint32_t table;  /* 0: main */
};

struct weir_tun {
	WEIR_ENDPOINT_OPTIONS;   /* the name of the endpoint */
	const char *device;      /* name of the device, or a pattern ("vpn%d"); NULL: the endpoint's name */
	bool tap;                /* Ethernet frames instead of IP packets */
	bool packet_information; /* TUN: struct tun_pi in front of each packet, instead of nothing */
	uint32_t mtu; /* bytes; 68 to 65,535 (TAP 65,521, with packet_information 65,531); IPv6 needs 1280; 0:
			 as the kernel has it, 1500 */
	const char *mac; /* TAP: the device's own address; NULL: random */
	const char *const
		*ipv4; /* addresses, "10.9.0.2/24", with ",peer" for the other side: "10.9.0.2/32,10.9.0.1" */
	const char *const
		*ipv6; /* addresses, "fd00::2/64"; usable at once (no duplicate address detection) */
	const struct weir_route *route;
	bool down;             /* do not bring it up */
	bool no_ipv6;          /* no IPv6 on the device: no link-local address, no router solicitations */
	uint32_t queue_length; /* packets that the kernel holds for us, in each queue; 0: 1000 */
	uint32_t queues; /* this endpoint and each weir_tun_queue() of it at the most, up to 256; 0 or 1: a
			    device with one queue (no IFF_MULTI_QUEUE) */
	const char *steering; /* with .queues: the ELF file of an eBPF program that says which queue a packet
				 comes by; see tun_queue.h. NULL: the kernel's hash of its flow */
	const char *steering_program; /* the name of its function; NULL: the only one */
	int steering_fd; /* instead of a file: a loaded program, which is the caller's and may be closed when
			    the pipeline is created; 0: none */
	uint32_t no_offload; /* WEIR_OFFLOAD_…: what the device shall neither give nor take, though the kernel
				could; default 0: it gives and takes super-packets. WEIR_OFFLOAD_ALL: no
				virtio_net header at all. packet_information excludes offload */
	bool no_gather;      /* do not put segments of others together to super-packets in front of it */
	enum weir_io io;     /* how packets are written */
	int64_t owner;       /* with .persist, the uid that may attach, or */
	int64_t group;       /* the gid, not both; 0: leave it */
	bool persist;        /* the device stays when the pipeline is destroyed */
	bool exclusive;      /* fail with -EBUSY if the device exists */
	const char *netns;   /* path of a network namespace ("/run/netns/red", "/proc/42/ns/net"); NULL: the
				caller's */
	const char *device_path; /* default "/dev/net/tun" */
};

WEIR_API extern const struct weir_endpoint_type weir_tun_type;

#define weir_tun(...) WEIR_ENDPOINT(weir_tun_type, struct weir_tun, __VA_ARGS__)

/*
 * The functions below change a device while traffic flows. The first argument is what
 * weir_pipeline_endpoint() gives for weir_tun_type. Control threads, one at a time for each device. They
 * return 0 or a negative errno, described in err.
 */
WEIR_API const char *weir_tun_name(const void *tun); /* as the kernel has it */
WEIR_API uint32_t weir_tun_index(const void *tun);
WEIR_API int weir_tun_set_up(void *tun, bool up, struct weir_error *err);
WEIR_API int weir_tun_set_mtu(void *tun, uint32_t mtu, struct weir_error *err);
WEIR_API int weir_tun_set_mac(void *tun, const char *mac, struct weir_error *err);
WEIR_API int weir_tun_set_queue_length(void *tun, uint32_t packets, struct weir_error *err);
WEIR_API int weir_tun_add_address(void *tun, const char *address, struct weir_error *err);
WEIR_API int weir_tun_remove_address(void *tun, const char *address, struct weir_error *err);
WEIR_API int weir_tun_add_route(void *tun, const struct weir_route *route, struct weir_error *err);
WEIR_API int weir_tun_remove_route(void *tun, const struct weir_route *route, struct weir_error *err);
/* What the kernel dropped because nobody read fast enough: tx_dropped of the device. */
WEIR_API int weir_tun_kernel_drops(void *tun, uint64_t *packets, struct weir_error *err);

WEIR_END_DECLS

#endif
