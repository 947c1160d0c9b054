/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets as Braid needs them: all non-blocking and close-on-exec, IPv4 and IPv6, TCP and MPTCP. Thin: one function a
 * kernel feature.
 */
#ifndef BRAID_NET_SOCKET_H
#define BRAID_NET_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/address.h"

enum {
	NET_E_AGAIN = 1,        /* nothing there now, or in progress */
	NET_E_DESCRIPTORS,      /* EMFILE, ENFILE, ENOBUFS, ENOMEM: this machine is short of something, for now */
	NET_E_REFUSED,          /* RST in answer to the SYN */
	NET_E_RESET,            /* RST later */
	NET_E_UNREACHABLE,      /* ICMP host unreachable, or the interface is gone */
	NET_E_NO_ROUTE,         /* none here, or ICMP network unreachable */
	NET_E_PROHIBITED,       /* ICMP administratively prohibited, or a local rule */
	NET_E_TIMED_OUT,
	NET_E_NO_PORT,          /* no source port left toward that destination */
	NET_E_NO_ADDRESS,       /* the source is no address of this machine */
	NET_E_ABORTED,          /* accept: gone before we took it */
};

struct net_listen_options {
	bool mptcp;
	bool exclusive;             /* nobody else has the address, and nobody is to have it beside us */
	bool transparent;           /* IP_TRANSPARENT: takes connections to addresses that aren't ours (tproxy) */
	const char *congestion;     /* of the connections taken; NULL or "": the system's default */
	uint32_t fastopen_queue;    /* TCP Fast Open without cookies for this many half-open ones; 0: none */
	uint32_t keepalive_s;       /* net_keep_alive() for the connections taken: they inherit it */
};

/* A listener that shares its address with those of other workers (SO_REUSEPORT). [::] takes IPv4 too. *fastopen_missing
 * tells whether the kernel had none for us (before 6.2 on MPTCP). 0 or a negative errno. */
int net_listen(const struct address *address, const struct net_listen_options *options, int *fd,
	       bool *fastopen_missing);

/* Whether the address can be had to listen on: binds it for a moment, and takes no connections. 0 or a negative
 * errno. */
int net_probe_listen(const struct address *address, const struct net_listen_options *options);

/* Takes one connection. peer is filled in. 0, NET_E_AGAIN, NET_E_ABORTED, NET_E_DESCRIPTORS, or a negative errno. */
int net_accept(int listener_fd, int *fd, struct address *peer);

/* For how long the peer has said nothing, from the handshake on; 0 where it isn't known, or is more than a minute.
 * Of a connection that has just been taken from a listener: how long it has waited for that, at least. */
uint64_t net_silent_us(int fd);

/* What a TCP connection agreed on with its peer. 0 or a negative errno. */
struct net_negotiated {
	uint16_t mss_bytes;         /* that we may send */
	uint8_t window_scale;       /* the peer's; 0xff: none */
	bool sack, timestamps;
};
int net_negotiated(int fd, struct net_negotiated *out);

/* Own end of a connection: for an intercepted one, the address that the host wanted. 0 or a negative errno. */
int net_local_address(int fd, struct address *local);

/* What routers and queues are to know of a connection's packets. */
struct net_marking {
	uint8_t dscp;               /* 0..63; 0: as it is */
	bool has_priority;
	int priority;               /* SO_PRIORITY, 0..6, where there is one */
};

struct net_connect_options {
	bool mptcp;
	bool wide;                  /* plain TCP whose window begins as wide as that of Multipath TCP: what comes in
				     * order is read at once */
	bool both_families;         /* of Multipath TCP by IPv4: subflows by IPv6 may join it. Linux takes them on a
				     * socket of that family alone */
	struct address source;      /* unspecified: the kernel's choice. With a port: that one, where it can be had,
				     * else one of the kernel's choice */
	bool transparent;           /* the source need not be this machine's; what comes back to it must be led to
				     * the socket */
	const char *congestion;     /* NULL or "": the system's default */
	struct net_marking marking;
	uint32_t fwmark;            /* of its packets, for nft and routing here; 0: none */
	const void *first;          /* bytes to go into the SYN; NULL: none */
	size_t n_first;
};

/*
 * Begins to connect. *n_sent is how many of the first bytes the kernel took (they are its to deliver from then on;
 * whether in the SYN or after it is its choice); the rest is the caller's to send once the socket is writable. The
 * outcome comes with EPOLLOUT, EPOLLERR or EPOLLHUP: ask net_connect_result(). 0 or NET_E_*, or a negative errno.
 */
int net_connect_begin(const struct address *to, const struct net_connect_options *options, int *fd, size_t *n_sent);
/* 0 connected, NET_E_AGAIN still under way, another NET_E_*, or a negative errno. */
int net_connect_result(int fd);
/* The same where these events of the socket have just been told: without an error among them, that it is writable
 * says all, and nothing is asked. */
int net_connect_outcome(int fd, uint32_t epoll_events);

/* NET_E_* for an errno of connecting, sending or receiving; the negative errno itself if it has none. */
int net_error(int error_number);
const char *net_error_text(int net_error);

/* recv/send once, without waiting, without SIGPIPE. n >= 0, 0 at the end of the stream; NET_E_* negated is never
 * returned: on failure *error is NET_E_* or a negative errno and the result is -1. */
ssize_t net_receive(int fd, void *bytes, size_t n_bytes, int *error);
ssize_t net_send(int fd, const void *bytes, size_t n_bytes, int *error);
/* The same; TCP may keep what is no whole segment until what is under way is acknowledged (MSG_MORE). */
ssize_t net_send_later(int fd, const void *bytes, size_t n_bytes, int *error);
/* net_receive() that leaves the bytes where they are; an error it takes. */
ssize_t net_peek(int fd, void *bytes, size_t n_bytes, int *error);
/* What net_receive() would say: 0, bytes or an end; NET_E_AGAIN; or an error. An error is told once: who reads next
 * sees an end in its place, so the caller has to act on it. */
int net_look(int fd);
/* What the socket holds of what has come: not read yet, or out of order, with the kernel's overhead; 0 where there
 * is nothing. 0 or a negative errno. */
int net_receive_queue_bytes(int fd, uint32_t *n_bytes);

/* Closes with RST (TCP) or FASTCLOSE (MPTCP): the peer learns that the stream did not end in order. */
void net_close_reset(int fd);
/* Closes a leg whose streams have ended in order. */
void net_close_orderly(int fd);

/* A connection accepted with Fast Open takes bytes before its handshake has ended, but nothing good comes of it:
 * they aren't sent before, nor after, unless something more is written; and where the connection comes out as plain
 * TCP, what Multipath TCP sent again meanwhile is in the stream twice. */
bool net_handshake_ended(int fd);
/* The same; *plain: it has come out as plain TCP, as far as is known. */
bool net_handshake_outcome(int fd, bool *plain);

/* From here on the leg is closed with a reset unless net_close_orderly() says otherwise: a daemon that is killed
 * must not make half of a stream look like the whole. Small writes leave at once; urgent data stays in the stream of
 * plain TCP (Multipath TCP has none), as any other byte. */
void net_tune_leg(int fd, bool mptcp);
/* Dead peers are found: first probe after idle_s, then every idle_s / 10 (75 s at most), 6 of them. 0: they aren't
 * looked for. */
void net_keep_alive(int fd, uint32_t idle_s);

/* Of the packets that this end sends. Linux has no DSCP for Multipath TCP over IPv6 (6.18): that stays as it is
 * then. */
void net_mark(int fd, const struct address *peer, bool mptcp, const struct net_marking *marking);

/* Whether this kernel has the congestion control, for us. 0 or a negative errno (-ENOENT, -EPERM). */
int net_probe_congestion(const char *congestion);

#define NET_CONGESTION_BYTES 16   /* of a name, with its end: the kernel's TCP_CA_NAME_MAX */
/* Of a connection that exists: of all subflows there are, and of those to come. 0 or a negative errno, then some may
 * have changed. */
int net_change_congestion(int fd, const char *congestion);
/* A connection with that congestion control sends packets one after the other from now on, as far apart as its window
 * has them in a round trip, and not all that it may at once; of an MPTCP connection the subflows that there are.
 * SO_MAX_PACING_RATE, which is for that, MPTCP hasn't (Linux 6.18); but bbr turns it on, and nothing turns it off.
 * Slow start begins anew. As net_change_congestion(); where it fails, it may have bbr. */
int net_pace(int fd, const char *congestion);
/* A plain TCP connection sends no faster; 0: as fast as it will. 0 or a negative errno. */
int net_bound_rate(int fd, uint64_t bytes_per_s);
/* What it has, of an MPTCP connection its first subflow. False and "" where that can't be had. */
bool net_congestion(int fd, char out[NET_CONGESTION_BYTES]);

#endif
