/* SPDX-License-Identifier: Apache-2.0 */
/* What a VXLAN session makes of frames and datagrams. The socket is the test's. */
#include "test.h"

#include "vxlan/vxlan.h"
#include "io.h"

#define VNI 0x123456

static struct weir__vxlan vxlan;
static struct io io;

/* --- the socket: it takes so many copies, refuses some, and keeps what it was given --- */

#define SENT_MAX 1024

static struct {
	uint8_t bytes[64];
	uint32_t len;
	uint32_t host; /* 0: nobody */
	uint8_t source;
} sent[SENT_MAX];
static uint32_t n_sent, n_takes;
static uint32_t refused_host;

uint32_t __wrap_weir_socket_send(struct weir_socket *socket, struct weir_writer *writer,
				 const union weir_socket_address *const *to, const uint8_t *source);

uint32_t __wrap_weir_socket_send(struct weir_socket *socket, struct weir_writer *writer,
				 const union weir_socket_address *const *to, const uint8_t *source)
{
	(void)socket;
	for (uint32_t i = 0; i < writer->n; i++) {
		const struct weir_buf *buf = weir_writer_buf(writer, i);
		const uint32_t host = to[i] ? ntohl(to[i]->ipv4.sin_addr.s_addr) & 0xffff : 0;

		if (!host || host == refused_host) {
			weir_writer_drop(writer, i, host ? WEIR_SESSION_UNREACHABLE : WEIR_SESSION_NO_PEER);
			continue;
		}
		if (!n_takes)
			return i;
		n_takes--;
		assert_true(n_sent < SENT_MAX);
		sent[n_sent].len = buf->len;
		sent[n_sent].host = host;
		sent[n_sent].source = source[i];
		memcpy(sent[n_sent++].bytes, buf->data, buf->len < 64 ? buf->len : 64);
	}
	return writer->n;
}

static struct weir_datagram arriving;
static uint32_t n_arriving;

int __wrap_weir_socket_next(struct weir_socket *socket, struct weir_reader *reader,
			    struct weir_datagram *datagram);
void __wrap_weir_socket_skip(struct weir_socket *socket, const struct weir_datagram *datagram);
bool __wrap_weir_socket_take(struct weir_socket *socket, struct weir_reader *reader,
			     const struct weir_datagram *datagram, uint32_t offset, uint32_t len,
			     struct weir_buf **buf);

int __wrap_weir_socket_next(struct weir_socket *socket, struct weir_reader *reader,
			    struct weir_datagram *datagram)
{
	(void)socket, (void)reader;
	*datagram = arriving;
	return n_arriving > 0;
}

void __wrap_weir_socket_skip(struct weir_socket *socket, const struct weir_datagram *datagram)
{
	(void)socket, (void)datagram;
	n_arriving--;
}

bool __wrap_weir_socket_take(struct weir_socket *socket, struct weir_reader *reader,
			     const struct weir_datagram *datagram, uint32_t offset, uint32_t len,
			     struct weir_buf **buf)
{
	*buf = weir_reader_buf(reader);
	if (!*buf)
		return false;
	memcpy((*buf)->data, datagram->bytes + offset, len);
	weir_reader_commit(reader, len);
	__wrap_weir_socket_skip(socket, datagram);
	return true;
}

/* --- the session --- */

static union weir_socket_address host(uint32_t number)
{
	union weir_socket_address address = { 0 };

	address.ipv4.sin_family = AF_INET;
	address.ipv4.sin_port = htons(4789);
	address.ipv4.sin_addr.s_addr = htonl(0x0a000000 | number);
	return address;
}

static void open_session(const struct weir_vxlan *options)
{
	union weir_socket_address local;

	weir__vxlan_table_close(&vxlan.table);
	memset(&vxlan, 0, sizeof(vxlan));
	assert_int_equal(weir__vxlan_local(options, &local, NULL), 0);
	assert_int_equal(weir__vxlan_peers_read(&vxlan.peers, options, &local, NULL, NULL), 0);
	assert_int_equal(weir__vxlan_table_open(&vxlan.table, 16, UINT64_MAX / 2, NULL), 0);
	memcpy(vxlan.header, (const uint8_t[]){ 8, 0, 0, 0, 0x12, 0x34, 0x56, 0 }, 8);
	vxlan.port = htons(4789);
	vxlan.sources = 4;
	vxlan.learn_remotes = options->learn_remotes;
	vxlan.drop_unknown = options->drop_unknown;
	vxlan.vlan = options->vlan;
	vxlan.socket[0] = (struct weir_socket *)&vxlan; /* which the test's socket does not look at */
	n_sent = 0;
	n_takes = UINT32_MAX;
	refused_host = 0;
	io_begin(&io);
}

#define session(...) open_session(&(const struct weir_vxlan){ .vni = VNI, __VA_ARGS__ })

#define FRAME 20

/* A frame to that station, or to all (0), from station 9. */
static void fill(uint8_t frame[FRAME], uint8_t to)
{
	memset(frame, to ? 0 : 0xff, 6);
	if (to)
		frame[0] = 2, frame[5] = to;
	memcpy(frame + 6, (const uint8_t[]){ 2, 0, 0, 0, 0, 9, 0x88, 0xb5, 1, 2, 3, 4, 5, 6 }, 14);
}

static void add(uint8_t to)
{
	uint8_t frame[FRAME];

	fill(frame, to);
	io_add(&io, frame, FRAME)->arrival = 7;
}

static uint32_t run(void)
{
	return weir__vxlan_send(&vxlan, &io.writer, 0);
}

/* Takes the first packets away, as the engine does, and offers the rest once more. */
static void again(uint32_t done)
{
	io.writer.index += done;
	io.writer.n -= done;
	io.writer.any = 0;
	memset(io.writer.verdict, 0, sizeof(io.writer.verdict));
}

static void learn(uint8_t station, uint32_t number)
{
	const uint8_t mac[6] = { 2, 0, 0, 0, 0, station };
	const union weir_socket_address from = host(number);

	weir__vxlan_table_seen(&vxlan.table, weir__vxlan_mac(mac), &from, weir_session_now());
}

/* --- sending --- */

static void a_frame_gets_a_header(void **state)
{
	uint8_t frame[FRAME];

	(void)state;
	session(.remote = WEIR_LIST("10.0.0.1"));
	add(5);
	assert_int_equal(run(), 1);
	assert_int_equal(io.writer.any, 0);
	assert_int_equal(n_sent, 1);
	assert_int_equal(sent[0].len, 8 + FRAME);
	assert_int_equal(sent[0].host, 1);
	assert_in_range(sent[0].source, 1, 4);
	assert_memory_equal(sent[0].bytes, ((const uint8_t[]){ 8, 0, 0, 0, 0x12, 0x34, 0x56, 0 }), 8);
	fill(frame, 5);
	assert_memory_equal(sent[0].bytes + 8, frame, FRAME);
}

static void frames_go_where_stations_are(void **state)
{
	static const uint32_t hosts[] = { 3, 4, 7, 3, 1, 3, 4 };

	(void)state;
	session(.remote = WEIR_LIST("10.0.0.1"), .entry = WEIR_LIST("02:00:00:00:00:07=10.0.0.7"));
	learn(3, 3);
	learn(4, 4);
	learn(7, 4); /* has an entry */
	add(3), add(4), add(7), add(3), add(5), add(3), add(4);
	assert_int_equal(run(), 7);
	assert_int_equal(n_sent, 7);
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(sent[i].host, hosts[i]);
	assert_int_equal(vxlan.sent.flooded, 1);
	assert_int_equal(vxlan.sent.copies, 1);
}

static void unknown_stations_can_be_dropped(void **state)
{
	(void)state;
	session(.remote = WEIR_LIST("10.0.0.1"), .drop_unknown = true);
	learn(3, 3);
	add(5), add(3), add(0), add(6);
	assert_int_equal(run(), 4);
	assert_int_equal(n_sent, 2);
	assert_int_equal(sent[0].host, 3);
	assert_int_equal(sent[1].host, 1); /* to all */
	assert_int_equal(io.writer.verdict[0], WEIR_DROP(WEIR__VXLAN_UNKNOWN));
	assert_int_equal(io.writer.verdict[3], WEIR_DROP(WEIR__VXLAN_UNKNOWN));
}

static void what_is_no_frame_for_it_is_dropped(void **state)
{
	const uint8_t tagged[FRAME] = { 2, [5] = 3, 2, [11] = 9, 0x81, 0, 0, 5, 8 };

	(void)state;
	session(.remote = WEIR_LIST("10.0.0.1"));
	io_add(&io, tagged, 13);
	io_add(&io, tagged, FRAME);
	add(5);
	assert_int_equal(run(), 3);
	assert_int_equal(n_sent, 1);
	assert_int_equal(io.writer.verdict[0], WEIR_DROP(WEIR__VXLAN_SHORT));
	assert_int_equal(io.writer.verdict[1], WEIR_DROP(WEIR__VXLAN_VLAN));
	session(.remote = WEIR_LIST("10.0.0.1"), .vlan = true);
	io_add(&io, tagged, FRAME);
	assert_int_equal(run(), 1);
	assert_int_equal(n_sent, 1);
}

static void without_remotes_a_flood_has_no_peer(void **state)
{
	(void)state;
	session(.learn_remotes = true);
	add(0);
	assert_int_equal(run(), 1);
	assert_int_equal(io.writer.verdict[0], WEIR_DROP(WEIR_SESSION_NO_PEER));
	assert_int_equal(vxlan.sent.flooded, 0);
}

static void a_sender_too_many_has_no_socket(void **state)
{
	(void)state;
	session(.remote = WEIR_LIST("10.0.0.1"));
	add(0);
	assert_int_equal(weir__vxlan_send(&vxlan, &io.writer, 1), 1);
	assert_int_equal(io.writer.verdict[0], WEIR_DROP(WEIR__VXLAN_NO_SENDER));
}

static void all_remotes_get_what_is_for_all(void **state)
{
	static const uint32_t hosts[] = { 1, 2, 3, 2, 1, 2, 3 };

	(void)state;
	session(.remote = WEIR_LIST("10.0.0.1", "10.0.0.2", "10.0.0.3"));
	learn(4, 2);
	add(0), add(4), add(5);
	assert_int_equal(run(), 3);
	assert_int_equal(n_sent, 7);
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(sent[i].host, hosts[i]);
	assert_int_equal(vxlan.sent.flooded, 2);
	assert_int_equal(vxlan.sent.copies, 6);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(weir_writer_buf(&io.writer, i)->len, 8 + FRAME);
}

static void remotes_that_cannot_be_reached_are_counted(void **state)
{
	(void)state;
	session(.remote = WEIR_LIST("10.0.0.1", "10.0.0.2"));
	refused_host = 2;
	learn(4, 2);
	add(0), add(4);
	assert_int_equal(run(), 2);
	assert_int_equal(n_sent, 1);
	assert_int_equal(io.writer.verdict[0], WEIR_NEXT);
	assert_int_equal(io.writer.verdict[1], WEIR_DROP(WEIR_SESSION_UNREACHABLE));
	assert_int_equal(vxlan.sent.uncopied, 1);
	assert_int_equal(vxlan.sent.flooded, 1);
	session(.remote = WEIR_LIST("10.0.0.2"));
	refused_host = 2;
	add(0);
	assert_int_equal(run(), 1);
	assert_int_equal(io.writer.verdict[0], WEIR_DROP(WEIR_SESSION_UNREACHABLE));
	assert_int_equal(vxlan.sent.uncopied, 0);
	assert_int_equal(vxlan.sent.flooded, 0);
}

#define MANY 40 /* remotes: more than copies that are sent at once */

static const char *const *many_remotes(void)
{
	static char texts[MANY][16];
	static const char *list[MANY + 1];

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(texts[i], sizeof(texts[i]), "10.0.0.%u", i + 1);
		list[i] = texts[i];
	}
	return list;
}

/* However much the socket takes at once, everyone gets everything once and in order. */
static void a_full_socket_takes_the_rest_later(void **state)
{
	(void)state;
	for (uint32_t takes = 1; takes < 3 * MANY; takes += 7) {
		uint32_t done = 0;

		session(.remote = many_remotes());
		learn(4, 2);
		for (unsigned i = 0; i < 4; i++)
			add(0), add(4);
		while (done < 8) {
			uint32_t n;

			n_takes = takes;
			n = run();
			for (uint32_t i = n; i < io.writer.n; i++) /* as it came */
				assert_int_equal(weir_writer_buf(&io.writer, i)->len, FRAME);
			done += n;
			again(n);
		}
		assert_int_equal(n_sent, 4 * (MANY + 1));
		for (uint32_t i = 0; i < n_sent; i++) {
			assert_int_equal(sent[i].len, 8 + FRAME);
			assert_int_equal(sent[i].host, i % (MANY + 1) == MANY ? 2 : 1 + i % (MANY + 1));
		}
		assert_int_equal(vxlan.sent.flooded, 4);
		assert_int_equal(vxlan.sent.copies, 4 * MANY);
	}
}

static void what_failed_before_the_socket_was_full_is_counted(void **state)
{
	(void)state;
	session(.remote = WEIR_LIST("10.0.0.1", "10.0.0.2", "10.0.0.3"));
	refused_host = 1;
	add(0);
	n_takes = 1;
	assert_int_equal(run(), 0);
	again(0);
	n_takes = 1;
	assert_int_equal(run(), 1);
	assert_int_equal(n_sent, 2);
	assert_int_equal(sent[1].host, 3);
	assert_int_equal(vxlan.sent.uncopied, 1);
	assert_int_equal(vxlan.sent.copies, 2);
	assert_int_equal(vxlan.sent.flooded, 1);
}

/* A packet that was begun with may not come again: the next one is another, and goes to all. */
static void another_packet_is_not_taken_for_the_unfinished_one(void **state)
{
	(void)state;
	session(.remote = WEIR_LIST("10.0.0.1", "10.0.0.2"));
	add(0);
	n_takes = 1;
	assert_int_equal(run(), 0);
	weir_writer_buf(&io.writer, 0)->arrival = 8; /* the buffer was used for another one */
	again(0);
	n_takes = 2;
	assert_int_equal(run(), 1);
	assert_int_equal(n_sent, 3);
	assert_int_equal(sent[1].host, 1);
	assert_int_equal(sent[2].host, 2);
	session(.remote = WEIR_LIST("10.0.0.1", "10.0.0.2"));
	add(0), add(0);
	n_takes = 1;
	assert_int_equal(run(), 0);
	again(1); /* the engine dropped the first */
	n_takes = 9;
	assert_int_equal(run(), 1);
	assert_int_equal(n_sent, 3);
}

/* --- receiving --- */

static void arrive(const uint8_t *bytes, uint32_t len, uint32_t number, uint16_t port)
{
	static uint8_t copy[64];
	static union weir_socket_address from;

	from = host(number);
	from.ipv4.sin_port = htons(port);
	memcpy(copy, bytes, len);
	arriving = (struct weir_datagram){ .bytes = copy, .len = len, .from = &from };
	n_arriving = 1;
	io_reset(&io);
	io.reader = (struct weir_reader){
		.bufs = io.bufs,
		.stash = io.small,
		.stash_n = io.small_n,
		.limit = 1,
		.headroom = IO_HEADROOM,
		.now = weir_session_now(),
		.dropped = io.dropped,
	};
	assert_int_equal(weir__vxlan_datagrams(&vxlan, vxlan.socket[0], &io.reader), 0);
	assert_int_equal(n_arriving, 0);
}

/* What becomes of a datagram of that header and the frame from station 9; -1: it is received. */
static int reason_of(const uint8_t header[8], uint32_t len, uint32_t number)
{
	uint8_t bytes[8 + FRAME];

	memcpy(bytes, header, 8);
	fill(bytes + 8, 5);
	arrive(bytes, len, number, 50000);
	if (io.reader.n) {
		assert_int_equal(io_packet(&io, 0)->len, FRAME);
		assert_memory_equal(io_packet(&io, 0)->data, bytes + 8, FRAME);
		return -1;
	}
	for (unsigned i = 0; i < WEIR_REASONS_MAX; i++)
		if (io.dropped[i])
			return (int)i;
	fail();
	return 0;
}

#define HEADER(...) ((const uint8_t[8]){ __VA_ARGS__ })

static void headers_are_checked(void **state)
{
	(void)state;
	session(.remote = WEIR_LIST("10.0.0.1"));
	assert_int_equal(reason_of(HEADER(8, 0, 0, 0, 0x12, 0x34, 0x56, 0), 28, 1), -1);
	/* RFC 7348 5: reserved, and ignored. */
	assert_int_equal(reason_of(HEADER(0xff, 1, 2, 3, 0x12, 0x34, 0x56, 4), 28, 1), -1);
	assert_int_equal(reason_of(HEADER(0xf7, 0, 0, 0, 0x12, 0x34, 0x56, 0), 28, 1), WEIR__VXLAN_NO_VNI);
	assert_int_equal(reason_of(HEADER(8, 0, 0, 0, 0x12, 0x34, 0x57, 0), 28, 1), WEIR__VXLAN_OTHER_VNI);
	assert_int_equal(reason_of(HEADER(8, 0, 0, 0, 0x12, 0x34, 0x56, 0), 21, 1), WEIR__VXLAN_SHORT);
	assert_int_equal(reason_of(HEADER(8), 0, 1), WEIR__VXLAN_SHORT);
}

static void strangers_are_not_heard(void **state)
{
	(void)state;
	session(.remote = WEIR_LIST("10.0.0.1"), .entry = WEIR_LIST("02:00:00:00:00:07=10.0.0.7"));
	assert_int_equal(reason_of(vxlan.header, 28, 2), WEIR__VXLAN_UNKNOWN_REMOTE);
	assert_int_equal(reason_of(vxlan.header, 28, 1), -1);
	assert_int_equal(reason_of(vxlan.header, 28, 7), -1); /* named by an entry */
	assert_int_equal(reason_of(vxlan.header, 28, 2), WEIR__VXLAN_UNKNOWN_REMOTE);
	assert_int_equal(vxlan.table.learned, 1);
	assert_int_equal(vxlan.table.moved, 1);
}

static void stations_with_an_entry_are_not_elsewhere(void **state)
{
	(void)state;
	session(.remote = WEIR_LIST("10.0.0.1"), .entry = WEIR_LIST("02:00:00:00:00:09=10.0.0.7"));
	assert_int_equal(reason_of(vxlan.header, 28, 1), WEIR__VXLAN_ELSEWHERE);
	assert_int_equal(reason_of(vxlan.header, 28, 7), -1);
}

static void tags_are_dropped_unless_told(void **state)
{
	uint8_t bytes[8 + FRAME] = { 8, 0, 0, 0, 0x12, 0x34, 0x56, 0, 2, [20] = 0x81, 0, 0, 5, 8 };

	(void)state;
	session(.remote = WEIR_LIST("10.0.0.1"));
	arrive(bytes, sizeof(bytes), 1, 4789);
	assert_int_equal(io.dropped[WEIR__VXLAN_VLAN], 1);
	session(.remote = WEIR_LIST("10.0.0.1"), .vlan = true);
	arrive(bytes, sizeof(bytes), 1, 4789);
	assert_int_equal(io.reader.n, 1);
}

/* Answers go to the remote's port, not to the one that its flow came from. */
static void what_was_learned_is_where_answers_go(void **state)
{
	union weir_socket_address to;

	(void)state;
	session(.remote = WEIR_LIST("10.0.0.1:8472"), .learn_remotes = true);
	assert_int_equal(reason_of(vxlan.header, 28, 1), -1);
	assert_true(weir__vxlan_table_find(&vxlan.table,
					   weir__vxlan_mac((const uint8_t[]){ 2, 0, 0, 0, 0, 9 }),
					   weir_session_now(), &to));
	assert_int_equal(ntohs(to.ipv4.sin_port), 8472);
	assert_int_equal(reason_of(vxlan.header, 28, 3), -1);
	assert_true(weir__vxlan_table_find(&vxlan.table,
					   weir__vxlan_mac((const uint8_t[]){ 2, 0, 0, 0, 0, 9 }),
					   weir_session_now(), &to));
	assert_int_equal(ntohs(to.ipv4.sin_port), 4789);
	assert_int_equal(vxlan.table.moved, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_gets_a_header),
		cmocka_unit_test(frames_go_where_stations_are),
		cmocka_unit_test(unknown_stations_can_be_dropped),
		cmocka_unit_test(what_is_no_frame_for_it_is_dropped),
		cmocka_unit_test(without_remotes_a_flood_has_no_peer),
		cmocka_unit_test(a_sender_too_many_has_no_socket),
		cmocka_unit_test(all_remotes_get_what_is_for_all),
		cmocka_unit_test(remotes_that_cannot_be_reached_are_counted),
		cmocka_unit_test(a_full_socket_takes_the_rest_later),
		cmocka_unit_test(what_failed_before_the_socket_was_full_is_counted),
		cmocka_unit_test(another_packet_is_not_taken_for_the_unfinished_one),
		cmocka_unit_test(headers_are_checked),
		cmocka_unit_test(strangers_are_not_heard),
		cmocka_unit_test(stations_with_an_entry_are_not_elsewhere),
		cmocka_unit_test(tags_are_dropped_unless_told),
		cmocka_unit_test(what_was_learned_is_where_answers_go),
	};
	int rc;

	io_init(&io);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	weir__vxlan_table_close(&vxlan.table);
	io_free(&io);
	return rc;
}
