/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What hosts ask for, carried on a gateway's watch (doc/wire.md). */
#include <assert.h>
#include "signalling/convert_parts.h"

static_assert(SIGNALLING_HOST_MESSAGE_BYTES == CONVERT_PCP_BYTES, "what fits");

size_t convert_host_put(const struct signalling_host_message *message, uint8_t *out)
{
	struct convert_writer w = convert_begin(out, SIGNALLING_MESSAGE_BYTES);

	convert_put_pcp(&w, &(struct convert_pcp){ .id = message->id, .host = message->host,
						   .message = message->message });
	return convert_end(&w);
}

struct signalling_step convert_host_get(const uint8_t *in, size_t n_in, struct signalling_host_message *out)
{
	struct convert_message message;
	struct signalling_step step = convert_told(in, n_in, CONVERT_TOLD_HOST_MESSAGE, &message);

	if (step.verdict == SIGNALLING_DONE)
		*out = (struct signalling_host_message){ .id = message.pcp.id, .host = message.pcp.host,
							 .message = message.pcp.message };
	return step;
}
