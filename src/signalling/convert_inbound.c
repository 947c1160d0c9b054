/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions from the converter's side, told to a gateway on a connection that stands already (doc/wire.md, decision 0019). */
#include <assert.h>
#include <string.h>
#include "signalling/convert_parts.h"

static_assert(SIGNALLING_CLAIM_BYTES == CONVERT_CLAIM_BYTES, "a claim");

size_t convert_server_inbound(const struct signalling_inbound *inbound, uint8_t *out)
{
	struct convert_writer w = convert_begin(out, SIGNALLING_MESSAGE_BYTES);
	struct convert_connect connect = { .remote = inbound->remote };

	convert_put_connect(&w, &connect);
	convert_put_claim(&w, (struct bytes){ inbound->claim, sizeof(inbound->claim) });
	convert_put_host(&w, &inbound->host);
	return convert_end(&w);
}

struct signalling_step convert_client_inbound(const uint8_t *in, size_t n_in, struct signalling_inbound *inbound)
{
	struct signalling_step step = { .verdict = SIGNALLING_NEED_MORE };
	struct convert_message message;
	int r = convert_message_get(&message, in, n_in);

	if (r == CONVERT_E_SHORT)
		return step;
	step.verdict = SIGNALLING_REFUSED;
	step.result.outcome = OUTCOME_MALFORMED;
	if (r || !message.has_connect || !message.has_host || !message.has_claim || !message.claim.n)
		return step;
	step.verdict = SIGNALLING_DONE;
	step.n_consumed = message.n_bytes;
	step.result.outcome = OUTCOME_CONNECTED;
	inbound->remote = message.connect.remote;
	inbound->host = message.host;
	memcpy(inbound->claim, message.claim.at, sizeof(inbound->claim));
	return step;
}
