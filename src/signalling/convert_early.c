/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Early answers: what became of one connection, told on another that stands already (doc/wire.md). */
#include <assert.h>
#include <string.h>
#include "signalling/convert_parts.h"
#include "signalling/ticket.h"

static_assert(SIGNALLING_NONCE_BYTES == TICKET_NONCE_BYTES && SIGNALLING_NONCE_BYTES == CONVERT_NONCE_BYTES,
	      "a ticket's nonce");

void convert_put_result(struct convert_writer *w, const struct signalling_result *result)
{
	struct conversation plain = { 0 };
	uint8_t answer[SIGNALLING_MESSAGE_BYTES];
	size_t n_answer = convert_server_answer(&plain, result, answer);
	struct convert_message message;

	if (!convert_message_get(&message, answer, n_answer) && message.has_error)
		convert_put_error(w, &message.error);
}

/* The nonce, and the error that the answer itself has. */
size_t convert_server_early(const uint8_t nonce[SIGNALLING_NONCE_BYTES], const struct signalling_result *result,
			    uint8_t *out)
{
	struct convert_writer w = convert_begin(out, SIGNALLING_MESSAGE_BYTES);

	convert_put_nonce(&w, nonce);
	convert_put_result(&w, result);
	return convert_end(&w);
}

struct signalling_step convert_client_early(const uint8_t *in, size_t n_in, uint8_t nonce[SIGNALLING_NONCE_BYTES])
{
	struct convert_message message;
	struct signalling_step step = convert_told(in, n_in, CONVERT_TOLD_OUTCOME, &message);

	if (step.verdict != SIGNALLING_DONE)
		return step;
	step.result = message.has_error ? convert_result_of(&message.error) :
		      (struct signalling_result){ .outcome = OUTCOME_CONNECTED, .window_scale = 0xff };
	memcpy(nonce, message.nonce.at, SIGNALLING_NONCE_BYTES);
	return step;
}
