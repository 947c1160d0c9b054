/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of whole sessions over loopback TCP. The loop runs in this thread, turn by turn, and the test plays host
 * and server between turns. */
#ifndef BRAID_TESTS_UNIT_RELAY_H
#define BRAID_TESTS_UNIT_RELAY_H

#include "unit_fds.h"

#include <pthread.h>
#include <signal.h>
#include "base/clock.h"
#include "policy/share.h"
#include "relay/relay.h"

#define SESSIONS 4
#define PATIENCE_US (20 * US_PER_S)
#define TAG 0x1234567890abcdefull
#define LINK 3

struct peer {
	int fd;
	uint64_t n_sent, n_received;
	enum unit_stream stream;
};

struct pair {
	struct peer host, server;
	int near_fd, far_fd;     /* the relay's */
	struct slab_name ref;
	uint32_t n_ends;
	enum session_end end;
};

struct fixture {
	struct loop *loop;
	struct relay *relay;
	struct relay_options options;
	struct pair pairs[SESSIONS];
	size_t n_fds, n_pairs;
	size_t n_each;               /* that the peers send and receive at most in a turn */
	uint64_t n_wanted;           /* of bytes, each way */
	bool (*until)(struct fixture *f);   /* NULL: the loop was told to stop */
	uint64_t patience_us;
	/* held sessions */
	uint32_t n_held, n_held_ends;
	const char *answer;          /* that on_held waits for, and releases; NULL: aborts */
	bool reads_all;              /* on_held reads what there is, which is the answer, and no more of it */
	struct bytes down_first;
	struct slab_name abort_too;  /* when another one ends */
	bool abort_armed;
	uint32_t n_shown[2];         /* as plain TCP, whole */
	uint64_t up_before_bytes, n_turn_bytes, n_turn_most_bytes;   /* up, before this turn, in it, and in any */
};

static inline void on_end(void *context, uint32_t owner, enum session_end end)
{
	struct fixture *f = context;

	assert_in_range(owner, 0, SESSIONS - 1);
	f->pairs[owner].n_ends++;
	f->pairs[owner].end = end;
	if (f->abort_armed) {
		f->abort_armed = false;
		relay_abort(f->relay, f->abort_too);
	}
}

static inline void on_held(void *context, struct slab_name ref, uint64_t tag, int far_fd)
{
	struct fixture *f = context;
	char text[64] = "";
	ssize_t n = recv(far_fd, text, f->answer && !f->reads_all ? strlen(f->answer) : sizeof(text), MSG_DONTWAIT);

	f->n_held++;
	assert_true(tag == TAG);
	assert_int_equal(far_fd, f->pairs[0].far_fd);
	if (n <= 0 || !f->answer) {
		relay_abort(f->relay, ref);
		return;
	}
	assert_string_equal(text, f->answer);
	relay_release(f->relay, ref, f->down_first, !f->reads_all);
	relay_release(f->relay, ref, f->down_first, !f->reads_all);   /* the second time it isn't held any more */
}

static inline void on_held_end(void *context, uint64_t tag)
{
	assert_true(tag == TAG);
	((struct fixture *)context)->n_held_ends++;
}

static inline void on_shown(void *context, uint8_t link, bool whole)
{
	assert_int_equal(link, LINK);
	((struct fixture *)context)->n_shown[whole]++;
}

static inline void on_turn_end(void *context, uint64_t now_us)
{
	struct fixture *f = context;
	uint64_t n = relay_counters(f->relay)->up_bytes;

	f->n_turn_bytes = n - f->up_before_bytes;
	f->n_turn_most_bytes = size_max(f->n_turn_most_bytes, f->n_turn_bytes);
	f->up_before_bytes = n;
	if (!f->until)
		return;
	loop_again(f->loop);   /* the peers aren't in this loop: look at them again */
	if (f->until(f) || now_us > f->patience_us) {
		f->until = NULL;
		loop_stop(f->loop);
	}
}

static inline void run_until(struct fixture *f, const char *what, bool (*until)(struct fixture *f))
{
	f->until = until;
	f->patience_us = loop_clock_us() + PATIENCE_US;
	loop_again(f->loop);
	assert_int_equal(loop_run(f->loop), 0);
	if (until(f))
		return;
	for (size_t i = 0; i < f->n_pairs; i++) {
		struct pair *p = &f->pairs[i];

		print_error("pair %zu: host sent %llu received %llu stream %d, server sent %llu received %llu stream "
			    "%d, %u ends (%d)\n", i,
			    (unsigned long long)p->host.n_sent, (unsigned long long)p->host.n_received, p->host.stream,
			    (unsigned long long)p->server.n_sent, (unsigned long long)p->server.n_received,
			    p->server.stream, p->n_ends, p->end);
	}
	fail_msg("expected %s within %llu s, saw the above", what, PATIENCE_US / US_PER_S);
}

static inline int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct loop_handler handler = { .on_turn_end = on_turn_end, .context = f };

	f->n_fds = unit_n_descriptors();
	f->n_each = 1 << 20;
	f->options = (struct relay_options){ .max_sessions = SESSIONS, .max_pipes = 8, .max_held_bytes = 64 << 20,
					     .on_held = on_held,
					     .on_held_end = on_held_end, .on_shown = on_shown, .on_end = on_end,
					     .context = f };
	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(relay_new(f->loop, &f->options, &f->relay), 0);
	loop_handler_add(f->loop, &handler);
	*state = f;
	return 0;
}

/* With other options than most. */
static inline void make_again(struct fixture *f)
{
	struct loop_handler handler = { .on_turn_end = on_turn_end, .context = f };

	relay_freep(&f->relay);
	loop_freep(&f->loop);
	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(relay_new(f->loop, &f->options, &f->relay), 0);
	loop_handler_add(f->loop, &handler);
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	relay_freep(&f->relay);
	loop_freep(&f->loop);
	for (size_t i = 0; i < f->n_pairs; i++) {
		fd_closep(&f->pairs[i].host.fd);
		fd_closep(&f->pairs[i].server.fd);
		if (f->pairs[i].n_ends != 1)
			fail_msg("session %zu: expected one end, saw %u", i, f->pairs[i].n_ends);
	}
	assert_int_equal(unit_n_descriptors(), f->n_fds);
	free(f);
	return 0;
}

/* Two connections that are one to be. */
static inline struct relay_legs legs_of(struct fixture *f, bool small)
{
	struct pair *p = &f->pairs[f->n_pairs];
	int fds[2];

	unit_tcp_pair(fds, small);
	p->host.fd = fds[0];
	p->near_fd = fds[1];
	unit_tcp_pair(fds, small);
	p->far_fd = fds[0];
	p->server.fd = fds[1];
	return (struct relay_legs){ .near_fd = p->near_fd, .far_fd = p->far_fd, .owner = (uint32_t)f->n_pairs++,
				    .link = LINK,
				    .opened_at_us = 77 };
}

static inline struct pair *open_pair(struct fixture *f, bool small)
{
	struct relay_legs legs = legs_of(f, small);
	struct pair *p = &f->pairs[f->n_pairs - 1];

	assert_int_equal(relay_open(f->relay, &legs, &p->ref), 0);
	return p;
}

static inline void hear(struct peer *peer, size_t n_most)
{
	if (peer->stream == UNIT_STREAM_OPEN)
		peer->stream = unit_stream_receive(peer->fd, &peer->n_received, n_most);
}

static inline void say(struct peer *peer, uint64_t n_bytes)
{
	unit_stream_send(peer->fd, &peer->n_sent, (size_t)(n_bytes - peer->n_sent));
}

static inline void end(struct peer *peer)
{
	assert_int_equal(shutdown(peer->fd, SHUT_WR), 0);
}

static inline bool server_heard(struct fixture *f)
{
	hear(&f->pairs[0].server, f->n_each);
	return f->pairs[0].server.n_received >= f->n_wanted;
}

static inline bool host_heard(struct fixture *f)
{
	hear(&f->pairs[0].host, f->n_each);
	return f->pairs[0].host.n_received >= f->n_wanted;
}

static inline bool server_closed(struct fixture *f)
{
	hear(&f->pairs[0].server, f->n_each);
	return f->pairs[0].server.stream != UNIT_STREAM_OPEN;
}

static inline bool host_closed(struct fixture *f)
{
	hear(&f->pairs[0].host, f->n_each);
	return f->pairs[0].host.stream != UNIT_STREAM_OPEN;
}

static inline bool all_ended(struct fixture *f)
{
	for (size_t i = 0; i < f->n_pairs; i++)
		if (!f->pairs[i].n_ends)
			return false;
	return true;
}

static inline void expect_counters(const struct fixture *f, uint64_t n_orderly, uint64_t n_reset, uint64_t n_closed)
{
	const struct relay_counters *c = relay_counters(f->relay);

	assert_int_equal(c->n_orderly, n_orderly);
	assert_int_equal(c->n_reset, n_reset);
	assert_int_equal(c->n_closed, n_closed);
	assert_int_equal(c->n_opened, n_orderly + n_reset + n_closed + c->n_sessions);
}

/* Both ways at once; each side ends as soon as it has sent all. */
static inline bool streams_done(struct fixture *f)
{
	bool done = true;

	for (size_t i = 0; i < f->n_pairs; i++) {
		struct peer *peers[] = { &f->pairs[i].host, &f->pairs[i].server };

		for (int j = 0; j < 2; j++) {
			if (peers[j]->n_sent < f->n_wanted) {
				say(peers[j], f->n_wanted);
				if (peers[j]->n_sent == f->n_wanted)
					end(peers[j]);
			}
			hear(peers[j], f->n_each);
			done = done && peers[j]->stream != UNIT_STREAM_OPEN;
		}
	}
	return done;
}

static inline void move_streams(struct fixture *f, uint64_t n_bytes)
{
	f->n_wanted = n_bytes;
	run_until(f, "all streams to end", streams_done);
	for (size_t i = 0; i < f->n_pairs; i++) {
		struct pair *p = &f->pairs[i];

		if (p->host.stream != UNIT_STREAM_ENDED || p->server.stream != UNIT_STREAM_ENDED ||
		    p->host.n_received != n_bytes || p->server.n_received != n_bytes)
			fail_msg("expected %llu bytes and an end in order each way, saw down %llu (%d), up %llu (%d)",
				 (unsigned long long)n_bytes, (unsigned long long)p->host.n_received, p->host.stream,
				 (unsigned long long)p->server.n_received, p->server.stream);
	}
	run_until(f, "the sessions to end", all_ended);
	expect_counters(f, f->n_pairs, 0, 0);
	assert_int_equal(relay_counters(f->relay)->up_bytes, f->n_pairs * n_bytes);
	assert_int_equal(relay_counters(f->relay)->down_bytes, f->n_pairs * n_bytes);
	assert_int_equal(relay_counters(f->relay)->n_held_bytes, 0);
	assert_int_equal(relay_counters(f->relay)->n_pipes_lent, 0);
}

#endif
