/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions from the converter's side, told to a gateway on a connection that stands already (doc/wire.md, decision
 * 0019). */
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
	if (inbound->first.n || inbound->again)   /* again: the number alone, and that is 0 */
		convert_put_first(&w, &(struct convert_first){ .n = (uint16_t)inbound->first.n,
							       .bytes = inbound->first });
	return convert_end(&w);
}

struct signalling_step convert_client_inbound(const uint8_t *in, size_t n_in, struct signalling_inbound *inbound)
{
	struct convert_message message;
	struct signalling_step step = convert_told(in, n_in, CONVERT_TOLD_SESSION, &message);

	if (step.verdict != SIGNALLING_DONE)
		return step;
	inbound->remote = message.connect.remote;
	inbound->host = message.host;
	inbound->first = message.first.bytes;
	inbound->again = message.has_first && !message.first.n;
	memcpy(inbound->claim, message.claim.at, sizeof(inbound->claim));
	return step;
}
