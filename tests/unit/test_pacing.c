/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions of one owner who has a rate: slowed down together, the others not, and every byte arrives. */
#include "unit_relay.h"

#include "policy/bucket.h"
#include "relay/account.h"

#define BYTES 400000u
#define FAST_PER_S 1000000u
#define SLOW_PER_S 100u       /* a quantum in three minutes: within a test nothing comes after the burst */

struct owner {
	struct relay_pace paces[RELAY_N_WAYS];
	struct relay_account account;
};

static struct owner owner_of(uint64_t up_per_s, uint64_t down_per_s)
{
	return (struct owner){ .paces = { [RELAY_UP].per_s = up_per_s, [RELAY_DOWN].per_s = down_per_s } };
}

static struct pair *open_owned(struct fixture *f, struct owner *owner)
{
	struct relay_legs legs = legs_of(f, false);
	struct pair *p = &f->pairs[f->n_pairs - 1];

	owner->account.paces = owner->paces;
	legs.account = &owner->account;
	assert_int_equal(relay_open(f->relay, &legs, &p->ref), 0);
	return p;
}

/* The least time that so many bytes can take, the burst being gone. */
static uint64_t least_us(uint64_t n_bytes, uint64_t per_s)
{
	return (n_bytes - bucket_of_bytes(per_s).burst) * US_PER_S / per_s;
}

static void an_account_counts_what_passed(void **state)
{
	struct fixture *f = *state;
	struct owner owner = owner_of(0, 0);

	open_owned(f, &owner);
	open_owned(f, &owner);
	open_pair(f, false);
	move_streams(f, BYTES);
	assert_int_equal(owner.account.n_bytes[RELAY_UP], 2 * BYTES);
	assert_int_equal(owner.account.n_bytes[RELAY_DOWN], 2 * BYTES);
	assert_int_equal(owner.paces[RELAY_UP].full_at_ns, 0);
	assert_int_equal(owner.paces[RELAY_DOWN].full_at_ns, 0);
}

static bool the_free_one_is_done(struct fixture *f)
{
	streams_done(f);
	return f->pairs[2].host.stream != UNIT_STREAM_OPEN && f->pairs[2].server.stream != UNIT_STREAM_OPEN;
}

static void sessions_of_an_owner_share_the_rate(void **state)
{
	struct fixture *f = *state;
	struct owner owner = owner_of(FAST_PER_S, FAST_PER_S);
	uint64_t begun_at_us, n_steps, least = least_us(2 * BYTES, FAST_PER_S);

	open_owned(f, &owner);
	open_owned(f, &owner);
	open_pair(f, false);
	begun_at_us = loop_clock_us();
	f->n_wanted = BYTES;
	run_until(f, "the free session's streams", the_free_one_is_done);
	assert_true(f->pairs[0].server.n_received < BYTES && f->pairs[1].host.n_received < BYTES);
	n_steps = relay_counters(f->relay)->n_steps;
	move_streams(f, BYTES);
	if (loop_clock_us() - begun_at_us < least)
		fail_msg("expected %llu us at least, saw %llu", (unsigned long long)least,
			 (unsigned long long)(loop_clock_us() - begun_at_us));
	assert_int_equal(owner.account.n_bytes[RELAY_UP], 2 * BYTES);
	n_steps = relay_counters(f->relay)->n_steps - n_steps;
	if (n_steps > 4 * BYTES / 1000)   /* some for each of a hundred quanta, and for the events: nobody turns
					   * round and round */
		fail_msg("expected some hundred steps, saw %llu", (unsigned long long)n_steps);
}

static bool the_burst_is_gone(struct fixture *f)
{
	streams_done(f);
	return relay_counters(f->relay)->up_bytes >= 16384;
}

static bool host_heard_all(struct fixture *f)
{
	streams_done(f);
	return f->pairs[0].host.n_received == BYTES;
}

static void one_way_waits_and_the_other_does_not(void **state)
{
	struct fixture *f = *state;
	struct owner owner = owner_of(SLOW_PER_S, 0);

	open_owned(f, &owner);
	f->n_wanted = BYTES;
	run_until(f, "all that comes down", host_heard_all);
	assert_in_range(f->pairs[0].server.n_received, 0, bucket_of_bytes(SLOW_PER_S).burst);
	owner.paces[RELAY_UP].per_s = 0;
	relay_paces_changed(f->relay);
	move_streams(f, BYTES);
}

static void a_pace_may_change(void **state)
{
	struct fixture *f = *state;
	struct owner owner = owner_of(SLOW_PER_S, SLOW_PER_S);

	for (int i = 0; i < 3; i++)
		open_owned(f, &owner);
	f->n_wanted = BYTES;
	run_until(f, "the burst", the_burst_is_gone);
	owner.paces[RELAY_UP] = owner.paces[RELAY_DOWN] = (struct relay_pace){ .per_s = 100 * FAST_PER_S };
	relay_paces_changed(f->relay);
	move_streams(f, BYTES);
}

/* All of it has arrived before: no event tells of it again. */
static void what_waits_learns_of_another_pace(void **state)
{
	struct fixture *f = *state;
	static struct owner owner;   /* has to outlive the relay, which ends with the fixture */
	struct pair *p;

	owner = owner_of(SLOW_PER_S, SLOW_PER_S);
	p = open_owned(f, &owner);
	say(&p->host, 50000);
	f->n_wanted = bucket_of_bytes(SLOW_PER_S).burst;
	run_until(f, "the burst", server_heard);
	assert_int_equal(p->server.n_received, f->n_wanted);
	owner.paces[RELAY_UP] = (struct relay_pace){ .per_s = FAST_PER_S };
	relay_paces_changed(f->relay);
	f->n_wanted = 50000;
	run_until(f, "the rest", server_heard);
}

static bool the_others_wait_no_more(struct fixture *f)
{
	streams_done(f);
	return f->pairs[0].server.stream != UNIT_STREAM_OPEN && f->pairs[2].server.stream != UNIT_STREAM_OPEN &&
	       f->pairs[0].n_ends && f->pairs[2].n_ends;
}

static void one_that_waits_may_end(void **state)
{
	struct fixture *f = *state;
	struct owner owner = owner_of(SLOW_PER_S, SLOW_PER_S);

	for (int i = 0; i < 3; i++)
		open_owned(f, &owner);
	f->n_wanted = BYTES;
	run_until(f, "the burst", the_burst_is_gone);
	relay_abort(f->relay, f->pairs[1].ref);
	owner.paces[RELAY_UP] = owner.paces[RELAY_DOWN] = (struct relay_pace){ .per_s = 10 * FAST_PER_S };
	relay_paces_changed(f->relay);
	f->pairs[1].host.n_sent = f->pairs[1].server.n_sent = BYTES;
	run_until(f, "the other two", the_others_wait_no_more);
	assert_int_equal(f->pairs[0].server.n_received, BYTES);
	assert_int_equal(f->pairs[2].host.n_received, BYTES);
	expect_counters(f, 2, 0, 1);
}

static void waiting_ones_are_ended_with_the_relay(void **state)
{
	struct fixture *f = *state;
	static struct owner owner;   /* has to outlive the relay, which ends with the fixture */

	owner = owner_of(SLOW_PER_S, SLOW_PER_S);
	open_owned(f, &owner);
	open_owned(f, &owner);
	f->n_wanted = BYTES;
	run_until(f, "the burst", the_burst_is_gone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_account_counts_what_passed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sessions_of_an_owner_share_the_rate, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_way_waits_and_the_other_does_not, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_pace_may_change, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_waits_learns_of_another_pace, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_that_waits_may_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(waiting_ones_are_ended_with_the_relay, set_up, tear_down),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
