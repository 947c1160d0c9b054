/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole sessions over loopback TCP. The loop runs in this thread, turn by turn, and the test plays host and server between turns. */
#include "unit_fds.h"

#include <pthread.h>
#include <signal.h>
#include "base/clock.h"
#include "relay/relay.h"

#define SESSIONS 4
#define PATIENCE_US (20 * US_PER_S)
#define BUDGET_BYTES ((1u << 20) + (256u << 10))   /* of one half in one turn; the last read may pass it */
#define SCRATCH_BYTES (64u << 10)
#define TAG 0x1234567890abcdefull

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
	struct bytes down_first;
	struct slab_name abort_too;  /* when another one ends */
	bool abort_armed;
	uint64_t up_before_bytes, n_turn_bytes, n_turn_most_bytes;   /* up, before this turn, in it, and in any */
};

static void on_end(void *context, uint32_t owner, enum session_end end)
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

static void on_held(void *context, struct slab_name ref, uint64_t tag, int far_fd)
{
	struct fixture *f = context;
	char text[64] = "";
	ssize_t n = recv(far_fd, text, f->answer ? strlen(f->answer) : sizeof(text), MSG_DONTWAIT);

	f->n_held++;
	assert_true(tag == TAG);
	assert_int_equal(far_fd, f->pairs[0].far_fd);
	if (n <= 0 || !f->answer) {
		relay_abort(f->relay, ref);
		return;
	}
	assert_string_equal(text, f->answer);
	relay_release(f->relay, ref, f->down_first);
	relay_release(f->relay, ref, f->down_first);   /* the second time it isn't held any more */
}

static void on_held_end(void *context, uint64_t tag)
{
	assert_true(tag == TAG);
	((struct fixture *)context)->n_held_ends++;
}

static void on_turn_end(void *context, uint64_t now_us)
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

static void run_until(struct fixture *f, const char *what, bool (*until)(struct fixture *f))
{
	f->until = until;
	f->patience_us = loop_clock_us() + PATIENCE_US;
	loop_again(f->loop);
	assert_int_equal(loop_run(f->loop), 0);
	if (until(f))
		return;
	for (size_t i = 0; i < f->n_pairs; i++) {
		struct pair *p = &f->pairs[i];

		print_error("pair %zu: host sent %llu received %llu stream %d, server sent %llu received %llu stream %d, %u ends (%d)\n", i,
			    (unsigned long long)p->host.n_sent, (unsigned long long)p->host.n_received, p->host.stream,
			    (unsigned long long)p->server.n_sent, (unsigned long long)p->server.n_received, p->server.stream, p->n_ends, p->end);
	}
	fail_msg("expected %s within %llu s, saw the above", what, PATIENCE_US / US_PER_S);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct loop_handler handler = { .on_turn_end = on_turn_end, .context = f };

	f->n_fds = unit_n_descriptors();
	f->n_each = 1 << 20;
	f->options = (struct relay_options){ .max_sessions = SESSIONS, .max_pipes = 8, .max_residue_bytes = 1 << 20, .on_held = on_held,
					     .on_held_end = on_held_end, .on_end = on_end, .context = f };
	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(relay_new(f->loop, &f->options, &f->relay), 0);
	loop_handler_add(f->loop, &handler);
	*state = f;
	return 0;
}

/* With other options than most. */
static void make_again(struct fixture *f)
{
	struct loop_handler handler = { .on_turn_end = on_turn_end, .context = f };

	relay_freep(&f->relay);
	loop_freep(&f->loop);
	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(relay_new(f->loop, &f->options, &f->relay), 0);
	loop_handler_add(f->loop, &handler);
}

static int tear_down(void **state)
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
static struct relay_legs legs_of(struct fixture *f, bool small)
{
	struct pair *p = &f->pairs[f->n_pairs];
	int fds[2];

	unit_tcp_pair(fds, small);
	p->host.fd = fds[0];
	p->near_fd = fds[1];
	unit_tcp_pair(fds, small);
	p->far_fd = fds[0];
	p->server.fd = fds[1];
	return (struct relay_legs){ .near_fd = p->near_fd, .far_fd = p->far_fd, .owner = (uint32_t)f->n_pairs++, .link = 3,
				    .opened_at_us = 77 };
}

static struct pair *open_pair(struct fixture *f, bool small)
{
	struct relay_legs legs = legs_of(f, small);
	struct pair *p = &f->pairs[f->n_pairs - 1];

	assert_int_equal(relay_open(f->relay, &legs, &p->ref), 0);
	return p;
}

static void hear(struct peer *peer, size_t n_most)
{
	if (peer->stream == UNIT_STREAM_OPEN)
		peer->stream = unit_stream_receive(peer->fd, &peer->n_received, n_most);
}

static void say(struct peer *peer, uint64_t n_bytes)
{
	unit_stream_send(peer->fd, &peer->n_sent, (size_t)(n_bytes - peer->n_sent));
}

static void end(struct peer *peer)
{
	assert_int_equal(shutdown(peer->fd, SHUT_WR), 0);
}

static bool server_heard(struct fixture *f)
{
	hear(&f->pairs[0].server, f->n_each);
	return f->pairs[0].server.n_received >= f->n_wanted;
}

static bool host_heard(struct fixture *f)
{
	hear(&f->pairs[0].host, f->n_each);
	return f->pairs[0].host.n_received >= f->n_wanted;
}

static bool server_closed(struct fixture *f)
{
	hear(&f->pairs[0].server, f->n_each);
	return f->pairs[0].server.stream != UNIT_STREAM_OPEN;
}

static bool host_closed(struct fixture *f)
{
	hear(&f->pairs[0].host, f->n_each);
	return f->pairs[0].host.stream != UNIT_STREAM_OPEN;
}

static bool all_ended(struct fixture *f)
{
	for (size_t i = 0; i < f->n_pairs; i++)
		if (!f->pairs[i].n_ends)
			return false;
	return true;
}

static void expect_counters(const struct fixture *f, uint64_t n_orderly, uint64_t n_reset, uint64_t n_closed)
{
	const struct relay_counters *c = relay_counters(f->relay);

	assert_int_equal(c->n_orderly, n_orderly);
	assert_int_equal(c->n_reset, n_reset);
	assert_int_equal(c->n_closed, n_closed);
	assert_int_equal(c->n_opened, n_orderly + n_reset + n_closed + c->n_sessions);
}

static void the_host_may_end_first(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_pair(f, false);

	say(&p->host, 100);
	end(&p->host);
	run_until(f, "the server to see the end", server_closed);
	assert_int_equal(p->server.stream, UNIT_STREAM_ENDED);
	assert_int_equal(p->server.n_received, 100);
	assert_int_equal(p->n_ends, 0);
	assert_int_equal(p->host.stream, UNIT_STREAM_OPEN);
	say(&p->server, 5000);   /* the other direction goes on */
	f->n_wanted = 5000;
	run_until(f, "the host to hear the answer", host_heard);
	end(&p->server);
	run_until(f, "the host to see the end", host_closed);
	assert_int_equal(p->host.stream, UNIT_STREAM_ENDED);
	assert_int_equal(p->host.n_received, 5000);
	run_until(f, "the session to end", all_ended);
	assert_int_equal(p->end, SESSION_END_ORDERLY);
	assert_int_equal(relay_counters(f->relay)->up_bytes, 100);
	assert_int_equal(relay_counters(f->relay)->down_bytes, 5000);
	expect_counters(f, 1, 0, 0);
}

static void the_server_may_end_first(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_pair(f, false);

	end(&p->server);
	run_until(f, "the host to see the end", host_closed);
	assert_int_equal(p->host.stream, UNIT_STREAM_ENDED);
	assert_int_equal(p->n_ends, 0);
	say(&p->host, 70000);
	f->n_wanted = 70000;
	run_until(f, "the server to hear the rest", server_heard);
	assert_int_equal(p->server.stream, UNIT_STREAM_OPEN);
	end(&p->host);
	run_until(f, "the server to see the end", server_closed);
	assert_int_equal(p->server.stream, UNIT_STREAM_ENDED);
	run_until(f, "the session to end", all_ended);
	expect_counters(f, 1, 0, 0);
}

static void a_host_that_resets_resets_the_server(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_pair(f, false);

	say(&p->host, 10);
	f->n_wanted = 10;
	run_until(f, "the server to hear", server_heard);
	unit_reset(&p->host.fd);
	run_until(f, "the server to see the reset", server_closed);
	assert_int_equal(p->server.stream, UNIT_STREAM_RESET);
	assert_int_equal(p->end, SESSION_END_RESET);
	expect_counters(f, 0, 1, 0);
}

/* Its last words are passed on, though words and reset come in one turn. */
static void a_server_that_resets_resets_the_host(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_pair(f, false);

	say(&p->server, 3000);
	unit_reset(&p->server.fd);
	run_until(f, "the host to see the reset", host_closed);
	assert_int_equal(p->host.stream, UNIT_STREAM_RESET);
	assert_int_equal(p->host.n_received, 3000);
	assert_int_equal(p->end, SESSION_END_RESET);
	expect_counters(f, 0, 1, 0);
}

static void a_reset_after_half_a_close_is_a_reset(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_pair(f, false);

	end(&p->host);
	run_until(f, "the server to see the end", server_closed);
	unit_reset(&p->server.fd);
	run_until(f, "the host to see the reset", host_closed);
	assert_int_equal(p->host.stream, UNIT_STREAM_RESET);
	expect_counters(f, 0, 1, 0);
}

/* Both ways at once; each side ends as soon as it has sent all. */
static bool streams_done(struct fixture *f)
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

static void move_streams(struct fixture *f, uint64_t n_bytes)
{
	f->n_wanted = n_bytes;
	run_until(f, "all streams to end", streams_done);
	for (size_t i = 0; i < f->n_pairs; i++) {
		struct pair *p = &f->pairs[i];

		if (p->host.stream != UNIT_STREAM_ENDED || p->server.stream != UNIT_STREAM_ENDED || p->host.n_received != n_bytes ||
		    p->server.n_received != n_bytes)
			fail_msg("expected %llu bytes and an end in order each way, saw down %llu (%d), up %llu (%d)", (unsigned long long)n_bytes,
				 (unsigned long long)p->host.n_received, p->host.stream, (unsigned long long)p->server.n_received, p->server.stream);
	}
	run_until(f, "the sessions to end", all_ended);
	expect_counters(f, f->n_pairs, 0, 0);
	assert_int_equal(relay_counters(f->relay)->up_bytes, f->n_pairs * n_bytes);
	assert_int_equal(relay_counters(f->relay)->down_bytes, f->n_pairs * n_bytes);
	assert_int_equal(relay_counters(f->relay)->n_residue_bytes, 0);
	assert_int_equal(relay_counters(f->relay)->n_pipes_lent, 0);
}

static void the_end_comes_after_a_slow_readers_last_byte(void **state)
{
	struct fixture *f = *state;

	open_pair(f, true);
	f->n_each = 3000;
	move_streams(f, 1 << 20);
}

static void bulk_takes_pipes_and_gives_them_back(void **state)
{
	struct fixture *f = *state;

	open_pair(f, false);
	open_pair(f, false);
	move_streams(f, 16 << 20);
	assert_in_range(relay_counters(f->relay)->n_pipes_open, 1, 8);
}

static void fewer_pipes_than_halves_are_enough(void **state)
{
	struct fixture *f = *state;

	f->options.max_pipes = 1;
	make_again(f);
	for (int i = 0; i < 3; i++)
		open_pair(f, i == 0);
	move_streams(f, 4 << 20);
	assert_int_equal(relay_counters(f->relay)->n_pipes_open, 1);
}

static void without_pipes_bulk_goes_through_memory(void **state)
{
	struct fixture *f = *state;

	f->options.max_pipes = 0;
	make_again(f);
	open_pair(f, true);
	open_pair(f, false);
	f->n_each = 50000;
	move_streams(f, 4 << 20);
	assert_int_equal(relay_counters(f->relay)->n_pipes_open, 0);
}

/* All hosts send and no server reads: until nothing moves any more. */
static bool servers_choked(struct fixture *f)
{
	for (size_t i = 0; i < f->n_pairs; i++)
		say(&f->pairs[i].host, 1 << 20);
	return relay_counters(f->relay)->n_residue_bytes && loop_now_us(f->loop) > f->patience_us - PATIENCE_US + 300 * US_PER_MS &&
	       !f->n_turn_bytes;
}

static void residue_has_a_limit_for_all_together(void **state)
{
	struct fixture *f = *state;

	f->options.max_pipes = 0;
	f->options.max_residue_bytes = 1000;
	make_again(f);
	for (int i = 0; i < SESSIONS; i++)
		open_pair(f, true);
	run_until(f, "the sessions to choke", servers_choked);
	assert_in_range(relay_counters(f->relay)->n_residue_bytes, 1, 1000 + SCRATCH_BYTES);
	/* Those that did not read for the limit have no event to wait for: the timer wakes them. */
	move_streams(f, 1 << 20);
	assert_true(relay_counters(f->relay)->n_rescued > 0);
}

static bool send_says_not_now;   /* once, as MPTCP does, and never says "now" */

ssize_t send(int fd, const void *bytes, size_t n_bytes, int flags)
{
	if (!send_says_not_now)
		return sendto(fd, bytes, n_bytes, flags, NULL, 0);
	send_says_not_now = false;
	errno = EAGAIN;
	return -1;
}

static bool half_a_second_passed(struct fixture *f)
{
	return loop_now_us(f->loop) > f->patience_us - PATIENCE_US + 500 * US_PER_MS;
}

static void a_write_without_its_event_is_rescued_once(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_pair(f, false);
	uint64_t begun_us, n_steps;

	say(&p->host, 1);
	f->n_wanted = 1;
	run_until(f, "the first byte", server_heard);   /* what events there are on new connections are over */
	say(&p->host, 1000);
	send_says_not_now = true;
	begun_us = loop_clock_us();
	f->n_wanted = 1000;
	run_until(f, "the server to hear", server_heard);
	assert_false(send_says_not_now);
	assert_in_range(loop_clock_us() - begun_us, 150 * US_PER_MS, 5 * US_PER_S);
	assert_int_equal(relay_counters(f->relay)->n_rescued, 1);
	n_steps = relay_counters(f->relay)->n_steps;
	run_until(f, "half a second to pass", half_a_second_passed);
	assert_int_equal(relay_counters(f->relay)->n_steps, n_steps);   /* the timer leaves it alone from then on */
}

static void first_bytes_go_ahead_both_ways(void **state)
{
	struct fixture *f = *state;
	struct relay_legs legs = legs_of(f, false);
	struct pair *p = &f->pairs[0];
	uint8_t first[300];

	for (size_t i = 0; i < sizeof(first); i++)
		first[i] = unit_stream_byte(i);
	legs.up_first = (struct bytes){ first, 200 };
	legs.down_first = (struct bytes){ first, 300 };
	/* as the daemons do: the descriptors are watched already, for somebody else */
	assert_int_equal(loop_watch(f->loop, p->near_fd, 0, (struct loop_ref){ .index = 9, .handler = 2 }), 0);
	assert_int_equal(loop_watch(f->loop, p->far_fd, 0, (struct loop_ref){ .index = 9, .handler = 2 }), 0);
	legs.near_watched = legs.far_watched = true;
	assert_int_equal(relay_open(f->relay, &legs, &p->ref), 0);
	memset(first, 0, sizeof(first));   /* they were copied */
	p->host.n_sent = 200;
	p->server.n_sent = 300;
	move_streams(f, 5000);
}

static struct pair *open_held(struct fixture *f)
{
	struct relay_legs legs = legs_of(f, false);

	legs.held = true;
	legs.tag = TAG;
	assert_int_equal(relay_open(f->relay, &legs, &f->pairs[0].ref), 0);
	return &f->pairs[0];
}

static void a_held_session_sends_up_and_is_released(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_held(f);
	struct session_view view;
	uint8_t first[10];

	for (size_t i = 0; i < sizeof(first); i++)
		first[i] = unit_stream_byte(i);
	say(&p->host, 1000);
	f->n_wanted = 1000;
	run_until(f, "the server to hear", server_heard);
	assert_true(relay_find(f->relay, p->ref, &view));
	assert_true(view.held);
	assert_int_equal(f->n_held, 0);
	f->answer = "yes";
	f->down_first = (struct bytes){ first, sizeof(first) };
	p->server.n_sent = sizeof(first);
	assert_int_equal(send(p->server.fd, "yes", 3, 0), 3);
	say(&p->server, 500);   /* behind the answer, with it in one turn: its edge is spent on the answer */
	f->n_wanted = 500;
	run_until(f, "the host to hear", host_heard);
	assert_int_equal(f->n_held, 1);
	assert_true(relay_find(f->relay, p->ref, &view));
	assert_false(view.held);
	move_streams(f, 100000);
	assert_int_equal(f->n_held, 1);
	assert_int_equal(f->n_held_ends, 0);
}

static void a_held_session_may_be_refused(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_held(f);

	assert_int_equal(send(p->server.fd, "no", 2, 0), 2);
	run_until(f, "the host to see the reset", host_closed);
	run_until(f, "the server to see the reset", server_closed);
	assert_int_equal(p->host.stream, UNIT_STREAM_RESET);
	assert_int_equal(p->server.stream, UNIT_STREAM_RESET);
	assert_int_equal(p->end, SESSION_END_CLOSED);
	assert_int_equal(f->n_held_ends, 0);   /* it was no end by itself */
	expect_counters(f, 0, 0, 1);
}

static void a_held_sessions_server_may_fail(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_held(f);

	f->answer = "yes";
	unit_reset(&p->server.fd);
	run_until(f, "the host to see the reset", host_closed);
	assert_int_equal(p->host.stream, UNIT_STREAM_RESET);
	assert_int_equal(f->n_held, 1);
	assert_int_equal(f->n_held_ends, 0);
}

static void a_held_sessions_host_may_fail(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_held(f);

	unit_reset(&p->host.fd);
	run_until(f, "the server to see the reset", server_closed);
	assert_int_equal(p->server.stream, UNIT_STREAM_RESET);
	assert_int_equal(p->end, SESSION_END_RESET);
	assert_int_equal(f->n_held, 0);
	assert_int_equal(f->n_held_ends, 1);
	relay_release(f->relay, p->ref, (struct bytes){ NULL, 0 });   /* too late: ignored */
	relay_abort(f->relay, p->ref);
	expect_counters(f, 0, 1, 0);
}

static void a_held_sessions_host_may_end(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_held(f);

	say(&p->host, 100);
	end(&p->host);
	run_until(f, "the server to see the end", server_closed);
	assert_int_equal(p->server.n_received, 100);
	assert_int_equal(p->n_ends, 0);
	f->answer = "yes";
	assert_int_equal(send(p->server.fd, "yes", 3, 0), 3);
	say(&p->server, 100);
	end(&p->server);
	run_until(f, "the host to see the end", host_closed);
	assert_int_equal(p->host.stream, UNIT_STREAM_ENDED);
	assert_int_equal(p->host.n_received, 100);
	run_until(f, "the session to end", all_ended);
	expect_counters(f, 1, 0, 0);
}

/* Bulk in threads of its own: as much as the relay takes. */
static bool bulk_stop;

static void *bulk_send(void *arg)
{
	int fd = *(int *)arg;
	static char bytes[1 << 18];

	fcntl(fd, F_SETFL, 0);
	while (!__atomic_load_n(&bulk_stop, __ATOMIC_ACQUIRE))
		if (send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) < 0)
			break;
	shutdown(fd, SHUT_WR);
	return NULL;
}

static void *bulk_receive(void *arg)
{
	int fd = *(int *)arg;
	static char bytes[1 << 18];

	fcntl(fd, F_SETFL, 0);
	while (recv(fd, bytes, sizeof(bytes), 0) > 0)
		;
	return NULL;
}

/* A question and its answer at a time, a byte each. */
static bool hundred_pings(struct fixture *f)
{
	struct pair *p = &f->pairs[0];

	if (p->host.n_received == p->host.n_sent && p->host.n_sent < 100)
		say(&p->host, p->host.n_sent + 1);
	hear(&p->server, 100);
	if (p->server.n_sent < p->server.n_received)
		say(&p->server, p->server.n_received);
	hear(&p->host, 100);
	return p->host.n_received == 100 && f->up_before_bytes > 10 << 20;
}

static void bulk_leaves_turns_to_others(void **state)
{
	struct fixture *f = *state;
	struct pair *ping = open_pair(f, false), *bulk = open_pair(f, false);
	pthread_t sender, receiver;

	bulk_stop = false;
	assert_int_equal(pthread_create(&sender, NULL, bulk_send, &bulk->host.fd), 0);
	assert_int_equal(pthread_create(&receiver, NULL, bulk_receive, &bulk->server.fd), 0);
	run_until(f, "a hundred pings and 10 MiB of bulk", hundred_pings);
	__atomic_store_n(&bulk_stop, true, __ATOMIC_RELEASE);
	end(&bulk->server);
	end(&ping->host);
	end(&ping->server);
	run_until(f, "the sessions to end", all_ended);
	pthread_join(sender, NULL);
	pthread_join(receiver, NULL);
	if (f->n_turn_most_bytes > BUDGET_BYTES + 100)
		fail_msg("expected at most %u bytes of bulk in a turn, saw %llu", BUDGET_BYTES, (unsigned long long)f->n_turn_most_bytes);
	expect_counters(f, 2, 0, 0);
}

static void past_the_limit_a_session_is_refused(void **state)
{
	struct fixture *f = *state;
	struct relay_legs legs;
	struct slab_name ref;

	f->options.max_sessions = 1;
	make_again(f);
	legs = legs_of(f, false);
	assert_int_equal(relay_open(f->relay, &legs, &f->pairs[0].ref), 0);
	legs = legs_of(f, false);
	assert_int_equal(relay_open(f->relay, &legs, &ref), RELAY_E_FULL);
	assert_int_equal(f->pairs[1].n_ends, 1);
	assert_int_equal(f->pairs[1].end, SESSION_END_CLOSED);
	unit_wait_readable(f->pairs[1].host.fd);
	unit_wait_readable(f->pairs[1].server.fd);
	hear(&f->pairs[1].host, 1);
	hear(&f->pairs[1].server, 1);
	assert_int_equal(f->pairs[1].host.stream, UNIT_STREAM_RESET);
	assert_int_equal(f->pairs[1].server.stream, UNIT_STREAM_RESET);
	assert_int_equal(relay_counters(f->relay)->n_refused_full, 1);
	say(&f->pairs[0].host, 10);   /* the one that runs is left alone */
	f->n_wanted = 10;
	run_until(f, "the server to hear", server_heard);
	expect_counters(f, 0, 0, 0);
}

static void a_leg_that_cannot_be_watched_ends_the_session(void **state)
{
	struct fixture *f = *state;
	struct relay_legs legs = legs_of(f, false);
	struct slab_name ref;

	legs.far_watched = true;   /* it isn't */
	assert_int_equal(relay_open(f->relay, &legs, &ref), -ENOENT);
	assert_int_equal(f->pairs[0].n_ends, 1);
	unit_wait_readable(f->pairs[0].host.fd);
	hear(&f->pairs[0].host, 1);
	assert_int_equal(f->pairs[0].host.stream, UNIT_STREAM_RESET);
	expect_counters(f, 0, 0, 1);
	run_until(f, "a turn", all_ended);   /* its place is given back */
	legs = legs_of(f, false);
	legs.near_watched = true;
	assert_int_equal(relay_open(f->relay, &legs, &ref), -ENOENT);
}

/* Both have events in one turn, and the end of the one that comes first ends the other. */
static void a_session_may_end_another_one(void **state)
{
	struct fixture *f = *state;

	for (int first = 0; first < 2; first++) {
		struct pair *a = open_pair(f, false), *b = open_pair(f, false);

		say(&a->host, 10);
		say(&b->host, 10);
		unit_reset(first ? &a->host.fd : &b->host.fd);
		f->abort_too = first ? b->ref : a->ref;
		f->abort_armed = true;
		run_until(f, "all to end", all_ended);
		assert_int_equal((first ? a : b)->end, SESSION_END_RESET);
		assert_int_equal((first ? b : a)->end, SESSION_END_CLOSED);
	}
	expect_counters(f, 0, 2, 2);
	assert_int_equal(relay_counters(f->relay)->n_sessions, 0);
}

static void places_are_used_again_and_old_names_find_nothing(void **state)
{
	struct fixture *f = *state;
	struct session_view view;
	struct slab_name old;
	struct pair *p;

	f->options.max_sessions = 1;
	make_again(f);
	p = open_pair(f, false);
	old = p->ref;
	relay_abort(f->relay, old);
	assert_false(relay_find(f->relay, old, &view));
	run_until(f, "a turn", all_ended);
	p = open_pair(f, false);
	assert_int_equal(p->ref.index, old.index);
	assert_int_not_equal(p->ref.generation, old.generation);
	assert_false(relay_find(f->relay, old, &view));
	relay_abort(f->relay, old);   /* the new one is left alone */
	relay_release(f->relay, old, (struct bytes){ NULL, 0 });
	assert_true(relay_find(f->relay, p->ref, &view));
	expect_counters(f, 0, 0, 1);
}

static void count_view(void *context, const struct session_view *view)
{
	uint32_t *seen = context;

	assert_int_equal(view->link, 3);
	assert_int_equal(view->opened_at_us, 77);
	assert_false(view->held || view->up_done || view->down_done);
	*seen |= 1u << view->ref.index;
}

static void sessions_are_walked_over_in_parts(void **state)
{
	struct fixture *f = *state;
	struct session_view view;
	uint32_t from = 0, seen = 0;

	assert_false(relay_each(f->relay, &from, 2, count_view, &seen));
	assert_int_equal(seen, 0);
	for (int i = 0; i < SESSIONS; i++)
		open_pair(f, false);
	relay_abort(f->relay, f->pairs[1].ref);   /* ended within this turn: not seen any more */
	assert_true(relay_each(f->relay, &from, 1, count_view, &seen));
	assert_int_equal(seen, 0x1);
	assert_true(relay_each(f->relay, &from, 2, count_view, &seen));
	assert_int_equal(seen, 0x5);
	assert_false(relay_each(f->relay, &from, 100, count_view, &seen));
	assert_int_equal(seen, 0xd);
	say(&f->pairs[0].host, 10);
	f->n_wanted = 10;
	run_until(f, "the server to hear", server_heard);
	assert_true(relay_find(f->relay, f->pairs[0].ref, &view));
	assert_int_equal(view.up_bytes, 10);
	assert_int_equal(view.down_bytes + view.up_waiting_bytes + view.down_waiting_bytes, 0);
	assert_int_equal(view.near_fd, f->pairs[0].near_fd);
	assert_int_equal(view.far_fd, f->pairs[0].far_fd);
}

/* In the middle of all kinds of work; tear_down() counts the descriptors. */
static bool half_way(struct fixture *f)
{
	streams_done(f);
	return relay_counters(f->relay)->up_bytes > 3 << 20;
}

static void freed_it_resets_all_and_leaves_nothing(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < SESSIONS; i++)
		open_pair(f, i % 2);
	f->n_each = 100000;
	f->n_wanted = 32 << 20;
	run_until(f, "3 MiB to have passed", half_way);
	relay_freep(&f->relay);
	assert_null(f->relay);
	for (int i = 0; i < SESSIONS; i++) {
		assert_int_equal(f->pairs[i].end, SESSION_END_CLOSED);
		while (f->pairs[i].host.stream == UNIT_STREAM_OPEN) {
			unit_wait_readable(f->pairs[i].host.fd);
			hear(&f->pairs[i].host, 1 << 20);
		}
		assert_int_equal(f->pairs[i].host.stream, UNIT_STREAM_RESET);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_host_may_end_first),
		TEST(the_server_may_end_first),
		TEST(a_host_that_resets_resets_the_server),
		TEST(a_server_that_resets_resets_the_host),
		TEST(a_reset_after_half_a_close_is_a_reset),
		TEST(the_end_comes_after_a_slow_readers_last_byte),
		TEST(bulk_takes_pipes_and_gives_them_back),
		TEST(fewer_pipes_than_halves_are_enough),
		TEST(without_pipes_bulk_goes_through_memory),
		TEST(residue_has_a_limit_for_all_together),
		TEST(a_write_without_its_event_is_rescued_once),
		TEST(first_bytes_go_ahead_both_ways),
		TEST(a_held_session_sends_up_and_is_released),
		TEST(a_held_session_may_be_refused),
		TEST(a_held_sessions_server_may_fail),
		TEST(a_held_sessions_host_may_fail),
		TEST(a_held_sessions_host_may_end),
		TEST(bulk_leaves_turns_to_others),
		TEST(past_the_limit_a_session_is_refused),
		TEST(a_leg_that_cannot_be_watched_ends_the_session),
		TEST(a_session_may_end_another_one),
		TEST(places_are_used_again_and_old_names_find_nothing),
		TEST(sessions_are_walked_over_in_parts),
		TEST(freed_it_resets_all_and_leaves_nothing),
	};

	signal(SIGPIPE, SIG_IGN);   /* as in the daemon */
	alarm(180);                 /* a loop that never ends is a failure, too */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
