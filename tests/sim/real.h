/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The linker is told --wrap=NAME for each function below: a call of NAME comes to __wrap_NAME, which
 * simulates it for the threads of the simulation, and passes it on to __real_NAME outside of them. sim_wraps
 * of meson.build has the same list.
 */
#ifndef SIM_REAL_H
#define SIM_REAL_H

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

/* Both sides of a wrapped function. */
#define SIM_WRAP(type, name, ...)        \
	type __real_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__)

SIM_WRAP(void *, malloc, size_t size);
SIM_WRAP(void *, calloc, size_t n, size_t size);
SIM_WRAP(void *, realloc, void *memory, size_t size);
SIM_WRAP(void *, aligned_alloc, size_t alignment, size_t size);
SIM_WRAP(char *, strdup, const char *text);
SIM_WRAP(char *, strndup, const char *text, size_t n);
SIM_WRAP(int, asprintf, char **text, const char *format, ...);
SIM_WRAP(int, vasprintf, char **text, const char *format, va_list args);
SIM_WRAP(void, free, void *memory);
SIM_WRAP(void *, mmap, void *at, size_t size, int protection, int flags, int fd, off_t offset);
/* What mmap() is called where off_t could be smaller. */
SIM_WRAP(void *, mmap64, void *at, size_t size, int protection, int flags, int fd, off_t offset);
SIM_WRAP(int, munmap, void *at, size_t size);
SIM_WRAP(int, mprotect, void *at, size_t size, int protection);

SIM_WRAP(int, clock_gettime, clockid_t clock, struct timespec *time);
SIM_WRAP(int, nanosleep, const struct timespec *time, struct timespec *left);
SIM_WRAP(int, usleep, useconds_t us);

SIM_WRAP(int, eventfd, unsigned count, int flags);
SIM_WRAP(int, poll, struct pollfd *fds, nfds_t n, int timeout_ms);
SIM_WRAP(int, ppoll, struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask);
SIM_WRAP(ssize_t, read, int fd, void *bytes, size_t n);
SIM_WRAP(ssize_t, write, int fd, const void *bytes, size_t n);
SIM_WRAP(int, close, int fd);

SIM_WRAP(int, pthread_create, pthread_t *thread, const pthread_attr_t *attr, void *(*body)(void *),
	 void *argument);
SIM_WRAP(int, pthread_join, pthread_t thread, void **result);
SIM_WRAP(int, pthread_clockjoin_np, pthread_t thread, void **result, clockid_t clock,
	 const struct timespec *until);
SIM_WRAP(int, pthread_tryjoin_np, pthread_t thread, void **result);
SIM_WRAP(pthread_t, pthread_self, void);
SIM_WRAP(int, pthread_setname_np, pthread_t thread, const char *name);
SIM_WRAP(int, pthread_setaffinity_np, pthread_t thread, size_t size, const cpu_set_t *cpus);
SIM_WRAP(int, pthread_getcpuclockid, pthread_t thread, clockid_t *clock);
SIM_WRAP(int, sched_getaffinity, pid_t pid, size_t size, cpu_set_t *cpus);
SIM_WRAP(int, pthread_mutex_init, pthread_mutex_t *mutex, const pthread_mutexattr_t *attr);
SIM_WRAP(int, pthread_mutex_destroy, pthread_mutex_t *mutex);
SIM_WRAP(int, pthread_mutex_lock, pthread_mutex_t *mutex);
SIM_WRAP(int, pthread_mutex_trylock, pthread_mutex_t *mutex);
SIM_WRAP(int, pthread_mutex_unlock, pthread_mutex_t *mutex);
SIM_WRAP(int, pthread_cond_init, pthread_cond_t *condition, const pthread_condattr_t *attr);
SIM_WRAP(int, pthread_cond_destroy, pthread_cond_t *condition);
SIM_WRAP(int, pthread_cond_wait, pthread_cond_t *condition, pthread_mutex_t *mutex);
SIM_WRAP(int, pthread_cond_timedwait, pthread_cond_t *condition, pthread_mutex_t *mutex,
	 const struct timespec *until);
SIM_WRAP(int, pthread_cond_signal, pthread_cond_t *condition);
SIM_WRAP(int, pthread_cond_broadcast, pthread_cond_t *condition);

SIM_WRAP(long, syscall, long number, ...);
SIM_WRAP(void *, rcu_dereference_sym, void *pointer);
SIM_WRAP(void *, rcu_set_pointer_sym, void **pointer, void *value);
SIM_WRAP(void, urcu_qsbr_register_thread, void);
SIM_WRAP(void, urcu_qsbr_unregister_thread, void);
SIM_WRAP(void, urcu_qsbr_quiescent_state, void);
SIM_WRAP(void, urcu_qsbr_thread_online, void);
SIM_WRAP(void, urcu_qsbr_thread_offline, void);
SIM_WRAP(void, urcu_qsbr_synchronize_rcu, void);

#endif
