/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_MAGIC 0x42524c44u
#define LOAD_BLOCK_BYTES (128 * 1024)
#define LOAD_REQUEST_BYTES_MAX 4096
#define LOAD_DEFAULT_REQUEST_BYTES 100
#define LOAD_DEFAULT_ANSWER_BYTES 1024

enum load_kind { LOAD_UP = 1, LOAD_DOWN, LOAD_BOTH, LOAD_KEPT, LOAD_NEW };

/* A connection's first bytes, and those of every request. Client and server are this same program on one machine. */
struct load_head {
	uint32_t magic;
	uint32_t kind;
	uint64_t bulk_bytes;      /* of a bulk transfer, each way; 0: without end */
	uint32_t request_bytes;
	uint32_t answer_bytes;
};

/* A file that both ends map: what the server has seen. */
struct load_counters {
	_Atomic uint64_t received_bytes;
	_Atomic uint64_t open;
};

struct load_options {
	struct sockaddr_in address;
	struct in_addr source;          /* 0.0.0.0: whichever the routes say */
	const char *congestion;         /* NULL: whichever the system has */
	enum load_kind kind;
	bool mptcp;
	unsigned int connections;
	unsigned int skip_ms;
	unsigned int time_ms;
	uint64_t bulk_bytes;
	uint32_t request_bytes;
	uint32_t answer_bytes;
	struct load_counters *counters;
};

struct load_head load_head(const struct load_options *options);
/* A connected socket, non-blocking from then on; ends the program when the connection fails. */
int load_connect(const struct load_options *options);
/* With the congestion control that was asked for, which listeners hand on to what they accept; -1 where there is no
 * socket to be had. */
int load_socket(const struct load_options *options, int flags);
uint64_t load_now_us(void);
void load_die(const char *what) __attribute__((noreturn));

int load_serve(const struct load_options *options);
int load_bulk(const struct load_options *options);
int load_requests(const struct load_options *options);
int load_idle(const struct load_options *options);

#endif
