/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "policy/census.h"

#define A 1u
#define B 2u
#define C 4u
#define N_LINKS 3
#define ALL (A | B | C)

static struct census_session session(uint32_t stands)
{
	return (struct census_session){ .known = true, .joins = true, .reachable = ALL, .named = stands,
					.stands = stands, .works = stands };
}

struct counts {
	struct census of[N_LINKS];
};

static struct counts count(struct census_session session, uint32_t wanted)
{
	struct counts counts = { 0 };

	census_add(counts.of, N_LINKS, &session, wanted);
	return counts;
}

static void who_has_a_link_does_not_lack_it(void **state)
{
	struct counts counts = count(session(A | B), ALL);

	assert_int_equal(counts.of[0].n_with, 1);
	assert_int_equal(counts.of[1].n_with, 1);
	assert_int_equal(counts.of[2].n_with, 0);
	assert_int_equal(counts.of[0].n_lacking, 0);
	assert_int_equal(counts.of[2].n_lacking, 1);
	for (size_t i = 0; i < N_LINKS; i++) {
		assert_int_equal(counts.of[i].n_alone, 0);
		assert_true(census_may_leave(&counts.of[i]) && census_may_begin_anew(&counts.of[i]));
	}
}

static void nobody_lacks_what_he_could_not_have(void **state)
{
	struct census_session s = session(A);
	struct counts counts;

	counts = count(s, ALL & ~C);
	assert_int_equal(counts.of[1].n_lacking, 1);
	assert_int_equal(counts.of[2].n_lacking, 0);
	s.reachable = A | C;
	counts = count(s, ALL);
	assert_int_equal(counts.of[1].n_lacking, 0);
	s.known = false;
	assert_int_equal(count(s, ALL).of[2].n_lacking, 0);
	s = session(A);
	s.joins = false;
	assert_int_equal(count(s, ALL).of[1].n_lacking, 0);
}

static void of_whom_nothing_works_the_news_would_wait(void **state)
{
	struct census_session s = session(A);

	s.works = 0;
	assert_int_equal(count(s, ALL).of[0].n_lacking, 0);   /* it stands there still */
	assert_int_equal(count(s, ALL).of[1].n_lacking, 1);
	s.named = A | B;
	assert_int_equal(count(s, ALL).of[1].n_lacking, 0);
	s = session(0);   /* it has lost all of them */
	assert_int_equal(count(s, ALL).of[0].n_lacking, 1);
}

static void the_last_subflow_is_not_taken(void **state)
{
	struct census_session s = session(A);
	struct counts counts = count(s, ALL);

	assert_int_equal(counts.of[0].n_alone, 1);
	assert_false(census_may_leave(&counts.of[0]));
	assert_true(census_may_begin_anew(&counts.of[0]));
	assert_true(census_may_leave(&counts.of[1]));
	s.works = A | B;   /* B is to join: it may fail */
	s.named = A | B;
	counts = count(s, ALL);
	assert_int_equal(counts.of[0].n_alone, 0);
	assert_false(census_may_leave(&counts.of[0]));
	s.works = 0;   /* waited for in vain, and yet it may come back */
	assert_false(census_may_leave(&count(s, ALL).of[0]));
}

static void who_takes_no_other_is_bound_to_it(void **state)
{
	struct census_session s = session(A);
	struct counts counts;

	s.joins = false;
	counts = count(s, ALL);
	assert_int_equal(counts.of[0].n_alone, 0);
	assert_false(census_may_begin_anew(&counts.of[0]));
	assert_false(census_may_leave(&counts.of[0]));
	assert_true(census_may_begin_anew(&counts.of[1]));
	s = session(A | B);
	s.joins = false;
	counts = count(s, ALL);
	assert_true(census_may_begin_anew(&counts.of[0]) && census_may_leave(&counts.of[0]));
}

static void not_for_the_sake_of_fewer(void **state)
{
	struct census census = { .n_lacking = 2, .n_with = 10, .n_alone = 2 };

	assert_true(census_wants_anew(&census));
	census.n_alone = 3;
	assert_false(census_wants_anew(&census));
	census = (struct census){ .n_with = 10 };
	assert_false(census_wants_anew(&census));
}

static void thousands_are_not_disturbed_for_one(void **state)
{
	struct census census = { .n_lacking = 1, .n_with = 64 + 16 };

	assert_true(census_wants_anew(&census));
	census.n_with++;
	assert_false(census_wants_anew(&census));
	census.n_lacking++;
	assert_true(census_wants_anew(&census));
}

static void sessions_add_up(void **state)
{
	struct census_session one = session(A | B), other = session(B);
	struct counts counts = { 0 };

	census_add(counts.of, N_LINKS, &one, ALL);
	census_add(counts.of, N_LINKS, &other, ALL);
	assert_int_equal(counts.of[0].n_lacking, 1);
	assert_int_equal(counts.of[1].n_with, 2);
	assert_int_equal(counts.of[1].n_last, 1);
	assert_int_equal(counts.of[2].n_lacking, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_has_a_link_does_not_lack_it),
		cmocka_unit_test(nobody_lacks_what_he_could_not_have),
		cmocka_unit_test(of_whom_nothing_works_the_news_would_wait),
		cmocka_unit_test(the_last_subflow_is_not_taken),
		cmocka_unit_test(who_takes_no_other_is_bound_to_it),
		cmocka_unit_test(not_for_the_sake_of_fewer),
		cmocka_unit_test(thousands_are_not_disturbed_for_one),
		cmocka_unit_test(sessions_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
