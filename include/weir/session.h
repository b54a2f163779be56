/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session carries packets to a peer: it connects, encrypts and sends, receives and decrypts. For a pipeline
 * it is an endpoint. Its author writes what the protocol says, and nothing else:
 *
 *	struct my_state { WEIR_SESSION_STATE; struct weir_stream *stream; … };
 *
 *	static const struct weir_session_type my_session = { .connect = …, .bytes = …, .send = … };
 *	WEIR_SESSION(weir_my_type, my_session, .name = "my", .state_size = sizeof(struct my_state), …);
 *
 * The engine brings sockets (socket.h), TCP and TLS (stream.h), secrets (secret.h), name resolution, timers,
 * connecting anew, packets that are held while there is no peer, and what the application is told.
 *
 * Threads. Each session has a thread of its own, which connects, runs the timer and may wait; packets are
 * moved by the workers of its two ends. The functions of the type are called like this:
 *
 *	check, open, close, change       a control thread of the application
 *	connect, tend, disconnect        the session's thread; may wait, in functions of stream.h and
 *	                                 weir_session_wait() alone: then timers go on, and the end of the
 *	                                 pipeline interrupts it
 *	timer, lost                      the session's thread, also while one of those waits
 *	bytes, datagrams                 the reader's worker
 *	send                             the writer's worker
 *
 * The engine calls bytes and datagrams under the receive lock, send and timer under the send lock, and lost
 * and change under both. What connect, tend and disconnect share with those they protect by
 * weir_session_lock(). So a session needs no atomics but for what both ends write.
 */
#ifndef WEIR_SESSION_H
#define WEIR_SESSION_H

#include <weir/endpoint.h>
#include <weir/pipeline.h>

WEIR_BEGIN_DECLS

struct weir_session; /* the engine's half */
struct weir_stream;
struct weir_socket;

/* --- what an application sees -----------------------------------------------------------------------------
 */

enum weir_session_state {
	WEIR_SESSION_DOWN = 0,
	WEIR_SESSION_CONNECTING,
	WEIR_SESSION_UP,
};

#define WEIR_SESSION_ADDRESSES 8
#define WEIR_SESSION_TEXT      64 /* bytes of an address, "[address]:port" or "address/bits" */

struct weir_session_status {
	enum weir_session_state state;
	uint64_t since; /* when this state began: nanoseconds of CLOCK_MONOTONIC */
	int error; /* down: the negative errno that it ended with; 0: it has not been up yet, or was closed */
	char reason[256]; /* down: the same in words */
	bool fatal; /* down: it will not try again until weir_session_retry() or a change of its options */
	uint64_t retry_at; /* down: when it will, by the same clock; 0: never */

	/* Up: what the peer assigned or the path allows. */
	uint32_t mtu; /* bytes of the largest packet of its layer, of L2 without the Ethernet header; 0:
			 unknown */
	uint64_t keys_since;            /* when the present keys were agreed upon; 0: there are none */
	char remote[WEIR_SESSION_TEXT]; /* address of the peer */
	char label[128];                /* what the peer calls this session */
	unsigned n_addresses;
	char address[WEIR_SESSION_ADDRESSES][WEIR_SESSION_TEXT]; /* of this side, in the tunnel */
};

/* The first members of the options of each session. */
#define WEIR_SESSION_OPTIONS                                                                               \
	WEIR_ENDPOINT_OPTIONS;                                                                             \
	uint32_t hold; /* packets kept while it is not up, and sent then; 0: they are dropped as "down" */ \
	uint32_t retry_ms;     /* the shortest pause before it connects anew; 0: 100 */                    \
	uint32_t retry_max_ms; /* the longest; between them a 16th of the time that it has been down,      \
				* counted on until it was up for as long, a quarter more or less at        \
				* random; 0: 30,000 */                                                     \
	/* Told of each change of state, on the session's thread; must not wait, nor call what changes the \
	 * pipeline. NULL: nobody. */                                                                      \
	void (*changed)(void *context, const struct weir_session_status *status);                          \
	void *context

/* Their rows in the table of options. */
#define WEIR_SESSION_OPTION_ROWS(struct_)                                                                   \
	WEIR_OPTION(struct_, hold, U32, "packets kept while it is not up; default 0"),                      \
		WEIR_OPTION(struct_, retry_ms, U32, "shortest pause before it connects anew; default 100"), \
		WEIR_OPTION(struct_, retry_max_ms, U32, "longest such pause; default 30000"),               \
		WEIR_OPTION(struct_, changed, OBJECT, "function told of each change of state"),             \
		WEIR_OPTION(struct_, context, OBJECT, "its first argument")

/*
 * The first argument is what weir_pipeline_endpoint() gives for the session's type. Control threads, while
 * traffic flows.
 */
WEIR_API void weir_session_status(const void *session, struct weir_session_status *status);

/* Connects anew now: a session that is down does not wait any longer, one that is up starts again. */
WEIR_API void weir_session_retry(const void *session);

/* --- what an author writes
 * ---------------------------------------------------------------------------------- */

/* The first members of the state. */
#define WEIR_SESSION_STATE                                                       \
	struct weir_session *session;                                            \
	uint64_t weir_connects; /* times that it came up */                      \
	uint64_t weir_failures; /* attempts that failed, and ends of sessions */ \
	uint64_t weir_held;     /* packets kept while it was not up */           \
	uint64_t weir_unheld    /* of them, those that send() dropped: counted as sent by the writer */

/* Their rows in the table of counters. */
#define WEIR_SESSION_COUNTERS(struct_)                                                                 \
	{ "connects", "times that it came up", offsetof(struct_, weir_connects) },                     \
		{ "failures", "attempts that failed and sessions that ended",                          \
		  offsetof(struct_, weir_failures) },                                                  \
		{ "held", "packets kept while it was not up", offsetof(struct_, weir_held) },          \
	{                                                                                              \
		"unheld",                                                                              \
			"packets kept, and dropped by the session when it was up: they are among the " \
			"sent ones",                                                                   \
			offsetof(struct_, weir_unheld)                                                 \
	}

/* The first reasons of each session; its own follow from WEIR_SESSION_REASONS_N on. The first eight are what
 * weir_socket_send() drops packets for. */
enum {
	WEIR_SESSION_EMPTY,
	WEIR_SESSION_TOO_LONG,
	WEIR_SESSION_NO_MEMORY,
	WEIR_SESSION_REFUSED,
	WEIR_SESSION_UNREACHABLE,
	WEIR_SESSION_FORBIDDEN,
	WEIR_SESSION_INVALID,
	WEIR_SESSION_NO_PEER,
	WEIR_SESSION_NOT_UP,
	WEIR_SESSION_REASONS_N,
};

#define WEIR_SESSION_REASONS                                                                                \
	[WEIR_SESSION_EMPTY] = { "empty", "no bytes at all" },                                              \
	[WEIR_SESSION_TOO_LONG] = { "too_long", "longer than the session or the way to the peer takes" },   \
	[WEIR_SESSION_NO_MEMORY] = { "no_memory", "the system had no memory to send it" },                  \
	[WEIR_SESSION_REFUSED] = { "refused", "nobody listens at the peer's port" },                        \
	[WEIR_SESSION_UNREACHABLE] = { "unreachable",                                                       \
				       "the network says that the peer cannot be reached now" },            \
	[WEIR_SESSION_FORBIDDEN] = { "forbidden", "a rule of the system does not let it out" },             \
	[WEIR_SESSION_INVALID] = { "invalid", "the system does not send to this address from ours" },       \
	[WEIR_SESSION_NO_PEER] = { "no_peer", "it says no peer to go to, or one that is no longer known" }, \
	[WEIR_SESSION_NOT_UP] = { "down", "the session was not up, and kept no more packets" }

#define WEIR_SESSION_SENDERS_MAX 16

struct weir_session_type {
	/*
	 * Checks the options, and fills the first part of info: layer, max_packet, headroom, tailroom, and
	 * gives and takes where it knows super-packets. Reports every problem with weir_invalid(). Control
	 * thread, before anything of the pipeline exists.
	 */
	int (*check)(const void *options, struct weir_endpoint_info *info, struct weir_error *err);

	/* Copies what it needs of the options to the state, which is zeroed but for WEIR_SESSION_STATE; may
	 * open sockets that stay for the session's life. Control thread. */
	int (*open)(void *state, const void *options, struct weir_error *err);
	/* Frees what open() took; after disconnect(). Sockets are closed by the engine afterwards. */
	void (*close)(void *state);

	/*
	 * Other options for a session that runs. With try_only it only checks, and changes nothing: then it
	 * may say -ENOTSUP, and the session is made anew instead. Without, it must succeed: what was checked
	 * is taken over; it may call weir_session_tend(), or weir_session_retry() where the protocol asks for
	 * a new beginning. NULL: a changed session is always made anew.
	 */
	int (*change)(void *state, const void *options, bool try_only, struct weir_error *err);

	/*
	 * Connects: returns 0 when the session is up, after weir_session_assign(). Or a negative errno in
	 * words in err; -ECANCELED of a function that waited is to be returned as it is. weir_session_fatal()
	 * tells that it makes no sense to try again. NULL: up at once.
	 */
	int (*connect)(void *state, struct weir_error *err);
	/* Ends what connect() began, also where it failed; may say goodbye to the peer. The engine closes the
	 * streams of the session afterwards. NULL: nothing to do. */
	void (*disconnect)(void *state);
	/*
	 * Called while it is up, when weir_session_tend() has asked for it: what takes time and is no packet,
	 * another connection or new keys. A negative errno ends the session. NULL: never.
	 */
	int (*tend)(void *state, struct weir_error *err);
	/*
	 * Called while it is up, first at once, then when the time has come that it returned last or that
	 * weir_session_wake() set: nanoseconds of CLOCK_MONOTONIC; UINT64_MAX: only by weir_session_wake().
	 * weir_session_fail() ends the session. NULL: none.
	 */
	uint64_t (*timer)(void *state, uint64_t now);
	/*
	 * A stream broke or was ended by the peer, and is closed by the engine when this returns. err says
	 * why: -ENODATA, the peer ended it; any other, it broke. Returns 0: the session goes on without it.
	 * Else it ends with that, and what this function adds. NULL: it always ends.
	 */
	int (*lost)(void *state, struct weir_stream *stream, struct weir_error *err);

	/*
	 * Bytes have come in a stream that is attached: takes whole messages by weir_stream_peek() and
	 * _consume(), and puts packets in the reader, until there are no more or the reader is full. Returns
	 * 0, or a negative errno: then the stream is lost, or with weir_session_fail() the session.
	 */
	int (*bytes)(void *state, struct weir_stream *stream, struct weir_reader *reader);
	/* The same of a socket: by weir_socket_next(), _take() and _skip() until that returns 0. */
	int (*datagrams)(void *state, struct weir_socket *socket, struct weir_reader *reader);
	/*
	 * Sends packets in order: by weir_stream_reserve() and _commit(), or weir_socket_send(). Returns how
	 * many it is done with; fewer than writer->n only if one of these did not take any more: the engine
	 * goes on when it does. Called only while it is up. sender: 0, or of a session of many senders the
	 * number of that one.
	 */
	uint32_t (*send)(void *state, struct weir_writer *writer, unsigned sender);

	/* Several workers may send at once, each as a sender of its own (WEIR_SESSION_SENDER): then timer
	 * excludes only sender 0, and each must stand that. A stream or socket is sent to by one of them. */
	unsigned senders; /* how many; 0: one */
};

/*
 * Makes the type of an endpoint of the type of a session; the rest are members of struct weir_endpoint_type:
 * name, help, reasons, counters, options, options_size, state_size.
 */
#define WEIR_SESSION(type_, session_, ...)                                                            \
	static int type_##_check(const void *options_, struct weir_endpoint_info *info_,              \
				 struct weir_error *err_)                                             \
	{                                                                                             \
		return weir_session_check(&(session_), options_, info_, err_);                        \
	}                                                                                             \
	static int type_##_open(void *state_, const void *options_, struct weir_endpoint_info *info_, \
				struct weir_error *err_)                                              \
	{                                                                                             \
		return weir_session_open(&(session_), state_, options_, info_, err_);                 \
	}                                                                                             \
	const struct weir_endpoint_type type_ = { .check = type_##_check,                             \
						  .open = type_##_open,                               \
						  .created = weir_session_created,                    \
						  .close = weir_session_close,                        \
						  .change = weir_session_change,                      \
						  .read = weir_session_read,                          \
						  .write = weir_session_write,                        \
						  __VA_ARGS__ }

/*
 * The type of a further sender of sessions of an endpoint's type, for another worker: weir_my_sender("my.1",
 * .of = "my"). Its options are struct weir_session_sender, its state is weir_session_sender_state.
 */
#define WEIR_SESSION_SENDER(type_, of_, ...)                                                              \
	const struct weir_endpoint_type type_ = { .of = &(of_),                                           \
						  .check = weir_session_sender_check,                     \
						  .open = weir_session_sender_open,                       \
						  .close = weir_session_sender_close,                     \
						  .write = weir_session_sender_write,                     \
						  .options = weir_session_sender_options,                 \
						  .options_size = sizeof(struct weir_session_sender),     \
						  .state_size = sizeof(struct weir_session_sender_state), \
						  __VA_ARGS__ }

struct weir_session_sender {
	WEIR_PART_OPTIONS;
};

struct weir_session_sender_state {
	struct weir_session *session;
	unsigned sender;
};

/* What the macros need. */
WEIR_API int weir_session_check(const struct weir_session_type *type, const void *options,
				struct weir_endpoint_info *info, struct weir_error *err);
WEIR_API int weir_session_open(const struct weir_session_type *type, void *state, const void *options,
			       struct weir_endpoint_info *info, struct weir_error *err);
WEIR_API void weir_session_created(void *state);
WEIR_API void weir_session_close(void *state);
WEIR_API int weir_session_change(void *state, const void *options, bool try_only, struct weir_error *err);
WEIR_API int weir_session_read(void *state, struct weir_reader *reader);
WEIR_API uint32_t weir_session_write(void *state, struct weir_writer *writer);
WEIR_API int weir_session_sender_check(const void *options, struct weir_endpoint_info *info,
				       struct weir_error *err);
WEIR_API int weir_session_sender_open(void *state, const void *options, struct weir_endpoint_info *info,
				      struct weir_error *err);
WEIR_API void weir_session_sender_close(void *state);
WEIR_API uint32_t weir_session_sender_write(void *state, struct weir_writer *writer);
WEIR_API extern const struct weir_option weir_session_sender_options[];

/* --- what an author calls
 * ------------------------------------------------------------------------------------- */

/* Nanoseconds of CLOCK_MONOTONIC, the clock of timers, of weir_reader.now and of buf->arrival. Any thread. */
WEIR_API uint64_t weir_session_now(void);

/*
 * In connect, tend and disconnect: waits until fd has one of the poll() events, or that time. fd -1: only
 * until that time; in connect also until the time that weir_session_wake() has set, and then it returns 0: so
 * datagrams() tells that an answer has come. Timers run meanwhile. Returns 0; -ETIMEDOUT; -ECANCELED: the
 * session shall end.
 */
WEIR_API int weir_session_wait(struct weir_session *session, int fd, short events, uint64_t until);

/* Both locks, for connect, tend and disconnect. Hold them shortly: workers wait. */
WEIR_API void weir_session_lock(struct weir_session *session);
WEIR_API void weir_session_unlock(struct weir_session *session);

/* Sets mtu, keys_since, remote, label and addresses of the status; the rest is ignored. While it is up, the
 * application is told. Session's thread. */
WEIR_API void weir_session_assign(struct weir_session *session, const struct weir_session_status *status);

/* Ends the session: it goes down with this error and these words, and tries again after a pause. Any function
 * of the type. Returns error. */
WEIR_API int weir_session_fail(struct weir_session *session, int error, const char *format, ...)
	WEIR_PRINTF(3, 4);
/* The same of connect and tend for what another attempt would not mend: a wrong password. */
WEIR_API int weir_session_fatal(struct weir_session *session, int error, const char *format, ...)
	WEIR_PRINTF(3, 4);

/* Has timer called no later than then. Any function of the type. */
WEIR_API void weir_session_wake(struct weir_session *session, uint64_t at);
/* Has tend called soon. Any function of the type. */
WEIR_API void weir_session_tend(struct weir_session *session);

WEIR_END_DECLS

#endif
