/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "events.h"

void events_init(struct events *events)
{
	memset(events, 0, sizeof(*events));
	pthread_mutex_init(&events->lock, NULL);
}

static void add_warning(struct events *events, const char *line)
{
	size_t used = strlen(events->warnings);

	if (used + strlen(line) + 2 > sizeof(events->warnings))
		used = 0;
	snprintf(events->warnings + used, sizeof(events->warnings) - used, "%s\n", line);
}

void events_log(void *data, enum weir_log_level level, const char *line)
{
	struct events *events = data;

	pthread_mutex_lock(&events->lock);
	events->n[level]++;
	if (level == WEIR_LOG_ERROR)
		snprintf(events->error, sizeof(events->error), "%s", line);
	if (level == WEIR_LOG_WARNING)
		add_warning(events, line);
	pthread_mutex_unlock(&events->lock);
}

unsigned events_errors(struct events *events, char line[256])
{
	unsigned n;

	pthread_mutex_lock(&events->lock);
	n = events->n[WEIR_LOG_ERROR];
	if (line)
		memcpy(line, events->error, sizeof(events->error));
	pthread_mutex_unlock(&events->lock);
	return n;
}

bool events_warned(struct events *events, const char *text)
{
	bool found;

	pthread_mutex_lock(&events->lock);
	found = strstr(events->warnings, text);
	pthread_mutex_unlock(&events->lock);
	return found;
}

void events_forget(struct events *events)
{
	pthread_mutex_lock(&events->lock);
	events->warnings[0] = '\0';
	pthread_mutex_unlock(&events->lock);
}
