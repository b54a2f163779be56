/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PACK: the named values that both sides send each other until frames flow. A name is found whatever the case
 * of its letters, and only with the type that it is asked for.
 */
#ifndef WEIR_SE_PACK_H
#define WEIR_SE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR__SE_PACK_SIZE     65536 /* bytes at the most */
#define WEIR__SE_PACK_ELEMENTS 256   /* a welcome has about 90 */
#define WEIR__SE_PACK_NAME     63

enum weir__se_pack_type {
	WEIR__SE_INT = 0,
	WEIR__SE_DATA,
	WEIR__SE_STR,
	WEIR__SE_UNISTR,
	WEIR__SE_INT64,
};

struct weir__se_element {
	const uint8_t *name; /* not terminated */
	uint32_t name_n;
	uint32_t type;
	uint32_t count;
	const uint8_t *values; /* as they were sent; checked that all are there */
};

/* Points into the bytes that it was parsed from. */
struct weir__se_pack {
	unsigned n;
	struct weir__se_element element[WEIR__SE_PACK_ELEMENTS];
};

/* Returns 0; -EBADMSG: it is none; -E2BIG: it has too many elements. */
int weir__se_pack_parse(struct weir__se_pack *pack, const uint8_t *bytes, size_t n);

/* Value i of an integer; false: there is none. */
bool weir__se_pack_int_at(const struct weir__se_pack *pack, const char *name, uint32_t i, uint32_t *value);
/* The first value of an integer, or that one if there is none. */
uint32_t weir__se_pack_int(const struct weir__se_pack *pack, const char *name, uint32_t otherwise);
/* The first value of data; NULL: there is none. */
const uint8_t *weir__se_pack_data(const struct weir__se_pack *pack, const char *name, size_t *n);
/* The same if it has exactly n bytes: copies them. */
bool weir__se_pack_data_n(const struct weir__se_pack *pack, const char *name, void *copy, size_t n);
/* The first value of a string, for people to read: cut to size, and what is not printable becomes '?'. */
bool weir__se_pack_str(const struct weir__se_pack *pack, const char *name, char *text, size_t size);

/* Writes a PACK into memory of the caller, who wipes it where it had a secret. */
struct weir__se_pack_writer {
	uint8_t *bytes;
	size_t size, n;
	int error;
};

void weir__se_pack_begin(struct weir__se_pack_writer *writer, void *bytes, size_t size);
void weir__se_pack_put_int(struct weir__se_pack_writer *writer, const char *name, uint32_t value);
void weir__se_pack_put_data(struct weir__se_pack_writer *writer, const char *name, const void *data,
			    size_t n);
void weir__se_pack_put_str(struct weir__se_pack_writer *writer, const char *name, const char *text);
/* Returns its bytes, or what went wrong first: -EMSGSIZE (no room), -EEXIST (a name twice: the server would
 * refuse all of it), -EINVAL (a name that is empty or too long). */
int weir__se_pack_end(const struct weir__se_pack_writer *writer);

#endif
