/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit_conf.h"

#define LINK "[link a]\ninterface = wan0\n"
#define GATEWAY "[gateway]\nconverter = 192.0.2.1\n"
#define HOST GATEWAY LINK "[host]\n"
#define HOST_MOST_BYTES 512

static void a_machine_without_hosts(void **state)
{
	struct conf *conf = conf_of(HOST "all = yes\n");

	assert_true(conf->host.enabled);
	assert_true(own_chooses(&conf->host.choice));
	assert_false(conf->host.choice.special);
	assert_int_equal(conf->gateway.n_lan, 0);
	conf_freep(&conf);
}

static void each_way_to_choose(void **state)
{
	struct conf *conf = conf_of(HOST "users = alice, 1000\nusers = web-1\ngroups = braid\n"
				    "cgroups = system.slice/backup@1.service\n"
				    "ports = 443, 8000-8100\nto = 93.0.0.0/8, 2a00::/16\nprivate = yes\n");
	const struct own_choice *choice = &conf->host.choice;

	assert_int_equal(choice->n_users, 3);
	assert_string_equal(choice->users[1], "1000");
	assert_string_equal(choice->users[2], "web-1");
	assert_string_equal(choice->groups[0], "braid");
	assert_string_equal(choice->cgroups[0], "system.slice/backup@1.service");
	assert_int_equal(choice->n_ports, 2);
	assert_int_equal(choice->ports[0].first, 443);
	assert_int_equal(choice->ports[0].last, 443);
	assert_int_equal(choice->ports[1].first, 8000);
	assert_int_equal(choice->ports[1].last, 8100);
	assert_int_equal(choice->n_to, 2);
	assert_true(choice->special);
	assert_false(choice->all);
	conf_freep(&conf);
}

static void each_choice_is_one(void **state)
{
	static const char *const choices[] = { "all = yes\n", "users = x\n", "groups = x\n", "cgroups = x\n",
					       "ports = 1\n", "to = 93.0.0.0/8\n" };

	for (size_t i = 0; i < ARRAY_SIZE(choices); i++) {
		char text[256];
		struct conf *conf;

		snprintf(text, sizeof(text), HOST "%s", choices[i]);
		conf = conf_of(text);
		assert_true(own_chooses(&conf->host.choice));
		conf_freep(&conf);
	}
}

static void programs_may_say_where_they_want_to_go(void **state)
{
	struct conf *conf = conf_of(HOST "socks = 127.0.0.1, [::1]:1081\nsocks_user = a\nsocks_password = b\n");

	assert_int_equal(conf->host.n_socks, 2);
	assert_int_equal(conf->host.socks[0].port, 1080);
	assert_int_equal(conf->host.socks[1].port, 1081);
	assert_false(conf_intercepts(conf));
	conf_freep(&conf);
	conf = conf_of(HOST "socks = 127.255.0.1, 10.0.0.1, [::]:1080\nsocks_open = yes\nall = yes\n");
	assert_int_equal(conf->host.n_socks, 3);
	assert_true(conf_intercepts(conf));
	assert_int_equal(conf->n_warnings, 1);
	assert_non_null(strstr(conf->warnings[0], "host.socks serves whoever can connect to it"));
	conf_freep(&conf);
	conf = conf_of(HOST "socks = 127.0.0.1, 10.0.0.1\nsocks_open = yes\nsocks_user = a\nsocks_password = b\n");
	assert_int_equal(conf->n_warnings, 0);
	conf_freep(&conf);
	conf = conf_of(HOST "socks = 127.0.0.1, [::1]\nsocks_open = yes\n");
	assert_int_equal(conf->n_warnings, 0);
	conf_freep(&conf);
	expect_error(HOST "socks = 10.0.0.1\n", "host.socks has an address that other machines can connect to");
	expect_error(HOST "socks = [::]:1080\n", "host.socks has an address that other machines can connect to");
	expect_error(HOST "socks = 127.0.0.1:5125\n", "host.socks has the port of gateway.intercept_port");
	expect_error(HOST "socks = 127.0.0.1:5124\n[converter]\nallow = ::/0\n",
		     "host.socks has an address and port that converter.listen has, too");
	expect_error(HOST "socks = 127.0.0.1\nsocks_user = a\n", "host.socks_user and host.socks_password go together");
	expect_error(HOST "socks = 127.0.0.1, 127.0.0.2, 127.0.0.3, 127.0.0.4, 127.0.0.5\n", "host.socks: found");
}

static void what_makes_no_sense(void **state)
{
	char many[HOST_MOST_BYTES] = HOST "ports = 1", longest[HOST_MOST_BYTES];

	expect_error(HOST, "the [host] section chooses no connections");
	expect_error(HOST "all = no\nprivate = yes\n", "the [host] section chooses no connections");
	expect_error("[gateway]\nconverter = 192.0.2.1\nplumbing = no\n" LINK "[host]\nports = 1\n",
		     "with gateway.plumbing = no this machine's own connections");
	expect_error("[host]\nall = yes\n", "a [host] needs a [gateway] section");
	expect_error(GATEWAY LINK, "gateway.lan is missing");
	expect_error(HOST "users = a b c$\n", "host.users: found 'a b c$', wanted at most 16 names");
	expect_error(HOST "users =\n", "host.users: found ''");
	expect_error(HOST "groups = a\"b\n", "host.groups: found");
	expect_error(HOST "cgroups = /x\n", "host.cgroups: found '/x'");
	expect_error(HOST "cgroups = x/\n", "host.cgroups: found 'x/'");
	expect_error(HOST "cgroups = x//y\n", "host.cgroups: found 'x//y'");
	expect_error(HOST "cgroups = x/../y\n", "host.cgroups: found 'x/../y'");
	expect_error(HOST "cgroups = x\"y\n", "host.cgroups: found");
	expect_error(HOST "ports = 0\n", "host.ports: found '0', wanted at most 32 ports");
	expect_error(HOST "ports = 9-8\n", "host.ports: found '9-8'");
	expect_error(HOST "ports = 9-\n", "host.ports: found '9-'");
	expect_error(HOST "to = 10.0.0.1/8\n", "host.to: found '10.0.0.1/8'");
	for (size_t i = 0; i < OWN_PORTS; i++)
		strcat(many, ",1");
	expect_error(strcat(many, "\n"), "host.ports: found");
	snprintf(longest, sizeof(longest), HOST "cgroups = %0*d\n", OWN_CGROUP_BYTES, 1);
	expect_error(longest, "");
	snprintf(longest, sizeof(longest), HOST "users = %0*d\n", OWN_NAME_BYTES, 1);
	expect_error(longest, "host.users: found '0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_machine_without_hosts),
		cmocka_unit_test(each_way_to_choose),
		cmocka_unit_test(each_choice_is_one),
		cmocka_unit_test(programs_may_say_where_they_want_to_go),
		cmocka_unit_test(what_makes_no_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
