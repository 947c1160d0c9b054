/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/socket.h"

#include <errno.h>
#include <limits.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include "base/clock.h"
#include "base/util.h"
#include "net/mptcp_abi.h"
#include "net/mptcp_info.h"
#include "net/tcp_receive.h"

#define LISTEN_BACKLOG 4096          /* net.core.somaxconn caps it */
#define PLAIN_BEGIN_BYTES 131072
#define SILENT_MOST_MS 60000u
#define KEEPALIVE_PROBES 6
#define KEEPALIVE_INTERVAL_MAX_S 75

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

int net_error(int error_number)
{
	switch (error_number) {
	case EAGAIN:
	case EINPROGRESS:
	case EALREADY:
	case EINTR:
		return NET_E_AGAIN;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return NET_E_DESCRIPTORS;
	case ECONNREFUSED:
		return NET_E_REFUSED;
	case ECONNRESET:
	case EPIPE:
	case ENOTCONN:
		return NET_E_RESET;
	case EHOSTUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
	case ENODEV:
	case EINVAL:          /* connecting to an address that no route can have, e.g. of another family's form */
		return NET_E_UNREACHABLE;
	case ENETUNREACH:
		return NET_E_NO_ROUTE;
	case EACCES:
	case EPERM:
		return NET_E_PROHIBITED;
	case ETIMEDOUT:
		return NET_E_TIMED_OUT;
	case EADDRNOTAVAIL:
	case EADDRINUSE:
		return NET_E_NO_PORT;
	case ECONNABORTED:
		return NET_E_ABORTED;
	default:
		return -error_number;
	}
}

const char *net_error_text(int error)
{
	switch (error) {
	case 0: return "no error";
	case NET_E_AGAIN: return "in progress";
	case NET_E_DESCRIPTORS: return "out of descriptors or memory";
	case NET_E_REFUSED: return "connection refused";
	case NET_E_RESET: return "connection reset";
	case NET_E_UNREACHABLE: return "unreachable";
	case NET_E_NO_ROUTE: return "no route";
	case NET_E_PROHIBITED: return "prohibited";
	case NET_E_TIMED_OUT: return "timed out";
	case NET_E_NO_PORT: return "no local port left";
	case NET_E_NO_ADDRESS: return "no address of this machine";
	case NET_E_ABORTED: return "aborted";
	default: return error < 0 ? strerror(-error) : "unknown error";
	}
}

/* mapped: an IPv4 address as a socket of IPv6 has it. */
static socklen_t to_sockaddr(const struct address *address, bool mapped, struct sockaddr_storage *out)
{
	struct sockaddr_in6 *in6 = (void *)out;

	if (!mapped)
		return address_to_sockaddr(address, out);
	*in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(address->port) };
	memcpy(&in6->sin6_addr, address->ip, sizeof(in6->sin6_addr));
	return sizeof(*in6);
}

/*
 * Plain TCP begins with as narrow a window as Linux's own default, and it grows as it is read (decision 0006): what is
 * wide from the beginning for Multipath TCP's sake (tcp_rmem) would be filled, in each session, by a source that is
 * faster than the links. A buffer that was set is let go again, else it would stay as it is. Legs of a stream in pieces
 * are read at once, as far as it is in order, and stay wide.
 */
static void narrow_window(int fd)
{
	tcp_receive_buffer_hold(fd, PLAIN_BEGIN_BYTES, false);
	tcp_receive_buffer_let_go(fd);
}

static int open_stream(const struct address *address, bool mapped, bool mptcp, int *fd)
{
	int family = address_is_v4(address) && !mapped ? AF_INET : AF_INET6;

	*fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, mptcp ? IPPROTO_MPTCP : IPPROTO_TCP);
	return *fd < 0 ? net_error(errno) : 0;
}

/* One that isn't allowed here was reported at start; the default serves then. */
static void set_congestion(int fd, const char *congestion)
{
	if (congestion && congestion[0])
		setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, (socklen_t)strlen(congestion));
}

static int set_transparent(int fd, const struct address *address)
{
	return address_is_v4(address) ? set_int(fd, IPPROTO_IP, IP_TRANSPARENT, 1) :
	       set_int(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, 1);
}

static int listen_options(int fd, const struct address *address, const struct net_listen_options *options)
{
	int r = set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);

	if (!options->mptcp)
		narrow_window(fd);
	if (!r && !options->exclusive)
		r = set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (!r && !address_is_v4(address))
		r = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, !address_is_unspecified(address));
	return !r && options->transparent ? set_transparent(fd, address) : r;
}

static int open_bound(const struct address *address, const struct net_listen_options *options, int *out,
		      bool *fastopen_missing)
{
	_cleanup_(fd_closep) int fd = -1;
	struct sockaddr_storage sa;
	socklen_t n_sa = address_to_sockaddr(address, &sa);
	int r = open_stream(address, false, options->mptcp, &fd);

	*fastopen_missing = false;
	if (r)
		return -errno;
	r = listen_options(fd, address, options);
	if (r)
		return r;
	set_congestion(fd, options->congestion);
	if (options->fastopen_queue)   /* before listen(): MPTCP hands its options to the subflow that listens */
		*fastopen_missing = set_int(fd, IPPROTO_TCP, TCP_FASTOPEN, (int)options->fastopen_queue) ||
				    set_int(fd, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1);
	if (bind(fd, (struct sockaddr *)&sa, n_sa))
		return -errno;
	*out = fd_take(&fd);
	return 0;
}

int net_listen(const struct address *address, const struct net_listen_options *options, int *out,
	       bool *fastopen_missing)
{
	_cleanup_(fd_closep) int fd = -1;
	int r = open_bound(address, options, &fd, fastopen_missing);

	if (r)
		return r;
	net_tune_leg(fd, options->mptcp);
	net_keep_alive(fd, options->keepalive_s);
	if (listen(fd, LISTEN_BACKLOG))
		return -errno;
	*out = fd_take(&fd);
	return 0;
}

int net_probe_listen(const struct address *address, const struct net_listen_options *options)
{
	_cleanup_(fd_closep) int fd = -1;
	bool fastopen_missing;

	return open_bound(address, options, &fd, &fastopen_missing);
}

int net_accept(int listener_fd, int *fd, struct address *peer)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t n_sa = sizeof(sa);

	*fd = accept4(listener_fd, (struct sockaddr *)&sa, &n_sa, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (*fd >= 0)
		return address_from_sockaddr(peer, (struct sockaddr *)&sa) ? -EAFNOSUPPORT : 0;
	switch (errno) {   /* accept(2): errors of the new connection, to be taken like EAGAIN */
	case ENETDOWN:
	case EPROTO:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EOPNOTSUPP:
	case EPERM:
	case ECONNABORTED:
		return NET_E_ABORTED;
	default:
		return net_error(errno);
	}
}

/* Not by the last acknowledgement: one that was accepted with Fast Open has had none yet, and the kernel counts from
 * its own start then, as it does of one whose data were lost (Linux 6.18). Nobody waits for a minute. */
uint64_t net_silent_us(int fd)
{
	struct tcp_info tcp = { 0 };
	socklen_t n_tcp = sizeof(tcp);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &tcp, &n_tcp) || tcp.tcpi_last_data_recv > SILENT_MOST_MS)
		return 0;
	return tcp.tcpi_last_data_recv * US_PER_MS;
}

int net_negotiated(int fd, struct net_negotiated *out)
{
	struct tcp_info tcp = { 0 };
	socklen_t n_tcp = sizeof(tcp);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &tcp, &n_tcp))
		return -errno;
	*out = (struct net_negotiated){
		.mss_bytes = (uint16_t)tcp.tcpi_snd_mss,
		.window_scale = tcp.tcpi_options & TCPI_OPT_WSCALE ? tcp.tcpi_snd_wscale : 0xff,
		.sack = tcp.tcpi_options & TCPI_OPT_SACK, .timestamps = tcp.tcpi_options & TCPI_OPT_TIMESTAMPS,
	};
	return 0;
}

int net_local_address(int fd, struct address *local)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t n_sa = sizeof(sa);

	if (getsockname(fd, (struct sockaddr *)&sa, &n_sa))
		return -errno;
	return address_from_sockaddr(local, (struct sockaddr *)&sa) ? -EAFNOSUPPORT : 0;
}

/* The port may be in use by one of our own listeners. */
static bool bind_with_port(int fd, const struct address *source, bool mapped)
{
	struct sockaddr_storage sa;
	socklen_t n_sa = to_sockaddr(source, mapped, &sa);

	set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);   /* to several hosts from one port: the connections differ */
	return !bind(fd, (struct sockaddr *)&sa, n_sa);
}

/* Source address without a port: the port is chosen by connect(), so ports don't run out before destinations do. */
static int bind_source(int fd, struct address source, bool mapped)
{
	struct sockaddr_storage sa;
	socklen_t n_sa;

	if (source.port && bind_with_port(fd, &source, mapped))
		return 0;
	source.port = 0;
	n_sa = to_sockaddr(&source, mapped, &sa);
	set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	if (!bind(fd, (struct sockaddr *)&sa, n_sa))
		return 0;
	return errno == EADDRNOTAVAIL ? NET_E_NO_ADDRESS : net_error(errno);   /* the port is still to be chosen */
}

static void set_dscp(int fd, const struct address *peer, bool mptcp, uint8_t dscp)
{
	int value = dscp << 2;

	if (address_is_v4(peer))
		set_int(fd, IPPROTO_IP, IP_TOS, value);
	else if (!mptcp)
		set_int(fd, IPPROTO_IPV6, IPV6_TCLASS, value);
}

/* The priority last: setting the DSCP changes it. */
void net_mark(int fd, const struct address *peer, bool mptcp, const struct net_marking *marking)
{
	if (marking->dscp)
		set_dscp(fd, peer, mptcp, marking->dscp);
	if (marking->has_priority)
		set_int(fd, SOL_SOCKET, SO_PRIORITY, marking->priority);
}

static bool is_mapped(const struct net_connect_options *options)
{
	return options->both_families && options->mptcp;
}

static int prepare(int fd, const struct address *to, const struct net_connect_options *options)
{
	if (!options->mptcp && !options->wide)
		narrow_window(fd);
	if (is_mapped(options))
		set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	net_mark(fd, to, options->mptcp, &options->marking);
	if (options->fwmark)
		set_int(fd, SOL_SOCKET, SO_MARK, (int)options->fwmark);
	set_congestion(fd, options->congestion);
	if (options->transparent && set_transparent(fd, &options->source))
		return NET_E_PROHIBITED;
	return address_is_unspecified(&options->source) ? 0 : bind_source(fd, options->source, is_mapped(options));
}

/* sendto() with MSG_FASTOPEN is connect() with bytes for the SYN. */
static int connect_with_bytes(int fd, const struct sockaddr_storage *sa, socklen_t n_sa,
			      const struct net_connect_options *options, size_t *n_sent)
{
	ssize_t n;

	set_int(fd, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1);
	n = sendto(fd, options->first, options->n_first, MSG_FASTOPEN | MSG_NOSIGNAL | MSG_DONTWAIT,
		   (const struct sockaddr *)sa, n_sa);
	if (n >= 0)
		*n_sent = (size_t)n;
	return n < 0 && errno != EINPROGRESS ? net_error(errno) : 0;
}

int net_connect_begin(const struct address *to, const struct net_connect_options *options, int *out, size_t *n_sent)
{
	_cleanup_(fd_closep) int fd = -1;
	struct sockaddr_storage sa;
	socklen_t n_sa = to_sockaddr(to, is_mapped(options), &sa);
	int r = open_stream(to, is_mapped(options), options->mptcp, &fd);

	*n_sent = 0;
	if (!r)
		r = prepare(fd, to, options);
	if (r)
		return r;
	if (options->n_first)
		r = connect_with_bytes(fd, &sa, n_sa, options, n_sent);
	else if (connect(fd, (struct sockaddr *)&sa, n_sa))
		r = net_error(errno);
	if (r && r != NET_E_AGAIN)
		return r;
	*out = fd_take(&fd);
	return 0;
}

int net_connect_outcome(int fd, uint32_t epoll_events)
{
	return (epoll_events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == EPOLLOUT ? 0 : net_connect_result(fd);
}

int net_connect_result(int fd)
{
	struct sockaddr_storage peer;
	socklen_t n_peer = sizeof(peer), n_error = sizeof(int);
	int error = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n_error))
		return -errno;
	if (error)
		return net_error(error);
	if (!getpeername(fd, (struct sockaddr *)&peer, &n_peer))
		return 0;
	return errno == ENOTCONN ? NET_E_AGAIN : -errno;
}

ssize_t net_receive(int fd, void *bytes, size_t n_bytes, int *error)
{
	ssize_t n = recv(fd, bytes, n_bytes, MSG_DONTWAIT);

	if (n < 0)
		*error = net_error(errno);
	return n;
}

ssize_t net_peek(int fd, void *bytes, size_t n_bytes, int *error)
{
	ssize_t n = recv(fd, bytes, n_bytes, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0)
		*error = net_error(errno);
	return n;
}

int net_look(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 ? net_error(errno) : 0;
}

int net_receive_queue_bytes(int fd, uint32_t *n_bytes)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t n_info = sizeof(info);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &n_info))
		return -errno;
	*n_bytes = info[SK_MEMINFO_RMEM_ALLOC];
	return 0;
}

static ssize_t send_once(int fd, const void *bytes, size_t n_bytes, int flags, int *error)
{
	ssize_t n = send(fd, bytes, n_bytes, MSG_DONTWAIT | MSG_NOSIGNAL | flags);

	if (n < 0)
		*error = net_error(errno);
	return n;
}

ssize_t net_send(int fd, const void *bytes, size_t n_bytes, int *error)
{
	return send_once(fd, bytes, n_bytes, 0, error);
}

ssize_t net_send_later(int fd, const void *bytes, size_t n_bytes, int *error)
{
	return send_once(fd, bytes, n_bytes, MSG_MORE, error);
}

static void set_linger(int fd, bool resets)
{
	struct linger linger = { .l_onoff = resets, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

void net_close_reset(int fd)
{
	set_linger(fd, true);
	close(fd);
}

void net_close_orderly(int fd)
{
	set_linger(fd, false);
	close(fd);
}

bool net_handshake_ended(int fd)
{
	bool plain;

	return net_handshake_outcome(fd, &plain);
}

bool net_handshake_outcome(int fd, bool *plain)
{
	struct mptcp_beginning beginning = mptcp_info_beginning(fd);

	*plain = beginning.fell_back;
	/* the third packet may be lost, and another end the handshake of TCP */
	return beginning.tcp_state != TCP_SYN_RECV && beginning.knows_peer;
}

void net_tune_leg(int fd, bool mptcp)
{
	set_linger(fd, true);
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (!mptcp)   /* which has no urgent data */
		set_int(fd, SOL_SOCKET, SO_OOBINLINE, 1);
}

void net_keep_alive(int fd, uint32_t keepalive_idle_s)
{
	int idle_s = (int)keepalive_idle_s, interval_s = idle_s / 10;

	set_int(fd, SOL_SOCKET, SO_KEEPALIVE, idle_s > 0);
	if (!idle_s)
		return;
	if (interval_s > KEEPALIVE_INTERVAL_MAX_S)
		interval_s = KEEPALIVE_INTERVAL_MAX_S;
	set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle_s);
	set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval_s > 0 ? interval_s : 1);
	set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
}

int net_change_congestion(int fd, const char *congestion)
{
	return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, (socklen_t)strlen(congestion)) ? -errno : 0;
}

int net_pace(int fd, const char *congestion)
{
	int r = net_change_congestion(fd, "bbr");

	return r ? r : net_change_congestion(fd, congestion);
}

int net_bound_rate(int fd, uint64_t bytes_per_s)
{
	/* of that type the kernel takes it, on any machine; what is all ones is no bound */
	unsigned long value = bytes_per_s ? (unsigned long)u64_min(bytes_per_s, ULONG_MAX) : ULONG_MAX;

	return setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &value, sizeof(value)) ? -errno : 0;
}

bool net_congestion(int fd, char out[NET_CONGESTION_BYTES])
{
	socklen_t n_out = NET_CONGESTION_BYTES;

	if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, out, &n_out) || !n_out) {
		out[0] = '\0';
		return false;
	}
	out[(n_out < NET_CONGESTION_BYTES ? n_out : NET_CONGESTION_BYTES) - 1] = '\0';
	return out[0];
}

int net_probe_congestion(const char *congestion)
{
	_cleanup_(fd_closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);

	return fd < 0 ? -errno : net_change_congestion(fd, congestion);
}
