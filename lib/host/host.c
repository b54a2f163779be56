/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "clock.h"
#include "host.h"

#define SECOND WEIR__HOST_SECOND
#define NEVER  UINT64_MAX

#define NEIGHBOURS 1024
#define QUEUE      3
#define OUT        256 /* frames of the data path on their way out, with those that wait for a neighbour */

#define CONTROL      128
#define CONTROL_SIZE 1536

/* RFC 4861 §10 */
#define SOLICITATIONS 3
#define SOLICIT_GAP   (4 * SECOND)

#define DEVICE_RETRY (SECOND)
#define RELEASE_WAIT 1 /* seconds, for the port to take what is on its way out */

static const struct weir__limit limits[WEIR__HOST_CLASSES] = {
	[WEIR__HOST_ANSWER] = { .rate = 2000, .burst = 500 },
	[WEIR__HOST_REQUEST] = { .rate = 500, .burst = 100 },
	[WEIR__HOST_UNASKED] = { .rate = 500, .burst = 100 },
	[WEIR__HOST_ROUTER] = { .rate = 20, .burst = 20 },
	[WEIR__HOST_DHCP] = { .rate = 100, .burst = 50 },
};

/* Also xids of DHCP come from here: nobody may guess them. */
uint32_t weir__host_random(void *context)
{
	struct weir_host *host = context;

	if (!host->random_left) {
		/* Of at most 256 bytes it gives all, and does not fail. */
		while (getrandom(host->random, sizeof(host->random), 0) != sizeof(host->random))
			continue;
		host->random_left = sizeof(host->random) / sizeof(host->random[0]);
	}
	return host->random[--host->random_left];
}

void weir__host_wake(struct weir_host *host, uint64_t at)
{
	const uint64_t one = 1;

	if (at >= host->sleeps_till)
		return;
	host->sleeps_till = at;
	/* It can only fail where the counter is full, and then it is readable. */
	if (write(host->wake_fd, &one, sizeof(one)) < 0)
		return;
}

static void neighbour_changed(void *context, const struct weir__neighbour *neighbour)
{
	struct weir_host *host = context;

	host->routes_changed |= neighbour->gateway;
}

static void own_changed(void *context)
{
	((struct weir_host *)context)->routes_changed = true;
}

static void lease_changed(void *context, const struct weir__dhcp_lease *lease)
{
	struct weir_host *host = context;

	host->has_lease = lease;
	if (lease)
		host->lease = *lease;
	host->routes_changed = true;
}

static int make_neighbours(struct weir_host *host, const struct weir_host_options *options)
{
	const struct weir__neighbours_user user = {
		.solicit = weir__host_solicit,
		.transmit = weir__host_transmit,
		.changed = neighbour_changed,
		.context = host,
	};
	const uint32_t max = options->neighbours_max ? options->neighbours_max : NEIGHBOURS;
	const uint32_t queue = options->queue_max ? options->queue_max : QUEUE;
	const uint64_t random = (uint64_t)weir__host_random(host) << 32 | weir__host_random(host);
	const uint32_t frames = weir__neighbours_waiting(max, queue) + OUT + 1;

	if (weir__hops_init(&host->hops, max + WEIR_HOST_ADDRESSES) < 0 ||
	    weir__neighbours_init(&host->neighbours, max, queue, random, &host->hops, &user) < 0 ||
	    weir__frame_store_init(&host->frames, frames, host->mtu + WEIR__ETH_HEADER) < 0 ||
	    weir__frame_store_init(&host->control, CONTROL, CONTROL_SIZE) < 0)
		return -ENOMEM;
	host->neighbours.store = &host->frames;
	return 0;
}

static int make_dhcp(struct weir_host *host, const struct weir_host_options *options)
{
	const struct weir__dhcp_user user = {
		.send = weir__host_send_dhcp,
		.changed = lease_changed,
		.random = weir__host_random,
		.context = host,
	};

	return options->dhcp ? weir__dhcp_create(&host->dhcp, host->mac, options->dhcp_hostname, &user) : 0;
}

static int make(struct weir_host *host, const struct weir_host_options *options, struct weir_error *err)
{
	int rc = weir__host_options(host, options, err);

	if (rc < 0)
		return rc;
	host->routers.mtu_max = host->mtu;
	host->out_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	host->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (host->out_fd < 0 || host->wake_fd < 0)
		return weir_failed(err, -errno, "eventfd: %s", strerror(errno));
	if (make_neighbours(host, options) < 0 || make_dhcp(host, options) < 0)
		return weir_failed(err, -ENOMEM, "no memory for %u neighbours", options->neighbours_max);
	return 0;
}

int weir__host_open(struct weir_host **made, const struct weir_host_options *options, struct weir_error *err)
{
	struct weir_host *host = calloc(1, sizeof(*host));
	int rc;

	*made = NULL;
	if (!host)
		return weir_failed(err, -ENOMEM, "no memory");
	pthread_mutex_init(&host->lock, NULL);
	pthread_cond_init(&host->moved, NULL);
	host->out_fd = host->wake_fd = -1;
	host->solicit_at = NEVER;
	memcpy(host->limit, limits, sizeof(limits));
	host->owns.user = (struct weir__owns_user){
		.probe = weir__host_probe,
		.announce = weir__host_announce,
		.changed = own_changed,
		.random = weir__host_random,
		.context = host,
	};
	rc = make(host, options, err);
	if (rc < 0)
		weir__host_free(host);
	else
		*made = host;
	return rc;
}

void weir__host_free(struct weir_host *host)
{
	if (!host)
		return;
	weir__dhcp_destroy(host->dhcp);
	weir__neighbours_fini(&host->neighbours);
	weir__hops_fini(&host->hops);
	weir__frame_store_fini(&host->frames);
	weir__frame_store_fini(&host->control);
	if (host->out_fd >= 0)
		close(host->out_fd);
	if (host->wake_fd >= 0)
		close(host->wake_fd);
	pthread_cond_destroy(&host->moved);
	pthread_mutex_destroy(&host->lock);
	free(host->netns);
	free(host);
}

static bool has_link_local(const struct weir_host *host)
{
	for (unsigned i = 0; i < host->owns.n; i++)
		if (memcmp(host->owns.own[i].ip.bytes, host->link_local, 16) == 0)
			return weir__own_is_used(&host->owns.own[i]);
	return false;
}

/* Asks routers for themselves, once there is an address to ask with (RFC 4861 §6.3.7). */
static uint64_t solicit_routers(struct weir_host *host, uint64_t now)
{
	if (host->solicitations_left && host->solicit_at <= now && has_link_local(host)) {
		host->solicitations_left--;
		host->solicit_at = host->solicitations_left ? now + SOLICIT_GAP : NEVER;
		weir__host_solicit_router(host);
	}
	/* Without one, it is the change of that address that leads here. */
	return host->solicit_at > now ? host->solicit_at : NEVER;
}

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t run_timers(struct weir_host *host, uint64_t now)
{
	bool changed;
	uint64_t next = weir__routers_timer(&host->routers, now, &changed);

	host->routes_changed |= changed;
	if (host->dhcp)
		next = min(next, weir__dhcp_timer(host->dhcp, now));
	next = min(next, weir__owns_timer(&host->owns, now));
	next = min(next, solicit_routers(host, now));
	return min(next, weir__neighbours_timer(&host->neighbours, now));
}

uint64_t weir__host_run(struct weir_host *host, uint64_t now)
{
	uint64_t next = run_timers(host, now);

	if (!host->routes_changed)
		return next;
	host->routes_changed = false;
	host->status_changed = true;
	weir__host_update(host, now);
	/* Which begins new things; what these change has its turn at once. */
	next = run_timers(host, now);
	return host->routes_changed ? now : next;
}

void weir__host_set_carrier(struct weir_host *host, bool up, uint64_t now)
{
	if (host->carrier == up)
		return;
	host->carrier = up;
	host->routes_changed = true;
	weir__owns_carrier(&host->owns, up, now);
	if (up)
		weir__neighbours_doubt(&host->neighbours, now);
	else
		weir__host_flush(host);
	host->solicitations_left = up && host->slaac ? SOLICITATIONS : 0;
	host->solicit_at = up && host->slaac ? now + weir__host_random(host) % SECOND : NEVER;
	if (!host->dhcp)
		return;
	__atomic_store_n(&host->takes_dhcp, up, __ATOMIC_RELAXED);
	if (up)
		weir__dhcp_start(host->dhcp, now);
	else
		weir__dhcp_stop(host->dhcp, now);
}

void weir__host_start_release(struct weir_host *host, uint64_t now)
{
	if (!host->dhcp)
		return;
	weir__dhcp_release(host->dhcp, now);
	__atomic_store_n(&host->takes_dhcp, 0, __ATOMIC_RELAXED);
}

/* --- the thread --- */

/* Has the device as the host is. Without the lock. Returns whether it is to be tried again. */
static bool apply(struct weir_host *host, const char *renamed, const struct weir__wanted *wanted,
		  struct weir_error *err)
{
	int rc = 0;

	if (renamed) {
		weir__host_device_close(host->device);
		host->device = NULL;
		rc = weir__host_device_open(&host->device, renamed, host->netns, err);
	}
	if (rc == 0 && host->device)
		rc = weir__host_device_apply(host->device, wanted, err);
	return rc < 0;
}

/* With the lock, which it lets go of meanwhile. Returns when to try the device again. */
static uint64_t tell(struct weir_host *host)
{
	struct weir_host_status status;
	struct weir_error err = { 0 };
	struct weir__wanted wanted;
	char name[sizeof(host->device_name)];
	const bool renamed = host->device_renamed;
	bool news = host->status_changed, again;

	memcpy(name, host->device_name, sizeof(name));
	host->device_renamed = false;
	host->status_changed = false;
	weir__host_wanted(host, &wanted);
	pthread_mutex_unlock(&host->lock);
	again = apply(host, renamed ? name : NULL, &wanted, &err);
	pthread_mutex_lock(&host->lock);
	/* When a device is tried again in vain, there is nothing new to tell. */
	news |= strncmp(host->device_error, err.text, sizeof(host->device_error) - 1) != 0;
	memcpy(host->device_error, err.text, sizeof(host->device_error) - 1);
	/* A device that could not be opened is to be opened again. */
	host->device_renamed |= again && !host->device;
	weir__host_fill_status(host, &status);
	if (host->changed && news) {
		pthread_mutex_unlock(&host->lock);
		host->changed(host->context, &status);
		pthread_mutex_lock(&host->lock);
	}
	return again ? weir__now() + DEVICE_RETRY : NEVER;
}

/* With the lock, which it lets go of meanwhile. */
static void sleep_till(struct weir_host *host, uint64_t due, uint64_t now)
{
	struct pollfd polled = { .fd = host->wake_fd, .events = POLLIN };
	const uint64_t left = due > now ? due - now : 0;
	const struct timespec timeout = { (time_t)(left / SECOND), (long)(left % SECOND) };
	uint64_t n;

	host->sleeps_till = due;
	pthread_mutex_unlock(&host->lock);
	if (ppoll(&polled, 1, due == NEVER ? NULL : &timeout, NULL) == 1 &&
	    read(host->wake_fd, &n, sizeof(n)) < 0)
		polled.revents = 0;
	pthread_mutex_lock(&host->lock);
	host->sleeps_till = 0;
}

static void *live(void *context)
{
	struct weir_host *host = context;
	uint64_t retry = NEVER;

	pthread_mutex_lock(&host->lock);
	while (!host->stop) {
		const uint64_t now = weir__now();
		const uint64_t due = weir__host_run(host, now);

		if (host->status_changed || now >= retry)
			retry = tell(host);
		else
			sleep_till(host, min(due, retry), now);
	}
	pthread_mutex_unlock(&host->lock);
	return NULL;
}

/* With all signals blocked: they are the application's. */
static int start(struct weir_host *host, struct weir_error *err)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&host->thread, NULL, live, host);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc ? weir_failed(err, -rc, "no thread for the host: %s", strerror(rc)) : 0;
}

int weir_host_create(struct weir_host **host, const struct weir_host_options *options, struct weir_error *err)
{
	int rc = weir__host_open(host, options, err);

	if (!*host)
		return rc;
	rc = start(*host, err);
	if (rc < 0) {
		weir__host_free(*host);
		*host = NULL;
	}
	return rc;
}

void weir_host_destroy(struct weir_host *host)
{
	if (!host)
		return;
	pthread_mutex_lock(&host->lock);
	host->stop = true;
	weir__host_wake(host, 0);
	pthread_mutex_unlock(&host->lock);
	pthread_join(host->thread, NULL);
	weir__host_device_close(host->device);
	weir__host_free(host);
}

/* --- what the application calls --- */

void weir_host_carrier(struct weir_host *host, bool up)
{
	pthread_mutex_lock(&host->lock);
	weir__host_set_carrier(host, up, weir__now());
	weir__host_wake(host, 0);
	pthread_mutex_unlock(&host->lock);
}

void weir_host_follow(void *context, const struct weir_session_status *status)
{
	const bool up = status->state == WEIR_SESSION_UP;
	struct weir_host *host = context;

	pthread_mutex_lock(&host->lock);
	if (up && host->session_mtu != status->mtu) {
		host->session_mtu = status->mtu;
		host->routes_changed = true;
	}
	weir__host_set_carrier(host, up, weir__now());
	weir__host_wake(host, 0);
	pthread_mutex_unlock(&host->lock);
}

void weir_host_release(struct weir_host *host)
{
	struct timespec until;

	pthread_mutex_lock(&host->lock);
	weir__host_start_release(host, weir__now());
	weir__host_wake(host, 0);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += RELEASE_WAIT;
	while (host->out_n && pthread_cond_timedwait(&host->moved, &host->lock, &until) == 0)
		continue;
	pthread_mutex_unlock(&host->lock);
}

int weir_host_set_device(struct weir_host *host, const char *device, struct weir_error *err)
{
	if (strlen(device) >= sizeof(host->device_name))
		return weir_invalid(err, "device", "'%s' is too long", device);
	pthread_mutex_lock(&host->lock);
	memcpy(host->device_name, device, strlen(device) + 1);
	host->device_renamed = true;
	host->status_changed = true;
	weir__host_wake(host, 0);
	pthread_mutex_unlock(&host->lock);
	return 0;
}

void weir_host_status(struct weir_host *host, struct weir_host_status *status)
{
	pthread_mutex_lock(&host->lock);
	weir__host_fill_status(host, status);
	pthread_mutex_unlock(&host->lock);
}

int weir_host_neighbour(struct weir_host *host, const char *text, enum weir_neighbour_state *state,
			char mac[18])
{
	const struct weir__neighbour *e;
	struct weir__ip ip;

	if (!weir__ip_parse(text, &ip))
		return -EINVAL;
	pthread_mutex_lock(&host->lock);
	e = weir__neighbours_find(&host->neighbours, &ip);
	*state = e ? e->state : WEIR_NEIGHBOUR_NONE;
	mac[0] = '\0';
	if (e && e->state != WEIR_NEIGHBOUR_INCOMPLETE && e->state != WEIR_NEIGHBOUR_FAILED)
		snprintf(mac, 18, "%02x:%02x:%02x:%02x:%02x:%02x", e->mac[0], e->mac[1], e->mac[2], e->mac[3],
			 e->mac[4], e->mac[5]);
	pthread_mutex_unlock(&host->lock);
	return 0;
}

int weir_host_set_neighbour(struct weir_host *host, const char *text, const char *mac_text,
			    struct weir_error *err)
{
	struct weir__ip ip;
	uint8_t mac[6];
	int rc;

	if (!weir__ip_parse(text, &ip))
		return weir_invalid(err, "ip", "'%s' is not an IP address", text);
	if (mac_text && (!weir__mac_parse(mac_text, mac) || !weir__mac_is_station(mac)))
		return weir_invalid(err, "mac", "'%s' is not the MAC address of one", mac_text);
	pthread_mutex_lock(&host->lock);
	rc = weir__neighbours_set_static(&host->neighbours, &ip, mac_text ? mac : NULL, weir__now());
	weir__host_wake(host, host->neighbours.due);
	pthread_mutex_unlock(&host->lock);
	return rc < 0 ? weir_failed(err, rc, "%s: half of the neighbours are static already", text) : 0;
}
