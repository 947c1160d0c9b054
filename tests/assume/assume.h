/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every program of this folder stands on: one fact of the kernel each, looked at in network namespaces of its own,
 * said in one line. Exit: 0 the fact holds, 1 it is broken, 99 it could not be looked at.
 *
 *	HOST --- link 2 --- NEAR === links 0 and 1 === FAR		NEAR is where a gateway stands, FAR a converter
 *
 * A program is one thread, and each socket belongs to the place that the program was in when it made the socket.
 */
#ifndef BRAID_TESTS_ASSUME_H
#define BRAID_TESTS_ASSUME_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>
#include "base/address.h"
#include "net/mptcp_info.h"
#include "net/mptcp_pm.h"
#include "net/socket.h"

enum assume_place { ASSUME_NEAR, ASSUME_FAR, ASSUME_HOST, ASSUME_N_PLACES };

#define ASSUME_PORT 7000
#define ASSUME_LIMIT_MS 20000   /* for whatever is to happen; far beyond what it takes, so that a busy machine breaks
				 * no fact */

/* Makes the places. fact: in a few words; without: what in Braid does not work where the fact does not hold. */
void assume_begin(const char *fact, const char *without);
void assume_in(enum assume_place place);

/* The end of the program. */
int assume_holds(void);
noreturn void assume_broken(const char *seen, ...) __attribute__((format(printf, 1, 2)));
noreturn void assume_not_looked_at(const char *why, ...) __attribute__((format(printf, 1, 2)));
#define assume_that(condition, ...) \
	do {                                        \
		if (!(condition))                   \
			assume_broken(__VA_ARGS__); \
	} while (0)

/* world.c: links. Link n leads from NEAR to FAR (0 and 1) or HOST (2): 10.9.n.1 and fd09:n::1 at NEAR, .2 and ::2 at
 * the other end. */
void assume_make_link(unsigned int n);
struct address assume_address(enum assume_place place, unsigned int n, bool v6, uint16_t port);
/* Another address of the same network for NEAR's end of the link. */
struct address assume_second_address(unsigned int n, bool v6);
/* FAR's own address, 10.9.100.2 or fd09:0:64::2, which NEAR reaches over link 0 unless told otherwise: made with
 * link 0. */
struct address assume_server(bool v6);
/* What comes from NEAR's address of the link goes out by the link, as Braid's rules have it. */
void assume_route_from_link(unsigned int n);
/* Without a carrier at NEAR's end, and back. Returns when NEAR sees it. */
void assume_set_carrier(unsigned int n, bool carrier);
/* It swallows what comes to NEAR's end and what leaves there, with its carrier on; or no longer. In NEAR, where the
 * program is then. */
void assume_set_silence(unsigned int n, bool silent);
void assume_default_route(enum assume_place place, unsigned int n, bool v6);
void assume_local_route(uint32_t fwmark, uint32_t table, bool v6);   /* what bears the mark is delivered at NEAR */
/* In the place where the program is. */
void assume_nft(const char *script);
void assume_sysctl(const char *name, const char *value);
/* Links 0 and 2, with NEAR forwarding between them, and these rules of nft in NEAR, where the program is then. */
void assume_make_router(const char *rules);

/* talk.c: connections from NEAR to FAR over link 0, both ends non-blocking. */
struct assume_pair {
	int near_fd, far_fd;
	int listener_fd;   /* stays open: Linux takes joins only at a port where somebody listens */
};
int assume_listen(bool v6, const struct net_listen_options *options);
/* Begins in NEAR, from link 0's address. options->source is set here. */
int assume_connect_begin(bool v6, struct net_connect_options options, size_t *n_sent);
/* From HOST, through NEAR: assume_make_router(). */
int assume_connect_host(bool v6);
void assume_wait_connected(int fd);
int assume_accept(int listener_fd);
/* With a byte each way behind it, so that both ends know each other as MPTCP where they can. */
struct assume_pair assume_pair(bool v6, bool far_mptcp);
/* Makes links 0 and 1, and a connection by IPv4 that has a subflow over each, as both ends know. */
struct assume_pair assume_pair_of_two(void);
void assume_pair_close(struct assume_pair *pair);   /* passes over descriptors that are -1 */
void assume_wait_readable(int fd, const char *what);
/* Waits for the condition, at most ASSUME_LIMIT_MS. */
bool assume_wait(bool (*condition)(void *context), void *context);
size_t assume_n_subflows(int fd);                     /* that are established */
void assume_wait_subflows(int fd, size_t n, const char *when);
/* Endpoint of NEAR's address of the link, as path/ makes it; ids 1 and 2 for links 0 and 1. */
struct mptcp_pm_endpoint assume_endpoint(unsigned int n, bool v6, bool backup);
void assume_endpoint_add(unsigned int n, bool v6, bool backup);
void assume_endpoint_delete(unsigned int n, bool v6);
void assume_limits(void);                             /* at both ends, as path/ sets them */

/* Bytes of a known pattern from one descriptor to another; broken when others come. */
struct assume_stream {
	int from_fd, to_fd;
	uint64_t n_sent, n_received;
};
/* Sends until the whole is n_sent_to, receives until it is n_received_to. broken, with what and the figures, after
 * ASSUME_LIMIT_MS. */
void assume_stream_run(struct assume_stream *s, uint64_t n_sent_to, uint64_t n_received_to, const char *what);
/* Sends what the socket takes at once, n_most at most. False when it takes no more. */
bool assume_stream_send(struct assume_stream *s, uint64_t n_most);
/* Receives what is there. False when nothing is left, for now. */
bool assume_stream_receive(struct assume_stream *s);
/* the pattern, for other ways to send */
void assume_stream_fill(struct assume_stream *s, uint8_t *out, size_t n);
void assume_stream_check(struct assume_stream *s, const uint8_t *bytes, size_t n);

#endif
