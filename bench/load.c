// SPDX-License-Identifier: GPL-2.0-or-later
/* braid-load: the load of `make bench`. One thread at each end, so that two cores can hold both and still show what
 * stands between them. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

#define CONNECT_TIMEOUT_S 10

static const char *const kind_names[] = {
	[LOAD_UP] = "up", [LOAD_DOWN] = "down", [LOAD_BOTH] = "both", [LOAD_KEPT] = "kept", [LOAD_NEW] = "new",
};

void load_die(const char *what)
{
	fprintf(stderr, "braid-load: %s: %s\n", what, strerror(errno));
	exit(1);
}

uint64_t load_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

struct load_head load_head(const struct load_options *options)
{
	return (struct load_head){ LOAD_MAGIC, options->kind, options->bulk_bytes, options->request_bytes,
				   options->answer_bytes };
}

int load_socket(const struct load_options *options, int flags)
{
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, options->mptcp ? IPPROTO_MPTCP : 0);

	if (fd < 0)
		return fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (options->congestion &&
	    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, options->congestion, strlen(options->congestion)))
		load_die(options->congestion);
	return fd;
}

int load_connect(const struct load_options *options)
{
	struct sockaddr_in source = { .sin_family = AF_INET, .sin_addr = options->source };
	struct timeval timeout = { .tv_sec = CONNECT_TIMEOUT_S };
	int fd = load_socket(options, 0);

	if (fd < 0)
		load_die("socket");
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	if (source.sin_addr.s_addr && bind(fd, (const struct sockaddr *)&source, sizeof(source)))
		load_die("bind");
	if (connect(fd, (const struct sockaddr *)&options->address, sizeof(options->address)))
		load_die("connect");
	return fd;
}

static struct load_counters *map_counters(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	void *at;

	if (fd < 0 || ftruncate(fd, sizeof(struct load_counters)))
		load_die(path);
	at = mmap(NULL, sizeof(struct load_counters), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		load_die(path);
	close(fd);
	return at;
}

static enum load_kind kind_parse(const char *name)
{
	for (unsigned int kind = LOAD_UP; kind <= LOAD_NEW; kind++) {
		if (!strcmp(name, kind_names[kind]))
			return kind;
	}
	fprintf(stderr, "braid-load: %s: not up, down, both, kept or new\n", name);
	exit(2);
}

static int usage(void)
{
	fputs("usage: braid-load serve|bulk|requests|idle --counters FILE [--address V4] [--port N] [--mptcp] "
	      "[--congestion NAME] [--source V4]\n"
	      "       [--kind up|down|both|kept|new] [--connections N] [--skip-ms N] [--time-ms N] [--bytes N] [--request BYTES] [--answer BYTES]\n"
	      "--source and --bytes are for bulk; with --bytes a transfer ends once so much has arrived, and --time-ms is its limit.\n", stderr);
	return 2;
}

static uint32_t number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || end == text || value > UINT32_MAX)
		exit(usage());
	return value;
}

static void parse(struct load_options *options, int argc, char **argv)
{
	static const struct option known[] = {
		{ "address", required_argument, NULL, 'a' }, { "port", required_argument, NULL, 'p' },
		{ "mptcp", no_argument, NULL, 'm' }, { "kind", required_argument, NULL, 'k' },
		{ "connections", required_argument, NULL, 'c' }, { "skip-ms", required_argument, NULL, 's' },
		{ "time-ms", required_argument, NULL, 't' }, { "request", required_argument, NULL, 'q' },
		{ "answer", required_argument, NULL, 'r' }, { "counters", required_argument, NULL, 'n' },
		{ "congestion", required_argument, NULL, 'g' }, { "source", required_argument, NULL, 'f' },
		{ "bytes", required_argument, NULL, 'b' }, { NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 'a':
			if (inet_pton(AF_INET, optarg, &options->address.sin_addr) != 1)
				exit(usage());
			break;
		case 'p': options->address.sin_port = htons(number(optarg)); break;
		case 'm': options->mptcp = true; break;
		case 'k': options->kind = kind_parse(optarg); break;
		case 'c': options->connections = number(optarg); break;
		case 's': options->skip_ms = number(optarg); break;
		case 't': options->time_ms = number(optarg); break;
		case 'q': options->request_bytes = number(optarg); break;
		case 'r': options->answer_bytes = number(optarg); break;
		case 'n': options->counters = map_counters(optarg); break;
		case 'g': options->congestion = optarg; break;
		case 'f':
			if (inet_pton(AF_INET, optarg, &options->source) != 1)
				exit(usage());
			break;
		case 'b': options->bulk_bytes = number(optarg); break;
		default: exit(usage());
		}
	}
}

int main(int argc, char **argv)
{
	static const struct { const char *name; int (*run)(const struct load_options *); } commands[] = {
		{ "serve", load_serve }, { "bulk", load_bulk }, { "requests", load_requests }, { "idle", load_idle },
	};
	struct load_options options = {
		.address = { .sin_family = AF_INET, .sin_port = htons(5201) }, .kind = LOAD_UP, .connections = 1,
		.skip_ms = 500, .time_ms = 2000,
		.request_bytes = LOAD_DEFAULT_REQUEST_BYTES, .answer_bytes = LOAD_DEFAULT_ANSWER_BYTES,
	};

	if (argc < 2)
		return usage();
	parse(&options, argc - 1, argv + 1);
	if (!options.counters || !options.connections || options.request_bytes < sizeof(struct load_head) ||
	    options.request_bytes > LOAD_REQUEST_BYTES_MAX || options.answer_bytes > LOAD_BLOCK_BYTES)
		return usage();
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(&options);
	}
	return usage();
}
