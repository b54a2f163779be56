/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of a session: packets over them, several ports to send from, and what their addresses say. */
#include "test.h"

#include "carrier.h"
#include "namespace.h"

static void carry(struct carrier_script *script, unsigned ports)
{
	carrier_listen_at("127.0.0.1");
	carrier_run(script, ports);
}

static void a_socket_carries_packets(void **state)
{
	struct carrier_script script = { 0 };

	(void)state;
	carry(&script, 1);
	assert_true(script.mtu > 60000);
	script = (struct carrier_script){ .early = true };
	carry(&script, 1);
	script = (struct carrier_script){ .options = { .remote = &script.remote } };
	carry(&script, 1);
}

static void it_sends_from_several_ports(void **state)
{
	struct carrier_script script = { .options = { .sources = 3 }, .ports = 4 };

	(void)state;
	carry(&script, 4);
	script = (struct carrier_script){ .options = { .sources = 3, .remote = &script.remote }, .ports = 4 };
	carry(&script, 4);
	/* A number beyond them is one of them. */
	script = (struct carrier_script){ .options = { .sources = 1 }, .ports = 4 };
	carry(&script, 2);
}

static void checksums_may_be_left_out(void **state)
{
	struct carrier_script script = { .options = { .no_checksum = true, .sources = 1 }, .ports = 2 };

	(void)state;
	carry(&script, 2);
}

static void options_are_refused(void **state)
{
	struct carrier_script script = { .options = { .sources = WEIR_SOCKET_SOURCES + 1 }, .early = true };
	const struct carrier_options options = { .name = "carrier", .script = &script };
	const struct weir_config config = {
		.endpoints = { { &carrier_type, &options }, { NULL } },
		.workers = { { "w", .unpinned = true } },
		.chains = { { "in",
			      .stages = { weir_read("carrier", .worker = "w"), weir_write("carrier") } } },
	};
	struct weir_pipeline *pipeline;
	struct weir_error err;

	(void)state;
	assert_int_equal(weir_pipeline_create(&pipeline, &config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "sources: 65 is more than 64"));
	script.options = (struct weir_socket_options){ .bind_device = "nowhere0" };
	assert_true(weir_pipeline_create(&pipeline, &config, &err) < 0);
	assert_non_null(strstr(err.text, "bind_device: 'nowhere0'"));
}

static void addresses_are_parsed(void **state)
{
	static const struct {
		const char *text, *result;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1:99" },
		{ "192.0.2.1:4789", "192.0.2.1:4789" },
		{ "fd00::1", "[fd00::1]:99" },
		{ "[fd00::1]:4789", "[fd00::1]:4789" },
		{ "::ffff:192.0.2.1", "192.0.2.1:99" },
		{ "192.0.2", NULL },
		{ "192.0.2.1:", NULL },
		{ "192.0.2.1:65536", NULL },
		{ "[192.0.2.1]:1", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < countof(cases); i++) {
		union weir_socket_address address, same;
		char text[WEIR_SESSION_TEXT];

		memset(&address, 0xee, sizeof(address));
		assert_int_equal(weir_socket_address_parse(cases[i].text, 99, &address), !!cases[i].result);
		if (!cases[i].result)
			continue;
		assert_string_equal(weir_socket_address_text(&address, text), cases[i].result);
		assert_true(weir_socket_address_parse(cases[i].text, 99, &same));
		assert_true(weir_socket_same(&address, &same));
		same.ipv4.sin_port ^= 1;
		assert_false(weir_socket_same(&address, &same));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_carries_packets),  cmocka_unit_test(it_sends_from_several_ports),
		cmocka_unit_test(checksums_may_be_left_out), cmocka_unit_test(options_are_refused),
		cmocka_unit_test(addresses_are_parsed),
	};

	namespace_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
