/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#ifdef WEIR__CHECKS

#define POISON        0xd5
#define POISONED_ROOM 256 /* bytes poisoned: where a packet begins and ends most often */

static void broken(const struct weir__pool *pool, uint32_t index, const char *path, const char *format, ...)
	__attribute__((noreturn, format(printf, 4, 5)));

static void broken(const struct weir__pool *pool, uint32_t index, const char *path, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "weir: %s: buffer %u, last at %s, ", path, index,
		pool->check[index].path ? pool->check[index].path : "the pool");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

static void poison(struct weir_buf *buf)
{
	memset(buf->room, POISON, buf->room_size < POISONED_ROOM ? buf->room_size : POISONED_ROOM);
}

/* The first n bytes of the room of a buffer that was free until now. */
static void check_poison(const struct weir__pool *pool, uint32_t index, size_t n, const char *path)
{
	const struct weir_buf *buf = &pool->bufs[index];

	for (size_t i = 0; i < n && i < POISONED_ROOM && i < buf->room_size; i++)
		if (buf->room[i] != POISON)
			broken(pool, index, path, "was written to at %zu after it was freed", i);
}

static const char *owner_name(unsigned owner)
{
	static const char *const names[] = { "the pool", "a worker", "a ring", "a worker" };

	return owner < sizeof(names) / sizeof(names[0]) ? names[owner] : "nobody";
}

static void check_index(const struct weir__pool *pool, uint32_t index, const char *path)
{
	const bool jumbo = weir__pool_is_jumbo(index);

	if (jumbo ? index - WEIR__JUMBO_BASE < weir__pool_jumbo(pool) : index < weir__pool_small(pool))
		return;
	fprintf(stderr, "weir: %s: no buffer has the index %u\n", path, index);
	abort();
}

/*
 * Bytes in front of a packet that was just read to which nobody may have written: those that a reader leaves
 * free. The packet may begin further behind, after a header that came with it; and a device may have put a
 * header right in front of a packet, into the place for one of any length (weir__reader_large()).
 */
static size_t front_of(const struct weir__pool *pool, const struct weir_buf *buf, uint32_t index)
{
	const size_t before = (size_t)(buf->data - buf->room);
	const size_t front = before < pool->headroom ? before : pool->headroom;

	if (!weir__pool_is_jumbo(index))
		return front;
	return front < WEIR__LARGE_FRONT ? 0 : front - WEIR__LARGE_FRONT;
}

void weir__check_pass(struct weir__pool *pool, const uint32_t *index, uint32_t n, enum weir__owner from,
		      enum weir__owner to, const char *path)
{
	for (uint32_t i = 0; i < n; i++) {
		struct weir_buf *buf;

		check_index(pool, index[i], path);
		buf = &pool->bufs[index[i]];
		if (buf->owner != from)
			broken(pool, index[i], path, "belongs to %s, not to %s", owner_name(buf->owner),
			       owner_name(from));
		if (from == WEIR__OWNER_POOL)
			check_poison(pool, index[i], front_of(pool, buf, index[i]), path);
		buf->owner = (uint8_t)to;
		if (to == WEIR__OWNER_POOL)
			poison(buf);
		pool->check[index[i]].path = path;
	}
}

void weir__check_before(struct weir__pool *pool, const uint32_t *index, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct weir_buf *buf = &pool->bufs[index[i]];

		pool->check[index[i]].data = buf->data;
		pool->check[index[i]].end = buf->data + buf->len;
	}
}

static void check_bounds(const struct weir__pool *pool, uint32_t index, const struct weir_stage_type *type,
			 const char *path)
{
	const struct weir_buf *buf = &pool->bufs[index];
	const struct weir__check *check = &pool->check[index];
	const size_t front = (size_t)(buf->data - buf->room);

	if (buf->data < buf->room || front > buf->room_size || buf->len > buf->room_size - front)
		broken(pool, index, path, "has %u bytes at %td of a room of %u", buf->len,
		       buf->data - buf->room, buf->room_size);
	if (check->data - buf->data > type->headroom)
		broken(pool, index, path, "was given %td bytes in front, and the type says %u",
		       check->data - buf->data, type->headroom);
	if (buf->data + buf->len - check->end > type->tailroom)
		broken(pool, index, path, "was given %td bytes behind, and the type says %u",
		       buf->data + buf->len - check->end, type->tailroom);
}

void weir__check_after(struct weir__pool *pool, const uint32_t *index, uint32_t n,
		       const struct weir_stage_type *type, const char *path)
{
	for (uint32_t i = 0; i < n; i++) {
		struct weir_buf *buf;

		check_index(pool, index[i], path);
		buf = &pool->bufs[index[i]];
		if (buf->owner == WEIR__OWNER_SEEN)
			broken(pool, index[i], path, "is in a vector twice");
		if (buf->owner != WEIR__OWNER_WORKER)
			broken(pool, index[i], path, "belongs to %s", owner_name(buf->owner));
		check_bounds(pool, index[i], type, path);
		buf->owner = WEIR__OWNER_SEEN;
		pool->check[index[i]].path = path;
	}
	for (uint32_t i = 0; i < n; i++)
		pool->bufs[index[i]].owner = WEIR__OWNER_WORKER;
}

void weir__check_free(struct weir__pool *pool, const uint32_t *index, uint32_t n, const char *path)
{
	for (uint32_t i = 0; i < n; i++) {
		if (pool->bufs[index[i]].owner != WEIR__OWNER_POOL)
			broken(pool, index[i], path, "is in the pool, but belongs to %s",
			       owner_name(pool->bufs[index[i]].owner));
		check_poison(pool, index[i], POISONED_ROOM, path);
	}
}

void weir__check_unused(struct weir__pool *pool, uint32_t index)
{
	poison(&pool->bufs[index]);
}

void weir__check_taken_off(struct weir_buf *buf, uint32_t n)
{
	memset(buf->data - n, POISON, n);
}

#endif
