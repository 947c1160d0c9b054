/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/own_address.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include "base/util.h"
#include "net/socket.h"

static int open_datagram(bool v4)
{
	return socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

/* A datagram socket that is connected sends nothing, but has found its route: to an own address it leads from that address. */
bool net_is_own_address(const struct address *a)
{
	_cleanup_(fd_closep) int fd = open_datagram(address_is_v4(a));
	struct address to = { .port = 9 }, local;
	struct sockaddr_storage sa;
	socklen_t n_sa;

	memcpy(to.ip, a->ip, sizeof(to.ip));
	n_sa = address_to_sockaddr(&to, &sa);
	return fd >= 0 && !connect(fd, (struct sockaddr *)&sa, n_sa) && !net_local_address(fd, &local) && address_equal_ip(&local, a);
}

void own_address_probe_init(struct own_address_probe *probe)
{
	probe->v4_fd = open_datagram(true);
	probe->v6_fd = open_datagram(false);
}

void own_address_probe_fini(struct own_address_probe *probe)
{
	fd_closep(&probe->v4_fd);
	fd_closep(&probe->v6_fd);
}

/* Whatever but "no such address here" is the routing table's to decide: the system may let anybody bind anything (ip_nonlocal_bind). A socket that
 * was bound is of no more use. */
bool own_address_probe_is_own(struct own_address_probe *probe, const struct address *a)
{
	int *fd = address_is_v4(a) ? &probe->v4_fd : &probe->v6_fd;
	struct address to = { 0 };
	struct sockaddr_storage sa;
	socklen_t n_sa;

	memcpy(to.ip, a->ip, sizeof(to.ip));
	n_sa = address_to_sockaddr(&to, &sa);
	if (*fd >= 0 && bind(*fd, (struct sockaddr *)&sa, n_sa) && errno == EADDRNOTAVAIL)
		return false;
	fd_closep(fd);
	*fd = open_datagram(address_is_v4(a));
	return net_is_own_address(a);
}
