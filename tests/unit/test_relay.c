/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What passes through sessions: bytes, ends, resets, and what it takes. */
#include "unit_relay.h"

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

/* What its Multipath TCP leg has brought since nobody knows: none of it goes on, as it does where a leg fails. */
static void a_broken_leg_brings_nothing_more(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_pair(f, false);
	struct slab_name ref = p->ref;

	say(&p->host, 10);
	f->n_wanted = 10;
	run_until(f, "the server to hear", server_heard);
	say(&p->server, 3000);
	unit_wait_readable(p->far_fd);
	relay_break(f->relay, ref);
	relay_break(f->relay, ref);   /* the second time there is none */
	run_until(f, "the host to see the reset", host_closed);
	assert_int_equal(p->host.stream, UNIT_STREAM_RESET);
	assert_int_equal(p->host.n_received, 0);
	run_until(f, "the server to see the reset", server_closed);
	assert_int_equal(p->server.stream, UNIT_STREAM_RESET);
	assert_int_equal(p->end, SESSION_END_RESET);
	assert_int_equal(relay_counters(f->relay)->n_broken, 1);
	expect_counters(f, 0, 1, 0);
}

static void what_is_whole_is_said(void **state)
{
	struct fixture *f = *state;
	struct relay_legs legs = legs_of(f, false);
	struct session_view view;

	legs.far_mptcp = legs.far_multipath = true;
	assert_int_equal(relay_open(f->relay, &legs, &f->pairs[0].ref), 0);
	assert_true(relay_find(f->relay, f->pairs[0].ref, &view) && view.whole);
	legs = legs_of(f, false);
	legs.far_mptcp = legs.far_multipath = legs.routed = true;
	assert_int_equal(relay_open(f->relay, &legs, &f->pairs[1].ref), 0);
	/* nothing has come that would show it */
	assert_true(relay_find(f->relay, f->pairs[1].ref, &view) && !view.whole);
	relay_abort(f->relay, f->pairs[0].ref);
	relay_abort(f->relay, f->pairs[1].ref);
}

static void a_routed_sessions_first_bytes_show_what_its_leg_is(void **state)
{
	struct fixture *f = *state;
	struct relay_legs legs = legs_of(f, false);
	struct pair *p = &f->pairs[0];

	legs.far_mptcp = legs.far_multipath = legs.routed = true;   /* by its handshake; it is plain TCP */
	assert_int_equal(relay_open(f->relay, &legs, &p->ref), 0);
	for (f->n_wanted = 10; f->n_wanted <= 20; f->n_wanted += 10) {
		say(&p->server, f->n_wanted);
		run_until(f, "the host to hear", host_heard);
		assert_int_equal(f->n_shown[false], 1);
	}
	assert_int_equal(f->n_shown[true], 0);
	relay_abort(f->relay, p->ref);
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
	assert_in_range(relay_counters(f->relay)->n_pipes_made, 1, 8);
	assert_int_equal(relay_counters(f->relay)->n_pipes_open, 0);   /* nobody is left to need one */
}

static void fewer_pipes_than_halves_are_enough(void **state)
{
	struct fixture *f = *state;

	f->options.max_pipes = 1;
	make_again(f);
	for (int i = 0; i < 3; i++)
		open_pair(f, i == 0);
	move_streams(f, 4 << 20);
	assert_int_equal(relay_counters(f->relay)->n_pipes_made, 1);
}

/* The fixture's, one way: as many pipes as it wants to be made by then. */
static void stream(struct fixture *f, bool up, uint64_t n_pipes_made)
{
	struct pair *p = &f->pairs[0];
	struct peer *sender = up ? &p->host : &p->server, *reader = up ? &p->server : &p->host;
	bool (*heard)(struct fixture *) = up ? server_heard : host_heard;

	for (f->n_wanted = 0; f->n_wanted < 16 << 20;) {
		f->n_wanted += 1 << 16;
		say(sender, f->n_wanted);
		run_until(f, "a piece of the stream", heard);
	}
	assert_int_equal(reader->n_received, f->n_wanted);
	assert_int_equal(relay_counters(f->relay)->n_pipes_made, n_pipes_made);
}

static void expect_spliced(struct fixture *f, bool near_mptcp, bool far_mptcp)
{
	struct relay_legs legs = legs_of(f, false);

	legs.near_mptcp = near_mptcp;
	legs.far_mptcp = far_mptcp;
	assert_int_equal(relay_open(f->relay, &legs, &f->pairs[0].ref), 0);
	stream(f, near_mptcp, 0);    /* copied, as it comes by Multipath TCP */
	stream(f, far_mptcp, 1);
	relay_abort(f->relay, f->pairs[0].ref);
}

static void what_comes_by_multipath_tcp_takes_no_pipe(void **state)
{
	expect_spliced(*state, true, false);
}

static void nor_from_the_other_side(void **state)
{
	expect_spliced(*state, false, true);
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
	return relay_counters(f->relay)->n_held_bytes &&
	       loop_now_us(f->loop) > f->patience_us - PATIENCE_US + 300 * US_PER_MS &&
	       !f->n_turn_bytes;
}

static void beyond_the_limit_of_all_each_holds_a_little(void **state)
{
	struct fixture *f = *state;

	f->options.max_pipes = 0;
	f->options.max_held_bytes = 1000;
	make_again(f);
	for (int i = 0; i < SESSIONS; i++)
		open_pair(f, true);
	run_until(f, "the sessions to choke", servers_choked);
	assert_in_range(relay_counters(f->relay)->n_held_bytes, 1, 1000 + SESSIONS * SHARE_LEAST_BYTES);
	move_streams(f, 1 << 20);
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
	if (f->n_turn_most_bytes > SHARE_ALONE_BYTES + 100)
		fail_msg("expected at most %u bytes of bulk in a turn, saw %llu", SHARE_ALONE_BYTES,
			 (unsigned long long)f->n_turn_most_bytes);
	expect_counters(f, 2, 0, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_host_may_end_first),
		TEST(the_server_may_end_first),
		TEST(a_host_that_resets_resets_the_server),
		TEST(a_server_that_resets_resets_the_host),
		TEST(a_broken_leg_brings_nothing_more),
		TEST(what_is_whole_is_said),
		TEST(a_routed_sessions_first_bytes_show_what_its_leg_is),
		TEST(a_reset_after_half_a_close_is_a_reset),
		TEST(the_end_comes_after_a_slow_readers_last_byte),
		TEST(bulk_takes_pipes_and_gives_them_back),
		TEST(fewer_pipes_than_halves_are_enough),
		TEST(what_comes_by_multipath_tcp_takes_no_pipe),
		TEST(nor_from_the_other_side),
		TEST(without_pipes_bulk_goes_through_memory),
		TEST(beyond_the_limit_of_all_each_holds_a_little),
		TEST(a_write_without_its_event_is_rescued_once),
		TEST(first_bytes_go_ahead_both_ways),
		TEST(bulk_leaves_turns_to_others),
	};

	signal(SIGPIPE, SIG_IGN);   /* as in the daemon */
	alarm(180);   /* a loop that never ends is a failure, too */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
