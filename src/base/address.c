/* SPDX-License-Identifier: MIT */
#include "base/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t v4_mapped[12] = { [10] = 0xff, [11] = 0xff };

static bool ip_is_v4(const uint8_t ip[16])
{
	return !memcmp(ip, v4_mapped, sizeof(v4_mapped));
}

bool address_is_v4(const struct address *a)
{
	return ip_is_v4(a->ip);
}

bool address_is_unspecified(const struct address *a)
{
	static const uint8_t zeros[16];

	return !memcmp(a->ip, zeros, 16) || (address_is_v4(a) && !memcmp(a->ip + 12, zeros, 4));
}

bool address_equal_ip(const struct address *a, const struct address *b)
{
	return !memcmp(a->ip, b->ip, sizeof(a->ip));
}

bool address_equal(const struct address *a, const struct address *b)
{
	return address_equal_ip(a, b) && a->port == b->port;
}

bool address_among(const struct address *all, size_t n_all, const struct address *a)
{
	for (size_t i = 0; i < n_all; i++)
		if (address_equal(&all[i], a))
			return true;
	return false;
}

struct address address_from_v4(uint32_t ip_be, uint16_t port)
{
	struct address a = { .port = port };

	memcpy(a.ip, v4_mapped, sizeof(v4_mapped));
	memcpy(a.ip + 12, &ip_be, 4);
	return a;
}

int address_from_sockaddr(struct address *a, const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)sa;

		*a = address_from_v4(in->sin_addr.s_addr, ntohs(in->sin_port));
		return 0;
	}
	if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;

		memcpy(a->ip, &in6->sin6_addr, 16);
		a->port = ntohs(in6->sin6_port);
		return 0;
	}
	return ADDRESS_E_SYNTAX;
}

socklen_t address_to_sockaddr(const struct address *a, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (address_is_v4(a)) {
		struct sockaddr_in *in = (void *)out;

		in->sin_family = AF_INET;
		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->ip + 12, 4);
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (void *)out;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(a->port);
	memcpy(&in6->sin6_addr, a->ip, 16);
	return sizeof(*in6);
}

static int ip_parse(uint8_t ip[16], const char *text)
{
	if (inet_pton(AF_INET6, text, ip) == 1)
		return 0;
	if (inet_pton(AF_INET, text, ip + 12) != 1)
		return ADDRESS_E_SYNTAX;
	memcpy(ip, v4_mapped, sizeof(v4_mapped));
	return 0;
}

/* Digits alone, at most max; -1 otherwise. */
static long number_parse(const char *text, long max)
{
	char *end;
	long value;

	if (text[0] < '0' || text[0] > '9')
		return -1;
	value = strtol(text, &end, 10);
	return *end || value > max ? -1 : value;
}

int address_parse(struct address *a, const char *text, uint16_t default_port)
{
	char host[ADDRESS_TEXT_BYTES];
	const char *port = NULL, *colon = strchr(text, ':');
	size_t n_host = strlen(text);
	long number;

	if (text[0] == '[') {
		const char *close = strchr(++text, ']');

		if (!close || (close[1] && close[1] != ':'))
			return ADDRESS_E_SYNTAX;
		n_host = (size_t)(close - text);
		port = close[1] ? close + 2 : NULL;
	} else if (colon && !strchr(colon + 1, ':')) {   /* one colon: IPv4 with a port */
		n_host = (size_t)(colon - text);
		port = colon + 1;
	}
	if (n_host >= sizeof(host))
		return ADDRESS_E_SYNTAX;
	memcpy(host, text, n_host);
	host[n_host] = '\0';
	number = port ? number_parse(port, 65535) : default_port;
	if (number < 0 || ip_parse(a->ip, host))
		return ADDRESS_E_SYNTAX;
	a->port = (uint16_t)number;
	return 0;
}

const char *address_format_ip(const struct address *a, char out[ADDRESS_TEXT_BYTES])
{
	if (address_is_v4(a))
		inet_ntop(AF_INET, a->ip + 12, out, ADDRESS_TEXT_BYTES);
	else
		inet_ntop(AF_INET6, a->ip, out, ADDRESS_TEXT_BYTES);
	return out;
}

const char *address_format(const struct address *a, char out[ADDRESS_TEXT_BYTES])
{
	char ip[ADDRESS_TEXT_BYTES];

	address_format_ip(a, ip);
	if (!a->port)
		return memcpy(out, ip, sizeof(ip));
	snprintf(out, ADDRESS_TEXT_BYTES, address_is_v4(a) ? "%.45s:%u" : "[%.45s]:%u", ip, a->port);
	return out;
}

static uint8_t mask_byte(unsigned int n_bits, unsigned int i)
{
	unsigned int from = 8 * i;

	if (n_bits >= from + 8)
		return 0xff;
	return n_bits <= from ? 0 : (uint8_t)(0xff << (8 - (n_bits - from)));
}

int prefix_parse(struct prefix *p, const char *text)
{
	char host[ADDRESS_TEXT_BYTES];
	const char *slash = strchr(text, '/');
	size_t n_host = slash ? (size_t)(slash - text) : strlen(text);
	long n_bits, n_most;

	if (n_host >= sizeof(host))
		return ADDRESS_E_SYNTAX;
	memcpy(host, text, n_host);
	host[n_host] = '\0';
	if (ip_parse(p->ip, host))
		return ADDRESS_E_SYNTAX;
	n_most = strchr(host, ':') ? 128 : 32;
	n_bits = slash ? number_parse(slash + 1, n_most) : n_most;
	if (n_bits < 0)
		return ADDRESS_E_SYNTAX;
	p->n_bits = (uint8_t)(n_bits + 128 - n_most);
	for (unsigned int i = 0; i < 16; i++)
		if (p->ip[i] & ~mask_byte(p->n_bits, i))
			return ADDRESS_E_SYNTAX;
	return 0;
}

const char *prefix_format(const struct prefix *p, char out[ADDRESS_TEXT_BYTES])
{
	struct address a = { .port = 0 };
	char ip[ADDRESS_TEXT_BYTES];
	bool v4;

	memcpy(a.ip, p->ip, sizeof(a.ip));
	v4 = address_is_v4(&a) && p->n_bits >= 96;
	address_format_ip(&a, ip);
	snprintf(out, ADDRESS_TEXT_BYTES, "%.45s/%u", ip, p->n_bits - (v4 ? 96u : 0u));
	return out;
}

bool prefix_is_v4(const struct prefix *p)
{
	struct address first;

	memcpy(first.ip, p->ip, sizeof(first.ip));
	return p->n_bits >= 96 && address_is_v4(&first);
}

bool prefix_contains(const struct prefix *p, const struct address *a)
{
	if (p->n_bits < 96 && address_is_v4(a))
		return false;   /* ::/0 does not mean IPv4 */
	for (unsigned int i = 0; i < 16; i++)
		if ((p->ip[i] ^ a->ip[i]) & mask_byte(p->n_bits, i))
			return false;
	return true;
}
