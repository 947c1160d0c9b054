/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Converters that others have told of, each source for a time: a link's DHCP of one family (decision 0034). Pure. */
#ifndef BRAID_POLICY_PROVISIONS_H
#define BRAID_POLICY_PROVISIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/address.h"

#define PROVISIONS_SOURCES 16
#define PROVISIONS_CONVERTERS 4    /* of one source; what is beyond isn't kept */

/* As it was told: addresses of the same converter stand together. */
struct provisions_address {
	uint8_t converter;
	struct address address;
};

/* One address of each family at most. Of a converter that has more of them each further one is a converter of its
 * own, behind it. */
struct provisions_converter {
	struct address addresses[2];
	size_t n;
};

struct provisions_one {
	struct provisions_converter converters[PROVISIONS_CONVERTERS];
	size_t n;
	uint64_t until_us;         /* monotonic; CLOCK_NEVER_US: until something else is said */
};

/* Begins with zeros. */
struct provisions {
	struct provisions_one each[PROVISIONS_SOURCES];
};

/* In the place of what the source has said before; without addresses it has none. */
void provisions_set(struct provisions *provisions, size_t source, const struct provisions_address *addresses, size_t n,
		    uint64_t until_us);
/* Forgets what is over. True: something was. */
bool provisions_expire(struct provisions *provisions, uint64_t now_us);
/* When that will be; CLOCK_NEVER_US: not by itself. */
uint64_t provisions_next_us(const struct provisions *provisions);

#endif
