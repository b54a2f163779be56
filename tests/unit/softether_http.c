/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "softether/http.h"

static int read_text(const char *text, struct weir__se_http_reply *reply)
{
	return weir__se_http_reply((const uint8_t *)text, strlen(text), reply);
}

static void writes_a_request(void **unused)
{
	char text[256];
	const int n = weir__se_http_request(text, sizeof(text), "/a/b.cgi", "host", "application/x", 42);

	(void)unused;
	assert_int_equal(n, strlen(text));
	assert_string_equal(text, "POST /a/b.cgi HTTP/1.1\r\nHost: host\r\nConnection: Keep-Alive\r\n"
				  "Content-Type: application/x\r\nContent-Length: 42\r\n\r\n");
	assert_int_equal(weir__se_http_request(text, (size_t)n, "/a/b.cgi", "host", "application/x", 42),
			 -EMSGSIZE);
}

static void reads_a_reply(void **unused)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nDate: now\r\ncontent-LENGTH: \t1234 \r\n\r\nbody";
	struct weir__se_http_reply reply;

	(void)unused;
	assert_int_equal(read_text(text, &reply), strlen(text) - 4);
	assert_int_equal(reply.status, 200);
	assert_int_equal(reply.body, 1234);
	assert_int_equal(read_text("HTTP/1.0 403\nContent-Length:0\n\n", &reply), 31);
	assert_int_equal(reply.status, 403);
	assert_int_equal(reply.body, 0);
}

static void waits_for_the_whole_head(void **unused)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
	struct weir__se_http_reply reply;

	(void)unused;
	for (size_t n = 0; n < strlen(text); n++)
		assert_int_equal(weir__se_http_reply((const uint8_t *)text, n, &reply), 0);
}

static void refuses_what_is_no_reply(void **unused)
{
	static const char *const texts[] = {
		"SSH-2.0-OpenSSH\r\n",
		"HTTP/2 200 OK\r\n",
		"HTTP/1.1 20\r\n",
		"HTTP/1.1 2000 OK\r\n",
		"HTTP/1.1 2x0 OK\r\n",
		"HTTP/1.1 200 OK\r\n\r\n", /* no length */
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1 1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0x10\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
	};
	struct weir__se_http_reply reply;

	(void)unused;
	for (size_t i = 0; i < countof(texts); i++)
		assert_int_equal(read_text(texts[i], &reply), -EBADMSG);
}

static void refuses_what_is_too_long(void **unused)
{
	static char head[WEIR__SE_HTTP_HEAD + 64];
	struct weir__se_http_reply reply;

	(void)unused;
	assert_int_equal(read_text("HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n", &reply), 42);
	assert_int_equal(read_text("HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n", &reply), -EMSGSIZE);
	memset(head, 'x', sizeof(head) - 1);
	memcpy(head, "HTTP/1.1 200 OK\r\nX: ", 20);
	assert_int_equal(weir__se_http_reply((const uint8_t *)head, WEIR__SE_HTTP_HEAD - 1, &reply), 0);
	assert_int_equal(weir__se_http_reply((const uint8_t *)head, WEIR__SE_HTTP_HEAD, &reply), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_a_request),         cmocka_unit_test(reads_a_reply),
		cmocka_unit_test(waits_for_the_whole_head), cmocka_unit_test(refuses_what_is_no_reply),
		cmocka_unit_test(refuses_what_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
