/* SPDX-License-Identifier: MIT */
/*
 * SOCKS version 5 (RFC 1928) with user name and password (RFC 1929): messages to structs and back. No I/O, no memory,
 * no state. Strings are borrowed from the input, without a terminating zero. Each *_get() sets n_bytes to the length of
 * its message; what follows it is somebody else's.
 */
#ifndef BRAID_WIRE_SOCKS5_H
#define BRAID_WIRE_SOCKS5_H

#include <stddef.h>
#include <stdint.h>
#include "base/address.h"
#include "base/cursor.h"

#define SOCKS5_VERSION 5
#define SOCKS5_PASSWORD_VERSION 1      /* RFC 1929, 2 */
#define SOCKS5_STRING_BYTES 255        /* the longest name, user or password */
#define SOCKS5_PORT 1080

/* The longest of each message. */
#define SOCKS5_METHODS_BYTES 257
#define SOCKS5_CHOICE_BYTES 2
#define SOCKS5_PASSWORD_BYTES 513
#define SOCKS5_STATUS_BYTES 2
#define SOCKS5_ENDPOINT_BYTES 262      /* request and reply */

enum socks5_method {                   /* RFC 1928, 3 */
	SOCKS5_NO_AUTHENTICATION = 0, SOCKS5_GSSAPI = 1, SOCKS5_PASSWORD = 2, SOCKS5_PRIVATE = 0x80,
	SOCKS5_NO_METHOD = 0xff,
};

enum socks5_command { SOCKS5_CONNECT = 1, SOCKS5_BIND = 2, SOCKS5_UDP_ASSOCIATE = 3 };   /* 4 */

enum socks5_reply {                    /* 6 */
	SOCKS5_SUCCEEDED, SOCKS5_FAILURE, SOCKS5_NOT_ALLOWED, SOCKS5_NETWORK_UNREACHABLE, SOCKS5_HOST_UNREACHABLE,
	SOCKS5_REFUSED, SOCKS5_TTL_EXPIRED, SOCKS5_UNKNOWN_COMMAND, SOCKS5_UNKNOWN_ADDRESS_TYPE,
};

enum {
	SOCKS5_E_SHORT = 1,            /* more has to come */
	SOCKS5_E_VERSION,              /* it begins with another version */
	SOCKS5_E_MALFORMED,            /* it has what no such message has, whatever is to come: a reserved byte, an
				        * empty string, a zero in a name */
	SOCKS5_E_ADDRESS_TYPE,         /* so that its length isn't known */
};

/* What a client can do. */
struct socks5_methods {
	struct bytes methods;          /* 1..255, each an enum socks5_method or none of ours */
	size_t n_bytes;
};

struct socks5_password {
	struct bytes user, password;   /* 1..255 bytes each */
	size_t n_bytes;
};

/* A request (code: enum socks5_command or none of ours) or a reply (enum socks5_reply or none of ours). */
struct socks5_endpoint {
	uint8_t code;
	struct address address;        /* with the port in any case; unspecified where there is a name */
	struct bytes name;             /* 1..255 bytes; empty: there is an address */
	size_t n_bytes;
};

/* 0 or SOCKS5_E_*; never one that more bytes could change into another, but for SOCKS5_E_SHORT. */
int socks5_methods_get(struct socks5_methods *out, const void *bytes, size_t n_bytes);
int socks5_choice_get(uint8_t *method, const void *bytes, size_t n_bytes);    /* SOCKS5_CHOICE_BYTES long */
int socks5_password_get(struct socks5_password *out, const void *bytes, size_t n_bytes);
int socks5_status_get(uint8_t *status, const void *bytes, size_t n_bytes);    /* SOCKS5_STATUS_BYTES long; 0: success */
int socks5_endpoint_get(struct socks5_endpoint *out, const void *bytes, size_t n_bytes);

/* Each returns the length, 0 where it doesn't fit the room or isn't a message that *_get() would take. */
size_t socks5_methods_put(const struct socks5_methods *methods, void *room, size_t n_room);
size_t socks5_choice_put(uint8_t method, void *room, size_t n_room);
size_t socks5_password_put(const struct socks5_password *password, void *room, size_t n_room);
size_t socks5_status_put(uint8_t status, void *room, size_t n_room);
size_t socks5_endpoint_put(const struct socks5_endpoint *endpoint, void *room, size_t n_room);

#endif
