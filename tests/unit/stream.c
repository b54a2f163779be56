/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of a session to a server that is the test: both lives, in TLS and clear, and every way to fail. */
#include "test.h"

#include <netdb.h>
#include <signal.h>
#include <netinet/in.h>
#include <openssl/err.h>

#include "caller.h"
#include "identity.h"

#define NEVER   UINT64_MAX
#define PACKETS 2000

static struct identity identity;
static char fingerprint[65];
static const char *const fingerprints[] = { fingerprint, NULL };
static const struct weir_tls pinned = { .fingerprints = fingerprints };
static const struct weir_tls *const kinds[] = { NULL, &pinned };

/* --- names --- */

static struct {
	int error;            /* of getaddrinfo() */
	const char *names[4]; /* addresses that every host has; none: as the system does */
	int wait_fd;          /* waits until that can be read; -1: does not */
	int asked_fd;         /* and says that it does */
	uint64_t answered;    /* times that it did */
} names = { .wait_fd = -1, .asked_fd = -1 };

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
		       struct addrinfo **list);
int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
		       struct addrinfo **list);

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
		       struct addrinfo **list)
{
	struct pollfd polled = { .fd = names.wait_fd, .events = POLLIN };
	const struct addrinfo numeric = { .ai_flags = AI_NUMERICHOST, .ai_socktype = hints->ai_socktype };
	struct addrinfo **end = list;
	int rc;

	if ((hints->ai_flags & AI_NUMERICHOST) ||
	    (!fake_load(names.error) && !names.names[0] && names.wait_fd < 0))
		return __real_getaddrinfo(host, service, hints, list);
	if (names.wait_fd >= 0) {
		fake_ring(names.asked_fd);
		while (poll(&polled, 1, -1) < 1)
			continue;
	}
	rc = fake_load(names.error);
	*list = NULL;
	for (unsigned i = 0; !fake_load(names.error) && names.names[i]; i++) {
		assert_int_equal(__real_getaddrinfo(names.names[i], service, &numeric, end), 0);
		end = &(*end)->ai_next;
	}
	__atomic_add_fetch(&names.answered, 1, __ATOMIC_RELEASE);
	return rc;
}

/* --- the server --- */

static int listener;
static uint16_t port;

static int listen_at(uint16_t at, int backlog)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(at),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	port = ntohs(address.sin_port);
	return fd;
}

/* One connection; ssl NULL: clear. */
struct line {
	int fd;
	SSL *ssl;
};

static SSL *shake(int fd, int most)
{
	SSL_CTX *context = identity_server(&identity);
	SSL *ssl;

	SSL_CTX_set_max_proto_version(context, most);
	ssl = SSL_new(context);
	SSL_CTX_free(context);
	assert_non_null(ssl);
	assert_int_equal(SSL_set_fd(ssl, fd), 1);
	return ssl;
}

static struct line answer(const struct weir_tls *tls)
{
	struct line line = { .fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC) };

	assert_true(line.fd >= 0);
	if (tls) {
		line.ssl = shake(line.fd, 0);
		assert_int_equal(SSL_accept(line.ssl), 1);
	}
	return line;
}

static void hang_up(struct line *line)
{
	SSL_free(line->ssl);
	close(line->fd);
}

static void say(struct line *line, const void *bytes, size_t n)
{
	for (size_t done = 0; done < n;) {
		const ssize_t rc = line->ssl
					   ? SSL_write(line->ssl, (const char *)bytes + done, (int)(n - done))
					   : write(line->fd, (const char *)bytes + done, n - done);

		assert_true(rc > 0);
		done += (size_t)rc;
	}
}

/* Returns 1, or what SSL_read() and read() do at the end: 0 or -1. */
static int hear(struct line *line, void *bytes, size_t n)
{
	for (size_t done = 0; done < n;) {
		const ssize_t rc = line->ssl ? SSL_read(line->ssl, (char *)bytes + done, (int)(n - done))
					     : read(line->fd, (char *)bytes + done, n - done);

		if (rc <= 0)
			return (int)rc;
		done += (size_t)rc;
	}
	return 1;
}

/* The peer has said goodbye, and has not only hung up. */
static void hears_goodbye(struct line *line)
{
	char byte;

	assert_int_equal(hear(line, &byte, 1), 0);
	if (line->ssl)
		assert_int_equal(SSL_get_error(line->ssl, 0), SSL_ERROR_ZERO_RETURN);
}

/* --- the session --- */

struct rig {
	struct call call;
	struct fake source, sink;
	struct weir_pipeline *pipeline;
	const struct caller *caller;
};

static void rig_init(struct rig *rig, const struct weir_tls *tls)
{
	memset(rig, 0, sizeof(*rig));
	call_init(&rig->call);
	fake_init(&rig->source);
	fake_init(&rig->sink);
	rig->call.options = (struct weir_stream_options){ .host = "127.0.0.1", .port = port, .tls = tls };
}

static void rig_begin(struct rig *rig)
{
	const struct weir_config config = {
		.endpoints = { fake("source", .fake = &rig->source, .layer = WEIR_LAYER_L2,
				    .max_packet = CALLER_PACKET),
			       fake("sink", .fake = &rig->sink, .layer = WEIR_LAYER_L2), caller(&rig->call) },
		.workers = { { "out", .unpinned = true }, { "in", .unpinned = true } },
		.chains = { { "out",
			      .stages = { weir_read("source", .worker = "out"), weir_write("caller") } },
			    { "in", .stages = { weir_read("caller", .worker = "in"), weir_write("sink") } } },
	};

	rig->pipeline = create(&config);
	rig->caller = weir_pipeline_endpoint(rig->pipeline, "caller", &caller_type);
	assert_non_null(rig->caller);
	start(rig->pipeline);
}

static void rig_end(struct rig *rig)
{
	weir_pipeline_destroy(rig->pipeline);
	call_free(&rig->call);
	fake_free(&rig->source);
	fake_free(&rig->sink);
}

static void is_down(struct rig *rig, int error, const char *text)
{
	call_await(&rig->call, &rig->call.downs);
	assert_int_equal(rig->call.down.error, error);
	if (!strstr(rig->call.down.reason, text))
		fail_msg("'%s' is not in: %s", text, rig->call.down.reason);
}

/* --- the life of the session's thread --- */

#define LONG 3000000

static uint8_t long_bytes[LONG];

/* What has been heard comes back, whatever its length. */
static int talk(struct caller *caller, struct weir_error *err)
{
	struct weir_stream *stream = caller->stream;
	size_t n;
	int rc = weir_stream_fill(stream, 5, NEVER, err);

	if (rc)
		return rc;
	if (memcmp(weir_stream_peek(stream, &n), "hello", 5) != 0 || weir_stream_heard(stream) == 0)
		return weir_failed(err, -EPROTO, "that is no greeting");
	weir_stream_consume(stream, 5);
	rc = weir_stream_write(stream, long_bytes, LONG, NEVER, err);
	return rc ? rc : weir_stream_fill(stream, 65536, NEVER, err);
}

static void bytes_go_both_ways(void **state)
{
	static uint8_t there[LONG];

	(void)state;
	for (size_t i = 0; i < LONG; i++)
		long_bytes[i] = (uint8_t)(i * 31 + i / 256);
	for (size_t i = 0; i < countof(kinds); i++) {
		struct rig rig;
		struct line line;

		rig_init(&rig, kinds[i]);
		rig.call.talk = talk;
		rig.call.only_talks = true;
		rig.call.options.send_buffer = 4608;
		rig_begin(&rig);
		line = answer(kinds[i]);
		say(&line, "hello", 5);
		assert_int_equal(hear(&line, there, LONG), 1);
		assert_memory_equal(there, long_bytes, LONG);
		say(&line, long_bytes, 65536);
		call_await(&rig.call, &rig.call.ups);
		rig_end(&rig);
		hears_goodbye(&line);
		hang_up(&line);
	}
}

static void the_end_of_the_peer_is_told(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		const struct weir_tls *tls = kinds[i > 0];
		struct rig rig;
		struct line line;

		rig_init(&rig, tls);
		rig.call.talk = talk;
		rig_begin(&rig);
		line = answer(tls);
		say(&line, "hell", 4);
		if (i == 2)
			SSL_shutdown(line.ssl);
		hang_up(&line);
		is_down(&rig, -ENODATA, "127.0.0.1");
		assert_non_null(strstr(rig.call.down.reason, "has closed the connection while receiving"));
		rig_end(&rig);
	}
}

static int talk_for_a_moment(struct caller *caller, struct weir_error *err)
{
	return weir_stream_fill(caller->stream, 1, weir_session_now() + 1000000, err);
}

static void a_wait_has_an_end(void **state)
{
	struct rig rig;
	struct line line;

	(void)state;
	rig_init(&rig, NULL);
	rig.call.talk = talk_for_a_moment;
	rig_begin(&rig);
	line = answer(NULL);
	is_down(&rig, -ETIMEDOUT, "timed out while receiving");
	hang_up(&line);
	rig_end(&rig);
}

static int talk_of_addresses(struct caller *caller, struct weir_error *err)
{
	char peer[WEIR_SESSION_TEXT], local[WEIR_SESSION_TEXT], expected[WEIR_SESSION_TEXT];
	unsigned char *der = NULL;
	const uint8_t *certificate;
	size_t n;
	int len, user = 7;
	bool good;

	weir_stream_addresses(caller->stream, peer, local);
	snprintf(expected, sizeof(expected), "127.0.0.1:%u", port);
	certificate = weir_stream_certificate(caller->stream, &n);
	len = i2d_X509(identity.certificate, &der);
	good = strcmp(peer, expected) == 0 && strncmp(local, "127.0.0.1:", 10) == 0 && certificate &&
	       n == (size_t)len && memcmp(certificate, der, n) == 0;
	OPENSSL_free(der);
	good = good && !weir_stream_user(caller->stream);
	weir_stream_set_user(caller->stream, &user);
	good = good && weir_stream_user(caller->stream) == &user;
	return good ? 0 : weir_failed(err, -EPROTO, "%s, %s, %zu bytes", peer, local, n);
}

static void the_stream_knows_its_peer(void **state)
{
	struct rig rig;
	struct line line;

	(void)state;
	rig_init(&rig, &pinned);
	rig.call.talk = talk_of_addresses;
	rig_begin(&rig);
	line = answer(&pinned);
	call_await(&rig.call, &rig.call.ups);
	rig_end(&rig);
	hang_up(&line);
}

/* The last words in TLS and the first clear ones come together. */
static int talk_and_leave(struct caller *caller, struct weir_error *err)
{
	int rc = weir_stream_fill(caller->stream, 5, NEVER, err);
	size_t n;

	if (rc)
		return rc;
	weir_stream_consume(caller->stream, 5);
	weir_stream_peek(caller->stream, &n);
	if (n)
		return weir_failed(err, -EPROTO, "%zu bytes too many", n);
	weir_stream_leave_tls(caller->stream);
	rc = weir_stream_write(caller->stream, "clear", 5, NEVER, err);
	if (rc == 0)
		rc = weir_stream_fill(caller->stream, 5, NEVER, err);
	if (rc == 0 && memcmp(weir_stream_peek(caller->stream, &n), "CLEAR", 5) != 0)
		rc = weir_failed(err, -EPROTO, "that is not clear");
	return rc;
}

static void tls_may_be_left(void **state)
{
	struct rig rig;
	struct line line;
	char there[5];

	(void)state;
	rig_init(&rig, &pinned);
	rig.call.talk = talk_and_leave;
	rig.call.only_talks = true;
	rig_begin(&rig);
	line = answer(&pinned);
	say(&line, "hello", 5);
	assert_int_equal(write(line.fd, "CLEAR", 5), 5);
	assert_int_equal(read(line.fd, there, 5), 5);
	assert_memory_equal(there, "clear", 5);
	call_await(&rig.call, &rig.call.ups);
	rig_end(&rig);
	assert_int_equal(read(line.fd, there, 5), 0);
	hang_up(&line);
}

/* --- ways not to be connected --- */

static void nobody_listens(void **state)
{
	struct rig rig;

	(void)state;
	close(listener);
	rig_init(&rig, NULL);
	rig_begin(&rig);
	is_down(&rig, -ECONNREFUSED, "host '127.0.0.1': 127.0.0.1:");
	rig_end(&rig);
	listener = listen_at(0, 16);
}

static void all_addresses_are_tried(void **state)
{
	struct rig rig;
	struct line line;

	(void)state;
	names.names[0] = "127.0.0.2";
	names.names[1] = "127.0.0.1";
	rig_init(&rig, NULL);
	rig.call.options.host = "vpn.test";
	rig_begin(&rig);
	line = answer(NULL);
	call_await(&rig.call, &rig.call.ups);
	rig_end(&rig);
	hang_up(&line);
	names.names[1] = "127.0.0.3";
	rig_init(&rig, NULL);
	rig.call.options.host = "vpn.test";
	rig_begin(&rig);
	is_down(&rig, -ECONNREFUSED, "host 'vpn.test': 127.0.0.2:");
	assert_non_null(strstr(rig.call.down.reason, "Connection refused, 127.0.0.3:"));
	rig_end(&rig);
	names.names[0] = NULL;
}

static void a_name_may_be_unknown(void **state)
{
	static const struct {
		int error, code;
	} cases[] = { { EAI_NONAME, -ENOENT }, { EAI_AGAIN, -EAGAIN }, { EAI_MEMORY, -ENOMEM } };

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		struct rig rig;

		fake_store(names.error, cases[i].error);
		rig_init(&rig, NULL);
		rig.call.options.host = "vpn.test";
		rig_begin(&rig);
		is_down(&rig, cases[i].code, "host 'vpn.test': ");
		rig_end(&rig);
	}
	fake_store(names.error, 0);
}

/* Who waits for a name is let go at once; the thread that asks for it ends when it can. */
static void asking_is_cancelled(void **state)
{
	const uint64_t before = names.answered;
	eventfd_t n;
	struct rig rig;

	(void)state;
	names.wait_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	names.asked_fd = eventfd(0, EFD_CLOEXEC);
	rig_init(&rig, NULL);
	rig.call.options.host = "vpn.test";
	rig_begin(&rig);
	assert_int_equal(eventfd_read(names.asked_fd, &n), 0);
	rig_end(&rig);
	fake_store(names.error, EAI_NONAME);
	fake_ring(names.wait_fd);
	/* The next one goes the same way to its end. */
	rig_init(&rig, NULL);
	rig.call.options.host = "vpn.test";
	rig_begin(&rig);
	is_down(&rig, -ENOENT, "vpn.test");
	rig_end(&rig);
	wait_for(fake_load(names.answered) == before + 2);
	close(names.wait_fd);
	close(names.asked_fd);
	names.wait_fd = names.asked_fd = -1;
	fake_store(names.error, 0);
}

/* Where the queue of a listener is full, nothing answers. */
static void connecting_is_cancelled(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const uint16_t before = port;
	const int full = listen_at(0, 0), first = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct rig rig;

	(void)state;
	address.sin_port = htons(port);
	assert_int_equal(connect(first, (struct sockaddr *)&address, sizeof(address)), 0);
	rig_init(&rig, NULL);
	rig_begin(&rig);
	rig_end(&rig);
	rig_init(&rig, NULL);
	rig.call.options.timeout_ms = 20;
	rig_begin(&rig);
	is_down(&rig, -ETIMEDOUT, "Connection timed out");
	rig_end(&rig);
	close(first);
	close(full);
	port = before;
}

static void shaking_hands_is_cancelled(void **state)
{
	struct rig rig;
	struct line line;

	(void)state;
	rig_init(&rig, &pinned);
	rig_begin(&rig);
	line = answer(NULL);
	rig_end(&rig);
	hang_up(&line);
	rig_init(&rig, &pinned);
	rig.call.options.timeout_ms = 20;
	rig_begin(&rig);
	line = answer(NULL);
	is_down(&rig, -ETIMEDOUT, "timed out while shaking hands in TLS");
	rig_end(&rig);
	hang_up(&line);
}

static void what_is_no_tls_is_told(void **state)
{
	struct rig rig;
	struct line line;

	(void)state;
	rig_init(&rig, &pinned);
	rig_begin(&rig);
	line = answer(NULL);
	say(&line, "HTTP/1.0 400 Bad Request\r\n\r\n", 28);
	is_down(&rig, -EBADMSG, "TLS: wrong version number");
	hang_up(&line);
	rig_end(&rig);
	rig_init(&rig, &pinned);
	rig_begin(&rig);
	line = answer(NULL);
	shutdown(line.fd, SHUT_WR); /* close() would reset it, as something is unread */
	is_down(&rig, -ENODATA, "has closed the connection while shaking hands");
	rig_end(&rig);
	hang_up(&line);
}

/* The server hears of it too. */
static void a_stranger_is_refused(void **state)
{
	static const char *const others[] = {
		"0000000000000000000000000000000000000000000000000000000000000000", NULL
	};
	const struct weir_tls tls = { .fingerprints = others };
	const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (size_t i = 0; i < countof(versions); i++) {
		struct rig rig;
		struct line line;
		char byte;

		rig_init(&rig, &tls);
		rig_begin(&rig);
		line = answer(NULL);
		line.ssl = shake(line.fd, versions[i]);
		if (SSL_accept(line.ssl) == 1)
			assert_int_equal(SSL_read(line.ssl, &byte, 1), -1);
		assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_SSLV3_ALERT_BAD_CERTIFICATE);
		ERR_clear_error();
		is_down(&rig, -EKEYREJECTED, fingerprint);
		rig_end(&rig);
		hang_up(&line);
	}
}

/* --- the data path --- */

static uint64_t length_of(uint64_t number)
{
	return 8 + number * 997 % 1400 + (number % 50 == 0 ? 20000 : 0);
}

static void say_packets(struct line *line, uint64_t first, uint64_t n)
{
	static uint8_t bytes[CALLER_HEADER + FAKE_PACKET_MAX];

	for (uint64_t i = first; i < first + n; i++) {
		const uint64_t len = length_of(i);
		const uint32_t header = htonl((uint32_t)len);

		memcpy(bytes, &header, sizeof(header));
		fake_fill(bytes + CALLER_HEADER, len, i);
		say(line, bytes, CALLER_HEADER + len);
	}
}

static void hear_packets(struct line *line, uint64_t first, uint64_t n, uint64_t len)
{
	static uint8_t bytes[FAKE_PACKET_MAX], expected[FAKE_PACKET_MAX];

	for (uint64_t i = first; i < first + n; i++) {
		uint32_t header;

		assert_int_equal(hear(line, &header, sizeof(header)), 1);
		assert_int_equal(ntohl(header), len);
		assert_int_equal(hear(line, bytes, len), 1);
		fake_fill(expected, len, i);
		assert_memory_equal(bytes, expected, len);
	}
}

static void sink_has(struct rig *rig, uint64_t n)
{
	wait_for(fake_load(rig->sink.taken) == n);
	assert_int_equal(fake_load(rig->sink.wrong), 0);
	for (uint64_t i = 0; i < n; i++)
		assert_int_equal(rig->sink.numbers[i], i);
}

static struct line connect_rig(struct rig *rig, const struct weir_tls *tls)
{
	struct line line;

	rig_begin(rig);
	line = answer(tls);
	call_await(&rig->call, &rig->call.ups);
	return line;
}

static void packets_are_received(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(kinds); i++) {
		struct rig rig;
		struct line line;

		rig_init(&rig, kinds[i]);
		fake_record(&rig.sink, PACKETS);
		line = connect_rig(&rig, kinds[i]);
		say_packets(&line, 0, PACKETS / 2);
		sink_has(&rig, PACKETS / 2);
		say_packets(&line, PACKETS / 2, PACKETS / 2);
		sink_has(&rig, PACKETS);
		rig_end(&rig);
		hears_goodbye(&line);
		hang_up(&line);
	}
}

static void all_that_was_taken_arrives(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(kinds); i++) {
		struct rig rig;
		struct line line;

		rig_init(&rig, kinds[i]);
		rig.source.bytes = 1000;
		line = connect_rig(&rig, kinds[i]);
		fake_give(&rig.source, PACKETS);
		hear_packets(&line, 0, PACKETS, 1000);
		fake_give(&rig.source, 1);
		hear_packets(&line, PACKETS, 1, 1000);
		rig_end(&rig);
		hears_goodbye(&line);
		hang_up(&line);
	}
}

/* What came behind the last words of the handshake is there for the first call of bytes(). */
static int talk_shortly(struct caller *caller, struct weir_error *err)
{
	const int rc = weir_stream_fill(caller->stream, 5, NEVER, err);

	if (rc == 0)
		weir_stream_consume(caller->stream, 5);
	return rc;
}

static void what_came_before_is_not_lost(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(kinds); i++) {
		struct rig rig;
		struct line line;

		rig_init(&rig, kinds[i]);
		rig.call.talk = talk_shortly;
		fake_record(&rig.sink, PACKETS);
		rig_begin(&rig);
		line = answer(kinds[i]);
		say(&line, "hello", 5);
		say_packets(&line, 0, 100);
		sink_has(&rig, 100);
		rig_end(&rig);
		hang_up(&line);
	}
}

/* A peer that does not read stops the writer, not the reader; when it reads again, nothing is missing. */
static void a_peer_may_stop_reading(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(kinds); i++) {
		const uint64_t packets = 1500;
		struct rig rig;
		struct line line;

		rig_init(&rig, kinds[i]);
		rig.source.bytes = 40000;
		rig.call.options.send_buffer = 65536;
		fake_record(&rig.sink, PACKETS);
		line = connect_rig(&rig, kinds[i]);
		fake_give(&rig.source, packets);
		wait_for(fake_load(rig.caller->refused) > 0);
		say_packets(&line, 0, PACKETS);
		sink_has(&rig, PACKETS);
		assert_true(fake_load(rig.source.given) < packets);
		hear_packets(&line, 0, packets, 40000);
		rig_end(&rig);
		hears_goodbye(&line);
		hang_up(&line);
	}
}

static void a_lost_peer_ends_the_session(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		const struct weir_tls *tls = kinds[i > 0];
		struct rig rig;
		struct line line;

		rig_init(&rig, tls);
		fake_record(&rig.sink, PACKETS);
		line = connect_rig(&rig, tls);
		say_packets(&line, 0, 50);
		if (i == 2)
			SSL_shutdown(line.ssl);
		hang_up(&line);
		sink_has(&rig, 50);
		is_down(&rig, -ENODATA, "the peer ended the connection");
		rig_end(&rig);
	}
}

static void forged_records_end_the_session(void **state)
{
	static const uint8_t forged[] = { 23, 3,  3,  0,  32, 1,  2,  3,  4,  5,  6,  7,  8,
					  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
					  22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32 };
	struct rig rig;
	struct line line;

	(void)state;
	rig_init(&rig, &pinned);
	line = connect_rig(&rig, &pinned);
	assert_int_equal(write(line.fd, forged, sizeof(forged)), sizeof(forged));
	is_down(&rig, -EBADMSG, "Bad message");
	hang_up(&line);
	rig_end(&rig);
}

/* Nothing is received without an end while bytes() takes nothing. */
static void a_message_without_an_end_ends_the_session(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(kinds); i++) {
		struct rig rig;
		struct line line;

		rig_init(&rig, kinds[i]);
		rig.call.greedy = true;
		rig.call.options.receive_room = 1000;
		line = connect_rig(&rig, kinds[i]);
		say(&line, long_bytes, 1000);
		say(&line, long_bytes, 1);
		is_down(&rig, -EMSGSIZE, "Message too long");
		hang_up(&line);
		rig_end(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_go_both_ways),
		cmocka_unit_test(the_end_of_the_peer_is_told),
		cmocka_unit_test(a_wait_has_an_end),
		cmocka_unit_test(the_stream_knows_its_peer),
		cmocka_unit_test(tls_may_be_left),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(all_addresses_are_tried),
		cmocka_unit_test(a_name_may_be_unknown),
		cmocka_unit_test(asking_is_cancelled),
		cmocka_unit_test(connecting_is_cancelled),
		cmocka_unit_test(shaking_hands_is_cancelled),
		cmocka_unit_test(what_is_no_tls_is_told),
		cmocka_unit_test(a_stranger_is_refused),
		cmocka_unit_test(packets_are_received),
		cmocka_unit_test(all_that_was_taken_arrives),
		cmocka_unit_test(what_came_before_is_not_lost),
		cmocka_unit_test(a_peer_may_stop_reading),
		cmocka_unit_test(a_lost_peer_ends_the_session),
		cmocka_unit_test(forged_records_end_the_session),
		cmocka_unit_test(a_message_without_an_end_ends_the_session),
	};
	int failed;

	signal(SIGPIPE, SIG_IGN);
	identity = identity_make("itself", "DNS:vpn.test", NULL, 1);
	identity_fingerprint(&identity, fingerprint);
	listener = listen_at(0, 16);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	close(listener);
	identity_free(&identity);
	return failed;
}
