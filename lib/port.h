/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a session has open to the outside: a stream or a socket. The engine waits for its descriptor, and
 * calls it from the workers of the session's two ends and from the session's thread.
 *
 * A port is made without being attached: then only the session's thread uses it. Attached, it is the data
 * path's until the session's thread takes it back: when it broke, when the session goes down, or when it is
 * closed.
 */
#ifndef WEIR__PORT_H
#define WEIR__PORT_H

#include <weir/session.h>

struct weir__port;

struct weir__port_type {
	/*
	 * Under the receive lock: takes what has come and hands it to bytes() or datagrams() of the session's
	 * type. A bounded time, though the peer may flood with what is no packet: at most as many system
	 * calls and messages as the reader has room for packets. Returns 0: the descriptor tells when there
	 * is more; 1: something is left in memory, or the bound was met; or the negative errno that it broke
	 * with, where -ENODATA is an end by the peer.
	 */
	int (*read)(struct weir__port *port, struct weir_reader *reader);
	/*
	 * Under the lock of a sender: hands to the kernel what it has. Returns 0: all of it; 1: the kernel
	 * takes no more now; or the negative errno that it broke with. NULL: nothing ever waits in it.
	 */
	int (*flush)(struct weir__port *port);
	/* It is not attached and nobody uses it any more: says goodbye as far as that goes at once, closes
	 * and frees it. */
	void (*close)(struct weir__port *port);
	/* It is the first member of a struct weir_stream: lost() is asked when it broke. */
	bool is_stream;
};

struct weir__port {
	const struct weir__port_type *type;
	struct weir_session *session;
	int fd;
	int write_fd; /* what is waited for when it takes no more: fd, or another one that was set while it is
			 not wanting */

	/* The engine's. */
	struct weir__port *next;       /* of all that the session has; its thread's */
	struct weir__port *next_dirty; /* with the lock of its sender, like the following */
	bool dirty;                    /* committed to since it was flushed */
	bool wanting;                  /* the kernel took no more */
	uint32_t sender;               /* whose lock that is: the last one to commit to it */
	bool pending;                  /* read() left something in memory; with the receive lock */
	bool attached;                 /* with all locks */
	bool kept;                     /* opened by open(): stays until the session is closed */
	bool flush_soon;               /* asked for; atomic */
	int broken;                    /* the negative errno that it broke with; atomic */
};

/*
 * Takes in a port that has its descriptor; it is not attached. From now on the engine closes it if nobody
 * else does. The session's thread, or a control thread in open().
 */
void weir__port_add(struct weir__port *port, const struct weir__port_type *type, struct weir_session *session,
		    int fd);

/*
 * From now on it is the data path's. pending: there is something in memory to be read already. Takes all
 * locks of the session, unless this thread has them. Returns 0 or a negative errno, in words in err.
 */
int weir__port_attach(struct weir__port *port, bool pending, struct weir_error *err);

/* Takes it from the data path if it is attached, out of the session, and calls close(). The threads of
 * weir__port_add(). */
void weir__port_close(struct weir__port *port);

/* Something was committed to it: flush() will be called when send() or timer() returns, or the locks are
 * given back by weir_session_unlock(). Under the lock of a sender. */
void weir__port_dirty(struct weir__port *port);

/* It took less than it was given, and send() returns that: send() is called again when the descriptor can be
 * written to. Under the lock of a sender. */
void weir__port_wants_write(struct weir__port *port);

/* The session's thread will call flush(), with the lock. For what is to be sent because of what was received:
 * any thread. */
void weir__port_flush_soon(struct weir__port *port);

#endif
