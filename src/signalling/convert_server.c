/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The server's side of a Convert exchange (RFC 8803, 4.1 and 6.2). */
#include <string.h>
#include "signalling/convert_parts.h"

enum { OPTION_MSS = 2, OPTION_WINDOW_SCALE = 3, OPTION_SACK_PERMITTED = 4, OPTION_SACK = 5, OPTION_TIMESTAMP = 8,
       OPTION_MPTCP = 30 };

#define KINDS 256

/* What our SYNs carry anyway (SACK, timestamps), and MPTCP on request (6.2.4, 7.1 to 7.5). */
static const uint8_t supported_kinds[] = { OPTION_SACK_PERMITTED, OPTION_TIMESTAMP, OPTION_MPTCP };

static size_t put_error(uint8_t code, const uint8_t *value, size_t n_value, uint8_t *out)
{
	struct convert_writer w = convert_begin(out, SIGNALLING_MESSAGE_BYTES);
	struct convert_error error = { .code = code, .value = { value, n_value } };

	convert_put_error(&w, &error);
	return convert_end(&w);
}

static struct signalling_step refuse_version(uint8_t *out)
{
	static const uint8_t versions[] = { CONVERT_VERSION };

	return (struct signalling_step){
		.verdict = SIGNALLING_REFUSED, .result.outcome = OUTCOME_BAD_VERSION,
		.n_out = put_error(CONVERT_ERROR_UNSUPPORTED_VERSION, versions, sizeof(versions), out),
	};
}

static struct signalling_step refuse_echo(enum signalling_outcome outcome, struct bytes message, uint8_t *out)
{
	struct convert_writer w = convert_begin(out, SIGNALLING_MESSAGE_BYTES);

	convert_put_error_echo(&w, outcome == OUTCOME_MALFORMED ? CONVERT_ERROR_MALFORMED_MESSAGE
								: CONVERT_ERROR_UNSUPPORTED_MESSAGE, message);
	return (struct signalling_step){ .verdict = SIGNALLING_REFUSED, .result.outcome = outcome,
					 .n_out = convert_end(&w) };
}

/* A message that can't be decoded: how much of it there is to echo is told by its header, where there is one. A
 * total length of zero is answered by a reset alone (6.1). */
static struct signalling_step refuse_undecoded(int r, const uint8_t *in, size_t n_in, uint8_t *out)
{
	struct convert_header header;
	struct bytes message = { in, n_in };

	if (!convert_header_get(&header, in, n_in) && header.n_bytes < n_in)
		message.n = header.n_bytes;
	if (!header.n_bytes)
		return (struct signalling_step){ .verdict = SIGNALLING_REFUSED, .result.outcome = OUTCOME_MALFORMED };
	if (message.n > SIGNALLING_MESSAGE_BYTES)
		message.n = SIGNALLING_MESSAGE_BYTES;
	return refuse_echo(r == CONVERT_E_RESERVED ? OUTCOME_UNSUPPORTED_MESSAGE : OUTCOME_MALFORMED, message, out);
}

/* What is asked of the SYN to the destination. The option kinds that can't be had, each once, go to refused[KINDS];
 * returns how many. */
static size_t read_options(struct bytes options, struct signalling_request *request, uint8_t refused[KINDS])
{
	struct cursor c = cursor_of(options.at, options.n);
	struct convert_option option;
	size_t n_refused = 0;

	while (convert_option_next(&c, &option)) {
		switch (option.kind) {
		case OPTION_MSS:           /* 7.1, 7.2, 7.3: to be ignored */
		case OPTION_WINDOW_SCALE:
		case OPTION_SACK:
		case OPTION_SACK_PERMITTED:   /* our kernel sends these two anyway */
		case OPTION_TIMESTAMP:
			break;
		case OPTION_MPTCP:
			request->wants_mptcp = 1;
			break;
		default:
			if (!memchr(refused, option.kind, n_refused))
				refused[n_refused++] = option.kind;
		}
	}
	return n_refused;
}

size_t convert_server_offer(const struct signalling_offer *offer, uint8_t *out)
{
	const struct address any = { 0 };
	struct convert_writer w = convert_begin(out, SIGNALLING_MESSAGE_BYTES);

	convert_put_supported(&w, (struct bytes){ supported_kinds, sizeof(supported_kinds) });
	if (offer->kin)   /* where the watch has no name, too */
		convert_put_watch(&w, offer->watch, CONVERT_BRAID_KNOWS_WIDE);
	if (offer->wants_source)
		convert_put_source(&w, &any);
	if (offer->maps)
		convert_put_pcp(&w, &(struct convert_pcp){ .id = 0 });
	if (offer->proof)
		convert_put_proof(&w, offer->proof);
	return convert_end(&w);
}

static struct signalling_step answer_info(const struct convert_message *message, uint8_t *out)
{
	return (struct signalling_step){
		.verdict = SIGNALLING_ANSWERED, .n_consumed = message->n_bytes,
		.n_out = convert_server_offer(&(struct signalling_offer){ .kin = false }, out),
		.result.outcome = OUTCOME_CONNECTED,
	};
}

static struct signalling_step take_connect(struct conversation *c, const struct convert_message *message, uint8_t *out,
					   struct signalling_request *request)
{
	uint8_t refused[KINDS];
	size_t n_refused = read_options(message->connect.options, request, refused);

	request->destination = message->connect.remote;
	request->dscp = message->dscp;
	request->plain = message->plain;
	request->raced = message->raced;
	request->instead = message->instead;
	request->watch = message->watch;
	request->source = message->source;
	request->has_claim = message->has_claim;
	if (message->has_claim)
		memcpy(request->claim, message->claim.at, sizeof(request->claim));
	request->n_first = message->first.n;
	request->failure = message->has_claim && message->has_error ? convert_result_of(&message->error) :
		(struct signalling_result){ .outcome = OUTCOME_CONNECTED };
	c->extended = message->connect.options.n > 0;
	c->option_unsupported = n_refused ? refused[0] : 0;
	if (n_refused)
		return (struct signalling_step){
			.verdict = SIGNALLING_REFUSED, .result.outcome = OUTCOME_UNSUPPORTED_OPTION,
			.n_out = put_error(CONVERT_ERROR_UNSUPPORTED_TCP_OPTION, refused, n_refused, out),
		};
	return (struct signalling_step){ .verdict = SIGNALLING_DONE, .n_consumed = message->n_bytes };
}

/* A whole one goes with a Connect, an empty one with an Info. */
static bool claim_makes_sense(const struct convert_message *message)
{
	return message->has_connect ? message->claim.n : message->has_info && !message->claim.n;
}

/* How many, with a claim that brings no failure. */
static bool first_makes_sense(const struct convert_message *message)
{
	return message->has_connect && message->has_claim && !message->has_error && !message->first.bytes.n;
}

/* With an Info, in the place of what else goes with one; a leg's number is below 256. */
static bool leg_makes_sense(const struct convert_message *message)
{
	return message->has_info && !message->has_connect && !message->has_claim && !message->has_limited &&
	       !(message->leg & CONVERT_BRAID_LOSSY && !(message->leg & CONVERT_BRAID_WIDE)) &&
	       (message->leg & ~(CONVERT_BRAID_JOINS | CONVERT_BRAID_WIDE | CONVERT_BRAID_LOSSY)) <= UINT8_MAX;
}

static struct signalling_step take_leg(const struct convert_message *message, struct signalling_request *request)
{
	request->has_leg = 1;
	request->leg = (uint8_t)message->leg;
	request->joins = message->leg & CONVERT_BRAID_JOINS ? 1 : 0;
	request->wide = message->leg & CONVERT_BRAID_WIDE ? 1 : 0;
	request->lossy = message->leg & CONVERT_BRAID_LOSSY ? 1 : 0;
	memcpy(request->session, message->session.at, sizeof(request->session));
	return (struct signalling_step){ .verdict = SIGNALLING_DONE, .n_consumed = message->n_bytes };
}

/* TLVs of ours that no client sends, or not with this. */
static bool makes_no_sense(const struct convert_message *message)
{
	return message->has_nonce || message->has_host || message->has_pcp || message->has_proof ||
	       (message->has_claim && !claim_makes_sense(message)) ||
	       (message->has_first && !first_makes_sense(message)) ||
	       (message->has_limited && (message->has_connect || !message->has_info)) ||
	       (message->has_leg && !leg_makes_sense(message));
}

struct signalling_step convert_server_feed(struct conversation *c, const uint8_t *in, size_t n_in, uint8_t *out,
					   struct signalling_request *request)
{
	struct convert_message message;
	int r = convert_message_get(&message, in, n_in);
	struct bytes whole = { in, message.n_bytes };

	if (r == CONVERT_E_SHORT)
		return (struct signalling_step){ .verdict = SIGNALLING_NEED_MORE };
	if (r == CONVERT_E_VERSION)
		return refuse_version(out);
	if (r)
		return refuse_undecoded(r, in, n_in, out);
	*request = (struct signalling_request){ 0 };
	if (message.has_cookie && message.cookie.n <= sizeof(request->credential)) {
		request->n_credential = (uint8_t)message.cookie.n;
		memcpy(request->credential, message.cookie.at, message.cookie.n);
	}
	if (message.has_connect && signalling_is_never_remote(&message.connect.remote))
		return refuse_echo(OUTCOME_MALFORMED, whole, out);
	if (message.n_unknown || makes_no_sense(&message))   /* it may ask for what we can't give (6.2.8: "unknown
							      * TLVs") */
		return refuse_echo(OUTCOME_UNSUPPORTED_MESSAGE, whole, out);
	if (message.has_connect)
		return take_connect(c, &message, out, request);
	if (message.has_leg)
		return take_leg(&message, request);
	if (message.has_info) {
		request->takes_inbound = message.has_claim;
		request->hears_limits = message.has_limited && !(message.limited & CONVERT_LIMITED_NO_LIMITS);
		request->hears_harm = message.has_limited && message.limited & CONVERT_LIMITED_SPOILT;
		request->hears_late = message.has_limited && message.limited & CONVERT_LIMITED_LATE;
		return answer_info(&message, out);
	}
	return refuse_echo(OUTCOME_UNSUPPORTED_MESSAGE, whole, out);
}

/* The options of the destination's SYN+ACK that an Extended Connect is to be told (6.2.6). */
static size_t put_connected(const struct conversation *c, const struct signalling_result *result, uint8_t *out)
{
	struct convert_writer w = convert_begin(out, SIGNALLING_MESSAGE_BYTES);
	uint8_t bytes[20];
	struct cursor_out options = cursor_into(bytes, sizeof(bytes));

	if (!c->extended)
		return convert_end(&w);
	if (result->mss_bytes) {
		cursor_put_u16be(&options, OPTION_MSS << 8 | 4);
		cursor_put_u16be(&options, result->mss_bytes);
	}
	if (result->sack)
		cursor_put_u16be(&options, OPTION_SACK_PERMITTED << 8 | 2);
	if (result->timestamps) {   /* their values belong to the other connection (7.4) */
		cursor_put_u16be(&options, OPTION_TIMESTAMP << 8 | 2);
	}
	if (result->window_scale != 0xff) {
		cursor_put_u16be(&options, OPTION_WINDOW_SCALE << 8 | 3);
		cursor_put_u8(&options, result->window_scale);
	}
	convert_put_extended(&w, (struct bytes){ bytes, options.n_written });
	return convert_end(&w);
}

size_t convert_server_answer(struct conversation *c, const struct signalling_result *result, uint8_t *out)
{
	const uint8_t none = 0;

	switch (result->outcome) {
	case OUTCOME_CONNECTED:
		return put_connected(c, result, out);
	case OUTCOME_BAD_VERSION:
		return refuse_version(out).n_out;
	case OUTCOME_MALFORMED:
		return put_error(CONVERT_ERROR_MALFORMED_MESSAGE, &none, 1, out);
	case OUTCOME_UNSUPPORTED_MESSAGE:
		return put_error(CONVERT_ERROR_UNSUPPORTED_MESSAGE, &none, 1, out);
	case OUTCOME_MISSING_CREDENTIAL:
	case OUTCOME_NOT_AUTHORISED:   /* 3 would have to bring a cookie (6.2.8); a ticket is the client's to make,
				        * so 32 it is */
		return put_error(CONVERT_ERROR_NOT_AUTHORIZED, &none, 1, out);
	case OUTCOME_BYPASSED: {
		const uint8_t bypassed = SIGNALLING_BYPASSED;

		return put_error(CONVERT_ERROR_NOT_AUTHORIZED, &bypassed, 1, out);
	}
	case OUTCOME_UNSUPPORTED_OPTION:
		return put_error(CONVERT_ERROR_UNSUPPORTED_TCP_OPTION, &c->option_unsupported, 1, out);
	case OUTCOME_OVER_LIMIT:
		return put_error(CONVERT_ERROR_RESOURCE_EXCEEDED, &result->retry_after_s, 1, out);
	case OUTCOME_REFUSED:
		return put_error(CONVERT_ERROR_CONNECTION_RESET, &none, 1, out);
	case OUTCOME_UNREACHABLE:
		return put_error(CONVERT_ERROR_DESTINATION_UNREACHABLE, &result->icmp_code, 1, out);
	case OUTCOME_TIMED_OUT: {
		const uint8_t silence = SIGNALLING_ICMP_SILENCE;

		return put_error(CONVERT_ERROR_DESTINATION_UNREACHABLE, &silence, 1, out);
	}
	case OUTCOME_NETWORK_FAILURE:
	case OUTCOME_N:
		break;
	}
	return put_error(CONVERT_ERROR_NETWORK_FAILURE, &result->retry_after_s, 1, out);
}
