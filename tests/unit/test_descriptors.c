/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How many files the limits ask for. */
#include "unit_conf.h"

#include <sys/resource.h>
#include "ctl/control.h"
#include "role/descriptors.h"
#include "role/stripe/stripes.h"

#define GATEWAY GATEWAY_WITH("")
#define LIMITS "[limits]\nmax_sessions = 1000\nmax_half_open = 100\n[relay]\npipes = 10\n"
#define GATEWAY_WITH(more) "[gateway]\nlan = lan0\nconverter = 203.0.113.5\n" more LIMITS
#define CONVERTER "[converter]\nallow = 192.0.2.0/24\n" LIMITS
#define OTHER "[link other]\ninterface = eth1\n"
#define LOWRATE(name) "[link " name "]\ninterface = ppp" name "\nprofile = lowrate\n"

static void expect(const char *text, uint64_t wanted, uint64_t of_pieces, size_t n_workers)
{
	struct conf *conf = conf_of(text);

	assert_int_equal(descriptors_wanted(conf), wanted);
	assert_int_equal(descriptors_of_pieces(conf, n_workers), of_pieces);
	conf_freep(&conf);
}

static void two_a_session_and_one_while_it_is_set_up(void **state)
{
	expect(GATEWAY OTHER, 2 * 1000 + 2 * 10 + 100 + 256, 0, 2);
}

static void what_waits_from_outside_has_one_too(void **state)
{
	expect(CONVERTER "[subscriber home]\nkey = 0000000000000000000000000000000000000000000000000000000000000001\n"
	       "[forward web]\nsubscriber = home\nlisten = 203.0.113.5:80\nhost = 10.0.0.9\n",
	       2 * 1000 + 2 * 10 + 2 * 100 + 256, 9 * STRIPES_MOST, 1);
}

static void a_session_in_pieces_has_one_a_link_and_the_other_end_of_its_leg(void **state)
{
	expect(GATEWAY_WITH("pieces = profile\n") LOWRATE("1") LOWRATE("2") OTHER, 2 * 1000 + 2 * 10 + 100 + 256,
	       3 * STRIPES_MOST, 1);
	/* over all links then */
	expect(GATEWAY_WITH("pieces = profile\n") OTHER "profile = lossy\n" LOWRATE("1"),
	       2 * 1000 + 2 * 10 + 100 + 256, 3 * STRIPES_MOST, 1);
	/* no more of them than sessions */
	expect(GATEWAY LOWRATE("1") LOWRATE("2"), 2 * 1000 + 2 * 10 + 100 + 256, 3 * 1000, 2);
	/* links may be far apart */
	expect(GATEWAY LOWRATE("1") LOWRATE("2") OTHER, 2 * 1000 + 2 * 10 + 100 + 256, 4 * STRIPES_MOST, 1);
	expect(GATEWAY_WITH("pieces = profile\n") LOWRATE("1") OTHER, 2 * 1000 + 2 * 10 + 100 + 256,
	       2 * STRIPES_MOST, 1);
}

static void a_converters_client_may_have_all_legs(void **state)
{
	expect(CONVERTER, 2 * 1000 + 2 * 10 + 100 + 256, 9 * STRIPES_MOST, 1);
}

static void the_control_socket_has_some_below_the_hard_limit(void **state)
{
	struct conf *conf = conf_of(GATEWAY OTHER);
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	descriptors_raise(conf, 1);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true(limit.rlim_max - limit.rlim_cur >= CONTROL_DESCRIPTORS);
	conf_freep(&conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_a_session_and_one_while_it_is_set_up),
		cmocka_unit_test(what_waits_from_outside_has_one_too),
		cmocka_unit_test(a_session_in_pieces_has_one_a_link_and_the_other_end_of_its_leg),
		cmocka_unit_test(a_converters_client_may_have_all_legs),
		cmocka_unit_test(the_control_socket_has_some_below_the_hard_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
