/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A way between two devices that takes less than both of them: the kernels learn how much, by messages or by
 * the segment size of TCP.
 */
#include "namespace.h"

#include <netinet/tcp.h>

#include <weir/weir.h>

#include "address.h"
#include "stream.h"
#include "wait.h"

#define PATH 1300        /* bytes of the largest packet; the devices have 1500 */
#define BULK (512 << 10) /* bytes each way of a connection */
#define PORT 5000

struct kind {
	int family;
	uint32_t no_offload;
};

static struct site site[2];
static struct weir_pipeline *pipeline;
static struct weir_error err;

#define DEVICE(side_, name_, kind_)                                                   \
	weir_tun(name_, .netns = site[side_].path, .no_offload = (kind_)->no_offload, \
		 .ipv4 = WEIR_LIST(ADDRESS_IPV4(0, side_) "/24"),                     \
		 .ipv6 = WEIR_LIST(ADDRESS_IPV6(0, side_) "/64"))

static struct weir_path_mtu limit(uint32_t mtu, bool clamp, const char *errors)
{
	return (struct weir_path_mtu){ .mtu = mtu, .clamp = clamp, .exit = { errors } };
}

static void begin(const struct kind *kind, uint32_t mtu, bool clamp)
{
	const struct weir_path_mtu forth = limit(mtu, clamp, "errors0"), back = limit(mtu, clamp, "errors1");
	const struct weir_config config = {
		.endpoints = { DEVICE(0, "left0", kind), DEVICE(1, "right0", kind) },
		.workers = { { "one", .unpinned = true } },
		.chains = { { "forth", .stages = { weir_read("left0", .worker = "one"),
						   weir_af_decap(),
						   { &weir_path_mtu_type, &forth },
						   weir_af_encap(),
						   weir_write("right0") } },
			    { "back", .stages = { weir_read("right0", .worker = "one"),
						  weir_af_decap(),
						  { &weir_path_mtu_type, &back },
						  weir_af_encap(),
						  weir_write("left0") } },
			    { "errors0", .stages = { weir_af_encap(), weir_write("left0") } },
			    { "errors1", .stages = { weir_af_encap(), weir_write("right0") } } },
		.drain_ms = WAIT_MS,
	};

	site_make(&site[0]);
	site_make(&site[1]);
	if (weir_pipeline_create(&pipeline, &config, &err) || weir_pipeline_start(pipeline, &err))
		fail_msg("%s", err.text);
}

static uint64_t counter(const struct weir_counters *counters, const char *path, const char *name)
{
	const struct weir_stage_counters *row = weir_counters_stage(counters, path);

	for (unsigned i = 0; i < row->n_counts; i++)
		if (strcmp(row->counts[i].name, name) == 0)
			return row->counts[i].n;
	fail_msg("%s has no counter %s", path, name);
	return 0;
}

/* What both directions have counted. At rest, every packet and segment is accounted for. */
static struct sums {
	uint64_t answers, clamped;
} end(void)
{
	struct weir_counters *counters;
	struct sums sums;

	assert_int_equal(weir_pipeline_stop(pipeline), 0);
	counters = weir_counters_read(pipeline);
	assert_non_null(counters);
	assert_int_equal(counters->held, 0);
	assert_int_equal(counters->received + counters->injected,
			 counters->sent + counters->consumed + counters->dropped);
	assert_int_equal(counters->received_segments, counters->sent_segments + counters->dropped_segments);
	sums.answers = counter(counters, "forth/path_mtu", "answers") +
		       counter(counters, "back/path_mtu", "answers");
	sums.clamped = counter(counters, "forth/path_mtu", "clamped") +
		       counter(counters, "back/path_mtu", "clamped");
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
	site_close(&site[0]);
	site_close(&site[1]);
	return sums;
}

/* --- datagrams */

static void set(int fd, int level, int option, int value)
{
	assert_int_equal(setsockopt(fd, level, option, &value, sizeof(value)), 0);
}

static int get(int fd, int level, int option)
{
	int value = 0;
	socklen_t size = sizeof(value);

	assert_int_equal(getsockopt(fd, level, option, &value, &size), 0);
	return value;
}

static int connect_right(int family, int fragments)
{
	int fd = site_connect_udp(&site[0], family, address_text(family, 0, 1));

	if (family == AF_INET6)
		set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, fragments);
	else
		set(fd, IPPROTO_IP, IP_MTU_DISCOVER, fragments);
	return fd;
}

static int listen_right(int family)
{
	union address address;
	const socklen_t size = address_fill(&address, family, address_text(family, 0, 1), PORT);
	int fd = site_socket(&site[1], family, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, &address.any, size), 0);
	return fd;
}

/* What the kernel believes of the way to the other side. */
static int path_of(int fd, int family)
{
	return family == AF_INET6 ? get(fd, IPPROTO_IPV6, IPV6_MTU) : get(fd, IPPROTO_IP, IP_MTU);
}

static void expect_datagram(int fd, ssize_t size)
{
	static uint8_t bytes[2048];
	ssize_t n;

	wait_until((n = recv(fd, bytes, sizeof(bytes), 0)) >= 0);
	assert_int_equal(n, size);
}

static void learn(int family)
{
	static const uint8_t bytes[1400];
	const int header = family == AF_INET6 ? 48 : 28;
	int fd = connect_right(family, IP_PMTUDISC_DO), right = listen_right(family);

	assert_int_equal(path_of(fd, family), 1500);
	assert_int_equal(send(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	wait_until(path_of(fd, family) == PATH);
	wait_until(send(fd, bytes, PATH - header + 1, 0) < 0);
	assert_int_equal(errno, EMSGSIZE);
	wait_until(send(fd, bytes, (size_t)(PATH - header), 0) > 0);
	expect_datagram(right, PATH - header);
	close(fd);
	close(right);
}

static void datagrams_learn_the_path(void **state)
{
	const struct kind *kind = *state;

	begin(kind, PATH, false);
	learn(kind->family);
	assert_true(end().answers >= 1);
}

/* A sender that lets routers cut its packets learns to cut them itself. */
static void datagrams_are_cut_by_their_sender(void **state)
{
	static const uint8_t bytes[1400];
	const struct kind *kind = *state;
	int fd, right;

	begin(kind, PATH, false);
	fd = connect_right(AF_INET, IP_PMTUDISC_DONT);
	right = listen_right(AF_INET);
	assert_int_equal(send(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	wait_until(path_of(fd, AF_INET) == PATH);
	assert_int_equal(send(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	expect_datagram(right, sizeof(bytes));
	close(fd);
	close(right);
	assert_int_equal(end().answers, 1);
}

/* What is on its way when the limit becomes lower is answered. */
static void a_change_is_learnt(void **state)
{
	const struct kind *kind = *state;
	const struct weir_path_mtu less = limit(PATH, false, "errors0");
	const struct weir_stage row = { &weir_path_mtu_type, &less };
	static const uint8_t bytes[1400];
	int fd, right;

	begin(kind, 1500, false);
	fd = connect_right(kind->family, IP_PMTUDISC_DO);
	right = listen_right(kind->family);
	assert_int_equal(send(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	expect_datagram(right, sizeof(bytes));
	close(fd);
	close(right);
	if (weir_stage_configure(pipeline, "forth/path_mtu", &row, &err))
		fail_msg("%s", err.text);
	learn(kind->family);
	assert_true(end().answers >= 1);
}

/* --- connections */

static void run_stream(const struct kind *kind, int mss[2])
{
	struct stream stream;

	stream_open(&stream, site, kind->family, 0, PORT, BULK);
	for (unsigned side = 0; side < 2; side++)
		mss[side] = get(stream.fd[side], IPPROTO_TCP, TCP_MAXSEG);
	stream_run(&stream, 1);
	stream_close(&stream);
}

static void connections_learn_the_path(void **state)
{
	const struct kind *kind = *state;
	int mss[2];
	struct sums sums;

	begin(kind, PATH, false);
	run_stream(kind, mss);
	sums = end();
	assert_true(mss[0] > PATH - 40 && mss[1] > PATH - 40);
	assert_true(sums.answers >= 2); /* both sides */
	assert_int_equal(sums.clamped, 0);
}

static void connections_are_told_before(void **state)
{
	const struct kind *kind = *state;
	const int header = kind->family == AF_INET6 ? 60 : 40;
	int mss[2];
	struct sums sums;

	begin(kind, PATH, true);
	run_stream(kind, mss);
	sums = end();
	for (unsigned side = 0; side < 2; side++)
		assert_in_range(mss[side], PATH - header - 40, PATH - header);
	assert_int_equal(sums.answers, 0);
	assert_int_equal(sums.clamped, 2);
}

/* --- a session that says what it takes */

/* A control thread, which .changed of the session has woken. First the stages, so that nothing that is on its
 * way gets lost. */
static int follow(const struct weir_session_status *status, struct weir_error *error)
{
	const struct weir_stage rows[] = {
		weir_path_mtu(.mtu = status->mtu, .clamp = true, .exit = { "errors0" }),
		weir_path_mtu(.mtu = status->mtu, .clamp = true, .exit = { "errors1" }),
	};
	void *tun = weir_pipeline_endpoint(pipeline, "left0", &weir_tun_type);
	int rc = weir_stage_configure(pipeline, "forth/path_mtu", &rows[0], error);

	if (rc == 0)
		rc = weir_stage_configure(pipeline, "back/path_mtu", &rows[1], error);
	return rc == 0 ? weir_tun_set_mtu(tun, status->mtu, error) : rc;
}

static void all_follow_a_session(void **state)
{
	const struct kind *kind = *state;
	const struct weir_session_status status = { .state = WEIR_SESSION_UP, .mtu = PATH };
	int mss[2], fd;

	begin(kind, 1500, true);
	if (follow(&status, &err))
		fail_msg("%s", err.text);
	fd = connect_right(kind->family, IP_PMTUDISC_DO);
	assert_int_equal(path_of(fd, kind->family), PATH);
	close(fd);
	run_stream(kind, mss);
	assert_true(mss[0] < PATH - 40 && mss[1] < PATH - 40);
	assert_int_equal(end().answers, 0);
}

#define TEST(test_, family_, no_offload_)                                                 \
	{                                                                                 \
#test_ ", " #family_ ", " #no_offload_, test_, NULL, NULL, &(struct kind) \
		{                                                                         \
			.family = family_, .no_offload = no_offload_                      \
		}                                                                         \
	}
#define TESTS(test_)                                                                               \
	TEST(test_, AF_INET, 0), TEST(test_, AF_INET6, 0), TEST(test_, AF_INET, WEIR_OFFLOAD_ALL), \
		TEST(test_, AF_INET6, WEIR_OFFLOAD_ALL)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TESTS(datagrams_learn_the_path),        TEST(datagrams_are_cut_by_their_sender, AF_INET, 0),
		TEST(a_change_is_learnt, AF_INET, 0),   TEST(a_change_is_learnt, AF_INET6, 0),
		TESTS(connections_learn_the_path),      TESTS(connections_are_told_before),
		TEST(all_follow_a_session, AF_INET, 0), TEST(all_follow_a_session, AF_INET6, 0),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
