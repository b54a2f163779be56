/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pair: two endpoints joined in memory; what is written to one is read from the other. They may stand in one
 * pipeline or in two of a process. Packets are copied, as the two pools may differ.
 *
 * Two endpoints are joined by the struct weir_pair_link that both name. It is made before and freed after the
 * pipelines that use it. An application can stand at one side itself, by the functions below.
 */
#ifndef WEIR_PAIR_H
#define WEIR_PAIR_H

#include <weir/config.h>

WEIR_BEGIN_DECLS

struct weir_pair_link;

/*
 * A link of two sides, 0 and 1, that holds slots packets (1 to 65,535) of at most max_packet bytes (1 to
 * 65,535) in each direction; all of that memory is taken at once. Returns 0, -EINVAL, -ENOMEM or what
 * eventfd() gives.
 */
WEIR_API int weir_pair_link_create(struct weir_pair_link **link, uint32_t slots, uint32_t max_packet);

/* Frees it; no pipeline uses it any more. NULL is allowed. */
WEIR_API void weir_pair_link_destroy(struct weir_pair_link *link);

/*
 * An application's own side: one thread may send and one receive, and no endpoint of that side may read or
 * write. weir_pair_send: 0, -EAGAIN (full), -EMSGSIZE, -EPIPE (closed), -EINVAL (no bytes, or no such side).
 * weir_pair_receive: bytes, -EAGAIN (empty), -EMSGSIZE (size is too small; the packet stays), 0 at the end:
 * the other side closed and everything was read.
 */
WEIR_API int weir_pair_send(struct weir_pair_link *link, unsigned side, const void *packet, size_t size);
WEIR_API int64_t weir_pair_receive(struct weir_pair_link *link, unsigned side, void *packet, size_t size);
/*
 * Nothing more will be sent from this side: the reader at the other side ends once it has read the rest. For
 * the thread that sends, or when it sends no more; for ever. An endpoint of this side drops what it is still
 * given, as "closed". The end of a pipeline closes nothing: another one may go on with its side.
 */
WEIR_API void weir_pair_close(struct weir_pair_link *link, unsigned side);

/*
 * The endpoints of both sides must have the same layer and framing. What is read as WEIR_LAYER_L3 is checked
 * to be an IP packet, because an application may have sent it.
 */
struct weir_pair {
	WEIR_ENDPOINT_OPTIONS;
	struct weir_pair_link *link;
	unsigned side;             /* 0 or 1 */
	enum weir_layer layer;     /* WEIR_LAYER_AF (the default), WEIR_LAYER_L3 or WEIR_LAYER_L2 */
	enum weir_framing framing; /* with WEIR_LAYER_AF */
	bool wait; /* when full, wait for the other side, instead of dropping as "pair_full": only where no
		      circle of pairs can wait for itself */
};

WEIR_API extern const struct weir_endpoint_type weir_pair_type;

#define weir_pair(...) WEIR_ENDPOINT(weir_pair_type, struct weir_pair, __VA_ARGS__)

WEIR_END_DECLS

#endif
