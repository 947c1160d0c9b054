/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plain mode (wire/plain_mode.h): the elements, echoed where the destination has accepted; there are no words for
 * anything else (decision 0023). */
#include "signalling/plain_mode_parts.h"

#include <assert.h>
#include <string.h>
#include "wire/plain_mode.h"

static_assert(PLAIN_MODE_BYTES <= SIGNALLING_KEPT_BYTES, "the echo");

struct signalling_step plain_mode_client_begin(struct conversation *c, const struct signalling_request *request,
					       uint8_t *out)
{
	struct plain_mode message = { .has_destination = true, .destination = request->destination,
				      .source = request->source };

	message.has_source = !address_is_unspecified(&request->source);
	*c = (struct conversation){ .n_kept = (uint8_t)plain_mode_put(&message, out) };
	memcpy(c->kept, out, c->n_kept);
	return (struct signalling_step){ .verdict = SIGNALLING_NEED_MORE, .n_out = c->n_kept };
}

struct signalling_step plain_mode_client_feed(struct conversation *c, const uint8_t *in, size_t n_in, uint8_t *out)
{
	size_t n = n_in < c->n_kept ? n_in : c->n_kept;

	if (n && memcmp(in, c->kept, n) != 0)
		return (struct signalling_step){ .verdict = SIGNALLING_REFUSED, .result.outcome = OUTCOME_MALFORMED };
	if (n < c->n_kept)
		return (struct signalling_step){ .verdict = SIGNALLING_NEED_MORE };
	return (struct signalling_step){ .verdict = SIGNALLING_DONE, .n_consumed = n,
					 .result = { .outcome = OUTCOME_CONNECTED, .window_scale = 0xff } };
}

struct signalling_result plain_mode_client_end(bool reset)
{
	return (struct signalling_result){ .outcome = reset ? OUTCOME_REFUSED : OUTCOME_BYPASSED,
					   .window_scale = 0xff };
}

/* Who doesn't say where to, means the way that the packet took: it ends here. */
struct signalling_step plain_mode_server_feed(struct conversation *c, const uint8_t *in, size_t n_in, uint8_t *out,
					      struct signalling_request *request)
{
	struct plain_mode message;
	int r = plain_mode_get(&message, in, n_in);

	if (r == PLAIN_MODE_E_SHORT)
		return (struct signalling_step){ .verdict = SIGNALLING_NEED_MORE };
	if (r || !message.has_destination || signalling_is_never_remote(&message.destination))
		return (struct signalling_step){ .verdict = SIGNALLING_REFUSED,
			.result.outcome = r ? OUTCOME_MALFORMED : OUTCOME_UNSUPPORTED_MESSAGE };
	*request = (struct signalling_request){ .destination = message.destination, .source = message.source,
						.own_port = !message.destination.port };
	c->n_kept = (uint8_t)message.n_bytes;
	memcpy(c->kept, in, message.n_bytes);
	return (struct signalling_step){ .verdict = SIGNALLING_DONE, .n_consumed = message.n_bytes };
}

size_t plain_mode_server_answer(struct conversation *c, const struct signalling_result *result, uint8_t *out)
{
	if (result->outcome != OUTCOME_CONNECTED)
		return 0;
	memcpy(out, c->kept, c->n_kept);
	return c->n_kept;
}
