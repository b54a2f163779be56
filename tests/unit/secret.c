/* SPDX-License-Identifier: Apache-2.0 */
/* Where secrets come from, what is refused, and what is left of them: nothing. */
#include "test.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/secret.h>

#define WORD "correct horse"

static char path[] = "/tmp/weir-secret-XXXXXX";
static struct weir_error err;
static char *secret;
static size_t len;

/* --- what is given back is empty --- */

static unsigned unmapped; /* areas with an inside */

int __wrap_munmap(void *address, size_t size);
int __real_munmap(void *address, size_t size);

/* Only the library's are seen, and those of a secret have a page in front and one behind. */
int __wrap_munmap(void *address, size_t size)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const uint8_t *inside = (const uint8_t *)address + page;

	assert_true(size > 2 * page);
	for (size_t i = 0; i < size - 2 * page; i++)
		assert_int_equal(inside[i], 0);
	unmapped++;
	return __real_munmap(address, size);
}

static void freed_memory_does_not_hold_it(void **state)
{
	static const size_t sizes[] = { 0, 1, 16, 4095, 4096, 4097, WEIR_SECRET_MAX };

	(void)state;
	for (size_t i = 0; i < countof(sizes); i++) {
		uint8_t *memory = weir_secret_alloc(sizes[i]);

		assert_non_null(memory);
		assert_int_equal((uintptr_t)memory % 16, 0);
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(memory[k], 0);
		memset(memory, 0xa5, sizes[i]);
		unmapped = 0;
		weir_secret_free(memory);
		assert_int_equal(unmapped, 1);
	}
	weir_secret_free(NULL);
	assert_null(weir_secret_alloc(WEIR_SECRET_MAX + 1));
}

static void it_is_freed_where_it_may_not_be_locked(void **state)
{
	struct rlimit before, none;
	void *memory;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &none), 0);
	memory = weir_secret_alloc(100);
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &before), 0);
	assert_non_null(memory);
	memset(memory, 1, 100);
	weir_secret_free(memory);
}

/* The lines of /proc/self/smaps about the area that has the address. */
static void flags_of(const void *address, char flags[512])
{
	FILE *file = fopen("/proc/self/smaps", "re");
	bool there = false;
	char line[512];

	assert_non_null(file);
	flags[0] = '\0';
	while (fgets(line, sizeof(line), file)) {
		uintptr_t from, to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			there = from <= (uintptr_t)address && (uintptr_t)address < to;
		if (there && strncmp(line, "VmFlags:", 8) == 0)
			snprintf(flags, 512, "%s", line);
	}
	fclose(file);
}

/* A page that the test has asked for the same: an emulator does not give all of it. */
static uint8_t *make_page(void)
{
	const size_t size = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(page, MAP_FAILED);
	mlock(page, size);
	madvise(page, size, MADV_DONTDUMP);
	madvise(page, size, MADV_WIPEONFORK);
	return page;
}

static void it_is_not_dumped_swapped_or_inherited(void **state)
{
	static const char *const wanted[] = { " lo", " dd", " wf" };
	void *memory = weir_secret_alloc(100);
	uint8_t *page = make_page();
	char flags[512], possible[512];

	(void)state;
	assert_non_null(memory);
	flags_of(memory, flags);
	flags_of(page, possible);
	for (size_t i = 0; i < countof(wanted); i++)
		if (strstr(possible, wanted[i]))
			assert_non_null(strstr(flags, wanted[i]));
	weir_secret_free(memory);
	__real_munmap(page, (size_t)sysconf(_SC_PAGESIZE));
}

#define NOT_WIPED 77

static int look_as_child(uint8_t *secret_memory, const uint8_t *page)
{
	if (page[0])
		return NOT_WIPED;
	for (size_t i = 0; i < 32; i++)
		if (secret_memory[i])
			return 1;
	weir_secret_free(secret_memory);
	return 0;
}

/* Also where the child frees what it has not got. */
static void a_child_sees_zeros(void **state)
{
	uint8_t *memory = weir_secret_alloc(32);
	uint8_t *page = make_page();
	int status;
	pid_t child;

	(void)state;
	assert_non_null(memory);
	memset(memory, 0xa5, 32);
	page[0] = 1;
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(look_as_child(memory, page));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(memory[31], 0xa5);
	weir_secret_free(memory);
	__real_munmap(page, (size_t)sysconf(_SC_PAGESIZE));
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NOT_WIPED)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* --- where it comes from --- */

static void write_file(mode_t mode, const void *bytes, size_t n)
{
	const int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int read_from(struct weir_secret_source source)
{
	memset(&err, 0, sizeof(err));
	secret = NULL;
	return weir_secret_read(&source, "password", &secret, &len, &err);
}

static int read_file(void)
{
	return read_from((struct weir_secret_source){ .file = path });
}

static void is_secret(const char *text)
{
	assert_non_null(secret);
	assert_int_equal(len, strlen(text));
	assert_string_equal(secret, text);
	weir_secret_free(secret);
}

/* It says what it must, and not the secret. */
static void has_failed(int rc, int code, const char *text)
{
	assert_int_equal(rc, code);
	assert_null(secret);
	assert_int_equal(err.code, code);
	assert_int_equal(err.problems, 1);
	if (!strstr(err.text, text))
		fail_msg("'%s' is not in: %s", text, err.text);
	assert_null(strstr(err.text, WORD));
}

static void a_file_is_read_without_its_last_newline(void **state)
{
	(void)state;
	write_file(0600, WORD "\n", sizeof(WORD));
	assert_int_equal(read_file(), 0);
	is_secret(WORD);
	write_file(0400, WORD "\n\n", sizeof(WORD) + 1);
	assert_int_equal(read_file(), 0);
	is_secret(WORD "\n");
	write_file(0600, WORD, sizeof(WORD) - 1);
	assert_int_equal(read_file(), 0);
	is_secret(WORD);
}

static void a_file_that_others_may_read_is_refused(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0644 };

	(void)state;
	for (size_t i = 0; i < countof(modes); i++) {
		write_file(modes[i], WORD, sizeof(WORD) - 1);
		has_failed(read_file(), -EPERM, "password_file: '/tmp/weir-secret-");
	}
}

static void a_file_that_is_not_there_is_named(void **state)
{
	(void)state;
	has_failed(read_from((struct weir_secret_source){ .file = "/nowhere/password" }), -ENOENT,
		   "password_file: '/nowhere/password': No such file");
	has_failed(read_from((struct weir_secret_source){ .file = "/proc/self" }), -EPERM, "password_file");
}

static void nothing_is_no_secret(void **state)
{
	(void)state;
	write_file(0600, "", 0);
	has_failed(read_file(), -ENODATA, "password: it is empty");
	write_file(0600, "\n", 1);
	has_failed(read_file(), -ENODATA, "password: it is empty");
	has_failed(read_from((struct weir_secret_source){ 0 }), -ENOENT, "password: there is none");
}

static void there_is_an_end(void **state)
{
	static char large[WEIR_SECRET_MAX + 2];

	(void)state;
	memset(large, 'x', sizeof(large));
	large[WEIR_SECRET_MAX] = '\n';
	write_file(0600, large, WEIR_SECRET_MAX + 1);
	assert_int_equal(read_file(), 0);
	assert_int_equal(len, WEIR_SECRET_MAX);
	weir_secret_free(secret);
	write_file(0600, large, WEIR_SECRET_MAX + 2);
	has_failed(read_file(), -EMSGSIZE, "password_file: more than 65536 bytes");
	large[WEIR_SECRET_MAX] = 'x';
	write_file(0600, large, WEIR_SECRET_MAX + 1);
	has_failed(read_file(), -EMSGSIZE, "password_file: more than 65536 bytes");
}

/* A descriptor gives the bytes as they are, piece after piece. */
static void a_descriptor_is_read_to_its_end(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	if (fork() == 0) {
		for (size_t i = 0; i < strlen(WORD); i++) {
			if (write(ends[1], &WORD[i], 1) != 1)
				_exit(1);
			usleep(100);
		}
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(read_from((struct weir_secret_source){ .fd = ends[0] }), 0);
	is_secret(WORD);
	assert_true(wait(NULL) > 0);
	has_failed(read_from((struct weir_secret_source){ .fd = ends[0] }), -ENODATA,
		   "password: it is empty");
	close(ends[0]);
	has_failed(read_from((struct weir_secret_source){ .fd = ends[0] }), -EBADF, "password_fd: ");
}

static int answer(void *context, char *buffer, size_t size)
{
	assert_int_equal(size, WEIR_SECRET_MAX);
	memcpy(buffer, WORD, strlen(WORD));
	return *(const int *)context;
}

static void a_function_is_asked(void **state)
{
	int rc = (int)strlen(WORD);
	const struct weir_secret_source source = { .ask = answer, .context = &rc };

	(void)state;
	assert_int_equal(read_from(source), 0);
	is_secret(WORD);
	rc = -ECANCELED;
	has_failed(read_from(source), -ECANCELED, "password_ask: Operation canceled");
	rc = 0;
	has_failed(read_from(source), -ENODATA, "password: it is empty");
	rc = WEIR_SECRET_MAX + 1;
	has_failed(read_from(source), -EMSGSIZE, "password_ask: more than");
}

static void sources_are_counted(void **state)
{
	struct options {
		WEIR_SECRET_OPTIONS(key);
	} options = { .key_file = path, .key_ask = answer };
	const struct weir_secret_source source = WEIR_SECRET_SOURCE(&options, key);

	(void)state;
	assert_int_equal(weir_secret_sources(&source), 2);
	assert_int_equal(weir_secret_sources(&(struct weir_secret_source){ .fd = 7 }), 1);
}

static void secrets_are_compared(void **state)
{
	(void)state;
	assert_true(weir_secret_same("abcd", "abcx", 3));
	assert_false(weir_secret_same("abcd", "abcx", 4));
	assert_true(weir_secret_same("", "", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(freed_memory_does_not_hold_it),
		cmocka_unit_test(it_is_freed_where_it_may_not_be_locked),
		cmocka_unit_test(it_is_not_dumped_swapped_or_inherited),
		cmocka_unit_test(a_child_sees_zeros),
		cmocka_unit_test(a_file_is_read_without_its_last_newline),
		cmocka_unit_test(a_file_that_others_may_read_is_refused),
		cmocka_unit_test(a_file_that_is_not_there_is_named),
		cmocka_unit_test(nothing_is_no_secret),
		cmocka_unit_test(there_is_an_end),
		cmocka_unit_test(a_descriptor_is_read_to_its_end),
		cmocka_unit_test(a_function_is_asked),
		cmocka_unit_test(sources_are_counted),
		cmocka_unit_test(secrets_are_compared),
	};
	const int fd = mkostemp(path, O_CLOEXEC);
	int failed;

	if (fd < 0)
		return 1;
	close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
