/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the Linux TUN and TAP device share. */
#ifndef WEIR__TUN_H
#define WEIR__TUN_H

#include <weir/endpoint.h>
#include <weir/tun_queue.h>

#include <linux/if_tun.h>

#include "netlink.h"
#include "uring.h"

#define WEIR__TUN_MTU_MIN  68
#define WEIR__TUN_MTU_MAX  65535
#define WEIR__TUN_MTU      1500 /* that the kernel gives a new device */
#define WEIR__TUN_MTU_IPV6 1280
#define WEIR__TUN_QUEUES   256  /* of a device, that the kernel allows */
#define WEIR__TUN_QUEUE    1000 /* packets; the kernel's own 500 overflow within one burst of TCP */

/* An address or a route of the device. */
struct weir__tun_entry {
	bool is_route;
	bool added; /* by us; else it was there */
	struct weir__address address;
	struct weir__route route;
};

/* What the device is to be. recover() makes it so again. */
struct weir__tun_config {
	struct weir__link link; /* of the flags, IFF_UP alone */
	bool queue_default;     /* nobody asked for its queue_length */
	bool no_ipv6;
	struct weir__tun_entry *entries;
	size_t n_entries;
};

/* The reasons for drops, at both ends. */
enum {
	WEIR__TUN_CUT,
	WEIR__TUN_EMPTY,
	WEIR__TUN_MALFORMED,
	WEIR__TUN_DOWN,
	WEIR__TUN_REFUSED,
	WEIR__TUN_NO_MEMORY,
	WEIR__TUN_SHORT,
};

struct weir__tun {
	struct weir__tun *device; /* whose queue this is: itself, or what a weir_tun_queue is of */
	int fd;
	uint32_t offload;    /* WEIR_OFFLOAD_… of the options and of this kernel; 0: no virtio_net header */
	uint8_t *piece;      /* room for one, with offload: the writer's */
	uint32_t next_piece; /* of the super-packet that is being written in pieces */
	uint64_t refused;    /* super-packets that the kernel refused */
	uint64_t cut;        /* super-packets that were written in pieces */
	struct weir__uring uring; /* the writer's */
	bool vectored;            /* the reader's: read with a spill from now on */
	uint32_t frame_max; /* bytes of the largest packet that the device gives; raised before the MTU, never
			       lowered */

	bool tap;
	bool packet_information;
	int flags; /* of TUNSETIFF */
	char name[IFNAMSIZ];
	struct weir__link
		before; /* a persistent device as it was found; index 0: it is ours, and vanishes with fd */
	bool ipv6_disabled; /* by us */
	bool persist;
	int64_t owner;
	int64_t group;
	int netns; /* -1: the caller's */
	uint32_t index;
	int steering;                 /* the program that chooses the queue; -1: the kernel's hash */
	struct weir__netlink netlink; /* in the device's namespace */
	struct weir__tun_config config;
};

/* Bytes of the largest packet of a device with that MTU: with tun_pi, or with Ethernet header and VLAN tag.
 */
static inline uint32_t weir__tun_frame(uint32_t mtu, bool tap, bool packet_information)
{
	return mtu + (tap ? 14 + 4 : packet_information ? 4 : 0);
}

/* tun_check.c: the options and their texts. Each reports what is wrong with weir_invalid() under the name of
 * the field. */
int weir__tun_check(const void *opts, struct weir_endpoint_info *info, struct weir_error *err);
int weir__tun_check_mtu(uint32_t mtu, bool tap, bool packet_information, struct weir_error *err);
int weir__tun_parse_mac(const char *text, uint8_t mac[6], struct weir_error *err);
/* Family 4, 6, or 0: either. */
int weir__tun_parse_address(const char *field, const char *text, uint8_t family,
			    struct weir__address *address, struct weir_error *err);
/* The field is "route[2]"; the problems are with "route[2].to" and "route[2].via". */
int weir__tun_parse_route(const char *field, const struct weir_route *route, struct weir__route *result,
			  struct weir_error *err);

/* tun_ipv6.c: switches IPv6 of the device off, or on again. */
int weir__tun_disable_ipv6(struct weir__tun *tun, bool disable, struct weir_error *err);

/* tun_vnet.c: what the options and this kernel allow, and a device that has it. */
uint32_t weir__tun_offload(const struct weir_tun *options);
int weir__tun_set_offload(struct weir__tun *tun, struct weir_error *err);
/* Takes the memory for pieces, which whoever closes it frees. */
int weir__tun_make_piece(struct weir__tun *tun, struct weir_error *err);
int weir__tun_vnet_read(struct weir__tun *tun, struct weir_reader *reader);
uint32_t weir__tun_vnet_write(struct weir__tun *tun, struct weir_writer *writer);

/* tun.c. */

/* Drops the packet whose write failed and returns true; or false, for the writer cannot go on. */
bool weir__tun_drop_failed(struct weir_writer *writer, uint32_t i, int error);
/* The same for what is written together, each packet with the bytes before it. Returns the first packet that
 * it is not done with; the writer cannot go on if there is an error, else that one is to be written alone. */
uint32_t weir__tun_write_together(struct weir__tun *tun, struct weir_writer *writer, uint32_t first,
				  uint32_t end, uint32_t before);

/* /dev/net/tun, or what path says (NULL: nothing), in a network namespace (-1: the caller's). Returns a
 * descriptor or a negative errno. Opens the netlink socket there too, unless it is NULL. */
int weir__tun_open_file(int netns, const char *path, struct weir__netlink *netlink, struct weir_error *err);

/* TUNSETIFF on the descriptor, which has no device yet, or none any more. Tells whether a persistent device
 * was there before. */
int weir__tun_attach(struct weir__tun *tun, bool *found, struct weir_error *err);

/* tun_queue.c: the functions of weir_tun_queue_type that are not those of the device. */
int weir__tun_queue_check(const void *opts, struct weir_endpoint_info *info, struct weir_error *err);
int weir__tun_queue_open(void *state, const void *opts, struct weir_endpoint_info *info,
			 struct weir_error *err);
void weir__tun_queue_close(void *state);
int weir__tun_queue_recover(void *state, struct weir_error *err);
extern const struct weir_option weir__tun_queue_options[];

/* tun_steering.c: which queue a packet comes by. */
int weir__tun_steering_check(const struct weir_tun *options, struct weir_error *err);
/* Loads the program, or takes the one that was given. */
int weir__tun_steering_open(struct weir__tun *tun, const struct weir_tun *options, struct weir_error *err);
/* Gives it to the device. */
int weir__tun_steer(const struct weir__tun *tun, struct weir_error *err);

/* tun_program.c, or tun_no_program.c in a library without libbpf: loads the program of that name (NULL: the
 * only one) from an ELF file. Returns its descriptor or a negative errno. */
int weir__tun_program_load(const char *path, const char *name, struct weir_error *err);

/* tun_control.c: makes the device what the configuration says, all of it, whatever is there already. */
int weir__tun_apply(struct weir__tun *tun, struct weir_error *err);
/* Takes back what was done to a device that was there before. */
void weir__tun_withdraw(struct weir__tun *tun);
/* Adds to the configuration alone. */
int weir__tun_keep(struct weir__tun_config *config, const struct weir__tun_entry *entry,
		   struct weir_error *err);

#endif
