/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The server's side of SOCKS5 (RFC 1928; RFC 1929). A client may send all of its messages at once: each is answered in
 * its turn, and the answers may go together. With a password it is asked for it, where it can do both: so its
 * connection is known to be its subscriber's.
 */
#include <string.h>
#include "signalling/socks5_parts.h"

/* JUDGED: server_admit() is to follow. */
enum { STEP_METHODS, STEP_PASSWORD, STEP_JUDGED, STEP_REQUEST, STEP_ANSWERED };

static struct signalling_step refuse(enum signalling_outcome outcome)
{
	return (struct signalling_step){ .verdict = SIGNALLING_REFUSED, .result.outcome = outcome };
}

static struct signalling_step go_on(struct conversation *c, uint8_t step, size_t n_consumed)
{
	c->step = step;
	return (struct signalling_step){ .verdict = SIGNALLING_NEED_MORE, .n_consumed = n_consumed };
}

static bool offers(const struct socks5_methods *methods, uint8_t method)
{
	return memchr(methods->methods.at, method, methods->methods.n);
}

/* What is no greeting isn't SOCKS5, and gets no answer. */
static struct signalling_step take_methods(struct conversation *c, struct bytes in, uint8_t *out)
{
	struct socks5_methods methods;
	struct signalling_step step;
	int r = socks5_methods_get(&methods, in.at, in.n);
	uint8_t method = SOCKS5_NO_METHOD;

	if (r)
		return r == SOCKS5_E_SHORT ? go_on(c, STEP_METHODS, 0) :
		refuse(r == SOCKS5_E_VERSION ? OUTCOME_BAD_VERSION : OUTCOME_MALFORMED);
	c->question = offers(&methods, SOCKS5_QUESTION);
	if (offers(&methods, SOCKS5_PASSWORD))
		method = SOCKS5_PASSWORD;
	else if (c->anonymous && offers(&methods, SOCKS5_NO_AUTHENTICATION))
		method = SOCKS5_NO_AUTHENTICATION;
	if (method == SOCKS5_NO_METHOD)
		step = refuse(OUTCOME_MISSING_CREDENTIAL);
	else if (method == SOCKS5_PASSWORD)
		step = go_on(c, STEP_PASSWORD, methods.n_bytes);
	else
		step = go_on(c, c->question ? STEP_ANSWERED : STEP_REQUEST, methods.n_bytes);
	step.n_out = socks5_choice_put(c->question && method != SOCKS5_NO_METHOD ? SOCKS5_QUESTION : method, out,
				       SOCKS5_CHOICE_BYTES);
	return step;
}

static struct signalling_step take_password(struct conversation *c, struct bytes in, uint8_t *out,
					    struct signalling_request *request)
{
	struct socks5_password password;
	struct signalling_step step;
	int r = socks5_password_get(&password, in.at, in.n);

	if (r == SOCKS5_E_SHORT)
		return go_on(c, STEP_PASSWORD, 0);
	if (r) {
		step = refuse(OUTCOME_MALFORMED);
		step.n_out = socks5_status_put(SOCKS5_FAILURE, out, SOCKS5_STATUS_BYTES);
		return step;
	}
	request->n_user = (uint8_t)password.user.n;
	request->n_password = (uint8_t)password.password.n;
	memcpy(request->user, password.user.at, password.user.n);
	memcpy(request->password, password.password.at, password.password.n);
	c->step = STEP_JUDGED;
	return (struct signalling_step){ .verdict = SIGNALLING_CREDENTIAL, .n_consumed = password.n_bytes };
}

static size_t put_reply(uint8_t reply, const struct address *bound, uint8_t *out)
{
	struct socks5_endpoint endpoint = { .code = reply, .address = *bound };

	return socks5_endpoint_put(&endpoint, out, SOCKS5_ENDPOINT_BYTES);
}

static struct signalling_step refuse_request(enum signalling_outcome outcome, uint8_t reply, uint8_t *out)
{
	const struct address none = { 0 };
	struct signalling_step step = refuse(outcome);

	step.n_out = put_reply(reply, &none, out);
	return step;
}

/* UDP ASSOCIATE, too, is a command that we don't know. */
static struct signalling_step take_request(struct conversation *c, struct bytes in, uint8_t *out,
					   struct signalling_request *request)
{
	struct socks5_endpoint asked;
	int r = socks5_endpoint_get(&asked, in.at, in.n);

	if (r == SOCKS5_E_SHORT)
		return go_on(c, STEP_REQUEST, 0);
	if (r == SOCKS5_E_ADDRESS_TYPE)
		return refuse_request(OUTCOME_UNSUPPORTED_MESSAGE, SOCKS5_UNKNOWN_ADDRESS_TYPE, out);
	if (r)
		return refuse_request(OUTCOME_MALFORMED, SOCKS5_FAILURE, out);
	if (asked.code != SOCKS5_CONNECT && asked.code != SOCKS5_BIND)
		return refuse_request(OUTCOME_UNSUPPORTED_MESSAGE, SOCKS5_UNKNOWN_COMMAND, out);
	request->destination = asked.address;
	request->name = asked.name;
	request->listens = asked.code == SOCKS5_BIND;
	request->plain = 1;   /* it may well be: no such client tells */
	return (struct signalling_step){ .verdict = SIGNALLING_DONE, .n_consumed = asked.n_bytes };
}

static struct signalling_step take_one(struct conversation *c, struct bytes in, uint8_t *out,
				       struct signalling_request *request)
{
	switch (c->step) {
	case STEP_METHODS:
		return take_methods(c, in, out);
	case STEP_PASSWORD:
		return take_password(c, in, out, request);
	case STEP_REQUEST:
		return take_request(c, in, out, request);
	default:
		return (struct signalling_step){ .verdict = SIGNALLING_ANSWERED, .result.outcome = OUTCOME_CONNECTED };
	}
}

struct signalling_step socks5_server_feed(struct conversation *c, const uint8_t *in, size_t n_in, uint8_t *out,
					  struct signalling_request *request)
{
	struct signalling_step step;
	size_t n = 0, n_out = 0;
	uint8_t before;

	*request = (struct signalling_request){ 0 };
	do {
		before = c->step;
		step = take_one(c, (struct bytes){ in + n, n_in - n }, out + n_out, request);
		n += step.n_consumed;
		n_out += step.n_out;
	} while (step.verdict == SIGNALLING_NEED_MORE && c->step != before);
	step.n_consumed = n;
	step.n_out = n_out;
	return step;
}

size_t socks5_server_admit(struct conversation *c, bool admitted, uint8_t *out)
{
	c->step = c->question ? STEP_ANSWERED : STEP_REQUEST;
	return socks5_status_put(admitted ? 0 : SOCKS5_FAILURE, out, SOCKS5_STATUS_BYTES);
}

size_t socks5_server_answer(struct conversation *c, const struct signalling_result *result, uint8_t *out)
{
	return put_reply(socks5_reply_of(result), &result->bound, out);
}
