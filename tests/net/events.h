/* SPDX-License-Identifier: Apache-2.0 */
/* What a pipeline has logged. */
#ifndef WEIR_TEST_EVENTS_H
#define WEIR_TEST_EVENTS_H

#include <pthread.h>

#include <weir/config.h>

struct events {
	pthread_mutex_t lock;
	unsigned n[WEIR_LOG_INFO + 1]; /* by level */
	char error[256];               /* the last line of that level */
	char warnings[4096];           /* the latest ones, one behind the other */
};

void events_init(struct events *events);

/* A weir_log; data is the struct events. */
void events_log(void *data, enum weir_log_level level, const char *line);

/* How many errors there were; the last one goes to line, unless that is NULL. */
unsigned events_errors(struct events *events, char line[256]);

/* Whether a warning contained the text since all were forgotten. */
bool events_warned(struct events *events, const char *text);
void events_forget(struct events *events);

#endif
