/* SPDX-License-Identifier: Apache-2.0 */
/* eBPF programs out of ELF files, by libbpf. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <bpf/libbpf.h>

#include "tun.h"

#define LOG_SIZE (1u << 20) /* the verifier gives up on a smaller one in older kernels */

/* A load, and what was said of it. */
struct load {
	const char *path;
	char said[256]; /* by libbpf, first of all */
	char *log;      /* by the verifier */
	struct weir_error *err;
};

/* There is one function of the process for what libbpf says: ours while a program is loaded, but only for
 * this thread. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static libbpf_print_fn_t others;
static _Thread_local struct load *current;

static int hear(enum libbpf_print_level level, const char *format, va_list args) WEIR_PRINTF(2, 0);

static int hear(enum libbpf_print_level level, const char *format, va_list args)
{
	if (!current)
		return others ? others(level, format, args) : 0;
	if (level == LIBBPF_WARN && !current->said[0]) {
		vsnprintf(current->said, sizeof(current->said), format, args);
		current->said[strcspn(current->said, "\n")] = '\0';
	}
	return 0;
}

/* The verifier's last line tells why; but for the one with its statistics. */
static const char *last_line(char *log)
{
	const char *last = "";
	char *rest;

	for (char *line = strtok_r(log, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (strncmp(line, "processed ", strlen("processed ")) != 0)
			last = line;
	return last;
}

static int load_failed(struct load *load, int error)
{
	const char *why = last_line(load->log);
	const char *advice = error == EPERM ? ": this needs CAP_BPF outside of user namespaces" : "";

	weir_invalid(load->err, "steering", "'%s': %s%s%s%s", load->path,
		     load->said[0] ? load->said : strerror(error), why[0] ? ": " : "", why, advice);
	return -error;
}

/* The program of that name; NULL: the only one. */
static struct bpf_program *choose(struct load *load, struct bpf_object *object, const char *name)
{
	struct bpf_program *program = NULL, *found = NULL;
	unsigned n = 0;

	while ((program = bpf_object__next_program(object, program))) {
		n++;
		if (!name || strcmp(bpf_program__name(program), name) == 0)
			found = program;
	}
	if (found && (name || n == 1))
		return found;
	if (name)
		weir_invalid(load->err, "steering_program", "'%s' is not in '%s'", name, load->path);
	else
		weir_invalid(load->err, "steering_program", "'%s' has %u programs: name one", load->path, n);
	return NULL;
}

static int load_program(struct load *load, struct bpf_object *object, const char *name)
{
	struct bpf_program *wanted = choose(load, object, name), *program = NULL;
	int rc;

	if (!wanted)
		return -EINVAL;
	while ((program = bpf_object__next_program(object, program)))
		bpf_program__set_autoload(program, program == wanted);
	bpf_program__set_type(wanted, BPF_PROG_TYPE_SOCKET_FILTER);
	rc = bpf_object__load(object);
	if (rc < 0)
		return load_failed(load, -rc);
	/* The object closes its own. */
	rc = fcntl(bpf_program__fd(wanted), F_DUPFD_CLOEXEC, 0);
	return rc < 0 ? load_failed(load, errno) : rc;
}

static int load_object(struct load *load, const char *name)
{
	struct bpf_object_open_opts options;
	struct bpf_object *object;
	int rc;

	/* With the padding at its end, which libbpf looks at. */
	memset(&options, 0, sizeof(options));
	options.sz = sizeof(options);
	options.kernel_log_buf = load->log;
	options.kernel_log_size = LOG_SIZE;
	object = bpf_object__open_file(load->path, &options);
	if (!object)
		return load_failed(load, errno);
	rc = load_program(load, object, name);
	bpf_object__close(object);
	return rc;
}

int weir__tun_program_load(const char *path, const char *name, struct weir_error *err)
{
	struct load load = { .path = path, .log = calloc(1, LOG_SIZE), .err = err };
	int rc;

	if (!load.log)
		return weir_failed(err, -ENOMEM, "no memory for what the verifier says");
	pthread_mutex_lock(&lock);
	current = &load;
	others = libbpf_set_print(hear);
	rc = load_object(&load, name);
	libbpf_set_print(others);
	current = NULL;
	pthread_mutex_unlock(&lock);
	free(load.log);
	return rc;
}
