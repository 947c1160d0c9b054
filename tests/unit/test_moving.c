/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions that go from one relay to another. Here both are in one thread; f->relay is the one for what isn't bulk. */
#include "unit_relay.h"

#include "relay/account.h"

#define BYTES (4u << 20)
#define FIRST_BYTES 300000u

static struct relay *bulk;
static struct relay_account *bulk_account;
static unsigned int n_to_bulk, n_from_bulk;
static bool refuses, stays;

static bool may_go(void *context)
{
	return !stays;
}

static bool to_bulk(void *context, struct relay_parcel *parcel)
{
	if (refuses)
		return false;
	n_to_bulk++;
	relay_adopt(bulk, parcel, relay_parcel_owner(parcel) ? NULL : bulk_account);
	return true;
}

static bool from_bulk(void *context, struct relay_parcel *parcel)
{
	n_from_bulk++;
	relay_adopt(((struct fixture *)context)->relay, parcel, NULL);
	return true;
}

static void make_both(struct fixture *f, uint32_t n_bulk_most)
{
	struct relay_options options = f->options;

	f->options.number = 1;
	f->options.may_hand_over = may_go;
	f->options.hand_over = to_bulk;
	f->options.max_pipes = 0;
	make_again(f);
	options.number = 2;
	options.for_bulk = true;
	options.may_hand_over = may_go;
	options.hand_over = from_bulk;
	options.max_sessions = n_bulk_most;
	assert_int_equal(relay_new(f->loop, &options, &bulk), 0);
}

static int set_up_both(void **state)
{
	int r = set_up(state);

	n_to_bulk = n_from_bulk = 0;
	bulk_account = NULL;
	refuses = stays = false;
	make_both(*state, SESSIONS);
	return r;
}

static int tear_down_both(void **state)
{
	relay_freep(&bulk);
	return tear_down(state);
}

static uint64_t sum(const struct fixture *f, size_t offset)
{
	return *(const uint64_t *)((const char *)relay_counters(f->relay) + offset) +
	       *(const uint64_t *)((const char *)relay_counters(bulk) + offset);
}

#define SUM(f, field) sum(f, offsetof(struct relay_counters, field))

static void expect_streams(struct fixture *f, uint64_t n_bytes)
{
	f->n_wanted = n_bytes;
	run_until(f, "all streams to end", streams_done);
	for (size_t i = 0; i < f->n_pairs; i++) {
		assert_int_equal(f->pairs[i].host.n_received, n_bytes);
		assert_int_equal(f->pairs[i].server.n_received, n_bytes);
		assert_int_equal(f->pairs[i].host.stream, UNIT_STREAM_ENDED);
		assert_int_equal(f->pairs[i].server.stream, UNIT_STREAM_ENDED);
	}
	run_until(f, "the sessions to end", all_ended);
	assert_int_equal(SUM(f, n_opened), f->n_pairs);
	assert_int_equal(SUM(f, n_orderly), f->n_pairs);
	assert_int_equal(SUM(f, n_sessions), 0);
	assert_int_equal(SUM(f, up_bytes), f->n_pairs * n_bytes);
	assert_int_equal(SUM(f, down_bytes), f->n_pairs * n_bytes);
	assert_int_equal(SUM(f, n_held_bytes), 0);
	assert_int_equal(SUM(f, n_pipes_lent), 0);
}

static void bulk_goes_to_the_relay_for_it(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < SESSIONS; i++)
		open_pair(f, i & 1);
	expect_streams(f, BYTES);
	assert_int_equal(n_to_bulk, SESSIONS);
	assert_int_equal(n_from_bulk, 0);
	assert_int_equal(relay_counters(bulk)->n_orderly, SESSIONS);
}

static void small_exchanges_stay(void **state)
{
	struct fixture *f = *state;

	open_pair(f, false);
	expect_streams(f, 100000);
	assert_int_equal(n_to_bulk, 0);
	assert_int_equal(relay_counters(f->relay)->n_orderly, 1);
}

static void what_is_not_taken_stays(void **state)
{
	struct fixture *f = *state;

	refuses = true;
	open_pair(f, false);
	expect_streams(f, BYTES);
	assert_int_equal(relay_counters(f->relay)->n_orderly, 1);
}

static void what_may_not_go_stays(void **state)
{
	struct fixture *f = *state;

	stays = true;
	open_pair(f, false);
	expect_streams(f, BYTES);
	assert_int_equal(n_to_bulk, 0);
	assert_int_equal(relay_counters(f->relay)->n_orderly, 1);
}

static struct pair *open_in_bulk(struct fixture *f, struct relay_legs *legs)
{
	struct pair *p = &f->pairs[f->n_pairs - 1];

	assert_int_equal(relay_open(bulk, legs, &p->ref), 0);
	return p;
}

static bool it_came_back(struct fixture *f)
{
	return n_from_bulk == 1;
}

static void note_name(void *context, const struct session_view *view)
{
	*(struct session_name *)context = view->name;
}

static void what_is_no_longer_bulk_comes_back(void **state)
{
	struct fixture *f = *state;
	struct relay_legs legs = legs_of(f, false);
	struct pair *p = open_in_bulk(f, &legs);
	struct session_name name = { 0 };
	struct session_view view;
	uint32_t from = 0;

	say(&p->host, 10);
	run_until(f, "the session to come back", it_came_back);
	assert_false(relay_find(bulk, p->ref, &view));
	relay_each(f->relay, &from, SESSIONS, note_name, &name);
	assert_int_equal(name.relay, 2);
	assert_int_equal(name.place, p->ref.index);
	assert_int_equal(name.generation, p->ref.generation);
	f->n_wanted = 10;
	run_until(f, "the server to hear", server_heard);
	assert_int_equal(relay_counters(f->relay)->n_sessions, 1);
	assert_int_equal(relay_counters(bulk)->n_sessions, 0);
	expect_streams(f, 20000);
	assert_int_equal(n_to_bulk, 0);
}

static bool it_is_held_there(struct fixture *f)
{
	return n_from_bulk == 1 && relay_counters(f->relay)->n_held_bytes == FIRST_BYTES;
}

static void what_waits_to_be_written_goes_along(void **state)
{
	struct fixture *f = *state;
	static uint8_t first[FIRST_BYTES];
	struct relay_legs legs = legs_of(f, true);
	struct pair *p;

	for (size_t i = 0; i < sizeof(first); i++)
		first[i] = unit_stream_byte(i);
	legs.up_first = (struct bytes){ first, sizeof(first) };
	p = open_in_bulk(f, &legs);
	run_until(f, "what waits to be in the other relay", it_is_held_there);
	assert_int_equal(relay_counters(bulk)->n_held_bytes, 0);
	p->host.n_sent = sizeof(first);
	expect_streams(f, FIRST_BYTES + 1000);
}

static bool server_heard_and_it_ran(struct fixture *f)
{
	return server_heard(f) && relay_counters(bulk)->n_steps > 0;
}

static void a_held_session_moves_when_it_is_released(void **state)
{
	struct fixture *f = *state;
	struct relay_legs legs = legs_of(f, false);
	struct pair *p;

	legs.held = true;
	legs.tag = TAG;
	p = open_in_bulk(f, &legs);
	say(&p->host, 10);
	f->n_wanted = 10;
	run_until(f, "the server to hear", server_heard_and_it_ran);
	assert_int_equal(n_from_bulk, 0);
	relay_release(bulk, p->ref, (struct bytes){ NULL, 0 }, true);
	run_until(f, "the session to move", it_came_back);
	expect_streams(f, 20000);
}

static void one_that_ends_stays(void **state)
{
	struct fixture *f = *state;
	struct relay_legs legs = legs_of(f, false);
	struct pair *p = open_in_bulk(f, &legs);

	end(&p->host);
	run_until(f, "the server to see the end", server_closed);
	say(&p->server, 1000);
	end(&p->server);
	run_until(f, "the session to end", all_ended);
	assert_int_equal(n_from_bulk, 0);
	assert_int_equal(relay_counters(bulk)->n_orderly, 1);
}

static bool host_closed_while_it_sends(struct fixture *f)
{
	if (!f->pairs[0].n_ends)
		say(&f->pairs[0].host, BYTES);
	hear(&f->pairs[0].server, f->n_each);
	return host_closed(f);
}

static void without_room_it_is_reset(void **state)
{
	struct fixture *f = *state;
	struct pair *p;

	relay_freep(&bulk);
	make_both(f, 0);
	p = open_pair(f, false);
	run_until(f, "the host to see the reset", host_closed_while_it_sends);
	assert_int_equal(p->host.stream, UNIT_STREAM_RESET);
	assert_int_equal(p->end, SESSION_END_CLOSED);
	assert_int_equal(relay_counters(bulk)->n_closed, 1);
	assert_int_equal(SUM(f, n_sessions), 0);
	assert_int_equal(SUM(f, n_held_bytes), 0);
}

/* Each relay counts in its own account of the owner, and the pace is one. */
static void its_owner_has_an_account_in_each(void **state)
{
	struct fixture *f = *state;
	static struct relay_pace paces[RELAY_N_WAYS];
	static struct relay_account accounts[2];
	struct relay_legs legs = legs_of(f, false);

	paces[RELAY_UP].per_s = 64u << 20;
	accounts[0].paces = accounts[1].paces = paces;
	legs.account = &accounts[0];
	bulk_account = &accounts[1];
	assert_int_equal(relay_open(f->relay, &legs, &f->pairs[0].ref), 0);
	expect_streams(f, BYTES);
	assert_int_equal(n_to_bulk, 1);
	assert_true(accounts[0].n_bytes[RELAY_UP] && accounts[1].n_bytes[RELAY_UP]);
	assert_int_equal(accounts[0].n_bytes[RELAY_UP] + accounts[1].n_bytes[RELAY_UP], BYTES);
	assert_int_equal(accounts[0].n_bytes[RELAY_DOWN] + accounts[1].n_bytes[RELAY_DOWN], BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bulk_goes_to_the_relay_for_it, set_up_both, tear_down_both),
		cmocka_unit_test_setup_teardown(small_exchanges_stay, set_up_both, tear_down_both),
		cmocka_unit_test_setup_teardown(what_is_not_taken_stays, set_up_both, tear_down_both),
		cmocka_unit_test_setup_teardown(what_may_not_go_stays, set_up_both, tear_down_both),
		cmocka_unit_test_setup_teardown(what_is_no_longer_bulk_comes_back, set_up_both, tear_down_both),
		cmocka_unit_test_setup_teardown(what_waits_to_be_written_goes_along, set_up_both, tear_down_both),
		cmocka_unit_test_setup_teardown(a_held_session_moves_when_it_is_released, set_up_both, tear_down_both),
		cmocka_unit_test_setup_teardown(one_that_ends_stays, set_up_both, tear_down_both),
		cmocka_unit_test_setup_teardown(without_room_it_is_reset, set_up_both, tear_down_both),
		cmocka_unit_test_setup_teardown(its_owner_has_an_account_in_each, set_up_both, tear_down_both),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
