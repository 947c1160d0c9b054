/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The client's side of SOCKS5 (RFC 1928; RFC 1929): greeting, password where there is one, request; all at once, or
 * each when the one before was answered. One method is offered: so there is nothing to choose, and what follows is
 * known.
 */
#include "signalling/socks5_parts.h"

enum { STEP_CHOICE, STEP_STATUS, STEP_REPLY, STEP_SECOND_REPLY };

static uint8_t method_of(const struct signalling_request *request)
{
	return request->n_user ? SOCKS5_PASSWORD : SOCKS5_NO_AUTHENTICATION;
}

/* A probe may be of a server that doesn't bear it. */
static bool is_pipelined(const struct signalling_request *request)
{
	return request->pipelined && !request->probe;
}

static size_t put_greeting(const struct signalling_request *request, uint8_t *out)
{
	const uint8_t offered[] = { SOCKS5_QUESTION, method_of(request) };
	struct socks5_methods methods =
		{ .methods = { request->probe ? offered : offered + 1, request->probe ? 2 : 1 } };

	return socks5_methods_put(&methods, out, SOCKS5_METHODS_BYTES);
}

static size_t put_password(const struct signalling_request *request, uint8_t *out)
{
	struct socks5_password password = { .user = { request->user, request->n_user },
					    .password = { request->password, request->n_password } };

	return socks5_password_put(&password, out, SOCKS5_PASSWORD_BYTES);
}

static size_t put_request(const struct signalling_request *request, uint8_t *out)
{
	struct socks5_endpoint endpoint = {
		.code = request->listens ? SOCKS5_BIND : SOCKS5_CONNECT, .address = request->destination,
		.name = request->name,
	};

	return socks5_endpoint_put(&endpoint, out, SOCKS5_ENDPOINT_BYTES);
}

struct signalling_step socks5_client_begin(struct conversation *c, const struct signalling_request *request,
					   uint8_t *out)
{
	bool pipelined = is_pipelined(request);
	struct signalling_step step = { .verdict = SIGNALLING_NEED_MORE, .waits = !pipelined,
					.n_out = put_greeting(request, out) };

	*c = (struct conversation){ .step = STEP_CHOICE, .asked = request };
	if (pipelined && request->n_user)
		step.n_out += put_password(request, out + step.n_out);
	if (pipelined)
		step.n_out += put_request(request, out + step.n_out);
	return step;
}

static struct signalling_step refused(enum signalling_outcome outcome)
{
	return (struct signalling_step){ .verdict = SIGNALLING_REFUSED,
					 .result = { .outcome = outcome, .window_scale = 0xff } };
}

/* The answer isn't one. */
static struct signalling_step not_understood(int r)
{
	if (r == SOCKS5_E_SHORT)
		return (struct signalling_step){ .verdict = SIGNALLING_NEED_MORE };
	return refused(r == SOCKS5_E_VERSION ? OUTCOME_BAD_VERSION : OUTCOME_MALFORMED);
}

/* The server lets us in. That is all that one can be asked which doesn't know our question. */
static struct signalling_step let_in(struct conversation *c, size_t n_consumed, uint8_t *out)
{
	struct signalling_step step = { .verdict = SIGNALLING_NEED_MORE, .n_consumed = n_consumed };

	c->step = STEP_REPLY;
	if (c->asked->probe && !c->question)
		step.verdict = SIGNALLING_DONE;
	else if (!is_pipelined(c->asked) && !c->question)
		step.n_out = put_request(c->asked, out);
	return step;
}

static struct signalling_step take_choice(struct conversation *c, const uint8_t *in, size_t n_in, uint8_t *out)
{
	struct signalling_step step = { .verdict = SIGNALLING_NEED_MORE, .n_consumed = SOCKS5_CHOICE_BYTES };
	uint8_t method;
	int r = socks5_choice_get(&method, in, n_in);

	if (r)
		return not_understood(r);
	if (method == SOCKS5_NO_METHOD)
		return refused(OUTCOME_MISSING_CREDENTIAL);
	c->question = c->asked->probe && method == SOCKS5_QUESTION;
	if (method != method_of(c->asked) && !c->question)
		return refused(OUTCOME_MALFORMED);
	if (!c->asked->n_user)
		return let_in(c, SOCKS5_CHOICE_BYTES, out);
	c->step = STEP_STATUS;
	step.n_out = is_pipelined(c->asked) ? 0 : put_password(c->asked, out);
	return step;
}

static struct signalling_step take_status(struct conversation *c, const uint8_t *in, size_t n_in, uint8_t *out)
{
	uint8_t status;
	int r = socks5_status_get(&status, in, n_in);

	if (r)
		return not_understood(r);
	return status ? refused(OUTCOME_NOT_AUTHORISED) : let_in(c, SOCKS5_STATUS_BYTES, out);
}

static struct signalling_step take_reply(struct conversation *c, const uint8_t *in, size_t n_in)
{
	struct signalling_step step = { .verdict = SIGNALLING_DONE };
	struct socks5_endpoint reply;
	int r = socks5_endpoint_get(&reply, in, n_in);

	if (r)
		return not_understood(r == SOCKS5_E_ADDRESS_TYPE ? SOCKS5_E_MALFORMED : r);
	step.n_consumed = reply.n_bytes;
	step.result = socks5_result_of(reply.code, !address_is_v4(&c->asked->destination));
	if (step.result.outcome != OUTCOME_CONNECTED) {
		step.verdict = SIGNALLING_REFUSED;
		return step;
	}
	step.result.bound = reply.address;
	step.kin = c->question;
	if (c->asked->listens && c->step == STEP_REPLY) {
		c->step = STEP_SECOND_REPLY;
		step.verdict = SIGNALLING_LISTENING;
	}
	return step;
}

static struct signalling_step take_one(struct conversation *c, const uint8_t *in, size_t n_in, uint8_t *out)
{
	switch (c->step) {
	case STEP_CHOICE:
		return take_choice(c, in, n_in, out);
	case STEP_STATUS:
		return take_status(c, in, n_in, out);
	default:
		return take_reply(c, in, n_in);
	}
}

/* Several answers may have come at once. */
struct signalling_step socks5_client_feed(struct conversation *c, const uint8_t *in, size_t n_in, uint8_t *out)
{
	struct signalling_step step;
	size_t n = 0, n_out = 0, n_before;

	do {
		n_before = n;
		step = take_one(c, in + n, n_in - n, out + n_out);
		n += step.n_consumed;
		n_out += step.n_out;
	} while (step.verdict == SIGNALLING_NEED_MORE && n > n_before);
	step.n_consumed = n;
	step.n_out = n_out;
	return step;
}
