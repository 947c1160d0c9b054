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

struct signalling_step convert_told(const uint8_t *in, size_t n_in, enum convert_told kind,
				    struct convert_message *message)
{
	int r = convert_message_get(message, in, n_in);

	if (r == CONVERT_E_SHORT)
		return (struct signalling_step){ .verdict = SIGNALLING_NEED_MORE };
	if (r || !is_of(message, kind))
		return (struct signalling_step){ .verdict = SIGNALLING_REFUSED, .result.outcome = OUTCOME_MALFORMED };
	return (struct signalling_step){ .verdict = SIGNALLING_DONE, .n_consumed = message->n_bytes,
					 .result.outcome = OUTCOME_CONNECTED };
}

size_t convert_server_limited(enum signalling_limited what, uint8_t *out)
{
	static const uint8_t bits[] = { [SIGNALLING_LIMITED_BY_LINKS] = 0, [SIGNALLING_SPOILT] = CONVERT_LIMITED_SPOILT,
					[SIGNALLING_LATE] = CONVERT_LIMITED_LATE };
	struct convert_writer w = convert_begin(out, SIGNALLING_MESSAGE_BYTES);

	convert_put_limited(&w, bits[what]);
	return convert_end(&w);
}

struct signalling_step convert_client_limited(const uint8_t *in, size_t n_in, enum signalling_limited *what)
{
	struct convert_message message;
	struct signalling_step step = convert_told(in, n_in, CONVERT_TOLD_LIMITED, &message);
	uint8_t bits = step.verdict == SIGNALLING_DONE ? message.limited : 0;

	*what = bits & CONVERT_LIMITED_LATE ? SIGNALLING_LATE : bits & CONVERT_LIMITED_SPOILT ? SIGNALLING_SPOILT :
		SIGNALLING_LIMITED_BY_LINKS;
	return step;
}
