/* SPDX-License-Identifier: Apache-2.0 */
/* What a session has open: on the data path and off it. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "session.h"

/* Each thread is in the functions of one session at a time. */
static _Thread_local uint32_t sending;
static _Thread_local struct weir_session *locked;
static _Thread_local unsigned depth;

void weir__port_sending(uint32_t sender)
{
	sending = sender;
}

/* --- the locks --- */

/* Functions that take them are called by others that have them: lost() may close a stream. */
void weir_session_lock(struct weir_session *session)
{
	if (locked == session) {
		depth++;
		return;
	}
	pthread_mutex_lock(&session->receiver.lock);
	for (uint32_t i = 0; i < session->n_senders; i++)
		pthread_mutex_lock(&session->sender[i].lock);
	locked = session;
}

void weir_session_unlock(struct weir_session *session)
{
	if (depth) {
		depth--;
		return;
	}
	for (uint32_t i = 0; i < session->n_senders; i++)
		weir__session_flush(session, i);
	locked = NULL;
	for (uint32_t i = session->n_senders; i-- > 0;)
		pthread_mutex_unlock(&session->sender[i].lock);
	pthread_mutex_unlock(&session->receiver.lock);
}

/* --- coming and going --- */

void weir__port_add(struct weir__port *port, const struct weir__port_type *type, struct weir_session *session,
		    int fd)
{
	*port = (struct weir__port){
		.type = type,
		.session = session,
		.fd = fd,
		.write_fd = fd,
		.kept = session->opening,
		.next = session->ports,
	};
	session->ports = port;
}

static int attach(struct weir__port *port, bool pending)
{
	struct weir_session *session = port->session;
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = port };

	if (session->n_attached == WEIR__PORTS_MAX)
		return -ENOSPC;
	if (epoll_ctl(session->receiver.fd, EPOLL_CTL_ADD, port->fd, &event) < 0)
		return -errno;
	session->attached[session->n_attached++] = port;
	port->attached = true;
	port->pending = pending;
	if (pending)
		weir__session_ring_receiver(&session->receiver);
	return 0;
}

int weir__port_attach(struct weir__port *port, bool pending, struct weir_error *err)
{
	int rc;

	weir_session_lock(port->session);
	rc = attach(port, pending);
	weir_session_unlock(port->session);
	if (rc == -ENOSPC)
		return weir_failed(err, rc, "a session can have %d streams and sockets at once",
				   WEIR__PORTS_MAX);
	return rc < 0 ? weir_failed(err, rc, "epoll: %s", strerror(-rc)) : 0;
}

static void forget_dirty(struct weir__session_sender *sender, const struct weir__port *port)
{
	struct weir__port **link = &sender->dirty;

	while (*link && *link != port)
		link = &(*link)->next_dirty;
	if (*link)
		*link = port->next_dirty;
}

void weir__port_detach(struct weir__port *port)
{
	struct weir_session *session = port->session;
	uint32_t i = 0;

	forget_dirty(&session->sender[port->sender], port);
	port->dirty = false;
	weir__port_unwant(port);
	if (!port->attached)
		return;
	port->attached = false;
	/* It is not there any more if it broke. */
	epoll_ctl(session->receiver.fd, EPOLL_CTL_DEL, port->fd, NULL);
	while (session->attached[i] != port)
		i++;
	session->attached[i] = session->attached[--session->n_attached];
}

void weir__port_close(struct weir__port *port)
{
	struct weir_session *session = port->session;
	struct weir__port **link = &session->ports;

	weir_session_lock(session);
	weir__port_detach(port);
	weir_session_unlock(session);
	while (*link != port)
		link = &(*link)->next;
	*link = port->next;
	port->type->close(port);
}

/* --- on the data path --- */

void weir__port_dirty(struct weir__port *port)
{
	struct weir__session_sender *sender = &port->session->sender[sending];

	if (port->dirty)
		return;
	if (!port->wanting)
		port->sender = sending;
	port->dirty = true;
	port->next_dirty = sender->dirty;
	sender->dirty = port;
}

void weir__port_wants_write(struct weir__port *port)
{
	struct weir__session_sender *sender = &port->session->sender[sending];
	struct epoll_event event = { .events = EPOLLOUT, .data.ptr = port };

	if (port->wanting)
		return;
	if (epoll_ctl(sender->ports_fd, EPOLL_CTL_ADD, port->write_fd, &event) < 0) {
		weir__port_broke(port, -errno);
		return;
	}
	if (!port->dirty)
		port->sender = sending;
	port->wanting = true;
	__atomic_store_n(&sender->wanting, sender->wanting + 1, __ATOMIC_RELAXED);
}

void weir__port_unwant(struct weir__port *port)
{
	struct weir__session_sender *sender = &port->session->sender[port->sender];

	if (!port->wanting)
		return;
	epoll_ctl(sender->ports_fd, EPOLL_CTL_DEL, port->write_fd, NULL);
	port->wanting = false;
	__atomic_store_n(&sender->wanting, sender->wanting - 1, __ATOMIC_RELAXED);
}

void weir__port_broke(struct weir__port *port, int error)
{
	int none = 0;

	if (!__atomic_compare_exchange_n(&port->broken, &none, error, false, __ATOMIC_RELAXED,
					 __ATOMIC_RELAXED))
		return;
	/* It would be readable until the thread has come to it. */
	epoll_ctl(port->session->receiver.fd, EPOLL_CTL_DEL, port->fd, NULL);
	weir__session_look(port->session);
}

void weir__port_flush_soon(struct weir__port *port)
{
	if (!__atomic_exchange_n(&port->flush_soon, true, __ATOMIC_RELAXED))
		weir__session_look(port->session);
}
