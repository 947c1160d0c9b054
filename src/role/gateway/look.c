/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/gateway/look.h"

#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include "base/counter.h"
#include "net/socket.h"
#include "path/rules_nft.h"
#include "role/gateway/direct.h"
#include "role/gateway/setup.h"
#include "wire/client_hello.h"

#define LOOKS_MOST 64               /* a message that comes in so many pieces is not waited for */

static_assert(CLIENT_HELLO_MOST_BYTES <= WORKER_SCRATCH_BYTES, "all that is looked at must fit");

/* What rules may ask for, kept from the first packet on. */
struct look {
	uint8_t dscp;
	bool has_mac, has_interface;
	uint8_t mac[RULE_MAC_BYTES];
	char interface[IF_NAMESIZE];
	unsigned int n_looks;
};

int look_begin(struct setup *setup, const struct net_queue_packet *packet, uint8_t dscp)
{
	struct look *look = calloc(1, sizeof(*look));

	if (!look)
		return -ENOMEM;
	look->dscp = dscp;
	look->has_interface = if_indextoname(packet->ifindex, look->interface);
	look->has_mac = packet->has_mac;
	memcpy(look->mac, packet->mac, sizeof(look->mac));
	setup->look = look;
	return 0;
}

void look_freep(struct look **look)
{
	free(*look);
	*look = NULL;
}

bool look_list_holds(void *context, const struct rule_list *list, const struct address *address)
{
	struct gateway *gateway = context;

	/* the table may be gone */
	return gateway->hold.elements && rules_nft_list_holds(gateway->hold.elements, list, address);
}

static void decide(struct gateway *gateway, struct setup *setup, const char *name)
{
	const struct look *look = setup->look;
	struct rule_facts facts = {
		.source = setup->source, .destination = setup->destination, .dscp = look->dscp,
		.mac = look->has_mac ? look->mac : NULL,
		.interface = look->has_interface ? look->interface : NULL, .tls_name = name,
		.list_holds = look_list_holds, .context = gateway,
	};

	counter_add(&gateway->worker->counters.n_looked_at, 1);
	setup->treatment = treatment_of_facts(gateway->worker->view->conf, &facts);
	look_freep(&setup->look);
	if (setup->treatment.action == RULE_REJECT)
		setup_abandon(gateway, setup);
	else if (setup->treatment.action == RULE_BYPASS)
		direct_begin(gateway, setup);
	else
		setup_connect(gateway, setup);
}

/* What isn't whole is waited for, also where the host has ended behind it, which the bytes don't show. */
void look_on_bytes(struct gateway *gateway, struct setup *setup)
{
	char name[CLIENT_HELLO_NAME_BYTES];
	uint8_t *scratch = gateway->worker->scratch;
	int error = 0, r;
	ssize_t n = net_peek(setup->near_fd, scratch, CLIENT_HELLO_MOST_BYTES, &error);

	if (n < 0 && (error == NET_E_AGAIN || error == NET_E_DESCRIPTORS))
		return;
	if (n < 0) {
		counter_add(&gateway->worker->counters.n_host_gave_up, 1);
		setup_abandon(gateway, setup);
		return;
	}
	r = client_hello_name((struct bytes){ scratch, (size_t)n }, name);
	if (n && r == CLIENT_HELLO_E_MORE && ++setup->look->n_looks < LOOKS_MOST)
		return;
	decide(gateway, setup, r ? NULL : name);
}

void look_on_patience_over(struct gateway *gateway, struct setup *setup)
{
	decide(gateway, setup, NULL);
}
