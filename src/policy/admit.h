/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which clients and which destinations a converter serves (design: trust). Pure. */
#ifndef BRAID_POLICY_ADMIT_H
#define BRAID_POLICY_ADMIT_H

#include <stdbool.h>
#include <stddef.h>
#include "base/address.h"

/* Whether one of them contains it. */
bool admit_in_prefixes(const struct prefix *prefixes, size_t n_prefixes, const struct address *a);

/* Whether a destination is refused unless allowed by name: unspecified, loopback, private (RFC 1918, RFC 4193),
 * shared (RFC 6598), link-local, multicast, reserved and documentation ranges (RFC 6890), broadcast, and the IPv6
 * forms (6to4, NAT64, translated, compatible) of all of these. */
bool admit_is_special(const struct address *destination);

/* The ranges of these, as they are named. */
const struct prefix *admit_special(size_t *n);

/* Whether no other machine can have it as a connection's peer: unspecified, loopback, link-local, multicast,
 * reserved, or without a port. */
bool admit_is_no_peer(const struct address *a);

/* allow: special ranges that are allowed by name. The converter's own addresses are the caller's. Port 0 is never a
 * destination. */
bool admit_destination(const struct prefix *allow, size_t n_allow, const struct address *destination);

#endif
