/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two sides of scheme_plain_mode. Private to signalling/. */
#ifndef BRAID_SIGNALLING_PLAIN_MODE_PARTS_H
#define BRAID_SIGNALLING_PLAIN_MODE_PARTS_H

#include "signalling/scheme.h"

struct signalling_step plain_mode_client_begin(struct conversation *c, const struct signalling_request *request,
					       uint8_t *out);
struct signalling_step plain_mode_client_feed(struct conversation *c, const uint8_t *in, size_t n_in, uint8_t *out);
struct signalling_result plain_mode_client_end(bool reset);
struct signalling_step plain_mode_server_feed(struct conversation *c, const uint8_t *in, size_t n_in, uint8_t *out,
					      struct signalling_request *request);
size_t plain_mode_server_answer(struct conversation *c, const struct signalling_result *result, uint8_t *out);

#endif
