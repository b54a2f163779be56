/* SPDX-License-Identifier: Apache-2.0 */
#include "http.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

int weir__se_http_request(char *text, size_t size, const char *path, const char *host, const char *type,
			  size_t n)
{
	const int length = snprintf(text, size,
				    "POST %s HTTP/1.1\r\n"
				    "Host: %s\r\n"
				    "Connection: Keep-Alive\r\n"
				    "Content-Type: %s\r\n"
				    "Content-Length: %zu\r\n"
				    "\r\n",
				    path, host, type, n);

	return length < 0 || (size_t)length >= size ? -EMSGSIZE : length;
}

struct line {
	const char *text;
	size_t n;
};

/* The next line, without its end; false: it has none. */
static bool next_line(const uint8_t *bytes, size_t n, size_t *at, struct line *line)
{
	const uint8_t *end = memchr(bytes + *at, '\n', n - *at);

	if (!end)
		return false;
	line->text = (const char *)bytes + *at;
	line->n = (size_t)(end - (bytes + *at));
	if (line->n && line->text[line->n - 1] == '\r')
		line->n--;
	*at = (size_t)(end - bytes) + 1;
	return true;
}

static bool number(const char *text, size_t n, size_t *value)
{
	*value = 0;
	/* At most that many digits, so that no number overflows. */
	if (n < 1 || n > 9)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		*value = *value * 10 + (size_t)(text[i] - '0');
	}
	return true;
}

static bool status_line(const struct line *line, struct weir__se_http_reply *reply)
{
	size_t status;

	if (line->n < 12 || memcmp(line->text, "HTTP/1.", 7) != 0 || line->text[8] != ' ' ||
	    !number(line->text + 9, 3, &status) || (line->n > 12 && line->text[12] != ' '))
		return false;
	reply->status = (unsigned)status;
	return true;
}

static bool is_field(const struct line *line, const char *name, struct line *value)
{
	const size_t n = strlen(name);

	if (line->n <= n || line->text[n] != ':' || strncasecmp(line->text, name, n) != 0)
		return false;
	value->text = line->text + n + 1;
	value->n = line->n - n - 1;
	while (value->n && (*value->text == ' ' || *value->text == '\t')) {
		value->text++;
		value->n--;
	}
	while (value->n && (value->text[value->n - 1] == ' ' || value->text[value->n - 1] == '\t'))
		value->n--;
	return true;
}

/* Two lengths, or a length and an encoding, can be read in two ways (RFC 9112 6.3): neither is taken. */
static int field(const struct line *line, struct weir__se_http_reply *reply, bool *has_length)
{
	struct line value;

	if (is_field(line, "transfer-encoding", &value))
		return -EBADMSG;
	if (!is_field(line, "content-length", &value))
		return 0;
	if (*has_length || !number(value.text, value.n, &reply->body))
		return -EBADMSG;
	*has_length = true;
	return reply->body > WEIR__SE_HTTP_BODY ? -EMSGSIZE : 0;
}

int weir__se_http_reply(const uint8_t *bytes, size_t n, struct weir__se_http_reply *reply)
{
	const size_t limit = n < WEIR__SE_HTTP_HEAD ? n : WEIR__SE_HTTP_HEAD;
	bool has_length = false;
	struct line line;
	size_t at = 0;
	int code;

	*reply = (struct weir__se_http_reply){ 0 };
	for (unsigned i = 0; next_line(bytes, limit, &at, &line); i++) {
		if (i == 0) {
			if (!status_line(&line, reply))
				return -EBADMSG;
			continue;
		}
		if (!line.n)
			return has_length ? (int)at : -EBADMSG;
		code = field(&line, reply, &has_length);
		if (code < 0)
			return code;
	}
	return n >= WEIR__SE_HTTP_HEAD ? -EMSGSIZE : 0;
}
