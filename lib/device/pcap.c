/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <weir/pcap.h>

#include "alarm.h"
#include "option.h"
#include "reader.h"

#define PACKET_MAX 65535
#define SNAPLEN    262144 /* what tcpdump writes, and more than any packet has */

/* Another number of DLT_RAW: what is in the file, and what older systems call it. */
#define LINKTYPE_RAW 101

enum {
	CUT,
	TOO_LONG,
};

static const struct weir_reason pcap_reasons[] = {
	[CUT] = { "cut", "the capture has only the beginning of the packet" },
	[TOO_LONG] = { "too_long", "a record of more than 65,535 bytes" },
	{ 0 },
};

struct capture {
	pcap_t *pcap; /* what is read; what is written goes through the dumper */
	pcap_dumper_t *dumper;
	bool flush;

	char *path; /* of a file that is read several times, else NULL */
	uint32_t loops;
	bool pending; /* header and bytes are the next record */
	struct pcap_pkthdr *header;
	const u_char *bytes;

	bool in_own_time;
	bool begun;
	uint64_t due;   /* when the pending record is, CLOCK_MONOTONIC */
	uint64_t stamp; /* its own time */
	struct weir__alarm alarm;
};

static bool is_standard(const char *path)
{
	return strcmp(path, "-") == 0;
}

/* WEIR_LAYER_ANY: a link type that is not understood. */
static enum weir_layer layer_of(int link_type)
{
	switch (link_type) {
	case DLT_EN10MB:
		return WEIR_LAYER_L2;
	case DLT_RAW:
	case LINKTYPE_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
		return WEIR_LAYER_AF;
	default:
		return WEIR_LAYER_ANY;
	}
}

static const char *layer_name(enum weir_layer layer)
{
	return layer == WEIR_LAYER_L2 ? "Ethernet, WEIR_LAYER_L2" : "raw IP, WEIR_LAYER_AF";
}

/* Opens a file to read. Returns NULL with a word in err. */
static pcap_t *open_file(const char *path, struct weir_error *err)
{
	FILE *file = is_standard(path) ? stdin : fopen(path, "re");
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *pcap;

	if (!file) {
		weir_invalid(err, "read", "'%s': %s", path, strerror(errno));
		return NULL;
	}
	pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, text);
	if (pcap)
		return pcap;
	weir_invalid(err, "read", "'%s': %s", path, text);
	if (file != stdin)
		fclose(file);
	return NULL;
}

/* Whether packets of this file are of the layer that is wanted; WEIR_LAYER_ANY: of one that is understood. */
static int check_link_type(pcap_t *pcap, const char *path, enum weir_layer wanted, struct weir_error *err)
{
	const int link_type = pcap_datalink(pcap);
	const char *name = pcap_datalink_val_to_name(link_type);
	enum weir_layer layer = layer_of(link_type);

	if (layer == WEIR_LAYER_ANY)
		return weir_invalid(err, "read",
				    "'%s' has link type %d (%s), which is neither Ethernet nor raw IP", path,
				    link_type, name ? name : "unknown");
	if (wanted != WEIR_LAYER_ANY && wanted != layer)
		return weir_invalid(err, "layer", "'%s' is %s", path, layer_name(layer));
	return 0;
}

/* Looks into a file for its layer and the size of its packets. */
static int look_into(const struct weir_pcap *options, struct weir_endpoint_info *info, struct weir_error *err)
{
	pcap_t *pcap = open_file(options->read, err);
	int ret;

	if (!pcap)
		return -EINVAL;
	ret = check_link_type(pcap, options->read, options->layer, err);
	info->layer = layer_of(pcap_datalink(pcap));
	info->max_packet = pcap_snapshot(pcap) < PACKET_MAX ? (uint32_t)pcap_snapshot(pcap) : PACKET_MAX;
	pcap_close(pcap);
	return ret;
}

/* What comes through a pipe comes once, and cannot be looked into before. */
static int check_stream(const struct weir_pcap *options, struct weir_endpoint_info *info,
			struct weir_error *err)
{
	int ret = 0;

	info->layer = options->layer;
	info->max_packet = PACKET_MAX;
	if (options->layer == WEIR_LAYER_ANY)
		ret = weir_invalid(err, "layer",
				   "'%s' is no regular file, which could be asked for it: set it",
				   options->read);
	if (options->loops > 1)
		ret = weir_invalid(err, "loops", "'%s' is no regular file and can be read only once",
				   options->read);
	return ret;
}

static int check_read(const struct weir_pcap *options, struct weir_endpoint_info *info,
		      struct weir_error *err)
{
	struct stat status;
	int ret = 0;

	info->takes_none = true;
	if (options->flush)
		ret = weir_invalid(err, "flush", "nothing is written: it goes with write");
	if (is_standard(options->read))
		return check_stream(options, info, err) | ret;
	if (stat(options->read, &status) < 0)
		return weir_invalid(err, "read", "'%s': %s", options->read, strerror(errno));
	if (S_ISREG(status.st_mode))
		return look_into(options, info, err) | ret;
	return check_stream(options, info, err) | ret;
}

static int check_write(const struct weir_pcap *options, struct weir_endpoint_info *info,
		       struct weir_error *err)
{
	int ret = 0;

	info->layer = options->layer ? options->layer : WEIR_LAYER_AF;
	if (options->in_own_time)
		ret = weir_invalid(err, "in_own_time", "nothing is read: it goes with read");
	if (options->loops)
		ret = weir_invalid(err, "loops", "nothing is read: it goes with read");
	return ret;
}

static int capture_check(const void *options_, struct weir_endpoint_info *info, struct weir_error *err)
{
	const struct weir_pcap *options = options_;

	if (options->layer != WEIR_LAYER_ANY && options->layer != WEIR_LAYER_AF &&
	    options->layer != WEIR_LAYER_L2)
		return weir_invalid(err, "layer", "%d is not WEIR_LAYER_AF or WEIR_LAYER_L2",
				    (int)options->layer);
	if (!options->read == !options->write)
		return weir_invalid(err, "read", "one of read and write");
	return options->read ? check_read(options, info, err) : check_write(options, info, err);
}

static void capture_close(void *state)
{
	struct capture *capture = state;

	if (capture->dumper)
		pcap_dump_close(capture->dumper);
	if (capture->pcap)
		pcap_close(capture->pcap);
	free(capture->path);
	weir__alarm_close(&capture->alarm);
}

static int open_read(struct capture *capture, const struct weir_pcap *options, struct weir_error *err)
{
	capture->loops = options->loops ? options->loops : 1;
	capture->in_own_time = options->in_own_time;
	capture->pcap = open_file(options->read, err);
	if (!capture->pcap)
		return -EINVAL;
	if (capture->loops > 1) {
		capture->path = strdup(options->read);
		if (!capture->path)
			return weir_failed(err, -ENOMEM, "read: no memory for the name");
	}
	if (capture->in_own_time) {
		int ret = weir__alarm_open(&capture->alarm);

		if (ret < 0)
			return weir_failed(err, ret, "in_own_time: no timer: %s", strerror(-ret));
	}
	return check_link_type(capture->pcap, options->read, options->layer, err);
}

static FILE *create_file(const char *path)
{
	int fd;

	if (!is_standard(path))
		return fopen(path, "we");
	/* A descriptor of its own, because pcap_dump_close() closes it. */
	fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? NULL : fdopen(fd, "w");
}

static int fail_write(const char *path, struct weir_error *err)
{
	int code = errno ? -errno : -EIO;

	return weir_failed(err, code, "write: '%s': %s", path, strerror(-code));
}

static int open_write(struct capture *capture, const struct weir_pcap *options, struct weir_error *err)
{
	FILE *file = create_file(options->write);

	if (!file)
		return fail_write(options->write, err);
	capture->flush = options->flush;
	capture->pcap = pcap_open_dead_with_tstamp_precision(
		options->layer == WEIR_LAYER_L2 ? DLT_EN10MB : DLT_RAW, SNAPLEN, PCAP_TSTAMP_PRECISION_NANO);
	if (!capture->pcap) {
		fclose(file);
		return weir_failed(err, -ENOMEM, "write: no memory");
	}
	errno = 0;
	capture->dumper = pcap_dump_fopen(capture->pcap, file);
	/* A disk that does not even take the header is told at once, and whoever watches the file can begin.
	 */
	if (!capture->dumper || pcap_dump_flush(capture->dumper) < 0)
		return fail_write(options->write, err);
	return 0;
}

static int capture_open(void *state, const void *options_, struct weir_endpoint_info *info,
			struct weir_error *err)
{
	const struct weir_pcap *options = options_;
	struct capture *capture = state;
	int ret;

	capture->alarm.fd = -1;
	ret = options->read ? open_read(capture, options, err) : open_write(capture, options, err);
	if (ret < 0) {
		capture_close(capture);
		return ret;
	}
	info->read_fd = capture->alarm.fd;
	info->write_fd = -1;
	return 0;
}

/*
 * Begins to read the file again. Opened anew and not rewound, as a pcapng file may bring more interfaces at
 * any place, and libpcap would add them once more.
 */
static int begin_again(struct capture *capture)
{
	pcap_close(capture->pcap);
	capture->pcap = open_file(capture->path, NULL);
	return capture->pcap ? 0 : -EIO;
}

/* When the pending record is due: as long after the one before as it says. One that says it is older comes at
 * once. */
static void schedule(struct capture *capture, uint64_t now)
{
	const struct timeval *ts = &capture->header->ts;
	const uint64_t stamp = (uint64_t)ts->tv_sec * 1000000000u + (uint64_t)ts->tv_usec;

	if (!capture->begun)
		capture->due = now;
	else if (stamp > capture->stamp &&
		 __builtin_add_overflow(capture->due, stamp - capture->stamp, &capture->due))
		capture->due = UINT64_MAX;
	capture->stamp = stamp;
	capture->begun = true;
}

/* Makes the next record pending, or begins the next loop. Returns 0, -ENODATA at the end, or another negative
 * errno. */
static int fetch(struct capture *capture, uint64_t now)
{
	switch (pcap_next_ex(capture->pcap, &capture->header, &capture->bytes)) {
	case 1:
		capture->pending = true;
		schedule(capture, now);
		return 0;
	case PCAP_ERROR_BREAK:
		if (capture->loops <= 1)
			return -ENODATA;
		capture->loops--;
		return begin_again(capture);
	default:
		return ferror(pcap_file(capture->pcap)) ? -EIO : -EBADMSG;
	}
}

/* Returns false if there is no buffer for the pending record now. */
static bool deliver(struct capture *capture, struct weir_reader *reader)
{
	const struct pcap_pkthdr *header = capture->header;

	if (header->caplen < header->len)
		weir_reader_drop(reader, CUT);
	else if (header->caplen > PACKET_MAX)
		weir_reader_drop(reader, TOO_LONG);
	else if (!weir__reader_copy(reader, capture->bytes, header->caplen))
		return false;
	capture->pending = false;
	return true;
}

static int capture_read(void *state, struct weir_reader *reader)
{
	struct capture *capture = state;

	/* Dropped records and empty loops count too, so that a file of nothing else does not keep the worker
	 * here. */
	for (uint32_t left = reader->limit; left > 0; left--) {
		int ret = capture->pending ? 0 : fetch(capture, reader->now);

		if (ret < 0)
			return ret;
		if (!capture->pending)
			continue;
		if (capture->in_own_time && capture->due > reader->now) {
			weir__alarm_set(&capture->alarm, capture->due);
			return 0;
		}
		if (!deliver(capture, reader))
			return 0;
	}
	return 0;
}

static uint32_t capture_write(void *state, struct weir_writer *writer)
{
	struct capture *capture = state;
	struct pcap_pkthdr header = { 0 };
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	header.ts = (struct timeval){ .tv_sec = now.tv_sec, .tv_usec = now.tv_nsec };
	errno = 0;
	for (uint32_t i = 0; i < writer->n; i++) {
		const struct weir_buf *buf = weir_writer_buf(writer, i);

		header.caplen = buf->len;
		header.len = buf->len;
		pcap_dump((u_char *)capture->dumper, &header, buf->data);
	}
	if (capture->flush)
		pcap_dump_flush(capture->dumper);
	/* pcap_dump() says nothing, but the file remembers. What is in it of this vector cannot be told. */
	if (ferror(pcap_dump_file(capture->dumper))) {
		writer->error = errno ? -errno : -EIO;
		return 0;
	}
	return writer->n;
}

static const struct weir_option pcap_options[] = {
	WEIR_OPTION(struct weir_pcap, read, STRING, "the file to read,"),
	WEIR_OPTION(struct weir_pcap, write, STRING, "or the file to write; - is standard input or output"),
	WEIR_ENUM_OPTION(struct weir_pcap, layer, weir__layer_values,
			 "af (raw IP) or l2; not given: what the file to read has, else af"),
	WEIR_OPTION(struct weir_pcap, in_own_time, BOOL,
		    "read: keep the time between packets, else full speed"),
	WEIR_OPTION(struct weir_pcap, flush, BOOL,
		    "write: after each vector, for somebody who watches the file"),
	WEIR_OPTION(struct weir_pcap, loops, U32, "read: times to read the file; 0: once"),
	{ 0 },
};

const struct weir_endpoint_type weir_pcap_type = {
	.name = "pcap",
	.help = "the packets of a capture file, or packets to one",
	.reasons = pcap_reasons,
	.options = pcap_options,
	.options_size = sizeof(struct weir_pcap),
	.state_size = sizeof(struct capture),
	.check = capture_check,
	.open = capture_open,
	.close = capture_close,
	.read = capture_read,
	.write = capture_write,
};
