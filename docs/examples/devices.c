/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endpoints that need no privileges and no network, one behind the other:
 *
 *	devices FILE
 *
 * writes generated packets to a capture file, then reads the file into a socket, whose other side is this
 * program; and what it gets there, it sends into the pipeline again by a pair.
 */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weir/weir.h>

#define PACKETS 1000

static int complain(struct weir_pipeline *pipeline, const struct weir_error *err)
{
	fprintf(stderr, "%s\n", err->text);
	weir_pipeline_destroy(pipeline);
	return 1;
}

/* Lets a pipeline run until its readers have ended and nothing is in flight. */
static void finish(struct weir_pipeline *pipeline)
{
	struct weir_counters *counters;

	weir_pipeline_wait(pipeline, -1);
	weir_pipeline_stop(pipeline);
	counters = weir_counters_read(pipeline);
	if (counters)
		weir_counters_print(counters, stdout);
	weir_counters_free(counters);
	weir_pipeline_destroy(pipeline);
}

static int record(const char *file)
{
	const struct weir_config config = {
		.endpoints = {
			weir_generator("packets", .imix = true, .flows = 100, .count = PACKETS, .rate = 1e6),
			weir_pcap("capture", .write = file),
		},
		.workers = { { "recorder", .unpinned = true } },
		.chains = {
			{ "record", .stages = { weir_read("packets", .worker = "recorder"), weir_write("capture") } },
		},
	};
	struct weir_pipeline *pipeline;
	struct weir_error err;

	if (weir_pipeline_create(&pipeline, &config, &err) < 0 || weir_pipeline_start(pipeline, &err) < 0)
		return complain(pipeline, &err);
	finish(pipeline);
	return 0;
}

/* The application between the two chains of replay(): it takes packets from one and gives them to the other.
 */
static int pass_on(int fd, struct weir_pair_link *link)
{
	uint8_t packet[2048];
	int lost = 0;

	for (int i = 0; i < PACKETS; i++) {
		ssize_t n = recv(fd, packet, sizeof(packet), 0);

		/* The link has room for all of them; else -EAGAIN would say that it is full. */
		if (n <= 0 || weir_pair_send(link, 0, packet, (size_t)n) < 0)
			lost++;
	}
	weir_pair_close(link, 0);
	return lost;
}

static int replay(const char *file, const int fds[2], struct weir_pair_link *link)
{
	const struct weir_config config = {
		.endpoints = {
			weir_pcap("capture", .read = file),
			weir_fd("socket", .fd = fds[0], .ownership = WEIR_FD_DUPLICATED),
			weir_pair("link", .link = link, .side = 1),
			weir_null("nowhere"),
		},
		.workers = { { "player", .unpinned = true } },
		.chains = {
			{ "out", .stages = { weir_read("capture", .worker = "player"), weir_write("socket") } },
			{ "back", .stages = { weir_read("link", .worker = "player"), weir_af_decap(), weir_stats(),
					      weir_write("nowhere") } },
		},
	};
	struct weir_pipeline *pipeline;
	struct weir_error err;
	int lost;

	if (weir_pipeline_create(&pipeline, &config, &err) < 0 || weir_pipeline_start(pipeline, &err) < 0)
		return complain(pipeline, &err);
	lost = pass_on(fds[1], link);
	finish(pipeline);
	return lost ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct weir_pair_link *link;
	int fds[2], status;

	if (argc != 2)
		return 2;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) < 0 ||
	    weir_pair_link_create(&link, PACKETS, 1500) < 0) {
		perror("devices");
		return 1;
	}
	status = record(argv[1]);
	if (!status)
		status = replay(argv[1], fds, link);
	weir_pair_link_destroy(link);
	close(fds[0]);
	close(fds[1]);
	return status;
}
