/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/nft_element.h"

#include <endian.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>
#include <sys/socket.h>
#include "base/util.h"
#include "net/netlink.h"
#include "net/nft_batch.h"

#define ANSWER_BYTES 8192
#define FIELD_BYTES 4           /* where there are several, each begins at a multiple of it */
#define COMMANDS_MOST 3         /* with two names and a key each: 2000 bytes of a batch at most */

struct nft_elements {
	struct netlink *netlink;
	struct nft_batch batch;
	char answer[ANSWER_BYTES] __attribute__((aligned(8)));
};

static size_t padded(size_t n)
{
	return (n + FIELD_BYTES - 1) & ~(size_t)(FIELD_BYTES - 1);
}

void nft_key_add(struct nft_key *key, const void *field, size_t n_field)
{
	size_t begin = padded(key->n), end = begin + (key->n_fields ? padded(n_field) : n_field);

	if (n_field > sizeof(key->bytes) || end > sizeof(key->bytes)) {
		key->n = SIZE_MAX / 2;   /* stays beyond all */
		return;
	}
	memcpy(key->bytes + begin, field, n_field);
	key->n = end;
	key->n_fields++;
}

void nft_elements_closep(struct nft_elements **elements)
{
	if (*elements)
		netlink_closep(&(*elements)->netlink);
	free(*elements);
	*elements = NULL;
}

int nft_elements_open(struct nft_elements **out)
{
	_cleanup_(nft_elements_closep) struct nft_elements *elements = calloc(1, sizeof(*elements));
	int r;

	if (!elements)
		return -ENOMEM;
	r = netlink_open(NETLINK_NETFILTER, &elements->netlink);
	if (r)
		return r;
	*out = elements;
	elements = NULL;
	return 0;
}

struct command {
	uint16_t type;                  /* NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM */
	uint16_t flags;
	const struct nft_set *set;
	const struct nft_key *key;
	uint64_t timeout_ms;            /* 0: not said */
};

static void put_command(struct nft_batch *batch, const struct command *command)
{
	struct nlmsghdr *message = nft_batch_message(batch, command->type, command->flags, command->set->family);
	struct nlattr *list, *element, *key;

	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, command->set->table);
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, command->set->name);
	list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
	element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
	key = mnl_attr_nest_start(message, NFTA_SET_ELEM_KEY);
	mnl_attr_put(message, NFTA_DATA_VALUE, command->key->n, command->key->bytes);
	mnl_attr_nest_end(message, key);
	if (command->timeout_ms)
		mnl_attr_put_u64(message, NFTA_SET_ELEM_TIMEOUT, htobe64(command->timeout_ms));
	mnl_attr_nest_end(message, element);
	mnl_attr_nest_end(message, list);
	nft_batch_take(batch, message);
}

/* The kernel handles a batch within send(), so its answers are there: one for each message that was refused, one for
 * the last if all went well. */
static int take_answers(struct nft_elements *elements, uint32_t first_sequence)
{
	bool answered = false;
	int error = 0;

	for (;;) {
		ssize_t n = recv(netlink_fd(elements->netlink), elements->answer, sizeof(elements->answer),
				 MSG_DONTWAIT);
		const struct nlmsghdr *message = (const void *)elements->answer;
		int n_left = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return answered ? error : -EPROTO;
		if (n < 0)
			return -errno;
		for (; mnl_nlmsg_ok(message, n_left); message = mnl_nlmsg_next(message, &n_left)) {
			const struct nlmsgerr *outcome = mnl_nlmsg_get_payload(message);

			if (message->nlmsg_type != NLMSG_ERROR ||
			    mnl_nlmsg_get_payload_len(message) < sizeof(*outcome) ||
			    message->nlmsg_seq - first_sequence > COMMANDS_MOST + 1)
				continue;
			answered = true;
			error = error ? error : outcome->error;
		}
	}
}

static bool is_sound(const struct command *command)
{
	return command->key->n <= NFT_KEY_BYTES && strlen(command->set->table) < NFT_NAME_MAXLEN &&
	       strlen(command->set->name) < NFT_NAME_MAXLEN;
}

static int transact(struct nft_elements *elements, uint32_t first_sequence)
{
	ssize_t n;
	int r;

	do {
		n = send(netlink_fd(elements->netlink), elements->batch.bytes, elements->batch.n, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	r = take_answers(elements, first_sequence);
	return r == -ENOENT ? NFT_E_MISSING : r;
}

static int run(struct nft_elements *elements, const struct command *commands, size_t n_commands)
{
	uint32_t first_sequence = elements->batch.sequence + 1;

	for (size_t i = 0; i < n_commands; i++)
		if (!is_sound(&commands[i]))
			return -EINVAL;
	nft_batch_begin(&elements->batch);
	for (size_t i = 0; i < n_commands; i++)
		put_command(&elements->batch, &commands[i]);
	nft_batch_end(&elements->batch);
	return transact(elements, first_sequence);
}

/* A question is in no batch. The element itself comes before the answer that says that it is there. */
int nft_element_find(struct nft_elements *elements, const struct nft_set *set, const struct nft_key *key)
{
	const struct command find = { NFT_MSG_GETSETELEM, NLM_F_ACK, set, key, 0 };

	if (!is_sound(&find))
		return -EINVAL;
	elements->batch.n = 0;
	put_command(&elements->batch, &find);
	return transact(elements, elements->batch.sequence);
}

/* The first makes sure that there is something to delete. Linux takes a new timeout of an element in place since
 * 6.12 alone. */
int nft_element_renew(struct nft_elements *elements, const struct nft_set *set, const struct nft_key *key,
		      uint64_t timeout_ms)
{
	const struct command commands[COMMANDS_MOST] = {
		{ NFT_MSG_NEWSETELEM, NLM_F_CREATE, set, key, timeout_ms },
		{ NFT_MSG_DELSETELEM, 0, set, key, 0 },
		{ NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_ACK, set, key, timeout_ms },
	};

	return run(elements, commands, ARRAY_SIZE(commands));
}

int nft_element_delete(struct nft_elements *elements, const struct nft_set *set, const struct nft_key *key)
{
	const struct command delete = { NFT_MSG_DELSETELEM, NLM_F_ACK, set, key, 0 };

	return run(elements, &delete, 1);
}
