/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/kernel.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include "base/util.h"
#include "net/mptcp_abi.h"
#include "net/socket.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static bool has_mptcp(void)
{
	_cleanup_(fd_closep) int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);

	return fd >= 0;
}

/* An unconnected socket has no subflows to tell of, but says so only where it knows the question. */
static bool has_full_info(void)
{
	_cleanup_(fd_closep) int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
	struct abi_full_info full = { .size_tcpinfo_user = 1, .size_sfinfo_user = 1 };
	socklen_t n_full = sizeof(full);

	return fd >= 0 && (!getsockopt(fd, SOL_MPTCP, ABI_MPTCP_FULL_INFO, &full, &n_full) || errno != EOPNOTSUPP);
}

static bool has_fastopen(void)
{
	struct address any = { .port = 0 };
	struct net_listen_options options = { .mptcp = true, .fastopen_queue = 1 };
	_cleanup_(fd_closep) int fd = -1;
	bool missing = true;

	return !net_listen(&any, &options, &fd, &missing) && !missing;
}

static bool has_transparent(void)
{
	_cleanup_(fd_closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	return fd >= 0 && !setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on));
}

static bool has_buffer_force(void)
{
	_cleanup_(fd_closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int bytes = 65536;

	return fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
}

static const struct {
	const char *name;
	bool (*probe)(void);
	const char *consequence;
} features[] = {
	[NET_FEATURE_MPTCP] = { "Multipath TCP", has_mptcp,
		"nothing can be bonded: use a kernel with CONFIG_MPTCP (and CONFIG_MPTCP_IPV6), 6.2 or newer, and "
		"net.mptcp.enabled=1" },
	[NET_FEATURE_MPTCP_FULL_INFO] = { "MPTCP_FULL_INFO (6.5)", has_full_info,
		"subflows of a session cannot be shown, and bytes per link are those of the interface alone" },
	[NET_FEATURE_MPTCP_FASTOPEN] = { "Fast Open on Multipath TCP listeners (6.2)", has_fastopen,
		"a converter here takes the request one round trip later, gateways notice and send it after the "
		"handshake" },
	[NET_FEATURE_TRANSPARENT] = { "transparent sockets (CAP_NET_ADMIN)", has_transparent,
		"a gateway here cannot take hosts' connections, and a converter's subscribers have no addresses of "
		"their own" },
	[NET_FEATURE_BUFFER_FORCE] = { "SO_SNDBUFFORCE (CAP_NET_ADMIN)", has_buffer_force,
		"send buffers stay within net.core.wmem_max; where that is less than 512 kB, a fast connection may "
		"stand still for moments" },
};
static_assert(ARRAY_SIZE(features) == NET_FEATURE_N, "describe every feature");

/* What to do, where the kernel has it and may not. */
static const char *why_no_mptcp(int error)
{
	switch (error) {
	case ENOPROTOOPT: return "it is switched off: sysctl -w net.mptcp.enabled=1, and the same in /etc/sysctl.d";
	case EAFNOSUPPORT: return "IPv6 is switched off as a whole (ipv6.disable=1), and our sockets are of it, for "
				  "IPv4 too; net.ipv6.conf.all.disable_ipv6=1 does no harm";
	default: return features[NET_FEATURE_MPTCP].consequence;
	}
}

void net_probe_features(struct net_feature_state out[NET_FEATURE_N])
{
	for (size_t i = 0; i < NET_FEATURE_N; i++) {
		errno = 0;
		out[i] = (struct net_feature_state){ features[i].name, features[i].probe(), features[i].consequence };
		if (i == NET_FEATURE_MPTCP && !out[i].present)
			out[i].consequence = why_no_mptcp(errno);
	}
}

uint64_t net_memory_bytes(void)
{
	struct sysinfo info;

	return sysinfo(&info) ? 0 : (uint64_t)info.totalram * info.mem_unit;
}
