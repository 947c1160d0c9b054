/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests and responses of PCP. What is accepted can be written, and is the same when it is read again; every error
 * has a form. */
#include "fuzz.h"

#include "wire/pcp.h"

static void expect_same(const struct pcp_mapping *a, const struct pcp_mapping *b)
{
	expect(!memcmp(a->nonce, b->nonce, sizeof(a->nonce)) && a->protocol == b->protocol &&
	       a->internal_port == b->internal_port);
	expect(address_equal(&a->external, &b->external) && address_equal(&a->remote, &b->remote));
}

static void read_again(const struct pcp_request *request)
{
	uint8_t room[PCP_MESSAGE_BYTES];
	size_t n = pcp_request_put(request, room, sizeof(room));
	struct pcp_request again;

	expect(n && n % 4 == 0 && !pcp_request_get(&again, room, n));
	expect(again.opcode == request->opcode && again.lifetime_s == request->lifetime_s &&
	       address_equal(&again.client, &request->client));
	expect(again.prefer_failure == request->prefer_failure && again.has_third_party == request->has_third_party);
	expect(again.n_filters == request->n_filters);
	for (size_t i = 0; i < again.n_filters; i++)
		expect(again.filters[i].n_bits == request->filters[i].n_bits &&
		       address_equal(&again.filters[i].remote, &request->filters[i].remote));
	expect_same(&again.mapping, &request->mapping);
}

static void as_request(const uint8_t *bytes, size_t n)
{
	uint8_t room[PCP_MESSAGE_BYTES];
	struct pcp_request request;
	struct pcp_response response;
	int r = pcp_request_get(&request, bytes, n);
	size_t n_error;

	expect(r >= 0 && r <= PCP_E_OPTION_MALFORMED);
	if (r == PCP_E_SILENT)
		return;
	if (!r)
		read_again(&request);
	n_error = pcp_error_put((struct bytes){ bytes, n }, PCP_NO_RESOURCES, !r, 30, 1, room, sizeof(room));
	expect(n_error >= PCP_HEADER_BYTES && n_error % 4 == 0);
	r = pcp_response_get(&response, room, n_error);
	expect(!r || r == PCP_E_OPCODE || r == PCP_E_REQUEST);
	expect(response.result == PCP_NO_RESOURCES && response.opcode == request.opcode);
}

static void as_response(const uint8_t *bytes, size_t n)
{
	uint8_t room[PCP_MESSAGE_BYTES];
	struct pcp_response response, again;
	size_t n_again;

	if (pcp_response_get(&response, bytes, n))
		return;
	n_again = pcp_response_put(&response, room, sizeof(room));
	expect(n_again == n && !pcp_response_get(&again, room, n_again) && again.options.n == response.options.n);
	expect_same(&again.mapping, &response.mapping);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	uint8_t *copy = fuzz_copy(bytes, n);

	as_request(copy, n);
	as_response(copy, n);
	free(copy);
	return 0;
}
