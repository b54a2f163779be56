/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "faults.h"
#include "heap.h"
#include "real.h"
#include "scheduler.h"

#define BLOCKS_MAX 16384 /* a power of two */

/* Blocks by address; an open hash table. */
struct block {
	const void *address; /* NULL: none */
	size_t size;
	uint64_t step; /* when it was taken */
	const void *caller;
};

static struct block blocks[BLOCKS_MAX];
static unsigned live;
static size_t mapped;

void sim_memory_init(void)
{
	memset(blocks, 0, sizeof(blocks));
	live = 0;
	mapped = 0;
}

/* Where it lies if nothing is in its way. */
static unsigned home(const void *address)
{
	return (unsigned)(((uintptr_t)address >> 4) * 0x9e3779b97f4a7c15u >> 50);
}

/* Its entry, or the one that it would have. */
static struct block *find(const void *address)
{
	unsigned i = home(address);

	while (blocks[i].address && blocks[i].address != address)
		i = (i + 1) % BLOCKS_MAX;
	return &blocks[i];
}

static void *took(void *address, size_t size, const void *caller)
{
	if (!sim_self || !address)
		return address;
	if (++live > BLOCKS_MAX / 2)
		sim_fail("more than %d blocks of memory", BLOCKS_MAX / 2);
	*find(address) = (struct block){ address, size, sim_steps(), caller };
	return address;
}

/* Entries behind it that had to make way for it move up, so that there is no gap in front of them. */
static void erase(struct block *block)
{
	unsigned gap = (unsigned)(block - blocks);

	for (unsigned i = (gap + 1) % BLOCKS_MAX; blocks[i].address; i = (i + 1) % BLOCKS_MAX) {
		const unsigned from_home = (i - home(blocks[i].address)) % BLOCKS_MAX;

		if (from_home < (i - gap) % BLOCKS_MAX)
			continue;
		blocks[gap] = blocks[i];
		gap = i;
	}
	blocks[gap].address = NULL;
	live--;
}

/* What was taken outside of the simulation is not there. */
static void gave(const void *address)
{
	struct block *block = address ? find(address) : NULL;

	if (block && block->address)
		erase(block);
}

void sim_memory_check(const char *where)
{
	if (mapped)
		sim_fail("%s: %zu bytes are still mapped", where, mapped);
	if (!live)
		return;
	for (unsigned i = 0; i < BLOCKS_MAX; i++)
		if (blocks[i].address)
			fprintf(stderr, "not freed: %zu bytes that %p took at step %" PRIu64 "\n",
				blocks[i].size, blocks[i].caller, blocks[i].step);
	sim_fail("%s: %u blocks of memory were not freed", where, live);
}

static bool refused(void)
{
	if (!sim_refused("no memory"))
		return false;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return refused() ? NULL : took(__real_malloc(size), size, __builtin_return_address(0));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return refused() ? NULL : took(__real_calloc(n, size), n * size, __builtin_return_address(0));
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	return refused() ? NULL
			 : took(__real_aligned_alloc(alignment, size), size, __builtin_return_address(0));
}

void *__wrap_realloc(void *memory, size_t size)
{
	if (refused())
		return NULL;
	gave(memory);
	return took(__real_realloc(memory, size), size, __builtin_return_address(0));
}

char *__wrap_strdup(const char *text)
{
	return refused() ? NULL : took(__real_strdup(text), strlen(text) + 1, __builtin_return_address(0));
}

char *__wrap_strndup(const char *text, size_t n)
{
	return refused() ? NULL : took(__real_strndup(text, n), n, __builtin_return_address(0));
}

int __wrap_vasprintf(char **text, const char *format, va_list args)
{
	int n = refused() ? -1 : __real_vasprintf(text, format, args);

	if (n >= 0)
		took(*text, (size_t)n + 1, __builtin_return_address(0));
	return n;
}

int __wrap_asprintf(char **text, const char *format, ...)
{
	va_list args;
	int n;

	if (refused())
		return -1;
	va_start(args, format);
	n = __real_vasprintf(text, format, args);
	va_end(args);
	if (n >= 0)
		took(*text, (size_t)n + 1, __builtin_return_address(0));
	return n;
}

void __wrap_free(void *memory)
{
	gave(memory);
	__real_free(memory);
}

static void *map(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	void *memory = refused() ? MAP_FAILED : __real_mmap(at, size, protection, flags, fd, offset);

	if (sim_self && memory != MAP_FAILED)
		mapped += size;
	return memory;
}

void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	return map(at, size, protection, flags, fd, offset);
}

void *__wrap_mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	return map(at, size, protection, flags, fd, offset);
}

int __wrap_munmap(void *at, size_t size)
{
	if (sim_self)
		mapped -= size;
	return __real_munmap(at, size);
}

/* May need memory too; not where it gives some back. */
int __wrap_mprotect(void *at, size_t size, int protection)
{
	return protection != PROT_NONE && refused() ? -1 : __real_mprotect(at, size, protection);
}
