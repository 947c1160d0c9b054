/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit_conf.h"

#define LINK "[link a]\ninterface = wan0\n"
#define GATEWAY "[gateway]\nlan = lan0\n"
#define KEY_A "00000000000000000000000000000000000000000000000000000000000000aa"
#define KEY_B "00000000000000000000000000000000000000000000000000000000000000bb"

static void one_as_ever(void **state)
{
	struct conf *conf = conf_of(GATEWAY "converter = 192.0.2.1, 2001:db8::1\nkey = " KEY_A "\n" LINK);

	assert_int_equal(conf->n_upstreams, 1);
	assert_string_equal(conf->upstreams[0].name, "");
	assert_int_equal(conf->upstreams[0].n_converter, 2);
	assert_int_equal(conf->upstreams[0].converter[1].port, CONF_PORT_CONVERT);
	assert_true(conf->upstreams[0].has_key);
	assert_int_equal(conf->upstreams[0].key[31], 0xaa);
	assert_false(conf->gateway.dhcp);
	assert_true(conf->links[0].dhcp);
	conf_freep(&conf);
}

static void several_in_their_order(void **state)
{
	struct conf *conf = conf_of("[upstream second]\nconverter = 192.0.2.2:99\n"
				    GATEWAY "converter = 192.0.2.1\nkey = " KEY_A "\nuser = u\npassword = p\n" LINK
				    "[upstream third]\nconverter = 192.0.2.3\nkey = " KEY_B "\nuser = v\npassword = q\n");

	assert_int_equal(conf->n_upstreams, 3);
	assert_int_equal(conf->upstreams[0].converter[0].ip[15], 1);
	assert_string_equal(conf->upstreams[1].name, "second");
	assert_int_equal(conf->upstreams[1].converter[0].port, 99);
	assert_int_equal(conf->upstreams[1].key[31], 0xaa);   /* what it doesn't say */
	assert_string_equal(conf->upstreams[1].user, "u");
	assert_string_equal(conf->upstreams[1].password, "p");
	assert_string_equal(conf->upstreams[2].name, "third");
	assert_int_equal(conf->upstreams[2].key[31], 0xbb);
	assert_string_equal(conf->upstreams[2].user, "v");
	assert_string_equal(conf->upstreams[2].password, "q");
	conf_freep(&conf);
}

static void sections_alone(void **state)
{
	struct conf *conf = conf_of(GATEWAY LINK "[upstream a]\nconverter = 192.0.2.1\n[upstream b]\n"
						 "converter = 192.0.2.2\nkey = " KEY_B "\n");

	assert_int_equal(conf->n_upstreams, 2);
	assert_false(conf->upstreams[0].has_key);
	assert_true(conf->upstreams[1].has_key);
	conf_freep(&conf);
}

static void dhcp_alone_or_behind(void **state)
{
	struct conf *conf = conf_of(GATEWAY "converter = dhcp\n" LINK "dhcp = no\n");

	assert_true(conf->gateway.dhcp);
	assert_int_equal(conf->n_upstreams, 0);
	assert_false(conf->links[0].dhcp);
	conf_freep(&conf);
	conf = conf_of(GATEWAY "converter = 192.0.2.1, dhcp, 2001:db8::1\n" LINK);
	assert_true(conf->gateway.dhcp);
	assert_int_equal(conf->upstreams[0].n_converter, 2);
	conf_freep(&conf);
}

static void what_is_wrong(void **state)
{
	char many[2048] = GATEWAY "converter = 192.0.2.1\n" LINK;

	expect_error(GATEWAY LINK, "section [gateway] ends without the key 'converter'");
	expect_error(GATEWAY "converter = 192.0.2.1, 192.0.2.2\n" LINK,
		     "gateway.converter has two addresses of one family");
	expect_error(GATEWAY LINK "[upstream a]\nconverter = 192.0.2.1, 192.0.2.2\n",
		     "an [upstream NAME] has two addresses of one family");
	expect_error(GATEWAY "converter = 192.0.2.1\n" LINK "[upstream a]\nconverter = 2001:db8::1, 192.0.2.1\n",
		     "two converters of the gateway's have the same address");
	expect_error(GATEWAY LINK "[upstream a]\n", "section [upstream a] ends without the key 'converter'");
	expect_error(GATEWAY LINK "[upstream a]\nconverter = dhcp\n", "upstream a.converter: found 'dhcp'");
	expect_error(GATEWAY "converter = dhpc\n" LINK,
		     "gateway.converter: found 'dhpc', wanted at most 2 addresses like 192.0.2.1, 192.0.2.1:5124, "
		     "[2001:db8::1]:5124, and dhcp");
	expect_error(GATEWAY LINK "[upstream a]\nconverter = 192.0.2.1\n[upstream a]\nconverter = 192.0.2.2\n",
		     "a second section [upstream a]");
	expect_error(GATEWAY LINK "[upstream a]\nconverter = 192.0.2.1\nuser = x\n",
		     "the user and the password of an [upstream NAME] go together");
	expect_error(GATEWAY "converter = 192.0.2.1\nuser = x\n" LINK, "gateway.user and gateway.password go together");
	expect_error(GATEWAY "signalling = route\n" LINK "[upstream a]\nconverter = 192.0.2.1\n",
		     "the converter has no address for us");
	expect_error(GATEWAY "signalling = route\nconverter = dhcp\n" LINK, "the converter has no address for us");
	expect_error(GATEWAY "signalling = socks5\nconverter = dhcp\n" LINK,
		     "gateway.converter = dhcp goes with signalling = convert or plain");
	expect_error("[converter]\nallow = 192.0.2.0/24\n[upstream a]\nconverter = 192.0.2.1\n",
		     "there are [upstream NAME] sections but no [gateway]");
	for (int i = 0; i <= CONF_UPSTREAMS; i++)
		snprintf(many + strlen(many), sizeof(many) - strlen(many), "[upstream u%d]\nconverter = 192.0.2.1%d\n",
			 i, i);
	expect_error(many, "found one more upstream, wanted at most 8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_as_ever), cmocka_unit_test(several_in_their_order),
		cmocka_unit_test(sections_alone), cmocka_unit_test(dhcp_alone_or_behind),
		cmocka_unit_test(what_is_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
