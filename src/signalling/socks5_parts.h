/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOCKS5's conversations (RFC 1928, 1929), and how outcomes are said in it. Private to socks5_*.c and scheme.c. */
#ifndef BRAID_SIGNALLING_SOCKS5_PARTS_H
#define BRAID_SIGNALLING_SOCKS5_PARTS_H

#include "signalling/scheme.h"
#include "wire/socks5.h"

/* Of the methods for private use, Braid's own (decision 0024): the client has a question, as Convert's Info is one.
 * It offers the method that it would be served by, too, and is asked for its password where that is one; a reply
 * follows, without a request. */
#define SOCKS5_QUESTION 0xb5

struct signalling_step socks5_client_begin(struct conversation *c, const struct signalling_request *request,
					   uint8_t *out);
struct signalling_step socks5_client_feed(struct conversation *c, const uint8_t *in, size_t n_in, uint8_t *out);
struct signalling_step socks5_server_feed(struct conversation *c, const uint8_t *in, size_t n_in, uint8_t *out,
					  struct signalling_request *request);
size_t socks5_server_admit(struct conversation *c, bool admitted, uint8_t *out);
size_t socks5_server_answer(struct conversation *c, const struct signalling_result *result, uint8_t *out);

uint8_t socks5_reply_of(const struct signalling_result *result);
/* v6: of the destination. */
struct signalling_result socks5_result_of(uint8_t reply, bool v6);

#endif
