/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit_show.h"

/* JSON, but for its quotes. */
static json_t *answer(const char *quoted)
{
	char text[1024];
	json_error_t error;
	json_t *out;

	assert_true(strlen(quoted) < sizeof(text));
	strcpy(text, quoted);
	for (char *at = text; *at; at++)
		*at = *at == '\'' ? '"' : *at;
	out = json_loads(text, 0, &error);
	if (!out)
		fail_msg("expected JSON, saw '%s': %s", text, error.text);
	return out;
}

static void a_list_without_rows_is_its_headers(void **state)
{
	unit_expect_shown(show_counters, answer("{'counters': []}"), "COUNTER  VALUE  WHAT\n");
	unit_expect_shown(show_mappings, answer("{}"), "OUTSIDE  HOST  SUBSCRIBER  LEFT  FILTERS\n");
}

static void counters_are_shown(void **state)
{
	unit_expect_shown(show_counters,
			  answer("{'counters': [{'name': 'intercepted', 'value': 12, 'help': 'taken on their way'}, "
				 "{'name': 'routed', 'value': 1234}]}"),
			  "COUNTER      VALUE  WHAT\n"
			  "intercepted     12  taken on their way\n"
			  "routed        1234  -\n");
}

static void sessions_are_shown(void **state)
{
	unit_expect_shown(show_sessions,
			  answer("{'sessions': [{'id': '0.1', 'state': 'relaying', 'direction': 'out', 'routed': true, "
				 "'source': '10.0.0.9:5', 'destination': '192.0.2.1:80', 'age_s': 2.5, 'up_bytes': 17, "
				 "'down_bytes': 1500, 'mptcp': true, 'links': [{'name': 'a', 'bytes_up': 1, "
				 "'bytes_down': 2}, {'name': 'b', 'bytes_up': 0, 'bytes_down': 0}]},{'id': '0.2', "
				 "'state': 'held', 'direction': 'in', 'mptcp': false, 'links': []},{'id': '0.3', "
				 "'state': 'relaying', 'direction': 'out', 'pieces': true, 'mptcp': false, 'links': "
				 "[]}]}"),
			  "SESSION  STATE     WAY          SOURCE      DESTINATION     AGE    UP    DOWN  MULTIPATH  LINKS\n"
			  "0.1      relaying  out, routed  10.0.0.9:5  192.0.2.1:80  2.5 s  17 B  1.5 kB  yes        a 3 B, b 0 B\n"
			  "0.2      held      in           -           -             0.0 s   0 B     0 B  no         \n"
			  "0.3      relaying  out          -           -             0.0 s   0 B     0 B  pieces     \n");
}

static void links_are_shown_and_why_they_are_closed(void **state)
{
	unit_expect_shown(show_links,
			  answer("{'links': [{'name': 'dsl', 'interface': 'ppp0', 'state': 'up', 'since_s': 60, "
				 "'address_v4': '192.0.2.2', 'rx_bytes': 1000, 'tx_bytes': 2, 'subflows': 3, "
				 "'sessions_first': 4, 'notes': '', 'why': '', 'health': {'state': 'good', 'since_s': "
				 "50, 'rtt_ms': 20.5, 'least_rtt_ms': 20, 'loss_percent': 0.5, 'down_bps': "
				 "5000000}},{'name': 'lte', 'interface': 'wwan0', 'state': 'no interface', 'since_s': "
				 "2, 'address_v4': null, 'address_v6': null, 'cost': 10, 'closed': true, 'notes': '', "
				 "'why': 'nothing was held back'}, {'name': 'sat', 'aside': true, 'why': 'it is slow', "
				 "'notes': ''}]}"),
			  "LINK  INTERFACE  STATE         SINCE  ADDRESS    RECEIVED  SENT  SUBFLOWS  FIRST     RTT / LEAST   LOSS        DOWN  UP  CAP  NOTES\n"
			  "dsl   ppp0       good          50 s   192.0.2.2    1.0 kB   2 B         3      4  20.5 / 20.0 ms  0.5 %  5.0 Mbit/s           \n"
			  "lte   wwan0      no interface  2.0 s  -               0 B   0 B         0      0                                              costs 10, closed\n"
			  "sat   -          -             0.0 s  -               0 B   0 B         0      0                                              stands aside\n"
			  "lte is closed: nothing was held back\nsat stands aside: it is slow\n");
	unit_expect_shown(show_links, answer("{'links': []}"),
			  "a converter has no links of its own; sessions and why have its gateways' addresses\n"
			  "LINK  INTERFACE  STATE  SINCE  ADDRESS  RECEIVED  SENT  SUBFLOWS  FIRST  RTT / LEAST  LOSS  DOWN  UP  CAP  NOTES\n");
}

static void why_is_shown(void **state)
{
	unit_expect_shown(show_why,
			  answer("{'id': '0.1', 'source': 's', 'destination': 'd', 'state': 'relaying', 'verdict': "
				 "'all is well', 'seen_as': '203.0.113.5:9', 'subflows': [{'link': 'a', 'state': 'up', "
				 "'local': 'l', 'remote': 'r', 'rtt_ms': 1.25, 'bytes_sent': 1, 'bytes_received': 2, "
				 "'retransmitted_bytes': 3, 'backup': true, 'last_error': 'none'},{'link': 'b', "
				 "'state': 'up', 'local': 'l', 'remote': 'r', 'rtt_ms': 1.25, 'bytes_sent': 1, "
				 "'bytes_received': 2, 'retransmitted_bytes': 3, 'congestion': 'bbr', 'last_error': "
				 "''}]}"),
			  "0.1: s to d, relaying\nall is well\nthe destination sees 203.0.113.5:9\n"
			  "LINK  STATE  LOCAL  REMOTE     RTT  SENT  RECEIVED  SENT AGAIN  NOTES\n"
			  "a     up     l      r       1.2 ms   1 B       2 B         3 B  backup none\n"
			  "b     up     l      r       1.2 ms   1 B       2 B         3 B  bbr\n");
}

static void subscribers_are_shown(void **state)
{
	unit_expect_shown(show_subscribers,
			  answer("{'subscribers': [{'name': 'home', 'configured': true, 'sessions': 2, 'opened': 3, "
				 "'refused': {'max_sessions': 4, 'max_new_per_s': 5, 'volume': 6}, 'limits': "
				 "{'max_sessions': 7, 'rate_mbit': 8, 'volume_mb_per_day': 9}, 'up_bytes': 10, "
				 "'down_bytes': 11, 'day_bytes': 12, 'month_bytes': 13, 'seen_as': {'address_v4': "
				 "'203.0.113.7', 'prefix': '2001:db8:7::/48'}}, {'name': 'gone', 'configured': false, "
				 "'seen_as': {'address_v6': '2001:db8::7'}}]}"),
			  "SUBSCRIBER             SESSIONS  OPENED  OVER SESSIONS  OVER NEW/S  OVER VOLUME      RATE    UP  DOWN           TODAY  THIS MONTH  SEEN AS\n"
			  "home                     2 of 7       3              4           5            6  8 Mbit/s  10 B  11 B  12 B of 9.0 MB        13 B  203.0.113.7, 2001:db8:7::/48\n"
			  "gone (not configured)    0 of 0       0              0           0            0             0 B   0 B             0 B         0 B  2001:db8::7\n");
}

static void mappings_are_shown(void **state)
{
	unit_expect_shown(show_mappings,
			  answer("{'mappings': [{'external': 'e', 'internal': 'i', 'subscriber': 's', 'left_s': null, "
				 "'filters': []}, {'external': 'e2', 'internal': 'i2', 'subscriber': 's2', 'left_s': "
				 "60, 'filters': [1, 2]}]}"),
			  "OUTSIDE  HOST  SUBSCRIBER      LEFT  FILTERS\n"
			  "e        i     s           for ever        0\n"
			  "e2       i2    s2              60 s        2\n");
}

static void forwards_are_shown(void **state)
{
	unit_expect_shown(show_forwards,
			  answer("{'forwards': [{'name': 'ssh', 'host': 'h', 'external': 'e', 'left_s': 60, 'refused': "
				 "''}, {'name': 'web', 'host': 'h', 'external': null, 'left_s': 60, 'refused': 'no "
				 "resources'}]}"),
			  "FORWARD  HOST  OUTSIDE   LEFT  NOTES\n"
			  "ssh      h     e         60 s  \n"
			  "web      h     none yet        no resources\n");
}

#define STATUS \
	"{'version': '0.1.0', 'roles': 'gateway', 'pid': 7, 'uptime_s': 90, 'sessions': 2, 'half_open': 1, " \
	"'workers': 4, 'accepting': true, 'kernel': [],"
#define STATUS_SHOWN "version    0.1.0, gateway, pid 7, 4 workers\nrunning    90 s\nsessions   2, and 1 being set up\n"
#define ONE \
	"'converters': [{'name': 'gateway.converter', 'addresses': ['203.0.113.5:5124', '[2001:db8::5]:5124'], " \
	"'used': true, 'answers': false, 'why': 'x'}]"

static void status_says_what_keeps_hosts_away(void **state)
{
	unit_expect_shown(show_status,
			  answer(STATUS " 'converter': {'reachable': true, 'signalling': 'convert', 'peer': 'braid', "
					ONE "}, 'lan': [{'interface': 'lan0', 'why': ''}, {'interface': 'eth9', "
					       "'why': 'there is none'}]}"),
			  STATUS_SHOWN "converter  answers: connections are bonded by convert\n"
				       "hosts      come by lan0, eth9 (there is none)\n");
}

static void status_says_what_to_look_at(void **state)
{
	static const struct { const char *why, *shown; } cases[] = {
		{ "", "has not answered yet" },
		{ "it doesn't answer", "does not answer (is that its address, and its TCP port open in the firewalls "
				       "on the way?)" },
		{ "connection refused", "does not answer (connection refused; does braidd run there, with this port in "
					"converter.listen?)" },
		{ "not authorised", "does not let us in (not authorised; is our gateway.key that of a [subscriber "
				    "NAME] there, and are both clocks right?)" },
		{ "timed out", "does not answer (timed out)" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		json_t *result = answer(STATUS " 'converter': {'reachable': false, " ONE "}}");
		char expected[512];

		json_object_set_new(json_object_get(result, "converter"), "why", json_string(cases[i].why));
		snprintf(expected, sizeof(expected),
			 STATUS_SHOWN "converter  203.0.113.5:5124, [2001:db8::5]:5124 %s: new connections go the "
				      "ordinary way\n", cases[i].shown);
		unit_expect_shown(show_status, result, expected);
	}
}

static void status_says_who_is_served(void **state)
{
	unit_expect_shown(show_status,
			  answer(STATUS " 'serves': {'listen': ['[::]:5124', '192.0.2.1:443'], 'subscribers': 1}, "
					"'host': {'chooses': false, 'takes': false, 'socks': ['127.0.0.1:1080', "
					"'[::1]:1080']}}"),
			  STATUS_SHOWN "serves     1 subscriber, at [::]:5124, 192.0.2.1:443\n"
				       "host       no connections are taken; SOCKS5 at 127.0.0.1:1080, [::1]:1080\n");
}

static void status_says_when_it_warned(void **state)
{
	unit_expect_shown(show_status, answer(STATUS " 'warnings': ['one', 'other'], 'warned_s': [7300, 3]}"),
			  STATUS_SHOWN "warning    2 h ago: one\nwarning    3.0 s ago: other\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_without_rows_is_its_headers),
		cmocka_unit_test(counters_are_shown),
		cmocka_unit_test(sessions_are_shown),
		cmocka_unit_test(links_are_shown_and_why_they_are_closed),
		cmocka_unit_test(why_is_shown),
		cmocka_unit_test(subscribers_are_shown),
		cmocka_unit_test(mappings_are_shown),
		cmocka_unit_test(forwards_are_shown),
		cmocka_unit_test(status_says_what_keeps_hosts_away),
		cmocka_unit_test(status_says_what_to_look_at),
		cmocka_unit_test(status_says_who_is_served),
		cmocka_unit_test(status_says_when_it_warned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
