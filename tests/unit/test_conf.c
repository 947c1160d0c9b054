/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit_conf.h"

#define GATEWAY "[gateway]\nlan = lan0\nconverter = 192.0.2.1\n[link a]\ninterface = wan0\n"
#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define OTHER_KEY "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void a_section_without_keys_counts(void **state)
{
	struct conf *conf = conf_of("[converter]\n[subscriber a]\nkey = " KEY "\n");

	assert_true(conf->converter.enabled);
	assert_int_equal(conf->n_subscribers, 1);
	assert_int_equal(conf->converter.listen[0].port, CONF_PORT_CONVERT);
	conf_freep(&conf);
}

static void a_section_goes_on_after_another_head(void **state)
{
	struct conf *conf = conf_of("[gateway]\nlan = lan0\n[gateway]\nconverter = 192.0.2.1\n[link a]\n"
				    "interface = wan0\n[log]\n");

	assert_int_equal(conf->gateway.n_lan, 1);
	assert_int_equal(conf->gateway.n_converter, 1);
	conf_freep(&conf);
}

static void defaults_of_lists_give_way(void **state)
{
	struct conf *conf = conf_of("[converter]\nallow = 192.0.2.0/24\n 198.51.100.0/24\nlisten = 192.0.2.1:1\n"
				    "listen = 192.0.2.2:2\nallow = ::1\n");

	assert_int_equal(conf->converter.n_listen, 2);
	assert_int_equal(conf->converter.listen[0].port, 1);
	assert_int_equal(conf->converter.n_allow, 3);
	conf_freep(&conf);
}

static void schemes_are_named(void **state)
{
	struct conf *conf = conf_of("[converter]\nallow = 192.0.2.0/24\n");

	assert_int_equal(conf->converter.signalling, 1u << CONF_SIGNALLING_CONVERT);
	conf_freep(&conf);
	conf = conf_of(GATEWAY);
	assert_int_equal(conf->gateway.signalling, CONF_SIGNALLING_CONVERT);
	conf_freep(&conf);
	conf = conf_of("[gateway]\nsignalling = plain\n" GATEWAY);
	assert_int_equal(conf->gateway.signalling, CONF_SIGNALLING_PLAIN);
	conf_freep(&conf);
	conf = conf_of("[converter]\nallow = 192.0.2.0/24\nsignalling = convert\nsignalling = plain, convert\n");
	assert_int_equal(conf->converter.signalling, 1u << CONF_SIGNALLING_CONVERT | 1u << CONF_SIGNALLING_PLAIN);
	conf_freep(&conf);
	conf = conf_of(GATEWAY "[converter]\nallow = 192.0.2.0/24\nsignalling = plain\n");
	assert_int_equal(conf->converter.signalling, 1u << CONF_SIGNALLING_PLAIN);
	assert_true(conf->gateway.enabled && conf->gateway.n_lan == 1);
	conf_freep(&conf);
	expect_error("[converter]\nallow = ::1\nsignalling = pigeons\n",
		     "x:3: converter.signalling: found 'pigeons', wanted some of convert, plain, socks5 or route");
	expect_error("[converter]\nallow = ::1\nsignalling = convert, pigeons\n", "x:3: converter.signalling: found");
	expect_error("[converter]\nallow = ::1\nsignalling = ,\n", "x:3: converter.signalling: found ','");
	expect_error("[gateway]\nsignalling = convert, convert\n",
		     "x:2: gateway.signalling: found 'convert, convert', wanted convert, plain, socks5 or route");
}

static void races_are_named(void **state)
{
	static const struct { const char *text; enum race_mode mode; } cases[] = {
		{ GATEWAY, RACE_OFF }, { "[gateway]\nsyn_race = off\n" GATEWAY, RACE_OFF },
		{ "[gateway]\nsyn_race = on\n" GATEWAY, RACE_ON },
		{ "[gateway]\nsyn_race = auto\n" GATEWAY, RACE_AUTO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct conf *conf = conf_of(cases[i].text);

		assert_int_equal(conf->gateway.syn_race, cases[i].mode);
		conf_freep(&conf);
	}
	expect_error("[gateway]\nsyn_race = yes\n", "x:2: gateway.syn_race: found 'yes', wanted off, on or auto");
}

static void sections_may_be_indented(void **state)
{
	struct conf *conf = conf_of("  [converter]\nallow = 192.0.2.0/24\n");

	assert_true(conf->converter.enabled);
	conf_freep(&conf);
	conf = conf_of("[gateway]\n  lan = lan0\n  converter = 192.0.2.1\n\t[2001:db8::1]:443\n  [link a]\n"
		       "\tinterface=wan0\n    backup\t= yes\n  [converter]\n  [subscriber b]\n  key = " KEY "\n");
	assert_int_equal(conf->gateway.n_converter, 2);   /* an address in brackets goes on with the value */
	assert_true(conf->links[0].backup && conf->converter.enabled && conf->n_subscribers == 1);
	conf_freep(&conf);
	expect_error("[gateway]\n  lan = lan0\n  convertr = 192.0.2.1\n",
		     "x:3: found unknown key 'convertr' in [gateway]; braidd");
}

static void comments_may_follow(void **state)
{
	struct conf *conf = conf_of("[gateway] # home\nlan = lan0\t# upstairs\n   # and\n lan1 ; and\n"
				    "converter = 192.0.2.1 # [link b] = 3\n# = 4\n[link a]\ninterface = wan0 ; # DSL\n");

	assert_int_equal(conf->gateway.n_converter, 1);
	assert_int_equal(conf->n_links, 1);
	assert_string_equal(conf->links[0].interface, "wan0");
	conf_freep(&conf);
	expect_error("[converter]\n[subscriber a]\npassword = a #b\n",
		     "x:3: subscriber a.password: found '#' behind a blank");
	conf = conf_of("[converter]\n[subscriber a]\npassword = a#b\n");
	assert_string_equal(conf->subscribers[0].password, "a#b");
	conf_freep(&conf);
}

/* As an editor of another system writes it. */
static void lines_may_end_otherwise(void **state)
{
	struct conf *conf = conf_of("[gateway]\r\n\r\nlan = lan0\r\nconverter = 192.0.2.1,\r\n  2001:db8::1\r\n"
				    "[link a]\r\ninterface = wan0\r\n; end\r\n");

	assert_int_equal(conf->gateway.n_converter, 2);
	assert_string_equal(conf->links[0].interface, "wan0");
	conf_freep(&conf);
}

static void what_was_meant_is_guessed(void **state)
{
	expect_error("[gateway]\ninterface = wan0\n",
		     "found unknown key 'interface' in [gateway], which is one of [link NAME]; braidd");
	expect_error("[converter]\nkey = " KEY "\n",
		     "found unknown key 'key' in [converter], which is one of [gateway], [upstream NAME], [subscriber "
		     "NAME]; braidd");
	expect_error("[gateway]\n\xc2\xa0lan = lan0\n", " (something in it isn't ASCII); braidd");
	expect_error("[gateway]\nlan = \xe2\x80\x9clan0\xe2\x80\x9d\n", "' (something in it isn't ASCII), wanted");
	expect_error("[gateway]\nlan = \"lan0\"\n", "' (values have no quotation marks), wanted");
	expect_error("[gateway]\nconverter = vps.example.com\n",
		     "found 'vps.example.com' (names aren't looked up), wanted at most 2 addresses");
	expect_error("[gateway]\nconverter = fe80::1%wan0\n", "found 'fe80::1%wan0', wanted");
	expect_error("[gateway]\nkey = 123\n", "gateway.key: found '...' (3 characters), wanted 64 hex digits");
}

static void a_subscriber_has_limits(void **state)
{
	struct conf *conf = conf_of("[converter]\n[subscriber a]\nkey = " KEY "\n"
				    "[subscriber b]\nkey = " OTHER_KEY "\nmax_sessions = 7\n"
				    "max_new_per_s = 20\nmax_new_burst = 40\nrate_mbit = 100000\nvolume_mb_per_day = 4294967295\nvolume_mb_per_month = 5\n");
	const struct conf_subscriber *a = &conf->subscribers[0], *b = &conf->subscribers[1];

	assert_true(!a->max_new_per_s && !a->rate_mbit && !a->volume_mb_per_day && !a->volume_mb_per_month);
	assert_int_equal(a->max_sessions, 8000);
	assert_int_equal(a->max_new_burst, 100);
	assert_int_equal(b->max_sessions, 7);
	assert_int_equal(b->max_new_per_s, 20);
	assert_int_equal(b->max_new_burst, 40);
	assert_int_equal(b->rate_mbit, 100000);
	assert_int_equal(b->volume_mb_per_day, UINT32_MAX);
	assert_int_equal(b->volume_mb_per_month, 5);
	conf_freep(&conf);
}

static void mappings_have_an_address_and_ports(void **state)
{
	struct conf *conf = conf_of("[converter]\nmapping_address = 192.0.2.1\nmapping_ports = 1-5123\n[subscriber a]\n"
				    "key = " KEY "\nmax_mappings = 7\n");
	struct conf *other = conf_of("[converter]\nmapping_address = 2001:db8::1\n[subscriber a]\nkey = " KEY "\n");
	char restart[200];

	assert_true(address_is_v4(&conf->converter.mapping_address));
	assert_int_equal(conf->converter.mapping_ports.first, 1);
	assert_int_equal(conf->converter.mapping_ports.last, 5123);
	assert_int_equal(conf->subscribers[0].max_mappings, 7);
	assert_false(address_is_v4(&other->converter.mapping_address));
	assert_int_equal(other->converter.mapping_ports.first, 20000);
	assert_int_equal(other->converter.mapping_ports.last, 29999);
	assert_int_equal(other->subscribers[0].max_mappings, 100);
	assert_int_equal(other->subscribers[0].max_host_mappings, 16);
	conf_restart_needed(conf, other, restart, sizeof(restart));
	assert_string_equal(restart, "converter.mapping_address, converter.mapping_ports");
	conf_restart_needed(conf, conf, restart, sizeof(restart));
	assert_string_equal(restart, "");
	conf_freep(&conf);
	conf_freep(&other);
}

static void what_is_no_range_of_ports(void **state)
{
	static const char *const texts[] = { "20000", "20000-", "-20000", "200000-200001", "20001-20000", "0-1",
					     "1-65536", "000020000-20001", "a-b", "1-2-3" };
	char text[160];

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		snprintf(text, sizeof(text), "[converter]\nmapping_ports = %s\nallow = ::1\n", texts[i]);
		expect_error(text, "wanted a range of ports like 20000-29999");
	}
	expect_error("[converter]\nmapping_address = 192.0.2.1:80\nallow = ::1\n", "an IP address without a port");
	expect_error("[converter]\nmapping_address = 0.0.0.0\nallow = ::1\n", "an IP address without a port");
	expect_error("[converter]\nmapping_address = ::\nallow = ::1\n", "an IP address without a port");
	expect_error("[converter]\nmapping_address = 192.0.2.1\nmapping_ports = 5124-5125\nallow = ::1\n",
		     "a port of converter.listen is one of");
	expect_error("[converter]\nmapping_address = 192.0.2.1\nmapping_ports = 1-5124\nallow = ::1\n",
		     "a port of converter.listen is one of");
	expect_error("[converter]\nmapping_least_s = 9\nmapping_most_s = 8\nallow = ::1\n",
		     "converter.mapping_least_s is more than");
}

static void a_key_is_one_subscribers(void **state)
{
	expect_error("[converter]\n[subscriber a]\nkey = " KEY "\n[subscriber b]\nkey = " OTHER_KEY "\n"
		     "[subscriber c]\nkey = " KEY "\n",
		     "x: two subscribers have the same key");
	expect_error("[converter]\n[subscriber a]\nkey = " KEY "\nmax_new_burst = 0\n",
		     "x:4: subscriber a.max_new_burst: found '0', wanted 1..1000000");
}

static void a_subscriber_has_a_key_or_a_password(void **state)
{
	struct conf *conf = conf_of("[converter]\nsignalling = socks5\nbind_ports = 7000-7009\n[subscriber a]\n"
				    "password = correct horse\n[subscriber b]\npassword = correct horse\nkey = " KEY "\n");

	assert_false(conf->subscribers[0].has_key);
	assert_string_equal(conf->subscribers[0].password, "correct horse");
	assert_true(conf->subscribers[1].has_key);
	assert_int_equal(conf->converter.signalling, 1 << CONF_SIGNALLING_SOCKS5);
	assert_int_equal(conf->converter.bind_ports.first, 7000);
	conf_freep(&conf);
	expect_error("[converter]\n[subscriber a]\n[subscriber b]\nkey = " KEY "\n",
		     "x: a subscriber has neither a key nor a password");
	expect_error("[converter]\nbind_ports = 5000-6000\n[subscriber a]\nkey = " KEY "\n",
		     "a port of converter.listen is one of converter.bind_ports");
	expect_error("[converter]\nbind_ports = 7000-7009\nmapping_address = 192.0.2.1\nmapping_ports = 7009-7020\n"
		     "[subscriber a]\nkey = " KEY "\n", "have ports in common");
	expect_error("[converter]\nbind_ports = 7009-7020\nmapping_address = 192.0.2.1\nmapping_ports = 7000-7009\n"
		     "[subscriber a]\nkey = " KEY "\n", "have ports in common");
	/* none are given */
	conf = conf_of("[converter]\nbind_ports = 7000-7009\nmapping_ports = 7000-7009\n[subscriber a]\n"
		       "key = " KEY "\n");
	conf_freep(&conf);
	conf = conf_of(GATEWAY "[gateway]\nsignalling = socks5\nuser = home\npassword = x\npipelined = yes\n");
	assert_int_equal(conf->gateway.signalling, CONF_SIGNALLING_SOCKS5);
	assert_string_equal(conf->gateway.user, "home");
	assert_int_equal(conf->gateway.pipelined, CONF_PIPELINED_YES);
	conf_freep(&conf);
	expect_error("[converter]\n[subscriber a]\npassword = " KEY KEY "\n",
		     "x:3: subscriber a.password: found '...', wanted a text of 0 to 127 bytes");
	conf = conf_of("[converter]\nsignalling = socks5 ; alone\n[subscriber a]\n; his\npassword = a;b\n");
	assert_string_equal(conf->subscribers[0].password, "a;b");
	conf_freep(&conf);
	expect_error("[converter]\n[subscriber a]\npassword = a ;b\n",
		     "x:3: subscriber a.password: found ';' behind a blank, where a comment begins");
	expect_error("[converter]\n[subscriber a]\npassword =\t;b\n",
		     "x:3: subscriber a.password: found ';' behind a blank");
	expect_error("[converter]\n[subscriber a]\npassword = a ; my own\n",
		     "x:3: subscriber a.password: found ';' behind a blank");
	expect_error(GATEWAY "[gateway]\nuser = a ;b\npassword = c\n", "gateway.user: found ';' behind a blank");
	expect_error(GATEWAY "[gateway]\nuser = home\n", "x: gateway.user and gateway.password go together");
	expect_error(GATEWAY "[gateway]\npassword = home\n", "x: gateway.user and gateway.password go together");
}

#define HOME "[converter]\nlisten = 203.0.113.5:5124\n[subscriber home]\nkey = " KEY "\n"
#define WEB "[forward web]\nsubscriber = home\nlisten = 203.0.113.5:8080\nhost = 192.168.1.10\n"

static void a_forward_says_where_to(void **state)
{
	struct conf *conf = conf_of(WEB HOME "max_inbound_waiting = 9\n[forward mail]\nsubscriber = home\n"
				    "listen = [2001:db8::5]:25\nhost = 2001:db8:1::10\nport = 2525\n"
				    "accept = faithful\nmax_waiting = 3\nmax_new_per_s = 4\n");
	const struct conf_forward *web = &conf->forwards[0], *mail = &conf->forwards[1];
	char text[ADDRESS_TEXT_BYTES];

	assert_int_equal(conf->n_forwards, 2);
	assert_string_equal(web->name, "web");
	assert_string_equal(web->subscriber, "home");
	assert_string_equal(address_format(&web->listen, text), "203.0.113.5:8080");
	assert_string_equal(address_format(&web->host, text), "192.168.1.10");
	assert_int_equal(web->port, 0);
	assert_int_equal(web->accept, CONF_FORWARD_EARLY);
	assert_int_equal(mail->accept, CONF_FORWARD_FAITHFUL);
	assert_int_equal(web->max_waiting, 256);
	assert_int_equal(web->max_new_per_s, 1000);
	assert_string_equal(address_format(&mail->host, text), "2001:db8:1::10");
	assert_int_equal(mail->port, 2525);
	assert_int_equal(mail->max_waiting, 3);
	assert_int_equal(mail->max_new_per_s, 4);
	assert_int_equal(conf->subscribers[0].max_inbound_waiting, 9);
	assert_int_equal(conf->subscribers[0].max_inbound_per_s, 2000);
	conf_freep(&conf);
}

static void forwards_that_make_no_sense(void **state)
{
	expect_error(GATEWAY WEB, "x: there are [forward NAME] sections but no [converter]");
	expect_error("[converter]\nallow = 192.0.2.0/24\n" WEB, "x: a [forward NAME] is for a subscriber that no");
	expect_error(HOME WEB "[forward other]\nsubscriber = home\nlisten = 203.0.113.5:8080\nhost = 192.168.1.11\n",
		     "x: two [forward NAME] sections listen");
	expect_error(HOME WEB WEB, "x:9: found a second section [forward web]");
	expect_error(HOME "[forward a]\nsubscriber = home\nlisten = 203.0.113.5:5124\nhost = 192.168.1.11\n",
		     "x: a [forward NAME] has an address and port that converter.listen has");
	expect_error("[converter]\nlisten = [::]:5124\n[subscriber home]\nkey = " KEY "\n[forward a]\n"
		     "subscriber = home\nlisten = 203.0.113.5:5124\nhost = 192.168.1.11\n",
		     "x: a [forward NAME] has an address and port that converter.listen has");
	expect_error("[converter]\nlisten = 0.0.0.0:5124\n[subscriber home]\nkey = " KEY "\n[forward a]\n"
		     "subscriber = home\nlisten = 203.0.113.5:5124\nhost = 192.168.1.11\n",
		     "x: a [forward NAME] has an address and port that converter.listen has");
	conf_freep(&(struct conf *){ conf_of("[converter]\nlisten = 0.0.0.0:5124\n[subscriber home]\n"
					     "key = " KEY "\n[forward a]\nsubscriber = home\nlisten = [2001:db8::5]:5124\n"
					     "host = 2001:db8:1::10\n") });
	expect_error(HOME "[forward a]\nsubscriber = home\nlisten = 203.0.113.5\nhost = 192.168.1.11\n",
		     "x:7: forward a.listen: found '203.0.113.5', wanted an IP address with a port");
	expect_error(HOME "[forward a]\nsubscriber = home\nlisten = [::]:80\nhost = 192.168.1.11\n",
		     "x:7: forward a.listen: found '[::]:80'");
	expect_error(HOME "[forward a]\nsubscriber = home\nlisten = 203.0.113.5:80\nhost = 192.168.1.11:80\n",
		     "x:8: forward a.host: found '192.168.1.11:80'");
	expect_error(HOME "[forward a]\nsubscriber = home\nhost = 192.168.1.11\n",
		     "x: a [forward NAME] with a subscriber needs listen");
}

#define KEYED "[gateway]\nkey = " KEY "\n"

static void a_gateway_asks_for_forwards(void **state)
{
	struct conf *conf = conf_of(GATEWAY KEYED "[forward web]\nhost = 192.168.1.10\nport = 80\n"
						  "external_port = 8080\n[forward mail]\nhost = 2001:db8::10\nport = 25\n");

	assert_int_equal(conf->n_forwards, 0);
	assert_int_equal(conf->n_asked, 2);
	assert_string_equal(conf->asked[0].name, "web");
	assert_int_equal(conf->asked[0].port, 80);
	assert_int_equal(conf->asked[0].external_port, 8080);
	assert_int_equal(conf->asked[1].external_port, 0);
	conf_freep(&conf);
}

static void what_a_gateway_cannot_ask_for(void **state)
{
	expect_error(HOME "[forward a]\nhost = 192.168.1.10\nport = 80\n",
		     "x: a [forward NAME] at a converter needs a subscriber");
	expect_error(GATEWAY "[forward a]\nhost = 192.168.1.10\nport = 80\n", "x: a [forward NAME] needs gateway.key");
	expect_error(GATEWAY KEYED "inbound = no\n[forward a]\nhost = 192.168.1.10\nport = 80\n",
		     "x: a [forward NAME] needs gateway.key, for the converter to know whose it is, and");
	expect_error(GATEWAY KEYED "[forward a]\nhost = 192.168.1.10\n", "x: a gateway's [forward NAME] needs port");
	expect_error(GATEWAY KEYED "[forward a]\nport = 80\n", "ends without the key 'host'");
	expect_error(GATEWAY KEYED "[forward a]\nhost = 192.168.1.10\nport = 80\nlisten = 192.0.2.1:80\n",
		     "x: listen is of a converter's");
	expect_error(GATEWAY KEYED "[forward a]\nhost = 192.168.1.10\nport = 80\naccept = faithful\n",
		     "x: accept is of a converter's");
	expect_error(GATEWAY KEYED "[forward a]\nhost = 192.168.1.10\nport = 80\n[forward b]\nhost = 192.168.1.10\n"
				   "port = 80\n", "x: two [forward NAME] sections have the same");
	expect_error(HOME WEB "external_port = 80\n", "x: external_port is of a gateway's");
}

static void hosts_that_may_be_reached(void **state)
{
	struct conf *conf = conf_of(GATEWAY "[gateway]\ninbound = no\ninbound_allow = 10.0.0.0/24, 2001:db8::/64\n");

	assert_false(conf->gateway.inbound);
	assert_int_equal(conf->gateway.n_inbound_allow, 2);
	conf_freep(&conf);
	conf = conf_of(GATEWAY);
	assert_true(conf->gateway.inbound);
	conf_freep(&conf);
}

static void a_link_has_a_cost_and_a_cap(void **state)
{
	struct conf *conf = conf_of(GATEWAY "cost = 10\nidle = left\ncap_bytes = 50G\ncap_period = day\n"
					    "cap_warn_percent = 70\ncap_stop_percent = 95\n[link b]\ninterface = wan1\n");

	assert_true(conf->links[0].cost == 10 && conf->links[0].idle == CONF_IDLE_LEFT &&
		    conf->links[0].cap_bytes == 50000000000);
	assert_true(conf->links[0].cap_period == CONF_PERIOD_DAY && conf->links[0].cap_warn_percent == 70 &&
		    conf->links[0].cap_stop_percent == 95);
	assert_true(!conf->links[1].cost && conf->links[1].idle == CONF_IDLE_JOINED && !conf->links[1].cap_bytes &&
		    conf->links[1].cap_period == CONF_PERIOD_MONTH);
	assert_true(conf->links[1].cap_warn_percent == 80 && conf->links[1].cap_stop_percent == 100 &&
		    conf->gateway.overflow_after_ms == 400);
	assert_true(conf->gateway.link_lossy_percent == 2 && conf->gateway.link_full_ms == 25 &&
		    conf->gateway.probe_idle_s == 300);
	assert_true(conf_has_costs(conf));
	conf_freep(&conf);
	conf = conf_of(GATEWAY "[link b]\ninterface = wan1\n");
	assert_false(conf_has_costs(conf));
	conf_freep(&conf);
}

static void a_link_of_low_rate_beside_others_is_a_backup(void **state)
{
	struct conf *conf = conf_of(GATEWAY "profile = lowrate\n[link b]\ninterface = wan1\nprofile = lowrate\n"
					    "[link c]\ninterface = wan2\nprofile = lowrate\nbackup = yes\n");

	assert_int_equal(conf->links[0].profile, CONF_PROFILE_LOWRATE);
	assert_true(!conf_link_is_backup(conf, 0) && !conf_link_is_backup(conf, 1) && conf_link_is_backup(conf, 2));
	conf_freep(&conf);
	conf = conf_of(GATEWAY "profile = lowrate\n[link b]\ninterface = wan1\nprofile = satellite\n[link c]\n"
			       "interface = wan2\n");
	assert_int_equal(conf->links[2].profile, CONF_PROFILE_AUTO);
	assert_true(conf_link_is_backup(conf, 0) && !conf_link_is_backup(conf, 1) && !conf_link_is_backup(conf, 2));
	conf_freep(&conf);
}

static void numbers_of_bytes(void **state)
{
	static const struct { const char *text; uint64_t expected; } sound[] = {
		{ "0", 0 }, { "17", 17 }, { "3k", 3000 }, { "20M", 20000000 }, { "1T", 1000000000000 },
		{ "1000000T", 1000000000000000000 },
	};
	static const char *const faults[] = { "", "G", "-1", " 1 G", "1.5G", "1g", "1GB", "1000001T",
					      "99999999999999999999", "0x10" };
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(sound); i++) {
		struct conf *conf;

		snprintf(text, sizeof(text), GATEWAY "cap_bytes = %s\n", sound[i].text);
		conf = conf_of(text);
		assert_true(conf->links[0].cap_bytes == sound[i].expected);
		conf_freep(&conf);
	}
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		snprintf(text, sizeof(text), GATEWAY "cap_bytes = %s\n", faults[i]);
		expect_error(text, "wanted a number of bytes like 50G");
	}
}

static void faults_are_told(void **state)
{
	expect_error("lan = lan0\n", "x:1: found key 'lan' before the first section");
	expect_error(GATEWAY "[bogus]\n", "x:6: found section [bogus]");
	expect_error(GATEWAY "[]\n", "x:6: found section []");
	expect_error(GATEWAY "[link b]\n", "section [link b] ends without the key 'interface'");
	expect_error(GATEWAY "[link a]\n", "x:6: found a second section [link a]");
	expect_error(GATEWAY "[link ]\n", "x:6: found section name ''");
	expect_error(GATEWAY "[log\n", "x:6: found no section");
	expect_error(GATEWAY "[log x]\n", "x:6: found section [log x], wanted [log]");
	expect_error("[converter]\n", "x: the converter would be open to the world");
	expect_error("[gateway]\nlan =\n", "x:2: gateway.lan: found ''");
	expect_error("[gateway]\nlan = lan0\nconverter = ,, ,\n", "x:3: gateway.converter: found ',, ,'");
	expect_error("[link a]\ninterface = ../../x\n", "x:2: link a.interface: found '../../x', wanted the name of");
	expect_error("[link a]\ninterface = ..\n", "found '..'");
	expect_error("[link a]\ninterface = sixteen-letters-\n", "found 'sixteen-letters-'");
	expect_error("[link a]\ninterface =\n", "found ''");
	expect_error("[gateway]\nlan = lan0, a/b\n", "x:2: gateway.lan: found 'lan0, a/b'");
	expect_error("", "neither [gateway] nor [converter]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_section_without_keys_counts),
		cmocka_unit_test(a_section_goes_on_after_another_head),
		cmocka_unit_test(defaults_of_lists_give_way),
		cmocka_unit_test(schemes_are_named),
		cmocka_unit_test(races_are_named),
		cmocka_unit_test(sections_may_be_indented),
		cmocka_unit_test(comments_may_follow),
		cmocka_unit_test(lines_may_end_otherwise),
		cmocka_unit_test(what_was_meant_is_guessed),
		cmocka_unit_test(a_subscriber_has_limits),
		cmocka_unit_test(mappings_have_an_address_and_ports),
		cmocka_unit_test(what_is_no_range_of_ports),
		cmocka_unit_test(a_key_is_one_subscribers),
		cmocka_unit_test(a_subscriber_has_a_key_or_a_password),
		cmocka_unit_test(a_forward_says_where_to),
		cmocka_unit_test(forwards_that_make_no_sense),
		cmocka_unit_test(a_gateway_asks_for_forwards),
		cmocka_unit_test(what_a_gateway_cannot_ask_for),
		cmocka_unit_test(hosts_that_may_be_reached),
		cmocka_unit_test(a_link_has_a_cost_and_a_cap),
		cmocka_unit_test(a_link_of_low_rate_beside_others_is_a_backup),
		cmocka_unit_test(numbers_of_bytes),
		cmocka_unit_test(faults_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
