/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The marks by which nft and the gateway's workers speak of a host's SYN. All of them are made from gateway.fwmark, the
 * mark of packets that are caught, and none of them leaves the machine. Pure.
 */
#ifndef BRAID_PATH_MARKS_H
#define BRAID_PATH_MARKS_H

#include <arpa/inet.h>
#include <stdint.h>
#include "base/address.h"

enum mark {
	MARK_HOLD = 1,           /* to be held: a worker is asked; no rule has matched */
	MARK_PASS,               /* the verdict: the ordinary way */
	MARK_RESET,              /* answer as the destination did: with RST, or an ICMP error */
	MARK_NO_ROUTE,
	MARK_HOST_UNREACHABLE,
	MARK_PROHIBITED,
	MARK_LOOK,               /* to be accepted early, and looked at: a rule has matched but for the server's name */
	MARK_CATCH = 0x100,      /* + worker: catch it for the worker's own listener */
	MARK_CATCH_KNOWN = 0x200,/* + worker: the same, and remember that its destination accepts */
	MARK_OWN = 0x400,        /* + worker: of a connection of this machine itself, on its way over lo to that
				  * worker */
	MARK_OURS = 0x600,       /* of our own sockets, to destinations themselves: never taken */
	MARK_HOLD_RULE = 0x1000, /* + rule, and mark_of_generation(): to be held; that rule has matched */
	MARK_GENERATION = 0x2000,/* times the generation of the rules: a number says nothing about other rules */
	MARK_KNOWN = 0x8000,     /* beside one of the two: its destination has accepted lately */
};

#define MARK_OWN_MASK 0xff00ffffu   /* of a mark: all but the worker of MARK_OWN */
#define MARK_GENERATIONS 4u      /* those of reloads that come within the time a packet waits for a worker */

static inline unsigned int mark_of_generation(uint32_t generation)
{
	return generation % MARK_GENERATIONS * MARK_GENERATION;
}

/* How many generations later than "generation" the rule is that has matched, 0 .. MARK_GENERATIONS - 1: the last is
 * one earlier. */
static inline unsigned int mark_generations_later(unsigned int mark, uint32_t generation)
{
	return (mark / MARK_GENERATION - generation) % MARK_GENERATIONS;
}

static inline uint32_t mark_value(uint32_t fwmark, unsigned int mark)
{
	return fwmark ^ mark << 16;
}

static inline unsigned int mark_of_value(uint32_t fwmark, uint32_t value)
{
	return (fwmark ^ value) >> 16;
}

/* Where a worker's own listener is: an address that nobody has, so that no packet but a caught one finds it. IPv4:
 * of 127.51.0.0/16; IPv6: of the discard-only prefix (RFC 6666). */
static inline struct address mark_listener(unsigned int worker, bool v6, uint16_t port)
{
	struct address v6_address =
		{ .ip = { 0x01, 0, [8] = 0x51, 0x24, [14] = (uint8_t)((worker + 1) >> 8),
			  [15] = (uint8_t)(worker + 1) }, .port = port };

	return v6 ? v6_address : address_from_v4(htonl(0x7f330000u | (worker + 1)), port);
}

/* Where a converter takes connections that are on their way: all workers at 0, each one by itself at its number + 1.
 * 127.53.0.1 and up, 100::5127:0:0:1 and up. */
static inline struct address mark_on_path_listener(unsigned int which, bool v6, uint16_t port)
{
	struct address v6_address =
		{ .ip = { 0x01, 0, [8] = 0x51, 0x27, [14] = (uint8_t)((which + 1) >> 8), [15] = (uint8_t)(which + 1) },
		  .port = port };

	return v6 ? v6_address : address_from_v4(htonl(0x7f350001u + which), port);
}

#endif
