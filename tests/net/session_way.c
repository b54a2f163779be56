/* SPDX-License-Identifier: Apache-2.0 */
/* The ways that streams and sockets of a session take: through another namespace, a device, with marks. */
#include <netinet/tcp.h>

#include "caller.h"
#include "carrier.h"
#include "namespace.h"
#include "port.h"

static int home, away; /* namespaces; the peer is away */
static char away_path[64];

static void enter(int namespace)
{
	assert_int_equal(setns(namespace, CLONE_NEWNET), 0);
}

/* --- streams --- */

static int listener;
static uint16_t port;

static void listen_away(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);

	enter(away);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	enter(home);
	assert_true(listener >= 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(listener, 16), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	port = ntohs(address.sin_port);
}

static int value_of(int fd, int level, int option)
{
	socklen_t size = sizeof(int);
	int value = -1;

	getsockopt(fd, level, option, &value, &size);
	return value;
}

static int look_at_options(struct caller *caller, struct weir_error *err)
{
	const int fd = ((const struct weir__port *)caller->stream)->fd;
	char device[IFNAMSIZ] = "";
	socklen_t size = sizeof(device);

	getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, &size);
	if (value_of(fd, SOL_SOCKET, SO_MARK) == 7 && value_of(fd, IPPROTO_IP, IP_TOS) == 10 << 2 &&
	    value_of(fd, SOL_SOCKET, SO_RCVBUF) == 200000 && value_of(fd, SOL_SOCKET, SO_SNDBUF) == 100000 &&
	    value_of(fd, IPPROTO_TCP, TCP_NODELAY) == 1 && strcmp(device, "lo") == 0)
		return 0;
	return weir_failed(err, -EPROTO, "it does not have its options");
}

struct attempt {
	struct call call;
	struct weir_pipeline *pipeline;
};

/* No worker is needed: only whether it comes up. */
static void begin(struct attempt *attempt, struct weir_stream_options options)
{
	const struct weir_config config = {
		.endpoints = { caller(&attempt->call) },
		.workers = { { "w", .unpinned = true } },
		.chains = { { "in",
			      .stages = { weir_read("caller", .worker = "w"), weir_write("caller") } } },
	};

	call_init(&attempt->call);
	options.host = "127.0.0.1";
	options.port = port;
	attempt->call.options = options;
	attempt->call.talk = look_at_options;
	attempt->pipeline = create(&config);
	start(attempt->pipeline);
}

static void end(struct attempt *attempt)
{
	weir_pipeline_destroy(attempt->pipeline);
	call_free(&attempt->call);
}

static void is_down(struct weir_stream_options options, int error, const char *text)
{
	struct attempt attempt;

	begin(&attempt, options);
	call_await(&attempt.call, &attempt.call.downs);
	assert_int_equal(attempt.call.down.error, error);
	if (!strstr(attempt.call.down.reason, text))
		fail_msg("'%s' is not in: %s", text, attempt.call.down.reason);
	end(&attempt);
}

static void a_stream_takes_the_way_of_its_options(void **state)
{
	struct attempt attempt;

	(void)state;
	listen_away();
	begin(&attempt, (struct weir_stream_options){ .netns = away_path,
						      .bind_device = "lo",
						      .mark = 7,
						      .dscp = 10,
						      .receive_buffer = 100000,
						      .send_buffer = 50000 });
	call_await(&attempt.call, &attempt.call.ups);
	assert_int_equal(attempt.call.downs, 0);
	end(&attempt);
	is_down((struct weir_stream_options){ 0 }, -ECONNREFUSED, "Connection refused");
	is_down((struct weir_stream_options){ .netns = "/nowhere" }, -ENOENT,
		"network namespace '/nowhere': No such file");
	is_down((struct weir_stream_options){ .netns = away_path, .bind_device = "nowhere0" }, -ENODEV,
		"bind_device: 'nowhere0': No such device");
	close(listener);
}

/* --- sockets --- */

static void carry(struct carrier_script *script, int namespace, const char *at, unsigned ports)
{
	const int one = 1;

	enter(namespace);
	carrier_listen_at(at);
	enter(home);
	/* Without it, the system drops what comes by IPv6 without a checksum. */
	if (script->options.no_checksum)
		setsockopt(carrier_peer, IPPROTO_UDP, UDP_NO_CHECK6_RX, &one, sizeof(one));
	carrier_run(script, ports);
}

static void a_socket_takes_the_way_of_its_options(void **state)
{
	struct carrier_script script = {
		.options = { .netns = away_path, .bind_device = "lo", .mark = 7, .dscp = 10, .sources = 2 },
		.ports = 3,
	};

	(void)state;
	carry(&script, away, "127.0.0.1", 3);
}

static void a_socket_speaks_ipv6(void **state)
{
	struct carrier_script script = { .options = { .sources = 1 }, .ports = 2 };

	(void)state;
	carry(&script, home, "::1", 2);
	script = (struct carrier_script){ .options = { .sources = 1, .remote = &script.remote }, .ports = 2 };
	carry(&script, home, "::1", 2);
}

static void ipv6_may_do_without_checksums(void **state)
{
	struct carrier_script script = { .options = { .no_checksum = true, .sources = 1 }, .ports = 2 };

	(void)state;
	carry(&script, home, "::1", 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_takes_the_way_of_its_options),
		cmocka_unit_test(a_socket_takes_the_way_of_its_options),
		cmocka_unit_test(a_socket_speaks_ipv6),
		cmocka_unit_test(ipv6_may_do_without_checksums),
	};
	int failed;

	namespace_enter();
	away = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (unshare(CLONE_NEWNET))
		namespace_skip("network namespace");
	namespace_set_flag("lo", IFF_UP, true);
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	snprintf(away_path, sizeof(away_path), "/proc/self/fd/%d", away);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	close(home);
	close(away);
	return failed;
}
