/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <pthread.h>

#include "io.h"

#include <weir/pair.h>

#include "error.h"

static const struct weir_endpoint_type *const type = &weir_pair_type;

/* One side of a link as an endpoint. */
struct side {
	struct io io;
	struct weir_endpoint_info info;
	void *state;
};

static void start(struct side *side, const struct weir_pair *options)
{
	memset(side, 0, sizeof(*side));
	io_init(&side->io);
	side->state = calloc(1, type->state_size);
	assert_non_null(side->state);
	assert_int_equal(type->check(options, &side->info, NULL), 0);
	assert_int_equal(type->open(side->state, options, &side->info, NULL), 0);
}

static void stop(struct side *side)
{
	type->close(side->state);
	free(side->state);
	io_free(&side->io);
}

static struct weir_pair_link *make_link(uint32_t slots, uint32_t max_packet)
{
	struct weir_pair_link *link;

	assert_int_equal(weir_pair_link_create(&link, slots, max_packet), 0);
	return link;
}

static bool is_readable(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	return poll(&pollfd, 1, 0) == 1;
}

static const char *drop_name(weir_verdict verdict)
{
	return verdict == WEIR_NEXT ? "sent" : type->reasons[verdict - 1].name;
}

static uint64_t dropped(const struct side *side, const char *reason)
{
	for (unsigned i = 0; type->reasons[i].name; i++)
		if (strcmp(type->reasons[i].name, reason) == 0)
			return side->io.dropped[i];
	fail_msg("no reason %s", reason);
	return 0;
}

static void moves_packets_both_ways(void **state)
{
	static uint8_t large[65535];
	struct weir_pair_link *link = make_link(8, 65535);
	struct side side[2];

	(void)state;
	for (uint32_t i = 0; i < sizeof(large); i++)
		large[i] = (uint8_t)(i * 7 + i / 256);
	for (unsigned i = 0; i < 2; i++) {
		start(&side[i], &(struct weir_pair){ .link = link, .side = i, .framing = WEIR_FRAMING_UTUN });
		assert_int_equal(side[i].info.layer, WEIR_LAYER_AF);
		assert_int_equal(side[i].info.framing, WEIR_FRAMING_UTUN);
		assert_int_equal(side[i].info.max_packet, 65535);
		assert_int_equal(side[i].info.write_fd, -1);
	}
	/* Often enough to come to each slot several times. */
	for (int round = 0; round < 20; round++) {
		for (unsigned i = 0; i < 2; i++) {
			struct io *from = &side[i].io, *to = &side[1 - i].io;

			io_begin(from);
			io_add(from, "one", 3);
			io_add(from, large, sizeof(large));
			io_add(from, "three", 5);
			assert_int_equal(io_write(from, type, side[i].state), 3);
			assert_int_equal(from->writer.any, 0);
			assert_int_equal(io_read(to, type, side[1 - i].state, 31), 0);
			assert_int_equal(to->reader.n, 3);
			assert_int_equal(io_packet(to, 0)->len, 3);
			assert_memory_equal(io_packet(to, 0)->data, "one", 3);
			assert_int_equal(io_packet(to, 1)->len, sizeof(large));
			assert_memory_equal(io_packet(to, 1)->data, large, sizeof(large));
			assert_int_equal(io_packet(to, 2)->len, 5);
			assert_memory_equal(io_packet(to, 2)->data, "three", 5);
			assert_int_equal(io_read(to, type, side[1 - i].state, 31), 0);
			assert_int_equal(to->reader.n, 0);
		}
	}
	stop(&side[0]);
	stop(&side[1]);
	weir_pair_link_destroy(link);
}

static void an_application_stands_at_one_side(void **state)
{
	struct weir_pair_link *link = make_link(2, 100);
	uint8_t bytes[101] = "a packet";
	struct side side;

	(void)state;
	start(&side, &(struct weir_pair){ .link = link, .side = 1, .layer = WEIR_LAYER_L2 });
	assert_int_equal(side.info.layer, WEIR_LAYER_L2);
	assert_int_equal(weir_pair_send(link, 0, bytes, 100), 0);
	assert_int_equal(weir_pair_send(link, 0, bytes, 101), -EMSGSIZE);
	assert_int_equal(weir_pair_send(link, 0, bytes, 0), -EINVAL);
	assert_int_equal(weir_pair_send(link, 2, bytes, 1), -EINVAL);
	assert_int_equal(weir_pair_send(link, 0, bytes, 8), 0);
	/* Exactly as many as it was made for. */
	assert_int_equal(weir_pair_send(link, 0, bytes, 1), -EAGAIN);
	assert_int_equal(io_read(&side.io, type, side.state, 31), 0);
	assert_int_equal(side.io.reader.n, 2);
	assert_int_equal(io_packet(&side.io, 0)->len, 100);
	assert_memory_equal(io_packet(&side.io, 1)->data, "a packet", 8);

	assert_int_equal(weir_pair_receive(link, 0, bytes, sizeof(bytes)), -EAGAIN);
	io_begin(&side.io);
	io_add(&side.io, "first", 5);
	io_add(&side.io, "second", 6);
	assert_int_equal(io_write(&side.io, type, side.state), 2);
	assert_int_equal(weir_pair_receive(link, 0, bytes, 4), -EMSGSIZE);
	assert_int_equal(weir_pair_receive(link, 0, bytes, 5), 5);
	assert_memory_equal(bytes, "first", 5);
	weir_pair_close(link, 1);
	assert_int_equal(weir_pair_receive(link, 0, bytes, sizeof(bytes)), 6);
	assert_memory_equal(bytes, "second", 6);
	assert_int_equal(weir_pair_receive(link, 0, bytes, sizeof(bytes)), 0);
	assert_int_equal(weir_pair_receive(link, 2, bytes, sizeof(bytes)), -EINVAL);
	stop(&side);
	weir_pair_link_destroy(link);
}

static void a_closed_side_ends_the_reader(void **state)
{
	struct weir_pair_link *link = make_link(4, 100);
	struct side side[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		start(&side[i], &(struct weir_pair){ .link = link, .side = i });
	assert_int_equal(weir_pair_send(link, 0, "last", 4), 0);
	weir_pair_close(link, 0);
	assert_int_equal(weir_pair_send(link, 0, "x", 1), -EPIPE);
	io_begin(&side[0].io);
	io_add(&side[0].io, "x", 1);
	assert_int_equal(io_write(&side[0].io, type, side[0].state), 1);
	assert_string_equal(drop_name(side[0].io.writer.verdict[0]), "closed");

	assert_int_equal(io_read(&side[1].io, type, side[1].state, 1), 0);
	assert_int_equal(side[1].io.reader.n, 1);
	assert_int_equal(io_read(&side[1].io, type, side[1].state, 31), -ENODATA);
	assert_int_equal(side[1].io.reader.n, 0);
	/* The other way is open. */
	assert_int_equal(weir_pair_send(link, 1, "x", 1), 0);
	assert_int_equal(io_read(&side[0].io, type, side[0].state, 31), 0);
	assert_int_equal(side[0].io.reader.n, 1);
	stop(&side[0]);
	stop(&side[1]);
	weir_pair_link_destroy(link);
}

static void drops_what_it_cannot_take(void **state)
{
	struct weir_pair_link *link = make_link(3, 10);
	struct side side;

	(void)state;
	start(&side, &(struct weir_pair){ .link = link });
	io_begin(&side.io);
	io_add(&side.io, "a", 1);
	io_add(&side.io, "eleven byte", 11);
	io_add(&side.io, "", 0);
	io_add(&side.io, "b", 1);
	io_add(&side.io, "c", 1);
	io_add(&side.io, "d", 1);
	assert_int_equal(io_write(&side.io, type, side.state), 6);
	assert_int_equal(side.io.writer.verdict[0], WEIR_NEXT);
	assert_string_equal(drop_name(side.io.writer.verdict[1]), "too_long");
	assert_string_equal(drop_name(side.io.writer.verdict[2]), "empty");
	assert_int_equal(side.io.writer.verdict[3], WEIR_NEXT);
	assert_int_equal(side.io.writer.verdict[4], WEIR_NEXT);
	assert_string_equal(drop_name(side.io.writer.verdict[5]), "pair_full");
	stop(&side);
	weir_pair_link_destroy(link);
}

static void only_a_sleeper_is_woken(void **state)
{
	struct weir_pair_link *link = make_link(4, 100);
	struct side side;

	(void)state;
	start(&side, &(struct weir_pair){ .link = link, .side = 1 });
	assert_int_equal(weir_pair_send(link, 0, "a", 1), 0);
	assert_false(is_readable(side.info.read_fd));
	/* There is something to read. */
	assert_false(type->arm(side.state));
	type->disarm(side.state);
	assert_false(is_readable(side.info.read_fd));
	assert_int_equal(io_read(&side.io, type, side.state, 31), 0);

	assert_true(type->arm(side.state));
	assert_false(is_readable(side.info.read_fd));
	assert_int_equal(weir_pair_send(link, 0, "b", 1), 0);
	assert_true(is_readable(side.info.read_fd));
	type->disarm(side.state);
	assert_false(is_readable(side.info.read_fd));
	assert_int_equal(io_read(&side.io, type, side.state, 31), 0);
	assert_int_equal(side.io.reader.n, 1);

	assert_true(type->arm(side.state));
	weir_pair_close(link, 0);
	assert_true(is_readable(side.info.read_fd));
	type->disarm(side.state);
	assert_false(type->arm(side.state));
	type->disarm(side.state);
	assert_int_equal(io_read(&side.io, type, side.state, 31), -ENODATA);
	stop(&side);
	weir_pair_link_destroy(link);
}

static void a_packet_without_a_buffer_stays(void **state)
{
	static const uint8_t large[9000] = { 0x45 };
	struct weir_pair_link *link = make_link(1, sizeof(large));
	struct side side;
	struct io *io = &side.io;

	(void)state;
	start(&side, &(struct weir_pair){ .link = link, .side = 1 });
	assert_int_equal(weir_pair_send(link, 0, large, sizeof(large)), 0);
	io_reset(io);
	io->reader = (struct weir_reader){
		.bufs = io->bufs,
		.stash = io->small,
		.stash_n = io->small_n,
		.limit = 31,
		.headroom = IO_HEADROOM,
		.dropped = io->dropped,
		.engine = &io->spill,
	};
	assert_int_equal(type->read(side.state, &io->reader), 0);
	assert_int_equal(io->reader.n, 0);
	assert_false(type->arm(side.state));
	type->disarm(side.state);
	assert_int_equal(io_read(io, type, side.state, 31), 0);
	assert_int_equal(io->reader.n, 1);
	assert_int_equal(io_packet(io, 0)->len, sizeof(large));
	assert_memory_equal(io_packet(io, 0)->data, large, sizeof(large));
	stop(&side);
	weir_pair_link_destroy(link);
}

static void a_full_way_is_waited_for(void **state)
{
	struct weir_pair_link *link = make_link(2, 100);
	struct side side;
	uint8_t byte;

	(void)state;
	start(&side, &(struct weir_pair){ .link = link, .wait = true });
	assert_int_equal(side.info.write_events, POLLIN);
	io_begin(&side.io);
	for (uint8_t i = 0; i < 5; i++)
		io_add(&side.io, &i, 1);
	assert_int_equal(io_write(&side.io, type, side.state), 2);
	assert_int_equal(side.io.writer.any, 0);
	assert_false(is_readable(side.info.write_fd));
	assert_int_equal(weir_pair_receive(link, 1, &byte, 1), 1);
	assert_int_equal(byte, 0);
	assert_true(is_readable(side.info.write_fd));

	side.io.writer.index += 2;
	side.io.writer.n -= 2;
	assert_int_equal(io_write(&side.io, type, side.state), 1);
	assert_false(is_readable(side.info.write_fd));
	for (uint8_t i = 1; i < 3; i++) {
		assert_int_equal(weir_pair_receive(link, 1, &byte, 1), 1);
		assert_int_equal(byte, i);
	}
	assert_true(is_readable(side.info.write_fd));
	side.io.writer.index += 1;
	side.io.writer.n -= 1;
	assert_int_equal(io_write(&side.io, type, side.state), 2);
	assert_false(is_readable(side.info.write_fd));
	/* A writer that does not wait is not woken. */
	assert_int_equal(weir_pair_receive(link, 1, &byte, 1), 1);
	assert_false(is_readable(side.info.write_fd));

	/* And one that waits in vain is, when its side is closed. */
	io_begin(&side.io);
	io_add(&side.io, "x", 1);
	io_add(&side.io, "y", 1);
	assert_int_equal(io_write(&side.io, type, side.state), 1);
	weir_pair_close(link, 0);
	assert_true(is_readable(side.info.write_fd));
	side.io.writer.index += 1;
	side.io.writer.n -= 1;
	assert_int_equal(io_write(&side.io, type, side.state), 1);
	assert_string_equal(drop_name(side.io.writer.verdict[0]), "closed");
	stop(&side);
	weir_pair_link_destroy(link);
}

static void layer_3_is_checked(void **state)
{
	uint8_t ip[40] = { 0x45, 0, 0, 30 };
	struct weir_pair_link *link = make_link(4, 100);
	struct side side;

	(void)state;
	start(&side, &(struct weir_pair){ .link = link, .side = 1, .layer = WEIR_LAYER_L3 });
	assert_int_equal(side.info.layer, WEIR_LAYER_L3);
	assert_int_equal(weir_pair_send(link, 0, ip, 29), 0);
	assert_int_equal(weir_pair_send(link, 0, ip, 35), 0);
	memcpy(ip, "\x60\0\0\0\0\0", 6);
	ip[6] = 17;
	assert_int_equal(weir_pair_send(link, 0, ip, 40), 0);
	assert_int_equal(weir_pair_send(link, 0, "?", 1), 0);
	assert_int_equal(io_read(&side.io, type, side.state, 31), 0);
	assert_int_equal(side.io.reader.n, 2);
	assert_int_equal(io_packet(&side.io, 0)->family, 4);
	assert_int_equal(io_packet(&side.io, 0)->len, 30);
	assert_int_equal(io_packet(&side.io, 1)->family, 6);
	assert_int_equal(io_packet(&side.io, 1)->len, 40);
	assert_int_equal(dropped(&side, "total_length"), 1);
	assert_int_equal(dropped(&side, "short"), 1);
	stop(&side);
	weir_pair_link_destroy(link);
}

static void open_refuses(const struct weir_pair *options, int code, const char *text)
{
	struct weir_endpoint_info info = { 0 };
	void *opened = calloc(1, type->state_size);
	struct weir_error err;

	assert_non_null(opened);
	weir__error_clear(&err);
	assert_int_equal(type->check(options, &info, &err), 0);
	assert_int_equal(type->open(opened, options, &info, &err), code);
	assert_string_equal(err.text, text);
	free(opened);
}

static void a_side_has_one_endpoint(void **state)
{
	struct weir_pair_link *link = make_link(4, 100);
	struct side side, again;

	(void)state;
	start(&side, &(struct weir_pair){ .link = link });
	open_refuses(&(struct weir_pair){ .link = link }, -EBUSY,
		     "side: 0 of the link is another endpoint's already");
	open_refuses(&(struct weir_pair){ .link = link, .side = 1, .layer = WEIR_LAYER_L2 }, -EINVAL,
		     "layer: the other side of the link has another layer or framing");
	/* Refused, it left its side free; and closed, the first one does. */
	start(&again, &(struct weir_pair){ .link = link, .side = 1, .layer = WEIR_LAYER_AF });
	stop(&side);
	start(&side, &(struct weir_pair){ .link = link });
	stop(&side);
	stop(&again);
	weir_pair_link_destroy(link);
}

static void refuses(const struct weir_pair *options, const char *text)
{
	struct weir_endpoint_info info = { 0 };
	struct weir_error err;

	weir__error_clear(&err);
	assert_int_equal(type->check(options, &info, &err), -EINVAL);
	assert_string_equal(err.text, text);
	assert_int_equal(type->check(options, &info, NULL), -EINVAL);
}

static void refuses_what_cannot_be(void **state)
{
	struct weir_pair_link *link = make_link(1, 1), *none;

	(void)state;
	assert_int_equal(weir_pair_link_create(&none, 0, 1), -EINVAL);
	assert_int_equal(weir_pair_link_create(&none, 65536, 1), -EINVAL);
	assert_int_equal(weir_pair_link_create(&none, 1, 0), -EINVAL);
	assert_int_equal(weir_pair_link_create(&none, 1, 65536), -EINVAL);
	assert_null(none);
	weir_pair_link_destroy(NULL);

	refuses(&(struct weir_pair){ .side = 0 }, "link: there is none: weir_pair_link_create() makes it");
	refuses(&(struct weir_pair){ .link = link, .side = 2 }, "side: 2 is not 0 or 1");
	refuses(&(struct weir_pair){ .link = link, .layer = (enum weir_layer)4 }, "layer: 4 is not one");
	refuses(&(struct weir_pair){ .link = link, .framing = (enum weir_framing)3 },
		"framing: 3 is not one");
	refuses(&(struct weir_pair){ .link = link, .layer = WEIR_LAYER_L2, .framing = WEIR_FRAMING_UTUN },
		"framing: only packets of WEIR_LAYER_AF have one");
	weir_pair_link_destroy(link);
}

/* Numbered packets from one thread to another, each of which sleeps when it cannot go on. */
struct transfer {
	uint32_t packets;
	struct weir_pair_link *link;
	struct side from, to;
	uint32_t dropped; /* by the sender */
	uint32_t sleeps[2];
};

static void sleep_on(int fd, uint32_t *sleeps)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	while (poll(&pollfd, 1, -1) < 0)
		;
	++*sleeps;
}

static void *send_all(void *data)
{
	struct transfer *transfer = data;
	struct side *from = &transfer->from;
	struct weir_writer *writer = &from->io.writer;

	for (uint32_t next = 0; next < transfer->packets;) {
		uint8_t bytes[60] = { 0 };

		io_begin(&from->io);
		for (uint32_t i = next % 29; i < 31 && next < transfer->packets; i++, next++) {
			memcpy(bytes, &next, sizeof(next));
			io_add(&from->io, bytes, (uint32_t)sizeof(next) + next % 50);
		}
		while (writer->n) {
			uint32_t done = io_write(&from->io, type, from->state);

			for (uint32_t i = 0; i < done; i++)
				transfer->dropped += writer->verdict[i] != WEIR_NEXT;
			memset(writer->verdict, 0, sizeof(writer->verdict));
			writer->index += done;
			writer->n -= done;
			if (writer->n)
				sleep_on(from->info.write_fd, &transfer->sleeps[0]);
		}
	}
	weir_pair_close(transfer->link, 0);
	return NULL;
}

/* Returns how many packets came; fails the test if one is out of order, twice or of the wrong size. */
static uint32_t receive_all(struct transfer *transfer, bool gaps)
{
	struct side *to = &transfer->to;
	uint32_t n = 0, expected = 0;
	int ret;

	do {
		ret = io_read(&to->io, type, to->state, 31);
		for (uint32_t i = 0; i < to->io.reader.n; i++, n++) {
			uint32_t number;

			memcpy(&number, io_packet(&to->io, i)->data, sizeof(number));
			if (gaps)
				assert_in_range(number, expected, transfer->packets - 1);
			else
				assert_int_equal(number, expected);
			assert_int_equal(io_packet(&to->io, i)->len, sizeof(number) + number % 50);
			expected = number + 1;
		}
		if (ret == 0 && to->io.reader.n == 0) {
			if (type->arm(to->state))
				sleep_on(to->info.read_fd, &transfer->sleeps[1]);
			type->disarm(to->state);
		}
	} while (ret == 0);
	assert_int_equal(ret, -ENODATA);
	return n;
}

static void transfer_all(uint32_t slots, uint32_t packets, bool wait)
{
	struct transfer transfer = { .packets = packets, .link = make_link(slots, 60) };
	pthread_t thread;
	uint32_t n;

	start(&transfer.from, &(struct weir_pair){ .link = transfer.link, .side = 0, .wait = wait });
	start(&transfer.to, &(struct weir_pair){ .link = transfer.link, .side = 1 });
	assert_int_equal(pthread_create(&thread, NULL, send_all, &transfer), 0);
	n = receive_all(&transfer, !wait);
	pthread_join(thread, NULL);
	print_message("%u came, %u were dropped; the sender slept %u times, the receiver %u times\n", n,
		      transfer.dropped, transfer.sleeps[0], transfer.sleeps[1]);
	assert_int_equal(n + transfer.dropped, packets);
	if (wait)
		assert_int_equal(transfer.dropped, 0);
	stop(&transfer.from);
	stop(&transfer.to);
	weir_pair_link_destroy(transfer.link);
}

static void a_waiting_writer_loses_nothing(void **state)
{
	(void)state;
	transfer_all(1000, 1000000, true);
}

/* Where each side finds the way full or empty most of the time. */
static void a_narrow_way_loses_nothing(void **state)
{
	(void)state;
	transfer_all(3, 50000, true);
}

static void a_dropping_writer_counts_what_it_loses(void **state)
{
	(void)state;
	transfer_all(10, 1000000, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves_packets_both_ways),
		cmocka_unit_test(an_application_stands_at_one_side),
		cmocka_unit_test(a_closed_side_ends_the_reader),
		cmocka_unit_test(drops_what_it_cannot_take),
		cmocka_unit_test(only_a_sleeper_is_woken),
		cmocka_unit_test(a_packet_without_a_buffer_stays),
		cmocka_unit_test(a_full_way_is_waited_for),
		cmocka_unit_test(layer_3_is_checked),
		cmocka_unit_test(a_side_has_one_endpoint),
		cmocka_unit_test(refuses_what_cannot_be),
		cmocka_unit_test(a_waiting_writer_loses_nothing),
		cmocka_unit_test(a_narrow_way_loses_nothing),
		cmocka_unit_test(a_dropping_writer_counts_what_it_loses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
