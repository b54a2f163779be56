/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations that cannot work, with all that is said of them; and some at the edge, that can. */
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <sys/socket.h>

#include "fake.h"

#include "plan.h"

/* Stages of the test. */
struct shape {
	WEIR_STAGE_OPTIONS
	int refuse;     /* what configure() returns, */
	bool silent;    /* without a word */
	bool unfounded; /* a word, and returns 0 */
};

static int shape_configure(void *config, const void *memory, const struct weir_place *place,
			   struct weir_error *err)
{
	const struct shape *options = memory;

	(void)config;
	(void)place;
	if (options->refuse && !options->silent)
		weir_failed(err, options->refuse, "not in this test");
	if (options->unfounded)
		weir_invalid(err, "shape", "not this one");
	return options->refuse;
}

static weir_verdict shape_packet(struct weir_buf *buf, const void *config, void *state)
{
	(void)buf;
	(void)config;
	(void)state;
	return WEIR_NEXT;
}

WEIR_PROCESS(shape_vector, shape_packet, void, void)

#define SHAPE(name_, takes_, gives_, exits_, headroom_)      \
	static const struct weir_stage_type name_##_type = { \
		.name = #name_,                              \
		.help = "a stage of the test",               \
		.takes = takes_,                             \
		.gives = gives_,                             \
		.exits = exits_,                             \
		.headroom = headroom_,                       \
		.options_size = sizeof(struct shape),        \
		.configure = shape_configure,                \
		.process = shape_vector,                     \
	}

SHAPE(pass, WEIR_LAYER_ANY, WEIR_LAYER_ANY, 0, 0);
SHAPE(split, WEIR_LAYER_ANY, WEIR_LAYER_ANY, WEIR_EXITS_MAX, 0);
SHAPE(grow, WEIR_LAYER_ANY, WEIR_LAYER_ANY, WEIR_EXITS_MAX, 4);

#define pass(...)   WEIR_STAGE(pass_type, struct shape, __VA_ARGS__)
#define split(...)  WEIR_STAGE(split_type, struct shape, __VA_ARGS__)
#define frames(...) WEIR_STAGE(frames_type, struct shape, __VA_ARGS__)
#define grow(...)   WEIR_STAGE(grow_type, struct shape, __VA_ARGS__)

SHAPE(frames, WEIR_LAYER_L2, WEIR_LAYER_L2, 0, 0);

/* IP packets go on, and what leaves it are frames. */
static const struct weir_stage_type framing_type = {
	.name = "framing",
	.takes = WEIR_LAYER_L3,
	.gives = WEIR_LAYER_L3,
	.exits = 1,
	.exits_give = WEIR_LAYER_L2,
	.options_size = sizeof(struct shape),
	.configure = shape_configure,
	.process = shape_vector,
};

#define framing(...) WEIR_STAGE(framing_type, struct shape, __VA_ARGS__)

static const struct weir_stage_type lazy_type = { .name = "lazy", .options_size = sizeof(struct shape) };

#define lazy(...) WEIR_STAGE(lazy_type, struct shape, __VA_ARGS__)

#define MAC "02:00:00:00:00:01"

/* What most cases share. */
#define ENDS           .endpoints = { weir_generator("in", .count = 1), weir_null("out") }
#define MORE_ENDS(...) .endpoints = { weir_generator("in", .count = 1), weir_null("out"), __VA_ARGS__ }
#define FAKES          .endpoints = { fake("in"), fake("out", .any = true), fake("in2"), fake("out2", .any = true) }
#define RX             .workers = { { "rx", .unpinned = true } }
#define RXTX           .workers = { { "rx", .unpinned = true }, { "tx", .unpinned = true } }
#define READ           weir_read("in", .worker = "rx")
#define WRITE          weir_write("out")
#define FLOW           .chains = { { "flow", .stages = { READ, WRITE } } }
#define ROWS(...)      .chains = { { "flow", .stages = { READ, __VA_ARGS__, WRITE } } }

/* Into a circle of two rings. */
#define LOOP(...)                                                                     \
	.chains = { { "flow", .stages = { READ, split(.exit = { "loop" }), WRITE } }, \
		    { "loop", .stages = { weir_ring(.worker = "tx"), __VA_ARGS__,     \
					  weir_ring(.worker = "rx", .name = "back"),  \
					  split(.exit = { "loop" }), WRITE } } }

/* There and back again, by rings of 65535 vectors. */
#define WIDE(n) weir_ring(.worker = "tx", .name = "to" #n, .capacity = 65535)
#define BACK(n) weir_ring(.worker = "rx", .name = "back" #n, .capacity = 65535)
#define PASS(n) pass(.name = "pass" #n)

/* Cases of which only one part matters. */
#define WORKERS(text_, ...)                                                                \
	{                                                                                  \
		text_,                                                                     \
		{                                                                          \
			ENDS, FLOW, .workers = { { "rx", .unpinned = true }, __VA_ARGS__ } \
		}                                                                          \
	}
#define POOL(text_, ...)                                        \
	{                                                       \
		text_,                                          \
		{                                               \
			ENDS, RX, FLOW, .pool = { __VA_ARGS__ } \
		}                                               \
	}
#define ROW(text_, ...)                             \
	{                                           \
		text_,                              \
		{                                   \
			ENDS, RX, ROWS(__VA_ARGS__) \
		}                                   \
	}
#define STAGE(text_, ...) ROW(text_, weir_af_decap(), __VA_ARGS__)
#define FRAME(text_, ...) STAGE(text_, weir_eth_wrap(.source = MAC), __VA_ARGS__)
#define BEGIN(text_, ...)                                                                    \
	{                                                                                    \
		text_,                                                                       \
		{                                                                            \
			ENDS, RX, .chains = { { "flow", .stages = { __VA_ARGS__, WRITE } } } \
		}                                                                            \
	}
#define END(text_, ...)                                                                     \
	{                                                                                   \
		text_,                                                                      \
		{                                                                           \
			ENDS, RX, .chains = { { "flow", .stages = { READ, __VA_ARGS__ } } } \
		}                                                                           \
	}
#define READER(text_, ...)                                                       \
	{                                                                        \
		text_,                                                           \
		{                                                                \
			.endpoints = { __VA_ARGS__, weir_null("out") }, RX, FLOW \
		}                                                                \
	}
#define WRITER(text_, ...)                                                           \
	{                                                                            \
		text_,                                                               \
		{                                                                    \
			.endpoints = { weir_generator("in"), __VA_ARGS__ }, RX, FLOW \
		}                                                                    \
	}

struct wrong {
	const char *text;
	struct weir_config config;
};

static const struct wrong endpoints[] = {
	{ "endpoints: there are none\n"
	  "flow/read: endpoint: no endpoint is named 'in'\n"
	  "flow/write: endpoint: no endpoint is named 'out'",
	  { RX, FLOW } },
	{ "endpoints[2]: options: missing", { MORE_ENDS({ .type = &weir_null_type }), RX, FLOW } },
	{ "endpoints[2]: name: '' is not a name: it must not be empty nor contain '/'",
	  { MORE_ENDS(weir_null(.name = NULL)), RX, FLOW } },
	{ "endpoints[2]: name: '' is not a name: it must not be empty nor contain '/'",
	  { MORE_ENDS(weir_null("")), RX, FLOW } },
	{ "endpoints[2]: name: 'a/b' is not a name: it must not be empty nor contain '/'",
	  { MORE_ENDS(weir_null("a/b")), RX, FLOW } },
	{ "endpoint out: name: endpoints[1] has this name too", { MORE_ENDS(weir_null("out")), RX, FLOW } },
};

static const struct wrong workers[] = {
	{ "workers: there are none\nflow/read: worker: no worker is named 'rx'", { ENDS, FLOW } },
	WORKERS("workers[1]: name: '' is not the name of a thread: it must have 1 to 15 bytes",
		{ "", .unpinned = true }),
	WORKERS("workers[1]: name: '1234567890123456' is not the name of a thread: it must have 1 to 15 "
		"bytes",
		{ "1234567890123456", .unpinned = true }),
	WORKERS("worker rx: name: workers[0] has this name too", { "rx", .unpinned = true }),
	WORKERS("worker tx: spin_us: 1001 is more than 1000", { "tx", .unpinned = true, .spin_us = 1001 }),
	WORKERS("worker tx: spin_us: 7 contradicts sleep_at_once",
		{ "tx", .unpinned = true, .spin_us = 7, .sleep_at_once = true }),
	WORKERS("worker tx: it has nothing to do: no reader and no ring names it",
		{ "tx", .unpinned = true }),
};

static const struct wrong pools[] = {
	POOL("pool: buffers: 8388609 is more than 8388608: make the rings smaller", .buffers = (1 << 23) + 1),
	{ "pool: buffers: 18284885 is more than 8388608: make the rings smaller",
	  { ENDS, RXTX,
	    ROWS(WIDE(1), PASS(1), BACK(1), PASS(2), WIDE(2), PASS(3), BACK(2), PASS(4), WIDE(3), PASS(5),
		 BACK(3), PASS(6), WIDE(4), PASS(7), BACK(4), PASS(8), WIDE(5)) } },
	POOL("pool: buffers: 185 are fewer than the configuration can hold at once: set it to 186, or set "
	     "overcommit",
	     .buffers = 185),
	POOL("pool: buffers: 61 are too few for 1 workers: set it to 62", .buffers = 61, .overcommit = true),
	POOL("pool: room: 127 is not between 128 and 65535", .room = 127),
	POOL("pool: room: 65536 is not between 128 and 65535", .room = 65536),
	POOL("pool: jumbo: 65537 is more than 65536", .jumbo = 65537),
	POOL("pool: jumbo: 7 are too few for 1 workers: set it to 8", .jumbo = 7),
	POOL("pool: headroom: 4097 is more than 4096", .headroom = 4097),
	POOL("pool: tailroom: 4097 is more than 4096", .tailroom = 4097),
};

static const struct wrong chains[] = {
	{ "chains: there are none", { ENDS, RX } },
	{ "chains[0]: name: missing", { ENDS, RX, .chains = { { .stages = { READ, WRITE } } } } },
	{ "chains[0]: name: '' is not a name: it must not be empty nor contain '/'",
	  { ENDS, RX, .chains = { { "", .stages = { READ, WRITE } } } } },
	{ "chains[0]: name: 'a/b' is not a name: it must not be empty nor contain '/'",
	  { ENDS, RX, .chains = { { "a/b", .stages = { READ, WRITE } } } } },
	{ "chains[1]: name: chains[0] is named 'flow' too",
	  { FAKES, RX,
	    .chains = { { "flow", .stages = { READ, WRITE } },
			{ "flow", .stages = { weir_read("in2", .worker = "rx"), weir_write("out2") } } } } },
	{ "empty: it has no stages",
	  { ENDS, RX, .chains = { { "flow", .stages = { READ, WRITE } }, { "empty" } } } },
	{ "flow: stages[0]: the last row must be a writer",
	  { ENDS, RX, .chains = { { "flow", .stages = { READ } } } } },
	{ "flow: stages[1]: a reader must be the first row",
	  { FAKES, RX, ROWS(weir_read("in2", .name = "again", .worker = "rx")) } },
	{ "flow: stages[1]: a writer must be the last row",
	  { FAKES, RX, ROWS(weir_write("out2", .name = "early")) } },
	{ "flow: stages[2]: a ring follows a ring",
	  { FAKES, RXTX, ROWS(weir_ring(.worker = "tx"), weir_ring(.worker = "rx", .name = "back")) } },
	{ "lost: nothing leads to it: it has no reader, and no exit names it",
	  { ENDS, RX,
	    .chains = { { "flow", .stages = { READ, WRITE } }, { "lost", .stages = { WRITE } } } } },
};

static const struct wrong rows[] = {
	ROW("flow/pass: options: missing", { .type = &pass_type }),
	ROW("flow/: name: '' is not a name: it must not be empty nor contain '/'", pass(.name = "")),
	ROW("flow/a/b: name: 'a/b' is not a name: it must not be empty nor contain '/'", pass(.name = "a/b")),
	ROW("flow/pass: name: stages[1] has this name too: give one of them a .name", pass(), pass()),
	ROW("flow/read: name: stages[0] has this name too: give one of them a .name", pass(.name = "read")),
	ROW("flow/lazy: the type 'lazy' has no process function", lazy()),
	ROW("flow/pass: shape: not this one", pass(.unfounded = true)),
	ROW("flow/ring: worker: missing", weir_ring()),
	ROW("flow/ring: worker: no worker is named 'ry'", weir_ring(.worker = "ry")),
	ROW("flow/ring: worker: 'rx' runs the row before it too: a ring leads to another worker",
	    weir_ring(.worker = "rx")),
	{ "flow/ring: capacity: 65536 is more than 65535",
	  { ENDS, RXTX, ROWS(weir_ring(.worker = "tx", .capacity = 65536)) } },
	{ "flow/ring: full: 3 is none of WEIR_FULL_AUTO, _WAIT and _DROP",
	  { ENDS, RXTX, ROWS(weir_ring(.worker = "tx", .full = (enum weir_full)3)) } },
	BEGIN("flow/read: endpoint: missing", weir_read(.worker = "rx")),
	BEGIN("flow/read: endpoint: no endpoint is named 'inn'", weir_read("inn", .worker = "rx")),
	BEGIN("flow/read: worker: missing", weir_read("in")),
	BEGIN("flow/read: worker: no worker is named 'ry'", weir_read("in", .worker = "ry")),
	BEGIN("flow/read: endpoint: 'out' gives no packets", weir_read("out", .worker = "rx")),
	{ "flow/read: endpoint: 'in' gives no packets",
	  { .endpoints = { fake("in", .max_packet = UINT32_MAX), weir_null("out") }, RX, FLOW } },
	{ "two/read: endpoint: 'in' is read by another chain already",
	  { ENDS, RX,
	    .chains = { { "flow", .stages = { READ, WRITE } }, { "two", .stages = { READ, WRITE } } } } },
	END("flow/write: endpoint: missing", weir_write()),
	END("flow/write: endpoint: no endpoint is named 'outt'", weir_write("outt")),
	END("flow/write: endpoint: 'in' takes no packets", weir_write("in")),
	{ "flow/write: endpoint: 'out' takes no packets",
	  { .endpoints = { fake("in"), fake("out", .takes_none = true) }, RX, FLOW } },
};

static const struct wrong exits[] = {
	ROW("flow/pass: exit[0]: 'flow': pass has 0 exits\n"
	    "flow/pass: exit[0]: chain 'flow' begins with a reader of its own",
	    pass(.exit = { "flow" })),
	FRAME("flow/eth_unwrap: exit[1]: 'rest': eth_unwrap has 1 exits\n"
	      "flow/eth_unwrap: exit[1]: no chain is named 'rest'",
	      weir_eth_unwrap(.exit = { [1] = "rest" })),
	ROW("flow/split: exit[0]: no chain is named 'rest'", split(.exit = { "rest" })),
	ROW("flow/split: exit[7]: chain 'flow' begins with a reader of its own",
	    split(.exit = { [7] = "flow" })),
	{ "rest: it begins on the workers 'rx' and 'tx': let it begin with a weir_ring",
	  { MORE_ENDS(weir_null("out2")), RXTX,
	    .chains = { { "flow", .stages = { READ, split(.exit = { "rest" }), weir_ring(.worker = "tx"),
					      split(.name = "split2", .exit = { "rest" }), WRITE } },
			{ "rest", .stages = { weir_write("out2") } } } } },
	{ "rest: exits give it device packets and IP packets",
	  { ENDS, RX,
	    .chains = { { "flow", .stages = { READ, split(.exit = { "rest" }), weir_af_decap(),
					      split(.name = "split2", .exit = { "rest" }), WRITE } },
			{ "rest", .stages = { WRITE } } } } },
	{ "rest: exits give it raw and utun framing",
	  { .endpoints = { fake("in"), fake("in2", .framing = WEIR_FRAMING_UTUN), weir_null("out") },
	    RX,
	    .chains = { { "flow", .stages = { READ, split(.exit = { "rest" }), WRITE } },
			{ "flow2",
			  .stages = { weir_read("in2", .worker = "rx"), split(.exit = { "rest" }), WRITE } },
			{ "rest", .stages = { WRITE } } } } },
	/* Circles. */
	{ "loop: its exits lead back to it without a ring between",
	  { ENDS, RX,
	    .chains = { { "flow", .stages = { READ, split(.exit = { "loop" }), WRITE } },
			{ "loop", .stages = { split(.exit = { "loop" }), WRITE } } } } },
	{ "a: its exits lead back to it without a ring between\n"
	  "b: its exits lead back to it without a ring between",
	  { ENDS, RX,
	    .chains = { { "flow", .stages = { READ, split(.exit = { "a" }), WRITE } },
			{ "a", .stages = { split(.exit = { "b" }), WRITE } },
			{ "b", .stages = { split(.exit = { "a" }), WRITE } } } } },
	/* There is a way with rings from a to b too, and it is found first. */
	{ "a: its exits lead back to it without a ring between\n"
	  "b: its exits lead back to it without a ring between",
	  { ENDS, RXTX,
	    .chains = { { "flow", .stages = { READ, split(.exit = { "a" }), WRITE } },
			{ "a", .stages = { split(.exit = { "round", "b" }), WRITE } },
			{ "round", .stages = { weir_ring(.worker = "tx"), pass(),
					       weir_ring(.worker = "rx", .name = "back"),
					       split(.exit = { "b" }), WRITE } },
			{ "b", .stages = { split(.exit = { "a" }), WRITE } } } } },
	{ "loop/wait: full: WEIR_FULL_WAIT in a circle of rings could wait for itself",
	  { ENDS, RXTX,
	    LOOP(pass(), weir_ring(.worker = "rx", .full = WEIR_FULL_WAIT, .name = "wait"), PASS(2),
		 weir_ring(.worker = "tx", .name = "again"), PASS(3)) } },
	{ "loop/grow: exits lead from it back to it, and it prepends or appends 4 bytes each time",
	  { ENDS, RXTX, LOOP(grow()) } },
};

static const struct wrong flows[] = {
	ROW("flow/eth_wrap: takes IP packets, but in gives device packets", weir_eth_wrap(.source = MAC)),
	ROW("flow/mac_filter: takes Ethernet frames, but in gives device packets", weir_mac_filter()),
	ROW("flow/af_decap2: takes device packets, but af_decap gives IP packets", weir_af_decap(),
	    weir_af_decap(.name = "af_decap2")),
	FRAME("flow/af_encap: takes IP packets, but eth_wrap gives Ethernet frames", weir_af_encap()),
	/* A stage that leaves the layer alone did not give it. */
	ROW("flow/mac_filter: takes Ethernet frames, but in gives device packets", weir_stats(), pass(),
	    weir_mac_filter()),
	{ "rest/af_decap: takes device packets, but eth_wrap gives Ethernet frames",
	  { ENDS, RX,
	    .chains = { { "flow", .stages = { READ, weir_af_decap(), weir_eth_wrap(.source = MAC),
					      weir_eth_unwrap(.exit = { "rest" }), WRITE } },
			{ "rest", .stages = { weir_af_decap(), WRITE } } } } },
	{ "rest/af_encap: takes IP packets, but framing gives Ethernet frames",
	  { ENDS, RX,
	    .chains = { { "flow", .stages = { READ, weir_af_decap(), framing(.exit = { "rest" }), WRITE } },
			{ "rest", .stages = { weir_af_encap(), WRITE } } } } },
	{ "flow/frames: takes Ethernet frames, but in gives any packets",
	  { .endpoints = { fake("in", .any = true), weir_null("out") }, RX, ROWS(frames()) } },
	{ "flow/write: endpoint 'out' takes device packets, but eth_wrap gives Ethernet frames",
	  { .endpoints = { fake("in"), fake("out") },
	    RX,
	    ROWS(weir_af_decap(), weir_eth_wrap(.source = MAC)) } },
	{ "flow/write: endpoint 'out' takes Ethernet frames, but in gives device packets",
	  { .endpoints = { fake("in"), fake("out", .layer = WEIR_LAYER_L2) }, RX, FLOW } },
	{ "flow/write: endpoint 'out' takes IP packets, but in gives device packets",
	  { .endpoints = { fake("in"), fake("out", .layer = WEIR_LAYER_L3) }, RX, FLOW } },
	{ "flow/write: endpoint 'out' has tun_pi framing, but in gives raw: put af_decap and af_encap "
	  "between",
	  { .endpoints = { fake("in"), fake("out", .framing = WEIR_FRAMING_TUN_PI) }, RX, FLOW } },
	{ "flow/write: endpoint 'out' has raw framing, but in gives utun: put af_decap and af_encap between",
	  { .endpoints = { fake("in", .framing = WEIR_FRAMING_UTUN), fake("out") }, RX, FLOW } },
	{ "two/write: endpoint 'out' is written by the workers 'rx' and 'tx': hand one chain over by a "
	  "weir_ring",
	  { FAKES, RXTX,
	    .chains = { { "flow", .stages = { READ, WRITE } },
			{ "two", .stages = { weir_read("in2", .worker = "tx"), WRITE } } } } },
};

static const struct wrong stages[] = {
	STAGE("flow/eth_wrap: source: missing: the MAC address of this side", weir_eth_wrap()),
	STAGE("flow/eth_wrap: source: '02:00:00:00:00' is not a MAC address",
	      weir_eth_wrap(.source = "02:00:00:00:00")),
	STAGE("flow/eth_wrap: source: '03:00:00:00:00:01' is a group address",
	      weir_eth_wrap(.source = "03:00:00:00:00:01")),
	STAGE("flow/eth_wrap: next_hop: '02:00:00:00:00:zz' is not a MAC address",
	      weir_eth_wrap(.source = MAC, .next_hop = "02:00:00:00:00:zz")),
	STAGE("flow/eth_wrap: subnet[1]: 'fd00::/64' is not an IPv4 prefix",
	      weir_eth_wrap(.source = MAC, .subnet = WEIR_LIST("10.0.0.0/8", "fd00::/64"))),
	STAGE("flow/eth_wrap: subnet[0]: '10.9.0.0/33' is not an IPv4 prefix",
	      weir_eth_wrap(.source = MAC, .subnet = WEIR_LIST("10.9.0.0/33"))),
	STAGE("flow/eth_wrap: subnet[0]: '10.9.0.0/31' has no broadcast address (RFC 3021)",
	      weir_eth_wrap(.source = MAC, .subnet = WEIR_LIST("10.9.0.0/31"))),
	STAGE("flow/eth_wrap: subnet: 9 entries; at most 8",
	      weir_eth_wrap(.source = MAC, .subnet = WEIR_LIST("10.1.0.0/24", "10.2.0.0/24", "10.3.0.0/24",
							       "10.4.0.0/24", "10.5.0.0/24", "10.6.0.0/24",
							       "10.7.0.0/24", "10.8.0.0/24", "10.9.0.0/24"))),
	STAGE("flow/af_encap: af_inet6: 23 is AF_INET6 on no known system (30, 28, 24 or 10)",
	      weir_af_encap(.af_inet6 = 23)),
	FRAME("flow/eth_unwrap: vlan: 3 is neither strip, keep nor refuse",
	      weir_eth_unwrap(.vlan = (enum weir_vlan)3)),
	FRAME("flow/mac_filter: own[1]: '02:00' is not a MAC address",
	      weir_mac_filter(.own = WEIR_LIST(MAC, "02:00"))),
	FRAME("flow/mac_filter: own[0]: 'ff:ff:ff:ff:ff:ff' is a group address",
	      weir_mac_filter(.own = WEIR_LIST("ff:ff:ff:ff:ff:ff"))),
	FRAME("flow/mac_filter: multicast[0]: 'ff:ff:ff:ff:ff:ff' is the broadcast address, which passes "
	      "unless "
	      "no_broadcast is set\n"
	      "flow/mac_filter: multicast[1]: '" MAC "' is not a group address\n"
	      "flow/mac_filter: multicast[2]: 'all' is neither a MAC address nor an IP address\n"
	      "flow/mac_filter: multicast[3]: '10.0.0.1' is not a group address",
	      weir_mac_filter(.multicast = WEIR_LIST("ff:ff:ff:ff:ff:ff", MAC, "all", "10.0.0.1"))),
	FRAME("flow/mac_filter: allow[0]: '02:zz' is not a MAC address",
	      weir_mac_filter(.allow = WEIR_LIST("02:zz"))),
	FRAME("flow/mac_filter: deny[0]: '70:b3:d5:12:38:00/36' is not a MAC address",
	      weir_mac_filter(.deny = WEIR_LIST("70:b3:d5:12:38:00/36"))),
	FRAME("flow/mac_filter: allow_source[0]: '' is not a MAC address",
	      weir_mac_filter(.allow_source = WEIR_LIST(""))),
	FRAME("flow/mac_filter: deny_source[0]: '02:00:00:00:00:01/49' is not a MAC address",
	      weir_mac_filter(.deny_source = WEIR_LIST(MAC "/49"))),
};

static const struct wrong generators[] = {
	READER("endpoint in: layer: 2 is not WEIR_LAYER_AF or WEIR_LAYER_L2",
	       weir_generator("in", .layer = WEIR_LAYER_L3)),
	READER("endpoint in: size: one of size, imix and sizes",
	       weir_generator("in", .size = 64, .imix = true)),
	READER("endpoint in: size: 27 is not from 28 to 65535", weir_generator("in", .size = 27)),
	READER("endpoint in: size: 47 is not from 48 to 65535",
	       weir_generator("in", .size = 47, .source = "fd00::1")),
	READER("endpoint in: size: 65522 is not from 28 to 65521",
	       weir_generator("in", .size = 65522, .layer = WEIR_LAYER_L2)),
	READER("endpoint in: sizes: 65536 is not from 28 to 65535",
	       weir_generator("in", .sizes = { { 100, 1 }, { 65536, 1 } })),
	READER("endpoint in: sizes: the weights add up to more than 4294967295",
	       weir_generator("in", .sizes = { { 100, UINT32_MAX }, { 200, 1 } })),
	READER("endpoint in: flows: 16385 is not from 1 to 16384", weir_generator("in", .flows = 16385)),
	READER("endpoint in: rate: -1 is not a number of packets a second, 0 or at least 0.001",
	       weir_generator("in", .rate = -1)),
	READER("endpoint in: rate: inf is not a number of packets a second, 0 or at least 0.001",
	       weir_generator("in", .rate = INFINITY)),
	READER("endpoint in: source: '10.0.0' is not an IP address",
	       weir_generator("in", .source = "10.0.0")),
	READER("endpoint in: destination: 'fd00::2' is not of the family of the source, '10.0.0.1'",
	       weir_generator("in", .source = "10.0.0.1", .destination = "fd00::2")),
	READER("endpoint in: source_mac: only frames have one: set layer to WEIR_LAYER_L2",
	       weir_generator("in", .source_mac = MAC)),
	READER("endpoint in: destination_mac: '02' is not a MAC address",
	       weir_generator("in", .layer = WEIR_LAYER_L2, .destination_mac = "02")),
};

static const struct wrong devices[] = {
	WRITER("endpoint out: device: is empty", weir_tun("out", .device = "")),
	WRITER("endpoint out: device: 'sixteen-bytes-xx' is longer than 15 bytes",
	       weir_tun("out", .device = "sixteen-bytes-xx")),
	WRITER("endpoint out: device: '..' is not the name of a device", weir_tun("out", .device = "..")),
	WRITER("endpoint out: device: 'a b' is not the name of a device", weir_tun("out", .device = "a b")),
	WRITER("endpoint out: device: 'a%s': a pattern has one %d and no other %",
	       weir_tun("out", .device = "a%s")),
	WRITER("endpoint out: mtu: 67 is not from 68 to 65535", weir_tun("out", .mtu = 67)),
	WRITER("endpoint out: mtu: 65522 is not from 68 to 65521\n"
	       "endpoint out: mac: '01:00:00:00:00:01' is the address of a group",
	       weir_tun("out", .tap = true, .mtu = 65522, .mac = "01:00:00:00:00:01")),
	WRITER("endpoint out: mac: needs tap", weir_tun("out", .mac = MAC)),
	WRITER("endpoint out: ipv4[1]: '10.9.0.2/33' is not an IPv4 address with prefix (and maybe ',' and "
	       "peer)",
	       weir_tun("out", .ipv4 = WEIR_LIST("10.8.0.1/24", "10.9.0.2/33"))),
	WRITER("endpoint out: ipv6[0]: IPv6 needs an mtu of 1280, not 1279",
	       weir_tun("out", .mtu = 1279, .ipv6 = WEIR_LIST("fd00::2/64"))),
	WRITER("endpoint out: owner: needs persist", weir_tun("out", .owner = 1000)),
	WRITER("endpoint out: read: 'nowhere.pcap': No such file or directory\n"
	       "flow/write: endpoint: 'out' takes no packets",
	       weir_pcap("out", .read = "nowhere.pcap")),
	READER("endpoint in: read: 'nowhere.pcap': No such file or directory",
	       weir_pcap("in", .read = "nowhere.pcap")),
	READER("endpoint in: read: one of read and write", weir_pcap("in", .read = "a", .write = "b")),
	WRITER("endpoint out: layer: 2 is not WEIR_LAYER_AF or WEIR_LAYER_L2",
	       weir_pcap("out", .write = "nowhere.pcap", .layer = WEIR_LAYER_L3)),
};

#define READ_TUN weir_read("tun0", .worker = "rx")
#define READ_ONE weir_read("tun0.1", .worker = "rx")
#define QUEUES(text_, ...)                                                              \
	{                                                                               \
		text_,                                                                  \
		{                                                                       \
			.endpoints = { __VA_ARGS__, weir_null("out") }, RX, .chains = { \
				{ "zero", .stages = { READ_TUN, WRITE } },              \
				{ "one", .stages = { READ_ONE, WRITE } }                \
			}                                                               \
		}                                                                       \
	}

/* Endpoints that are parts of others. */
static const struct wrong queues[] = {
	QUEUES("endpoint tun0.1: of: missing", weir_tun("tun0", .queues = 2), weir_tun_queue("tun0.1")),
	QUEUES("endpoint tun0.1: of: no endpoint is named 'tun9'", weir_tun("tun0", .queues = 2),
	       weir_tun_queue("tun0.1", .of = "tun9")),
	QUEUES("endpoint tun0.1: of: 'out' is of the type null, not tun", weir_tun("tun0", .queues = 2),
	       weir_tun_queue("tun0.1", .of = "out")),
	QUEUES("endpoint tun0.1: of: 'tun0.1' is of the type tun_queue, not tun",
	       weir_tun("tun0", .queues = 2), weir_tun_queue("tun0.1", .of = "tun0.1")),
	QUEUES("endpoint tun0.1: of: 'tun0' has queues = 1, and with this one it needs 2", weir_tun("tun0"),
	       weir_tun_queue("tun0.1", .of = "tun0")),
	QUEUES("endpoint tun0.2: of: 'tun0' has queues = 2, and with this one it needs 3",
	       weir_tun_queue("tun0.1", .of = "tun0"), weir_tun_queue("tun0.2", .of = "tun0"),
	       weir_tun("tun0", .queues = 2)),
	/* What is wrong with the device is said once. */
	QUEUES("endpoint tun0: queues: 257 is more than 256", weir_tun("tun0", .queues = 257),
	       weir_tun_queue("tun0.1", .of = "tun0")),
	QUEUES("endpoint tun0.2: no chain reads it, and a part of what comes to 'tun0' would be lost",
	       weir_tun("tun0", .queues = 3), weir_tun_queue("tun0.1", .of = "tun0"),
	       weir_tun_queue("tun0.2", .of = "tun0")),
	{ "endpoint tun0: no chain reads it, and a part of what comes to 'tun0' would be lost",
	  { .endpoints = { weir_tun("tun0", .queues = 2), weir_tun_queue("tun0.1", .of = "tun0"),
			   weir_null("out") },
	    RX,
	    .chains = { { "one", .stages = { READ_ONE, WRITE } } } } },
};

/* All of it is said, in the order of the configuration. */
static const struct wrong several[] = {
	{ "endpoint in: size: 1 is not from 28 to 65535\n"
	  "endpoint in: flows: 20000 is not from 1 to 16384\n"
	  "endpoints[1]: name: '' is not a name: it must not be empty nor contain '/'\n"
	  "worker rx: spin_us: 9999 is more than 1000\n"
	  "flow: stages[2]: a writer must be the last row\n"
	  "flow: stages[3]: the last row must be a writer\n"
	  "flow/eth_wrap: next_hop: 'x' is not a MAC address\n"
	  "flow/eth_wrap: source: missing: the MAC address of this side\n"
	  "flow/write: endpoint: no endpoint is named 'out'\n"
	  "flow/ring: worker: missing\n"
	  "chains[1]: name: missing",
	  { .endpoints = { weir_generator("in", .size = 1, .flows = 20000), weir_null() },
	    .workers = { { "rx", .unpinned = true, .spin_us = 9999 } },
	    .chains = { { "flow", .stages = { READ, weir_eth_wrap(.next_hop = "x"), WRITE, weir_ring() } },
			{ .stages = { WRITE } } } } },
};

#define TABLE(cases)                          \
	{                                     \
#cases, cases, countof(cases) \
	}

static const struct {
	const char *name;
	const struct wrong *cases;
	size_t n;
} tables[] = {
	TABLE(endpoints), TABLE(workers), TABLE(pools),      TABLE(chains),  TABLE(rows),   TABLE(exits),
	TABLE(flows),     TABLE(stages),  TABLE(generators), TABLE(devices), TABLE(queues), TABLE(several),
};

static unsigned count_entries(const char *path)
{
	DIR *directory = opendir(path);
	unsigned n = 0;

	assert_non_null(directory);
	while (readdir(directory))
		n++;
	closedir(directory);
	return n;
}

static unsigned lines(const char *text)
{
	unsigned n = text[0] != '\0';

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* Refused with exactly that text, and nothing is left of the attempt; the code is that of the first problem.
 */
static void refuses_as(const struct weir_config *config, int code, const char *text)
{
	const unsigned fds = count_entries("/proc/self/fd");
	const unsigned threads = count_entries("/proc/self/task");
	struct weir_error err;
	struct weir_pipeline *pipeline = (void *)&err;

	memset(&err, 0x55, sizeof(err));
	assert_int_equal(weir_config_check(config, &err), code);
	assert_string_equal(err.text, text);
	assert_int_equal(err.code, code);
	assert_int_equal(err.problems, lines(text));
	memset(&err, 0x55, sizeof(err));
	assert_int_equal(weir_pipeline_create(&pipeline, config, &err), code);
	assert_string_equal(err.text, text);
	assert_int_equal(err.code, code);
	assert_null(pipeline);
	/* Errors are for those who ask. */
	assert_int_equal(weir_config_check(config, NULL), code);
	assert_int_equal(weir_pipeline_create(&pipeline, config, NULL), code);
	assert_int_equal(count_entries("/proc/self/fd"), fds);
	assert_int_equal(count_entries("/proc/self/task"), threads);
}

static void refuses(const struct weir_config *config, const char *text)
{
	refuses_as(config, -EINVAL, text);
}

/* Tells all that differ at once, as one word that changes changes many of them. */
static void refuses_what_cannot_work(void **state)
{
	struct weir_error err;
	unsigned wrong = 0;

	(void)state;
	for (size_t t = 0; t < countof(tables); t++)
		for (size_t i = 0; i < tables[t].n; i++) {
			weir_config_check(&tables[t].cases[i].config, &err);
			if (strcmp(err.text, tables[t].cases[i].text) == 0)
				continue;
			print_error("%s[%zu]: expected\n%s\nbut got\n%s\n", tables[t].name, i,
				    tables[t].cases[i].text, err.text);
			wrong++;
		}
	assert_int_equal(wrong, 0);
	for (size_t t = 0; t < countof(tables); t++)
		for (size_t i = 0; i < tables[t].n; i++)
			refuses(&tables[t].cases[i].config, tables[t].cases[i].text);
}

static const struct weir_config right[] = {
	/* Edges of the cases above. */
	{ ENDS, .workers = { { "123456789012345", .unpinned = true, .spin_us = 1000 } },
	  .chains = { { "flow", .stages = { weir_read("in", .worker = "123456789012345"), WRITE } } } },
	{ ENDS, RX, FLOW, .pool = { .buffers = 186, .room = 128, .jumbo = 8 } },
	{ ENDS, RX, FLOW, .pool = { .buffers = 62, .overcommit = true, .room = 65535, .jumbo = 65536 } },
	{ ENDS, RX, FLOW, .pool = { .headroom = 4096, .tailroom = 4096 } },
	{ ENDS, RXTX, ROWS(weir_ring(.worker = "tx", .capacity = 65535)) },
	/* Layers. */
	{ ENDS, RX,
	  ROWS(weir_af_decap(), weir_eth_wrap(.source = MAC), weir_mac_filter(), weir_stats(),
	       weir_eth_unwrap(), weir_af_encap()) },
	{ .endpoints = { fake("in", .framing = WEIR_FRAMING_UTUN),
			 fake("out", .framing = WEIR_FRAMING_TUN_PI) },
	  RX,
	  ROWS(weir_af_decap(), weir_af_encap()) },
	{ .endpoints = { fake("in", .framing = WEIR_FRAMING_UTUN),
			 fake("out", .framing = WEIR_FRAMING_UTUN) },
	  RX,
	  FLOW },
	/* What had a framing has none once it is off. */
	{ .endpoints = { fake("in"), fake("in2", .framing = WEIR_FRAMING_UTUN), weir_null("out") },
	  RX,
	  .chains = { { "flow", .stages = { READ, weir_af_decap(), split(.exit = { "rest" }), WRITE } },
		      { "flow2", .stages = { weir_read("in2", .worker = "rx"), weir_af_decap(),
					     split(.exit = { "rest" }), WRITE } },
		      { "rest", .stages = { weir_eth_wrap(.source = MAC), WRITE } } } },
	/* Exits. */
	{ ENDS, RX,
	  .chains = { { "flow", .stages = { READ, split(.exit = { "a", [7] = "b" }),
					    split(.name = "split2", .exit = { "b", "a" }), WRITE } },
		      { "a", .stages = { split(.exit = { "b" }), WRITE } },
		      { "b", .stages = { WRITE } } } },
	{ MORE_ENDS(weir_null("out2")), RXTX,
	  .chains = { { "flow", .stages = { READ, split(.exit = { "rest" }), weir_ring(.worker = "tx"),
					    split(.name = "split2", .exit = { "rest2" }), WRITE } },
		      { "rest", .stages = { weir_ring(.worker = "tx"), WRITE } },
		      { "rest2", .stages = { WRITE } } } },
	/* What leaves a stage is something else than what goes on. */
	{ ENDS, RX,
	  .chains = { { "flow", .stages = { READ, weir_af_decap(), framing(.exit = { "rest" }),
					    weir_af_encap(), WRITE } },
		      { "rest", .stages = { weir_mac_filter(), WRITE } } } },
	/* Circles with rings. */
	{ ENDS, RXTX, LOOP(pass()) },
	/* Queues in any order, as many as the device may have or fewer; what the device gives they give. */
	{ .endpoints = { weir_tun_queue("tun0.1", .of = "tun0"), weir_tun("tun0", .queues = 2),
			 weir_null("out") },
	  RX,
	  .chains = { { "zero", .stages = { READ_TUN, weir_af_decap(), WRITE } },
		      { "one", .stages = { READ_ONE, weir_af_decap(), WRITE } } } },
	{ .endpoints = { weir_tun("tun0", .tap = true, .queues = 256), weir_tun_queue("tun0.1", .of = "tun0"),
			 weir_null("out") },
	  RX,
	  .chains = { { "zero", .stages = { READ_TUN, weir_mac_filter(), WRITE } },
		      { "one", .stages = { READ_ONE, weir_mac_filter(), WRITE } } } },
	/* One worker writes for two chains; an endpoint that nobody uses. */
	{ FAKES, RX,
	  .chains = { { "flow", .stages = { READ, WRITE } },
		      { "two", .stages = { weir_read("in2", .worker = "rx"), WRITE } } } },
};

static void takes_what_is_right(void **state)
{
	struct weir_error err;

	(void)state;
	for (size_t i = 0; i < countof(right); i++) {
		if (weir_config_check(&right[i], &err) < 0)
			fail_msg("right[%zu]: %s", i, err.text);
		assert_string_equal(err.text, "");
		assert_int_equal(err.problems, 0);
	}
}

/* The code is that of the first problem, also of one that its finder did not put into words. */
static void tells_the_first_code(void **state)
{
	const struct weir_config told = { ENDS, RX, ROWS(pass(.refuse = -ENOMEM), weir_eth_wrap()) };
	const struct weir_config stage = { ENDS, RX, ROWS(pass(.refuse = -ENOMEM, .silent = true)) };
	const struct weir_config endpoint = { MORE_ENDS(fake("bad", .refuse = -EBUSY)), RX, FLOW };

	(void)state;
	refuses_as(&told, -ENOMEM,
		   "flow/pass: not in this test\n"
		   "flow/eth_wrap: source: missing: the MAC address of this side");
	refuses_as(&stage, -ENOMEM, "flow/pass: Cannot allocate memory");
	refuses_as(&endpoint, -EBUSY, "endpoint bad: Device or resource busy");
}

#define MANY_ROWS 33
#define WAYS_MAX  64 /* of one worker, in and out */

/* Chains that leave the first worker and come back to it, so that each has two inputs and two sinks there. */
static void counts_what_leads_to_a_worker(void **state)
{
	struct weir_config config = { RXTX };
	const struct weir_stage there_and_back[] = { weir_ring(.worker = "tx"), pass(),
						     weir_ring(.worker = "rx", .name = "back"), WRITE };
	static char names[MANY_ROWS][8];
	struct fake_options ends[MANY_ROWS];
	struct weir_read reads[MANY_ROWS];

	(void)state;
	for (unsigned i = 0; i < MANY_ROWS; i++) {
		snprintf(names[i], sizeof(names[i]), "%u", i);
		ends[i] = (struct fake_options){ .name = names[i] };
		reads[i] = (struct weir_read){ .endpoint = names[i], .worker = "rx" };
		config.endpoints[i] = (struct weir_endpoint){ &fake_type, &ends[i] };
		config.chains[i].name = names[i];
		config.chains[i].stages[0] = (struct weir_stage){ &weir_read_type, &reads[i] };
		memcpy(&config.chains[i].stages[1], there_and_back, sizeof(there_and_back));
	}
	config.endpoints[MANY_ROWS] = (struct weir_endpoint)weir_null("out");
	refuses(&config,
		"worker rx: 66 readers and rings lead to it and 66 rings and writers away: 64 of each are "
		"possible");
	config.chains[MANY_ROWS - 1] = (struct weir_chain){ 0 };
	assert_int_equal(weir_config_check(&config, NULL), 0);
}

/* Each chain leads to the next by eight exits, so there are more ways than can be counted. */
static void does_not_follow_every_way(void **state)
{
	struct weir_config config = { ENDS, RX };
	static char names[WEIR_CHAINS_MAX + 1][8];
	struct shape splits[WEIR_CHAINS_MAX] = { 0 };
	const struct weir_stage write = WRITE;
	struct weir_pipeline *pipeline;

	(void)state;
	for (unsigned i = 0; i < WEIR_CHAINS_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "%u", i);
		snprintf(names[i + 1], sizeof(names[i + 1]), "%u", i + 1);
		for (unsigned k = 0; k < WEIR_EXITS_MAX && i + 1 < WEIR_CHAINS_MAX; k++)
			splits[i].exit[k] = names[i + 1];
		config.chains[i] =
			(struct weir_chain){ names[i], .stages = { { &split_type, &splits[i] }, write } };
	}
	config.chains[0].stages[2] = config.chains[0].stages[1];
	config.chains[0].stages[1] = config.chains[0].stages[0];
	config.chains[0].stages[0] = (struct weir_stage)READ;
	assert_int_equal(weir_pipeline_create(&pipeline, &config, NULL), 0);
	weir_pipeline_destroy(pipeline);
}

/* A type that was never registered is looked at as closely as one that was. */
static void refuses_types_that_break_their_rules(void **state)
{
	struct weir_reason reasons[WEIR_REASONS_MAX + 2] = { { 0 } }; /* one too many, and the end */
	struct weir_stage_type stage = pass_type;
	struct weir_endpoint_type endpoint = fake_type;
	const struct weir_config with_stage = { ENDS, RX,
						ROWS({ &stage, &(struct shape){ .name = "pass" } }) };
	const struct weir_config with_endpoint = {
		MORE_ENDS({ &endpoint, &(struct fake_options){ .name = "fake" } }), RX, FLOW
	};

	(void)state;
	for (unsigned i = 0; i <= WEIR_REASONS_MAX; i++)
		reasons[i] = (struct weir_reason){ "one", "of many" };
	assert_int_equal(weir_config_check(&with_stage, NULL), 0);
	stage.reasons = reasons + 1;
	assert_int_equal(weir_config_check(&with_stage, NULL), 0);
	stage.reasons = reasons;
	refuses(&with_stage, "flow/pass: the type 'pass' has too many reasons");
	assert_int_equal(weir_stage_register(&stage), -EINVAL);
	stage.exits_give = WEIR_LAYER_AF;
	refuses(&with_stage, "flow/pass: the type 'pass' has exits that give device packets, of which nobody "
			     "knows for what device");
	stage.exits = WEIR_EXITS_MAX + 1;
	refuses(&with_stage, "flow/pass: the type 'pass' has too many exits");
	stage.name = NULL;
	refuses(&with_stage, "flow/pass: the type '' has no name");

	assert_int_equal(weir_config_check(&with_endpoint, NULL), 0);
	endpoint.reasons = reasons;
	refuses(&with_endpoint, "endpoint fake: the type 'fake' has too many reasons");
	assert_int_equal(weir_endpoint_register(&endpoint), -EINVAL);
	endpoint.read = NULL;
	endpoint.write = NULL;
	refuses(&with_endpoint, "endpoint fake: the type 'fake' neither reads nor writes");
	endpoint.open = NULL;
	refuses(&with_endpoint, "endpoint fake: the type 'fake' has no check or no open function");
	endpoint.name = "";
	refuses(&with_endpoint, "endpoint fake: the type '' has no name");
}

#define MANY_WORKERS 9

/* What is computed is no less than what would be refused if it were given. */
static void computes_the_pool(void **state)
{
	struct weir_config config = { .endpoints = { weir_generator("in", .size = 9000, .count = 1),
						     weir_null("out") } };
	static char names[MANY_WORKERS][8];
	struct weir_read read = { .endpoint = "in", .worker = names[0] };
	struct weir_ring rings[MANY_WORKERS];
	struct shape passes[MANY_WORKERS];
	const struct weir_stage write = WRITE;
	struct weir_stage *row = config.chains[0].stages;
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;

	(void)state;
	config.chains[0].name = "flow";
	*row++ = (struct weir_stage){ &weir_read_type, &read };
	for (unsigned i = 0; i < MANY_WORKERS; i++) {
		snprintf(names[i], sizeof(names[i]), "w%u", i);
		config.workers[i] = (struct weir_worker){ .name = names[i], .unpinned = true };
		rings[i] = (struct weir_ring){ .worker = names[i], .name = names[i], .capacity = i };
		passes[i] = (struct shape){ .name = names[i] + 1 };
		if (i == 0)
			continue;
		*row++ = (struct weir_stage){ &weir_ring_type, &rings[i] };
		*row++ = (struct weir_stage){ &pass_type, &passes[i] };
	}
	*row = write;
	assert_int_equal(weir_pipeline_create(&pipeline, &config, NULL), 0);
	counters = weir_counters_read(pipeline);
	/* Workers, the writer, rings of 1 to 8 vectors with a backlog each; jumbo buffers. */
	assert_int_equal(counters->buffers, 31 * (9 * 5 + 1 + (36 + 8)) + 2 * 4 * MANY_WORKERS);
	assert_int_equal(counters->buffers_free, counters->buffers);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
	config.pool.jumbo = 2 * 4 * MANY_WORKERS - 1;
	refuses(&config, "pool: jumbo: 71 are too few for 9 workers: set it to 72");
}

/* What the chains need, what is kept for later changes: the larger of both. */
static void leaves_room_in_front_and_behind(void **state)
{
	const struct {
		struct weir_config config;
		uint32_t headroom, tailroom;
	} cases[] = {
		{ { ENDS, RX, FLOW }, 128, 64 },
		{ { ENDS, RX, FLOW, .pool = { .headroom = 1, .tailroom = 2 } }, 1, 2 },
		{ { ENDS, RX, FLOW, .pool = { .headroom = 1000, .tailroom = 2000 } }, 1000, 2000 },
		{ { .endpoints = { fake("in"), fake("out", .headroom = 300, .tailroom = 100) },
		    RX,
		    ROWS(grow(.name = "a"), grow(.name = "b")) },
		  308,
		  100 },
		{ { .endpoints = { fake("in"), fake("out", .headroom = 300, .tailroom = 100) },
		    RX,
		    ROWS(grow(.name = "a")),
		    .pool = { .headroom = 303, .tailroom = 101 } },
		  304,
		  101 },
	};

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		struct weir__plan *plan = malloc(sizeof(*plan));
		struct weir_error err;

		assert_non_null(plan);
		assert_int_equal(weir__plan_make(plan, &cases[i].config, &err), 0);
		assert_int_equal(plan->pool.headroom, cases[i].headroom);
		assert_int_equal(plan->pool.tailroom, cases[i].tailroom);
		weir__plan_free(plan);
		free(plan);
	}
}

/* Pinned to a processor that there is but not for this thread, and to one that cannot be. */
static void knows_the_processors(void **state)
{
	struct weir_config config = { ENDS, .workers = { { "rx" } }, FLOW };
	cpu_set_t before, one;
	unsigned cpu = 0;
	char text[200];

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	while (!CPU_ISSET(cpu, &before))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	for (int i = 0; i < 2; i++) {
		config.workers[0].cpu = i == 0 ? cpu + 1 : 123456;
		snprintf(text, sizeof(text),
			 "worker rx: cpu: processor %u does not exist or may not be used; there is %u",
			 config.workers[0].cpu, cpu);
		refuses(&config, text);
	}
	config.workers[0].cpu = cpu;
	assert_int_equal(weir_config_check(&config, NULL), 0);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

static void refuses_descriptor(const struct weir_fd *options, const char *format, ...) WEIR_PRINTF(2, 3);

static void refuses_descriptor(const struct weir_fd *options, const char *format, ...)
{
	struct weir_config config = { .endpoints = { { &weir_fd_type, options }, weir_null("out") },
				      RX,
				      FLOW };
	char text[200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	refuses(&config, text);
	assert_true(options->fd < 0 || fcntl(options->fd, F_GETFD) >= 0);
}

static void refuses_descriptors(void **state)
{
	int stream[2], packets[2], pipes[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, stream), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, packets), 0);
	assert_int_equal(pipe(pipes), 0);
	refuses_descriptor(&(struct weir_fd){ .name = "in", .fd = -1 },
			   "endpoint in: fd: %d is not an open descriptor", -1);
	refuses_descriptor(
		&(struct weir_fd){ .name = "in", .fd = pipes[0] },
		"endpoint in: fd: %d is neither a device nor a socket, and does not keep packets apart",
		pipes[0]);
	refuses_descriptor(&(struct weir_fd){ .name = "in", .fd = stream[0] },
			   "endpoint in: fd: %d is a stream socket, which does not keep packets apart; "
			   "SOCK_DGRAM and SOCK_SEQPACKET do",
			   stream[0]);
	refuses_descriptor(
		&(struct weir_fd){ .name = "in", .fd = packets[0] },
		"endpoint in: fd: %d blocks; set O_NONBLOCK, or ownership to WEIR_FD_DUPLICATED or "
		"WEIR_FD_TAKEN",
		packets[0]);
	refuses_descriptor(
		&(struct weir_fd){ .name = "in",
				   .fd = packets[0],
				   .ownership = WEIR_FD_TAKEN,
				   .layer = WEIR_LAYER_L2,
				   .framing = WEIR_FRAMING_UTUN,
				   .max_packet = 65536 },
		"endpoint in: framing: Ethernet frames have none: leave it out with WEIR_LAYER_L2\n"
		"endpoint in: max_packet: 65536 is more than 65535");
	for (int i = 0; i < 2; i++) {
		close(stream[i]);
		close(packets[i]);
		close(pipes[i]);
	}
}

static void counts_the_entries_of_lists(void **state)
{
	const size_t n = WEIR_MAC_FILTER_ENTRIES_MAX + 1;
	const char **list = calloc(n + 1, sizeof(*list));
	const struct weir_config config = {
		ENDS, RX, ROWS(weir_af_decap(), weir_eth_wrap(.source = MAC), weir_mac_filter(.deny = list))
	};

	(void)state;
	assert_non_null(list);
	for (size_t i = 0; i < n; i++)
		list[i] = MAC;
	refuses(&config, "flow/mac_filter: deny: 65537 entries; at most 65536");
	free(list);
}

/* More is wrong than fits in the text. */
static void says_that_there_is_more(void **state)
{
	struct weir_config config = { ENDS, RX, FLOW };
	const struct weir_chain wrong = { "a/b", .stages = { READ, WRITE } };
	struct weir_error err;

	(void)state;
	for (unsigned i = 1; i < WEIR_CHAINS_MAX; i++)
		config.chains[i] = wrong;
	assert_int_equal(weir_config_check(&config, &err), -EINVAL);
	assert_true(err.problems > WEIR_CHAINS_MAX);
	assert_true(strlen(err.text) < sizeof(err.text));
	assert_string_equal(err.text + strlen(err.text) - 11, "\n(and more)");
}

/* What was opened before an endpoint that could not be is closed again. */
static void leaves_nothing_open(void **state)
{
	struct fake good;
	const struct weir_config config = {
		.endpoints = { fake("in", .fake = &good), fake("out", .fake = &good),
			       fake("bad", .fail = -EIO), fake("last", .fake = &good) },
		RXTX,
		ROWS(weir_af_decap(), weir_eth_wrap(.source = MAC), weir_mac_filter(.own = WEIR_LIST(MAC)),
		     weir_ring(.worker = "tx"), weir_eth_unwrap(), weir_af_encap()),
	};
	struct weir_pipeline *pipeline;
	struct weir_error err;
	unsigned fds;

	(void)state;
	fake_init(&good);
	fds = count_entries("/proc/self/fd");
	assert_int_equal(weir_pipeline_create(&pipeline, &config, &err), -EIO);
	assert_string_equal(err.text, "endpoint bad: Input/output error");
	assert_null(pipeline);
	assert_int_equal(good.opened, 2);
	assert_int_equal(good.closed, 2);
	assert_int_equal(count_entries("/proc/self/fd"), fds);
	/* The check alone touches no device. */
	assert_int_equal(weir_config_check(&config, &err), 0);
	assert_int_equal(good.opened, 2);
	fake_free(&good);
}

/* The options are the caller's, and may be gone once the pipeline is there. */
static void keeps_nothing_of_the_configuration(void **state)
{
	struct weir_config *config = calloc(1, sizeof(*config));
	char endpoint[] = "in", worker[] = "rx", chain[] = "flow", stage[] = "filter", mac[] = MAC;
	const char *own[] = { mac, NULL };
	struct weir_pipeline *pipeline;
	struct weir_counters *counters;

	(void)state;
	assert_non_null(config);
	*config = (struct weir_config){
		.endpoints = { weir_generator(endpoint, .layer = WEIR_LAYER_L2, .count = 10,
					      .destination_mac = mac),
			       weir_null("out") },
		.workers = { { worker, .unpinned = true } },
		.chains = { { chain, .stages = { weir_read(endpoint, .worker = worker),
						 weir_mac_filter(.name = stage, .own = own), WRITE } } },
	};
	assert_int_equal(weir_pipeline_create(&pipeline, config, NULL), 0);
	memset(config, 0x55, sizeof(*config));
	free(config);
	memset(endpoint, 'x', 2);
	memset(worker, 'x', 2);
	memset(chain, 'x', 4);
	memset(stage, 'x', 6);
	memset(mac, 'x', sizeof(mac));
	own[0] = NULL;
	assert_int_equal(weir_pipeline_start(pipeline, NULL), 0);
	assert_int_equal(weir_pipeline_wait(pipeline, -1), 0);
	counters = weir_counters_read(pipeline);
	assert_int_equal(counters->sent, 10);
	assert_string_equal(weir_counters_stage(counters, "flow/filter")->worker, "rx");
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_cannot_work),
		cmocka_unit_test(tells_the_first_code),
		cmocka_unit_test(takes_what_is_right),
		cmocka_unit_test(counts_what_leads_to_a_worker),
		cmocka_unit_test(does_not_follow_every_way),
		cmocka_unit_test(refuses_types_that_break_their_rules),
		cmocka_unit_test(computes_the_pool),
		cmocka_unit_test(leaves_room_in_front_and_behind),
		cmocka_unit_test(knows_the_processors),
		cmocka_unit_test(refuses_descriptors),
		cmocka_unit_test(counts_the_entries_of_lists),
		cmocka_unit_test(says_that_there_is_more),
		cmocka_unit_test(leaves_nothing_open),
		cmocka_unit_test(keeps_nothing_of_the_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
