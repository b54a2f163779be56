/* SPDX-License-Identifier: Apache-2.0 */
/* The data path of a session: what the workers of its ends call. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "session.h"

/* As many ports are simply read; of more, the system is asked which have something. */
#define READ_DIRECTLY 4
#define EVENTS        32

/* --- the ends --- */

static int open_bell(int epoll_fd, int *bell_fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	*bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (*bell_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, *bell_fd, &event) < 0)
		return -errno;
	return 0;
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

int weir__session_receiver_open(struct weir__session_receiver *receiver)
{
	receiver->bell_fd = -1;
	receiver->fd = epoll_create1(EPOLL_CLOEXEC);
	return receiver->fd < 0 ? -errno : open_bell(receiver->fd, &receiver->bell_fd);
}

void weir__session_receiver_close(struct weir__session_receiver *receiver)
{
	close_all((int[]){ receiver->fd, receiver->bell_fd }, 2);
}

static int open_sender(struct weir_session *session, struct weir__session_sender *sender)
{
	struct epoll_event event = { .events = EPOLLIN };
	int rc;

	sender->bell_fd = -1;
	sender->ports_fd = epoll_create1(EPOLL_CLOEXEC);
	sender->fd = epoll_create1(EPOLL_CLOEXEC);
	if (sender->ports_fd < 0 || sender->fd < 0 ||
	    epoll_ctl(sender->fd, EPOLL_CTL_ADD, sender->ports_fd, &event) < 0)
		return -errno;
	rc = open_bell(sender->fd, &sender->bell_fd);
	return rc < 0 ? rc : weir__session_hold_open(&sender->hold, session->hold_max, &session->info);
}

int weir__session_sender_open(struct weir_session *session, uint32_t index)
{
	struct weir__session_sender *sender = &session->sender[index];
	int rc = 0;

	pthread_mutex_lock(&sender->lock);
	if (!sender->open) {
		rc = open_sender(session, sender);
		sender->open = true;
	}
	if (rc < 0)
		weir__session_sender_close(sender);
	pthread_mutex_unlock(&sender->lock);
	return rc;
}

void weir__session_sender_close(struct weir__session_sender *sender)
{
	if (!sender->open)
		return;
	close_all((int[]){ sender->fd, sender->ports_fd, sender->bell_fd }, 3);
	weir__session_hold_close(&sender->hold);
	sender->open = false;
}

static void ring(int fd, bool *rung)
{
	if (!*rung)
		eventfd_write(fd, 1);
	*rung = true;
}

static void hear(int fd, bool *rung)
{
	eventfd_t count;

	if (!*rung)
		return;
	eventfd_read(fd, &count);
	*rung = false;
}

void weir__session_ring_receiver(struct weir__session_receiver *receiver)
{
	ring(receiver->bell_fd, &receiver->rung);
}

void weir__session_ring_sender(struct weir__session_sender *sender)
{
	if (sender->blocked)
		ring(sender->bell_fd, &sender->rung);
}

/* --- receiving --- */

static bool is_full(const struct weir_reader *reader)
{
	return reader->n == reader->limit;
}

static void read_port(struct weir__port *port, struct weir_reader *reader)
{
	int rc;

	if (is_full(reader))
		return;
	port->pending = false;
	if (__atomic_load_n(&port->broken, __ATOMIC_RELAXED))
		return;
	rc = port->type->read(port, reader);
	port->pending = rc > 0;
	if (rc < 0)
		weir__port_broke(port, rc);
}

/* Beginning with another one each time, as the first may fill the reader. */
static void read_all(struct weir_session *session, struct weir_reader *reader)
{
	const uint32_t n = session->n_attached;
	const uint32_t first = n ? session->receiver.next++ % n : 0;

	for (uint32_t i = 0; i < n; i++)
		read_port(session->attached[(first + i) % n], reader);
}

static void read_ready(struct weir_session *session, struct weir_reader *reader)
{
	struct epoll_event events[EVENTS];
	const int n = epoll_wait(session->receiver.fd, events, EVENTS, 0);

	for (uint32_t i = 0; i < session->n_attached; i++)
		if (session->attached[i]->pending)
			read_port(session->attached[i], reader);
	for (int i = 0; i < n; i++)
		if (events[i].data.ptr)
			read_port(events[i].data.ptr, reader);
}

/* No descriptor tells of what lies in memory: the next read must come without. */
static void note_pending(struct weir_session *session, struct weir_reader *reader)
{
	bool pending = false;

	for (uint32_t i = 0; i < session->n_attached; i++)
		pending |= session->attached[i]->pending;
	if (!pending)
		return;
	reader->more = true;
	if (!reader->n)
		weir__session_ring_receiver(&session->receiver);
}

int weir_session_read(void *state, struct weir_reader *reader)
{
	struct weir_session *session = weir__session_of(state);
	struct weir__session_receiver *receiver = &session->receiver;

	pthread_mutex_lock(&receiver->lock);
	hear(receiver->bell_fd, &receiver->rung);
	if (session->n_attached <= READ_DIRECTLY)
		read_all(session, reader);
	else
		read_ready(session, reader);
	note_pending(session, reader);
	pthread_mutex_unlock(&receiver->lock);
	return 0;
}

/* --- sending --- */

/* Counters that several senders add to. */
static void count_shared(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static void flush_port(struct weir__port *port)
{
	int rc = 0;

	if (port->type->flush && !__atomic_load_n(&port->broken, __ATOMIC_RELAXED))
		rc = port->type->flush(port);
	if (rc > 0)
		weir__port_wants_write(port);
	else
		weir__port_unwant(port);
	if (rc < 0)
		weir__port_broke(port, rc);
}

void weir__session_flush(struct weir_session *session, uint32_t index)
{
	struct weir__session_sender *sender = &session->sender[index];

	while (sender->dirty) {
		struct weir__port *port = sender->dirty;

		sender->dirty = port->next_dirty;
		port->dirty = false;
		flush_port(port);
	}
}

/* What took no more before is tried again. */
static void flush_wanting(struct weir_session *session, uint32_t index)
{
	for (uint32_t i = 0; session->sender[index].wanting && i < session->n_attached; i++)
		if (session->attached[i]->wanting && session->attached[i]->sender == index)
			flush_port(session->attached[i]);
}

/* What is the end of a device is only that of a connection. */
static uint32_t call_send(struct weir_session *session, uint32_t index, struct weir_writer *writer)
{
	const uint32_t n = session->type->send(session->state, writer, index);

	if (writer->error)
		weir_session_fail(session, writer->error, "sending: %s", strerror(-writer->error));
	writer->error = 0;
	return n;
}

/* Before it all that is newer: returns whether nothing is held any more. */
static bool send_held(struct weir_session *session, uint32_t index)
{
	struct weir__session_hold *hold = &session->sender[index].hold;
	struct weir__session_head *head = session->state;
	struct weir_writer writer;
	uint32_t n;

	while (weir__session_hold_count(hold)) {
		weir__session_hold_show(hold, &writer);
		n = call_send(session, index, &writer);
		for (uint32_t i = 0; writer.any && i < n; i++)
			if (writer.verdict[i] != WEIR_NEXT)
				count_shared(&head->weir_unheld, 1);
		weir__session_hold_gone(hold, n);
		if (n < writer.n)
			return false;
	}
	return true;
}

static uint32_t hold_all(struct weir_session *session, uint32_t index, struct weir_writer *writer)
{
	struct weir__session_hold *hold = &session->sender[index].hold;
	struct weir__session_head *head = session->state;

	for (uint32_t i = 0; i < writer->n; i++) {
		if (weir__session_hold_put(hold, weir_writer_buf(writer, i)))
			count_shared(&head->weir_held, 1);
		else
			weir_writer_drop(writer, i, WEIR_SESSION_NOT_UP);
	}
	return writer->n;
}

static uint32_t send_some(struct weir_session *session, uint32_t index, struct weir_writer *writer)
{
	uint32_t n = 0;

	weir__port_sending(index);
	flush_wanting(session, index);
	if (send_held(session, index))
		n = call_send(session, index, writer);
	weir__session_flush(session, index);
	weir__port_sending(0);
	return n;
}

static uint32_t write_packets(struct weir_session *session, uint32_t index, struct weir_writer *writer)
{
	struct weir__session_sender *sender = &session->sender[index];
	uint32_t n;

	pthread_mutex_lock(&sender->lock);
	hear(sender->bell_fd, &sender->rung);
	n = session->up ? send_some(session, index, writer) : hold_all(session, index, writer);
	sender->blocked = n < writer->n;
	/* What waits in streams is sent by this worker if it will come back, else by the thread. */
	if (sender->wanting && !sender->blocked)
		weir__session_look(session);
	/* It was not the kernel that took no more: the room of a stream was too small, or something broke. */
	if (sender->blocked && !sender->wanting)
		weir__session_ring_sender(sender);
	pthread_mutex_unlock(&sender->lock);
	return n;
}

uint32_t weir_session_write(void *state, struct weir_writer *writer)
{
	return write_packets(weir__session_of(state), 0, writer);
}

uint32_t weir_session_sender_write(void *state, struct weir_writer *writer)
{
	const struct weir_session_sender_state *sender = state;

	return write_packets(sender->session, sender->sender, writer);
}

/* --- the thread's part --- */

void weir__session_serve_sender(struct weir_session *session, uint32_t index)
{
	struct weir__session_sender *sender = &session->sender[index];

	pthread_mutex_lock(&sender->lock);
	if (sender->open) {
		weir__port_sending(index);
		flush_wanting(session, index);
		if (session->up)
			send_held(session, index);
		weir__session_flush(session, index);
		weir__port_sending(0);
		weir__session_ring_sender(sender);
	}
	pthread_mutex_unlock(&sender->lock);
}

uint64_t weir__session_call_timer(struct weir_session *session, uint64_t now)
{
	struct weir__session_sender *sender = &session->sender[0];
	uint64_t next;

	pthread_mutex_lock(&sender->lock);
	next = session->type->timer(session->state, now);
	weir__session_flush(session, 0);
	pthread_mutex_unlock(&sender->lock);
	return next;
}
