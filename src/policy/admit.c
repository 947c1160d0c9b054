/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/admit.h"

#include <string.h>
#include "base/util.h"

#define V4(a, b, c, d) { [10] = 0xff, [11] = 0xff, (a), (b), (c), (d) }

/* RFC 6890 and its successors. IPv4 in its mapped form: 96 bits more. */
static const struct prefix special[] = {
	{ V4(0, 0, 0, 0), 104 },          /* this network */
	{ V4(10, 0, 0, 0), 104 },         /* private (RFC 1918) */
	{ V4(100, 64, 0, 0), 106 },       /* shared, carrier NAT (RFC 6598) */
	{ V4(127, 0, 0, 0), 104 },        /* loopback */
	{ V4(169, 254, 0, 0), 112 },      /* link-local */
	{ V4(172, 16, 0, 0), 108 },       /* private */
	{ V4(192, 0, 0, 0), 120 },        /* protocol assignments */
	{ V4(192, 0, 2, 0), 120 },        /* documentation */
	{ V4(192, 88, 99, 0), 120 },      /* 6to4 relays */
	{ V4(192, 168, 0, 0), 112 },      /* private */
	{ V4(198, 18, 0, 0), 111 },       /* benchmarks */
	{ V4(198, 51, 100, 0), 120 },     /* documentation */
	{ V4(203, 0, 113, 0), 120 },      /* documentation */
	{ V4(224, 0, 0, 0), 100 },        /* multicast */
	{ V4(240, 0, 0, 0), 100 },        /* reserved, broadcast */
	{ { [0] = 0xff }, 8 },            /* multicast */
	{ { [0] = 0xfe, [1] = 0x80 }, 10 },   /* link-local */
	{ { [0] = 0xfe, [1] = 0xc0 }, 10 },   /* site-local, as was */
	{ { [0] = 0xfc }, 7 },            /* unique local (RFC 4193) */
	{ { [0] = 0x01 }, 64 },           /* discard */
	{ { [0] = 0x20, [1] = 0x01, [2] = 0x0d, [3] = 0xb8 }, 32 },   /* documentation */
	{ { [0] = 0x3f, [1] = 0xff }, 20 },   /* documentation (RFC 9637) */
	{ { [0] = 0x20, [1] = 0x01, [3] = 0x02 }, 48 },   /* benchmarks (RFC 5180) */
	{ { [0] = 0x5f }, 16 },           /* segment routing (RFC 9602) */
	{ { [0] = 0x20, [1] = 0x01 }, 32 },   /* Teredo: carries an IPv4 address that isn't seen here */
};

static const struct prefix no_peers[] = {
	{ V4(0, 0, 0, 0), 104 }, { V4(127, 0, 0, 0), 104 }, { V4(169, 254, 0, 0), 112 }, { V4(224, 0, 0, 0), 100 },
	{ V4(240, 0, 0, 0), 100 },
	{ { 0 }, 80 },                    /* unspecified, loopback, and IPv4-compatible; the mapped ones are IPv4 */
	{ { [0] = 0xff }, 8 }, { { [0] = 0xfe, [1] = 0x80 }, 10 },
};

bool admit_in_prefixes(const struct prefix *prefixes, size_t n_prefixes, const struct address *a)
{
	for (size_t i = 0; i < n_prefixes; i++)
		if (prefix_contains(&prefixes[i], a))
			return true;
	return false;
}

/* The IPv4 address that an IPv6 one carries: IPv4-compatible, translated (RFC 2765), 6to4 (RFC 3056), NAT64 (RFC
 * 6052, 8215). */
static bool embedded_v4(const struct address *a, struct address *out)
{
	static const uint8_t zeros[12];
	static const uint8_t translated[12] = { [8] = 0xff, [9] = 0xff };
	static const uint8_t nat64[12] = { 0, 0x64, 0xff, 0x9b };
	const uint8_t *ip = a->ip;
	uint32_t v4;

	if (!memcmp(ip, zeros, 12) || !memcmp(ip, translated, 12) || !memcmp(ip, nat64, 12) ||
	    !memcmp(ip, (const uint8_t[]){ 0, 0x64, 0xff, 0x9b, 0, 1 }, 6))
		memcpy(&v4, ip + 12, 4);
	else if (ip[0] == 0x20 && ip[1] == 0x02)
		memcpy(&v4, ip + 2, 4);
	else
		return false;
	*out = address_from_v4(v4, a->port);
	return true;
}

bool admit_is_special(const struct address *destination)
{
	struct address inner;

	if (admit_in_prefixes(special, ARRAY_SIZE(special), destination))
		return true;
	return !address_is_v4(destination) && embedded_v4(destination, &inner) &&
	       admit_in_prefixes(special, ARRAY_SIZE(special), &inner);
}

const struct prefix *admit_special(size_t *n)
{
	*n = ARRAY_SIZE(special);
	return special;
}

bool admit_is_no_peer(const struct address *a)
{
	return !a->port || admit_in_prefixes(no_peers, ARRAY_SIZE(no_peers), a);
}

bool admit_destination(const struct prefix *allow, size_t n_allow, const struct address *destination)
{
	if (!destination->port)
		return false;
	return !admit_is_special(destination) || admit_in_prefixes(allow, n_allow, destination);
}
