/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls: openat, setns, ioctl, socket, send, recv, read, write, pread. */
#include "tap.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/util.h"

/* Frames that the kernel keeps until they are read. It drops what comes beyond it, and does so behind the model's
 * back; 10 ms of 10 Gbit/s in ordinary frames should fit. */
#define TAP_QUEUE_PACKETS 10000

static int tap_fail(struct text *reason, const char *what, const char *which)
{
	int error = errno;

	text_add(reason, "%s %s: %s", what, which, strerror(error));
	return -error;
}

static int tap_create(struct tap *tap, struct text *reason)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL };

	memcpy(request.ifr_name, tap->name, sizeof(request.ifr_name));
	tap->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tap->fd < 0)
		return tap_fail(reason, "cannot open", "/dev/net/tun");
	if (ioctl(tap->fd, TUNSETIFF, &request))
		return tap_fail(reason, "cannot make the device", tap->name);
	tap->counters_fd = open("/proc/thread-self/net/dev", O_RDONLY | O_CLOEXEC);
	return tap->counters_fd < 0 ? tap_fail(reason, "cannot open", "/proc/thread-self/net/dev") : 0;
}

struct link_change {
	struct nlmsghdr header;
	struct ifinfomsg link;
	struct { struct nlattr header; uint32_t value; } mtu, queue;
};

/* Sends a request and waits for what the kernel says to it. 0 or negative errno. */
static int netlink_ask(const struct link_change *request)
{
	_cleanup_(fd_closep) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct { struct nlmsghdr header; struct nlmsgerr error; char request[512]; } answer;

	if (fd < 0 || send(fd, request, sizeof(*request), 0) < 0)
		return -errno;
	if (recv(fd, &answer, sizeof(answer), 0) < (ssize_t)(sizeof(answer.header) + sizeof(answer.error)))
		return errno ? -errno : -EPROTO;
	return answer.header.nlmsg_type == NLMSG_ERROR ? answer.error.error : -EPROTO;
}

/* By netlink, since the ioctl for the length of the queue isn't for user namespaces. */
static int tap_configure(struct tap *tap, unsigned int mtu, struct text *reason)
{
	struct link_change change = {
		.header = { .nlmsg_len = sizeof(change), .nlmsg_type = RTM_NEWLINK,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.link = { .ifi_index = (int)if_nametoindex(tap->name), .ifi_flags = IFF_UP, .ifi_change = IFF_UP },
		.mtu = { { .nla_len = sizeof(change.mtu), .nla_type = IFLA_MTU }, mtu },
		.queue = { { .nla_len = sizeof(change.queue), .nla_type = IFLA_TXQLEN }, TAP_QUEUE_PACKETS },
	};
	int r;

	errno = 0;
	r = netlink_ask(&change);
	if (r)
		text_add(reason, "cannot set up %s with an MTU of %u: %s", tap->name, mtu, strerror(-r));
	return r;
}

int tap_open(struct tap *tap, const char *netns_path, const char *name, unsigned int mtu, struct text *reason)
{
	_cleanup_(fd_closep) int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	_cleanup_(fd_closep) int there = open(netns_path, O_RDONLY | O_CLOEXEC);
	int r;

	*tap = (struct tap){ .fd = -1, .counters_fd = -1 };
	strncpy(tap->name, name, sizeof(tap->name) - 1);
	if (there < 0)
		return tap_fail(reason, "cannot open", netns_path);
	if (home < 0)
		return tap_fail(reason, "cannot open", "/proc/thread-self/ns/net");
	if (setns(there, CLONE_NEWNET))
		return tap_fail(reason, "cannot enter the network namespace", netns_path);
	r = tap_create(tap, reason);
	if (!r)
		r = tap_configure(tap, mtu, reason);
	if (setns(home, CLONE_NEWNET) && !r)
		r = tap_fail(reason, "cannot leave the network namespace", netns_path);
	return r;
}

void tap_close(struct tap *tap)
{
	fd_closep(&tap->fd);
	fd_closep(&tap->counters_fd);
	tap->fd = tap->counters_fd = -1;
}

int tap_set_carrier(struct tap *tap, bool carrier)
{
	int value = carrier;

	return ioctl(tap->fd, TUNSETCARRIER, &value) ? -errno : 0;
}

int tap_read(struct tap *tap, uint8_t *frame, size_t n_most)
{
	ssize_t n = read(tap->fd, frame, n_most);

	return n < 0 ? (errno == EINTR ? -EAGAIN : -errno) : (int)n;
}

bool tap_write(struct tap *tap, const uint8_t *frame, size_t n_frame)
{
	return write(tap->fd, frame, n_frame) == (ssize_t)n_frame;
}

uint64_t tap_count_dropped(const struct tap *tap)
{
	char table[16384], name[IFNAMSIZ + 2];
	ssize_t n = pread(tap->counters_fd, table, sizeof(table) - 1, 0);
	uint64_t n_dropped = 0;
	const char *row;

	table[n < 0 ? 0 : n] = '\0';
	snprintf(name, sizeof(name), "%s:", tap->name);
	for (row = strchr(table, '\n'); row; row = strchr(row, '\n')) {   /* received: 8 columns; sent: bytes packets
									   * errs drop ... */
		row += 1 + strspn(row + 1, " ");
		if (!strncmp(row, name, strlen(name)))
			sscanf(row + strlen(name), "%*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %" SCNu64, &n_dropped);
	}
	return n_dropped;
}
