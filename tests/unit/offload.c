/* SPDX-License-Identifier: Apache-2.0 */
/* Where rows are put in because of super-packets, and where not; and what is said of configurations in which
 * they cannot be. */
#include "wire.h"

#define ALL  WEIR_OFFLOAD_ALL
#define CSUM WEIR_OFFLOAD_CSUM

#define FROM(name_, gives_)     wire(name_, .gives = gives_, .max_packet = 2000)
#define TO(name_, takes_)       wire(name_, .takes = takes_)
#define GATHERER(name_, takes_) wire(name_, .takes = takes_, .gathers = true)
#define CHAIN(name_, ...)                        \
	{                                        \
		name_, .stages = { __VA_ARGS__ } \
	}
#define READ(name_) weir_read(name_, .worker = "rx")
#define RX          .workers = { { "rx", .unpinned = true } }
#define RXTX        .workers = { { "rx", .unpinned = true }, { "tx", .unpinned = true } }

static weir_verdict pass(struct weir_buf *buf)
{
	(void)buf;
	return WEIR_NEXT;
}

#define SEES(...)   sight(.decide = pass, __VA_ARGS__)
#define JUDGES(...) judge(.decide = pass, __VA_ARGS__)

struct plan_case {
	const char *rows; /* "chain: row row …; chain: …", with what the rows keep or make where they are put
			     in */
	struct weir_config config;
};

/* As weir_counters lists the rows. */
static void write_rows(struct weir_pipeline *pipeline, char *text, size_t size)
{
	struct weir_counters *counters = weir_counters_read(pipeline);
	const char *chain = "";
	size_t n = 0;

	assert_non_null(counters);
	for (unsigned i = 0; i < counters->n_stages && n < size; i++) {
		const char *path = counters->stages[i].path, *name = strchr(path, '/') + 1;
		const size_t len = (size_t)(name - path);

		if (strncmp(chain, path, len) != 0)
			n += (size_t)snprintf(text + n, size - n, "%s%.*s:", n ? "; " : "", (int)len - 1,
					      path);
		chain = path;
		n += (size_t)snprintf(text + n, size - n, " %s", name);
	}
	assert_true(n < size);
	weir_counters_free(counters);
}

static void plan(const char *rows, const struct weir_config *config)
{
	struct wire wires[8];
	struct wire_options options[8];
	struct weir_config given = *config;
	struct weir_pipeline *pipeline;
	char text[1024] = "";
	unsigned n = 0;

	for (; given.endpoints[n].type; n++) {
		wire_init(&wires[n], 4, IPPROTO_TCP, NULL);
		options[n] = *(const struct wire_options *)given.endpoints[n].options;
		options[n].wire = &wires[n];
		given.endpoints[n].options = &options[n];
	}
	pipeline = create(&given);
	write_rows(pipeline, text, sizeof(text));
	weir_pipeline_destroy(pipeline);
	while (n)
		wire_free(&wires[--n]);
	assert_string_equal(text, rows);
}

static void run_cases(const struct plan_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		plan(cases[i].rows, &cases[i].config);
}

static void cuts_where_less_is_understood(void **state)
{
	const struct plan_case cases[] = {
		{ "flow: read gso_split write",
		  { .endpoints = { FROM("in", ALL), TO("out", 0) },
		    RX,
		    .chains = { CHAIN("flow", READ("in"), weir_write("out")) } } },
		{ "flow: read gso_split write",
		  { .endpoints = { FROM("in", CSUM), TO("out", 0) },
		    RX,
		    .chains = { CHAIN("flow", READ("in"), weir_write("out")) } } },
		{ "flow: read gso_split judge write",
		  { .endpoints = { FROM("in", ALL), TO("out", ALL) },
		    RX,
		    .chains = { CHAIN("flow", READ("in"), JUDGES(), weir_write("out")) } } },
		{ "flow: read sight gso_split judge write",
		  { .endpoints = { FROM("in", ALL), TO("out", 0) },
		    RX,
		    .chains = { CHAIN("flow", READ("in"), SEES(), JUDGES(), weir_write("out")) } } },
		/* What is behind a split is cut once. */
		{ "flow: read gso_split judge ring sight write",
		  { .endpoints = { FROM("in", ALL), TO("out", 0) },
		    RXTX,
		    .chains = { CHAIN("flow", READ("in"), JUDGES(), weir_ring("tx"), SEES(),
				      weir_write("out")) } } },
		/* A part is understood, and the rest later. */
		{ "flow: read gso_split write",
		  { .endpoints = { FROM("in", ALL), TO("out", CSUM | WEIR_OFFLOAD_TSO4) },
		    RX,
		    .chains = { CHAIN("flow", READ("in"), weir_write("out")) } } },
	};

	(void)state;
	run_cases(cases, countof(cases));
}

static void puts_nothing_in_where_all_is_understood(void **state)
{
	const struct plan_case cases[] = {
		{ "flow: read write",
		  { .endpoints = { FROM("in", ALL), TO("out", ALL) },
		    RX,
		    .chains = { CHAIN("flow", READ("in"), weir_write("out")) } } },
		{ "flow: read stats ring sight write",
		  { .endpoints = { FROM("in", ALL), GATHERER("out", ALL) },
		    RXTX,
		    .chains = { CHAIN("flow", READ("in"), weir_stats(), weir_ring("tx"), SEES(),
				      weir_write("out")) } } },
		{ "flow: read judge write",
		  { .endpoints = { FROM("in", 0), TO("out", 0) },
		    RX,
		    .chains = { CHAIN("flow", READ("in"), JUDGES(), weir_write("out")) } } },
		{ "flow: read write",
		  { .endpoints = { FROM("in", CSUM | WEIR_OFFLOAD_TSO4), TO("out", CSUM | WEIR_OFFLOAD_TSO) },
		    RX,
		    .chains = { CHAIN("flow", READ("in"), weir_write("out")) } } },
		/* Nobody asked for super-packets. */
		{ "flow: read write",
		  { .endpoints = { FROM("in", 0), TO("out", ALL) },
		    RX,
		    .chains = { CHAIN("flow", READ("in"), weir_write("out")) } } },
	};

	(void)state;
	run_cases(cases, countof(cases));
}

static void puts_together_where_it_pays(void **state)
{
	const struct plan_case cases[] = {
		{ "flow: read judge gro_coalesce write",
		  { .endpoints = { FROM("in", 0), GATHERER("out", ALL) },
		    RX,
		    .chains = { CHAIN("flow", READ("in"), JUDGES(), weir_write("out")) } } },
		{ "flow: read gro_coalesce write",
		  { .endpoints = { FROM("in", CSUM), GATHERER("out", ALL) },
		    RX,
		    .chains = { CHAIN("flow", READ("in"), weir_write("out")) } } },
		/* What a stage had cut. */
		{ "flow: read gso_split judge gro_coalesce write",
		  { .endpoints = { FROM("in", ALL), GATHERER("out", ALL) },
		    RX,
		    .chains = { CHAIN("flow", READ("in"), JUDGES(), weir_write("out")) } } },
	};

	(void)state;
	run_cases(cases, countof(cases));
	/* Each reader has its own way to the writer, */
	plan("flow: read gro_coalesce write; more: read write",
	     &(struct weir_config){ .endpoints = { FROM("in", 0), FROM("in2", ALL), GATHERER("out", ALL) },
				    RX,
				    .chains = { CHAIN("flow", READ("in"), weir_write("out")),
						CHAIN("more", READ("in2"), weir_write("out")) } });
	/* or both have one, by which super-packets come too. */
	plan("flow: read sight write; more: read sight write; rest: ring write",
	     &(struct weir_config){
		     .endpoints = { FROM("in", 0), FROM("in2", ALL), GATHERER("out", ALL), TO("x", ALL) },
		     RXTX,
		     .chains = { CHAIN("flow", READ("in"), SEES(.exit = { "rest" }), weir_write("x")),
				 CHAIN("more", READ("in2"), SEES(.exit = { "rest" }), weir_write("x")),
				 CHAIN("rest", weir_ring("tx"), weir_write("out")) } });
}

/* What comes to a chain by any exit, it must understand. */
static void follows_exits(void **state)
{
	(void)state;
	plan("flow: read sight write; side: gso_split write; deep: gso_split judge write",
	     &(struct weir_config){ .endpoints = { FROM("in", ALL), TO("out", ALL), TO("plain", 0) },
				    RX,
				    .chains = { CHAIN("flow", READ("in"), SEES(.exit = { "side", "deep" }),
						      weir_write("out")),
						CHAIN("side", weir_write("plain")),
						CHAIN("deep", JUDGES(), weir_write("plain")) } });
	/* Behind the split in front of the stage with the exit, nothing is to be cut. */
	plan("flow: read gso_split judge write; side: write",
	     &(struct weir_config){
		     .endpoints = { FROM("in", ALL), TO("out", 0), TO("plain", 0) },
		     RX,
		     .chains = { CHAIN("flow", READ("in"), JUDGES(.exit = { "side" }), weir_write("out")),
				 CHAIN("side", weir_write("plain")) } });
	/* One of two ways has super-packets; the chain stands in front of both. */
	plan("side: gso_split write; flow: read sight write; other: read judge write",
	     &(struct weir_config){
		     .endpoints = { FROM("in", ALL), FROM("in2", 0), TO("out", ALL), TO("plain", 0) },
		     RX,
		     .chains = {
			     CHAIN("side", weir_write("plain")),
			     CHAIN("flow", READ("in"), SEES(.exit = { "side" }), weir_write("out")),
			     CHAIN("other", READ("in2"), JUDGES(.exit = { "side" }), weir_write("out")) } });
}

/* Circles: what goes round comes again, with what others have put in. */
static void follows_circles(void **state)
{
	(void)state;
	plan("flow: read sight write; loop: ring sight back sight2 gso_split write",
	     &(struct weir_config){
		     .endpoints = { FROM("in", ALL), TO("out", ALL), TO("plain", 0) },
		     RXTX,
		     .chains = { CHAIN("flow", READ("in"), SEES(.exit = { "loop" }), weir_write("out")),
				 CHAIN("loop", weir_ring(.worker = "tx"), SEES(),
				       weir_ring(.worker = "rx", .name = "back"),
				       SEES(.name = "sight2", .exit = { "loop" }), weir_write("plain")) } });
	/* What is made in the circle comes to its beginning. */
	plan("flow: read judge write; loop: ring gso_split judge back gro_coalesce sight gso_split2 write",
	     &(struct weir_config){
		     .endpoints = { FROM("in", 0), TO("out", 0), TO("plain", 0) },
		     RXTX,
		     .chains = { CHAIN("flow", READ("in"), JUDGES(.exit = { "loop" }), weir_write("out")),
				 CHAIN("loop", weir_ring(.worker = "tx"), JUDGES(),
				       weir_ring(.worker = "rx", .name = "back"), weir_gro_coalesce(),
				       SEES(.exit = { "loop" }), weir_write("plain")) } });
}

static void leaves_what_was_written_by_hand(void **state)
{
	const uint32_t tcp = CSUM | WEIR_OFFLOAD_TSO;
	const struct plan_case cases[] = {
		{ "flow: read gso_split judge write",
		  { .endpoints = { FROM("in", ALL), TO("out", 0) },
		    RX,
		    .chains = { CHAIN("flow", READ("in"), weir_gso_split(), JUDGES(),
				      weir_write("out")) } } },
		{ "flow: read gso_split gso_split2 write",
		  { .endpoints = { FROM("in", ALL), TO("out", 0) },
		    RX,
		    .chains = { CHAIN("flow", READ("in"), weir_gso_split(.keep = tcp),
				      weir_write("out")) } } },
		{ "flow: read gso_split write",
		  { .endpoints = { FROM("in", ALL), TO("out", tcp) },
		    RX,
		    .chains = { CHAIN("flow", READ("in"), weir_gso_split(.keep = tcp),
				      weir_write("out")) } } },
		{ "flow: read gro_coalesce stats gso_split write",
		  { .endpoints = { FROM("in", 0), TO("out", tcp) },
		    RX,
		    .chains = { CHAIN("flow", READ("in"), weir_gro_coalesce(), weir_stats(),
				      weir_write("out")) } } },
		{ "flow: read gro_coalesce stats write",
		  { .endpoints = { FROM("in", 0), GATHERER("out", tcp) },
		    RX,
		    .chains = { CHAIN("flow", READ("in"), weir_gro_coalesce(.make = WEIR_OFFLOAD_TSO),
				      weir_stats(), weir_write("out")) } } },
	};

	(void)state;
	run_cases(cases, countof(cases));
}

/* One that says so and takes none would get nothing that it understands. */
static void puts_nothing_together_for_who_takes_none(void **state)
{
	(void)state;
	plan("flow: read write",
	     &(struct weir_config){ .endpoints = { FROM("in", CSUM), GATHERER("out", CSUM) },
				    RX,
				    .chains = { CHAIN("flow", READ("in"), weir_write("out")) } });
}

static void finds_names_that_are_free(void **state)
{
	(void)state;
	plan("flow: read gso_split2 gso_split gro_coalesce gso_split3 gso_split4 write",
	     &(struct weir_config){
		     .endpoints = { FROM("in", ALL), TO("out", 0) },
		     RX,
		     .chains = { CHAIN("flow", READ("in"), JUDGES(.name = "gso_split"), weir_gro_coalesce(),
				       SEES(.name = "gso_split3"), weir_write("out")) } });
	plan("flow: read gro_coalesce gro_coalesce2 write",
	     &(struct weir_config){ .endpoints = { FROM("in", 0), GATHERER("out", ALL) },
				    RX,
				    .chains = { CHAIN("flow", READ("in"), JUDGES(.name = "gro_coalesce"),
						      weir_write("out")) } });
}

static void refuses(const char *text, const struct weir_config *config)
{
	struct weir_pipeline *pipeline;
	struct weir_error err;

	assert_int_equal(weir_pipeline_create(&pipeline, config, &err), -EINVAL);
	assert_string_equal(err.text, text);
}

static void says_what_cannot_be(void **state)
{
	(void)state;
	refuses("flow/gso_split: keep: 0x90 has bits that are no offload",
		&(struct weir_config){ .endpoints = { FROM("in", ALL), TO("out", 0) },
				       RX,
				       .chains = { CHAIN("flow", READ("in"), weir_gso_split(.keep = 0x90),
							 weir_write("out")) } });
	refuses("flow/gro_coalesce: make: 0x1 has bits that are no kind of super-packet",
		&(struct weir_config){ .endpoints = { FROM("in", 0), TO("out", ALL) },
				       RX,
				       .chains = { CHAIN("flow", READ("in"), weir_gro_coalesce(.make = CSUM),
							 weir_write("out")) } });
	refuses("flow/gso_split: takes IP packets or Ethernet frames, but in gives any packets",
		&(struct weir_config){
			.endpoints = { fake("in", .any = true), fake("out", .any = true) },
			RX,
			.chains = { CHAIN("flow", READ("in"), weir_gso_split(), weir_write("out")) } });
	/* With the split that what it makes would need. */
	refuses("flow/gro_coalesce: takes IP packets or Ethernet frames, but in gives any packets\n"
		"flow/gso_split: takes IP packets or Ethernet frames, but in gives any packets",
		&(struct weir_config){
			.endpoints = { fake("in", .any = true), fake("out", .any = true) },
			RX,
			.chains = { CHAIN("flow", READ("in"), weir_gro_coalesce(), weir_write("out")) } });
}

/* Each of so many stages needs a split. */
static void says_when_there_are_too_many_rows(void **state)
{
	enum { STAGES = WEIR_STAGES_MAX };
	static struct judge judges[STAGES];
	static struct weir_gro_coalesce makers[STAGES];
	static char names[2 * STAGES][16];
	static char chains[WEIR_CHAINS_MAX][8];
	const struct weir_stage end = weir_write("out");
	struct weir_config config = { .endpoints = { FROM("in", 0), TO("out", 0) }, RX };
	struct weir_pipeline *pipeline;
	struct weir_error err;

	(void)state;
	for (unsigned i = 0; i < STAGES; i++) {
		snprintf(names[i], sizeof(names[i]), "m%u", i);
		snprintf(names[STAGES + i], sizeof(names[i]), "j%u", i);
		makers[i] = (struct weir_gro_coalesce){ .name = names[i] };
		judges[i] = (struct judge){ .name = names[STAGES + i], .decide = pass };
	}
	for (unsigned c = 0; c < WEIR_CHAINS_MAX; c++) {
		unsigned n = 0;

		snprintf(chains[c], sizeof(chains[c]), "c%u", c);
		config.chains[c].name = chains[c];
		for (; n + 3 < STAGES; n += 2) {
			config.chains[c].stages[n] =
				(struct weir_stage){ &weir_gro_coalesce_type, &makers[n] };
			config.chains[c].stages[n + 1] = (struct weir_stage){ &judge_type, &judges[n] };
		}
		config.chains[c].stages[n] = end;
	}
	assert_int_equal(weir_pipeline_create(&pipeline, &config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "no room for a gso_split that it needs: there are too many rows"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_where_less_is_understood),
		cmocka_unit_test(puts_nothing_in_where_all_is_understood),
		cmocka_unit_test(puts_together_where_it_pays),
		cmocka_unit_test(follows_exits),
		cmocka_unit_test(follows_circles),
		cmocka_unit_test(leaves_what_was_written_by_hand),
		cmocka_unit_test(puts_nothing_together_for_who_takes_none),
		cmocka_unit_test(finds_names_that_are_free),
		cmocka_unit_test(says_what_cannot_be),
		cmocka_unit_test(says_when_there_are_too_many_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
