/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client's side of a Convert exchange (RFC 8803, 4.1 and 6.2): Connect, or Info, and a Cookie where there is
 * one. */
#include <string.h>
#include "signalling/convert_parts.h"

static void put_claim(struct convert_writer *w, const struct signalling_request *request)
{
	convert_put_claim(w, (struct bytes){ request->claim, sizeof(request->claim) });
	if (request->n_first)
		convert_put_first(w, &(struct convert_first){ .n = request->n_first });
	if (request->failure.outcome != OUTCOME_CONNECTED)
		convert_put_result(w, &request->failure);
}

static uint8_t flags_of(const struct signalling_request *request)
{
	return (uint8_t)((request->plain ? CONVERT_BRAID_PLAIN : 0) | (request->raced ? CONVERT_BRAID_RACED : 0) |
			 convert_instead_flags(request->instead));
}

static uint8_t hears(const struct signalling_request *request)
{
	return (uint8_t)((request->hears_harm ? CONVERT_LIMITED_SPOILT : 0) |
			 (request->hears_limits ? 0 : CONVERT_LIMITED_NO_LIMITS) |
			 (request->hears_late ? CONVERT_LIMITED_LATE : 0));
}

struct signalling_step convert_client_begin(struct conversation *c, const struct signalling_request *request,
					    uint8_t *out)
{
	struct convert_writer w = convert_begin(out, SIGNALLING_MESSAGE_BYTES);
	struct convert_connect connect = { .remote = request->destination };

	*c = (struct conversation){ 0 };
	if (request->n_credential)   /* first, so that a converter knows who asks before it reads what for */
		convert_put_cookie(&w, (struct bytes){ request->credential, request->n_credential });
	if (request->probe)
		convert_put_info(&w);
	else
		convert_put_connect(&w, &connect);
	if (request->probe && request->takes_inbound)
		convert_put_claim(&w, (struct bytes){ 0 });
	if (request->probe && (request->hears_limits || request->hears_harm || request->hears_late))
		convert_put_limited(&w, hears(request));
	if (request->probe && request->has_leg)
		convert_put_leg(&w, (uint16_t)(request->leg | (request->joins ? CONVERT_BRAID_JOINS : 0) |
					       (request->wide ? CONVERT_BRAID_WIDE : 0) |
					       (request->lossy ? CONVERT_BRAID_LOSSY : 0)), request->session);
	if (request->has_claim && !request->probe)
		put_claim(&w, request);
	if ((request->dscp || flags_of(request)) && !request->probe)
		convert_put_dscp(&w, request->dscp, flags_of(request));
	if (request->watch && !request->probe)
		convert_put_watch(&w, request->watch, 0);
	if (!address_is_unspecified(&request->source) && !request->probe)
		convert_put_source(&w, &request->source);
	return (struct signalling_step){ .verdict = SIGNALLING_NEED_MORE, .n_out = convert_end(&w) };
}

static enum signalling_outcome outcome_of_code(uint8_t code)
{
	switch (code) {
	case CONVERT_ERROR_UNSUPPORTED_VERSION: return OUTCOME_BAD_VERSION;
	case CONVERT_ERROR_MALFORMED_MESSAGE: return OUTCOME_MALFORMED;
	case CONVERT_ERROR_UNSUPPORTED_MESSAGE: return OUTCOME_UNSUPPORTED_MESSAGE;
	case CONVERT_ERROR_MISSING_COOKIE: return OUTCOME_MISSING_CREDENTIAL;
	case CONVERT_ERROR_NOT_AUTHORIZED: return OUTCOME_NOT_AUTHORISED;
	case CONVERT_ERROR_UNSUPPORTED_TCP_OPTION: return OUTCOME_UNSUPPORTED_OPTION;
	case CONVERT_ERROR_RESOURCE_EXCEEDED: return OUTCOME_OVER_LIMIT;
	case CONVERT_ERROR_CONNECTION_RESET: return OUTCOME_REFUSED;
	case CONVERT_ERROR_DESTINATION_UNREACHABLE: return OUTCOME_UNREACHABLE;
	default: return OUTCOME_NETWORK_FAILURE;   /* 65, and codes to come */
	}
}

struct signalling_result convert_result_of(const struct convert_error *error)
{
	struct signalling_result result = { .outcome = outcome_of_code(error->code), .window_scale = 0xff };
	uint8_t detail = error->value.n ? error->value.at[0] : 0;

	if (result.outcome == OUTCOME_NOT_AUTHORISED && detail == SIGNALLING_BYPASSED)
		result.outcome = OUTCOME_BYPASSED;
	if (result.outcome == OUTCOME_UNREACHABLE && detail == SIGNALLING_ICMP_SILENCE)
		result.outcome = OUTCOME_TIMED_OUT;
	else if (result.outcome == OUTCOME_UNREACHABLE)
		result.icmp_code = detail;
	if (result.outcome == OUTCOME_OVER_LIMIT || result.outcome == OUTCOME_NETWORK_FAILURE)
		result.retry_after_s = detail;
	return result;
}

struct signalling_step convert_client_feed(struct conversation *c, const uint8_t *in, size_t n_in, uint8_t *out)
{
	struct signalling_step step = { .verdict = SIGNALLING_NEED_MORE };
	struct convert_message message;
	int r = convert_message_get(&message, in, n_in);

	if (r == CONVERT_E_SHORT)
		return step;
	step.verdict = SIGNALLING_REFUSED;
	if (r) {   /* a version or a form that we don't understand: the peer is no converter for us */
		step.result.outcome = r == CONVERT_E_VERSION ? OUTCOME_BAD_VERSION : OUTCOME_MALFORMED;
		return step;
	}
	step.n_consumed = message.n_bytes;
	if (message.has_error) {
		step.result = convert_result_of(&message.error);
	} else {
		step.verdict = SIGNALLING_DONE;
		step.result.outcome = OUTCOME_CONNECTED;
		step.kin = message.has_watch;
		step.takes_wide = message.has_watch && message.knows & CONVERT_BRAID_KNOWS_WIDE;
		step.watch = message.watch;
		step.wants_source = message.has_source;
		step.maps = message.has_pcp;
		step.has_proof = message.has_proof;
		if (message.has_proof)
			memcpy(step.proof, message.proof.at, sizeof(step.proof));
	}
	return step;
}
