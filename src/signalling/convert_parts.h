/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two sides of scheme_convert. Private to signalling/. */
#ifndef BRAID_SIGNALLING_CONVERT_PARTS_H
#define BRAID_SIGNALLING_CONVERT_PARTS_H

#include "signalling/scheme.h"
#include "wire/convert.h"

struct signalling_step convert_client_begin(struct conversation *c, const struct signalling_request *request,
					    uint8_t *out);
struct signalling_step convert_client_feed(struct conversation *c, const uint8_t *in, size_t n_in, uint8_t *out);
struct signalling_step convert_server_feed(struct conversation *c, const uint8_t *in, size_t n_in, uint8_t *out,
					   struct signalling_request *request);
size_t convert_server_answer(struct conversation *c, const struct signalling_result *result, uint8_t *out);
size_t convert_server_offer(const struct signalling_offer *offer, uint8_t *out);
size_t convert_server_early(const uint8_t nonce[SIGNALLING_NONCE_BYTES], const struct signalling_result *result,
			    uint8_t *out);
struct signalling_step convert_client_early(const uint8_t *in, size_t n_in, uint8_t nonce[SIGNALLING_NONCE_BYTES]);
size_t convert_server_limited(enum signalling_limited what, uint8_t *out);
struct signalling_step convert_client_limited(const uint8_t *in, size_t n_in, enum signalling_limited *what);
size_t convert_server_inbound(const struct signalling_inbound *inbound, uint8_t *out);
struct signalling_step convert_client_inbound(const uint8_t *in, size_t n_in, struct signalling_inbound *inbound);
size_t convert_host_put(const struct signalling_host_message *message, uint8_t *out);
struct signalling_step convert_host_get(const uint8_t *in, size_t n_in, struct signalling_host_message *out);

/* What may be said on a connection on which a probe was answered. */
enum convert_told { CONVERT_TOLD_OUTCOME, CONVERT_TOLD_SESSION, CONVERT_TOLD_HOST_MESSAGE, CONVERT_TOLD_LIMITED };

/* A message of that kind: DONE, and *message borrows from in; else NEED_MORE or REFUSED. */
struct signalling_step convert_told(const uint8_t *in, size_t n_in, enum convert_told kind,
				    struct convert_message *message);
/* What an Error TLV says. */
struct signalling_result convert_result_of(const struct convert_error *error);
/* The Error TLV that a failure is answered with, into a message that has more to say. */
void convert_put_result(struct convert_writer *w, const struct signalling_result *result);

#endif
