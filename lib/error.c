/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

static void append(struct weir_error *err, const char *format, va_list args) WEIR_PRINTF(2, 0);

/* Appends to the text as far as it fits; says at its end when something did not. */
static void append(struct weir_error *err, const char *format, va_list args)
{
	static const char more[] = "\n(and more)";
	const size_t room = sizeof(err->text) - sizeof(more) + 1;
	size_t used = strlen(err->text);
	int n;

	if (used >= room)
		return;
	n = vsnprintf(err->text + used, room - used, format, args);
	if (n < 0 || (size_t)n >= room - used)
		memcpy(err->text + room - 1, more, sizeof(more));
}

static void add(struct weir_error *err, const char *format, ...) WEIR_PRINTF(2, 3);

static void add(struct weir_error *err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	append(err, format, args);
	va_end(args);
}

/* Begins the line of a new problem: "WHERE: FIELD: ". */
static void begin(struct weir_error *err, int code, const char *field)
{
	if (err->problems++ == 0)
		err->code = code;
	else
		add(err, "\n");
	if (err->where[0])
		add(err, "%s: ", err->where);
	if (field)
		add(err, "%s: ", field);
}

int weir_invalid(struct weir_error *err, const char *field, const char *format, ...)
{
	va_list args;

	if (!err)
		return -EINVAL;
	begin(err, -EINVAL, field);
	va_start(args, format);
	append(err, format, args);
	va_end(args);
	return -EINVAL;
}

int weir_failed(struct weir_error *err, int code, const char *format, ...)
{
	va_list args;

	if (!err)
		return code;
	begin(err, code, NULL);
	va_start(args, format);
	append(err, format, args);
	va_end(args);
	return code;
}

void weir__error_clear(struct weir_error *err)
{
	err->code = 0;
	err->problems = 0;
	err->where[0] = '\0';
	err->text[0] = '\0';
}

void weir__error_at(struct weir_error *err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(err->where, sizeof(err->where), format, args);
	va_end(args);
}

int weir__error_word(struct weir_error *err, unsigned before, int code)
{
	return code < 0 && err->problems == before ? weir_failed(err, code, "%s", strerror(-code)) : code;
}
