/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A subflow that joins is used once the acknowledgement of its third packet has come, and asks for that again; so
 * whoever takes it can have its data wait (path/handshakes.c). It has to: Linux (6.18) takes a join for done when
 * nobody holds the connection's lock, and forgets then how the data that the subflow has brought meanwhile are mapped.
 * They get another place in the stream, or are lost for good.
 *
 * The lock is held by a recv() that waits for a page, for as long as we want it to; only root may keep a page from the
 * kernel, and nobody else sees that half.
 */
#include "assume.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/util.h"

#define PAGE_BYTES 4096
#define N_FIRST 4
#define N_BYTES (64u << 10)

/* As path/handshakes.c has it, with more time than any busy machine takes until the lock is let go. */
#define HOLD_BACK \
	"table inet young { set young { type ipv4_addr . inet_service; flags dynamic, timeout; timeout 2s; size 16; }\n" \
	"chain out { type filter hook output priority 0;\n" \
	"tcp sport 7000 tcp flags & (syn | ack) == syn | ack tcp option mptcp subtype 1 add @young { ip daddr . tcp dport }\n" \
	"tcp sport 7000 tcp flags == ack meta length <= 120 ip daddr . tcp dport @young drop\n" \
	"}; }"

/* A receiver in the middle of recv(), the connection's lock in its hand. */
struct holder {
	int uffd, fd;
	uint8_t *page;
	pthread_t thread;
};

/* -1: we may not. */
static int open_uffd(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0 && ioctl(fd, UFFDIO_API, &api))
		fd_closep(&fd);
	return fd;
}

static void *receive_first(void *arg)
{
	struct holder *holder = arg;

	return (void *)(intptr_t)recv(holder->fd, holder->page, N_FIRST, 0);
}

static void hold(struct holder *holder, int uffd, int fd)
{
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct pollfd fault = { .fd = uffd, .events = POLLIN };
	struct uffd_msg message;

	*holder = (struct holder){ .uffd = uffd, .fd = fd };
	holder->page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (holder->page == MAP_FAILED)
		assume_not_looked_at("mmap: %s", strerror(errno));
	range.range = (struct uffdio_range){ (uintptr_t)holder->page, PAGE_BYTES };
	if (ioctl(uffd, UFFDIO_REGISTER, &range) || pthread_create(&holder->thread, NULL, receive_first, holder))
		assume_not_looked_at("a page that is kept from the kernel: %s", strerror(errno));
	assume_that(poll(&fault, 1, ASSUME_LIMIT_MS) == 1 && read(uffd, &message, sizeof(message)) == sizeof(message),
		    "recv() asks for no page");
}

static void let_go(struct holder *holder)
{
	struct uffdio_zeropage zero = { .range = { (uintptr_t)holder->page, PAGE_BYTES } };
	void *n_received;

	if (ioctl(holder->uffd, UFFDIO_ZEROPAGE, &zero))
		assume_not_looked_at("UFFDIO_ZEROPAGE: %s", strerror(errno));
	pthread_join(holder->thread, &n_received);
	assume_that((intptr_t)n_received == N_FIRST, "recv() gave %zd bytes, expected %d", (intptr_t)n_received,
		    N_FIRST);
	munmap(holder->page, PAGE_BYTES);
}

static bool second_is_used(void *context)
{
	const struct assume_pair *pair = context;
	struct mptcp_connection_info info;

	return !mptcp_info_read(pair->near_fd, &info) && info.n_subflows == 2 && info.subflows[1].bytes_sent;
}

/* What NEAR sends until the second subflow has some of it. */
static void send_until_used(struct assume_stream *s, struct assume_pair *pair, bool reads)
{
	for (size_t n = 0; !second_is_used(pair); n++) {
		assume_that(n < ASSUME_LIMIT_MS, "the second subflow is not used after %d ms", ASSUME_LIMIT_MS);
		assume_stream_send(s, N_BYTES);
		while (reads && assume_stream_receive(s))
			;
		poll(NULL, 0, 1);
	}
}

/* Whether the stream is right: bytes that come in wrong places differ from the pattern, and those that are lost
 * leave it incomplete. */
static bool stream_is_right(struct assume_stream *s)
{
	uint8_t bytes[N_BYTES], wanted[N_BYTES];
	struct assume_stream place = { .n_sent = s->n_received };

	while (s->n_received < s->n_sent) {
		struct pollfd poll_fd = { .fd = s->to_fd, .events = POLLIN };
		ssize_t n = poll(&poll_fd, 1, ASSUME_LIMIT_MS) == 1 ?
			    recv(s->to_fd, bytes, sizeof(bytes), MSG_DONTWAIT) : 0;

		if (n <= 0)
			return false;
		assume_stream_fill(&place, wanted, (size_t)n);
		if (memcmp(bytes, wanted, (size_t)n))
			return false;
		s->n_received = place.n_sent = s->n_received + (uint64_t)n;
	}
	return true;
}

/* The second link joins while the lock is held; whether what is sent next arrives as it should. */
static bool join_while_held(int uffd, bool hold_back)
{
	struct assume_pair pair = assume_pair(false, true);
	struct assume_stream s = { .from_fd = pair.near_fd, .to_fd = pair.far_fd };
	struct holder holder;
	bool right;

	assume_in(ASSUME_FAR);
	if (hold_back)
		assume_nft(HOLD_BACK);
	assume_stream_send(&s, N_FIRST);
	hold(&holder, uffd, pair.far_fd);
	assume_stream_send(&s, N_FIRST);   /* over the first link: so it isn't the second one's turn when the lock is
					    * free */
	assume_endpoint_add(1, false, false);
	assume_wait_subflows(pair.near_fd, 2, "a join while the connection's lock is held");
	if (hold_back)
		let_go(&holder);
	s.n_received = N_FIRST;
	send_until_used(&s, &pair, hold_back);
	if (!hold_back)
		let_go(&holder);
	right = stream_is_right(&s);
	assume_endpoint_delete(1, false);
	assume_in(ASSUME_FAR);
	if (hold_back)
		assume_nft("delete table inet young");
	assume_pair_close(&pair);
	return right;
}

/* Nothing is sent over it as long as it isn't acknowledged, and all is well then. */
static void look_at_waiting(void)
{
	struct assume_pair pair = assume_pair(false, true);
	struct assume_stream s = { .from_fd = pair.near_fd, .to_fd = pair.far_fd };

	assume_in(ASSUME_FAR);
	assume_nft(HOLD_BACK);
	assume_endpoint_add(1, false, false);
	assume_wait_subflows(pair.far_fd, 2, "a join that is not acknowledged, seen by its peer");
	assume_stream_run(&s, N_BYTES, N_BYTES, "a stream beside a join that is not acknowledged");
	assume_that(!second_is_used(&pair), "a subflow is used whose third packet has not been acknowledged");
	send_until_used(&s, &pair, true);
	assume_stream_run(&s, s.n_sent + N_BYTES, s.n_sent + N_BYTES, "a stream over both");
	assume_endpoint_delete(1, false);
	assume_in(ASSUME_FAR);
	assume_nft("delete table inet young");
	assume_pair_close(&pair);
}

int main(void)
{
	_cleanup_(fd_closep) int uffd = open_uffd();

	assume_begin("a subflow carries nothing until the third packet of its join is acknowledged, and asks for that "
		     "again",
		     "data of a link that joins while the converter is busy come to a wrong place in the stream");
	assume_make_link(0);
	assume_make_link(1);
	assume_route_from_link(1);
	assume_limits();
	look_at_waiting();
	if (uffd < 0) {
		puts("assume: what a join while the lock is held does was not looked at: no userfaultfd() for us");
		return assume_holds();
	}
	assume_that(join_while_held(uffd, true), "a stream is wrong though the join waited until the lock was free");
	printf("assume: a join while the lock is held, not acknowledged late: the stream is %s\n",
	       join_while_held(uffd, false) ? "right (this kernel doesn't need path/handshakes.c)" :
	       "wrong, as is known");
	return assume_holds();
}
