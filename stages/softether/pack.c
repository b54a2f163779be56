/* SPDX-License-Identifier: Apache-2.0 */
#include "pack.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "bytes.h"

struct input {
	const uint8_t *bytes;
	size_t n;
};

static const uint8_t *take(struct input *input, size_t n)
{
	const uint8_t *bytes = input->bytes;

	if (n > input->n)
		return NULL;
	input->bytes += n;
	input->n -= n;
	return bytes;
}

static bool take32(struct input *input, uint32_t *value)
{
	const uint8_t *bytes = take(input, 4);

	if (!bytes)
		return false;
	*value = weir__se_load32(bytes);
	return true;
}

static bool skip_value(struct input *input, uint32_t type)
{
	uint32_t n;

	switch (type) {
	case WEIR__SE_INT:
		return take(input, 4);
	case WEIR__SE_INT64:
		return take(input, 8);
	case WEIR__SE_DATA:
	case WEIR__SE_STR:
	case WEIR__SE_UNISTR:
		return take32(input, &n) && take(input, n);
	default:
		return false;
	}
}

static bool take_element(struct input *input, struct weir__se_element *element)
{
	/* The length of a name counts a NUL that is not sent. */
	if (!take32(input, &element->name_n) || element->name_n < 2 ||
	    element->name_n > WEIR__SE_PACK_NAME + 1)
		return false;
	element->name_n--;
	element->name = take(input, element->name_n);
	if (!element->name || !take32(input, &element->type) || !take32(input, &element->count) ||
	    !element->count)
		return false;
	element->values = input->bytes;
	for (uint32_t i = 0; i < element->count; i++)
		if (!skip_value(input, element->type))
			return false;
	return true;
}

int weir__se_pack_parse(struct weir__se_pack *pack, const uint8_t *bytes, size_t n)
{
	struct input input = { bytes, n };
	uint32_t count;

	pack->n = 0;
	if (!take32(&input, &count))
		return -EBADMSG;
	if (count > WEIR__SE_PACK_ELEMENTS)
		return -E2BIG;
	for (uint32_t i = 0; i < count; i++)
		if (!take_element(&input, &pack->element[i]))
			return -EBADMSG;
	pack->n = count;
	return 0;
}

static bool same_name(const struct weir__se_element *element, const char *name)
{
	return strlen(name) == element->name_n &&
	       strncasecmp((const char *)element->name, name, element->name_n) == 0;
}

static const struct weir__se_element *find(const struct weir__se_pack *pack, const char *name, uint32_t type)
{
	for (unsigned i = 0; i < pack->n; i++)
		if (pack->element[i].type == type && same_name(&pack->element[i], name))
			return &pack->element[i];
	return NULL;
}

bool weir__se_pack_int_at(const struct weir__se_pack *pack, const char *name, uint32_t i, uint32_t *value)
{
	const struct weir__se_element *element = find(pack, name, WEIR__SE_INT);

	if (!element || i >= element->count)
		return false;
	*value = weir__se_load32(element->values + 4 * (size_t)i);
	return true;
}

uint32_t weir__se_pack_int(const struct weir__se_pack *pack, const char *name, uint32_t otherwise)
{
	weir__se_pack_int_at(pack, name, 0, &otherwise);
	return otherwise;
}

static const uint8_t *counted(const struct weir__se_pack *pack, const char *name, uint32_t type, size_t *n)
{
	const struct weir__se_element *element = find(pack, name, type);

	if (!element)
		return NULL;
	*n = weir__se_load32(element->values);
	return element->values + 4;
}

const uint8_t *weir__se_pack_data(const struct weir__se_pack *pack, const char *name, size_t *n)
{
	return counted(pack, name, WEIR__SE_DATA, n);
}

bool weir__se_pack_data_n(const struct weir__se_pack *pack, const char *name, void *copy, size_t n)
{
	size_t has;
	const uint8_t *bytes = weir__se_pack_data(pack, name, &has);

	if (!bytes || has != n)
		return false;
	memcpy(copy, bytes, n);
	return true;
}

bool weir__se_pack_str(const struct weir__se_pack *pack, const char *name, char *text, size_t size)
{
	size_t n, i;
	const uint8_t *bytes = counted(pack, name, WEIR__SE_STR, &n);

	if (!bytes)
		return false;
	for (i = 0; i < n && i < size - 1; i++)
		text[i] = (char)(bytes[i] >= ' ' && bytes[i] <= '~' ? bytes[i] : '?');
	text[i] = '\0';
	return true;
}

/* --- writing */

static uint8_t *room(struct weir__se_pack_writer *writer, size_t n)
{
	uint8_t *bytes = writer->bytes + writer->n;

	if (!writer->error && n > writer->size - writer->n)
		writer->error = -EMSGSIZE;
	if (writer->error)
		return NULL;
	writer->n += n;
	return bytes;
}

static void put32(struct weir__se_pack_writer *writer, uint32_t value)
{
	uint8_t *bytes = room(writer, 4);

	if (bytes)
		weir__se_store32(bytes, value);
}

static void put_bytes(struct weir__se_pack_writer *writer, const void *from, size_t n)
{
	uint8_t *bytes = room(writer, n);

	if (bytes && n)
		memcpy(bytes, from, n);
}

static bool has_name(const struct weir__se_pack_writer *writer, const char *name)
{
	struct input input = { writer->bytes + 4, writer->n - 4 };
	struct weir__se_element element;

	while (take_element(&input, &element))
		if (same_name(&element, name))
			return true;
	return false;
}

void weir__se_pack_begin(struct weir__se_pack_writer *writer, void *bytes, size_t size)
{
	*writer = (struct weir__se_pack_writer){ .bytes = bytes, .size = size };
	put32(writer, 0);
}

static void put_head(struct weir__se_pack_writer *writer, const char *name, uint32_t type)
{
	const size_t n = strlen(name);

	if (writer->error)
		return;
	if (n < 1 || n > WEIR__SE_PACK_NAME)
		writer->error = -EINVAL;
	else if (has_name(writer, name))
		writer->error = -EEXIST;
	put32(writer, (uint32_t)n + 1);
	put_bytes(writer, name, n);
	put32(writer, type);
	put32(writer, 1);
	if (!writer->error)
		weir__se_store32(writer->bytes, weir__se_load32(writer->bytes) + 1);
}

void weir__se_pack_put_int(struct weir__se_pack_writer *writer, const char *name, uint32_t value)
{
	put_head(writer, name, WEIR__SE_INT);
	put32(writer, value);
}

static void put_counted(struct weir__se_pack_writer *writer, const char *name, uint32_t type,
			const void *bytes, size_t n)
{
	if (n > WEIR__SE_PACK_SIZE && !writer->error)
		writer->error = -EMSGSIZE;
	put_head(writer, name, type);
	put32(writer, (uint32_t)n);
	put_bytes(writer, bytes, n);
}

void weir__se_pack_put_data(struct weir__se_pack_writer *writer, const char *name, const void *data, size_t n)
{
	put_counted(writer, name, WEIR__SE_DATA, data, n);
}

void weir__se_pack_put_str(struct weir__se_pack_writer *writer, const char *name, const char *text)
{
	put_counted(writer, name, WEIR__SE_STR, text, strlen(text));
}

int weir__se_pack_end(const struct weir__se_pack_writer *writer)
{
	return writer->error ? writer->error : (int)writer->n;
}
