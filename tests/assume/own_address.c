/* SPDX-License-Identifier: GPL-2.0-or-later */
/* net/own_address.h: what can't be bound isn't ours; the routing table says the same. */
#include "assume.h"

#include "net/own_address.h"

static void expect(struct own_address_probe *probe, const char *what, const struct address *a, bool own)
{
	char text[ADDRESS_TEXT_BYTES];

	address_format_ip(a, text);
	assume_that(net_is_own_address(a) == own, "%s, %s: by the routing table it is %sour own", what, text,
		    own ? "not " : "");
	for (int i = 0; i < 2; i++)   /* the first may have used a socket up */
		assume_that(own_address_probe_is_own(probe, a) == own, "%s, %s: by trying to bind it is %sour own",
			    what, text, own ? "not " : "");
}

static void look(struct own_address_probe *probe, bool v6)
{
	struct address near = assume_address(ASSUME_NEAR, 0, v6, 0), far = assume_address(ASSUME_FAR, 0, v6, 0);
	struct address later = assume_address(ASSUME_NEAR, 1, v6, 0);

	expect(probe, "another machine's", &far, false);
	expect(probe, "that of an interface", &near, true);
	expect(probe, "another machine's, after our own", &far, false);
	expect(probe, "one that isn't there yet", &later, false);
}

static bool has_route(void *address)
{
	return net_is_own_address(address);
}

static void look_again(struct own_address_probe *probe, bool v6)
{
	struct address near = assume_address(ASSUME_NEAR, 0, v6, 0), far = assume_address(ASSUME_FAR, 0, v6, 0);
	struct address later = assume_address(ASSUME_NEAR, 1, v6, 0), second = assume_second_address(1, v6);

	assume_wait(has_route, &later);    /* Linux makes the route of an IPv6 address a moment after the address */
	assume_wait(has_route, &second);
	expect(probe, "one that was added since", &later, true);
	expect(probe, "the second of one network", &second, true);
	assume_sysctl(v6 ? "net/ipv6/ip_nonlocal_bind" : "net/ipv4/ip_nonlocal_bind", "1");
	expect(probe, "another machine's, where anything may be bound", &far, false);
	expect(probe, "that of an interface, where anything may be bound", &near, true);
	expect(probe, "the second of one network, where anything may be bound", &second, true);
}

int main(void)
{
	struct own_address_probe probe;

	assume_begin("an address that can't be bound (EADDRNOTAVAIL) is not this machine's",
		     "clients reach the converter itself, or are refused what others have");
	assume_make_link(0);
	assume_in(ASSUME_NEAR);
	own_address_probe_init(&probe);
	look(&probe, false);
	look(&probe, true);
	assume_make_link(1);
	assume_in(ASSUME_NEAR);
	look_again(&probe, false);
	look_again(&probe, true);
	own_address_probe_fini(&probe);
	return assume_holds();
}
