/* SPDX-License-Identifier: Apache-2.0 */
/* Frames on their way to several connections, which are arrays here. */
#include "io.h"

#include "softether/state.h"

#define LINKS 3

/* Stands for a stream: pointers to these are never looked into by the session. */
struct sink {
	uint8_t bytes[65536];
	size_t n, reserved;
	unsigned reserves;
	bool full;
};

static struct sink sinks[LINKS];
static uint64_t now;

uint8_t *__wrap_weir_stream_reserve(struct weir_stream *stream, size_t n);
void __wrap_weir_stream_commit(struct weir_stream *stream, size_t n);
uint64_t __wrap_weir_session_now(void);

uint8_t *__wrap_weir_stream_reserve(struct weir_stream *stream, size_t n)
{
	struct sink *sink = (struct sink *)stream;

	sink->reserves++;
	if (sink->full)
		return NULL;
	assert_true(n <= sizeof(sink->bytes) - sink->n);
	sink->reserved = n;
	return sink->bytes + sink->n;
}

void __wrap_weir_stream_commit(struct weir_stream *stream, size_t n)
{
	struct sink *sink = (struct sink *)stream;

	assert_in_range(n, 1, sink->reserved);
	sink->n += n;
	sink->reserved = 0;
}

uint64_t __wrap_weir_session_now(void)
{
	return now;
}

struct test {
	struct io io;
	struct weir__se_state *state;
};

static void set_links(struct test *test, unsigned n)
{
	test->state->n_senders = 0;
	test->state->flows.change++;
	for (unsigned i = 0; i < LINKS; i++)
		test->state->link[i].stream = i < n ? (struct weir_stream *)&sinks[i] : NULL;
	for (unsigned i = 0; i < n; i++)
		test->state->senders[test->state->n_senders++] = (uint8_t)i;
}

static int set_up(void **state)
{
	struct test *test = calloc(1, sizeof(*test));

	assert_non_null(test);
	io_init(&test->io);
	test->state = calloc(1, sizeof(*test->state));
	assert_non_null(test->state);
	test->state->max_frame = 1518;
	memset(sinks, 0, sizeof(sinks));
	now = 10 * WEIR__SE_FLOW_PAUSE;
	set_links(test, 1);
	*state = test;
	return 0;
}

static int tear_down(void **state)
{
	struct test *test = *state;

	weir__se_deflater_close(&test->state->deflater);
	io_free(&test->io);
	free(test->state);
	free(test);
	return 0;
}

/* A frame of a UDP flow with that port; its last byte is number. */
static void add(struct test *test, uint16_t port, uint8_t number, uint32_t n)
{
	uint8_t frame[2000] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0,   0,        0,
				0,    1,    0x08, 0,    0x45, 0,    0, 100, [23] = 17 };

	frame[34] = (uint8_t)(port >> 8);
	frame[35] = (uint8_t)port;
	frame[n - 1] = number;
	io_add(&test->io, frame, n);
}

static uint32_t send_all(struct test *test)
{
	return weir__se_send(test->state, &test->io.writer, 0);
}

/* The last bytes of the frames that a link got, as text; groups are parted by spaces. */
static const char *got(unsigned link)
{
	static char text[256];
	struct weir__se_frames frames = { 0 };
	struct weir__se_piece piece;
	size_t at = 0, n = 0;

	while (weir__se_frames_next(&frames, sinks[link].bytes, sinks[link].n, &at, &piece) ==
	       WEIR__SE_BLOCK) {
		text[n++] = (char)piece.bytes[piece.n - 1];
		if (!frames.blocks)
			text[n++] = ' ';
	}
	assert_int_equal(at, sinks[link].n);
	text[n] = '\0';
	return text;
}

static void a_vector_is_one_group(void **state)
{
	struct test *test = *state;

	io_begin(&test->io);
	add(test, 1, 'a', 60);
	add(test, 2, 'b', 1514);
	add(test, 3, 'c', 14);
	assert_int_equal(send_all(test), 3);
	assert_string_equal(got(0), "abc ");
	assert_int_equal(sinks[0].reserves, 1);
	assert_int_equal(sinks[0].n, 4 + 3 * 4 + 60 + 1514 + 14);
}

static void wrong_lengths_are_dropped(void **state)
{
	struct test *test = *state;

	io_begin(&test->io);
	add(test, 1, 'a', 13);
	add(test, 1, 'b', 1518);
	add(test, 1, 'c', 1519);
	assert_int_equal(send_all(test), 3);
	assert_string_equal(got(0), "b ");
	assert_int_equal(test->io.writer.verdict[0], WEIR_DROP(WEIR__SE_TOO_SHORT));
	assert_int_equal(test->io.writer.verdict[2], WEIR_DROP(WEIR_SESSION_TOO_LONG));
	io_begin(&test->io);
	add(test, 1, 'a', 13);
	assert_int_equal(send_all(test), 1);
	assert_string_equal(got(0), "b "); /* no group without blocks */
}

static void a_full_link_takes_nothing(void **state)
{
	struct test *test = *state;

	sinks[0].full = true;
	io_begin(&test->io);
	add(test, 1, 'a', 13);
	add(test, 1, 'b', 60);
	add(test, 1, 'c', 13);
	assert_int_equal(send_all(test), 1);
	assert_int_equal(test->io.writer.verdict[0], WEIR_DROP(WEIR__SE_TOO_SHORT));
	assert_int_equal(test->io.writer.verdict[2], WEIR_NEXT); /* not done with */
	assert_int_equal(sinks[0].n, 0);
}

static void without_a_link_all_is_dropped(void **state)
{
	struct test *test = *state;

	set_links(test, 0);
	io_begin(&test->io);
	add(test, 1, 'a', 60);
	assert_int_equal(send_all(test), 1);
	assert_int_equal(test->io.writer.verdict[0], WEIR_DROP(WEIR_SESSION_NOT_UP));
}

static void compressed_frames_come_out_again(void **state)
{
	struct test *test = *state;
	struct weir__se_inflater inflater = { 0 };
	struct weir__se_frames frames = { 0 };
	struct weir__se_piece piece = { 0 };
	uint8_t frame[WEIR__SE_FRAME_MAX];
	size_t at = 0;

	test->state->welcome.compress = true;
	assert_int_equal(weir__se_deflater_open(&test->state->deflater), 0);
	assert_int_equal(weir__se_inflater_open(&inflater), 0);
	io_begin(&test->io);
	for (uint8_t i = 0; i < WEIR_VECTOR_SIZE; i++)
		add(test, i, i, 1514);
	assert_int_equal(send_all(test), WEIR_VECTOR_SIZE);
	assert_int_equal(sinks[0].reserves, 1);
	for (uint8_t i = 0; i < WEIR_VECTOR_SIZE; i++) {
		assert_int_equal(weir__se_frames_next(&frames, sinks[0].bytes, sinks[0].n, &at, &piece),
				 WEIR__SE_BLOCK);
		assert_int_equal(weir__se_inflate(&inflater, frame, sizeof(frame), piece.bytes, piece.n),
				 1514);
		assert_int_equal(frame[1513], i);
	}
	assert_int_equal(at, sinks[0].n);
	weir__se_inflater_close(&inflater);
}

/* Which link the frames of a port go by now. */
static unsigned link_of(struct test *test, uint16_t port)
{
	size_t before[LINKS];
	unsigned link = LINKS;

	for (unsigned i = 0; i < LINKS; i++)
		before[i] = sinks[i].n;
	io_begin(&test->io);
	add(test, port, 'x', 60);
	assert_int_equal(send_all(test), 1);
	for (unsigned i = 0; i < LINKS; i++) {
		if (sinks[i].n == before[i])
			continue;
		assert_int_equal(link, LINKS);
		link = i;
	}
	assert_true(link < LINKS);
	return link;
}

static void flows_use_all_links_and_stay(void **state)
{
	struct test *test = *state;
	unsigned links[64], uses[LINKS] = { 0 };

	set_links(test, LINKS);
	for (uint16_t port = 0; port < 64; port++)
		uses[links[port] = link_of(test, port)]++;
	for (unsigned i = 0; i < LINKS; i++)
		assert_true(uses[i] > 0);
	now += 10 * WEIR__SE_FLOW_PAUSE;
	for (uint16_t port = 0; port < 64; port++)
		assert_int_equal(link_of(test, port), links[port]);
}

static void a_busy_flow_does_not_change_to_a_new_link(void **state)
{
	struct test *test = *state;
	unsigned links[64], moved = 0;

	set_links(test, 2);
	for (uint16_t port = 0; port < 64; port++)
		links[port] = link_of(test, port);
	set_links(test, 3);
	now += WEIR__SE_FLOW_PAUSE;
	for (uint16_t port = 0; port < 64; port++)
		assert_int_equal(link_of(test, port), links[port]);
	/* After a pause, what it sent before has left the queues. */
	now += WEIR__SE_FLOW_PAUSE + 1;
	for (uint16_t port = 0; port < 64; port++)
		moved += link_of(test, port) != links[port];
	assert_true(moved > 0);
}

static void a_flow_leaves_a_lost_link_at_once(void **state)
{
	struct test *test = *state;
	unsigned links[64];

	set_links(test, 3);
	for (uint16_t port = 0; port < 64; port++)
		links[port] = link_of(test, port);
	set_links(test, 2);
	for (uint16_t port = 0; port < 64; port++) {
		const unsigned link = link_of(test, port);

		assert_true(link < 2);
		if (links[port] < 2)
			assert_int_equal(link, links[port]);
	}
}

/* What stands behind a packet that cannot go has to wait, too, whichever link it is for. */
static void a_full_link_stops_the_vector_there(void **state)
{
	struct test *test = *state;
	uint16_t open_port = 0, full_port = 0;

	set_links(test, 2);
	while (link_of(test, open_port) != 0)
		open_port++;
	while (link_of(test, full_port) != 1)
		full_port++;
	memset(sinks, 0, sizeof(sinks));
	sinks[1].full = true;
	io_begin(&test->io);
	add(test, open_port, 'a', 60);
	add(test, open_port, 'b', 60);
	add(test, full_port, 'c', 60);
	add(test, open_port, 'd', 60);
	assert_int_equal(send_all(test), 2);
	assert_string_equal(got(0), "ab ");
	assert_int_equal(sinks[1].n, 0);
	sinks[1].full = false;
	io_begin(&test->io);
	add(test, full_port, 'c', 60);
	add(test, open_port, 'd', 60);
	assert_int_equal(send_all(test), 2);
	assert_string_equal(got(0), "ab d ");
	assert_string_equal(got(1), "c ");
}

static void sources_are_remembered(void **state)
{
	struct test *test = *state;

	io_begin(&test->io);
	add(test, 1, 'a', 60);
	assert_int_equal(send_all(test), 1);
	assert_int_equal(test->state->macs.n, 1);
	assert_int_equal(test->state->macs.mac[0], UINT64_C(0x020000000001));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_vector_is_one_group),
		TEST(wrong_lengths_are_dropped),
		TEST(a_full_link_takes_nothing),
		TEST(without_a_link_all_is_dropped),
		TEST(compressed_frames_come_out_again),
		TEST(flows_use_all_links_and_stay),
		TEST(a_busy_flow_does_not_change_to_a_new_link),
		TEST(a_flow_leaves_a_lost_link_at_once),
		TEST(a_full_link_stops_the_vector_there),
		TEST(sources_are_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
