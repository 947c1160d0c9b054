/* SPDX-License-Identifier: MIT */
/*
 * An IP address with a port, and prefixes. IPv4 is held v4-mapped (::ffff:a.b.c.d, RFC 4291, 2.5.5.2), as RFC 8803
 * writes it on the wire, so one form serves both families. Pure: numbers and text only, no look-ups.
 */
#ifndef BRAID_BASE_ADDRESS_H
#define BRAID_BASE_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address {
	uint8_t ip[16];   /* network order, IPv4 v4-mapped */
	uint16_t port;    /* host order; 0 where there is none */
};

struct prefix {
	uint8_t ip[16];
	uint8_t n_bits;   /* 0..128, counted in the mapped form: 10.0.0.0/8 has 104 */
};

enum { ADDRESS_E_SYNTAX = 1 };

/* "[2001:db8::ffff:192.0.2.1]:65535" and the terminating zero. */
#define ADDRESS_TEXT_BYTES 56

bool address_is_v4(const struct address *a);
bool address_is_unspecified(const struct address *a);           /* :: or 0.0.0.0 */
bool address_equal(const struct address *a, const struct address *b);      /* address and port */
bool address_equal_ip(const struct address *a, const struct address *b);   /* address alone */
bool address_among(const struct address *all, size_t n_all, const struct address *a);   /* address and port */
struct address address_from_v4(uint32_t ip_be, uint16_t port);             /* ip in network order, port in host order */

/* A v4-mapped AF_INET6 sockaddr gives an IPv4 address. Families other than the two give ADDRESS_E_SYNTAX. */
int address_from_sockaddr(struct address *a, const struct sockaddr *sa);
/* AF_INET for IPv4, AF_INET6 otherwise. Returns the length of the sockaddr written. */
socklen_t address_to_sockaddr(const struct address *a, struct sockaddr_storage *out);

/* "192.0.2.1", "192.0.2.1:443", "2001:db8::1", "[2001:db8::1]:443". 0 or ADDRESS_E_SYNTAX. Without a port,
 * default_port is taken. */
int address_parse(struct address *a, const char *text, uint16_t default_port);
/* Writes the forms above (the port only when it isn't 0) and returns out. */
const char *address_format(const struct address *a, char out[ADDRESS_TEXT_BYTES]);
/* The same without the port. */
const char *address_format_ip(const struct address *a, char out[ADDRESS_TEXT_BYTES]);

/* "10.0.0.0/8", "2001:db8::/32", a single address without "/n". Bits beyond the length must be zero.
 * 0 or ADDRESS_E_SYNTAX. */
int prefix_parse(struct prefix *p, const char *text);
const char *prefix_format(const struct prefix *p, char out[ADDRESS_TEXT_BYTES]);
bool prefix_is_v4(const struct prefix *p);   /* ::/0 is not */
/* An IPv4 address is never in an IPv6 prefix but ::/0, which means IPv6 alone only for addresses that aren't mapped. */
bool prefix_contains(const struct prefix *p, const struct address *a);

#endif
