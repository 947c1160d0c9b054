/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What Convert's server makes of a byte string, and its client of an answer. */
#ifndef BRAID_TESTS_UNIT_CONVERT_H
#define BRAID_TESTS_UNIT_CONVERT_H

#include "signalling/scheme.h"
#include "unit_address.h"

struct heard {
	struct conversation conversation;
	struct signalling_step step;
	struct signalling_request request;
	uint8_t out[SIGNALLING_MESSAGE_BYTES];
	size_t n_fed;            /* bytes handed in when the verdict came */
};

/* Feeds the first n_piece bytes, then twice as many, and so on, until there is a verdict. Each time from a block
 * that ends there. */
static inline struct heard unit_server_hears_in(const uint8_t *in, size_t n, size_t n_piece)
{
	struct heard h = { .n_fed = 0 };

	do {
		uint8_t *copy;

		h.n_fed = size_min(n, h.n_fed + n_piece);
		copy = unit_copy(in, h.n_fed);
		h.step = scheme_convert.server_feed(&h.conversation, copy, h.n_fed, h.out, &h.request);
		free(copy);
	} while (h.step.verdict == SIGNALLING_NEED_MORE && h.n_fed < n);
	return h;
}

static inline struct heard unit_client_hears_in(const uint8_t *in, size_t n, size_t n_piece)
{
	struct signalling_request request = { .destination = address_from_v4(1, 1) };
	struct heard h = { .n_fed = 0 };

	scheme_convert.client_begin(&h.conversation, &request, h.out);
	do {
		uint8_t *copy;

		h.n_fed = size_min(n, h.n_fed + n_piece);
		copy = unit_copy(in, h.n_fed);
		h.step = scheme_convert.client_feed(&h.conversation, copy, h.n_fed, h.out);
		free(copy);
	} while (h.step.verdict == SIGNALLING_NEED_MORE && h.n_fed < n);
	return h;
}

static inline struct heard unit_server_hears(const char *hex)
{
	struct unit_bytes in = unit_hex(hex);

	return unit_server_hears_in(in.at, in.n, in.n);
}

static inline struct heard unit_client_hears(const char *hex)
{
	struct unit_bytes in = unit_hex(hex);

	return unit_client_hears_in(in.at, in.n, in.n);
}

static inline void unit_expect_step(const struct heard *h, enum signalling_verdict verdict,
				    enum signalling_outcome outcome, size_t n_consumed)
{
	assert_int_equal(h->step.verdict, verdict);
	assert_string_equal(signalling_outcome_name(h->step.result.outcome), signalling_outcome_name(outcome));
	assert_int_equal(h->step.n_consumed, n_consumed);
}

static inline void unit_expect_refused(const char *hex, enum signalling_outcome outcome, const char *answer)
{
	struct heard h = unit_server_hears(hex);

	unit_expect_step(&h, SIGNALLING_REFUSED, outcome, 0);
	unit_expect_bytes(hex, answer, h.out, h.step.n_out);
}

#endif
