/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System calls: openat, setns, ioctl, socket, read, write, pread. */
#include "tap.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/util.h"

/* Frames that the kernel keeps until they are read. It drops what comes beyond it, and does so behind the model's back; 10 ms of
 * 10 Gbit/s in ordinary frames should fit. */
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

static int tap_configure(struct tap *tap, unsigned int mtu, struct text *reason)
{
	_cleanup_(fd_closep) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { 0 };

	memcpy(request.ifr_name, tap->name, sizeof(request.ifr_name));
	if (fd < 0)
		return tap_fail(reason, "cannot make a socket to configure", tap->name);
	request.ifr_qlen = TAP_QUEUE_PACKETS;
	if (ioctl(fd, SIOCSIFTXQLEN, &request))
		return tap_fail(reason, "cannot set the queue of", tap->name);
	request.ifr_mtu = (int)mtu;
	if (ioctl(fd, SIOCSIFMTU, &request))
		return tap_fail(reason, "cannot set the MTU of", tap->name);
	if (ioctl(fd, SIOCGIFFLAGS, &request))
		return tap_fail(reason, "cannot read the flags of", tap->name);
	request.ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &request) ? tap_fail(reason, "cannot set up", tap->name) : 0;
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
	for (row = strchr(table, '\n'); row; row = strchr(row, '\n')) {   /* received: 8 columns; sent: bytes packets errs drop ... */
		row += 1 + strspn(row + 1, " ");
		if (!strncmp(row, name, strlen(name)))
			sscanf(row + strlen(name), "%*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %" SCNu64, &n_dropped);
	}
	return n_dropped;
}
