/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections that are taken on their way: what the configuration says of them at the converter, and at a gateway
 * that begins them. */
#include "unit_address.h"
#include "unit_conf.h"

#define KEY(digit) "key = " digit "0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
#define A "[subscriber a]\n" KEY("0")
#define B "[subscriber b]\n" KEY("1")
#define JOIN "intercept_join = 203.0.113.1\n"
#define GATEWAY "[gateway]\nlan = lan0\nsignalling = route\n"
#define LINKS "[link a]\ninterface = wan0\n[link b]\ninterface = wan1\n"

static void clients_are_read(void **state)
{
	struct conf *conf = conf_of("[converter]\nallow = 198.51.100.0/24\nintercept = 192.0.2.0/25, 198.51.100.7\n"
				    " 2001:db8:7::/48\nintercept_join = 203.0.113.1, 2001:db8::1\n"
				    A "clients = 192.0.2.0/24, 2001:db8:7::/48\n" B "clients = 192.0.3.0/24\n");

	assert_int_equal(conf->converter.n_intercept, 3);
	assert_int_equal(conf->converter.n_intercept_join, 2);
	unit_expect_address("join", "2001:db8::1", &conf->converter.intercept_join[1]);
	assert_int_equal(conf->converter.intercept_port, 5127);
	assert_int_equal(conf->converter.intercept_join_port, 5128);
	assert_int_equal(conf->converter.intercept_source, CONF_INTERCEPT_CLIENT);
	assert_int_equal(conf->subscribers[0].n_clients, 2);
	assert_int_equal(conf->subscribers[1].n_clients, 1);
	conf_freep(&conf);
	conf = conf_of("[converter]\nallow = ::/0, 0.0.0.0/0\nintercept = 0.0.0.0/0, ::/0\n"
		       "intercept_source = subscriber\n" JOIN);
	assert_int_equal(conf->converter.intercept_source, CONF_INTERCEPT_SUBSCRIBER);
	conf_freep(&conf);
}

static void nobody_elses_are_taken(void **state)
{
	expect_error("[converter]\nallow = 192.0.2.0/24\nintercept = 192.0.0.0/16\n" JOIN,
		     "x: converter.intercept: 192.0.0.0/16 is in no prefix of converter.allow");
	expect_error("[converter]\nintercept = 0.0.0.0/0\n" JOIN A "clients = 192.0.2.0/24\n",
		     "x: converter.intercept: 0.0.0.0/0 is in no prefix");
	expect_error("[converter]\nallow = ::/0\nintercept = 0.0.0.0/0\n" JOIN,
		     "x: converter.intercept: 0.0.0.0/0 is in no prefix");
}

static void they_fit_together(void **state)
{
	expect_error("[converter]\nallow = ::/0\nintercept = ::/0\n",
		     "x: converter.intercept wants converter.intercept_join");
	expect_error("[converter]\nallow = ::/0\n" JOIN, "x: converter.intercept_join says where");
	expect_error("[converter]\nallow = ::/0\nintercept = ::/0\nintercept_join = 203.0.113.1, 203.0.113.2\n",
		     "x: converter.intercept_join has two addresses of one family");
	expect_error("[converter]\nallow = ::/0\nintercept = ::/0\nintercept_join = 203.0.113.1, ::\n",
		     "x: converter.intercept_join has an address that other machines can't");
	expect_error("[converter]\nallow = ::/0\nintercept = ::/0\nintercept_join = 127.0.0.1\n",
		     "x: converter.intercept_join has an address that other machines can't");
	expect_error("[converter]\nallow = ::/0\nintercept = ::/0\n" JOIN "intercept_join_port = 5124\n",
		     "must be other ports than those of converter.listen");
	expect_error("[converter]\nallow = ::/0\nintercept = ::/0\n" JOIN "intercept_port = 5124\n",
		     "must be other ports than those of converter.listen");
	expect_error("[converter]\nallow = ::/0\nintercept = ::/0\n" JOIN "intercept_port = 5128\n", "are the same");
	expect_error("[converter]\nallow = ::/0\nsignalling = convert, route\n",
		     "x: converter.signalling: route comes to no listener");
	expect_error("[converter]\nallow = ::/0\nintercept = ::/0, 2001:db8::/32\n" JOIN,
		     "x: converter.intercept: 2001:db8::/32 is in another of its prefixes");
	expect_error("[converter]\n" A "clients = 192.0.2.0/24\n" B "clients = 198.51.100.0/24, 192.0.2.7\n",
		     "x: subscriber b has clients that are in another prefix of clients already, of subscriber a");
}

static void both_families_are_announced(void **state)
{
	struct conf *conf = conf_of("[converter]\nallow = ::/0\nannounce = 203.0.113.1, 2001:db8::1\n");

	assert_int_equal(conf->converter.n_announce, 2);
	unit_expect_address("announced", "203.0.113.1", &conf->converter.announce[0]);
	conf_freep(&conf);
	expect_error("[converter]\nallow = ::/0\nannounce = 203.0.113.1\n",
		     "x: converter.announce wants two addresses");
	expect_error("[converter]\nallow = ::/0\nannounce = 203.0.113.1, 203.0.113.2\n",
		     "x: converter.announce wants two addresses");
	expect_error("[converter]\nallow = ::/0\nannounce = 203.0.113.1, ::1\n",
		     "x: converter.announce has an address that other machines can't");
	expect_error("[converter]\nallow = ::/0\nlisten = 203.0.113.1:5124, [2001:db8::1]:5124\n"
		     "announce = 203.0.113.1, 2001:db8::1\n", "x: converter.announce wants [::] in converter.listen");
}

static void a_gateway_begins_them(void **state)
{
	struct conf *conf = conf_of(GATEWAY LINKS), *other;
	char restart[128];

	assert_int_equal(conf->gateway.signalling, CONF_SIGNALLING_ROUTE);
	assert_string_equal(conf->gateway.route_link, "");
	other = conf_of("[gateway]\nlan = lan0\nconverter = 192.0.2.1\n" LINKS);
	conf_restart_needed(conf, other, restart, sizeof(restart));
	assert_string_equal(restart, "gateway.signalling");
	conf_freep(&other);
	other = conf_of(GATEWAY "route_link = b\n" LINKS);
	assert_string_equal(other->gateway.route_link, "b");
	conf_restart_needed(conf, other, restart, sizeof(restart));
	assert_string_equal(restart, "");
	conf_freep(&other);
	conf_freep(&conf);
	expect_error("[gateway]\nlan = lan0\n" LINKS, "x: section [gateway] ends without the key 'converter'");
	expect_error("[gateway]\nlan = lan0\nconverter = 192.0.2.1\nroute_link = a\n" LINKS,
		     "x: gateway.route_link is for signalling = route");
	expect_error(GATEWAY "route_link = c\n" LINKS, "x: gateway.route_link names a link that there is no");
	expect_error(GATEWAY "converter = 192.0.2.1\n" LINKS, "the converter has no address for us");
	expect_error(GATEWAY "port_mapping = yes\n" LINKS, "there is none to ask");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients_are_read),
		cmocka_unit_test(nobody_elses_are_taken),
		cmocka_unit_test(they_fit_together),
		cmocka_unit_test(both_families_are_announced),
		cmocka_unit_test(a_gateway_begins_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
