/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_graph_worker.h>
#include <rte_mbuf.h>

#include "eal.h"
#include "graph.h"
#include "placement.h"
#include "same.h"

/* What the source works with: a node's process function has no argument of ours. */
static struct {
	struct rte_mempool *pool;
	uint16_t burst;
	uint64_t made;
	uint64_t freed;
} run;

/* UDP over IPv4, from and to addresses for benches. */
static const uint8_t packet[GRAPH_PACKET] = {
	0x45, 0, 0, GRAPH_PACKET, 0, 0, 0x40, 0, 64, IPPROTO_UDP, 0, 0, 198, 18, 0, 1, 198, 19, 0, 1,
};

/* Writes each packet, as a generator or a network card does. */
static uint16_t make(struct rte_graph *graph, struct rte_node *node, void **objects, uint16_t n)
{
	struct rte_mbuf **packets = (struct rte_mbuf **)rte_node_next_stream_get(graph, node, 0, run.burst);

	(void)objects, (void)n;
	if (rte_pktmbuf_alloc_bulk(run.pool, packets, run.burst) != 0)
		return 0;
	for (uint16_t i = 0; i < run.burst; i++) {
		packets[i]->data_len = sizeof(packet);
		packets[i]->pkt_len = sizeof(packet);
		memcpy(rte_pktmbuf_mtod(packets[i], void *), packet, sizeof(packet));
	}
	rte_node_next_stream_put(graph, node, 0, run.burst);
	run.made += run.burst;
	return run.burst;
}

static uint16_t move(struct rte_graph *graph, struct rte_node *node, void **objects, uint16_t n)
{
	(void)objects;
	rte_node_next_stream_move(graph, node, 0);
	return n;
}

static uint16_t touch(struct rte_graph *graph, struct rte_node *node, void **objects, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		++*rte_pktmbuf_mtod((struct rte_mbuf *)objects[i], uint64_t *);
	rte_node_next_stream_move(graph, node, 0);
	return n;
}

static uint16_t take(struct rte_graph *graph, struct rte_node *node, void **objects, uint16_t n)
{
	(void)graph, (void)node;
	rte_pktmbuf_free_bulk((struct rte_mbuf **)objects, n);
	run.freed += n;
	return n;
}

/* --- the nodes --- */

static struct {
	rte_node_t source, sink, stages[GRAPH_WORKS][GRAPH_NODES];
	bool registered;
} nodes;

static rte_node_t add_node(const char *name, unsigned i, rte_node_process_t process, uint64_t flags)
{
	struct rte_node_register node = { .process = process,
					  .flags = flags,
					  .parent_id = RTE_NODE_ID_INVALID };
	rte_node_t id;

	snprintf(node.name, sizeof(node.name), "%s%u", name, i);
	id = __rte_node_register(&node);
	if (id == RTE_NODE_ID_INVALID)
		give_up(BENCH_FAILED, "DPDK makes no node: %s", rte_strerror(rte_errno));
	return id;
}

static void add_nodes(void)
{
	static const char *const names[GRAPH_WORKS] = { "move", "touch", "same" };

	if (nodes.registered)
		return;
	nodes.registered = true;
	nodes.source = add_node("source", 0, make, RTE_NODE_SOURCE_F);
	nodes.sink = add_node("sink", 0, take, 0);
	for (unsigned i = 0; i < GRAPH_NODES; i++) {
		const rte_node_process_t works[GRAPH_WORKS] = { move, touch, same_nodes[i] };

		for (unsigned work = 0; work < GRAPH_WORKS; work++)
			nodes.stages[work][i] = add_node(names[work], i, works[work], 0);
	}
}

static void connect_nodes(rte_node_t from, rte_node_t to)
{
	const char *next = rte_node_id_to_name(to);

	if (rte_node_edge_update(from, 0, &next, 1) != 1)
		give_up(BENCH_FAILED, "DPDK makes no edge to node %s", next);
}

/* Of the source, the first n nodes and the sink. */
static rte_graph_t make_graph(enum graph_work work, unsigned n)
{
	const char *pattern;
	struct rte_graph_param parameters = { SOCKET_ID_ANY, 1, &pattern };
	rte_node_t last = nodes.source;
	rte_graph_t id;

	for (unsigned i = 0; i < n; i++) {
		connect_nodes(last, nodes.stages[work][i]);
		last = nodes.stages[work][i];
	}
	connect_nodes(last, nodes.sink);
	pattern = rte_node_id_to_name(nodes.source); /* now: an edge may move its node */
	id = rte_graph_create("chain", &parameters);
	if (id == RTE_GRAPH_ID_INVALID)
		give_up(BENCH_FAILED, "DPDK makes no graph: %s", rte_strerror(rte_errno));
	return id;
}

/* --- the run --- */

struct walk {
	struct rte_graph *graph;
	uint64_t packets;
	uint64_t ns;
};

static void *walk_graph(void *argument)
{
	struct walk *walk = argument;
	uint64_t begin;

	if (rte_thread_register() < 0)
		give_up(BENCH_FAILED, "DPDK takes no thread: %s", rte_strerror(rte_errno));
	begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	while (run.made < walk->packets)
		rte_graph_walk(walk->graph);
	walk->ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin;
	rte_thread_unregister();
	return NULL;
}

double graph_run(const struct graph *options, unsigned cpu, unsigned n, uint64_t packets)
{
	struct walk walk = { .packets = packets };
	rte_graph_t id;
	pthread_t thread;

	add_nodes();
	memset(&run, 0, sizeof(run));
	run.burst = options->burst;
	run.pool = eal_pool("chain", options->room);
	id = make_graph(options->work, n);
	walk.graph = rte_graph_lookup("chain");
	placement_start_thread(&thread, (int)cpu, walk_graph, &walk);
	pthread_join(thread, NULL);
	if (run.freed != run.made || same_bad)
		give_up(BENCH_FAILED, "graph: of %llu packets not all came through",
			(unsigned long long)run.made);
	rte_graph_destroy(id);
	rte_mempool_free(run.pool);
	return (double)walk.ns / (double)run.made;
}
