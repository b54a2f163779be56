/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session of one's own: packets to and from a peer who has the same key, one in each UDP datagram. Every
 * datagram carries a tag made with the key, and nobody without it gets anything in. It is an example, and
 *less than a VPN: what goes through can be read, and whoever is on the way can send the same datagram twice.
 *
 *	session LOCAL REMOTE ADDRESS KEY        session 192.0.2.1 192.0.2.2 10.9.0.1/24 key.txt
 *
 * with the IP addresses of both ends, the address inside the tunnel, and a file of 16 bytes that only its
 *owner may read. It runs until SIGINT.
 */
#include <endian.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <weir/weir.h>

#define PORT     5555
#define KEY_SIZE 16
#define MS       1000000ull

#define HELLO_EVERY (200 * MS)  /* while it connects */
#define ALIVE_EVERY (1000 * MS) /* while it is up, so that the peer and routers on the way know */
#define PATIENCE    (5000 * MS) /* with a peer of whom nothing is heard */

/* --- the protocol --- */

struct header {
	uint8_t tag[8]; /* SipHash-2-4 of all that follows, by the key */
	uint8_t kind;
};

#define HEADER (uint32_t)sizeof(struct header)

enum kind {
	HELLO = 1, /* are you there? */
	ALIVE,     /* I am, and I hear you */
	DATA,      /* a packet follows */
	BYE,
};

static uint64_t load(const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return le64toh(word);
}

static uint64_t rotate(uint64_t word, int n)
{
	return word << n | word >> (64 - n);
}

static void mix(uint64_t v[4], int rounds)
{
	while (rounds-- > 0) {
		v[0] += v[1], v[1] = rotate(v[1], 13) ^ v[0], v[0] = rotate(v[0], 32);
		v[2] += v[3], v[3] = rotate(v[3], 16) ^ v[2];
		v[0] += v[3], v[3] = rotate(v[3], 21) ^ v[0];
		v[2] += v[1], v[1] = rotate(v[1], 17) ^ v[2], v[2] = rotate(v[2], 32);
	}
}

/* Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012. */
static void make_tag(const uint8_t *key, const uint8_t *bytes, size_t n, uint8_t tag[8])
{
	uint64_t v[4] = { load(key) ^ 0x736f6d6570736575, load(key + 8) ^ 0x646f72616e646f6d,
			  load(key) ^ 0x6c7967656e657261, load(key + 8) ^ 0x7465646279746573 };
	uint8_t last[8] = { [7] = (uint8_t)n };

	memcpy(last, bytes + n / 8 * 8, n % 8);
	for (size_t i = 0; i <= n / 8; i++) {
		const uint64_t word = load(i < n / 8 ? bytes + 8 * i : last);

		v[3] ^= word;
		mix(v, 2);
		v[0] ^= word;
	}
	v[2] ^= 0xff;
	mix(v, 4);
	memcpy(tag, &(uint64_t){ htole64(v[0] ^ v[1] ^ v[2] ^ v[3]) }, 8);
}

/* --- options and state --- */

/* What the author of a pipeline writes. */
struct keyed {
	WEIR_SESSION_OPTIONS;
	const char *local; /* IP addresses of the two ends */
	const char *remote;
	WEIR_SECRET_OPTIONS(key);
};

#define keyed(...) WEIR_ENDPOINT(keyed_type, struct keyed, __VA_ARGS__)

struct state {
	WEIR_SESSION_STATE;
	union weir_socket_address local, remote;
	char *key;
	struct weir_socket *socket; /* while it connects or is up */
	/* With the receive lock. */
	bool greeted;  /* the peer has sent HELLO since this was false */
	bool answered; /* or ALIVE, so that it hears this side */
	/* Written by the reader's worker, read by the session's thread. */
	uint64_t heard;
};

enum { FORGED = WEIR_SESSION_REASONS_N, UNKNOWN };

static const struct weir_reason reasons[] = {
	WEIR_SESSION_REASONS,
	[FORGED] = { "forged", "its tag was not made with the key" },
	[UNKNOWN] = { "unknown", "of a kind that this version does not know" },
	{ 0 },
};

static int parse(const char *field, const char *text, union weir_socket_address *address,
		 struct weir_error *err)
{
	if (text && weir_socket_address_parse(text, PORT, address))
		return 0;
	return weir_invalid(err, field, "'%s' is not an IP address", text ? text : "");
}

static int check(const void *memory, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct keyed *options = memory;
	const struct weir_secret_source key = WEIR_SECRET_SOURCE(options, key);
	union weir_socket_address local = { 0 }, remote = { 0 };
	int rc = parse("local", options->local, &local, err);

	rc |= parse("remote", options->remote, &remote, err);
	if (rc == 0 && local.any.sa_family != remote.any.sa_family)
		rc = weir_invalid(err, "remote", "'%s' is of another family than '%s'", options->remote,
				  options->local);
	if (weir_secret_sources(&key) != 1)
		rc = weir_invalid(err, "key", "give one of key_file, key_fd and key_ask");
	/* Not L3: nobody has checked yet what comes from the wire. The chain does so, by af_decap. */
	info->layer = WEIR_LAYER_AF;
	info->max_packet = 1500;
	info->headroom = HEADER;
	return rc;
}

static int open_keyed(void *memory, const void *given, struct weir_error *err)
{
	const struct keyed *options = given;
	const struct weir_secret_source key = WEIR_SECRET_SOURCE(options, key);
	struct state *state = memory;
	size_t n;
	int rc;

	parse("local", options->local, &state->local, err);
	parse("remote", options->remote, &state->remote, err);
	rc = weir_secret_read(&key, "key", &state->key, &n, err);
	if (rc == 0 && n != KEY_SIZE) {
		weir_secret_free(state->key);
		rc = weir_invalid(err, "key", "it has %zu bytes, not %d", n, KEY_SIZE);
	}
	return rc;
}

static void close_keyed(void *memory)
{
	struct state *state = memory;

	weir_secret_free(state->key);
}

/* --- the session's thread --- */

/* Without waiting and without a promise, as datagrams are. */
static void say(const struct state *state, enum kind kind)
{
	struct header header = { .kind = (uint8_t)kind };

	make_tag((const uint8_t *)state->key, &header.kind, 1, header.tag);
	weir_socket_send_one(state->socket, &header, sizeof(header), NULL);
}

/* One turn of saying hello. Returns 0 when the peer has answered, -EAGAIN, or -ECANCELED. */
static int greet(struct state *state)
{
	bool greeted, answered;
	int rc;

	say(state, HELLO);
	rc = weir_session_wait(state->session, -1, 0, weir_session_now() + HELLO_EVERY);
	if (rc == -ECANCELED)
		return rc;
	weir_session_lock(state->session);
	greeted = state->greeted;
	answered = state->answered;
	state->greeted = false;
	weir_session_unlock(state->session);
	if (greeted)
		say(state, ALIVE);
	return answered ? 0 : -EAGAIN;
}

static int connect_keyed(void *memory, struct weir_error *err)
{
	struct state *state = memory;
	const struct weir_socket_options options = { .local = &state->local, .remote = &state->remote };
	const uint64_t deadline = weir_session_now() + PATIENCE;
	struct weir_session_status status = { 0 };
	int rc;

	state->greeted = false;
	state->answered = false;
	rc = weir_socket_open(&state->socket, state->session, &options, err);
	if (rc < 0)
		return rc;
	weir_socket_address_text(&state->remote, status.remote);
	while ((rc = greet(state)) == -EAGAIN)
		if (weir_session_now() >= deadline)
			return weir_failed(err, -ETIMEDOUT, "no answer from %s", status.remote);
	if (rc == 0)
		weir_session_assign(state->session, &status);
	return rc;
}

static void disconnect_keyed(void *memory)
{
	struct state *state = memory;

	if (state->socket)
		say(state, BYE);
	state->socket = NULL; /* the engine closes it */
}

static uint64_t timer(void *memory, uint64_t now)
{
	struct state *state = memory;
	const uint64_t until = __atomic_load_n(&state->heard, __ATOMIC_RELAXED) + PATIENCE;

	if (now >= until)
		weir_session_fail(state->session, -ETIMEDOUT, "the peer has been silent for %llu s",
				  PATIENCE / (1000 * MS));
	say(state, ALIVE);
	return now + ALIVE_EVERY < until ? now + ALIVE_EVERY : until;
}

/* --- receiving --- */

/* What is no packet. */
static void hear(struct state *state, struct weir_reader *reader, enum kind kind)
{
	switch (kind) {
	case HELLO:
		state->greeted = true;
		weir_session_wake(state->session, 0); /* connect() or timer() says that this side is alive */
		break;
	case ALIVE:
		if (!state->answered)
			weir_session_wake(state->session, 0);
		state->answered = true;
		break;
	case BYE:
		weir_session_fail(state->session, -ECONNRESET, "the peer has said goodbye");
		break;
	case DATA:
		weir_reader_drop(reader, WEIR_SESSION_EMPTY);
		break;
	default:
		weir_reader_drop(reader, UNKNOWN);
	}
}

static bool is_genuine(const struct state *state, const struct weir_datagram *datagram)
{
	uint8_t tag[8];

	if (datagram->len < HEADER)
		return false;
	make_tag((const uint8_t *)state->key, datagram->bytes + 8, datagram->len - 8, tag);
	return weir_secret_same(tag, datagram->bytes, sizeof(tag));
}

static int datagrams(void *memory, struct weir_socket *socket, struct weir_reader *reader)
{
	struct state *state = memory;
	struct weir_datagram datagram;
	struct weir_buf *buf;
	int rc;

	while ((rc = weir_socket_next(socket, reader, &datagram)) > 0) {
		if (!is_genuine(state, &datagram)) {
			weir_reader_drop(reader, FORGED);
			weir_socket_skip(socket, &datagram);
			continue;
		}
		__atomic_store_n(&state->heard, reader->now, __ATOMIC_RELAXED);
		if (datagram.bytes[8] != DATA || datagram.len == HEADER) {
			hear(state, reader, (enum kind)datagram.bytes[8]);
			weir_socket_skip(socket, &datagram);
		} else if (!weir_socket_take(socket, reader, &datagram, HEADER, datagram.len - HEADER,
					     &buf)) {
			return 0; /* no buffer for it now: it comes again with the next call */
		}
	}
	return rc;
}

/* --- sending --- */

static void seal(const struct state *state, struct weir_buf *buf)
{
	uint8_t *bytes = weir_buf_push(buf, HEADER);

	bytes[8] = DATA;
	make_tag((const uint8_t *)state->key, bytes + 8, buf->len - 8, bytes);
}

static uint32_t send_keyed(void *memory, struct weir_writer *writer, unsigned sender)
{
	struct state *state = memory;
	uint32_t n;

	(void)sender; /* there is one */
	for (uint32_t i = 0; i < writer->n; i++)
		seal(state, weir_writer_buf(writer, i));
	n = weir_socket_send(state->socket, writer, NULL, NULL);
	/* The rest come again, as they were. */
	for (uint32_t i = n; i < writer->n; i++)
		weir_buf_pull(weir_writer_buf(writer, i), HEADER);
	return n;
}

/* --- the type --- */

static const struct weir_option options[] = {
	WEIR_SESSION_OPTION_ROWS(struct keyed),
	WEIR_OPTION(struct keyed, local, STRING, "IP address of this end"),
	WEIR_OPTION(struct keyed, remote, STRING, "IP address of the other end"),
	WEIR_SECRET_OPTION_ROWS(struct keyed, key, "the key of both, 16 bytes"),
	{ 0 },
};

static const struct weir_counter counters[] = {
	WEIR_SESSION_COUNTERS(struct state),
	{ 0 },
};

static const struct weir_session_type keyed_session = {
	.check = check,
	.open = open_keyed,
	.close = close_keyed,
	.connect = connect_keyed,
	.disconnect = disconnect_keyed,
	.timer = timer,
	.datagrams = datagrams,
	.send = send_keyed,
};

extern const struct weir_endpoint_type keyed_type;

WEIR_SESSION(keyed_type, keyed_session, .name = "keyed", .help = "packets to a peer who has the same key",
	     .reasons = reasons, .counters = counters, .options = options,
	     .options_size = sizeof(struct keyed), .state_size = sizeof(struct state));

/* --- the program --- */

static void changed(void *context, const struct weir_session_status *status)
{
	static const char *const states[] = { "down", "connecting", "up" };

	(void)context;
	fprintf(stderr, "the session is %s%s%s\n", states[status->state], status->reason[0] ? ": " : "",
		status->reason);
}

static int run(const struct weir_config *config)
{
	struct weir_pipeline *pipeline;
	struct weir_counters *at_end;
	struct weir_error err;
	sigset_t signals;
	int signal;

	/* Blocked before there are workers, which inherit that: the signal comes to sigwait() below. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);

	if (weir_pipeline_create(&pipeline, config, &err) < 0 || weir_pipeline_start(pipeline, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		weir_pipeline_destroy(pipeline);
		return 1;
	}
	printf("%s is up\n", weir_tun_name(weir_pipeline_endpoint(pipeline, "tun", &weir_tun_type)));
	fflush(stdout);
	sigwait(&signals, &signal);

	weir_pipeline_stop(pipeline);
	at_end = weir_counters_read(pipeline);
	if (at_end)
		weir_counters_print(at_end, stdout);
	weir_counters_free(at_end);
	weir_pipeline_destroy(pipeline);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		fprintf(stderr, "usage: %s LOCAL REMOTE ADDRESS KEY\n", argv[0]);
		return 2;
	}
	const struct weir_config config = {
		.endpoints = {
			weir_tun("tun", .device = "weir%d", .ipv4 = WEIR_LIST(argv[3]), .mtu = 1400),
			keyed("peer", .local = argv[1], .remote = argv[2], .key_file = argv[4], .hold = 64,
			      .changed = changed),
		},
		.workers = { { "tunnel", .unpinned = true } },
		.chains = {
			{ "outbound", .stages = {
				weir_read("tun", .worker = "tunnel"), weir_af_decap(), weir_af_encap(),
				weir_write("peer"),
			} },
			{ "inbound", .stages = {
				weir_read("peer", .worker = "tunnel"), weir_af_decap(), weir_af_encap(),
				weir_write("tun"),
			} },
		},
	};
	return run(&config);
}
