/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is planned is written as text, one line a thing, and compared with what a person would write. */
#include "unit_address.h"

#include "policy/links.h"

#define DSL 2   /* ifindexes */
#define LTE 3
#define LAN 4

static struct links_want want;
static struct links_seen seen;
static struct links_plumbing plan, have;
static struct links_verdict verdicts[LINKS_MOST];

static void see_interface(const char *name, unsigned int ifindex)
{
	struct links_interface *interface = &seen.interfaces.at[seen.interfaces.n++];

	*interface = (struct links_interface){ .ifindex = ifindex, .up = true, .carrier = true };
	snprintf(interface->name, sizeof(interface->name), "%s", name);
}

static struct links_address *see_address(unsigned int ifindex, const char *ip, uint8_t n_bits)
{
	struct links_address *address = &seen.addresses.at[seen.addresses.n++];

	*address = (struct links_address){ .ifindex = ifindex, .ip = unit_address(ip), .global = true, .usable = true };
	address->n_bits = (uint8_t)(n_bits + (address_is_v4(&address->ip) ? 96 : 0));
	return address;
}

static void see_default(unsigned int ifindex, const char *via, uint32_t metric)
{
	struct links_route *route = &seen.defaults.at[seen.defaults.n++];

	*route = (struct links_route){ .ifindex = ifindex, .via = unit_address(via), .metric = metric };
	route->v6 = !address_is_v4(&route->via);
}

static void see_foreign(uint8_t id, const char *ip)
{
	seen.foreign.at[seen.foreign.n++] = (struct links_endpoint){ .id = id, .ip = unit_address(ip) };
}

static void want_link(const char *interface, bool backup)
{
	snprintf(want.link[want.n_links].interface, LINKS_NAME_BYTES, "%s", interface);
	want.link[want.n_links++].backup = backup;
}

/* Two links with IPv4, no LAN. */
static int two_links(void **state)
{
	memset(&want, 0, sizeof(want));
	memset(&seen, 0, sizeof(seen));
	memset(&verdicts, 0, sizeof(verdicts));
	want.route_table = 100;
	want.rule_priority = 1000;
	want.fwmark = 0xb4a1;
	want_link("dsl", false);
	want_link("lte", true);
	see_interface("dsl", DSL);
	see_interface("lte", LTE);
	see_address(DSL, "192.0.2.10", 24);
	see_address(LTE, "198.51.100.20", 30);
	see_default(DSL, "192.0.2.1", 10);
	see_default(LTE, "198.51.100.21", 20);
	return 0;
}

static void add_line(char *text, size_t n_text, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void add_line(char *text, size_t n_text, const char *format, ...)
{
	size_t n = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + n, n_text - n, format, args);
	va_end(args);
}

static void expect_plan(const char *expected)
{
	char text[8192] = "", to[ADDRESS_TEXT_BYTES], ip[ADDRESS_TEXT_BYTES];

	links_plan(&want, &seen, verdicts, &plan);
	for (size_t i = 0; i < plan.routes.n; i++) {
		const struct links_route *r = &plan.routes.at[i];

		add_line(text, sizeof(text), "route%s%s %u %s via %s dev %u\n", r->v6 ? "6" : "",
			 r->local ? " local" : "", r->table, prefix_format(&r->to, to),
			 address_is_unspecified(&r->via) ? "-" : address_format(&r->via, ip), r->ifindex);
	}
	for (size_t i = 0; i < plan.rules.n; i++) {
		const struct links_rule *r = &plan.rules.at[i];

		add_line(text, sizeof(text), "rule%s%s %u from %s mark %x table %u\n", r->v6 ? "6" : "",
			 r->iif_lo ? " lo" : "", r->priority,
			 address_is_unspecified(&r->from) ? "-" : address_format(&r->from, ip), r->fwmark, r->table);
	}
	for (size_t i = 0; i < plan.endpoints.n; i++) {
		const struct links_endpoint *e = &plan.endpoints.at[i];

		add_line(text, sizeof(text), "endpoint %u %s dev %u%s%s\n", e->id, address_format(&e->ip, ip),
			 e->ifindex, e->backup ? " backup" : "", e->fullmesh ? " fullmesh" : e->told ? " told" : "");
	}
	if (strcmp(text, expected))
		fail_msg("expected the plan\n%s\nsaw\n%s", expected, text);
}

static void expect_verdict(size_t i, enum links_state state, const char *v4, uint8_t id_v4, const char *v6,
			   uint8_t id_v6)
{
	char seen_v4[ADDRESS_TEXT_BYTES], seen_v6[ADDRESS_TEXT_BYTES];

	address_format(&verdicts[i].v4, seen_v4);
	address_format(&verdicts[i].v6, seen_v6);
	if (verdicts[i].state != state || strcmp(seen_v4, v4) || strcmp(seen_v6, v6) ||
	    verdicts[i].endpoint_id_v4 != id_v4 || verdicts[i].endpoint_id_v6 != id_v6)
		fail_msg("link %zu: expected state %d, %s id %u, %s id %u, saw state %d, %s id %u, %s id %u", i, state,
			 v4, id_v4, v6, id_v6, verdicts[i].state, seen_v4, verdicts[i].endpoint_id_v4, seen_v6,
			 verdicts[i].endpoint_id_v6);
}

#define DSL_ROUTES "route 101 192.0.2.0/24 via - dev 2\nroute 101 0.0.0.0/0 via 192.0.2.1 dev 2\n"
#define LTE_ROUTES "route 102 198.51.100.20/30 via - dev 3\nroute 102 0.0.0.0/0 via 198.51.100.21 dev 3\n"
#define DSL_RULE "rule 1001 from 192.0.2.10 mark 0 table 101\n"
#define LTE_RULE "rule 1002 from 198.51.100.20 mark 0 table 102\n"
#define DSL_ENDPOINT "endpoint 200 192.0.2.10 dev 2\n"
#define LTE_ENDPOINT "endpoint 202 198.51.100.20 dev 3 backup\n"
#define BOTH DSL_ROUTES LTE_ROUTES DSL_RULE LTE_RULE DSL_ENDPOINT LTE_ENDPOINT

static void a_link_has_table_rule_and_endpoint(void **state)
{
	expect_plan(BOTH);
	expect_verdict(0, LINKS_UP, "192.0.2.10", 200, "::", 0);
	expect_verdict(1, LINKS_UP, "198.51.100.20", 202, "::", 0);
	assert_int_equal(verdicts[1].ifindex, LTE);
	expect_plan(BOTH);   /* and again, from what the last plan left */
}

static void states_name_what_is_missing(void **state)
{
	seen.interfaces.n = 1;
	expect_plan(DSL_ROUTES DSL_RULE DSL_ENDPOINT);
	expect_verdict(1, LINKS_NO_INTERFACE, "::", 0, "::", 0);
	seen.interfaces.n = 2;
	seen.interfaces.at[1].up = false;
	expect_plan(DSL_ROUTES DSL_RULE DSL_ENDPOINT);
	expect_verdict(1, LINKS_NO_CARRIER, "::", 0, "::", 0);
	seen.interfaces.at[1].up = true;
	seen.addresses.n = 1;
	expect_plan(DSL_ROUTES DSL_RULE DSL_ENDPOINT);
	expect_verdict(1, LINKS_NO_ADDRESS, "::", 0, "::", 0);
	seen.addresses.n = 2;
	seen.defaults.n = 1;
	expect_plan(DSL_ROUTES DSL_RULE DSL_ENDPOINT);
	expect_verdict(1, LINKS_NO_ROUTE, "::", 0, "::", 0);
}

static void without_carrier_the_endpoint_alone_goes(void **state)
{
	seen.interfaces.at[0].carrier = false;
	expect_plan(DSL_ROUTES LTE_ROUTES DSL_RULE LTE_RULE LTE_ENDPOINT);
	expect_verdict(0, LINKS_NO_CARRIER, "192.0.2.10", 0, "::", 0);
	expect_verdict(1, LINKS_UP, "198.51.100.20", 202, "::", 0);
}

static void the_next_hop_is_configured_or_the_cheapest_default(void **state)
{
	see_default(DSL, "192.0.2.2", 5);
	see_default(DSL, "192.0.2.3", 7);
	see_default(LAN, "192.0.2.4", 1);   /* over another interface */
	want.link[1].next_hop_v4 = unit_address("198.51.100.22");
	expect_plan("route 101 192.0.2.0/24 via - dev 2\nroute 101 0.0.0.0/0 via 192.0.2.2 dev 2\n"
		    "route 102 198.51.100.20/30 via - dev 3\nroute 102 0.0.0.0/0 via 198.51.100.22 dev 3\n"
		    DSL_RULE LTE_RULE DSL_ENDPOINT LTE_ENDPOINT);
	seen.interfaces.at[1].point_to_point = true;
	seen.defaults.n = 1;
	want.link[1].next_hop_v4 = unit_address("::");
	expect_plan(DSL_ROUTES "route 102 198.51.100.20/30 via - dev 3\nroute 102 0.0.0.0/0 via - dev 3\n"
		    DSL_RULE LTE_RULE DSL_ENDPOINT LTE_ENDPOINT);
}

static void a_full_or_empty_prefix_is_no_route(void **state)
{
	seen.addresses.at[0].n_bits = 128;
	seen.addresses.at[1].n_bits = 96;
	expect_plan("route 101 0.0.0.0/0 via 192.0.2.1 dev 2\nroute 102 0.0.0.0/0 via 198.51.100.21 dev 3\n"
		    DSL_RULE LTE_RULE DSL_ENDPOINT LTE_ENDPOINT);
	seen.addresses.at[0].n_bits = 255;   /* no prefix has that many */
	expect_plan("route 101 0.0.0.0/0 via 192.0.2.1 dev 2\nroute 102 0.0.0.0/0 via 198.51.100.21 dev 3\n"
		    DSL_RULE LTE_RULE DSL_ENDPOINT LTE_ENDPOINT);
}

static void the_best_address_is_taken_and_kept(void **state)
{
	struct links_address *other;

	want.n_links = 1;
	see_address(DSL, "192.0.2.5", 24)->secondary = true;
	see_address(DSL, "192.0.2.6", 24)->deprecated = true;
	see_address(DSL, "192.0.2.7", 24)->usable = false;
	see_address(DSL, "192.0.2.8", 24)->global = false;
	expect_plan(DSL_ROUTES DSL_RULE DSL_ENDPOINT);
	other = see_address(DSL, "192.0.2.9", 24);
	expect_plan(DSL_ROUTES DSL_RULE DSL_ENDPOINT);
	seen.addresses.at[0].deprecated = true;   /* now the other is better */
	expect_plan(DSL_ROUTES "rule 1001 from 192.0.2.9 mark 0 table 101\nendpoint 200 192.0.2.9 dev 2\n");
	seen.addresses.at[0].deprecated = false;   /* equals again: the one in use stays though it comes later */
	expect_plan(DSL_ROUTES "rule 1001 from 192.0.2.9 mark 0 table 101\nendpoint 200 192.0.2.9 dev 2\n");
	other->usable = false;
	expect_plan(DSL_ROUTES DSL_RULE DSL_ENDPOINT);
}

#define DSL6_ROUTES "route6 101 2001:db8:1::/64 via - dev 2\nroute6 101 ::/0 via fe80::1 dev 2\n"
#define DSL6_RULE "rule6 1001 from 2001:db8:1::10 mark 0 table 101\n"

static void both_families_of_a_link(void **state)
{
	see_address(DSL, "fd00::10", 64);   /* worth less than a global one */
	see_address(DSL, "2001:db8:1::10", 64);
	see_address(LTE, "2001:db8:2::20", 64);
	see_default(DSL, "fe80::1", 1024);
	expect_plan(DSL_ROUTES DSL6_ROUTES LTE_ROUTES DSL_RULE DSL6_RULE LTE_RULE
		    DSL_ENDPOINT LTE_ENDPOINT "endpoint 201 2001:db8:1::10 dev 2\n");
	expect_verdict(0, LINKS_UP, "192.0.2.10", 200, "2001:db8:1::10", 201);
	expect_verdict(1, LINKS_UP, "198.51.100.20", 202, "::", 0);
	want.link[1].next_hop_v6 = unit_address("fe80::2");
	expect_plan(DSL_ROUTES DSL6_ROUTES LTE_ROUTES "route6 102 2001:db8:2::/64 via - dev 3\n"
						      "route6 102 ::/0 via fe80::2 dev 3\n"
		    DSL_RULE DSL6_RULE LTE_RULE "rule6 1002 from 2001:db8:2::20 mark 0 table 102\n"
		    DSL_ENDPOINT LTE_ENDPOINT "endpoint 201 2001:db8:1::10 dev 2\n"
					      "endpoint 203 2001:db8:2::20 dev 3 backup\n");
}

static void a_link_of_ipv6_alone(void **state)
{
	want.n_links = 1;
	seen.addresses.n = 0;
	see_address(DSL, "2001:db8:1::10", 64);
	expect_plan("");
	expect_verdict(0, LINKS_NO_ROUTE, "::", 0, "::", 0);
	see_default(DSL, "fe80::1", 1024);
	expect_plan(DSL6_ROUTES DSL6_RULE "endpoint 201 2001:db8:1::10 dev 2\n");
	expect_verdict(0, LINKS_UP, "::", 0, "2001:db8:1::10", 201);
}

#define LAN_RULES "rule lo 1000 from - mark b4a1 table 254\nrule 1009 from - mark b4a1 table 100\n" \
	"rule6 lo 1000 from - mark b4a1 table 254\nrule6 1009 from - mark b4a1 table 100\n"
#define LOCAL_ROUTES "route local 100 0.0.0.0/0 via - dev 1\nroute6 local 100 ::/0 via - dev 1\n"

static void the_lan_is_intercepted_and_known_in_each_table(void **state)
{
	want.n_links = 1;
	see_interface("lan", LAN);
	see_address(LAN, "10.1.2.1", 16);
	see_address(LAN, "10.1.3.1", 16);   /* the same prefix: one route */
	see_address(LAN, "10.9.0.1", 16)->usable = false;
	see_address(LAN, "10.8.0.1", 16)->global = false;
	see_address(LAN, "fd00:1::1", 64);   /* the link has no IPv6 */
	snprintf(want.lan[want.n_lan++], LINKS_NAME_BYTES, "gone");
	expect_plan(DSL_ROUTES DSL_RULE DSL_ENDPOINT);   /* no loopback seen, no LAN there */
	snprintf(want.lan[want.n_lan++], LINKS_NAME_BYTES, "lan");
	seen.loopback = 1;
	expect_plan("route 101 192.0.2.0/24 via - dev 2\nroute 101 10.1.0.0/16 via - dev 4\n"
		    "route 101 0.0.0.0/0 via 192.0.2.1 dev 2\n"
		    LOCAL_ROUTES DSL_RULE LAN_RULES DSL_ENDPOINT);
	seen.interfaces.at[2].up = false;
	expect_plan(DSL_ROUTES LOCAL_ROUTES DSL_RULE LAN_RULES DSL_ENDPOINT);
	want.n_lan = 0;
	expect_plan(DSL_ROUTES DSL_RULE DSL_ENDPOINT);
	want.foreign_sources = true;   /* a converter's plumbing is the same */
	expect_plan(DSL_ROUTES LOCAL_ROUTES DSL_RULE LAN_RULES DSL_ENDPOINT);
	seen.loopback = 0;
	expect_plan(DSL_ROUTES DSL_RULE DSL_ENDPOINT);
}

/* What this machine sends itself has a link's address, so its mark is looked at before that. */
static void own_connections_are_led_to_us(void **state)
{
	want.n_links = 1;
	want.own_fwmark = 0x4b4a1;
	want.own_fwmask = 0xf0ffff;
	expect_plan(DSL_ROUTES DSL_RULE DSL_ENDPOINT);
	seen.loopback = 1;
	expect_plan(DSL_ROUTES LOCAL_ROUTES DSL_RULE
		    "rule lo 1000 from - mark b4a1 table 254\nrule lo 1000 from - mark 4b4a1 table 100\nrule 1009 from - mark b4a1 table 100\n"
		    "rule6 lo 1000 from - mark b4a1 table 254\nrule6 lo 1000 from - mark 4b4a1 table 100\nrule6 1009 from - mark b4a1 table 100\n" DSL_ENDPOINT);
	for (size_t i = 0; i < plan.rules.n; i++)
		assert_int_equal(plan.rules.at[i].fwmask, plan.rules.at[i].fwmark == 0x4b4a1 ? 0xf0ffff : 0);
}

static void other_peoples_endpoints_are_used_not_made(void **state)
{
	see_foreign(3, "192.0.2.10");
	expect_plan(DSL_ROUTES LTE_ROUTES DSL_RULE LTE_RULE LTE_ENDPOINT);
	expect_verdict(0, LINKS_UP, "192.0.2.10", 3, "::", 0);
}

static void the_kernels_limit_is_kept(void **state)
{
	for (uint8_t i = 1; i < LINKS_ENDPOINTS_MOST; i++) {
		char ip[32];

		snprintf(ip, sizeof(ip), "203.0.113.%u", i);
		see_foreign(i, ip);
	}
	see_address(DSL, "2001:db8:1::10", 64);
	see_default(DSL, "fe80::1", 1024);
	expect_plan(DSL_ROUTES DSL6_ROUTES LTE_ROUTES DSL_RULE DSL6_RULE LTE_RULE DSL_ENDPOINT);
	expect_verdict(0, LINKS_UP, "192.0.2.10", 200, "2001:db8:1::10", 0);
	expect_verdict(1, LINKS_UP, "198.51.100.20", 0, "::", 0);
}

static void peers_are_told_where_to_join(void **state)
{
	want.join[0] = unit_address("203.0.113.1");
	want.join[1] = unit_address("2001:db8::1");
	want.join[0].port = want.join[1].port = 5128;
	want.n_join = 2;
	want.n_links = 0;
	expect_plan("endpoint 216 203.0.113.1:5128 dev 0 told\nendpoint 217 [2001:db8::1]:5128 dev 0 told\n");
	for (uint8_t i = 1; i < LINKS_ENDPOINTS_MOST; i++)
		see_foreign(i, "198.51.100.1");
	expect_plan("endpoint 216 203.0.113.1:5128 dev 0 told\n");
}

static void peers_are_told_of_the_other_family(void **state)
{
	uint16_t steps[LINKS_SEEN_MOST];

	want.n_links = 0;
	want.join[0] = unit_address("203.0.113.1");
	want.join[1] = unit_address("2001:db8::1");
	want.n_join = 2;
	expect_plan("endpoint 216 203.0.113.1 dev 0 told\nendpoint 217 2001:db8::1 dev 0 told\n");
	have = plan;
	want.n_join = 1;
	expect_plan("endpoint 216 203.0.113.1 dev 0 told\n");
	assert_int_equal(links_diff(LINKS_DELETE_ENDPOINT, &have, &plan, steps), 1);
	assert_int_equal(steps[0], 1);
}

static void families_are_spanned_by_links_of_one_each(void **state)
{
	struct address v4 = unit_address("192.0.2.10"), v6 = unit_address("2001:db8::10");
	struct links_verdict some[3] = { { .state = LINKS_UP, .v4 = v4 }, { .state = LINKS_UP, .v4 = v4, .v6 = v6 },
					 { .state = LINKS_UP, .v6 = v6 } };

	assert_false(links_span_families(some, 0));
	assert_false(links_span_families(some, 2));
	assert_false(links_span_families(some + 1, 2));
	assert_true(links_span_families(some, 3));
	some[2].state = LINKS_NO_CARRIER;
	assert_false(links_span_families(some, 3));
}

static void links_may_join_wherever_they_are_told(void **state)
{
	uint16_t steps[LINKS_SEEN_MOST];

	want.n_links = 1;
	expect_plan(DSL_ROUTES DSL_RULE DSL_ENDPOINT);
	have = plan;
	want.fullmesh = true;
	expect_plan(DSL_ROUTES DSL_RULE "endpoint 200 192.0.2.10 dev 2 fullmesh\n");
	/* it can't be changed under way */
	assert_int_equal(links_diff(LINKS_DELETE_ENDPOINT, &have, &plan, steps), 1);
	assert_int_equal(links_diff(LINKS_ADD_ENDPOINT, &have, &plan, steps), 1);
	assert_int_equal(links_diff(LINKS_SET_BACKUP, &have, &plan, steps), 0);
}

static void two_links_of_one_interface_share_its_endpoint(void **state)
{
	snprintf(want.link[1].interface, LINKS_NAME_BYTES, "dsl");
	expect_plan(DSL_ROUTES "route 102 192.0.2.0/24 via - dev 2\nroute 102 0.0.0.0/0 via 192.0.2.1 dev 2\n"
		    DSL_RULE "rule 1002 from 192.0.2.10 mark 0 table 102\n" DSL_ENDPOINT);
	expect_verdict(1, LINKS_UP, "192.0.2.10", 0, "::", 0);
}

static void a_link_is_left_a_family_at_a_time(void **state)
{
	see_address(DSL, "2001:db8:1::10", 64);
	see_default(DSL, "2001:db8:1::1", 10);
	want.link[0].left[1] = true;
	links_plan(&want, &seen, verdicts, &plan);
	expect_verdict(0, LINKS_UP, "192.0.2.10", 200, "2001:db8:1::10", 0);
	want.link[0].left[0] = true;
	links_plan(&want, &seen, verdicts, &plan);
	expect_verdict(0, LINKS_UP, "192.0.2.10", 0, "2001:db8:1::10", 0);
	want.link[0].left[1] = false;
	links_plan(&want, &seen, verdicts, &plan);
	expect_verdict(0, LINKS_UP, "192.0.2.10", 0, "2001:db8:1::10", 201);
}

static void more_than_is_looked_at_is_left_out(void **state)
{
	want.n_links = 1;
	snprintf(want.lan[want.n_lan++], LINKS_NAME_BYTES, "lan");
	see_interface("lan", LAN);
	while (seen.addresses.n < LINKS_SEEN_MOST) {
		char ip[32];

		snprintf(ip, sizeof(ip), "10.%zu.%zu.1", seen.addresses.n / 256, seen.addresses.n % 256);
		see_address(LAN, ip, 24);
	}
	links_plan(&want, &seen, verdicts, &plan);
	assert_int_equal(plan.routes.n, LINKS_SEEN_MOST);   /* 1 + 510 of the LAN, the default */
	seen.loopback = 1;
	see_interface("lte", LTE);
	want_link("lte", false);
	links_plan(&want, &seen, verdicts, &plan);
	assert_int_equal(plan.routes.n, LINKS_SEEN_MOST);
}

static void expect_steps(const char *expected)
{
	static const char *const names[] = { "-endpoint", "-rule", "-route", "+route", "+rule", "backup", "+endpoint" };
	char text[512] = "";
	uint16_t indexes[LINKS_SEEN_MOST];

	static_assert(ARRAY_SIZE(names) == LINKS_N_STEPS, "name every step");
	for (enum links_step step = 0; step <= LINKS_N_STEPS + 1; step++) {
		size_t n = links_diff(step, &have, &plan, indexes);

		for (size_t i = 0; i < n; i++)
			add_line(text, sizeof(text), "%s %u, ", step < LINKS_N_STEPS ? names[step] : "?", indexes[i]);
	}
	if (strcmp(text, expected))
		fail_msg("expected the steps '%s', saw '%s'", expected, text);
}

static void from_nothing_and_to_nothing(void **state)
{
	memset(&have, 0, sizeof(have));
	links_plan(&want, &seen, verdicts, &plan);
	expect_steps("+route 0, +route 1, +route 2, +route 3, +rule 0, +rule 1, +endpoint 0, +endpoint 1, ");
	have = plan;
	expect_steps("");
	want.n_links = 0;
	links_plan(&want, &seen, verdicts, &plan);
	expect_steps("-endpoint 0, -endpoint 1, -rule 0, -rule 1, -route 0, -route 1, -route 2, -route 3, ");
}

static void a_new_address_changes_one_link(void **state)
{
	links_plan(&want, &seen, verdicts, &plan);
	have = plan;
	seen.addresses.at[1].ip = unit_address("198.51.100.29");
	seen.defaults.at[1].via = unit_address("198.51.100.30");
	links_plan(&want, &seen, verdicts, &plan);
	expect_steps("-endpoint 1, -rule 1, -route 2, -route 3, +route 2, +route 3, +rule 1, +endpoint 1, ");
}

static void the_backup_flag_changes_in_place(void **state)
{
	links_plan(&want, &seen, verdicts, &plan);
	have = plan;
	want.link[0].backup = true;
	want.link[1].backup = false;
	links_plan(&want, &seen, verdicts, &plan);
	expect_steps("backup 0, backup 1, ");
}

/* Every field counts, but for what the kernel may fill in. */
static void each_difference_is_seen(void **state)
{
	links_plan(&want, &seen, verdicts, &plan);
#define DIFFERS(change, steps) \
	do { \
		have = plan; \
		change; \
		expect_steps(steps); \
	} while (0)
	DIFFERS(have.routes.at[0].v6 = true, "-route 0, +route 0, ");
	DIFFERS(have.routes.at[0].local = true, "-route 0, +route 0, ");
	DIFFERS(have.routes.at[0].table++, "-route 0, +route 0, ");
	DIFFERS(have.routes.at[0].to.n_bits++, "-route 0, +route 0, ");
	DIFFERS(have.routes.at[1].via.ip[15]++, "-route 1, +route 1, ");
	DIFFERS(have.routes.at[1].via = unit_address("::"), "-route 1, +route 1, ");
	DIFFERS(have.routes.at[0].via = unit_address("192.0.2.7"), "-route 0, +route 0, ");
	DIFFERS(have.routes.at[0].via = unit_address("0.0.0.0"), "");
	DIFFERS(have.routes.at[0].ifindex++, "-route 0, +route 0, ");
	DIFFERS(have.routes.at[0].metric = 1024, "");
	plan.routes.at[0].metric = 7;
	DIFFERS(have.routes.at[0].metric = 8, "-route 0, +route 0, ");
	DIFFERS(have.routes.at[0].metric = 7, "");
	DIFFERS(have.routes.at[0].metric = 0, "");
	DIFFERS(have.rules.at[0].iif_lo = true, "-rule 0, +rule 0, ");
	DIFFERS(have.rules.at[0].v6 = true, "-rule 0, +rule 0, ");
	DIFFERS(have.rules.at[0].from.ip[15]++, "-rule 0, +rule 0, ");
	DIFFERS(have.rules.at[0].from = unit_address("::"), "-rule 0, +rule 0, ");
	DIFFERS(have.rules.at[0].fwmask++, "-rule 0, +rule 0, ");
	DIFFERS(have.rules.at[0].fwmark++, "-rule 0, +rule 0, ");
	DIFFERS(have.rules.at[0].table++, "-rule 0, +rule 0, ");
	DIFFERS(have.rules.at[0].priority++, "-rule 0, +rule 0, ");
	DIFFERS(have.endpoints.at[0].id++, "-endpoint 0, +endpoint 0, ");
	DIFFERS(have.endpoints.at[0].ip.ip[15]++, "-endpoint 0, +endpoint 0, ");
	DIFFERS(have.endpoints.at[0].ifindex++, "-endpoint 0, +endpoint 0, ");
	plan.rules.at[0].from = unit_address("::");
	DIFFERS(have.rules.at[0].from = unit_address("0.0.0.0"), "");
	DIFFERS(have.rules.at[0].from = unit_address("192.0.2.1"), "-rule 0, +rule 0, ");
#undef DIFFERS
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_link_has_table_rule_and_endpoint, two_links),
		cmocka_unit_test_setup(states_name_what_is_missing, two_links),
		cmocka_unit_test_setup(without_carrier_the_endpoint_alone_goes, two_links),
		cmocka_unit_test_setup(the_next_hop_is_configured_or_the_cheapest_default, two_links),
		cmocka_unit_test_setup(a_full_or_empty_prefix_is_no_route, two_links),
		cmocka_unit_test_setup(the_best_address_is_taken_and_kept, two_links),
		cmocka_unit_test_setup(both_families_of_a_link, two_links),
		cmocka_unit_test_setup(a_link_of_ipv6_alone, two_links),
		cmocka_unit_test_setup(the_lan_is_intercepted_and_known_in_each_table, two_links),
		cmocka_unit_test_setup(own_connections_are_led_to_us, two_links),
		cmocka_unit_test_setup(other_peoples_endpoints_are_used_not_made, two_links),
		cmocka_unit_test_setup(the_kernels_limit_is_kept, two_links),
		cmocka_unit_test_setup(peers_are_told_where_to_join, two_links),
		cmocka_unit_test_setup(peers_are_told_of_the_other_family, two_links),
		cmocka_unit_test(families_are_spanned_by_links_of_one_each),
		cmocka_unit_test_setup(links_may_join_wherever_they_are_told, two_links),
		cmocka_unit_test_setup(two_links_of_one_interface_share_its_endpoint, two_links),
		cmocka_unit_test_setup(a_link_is_left_a_family_at_a_time, two_links),
		cmocka_unit_test_setup(more_than_is_looked_at_is_left_out, two_links),
		cmocka_unit_test_setup(from_nothing_and_to_nothing, two_links),
		cmocka_unit_test_setup(a_new_address_changes_one_link, two_links),
		cmocka_unit_test_setup(the_backup_flag_changes_in_place, two_links),
		cmocka_unit_test_setup(each_difference_is_seen, two_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
