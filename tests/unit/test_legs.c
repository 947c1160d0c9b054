/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions whose legs change: a near leg that another attempt takes the place of, a far leg that is given up. */
#include "unit_relay.h"

#include <sys/epoll.h>
#include "net/socket.h"

#define N_SAID 4

static const uint8_t *said(void)
{
	static uint8_t bytes[N_SAID];

	for (size_t i = 0; i < N_SAID; i++)
		bytes[i] = unit_stream_byte(i);
	return bytes;
}

/* A session whose host has said up bytes, and was told what goes ahead of the server's. */
static struct pair *open_told(struct fixture *f, uint64_t up)
{
	struct relay_legs legs = legs_of(f, false);
	struct pair *p = &f->pairs[0];

	legs.near_mptcp = true;
	legs.down_first = (struct bytes){ said(), N_SAID };
	p->server.n_sent = N_SAID;
	assert_int_equal(relay_open(f->relay, &legs, &p->ref), 0);
	say(&p->host, up);
	f->n_wanted = up;
	run_until(f, "the server to hear", server_heard);
	f->n_wanted = N_SAID;
	run_until(f, "the host to be told", host_heard);
	return p;
}

/* Another near leg, watched as a caller's is; the host's end of it. */
static struct relay_leg_change change_of(struct fixture *f, int *host_fd, bool says_again)
{
	static const struct loop_handler nobody = { 0 };
	struct loop_ref ref = { .handler = loop_handler_add(f->loop, &nobody) };
	int fds[2];

	unit_tcp_pair(fds, false);
	*host_fd = fds[0];
	assert_int_equal(loop_watch(f->loop, fds[1], EPOLLIN | EPOLLET, ref), 0);
	return (struct relay_leg_change){ .near_fd = fds[1], .said = { said(), says_again ? N_SAID : 0 } };
}

static void what_was_said_is_said_again_on_the_other_leg(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_told(f, 100);
	int fd;
	struct relay_leg_change change = change_of(f, &fd, true);

	assert_int_equal(relay_change_near(f->relay, p->ref, &change), 0);
	run_until(f, "the old leg's reset", host_closed);
	assert_int_equal(p->host.stream, UNIT_STREAM_RESET);
	close(p->host.fd);
	p->host = (struct peer){ .fd = fd };
	say(&p->host, 150);   /* the same from the beginning, and more */
	f->n_wanted = 150;
	run_until(f, "the server to hear what is new", server_heard);
	say(&p->server, 50);
	f->n_wanted = 50;
	run_until(f, "the host to be told again, and to hear the server", host_heard);
	end(&p->host);
	end(&p->server);
	run_until(f, "the session to end", all_ended);
	expect_counters(f, 1, 0, 0);
}

/* The old leg has brought less of the beginning, and the server hasn't taken that yet; or has. */
static void what_the_other_leg_has_brought_more_goes_up(void **state)
{
	struct fixture *f = *state;
	struct relay_legs legs = legs_of(f, false);
	struct pair *p = &f->pairs[0];
	struct relay_leg_change change;
	int fd;

	legs.near_mptcp = true;
	legs.up_first = (struct bytes){ said(), 1 };
	assert_int_equal(relay_open(f->relay, &legs, &p->ref), 0);
	for (size_t n = 2; n <= N_SAID; n++) {
		change = change_of(f, &fd, true);
		change.up_first = (struct bytes){ said(), n };
		assert_int_equal(relay_change_near(f->relay, p->ref, &change), 0);
		close(p->host.fd);
		p->host = (struct peer){ .fd = fd, .n_sent = n };
		f->n_wanted = n;
		if (n > 2)
			run_until(f, "the server to hear it", server_heard);
	}
	assert_int_equal(p->server.n_received, N_SAID);
	move_streams(f, 1000);
}

/* On failure the descriptor stays the caller's. */
static void expect_too_late(struct fixture *f, struct slab_name ref, bool says_again)
{
	int fd;
	struct relay_leg_change change = change_of(f, &fd, says_again);

	assert_int_equal(relay_change_near(f->relay, ref, &change), RELAY_E_TOO_LATE);
	close(change.near_fd);
	close(fd);
}

static void a_leg_that_was_written_to_stays(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_told(f, 100);

	expect_too_late(f, p->ref, false);
	say(&p->server, 50);
	f->n_wanted = 50;
	run_until(f, "the host to hear the server", host_heard);
	expect_too_late(f, p->ref, true);
	move_streams(f, 1000);
	expect_too_late(f, p->ref, true);
}

static void a_leg_whose_stream_has_ended_stays(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_told(f, 100);

	end(&p->host);
	run_until(f, "the server to see the end", server_closed);
	expect_too_late(f, p->ref, true);
	end(&p->server);
	run_until(f, "the session to end", all_ended);
}

/* The host has been told what the server said, before the relay looked again: nothing is known of its having it. */
static struct pair *open_kept_as(struct fixture *f, bool unknown_plain)
{
	struct relay_legs legs = legs_of(f, false);
	struct pair *p = &f->pairs[0];

	legs.near_mptcp = legs.down_kept = true;
	legs.near_multipath = unknown_plain;
	legs.down_first = (struct bytes){ said(), N_SAID };
	p->server.n_sent = N_SAID;
	say(&p->server, 1000);
	assert_int_equal(relay_open(f->relay, &legs, &p->ref), 0);
	f->n_wanted = 1000;
	run_until(f, "the host to hear the server", host_heard);
	return p;
}

static struct pair *open_kept(struct fixture *f)
{
	return open_kept_as(f, false);
}

static void what_stands_behind_it_is_said_again_too(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_kept(f);
	int fd;
	struct relay_leg_change change = change_of(f, &fd, true);

	assert_int_equal(relay_change_near(f->relay, p->ref, &change), 0);
	close(p->host.fd);
	p->host = (struct peer){ .fd = fd };
	f->n_wanted = 1000;
	run_until(f, "the host to hear all of it again", host_heard);
	say(&p->server, 2000);
	f->n_wanted = 2000;
	run_until(f, "and more", host_heard);
	assert_int_equal(relay_counters(f->relay)->n_held_bytes, 0);
	end(&p->host);
	end(&p->server);
	run_until(f, "the session to end", all_ended);
}

static void what_the_host_has_is_kept_no_more(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_kept(f);

	say(&p->server, 1100);
	f->n_wanted = 1100;
	run_until(f, "the host to hear more", host_heard);   /* the relay has looked by then */
	expect_too_late(f, p->ref, true);
	assert_int_equal(relay_counters(f->relay)->n_held_bytes, 0);
	end(&p->host);
	end(&p->server);
	run_until(f, "the session to end", all_ended);
}

/* The host doesn't know it for plain TCP, and may give up what it has acknowledged. */
static void but_where_it_may_give_that_up(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_kept_as(f, true);
	struct relay_leg_change change;
	int fd;

	say(&p->server, 1100);
	f->n_wanted = 1100;
	run_until(f, "the host to hear more", host_heard);
	change = change_of(f, &fd, true);
	assert_int_equal(relay_change_near(f->relay, p->ref, &change), 0);
	close(p->host.fd);
	p->host = (struct peer){ .fd = fd };
	run_until(f, "the host to hear all of it again", host_heard);
	end(&p->host);
	end(&p->server);
	run_until(f, "the session to end", all_ended);
}

/* It may be what came before, once more. */
static void and_has_said_nothing_since(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_kept_as(f, true);

	say(&p->host, 1);
	f->n_wanted = 1;
	run_until(f, "the server to hear it", server_heard);
	expect_too_late(f, p->ref, true);
	relay_abort(f->relay, p->ref);
	run_until(f, "the session to end", all_ended);
}

static void nor_what_nobody_wants(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_kept(f);

	relay_keep_no_more(f->relay, p->ref);
	expect_too_late(f, p->ref, true);
	end(&p->host);
	end(&p->server);
	run_until(f, "the session to end", all_ended);
	relay_keep_no_more(f->relay, p->ref);   /* nobody any more */
}

static struct pair *open_held(struct fixture *f)
{
	struct relay_legs legs = legs_of(f, false);
	struct pair *p = &f->pairs[0];

	legs.held = legs.up_kept = true;
	legs.tag = TAG;
	legs.up_first = (struct bytes){ said(), N_SAID };
	p->host.n_sent = N_SAID;
	assert_int_equal(relay_open(f->relay, &legs, &p->ref), 0);
	f->n_wanted = N_SAID;
	run_until(f, "the server to hear what goes first", server_heard);
	return p;
}

/* Its bytes beyond what went first, and the far leg, which is open still. */
static void take_back(struct fixture *f, struct pair *p, struct relay_taken_back *back)
{
	assert_int_equal(relay_take_back(f->relay, p->ref, N_SAID, back), 0);
	assert_int_equal(net_look(back->far_fd), NET_E_AGAIN);
	net_close_reset(back->far_fd);
	assert_int_equal(p->n_ends + f->n_held_ends + f->n_held, 0);
	close(p->server.fd);
}

static void expect_not_given_back(struct fixture *f, const struct pair *p, size_t n_first)
{
	struct relay_taken_back back;

	assert_int_equal(relay_take_back(f->relay, p->ref, n_first, &back), RELAY_E_TOO_LATE);
}

/* Another far leg, to which all is said again. */
static void open_again(struct fixture *f, struct pair *p, const uint8_t *more, size_t n_more)
{
	uint8_t first[1000];
	struct relay_legs legs = { .near_fd = p->near_fd, .near_watched = true,
				   .up_first = { first, N_SAID + n_more } };
	int fds[2];

	memcpy(first, said(), N_SAID);
	if (n_more)
		memcpy(first + N_SAID, more, n_more);
	unit_tcp_pair(fds, false);
	p->server = (struct peer){ .fd = fds[1] };
	legs.far_fd = fds[0];
	assert_int_equal(relay_open(f->relay, &legs, &p->ref), 0);
}

/* It is a session's again with another far leg, the host none the wiser. */
static void a_near_leg_is_given_back(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_held(f);
	struct relay_taken_back back;

	take_back(f, p, &back);
	assert_null(back.more);
	expect_not_given_back(f, p, N_SAID);
	open_again(f, p, back.more, back.n_more);
	say(&p->host, 100);
	f->n_wanted = 100;
	run_until(f, "the other server to hear all", server_heard);
	end(&p->host);
	end(&p->server);
	run_until(f, "the session to end", all_ended);
	expect_counters(f, 1, 0, 1);
}

static void with_what_it_has_said_since(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_held(f);
	struct relay_taken_back back;

	say(&p->host, 500);
	f->n_wanted = 500;
	run_until(f, "the server to hear more", server_heard);
	end(&p->host);
	run_until(f, "the server to see the end", server_closed);
	take_back(f, p, &back);
	assert_int_equal(back.n_more, 500 - N_SAID);
	open_again(f, p, back.more, back.n_more);
	free(back.more);
	run_until(f, "the other server to see the end", server_closed);
	assert_int_equal(p->server.stream, UNIT_STREAM_ENDED);
	assert_int_equal(p->server.n_received, 500);
	end(&p->server);
	run_until(f, "the session to end", all_ended);
	assert_int_equal(relay_counters(f->relay)->n_held_bytes, 0);
}

static bool host_said_all(struct fixture *f)
{
	say(&f->pairs[0].host, f->n_wanted);
	return server_heard(f);
}

static void a_near_leg_that_has_said_much_is_not(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_held(f);

	expect_not_given_back(f, p, N_SAID + 1);
	f->n_wanted = 300000;
	run_until(f, "the server to hear more than is kept", host_said_all);
	expect_not_given_back(f, p, N_SAID);
	assert_int_equal(relay_counters(f->relay)->n_held_bytes, 0);
	f->answer = "yes";
	assert_int_equal(send(p->server.fd, "yes", 3, 0), 3);
	say(&p->server, 100);
	f->n_wanted = 100;
	run_until(f, "the host to hear", host_heard);
	expect_not_given_back(f, p, 300000);   /* held no longer */
	end(&p->host);
	end(&p->server);
	run_until(f, "the session to end", all_ended);
}

static void nothing_is_kept_once_the_answer_is_there(void **state)
{
	struct fixture *f = *state;
	struct pair *p = open_held(f);

	assert_int_equal(send(p->server.fd, "yes", 3, 0), 3);
	f->answer = "yes";
	say(&p->host, 500);
	say(&p->server, 100);
	f->n_wanted = 100;
	run_until(f, "the host to hear", host_heard);
	assert_int_equal(relay_counters(f->relay)->n_held_bytes, 0);
	end(&p->host);
	end(&p->server);
	run_until(f, "the session to end", all_ended);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_said_is_said_again_on_the_other_leg),
		TEST(what_the_other_leg_has_brought_more_goes_up),
		TEST(a_leg_that_was_written_to_stays),
		TEST(a_leg_whose_stream_has_ended_stays),
		TEST(what_stands_behind_it_is_said_again_too),
		TEST(what_the_host_has_is_kept_no_more),
		TEST(but_where_it_may_give_that_up),
		TEST(and_has_said_nothing_since),
		TEST(nor_what_nobody_wants),
		TEST(a_near_leg_is_given_back),
		TEST(with_what_it_has_said_since),
		TEST(a_near_leg_that_has_said_much_is_not),
		TEST(nothing_is_kept_once_the_answer_is_there),
	};

	signal(SIGPIPE, SIG_IGN);   /* as in the daemon */
	alarm(180);   /* a loop that never ends is a failure, too */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
