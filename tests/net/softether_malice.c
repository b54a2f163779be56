/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that lies: at each step of a login, and when frames flow, what comes is not what the protocol
 * says. The session ends, says why, tries again, and comes up as soon as a true server listens at that port.
 */
#include "namespace.h"

#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>

#include "identity.h"
#include "payload.h"
#include "softether/bytes.h"
#include "softether/pack.h"
#include "softether_client.h"
#include "wait.h"

#define PORT    5555
#define GARBAGE 3000
#define MESSAGE 8192

/* What a connection is told wrongly; the steps before it are right. */
enum lie {
	NO_TLS,
	CLOSED_BEFORE_HELLO,
	NO_HTTP,
	OTHER_STATUS,
	NO_LENGTH,
	HUGE_LENGTH,
	SHORT_BODY,
	NO_PACK,
	HUGE_PACK,
	EMPTY_HELLO,
	CLOSED_AFTER_HELLO,
	NO_PACK_TO_LOGIN,
	EMPTY_WELCOME,
	CLEAR_WELCOME,
	REDIRECT_TO_NOWHERE,
	REDIRECT_WITH_WRONG_CERTIFICATE,
	HUGE_BLOCK,
	HUGE_KEEPALIVE,
	GARBAGE_FOR_FRAMES,
	SHORT_FRAMES_THEN_CLOSED,
	LIES,
};

#define ROUNDS 3

static struct liar {
	SSL_CTX *context;
	int listener;
	pthread_t thread;
	unsigned n; /* connections that were lied to */
} liar;

static struct softether server = { .address = "127.0.0.1", .port = PORT };
static struct softether_client client;
static struct site site;

/* --- the server --- */

static void send_all(SSL *tls, const void *bytes, size_t n)
{
	/* A client that has heard enough is gone already. */
	(void)SSL_write(tls, bytes, (int)n);
}

/* A request, whatever it is, up to the end of its body. */
static void read_request(SSL *tls)
{
	static char request[65536];
	size_t n = 0, body = 0;
	const char *end = NULL, *length;
	int got;

	do {
		got = SSL_read(tls, request + n, (int)(sizeof(request) - 1 - n));
		if (got <= 0)
			return;
		n += (size_t)got;
		request[n] = '\0';
		end = strstr(request, "\r\n\r\n");
		length = strcasestr(request, "content-length:");
		if (end && length)
			body = strtoul(length + 15, NULL, 10);
	} while (!end || n < (size_t)(end + 4 - request) + body);
}

static void reply(SSL *tls, const uint8_t *body, size_t n, size_t told)
{
	char head[256];
	const int head_n = snprintf(head, sizeof(head),
				    "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
				    "Content-Length: %zu\r\n\r\n",
				    told);

	send_all(tls, head, (size_t)head_n);
	send_all(tls, body, n);
}

static void reply_pack(SSL *tls, const struct weir__se_pack_writer *writer)
{
	const int n = weir__se_pack_end(writer);

	if (n > 0)
		reply(tls, writer->bytes, (size_t)n, (size_t)n);
}

static void send_garbage(SSL *tls, unsigned seed)
{
	uint8_t garbage[GARBAGE];

	payload_fill(seed, 0, garbage, sizeof(garbage));
	send_all(tls, garbage, sizeof(garbage));
}

static void reply_garbage(SSL *tls, unsigned seed)
{
	uint8_t garbage[GARBAGE];

	payload_fill(seed, 0, garbage, sizeof(garbage));
	reply(tls, garbage, sizeof(garbage), sizeof(garbage));
}

static void hello(SSL *tls, bool empty)
{
	static const uint8_t random[20] = { 1 };
	struct weir__se_pack_writer writer;
	uint8_t message[MESSAGE];

	weir__se_pack_begin(&writer, message, sizeof(message));
	weir__se_pack_put_str(&writer, "hello", "liar");
	if (!empty)
		weir__se_pack_put_data(&writer, "random", random, sizeof(random));
	reply_pack(tls, &writer);
}

static void welcome(SSL *tls, enum lie lie)
{
	static const uint8_t key[20] = { 2 };
	struct weir__se_pack_writer writer;
	uint8_t message[MESSAGE];

	weir__se_pack_begin(&writer, message, sizeof(message));
	weir__se_pack_put_str(&writer, "connection_name", "CID-1");
	if (lie != EMPTY_WELCOME) {
		weir__se_pack_put_str(&writer, "session_name", "SID-LIAR-1");
		weir__se_pack_put_data(&writer, "session_key", key, sizeof(key));
	}
	weir__se_pack_put_int(&writer, "max_connection", UINT32_MAX);
	weir__se_pack_put_int(&writer, "use_encrypt", lie != CLEAR_WELCOME);
	weir__se_pack_put_int(&writer, "timeout", 1);
	reply_pack(tls, &writer);
}

static void redirect(SSL *tls, bool nowhere)
{
	static const uint8_t ticket[20] = { 3 };
	struct weir__se_pack_writer writer;
	uint8_t message[MESSAGE];

	weir__se_pack_begin(&writer, message, sizeof(message));
	weir__se_pack_put_int(&writer, "Redirect", 1);
	if (!nowhere) {
		weir__se_pack_put_int(&writer, "Ip", 0x0100007f);
		weir__se_pack_put_int(&writer, "Port", PORT);
	}
	weir__se_pack_put_data(&writer, "Ticket", ticket, sizeof(ticket));
	weir__se_pack_put_data(&writer, "Cert", ticket, sizeof(ticket));
	reply_pack(tls, &writer);
}

/* A count or the mark of a keepalive, and a size. */
static void send_numbers(SSL *tls, uint32_t count, uint32_t size)
{
	uint8_t bytes[8];

	weir__se_store32(bytes, count);
	weir__se_store32(bytes + 4, size);
	send_all(tls, bytes, sizeof(bytes));
}

static void lie_about_hello(SSL *tls, enum lie lie, unsigned seed)
{
	static const char other[] = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
	static const char none[] = "HTTP/1.1 200 OK\r\n\r\n";
	static const uint8_t huge[8] = { 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 2 };

	if (lie == NO_HTTP)
		send_garbage(tls, seed);
	else if (lie == OTHER_STATUS)
		send_all(tls, other, sizeof(other) - 1);
	else if (lie == NO_LENGTH)
		send_all(tls, none, sizeof(none) - 1);
	else if (lie == HUGE_LENGTH)
		reply(tls, huge, sizeof(huge), SIZE_MAX);
	else if (lie == SHORT_BODY)
		reply(tls, huge, sizeof(huge), 100);
	else if (lie == NO_PACK)
		reply_garbage(tls, seed);
	else if (lie == HUGE_PACK)
		reply(tls, huge, sizeof(huge), sizeof(huge));
	else if (lie == EMPTY_HELLO)
		hello(tls, true);
}

static void lie_about_frames(SSL *tls, enum lie lie, unsigned seed)
{
	static const uint8_t zeros[13];

	if (lie == HUGE_BLOCK)
		send_numbers(tls, 1, 3201);
	else if (lie == HUGE_KEEPALIVE)
		send_numbers(tls, UINT32_MAX, 513);
	else if (lie == GARBAGE_FOR_FRAMES)
		send_garbage(tls, seed);
	if (lie != SHORT_FRAMES_THEN_CLOSED)
		return;
	send_numbers(tls, 1000, sizeof(zeros));
	send_all(tls, zeros, sizeof(zeros));
}

static void lie_to(SSL *tls, enum lie lie, unsigned seed)
{
	if (lie == CLOSED_BEFORE_HELLO)
		return;
	read_request(tls);
	if (lie <= EMPTY_HELLO) {
		lie_about_hello(tls, lie, seed);
		return;
	}
	hello(tls, false);
	if (lie == CLOSED_AFTER_HELLO)
		return;
	read_request(tls);
	if (lie == NO_PACK_TO_LOGIN)
		reply_garbage(tls, seed);
	else if (lie == REDIRECT_TO_NOWHERE || lie == REDIRECT_WITH_WRONG_CERTIFICATE)
		redirect(tls, lie == REDIRECT_TO_NOWHERE);
	else
		welcome(tls, lie);
	lie_about_frames(tls, lie, seed);
}

static void serve(int fd, enum lie lie, unsigned seed)
{
	uint8_t garbage[GARBAGE];
	SSL *tls;

	if (lie == NO_TLS) {
		payload_fill(seed, 0, garbage, sizeof(garbage));
		send(fd, garbage, sizeof(garbage), MSG_NOSIGNAL);
		return;
	}
	tls = SSL_new(liar.context);
	SSL_set_fd(tls, fd);
	if (SSL_accept(tls) == 1) {
		lie_to(tls, lie, seed);
		SSL_shutdown(tls);
	}
	SSL_free(tls);
}

/* One connection after the other, until the listener is shut down. */
static void *run(void *context)
{
	(void)context;
	for (unsigned n = 0;; n++) {
		const int fd = accept4(liar.listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			return NULL;
		serve(fd, (enum lie)(n % LIES), n);
		close(fd);
		__atomic_store_n(&liar.n, n + 1, __ATOMIC_RELEASE);
	}
}

static void start_lying(void)
{
	const struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct identity identity = identity_make("liar", "IP:127.0.0.1", NULL, 1);
	const int on = 1;

	liar.context = identity_server(&identity);
	identity_free(&identity);
	liar.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(liar.listener >= 0);
	assert_int_equal(setsockopt(liar.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(liar.listener, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(liar.listener, 8), 0);
	assert_int_equal(pthread_create(&liar.thread, NULL, run, NULL), 0);
}

static void stop_lying(void)
{
	shutdown(liar.listener, SHUT_RDWR);
	pthread_join(liar.thread, NULL);
	close(liar.listener);
	SSL_CTX_free(liar.context);
}

/* --- the test --- */

static bool is_user(void)
{
	bool is;

	pthread_mutex_lock(&client.lock);
	assert_false(client.status.fatal);
	is = client.status.state == WEIR_SESSION_UP && strncmp(client.status.label, "SID-U1-", 7) == 0;
	pthread_mutex_unlock(&client.lock);
	return is;
}

static unsigned lied(void)
{
	return __atomic_load_n(&liar.n, __ATOMIC_ACQUIRE);
}

static void is_stood(void **state)
{
	struct weir_softether session = softether_options(&server, "u1", "pw-one");

	(void)state;
	session.retry_ms = 1;
	session.retry_max_ms = 5;
	site_make(&site);
	/* With its hub from the first moment that it listens, later. */
	softether_start(&server);
	softether_stop(&server);
	start_lying();
	softether_client_start(&client, &site, 0, &session);
	/* One attempt may take two connections, to go on with a session or where it is sent. */
	wait_until(lied() >= ROUNDS * LIES && softether_client_count(&client, "failures") >= ROUNDS * LIES);
	stop_lying();
	softether_start(&server);
	wait_until(is_user());
	softether_client_stop(&client);
}

static int clean(void **state)
{
	(void)state;
	softether_client_free(&client);
	if (server.pid)
		softether_stop(&server);
	site_close(&site);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(is_stood, clean),
	};

	signal(SIGPIPE, SIG_IGN);
	namespace_enter();
	softether_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
