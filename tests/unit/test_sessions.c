/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of sessions: held ones, limits, names, ends from outside. */
#include "unit_relay.h"

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

static bool was_asked(struct fixture *f)
{
	return f->n_held;
}

/* The read that brings the answer will find nothing behind it: what comes later shows itself, and so does an end
 * that comes with it. */
static struct pair *open_answered(struct fixture *f)
{
	struct pair *p = open_held(f);

	f->answer = "yes";
	f->reads_all = true;
	assert_int_equal(send(p->server.fd, "yes", 3, 0), 3);
	return p;
}

static void a_held_sessions_answer_may_be_all(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_answered(f);

	run_until(f, "the answer to be read", was_asked);
	say(&p->server, 500);
	f->n_wanted = 500;
	run_until(f, "the host to hear", host_heard);
	assert_int_equal(f->n_held, 1);
}

static void a_held_sessions_answer_may_end_it(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_answered(f);

	end(&p->server);
	run_until(f, "the host to see the end", host_closed);
	assert_int_equal(p->host.stream, UNIT_STREAM_ENDED);
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
	relay_release(f->relay, p->ref, (struct bytes){ NULL, 0 }, true);   /* too late: ignored */
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
	relay_release(f->relay, old, (struct bytes){ NULL, 0 }, true);
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
		TEST(a_held_session_sends_up_and_is_released),
		TEST(a_held_sessions_answer_may_be_all),
		TEST(a_held_sessions_answer_may_end_it),
		TEST(a_held_session_may_be_refused),
		TEST(a_held_sessions_server_may_fail),
		TEST(a_held_sessions_host_may_fail),
		TEST(a_held_sessions_host_may_end),
		TEST(past_the_limit_a_session_is_refused),
		TEST(a_leg_that_cannot_be_watched_ends_the_session),
		TEST(a_session_may_end_another_one),
		TEST(places_are_used_again_and_old_names_find_nothing),
		TEST(sessions_are_walked_over_in_parts),
		TEST(freed_it_resets_all_and_leaves_nothing),
	};

	signal(SIGPIPE, SIG_IGN);   /* as in the daemon */
	alarm(180);   /* a loop that never ends is a failure, too */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
