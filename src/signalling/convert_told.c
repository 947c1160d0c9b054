/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages on a connection on which a probe was answered (doc/wire.md), by their kind. */
#include "signalling/convert_parts.h"

static bool is_of(const struct convert_message *message, enum convert_told kind)
{
	switch (kind) {
	case CONVERT_TOLD_OUTCOME:
		return message->has_nonce;
	case CONVERT_TOLD_SESSION:
		return message->has_connect && message->has_host && message->has_claim && message->claim.n;
	case CONVERT_TOLD_LIMITED:
		return message->has_limited;
	default:
		return message->pcp.message.n;
	}
}

struct signalling_step convert_told(const uint8_t *in, size_t n_in, enum convert_told kind, struct convert_message *message)
{
	int r = convert_message_get(message, in, n_in);

	if (r == CONVERT_E_SHORT)
		return (struct signalling_step){ .verdict = SIGNALLING_NEED_MORE };
	if (r || !is_of(message, kind))
		return (struct signalling_step){ .verdict = SIGNALLING_REFUSED, .result.outcome = OUTCOME_MALFORMED };
	return (struct signalling_step){ .verdict = SIGNALLING_DONE, .n_consumed = message->n_bytes, .result.outcome = OUTCOME_CONNECTED };
}

size_t convert_server_limited(bool spoilt, uint8_t *out)
{
	struct convert_writer w = convert_begin(out, SIGNALLING_MESSAGE_BYTES);

	convert_put_limited(&w, spoilt ? CONVERT_LIMITED_SPOILT : 0);
	return convert_end(&w);
}

struct signalling_step convert_client_limited(const uint8_t *in, size_t n_in, bool *spoilt)
{
	struct convert_message message;
	struct signalling_step step = convert_told(in, n_in, CONVERT_TOLD_LIMITED, &message);

	*spoilt = step.verdict == SIGNALLING_DONE && message.limited & CONVERT_LIMITED_SPOILT;
	return step;
}
