/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/inbound.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "net/nft.h"
#include "net/nft_look.h"

#define TABLE "inet braid_inbound"

/* Naming the table before deleting it makes the deletion work where it isn't there. */
#define REMOVE "table " TABLE "\ndelete table " TABLE "\n"

static const struct nft_table our_table = { NFPROTO_INET, "braid_inbound" };
static const struct { bool v6; const char *set, *type, *match; } families[] = {
	{ false, "forwards_4", "ipv4_addr", "ip" }, { true, "forwards_6", "ipv6_addr", "ip6" },
};

static int run(const struct inbound_table *table, const char *script, char *reason, size_t n_reason)
{
	char words[128] = "";
	int r = nft_run(table->nft, script, words, sizeof(words));

	if (r)
		snprintf(reason, n_reason, "cannot put the nft table " TABLE " in place: %s", r == NFT_E_REFUSED ? words : strerror(-r));
	return r == NFT_E_REFUSED ? -EOPNOTSUPP : r;
}

static void put_set(FILE *out, size_t family, const struct forwards *forwards)
{
	char text[ADDRESS_TEXT_BYTES];
	size_t n = 0;

	fprintf(out, "	set %s {\n		type %s . inet_service;\n", families[family].set, families[family].type);
	for (size_t i = 0; i < forwards_n(forwards); i++) {
		const struct address *external = &forwards_at(forwards, i)->external;

		if (address_is_v4(external) != families[family].v6)
			fprintf(out, "%s%s . %u", n++ ? ", " : "		elements = { ", address_format_ip(external, text), external->port);
	}
	fputs(n ? " }\n	}\n" : "	}\n", out);
}

/* All packets, not the first alone: tproxy looks for the connection before it looks for the listener, and with SYN cookies only the third packet makes one. */
static void put_chain(FILE *out, uint16_t port)
{
	char text[ADDRESS_TEXT_BYTES];

	fputs("	chain inbound {\n		type filter hook prerouting priority -155; policy accept;\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		struct address listener = inbound_listener(families[i].v6, port);

		fprintf(out, "		meta l4proto tcp %s daddr . tcp dport @%s tproxy %s to %s accept\n", families[i].match, families[i].set, families[i].match,
			address_format(&listener, text));
	}
	fputs("	}\n", out);
}

/* malloc'd; NULL: out of memory. */
static char *script_for(const struct forwards *forwards, uint16_t port)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	if (!out)
		return NULL;
	fputs(REMOVE "table " TABLE " {\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		put_set(out, i, forwards);
	put_chain(out, port);
	fputs("}\n", out);
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

static int look(struct inbound_table *table, uint64_t *picture)
{
	int r = table->looks ? 0 : netlink_open(NETLINK_NETFILTER, &table->looks);

	return r ? r : nft_table_look(table->looks, &our_table, picture);
}

/* The table as the script has it; without one, none. */
static int put_script(struct inbound_table *table, char *reason, size_t n_reason)
{
	int r = run(table, table->script ? table->script : REMOVE, reason, n_reason);

	table->missing = r;
	table->begun |= !r;
	if (!r && table->script && look(table, &table->picture))
		table->picture = 0;   /* no table looks like this: the next look makes it again */
	return r;
}

int inbound_table_put(struct inbound_table *table, const struct forwards *forwards, uint16_t port, char *reason, size_t n_reason)
{
	char *script = forwards_n(forwards) ? script_for(forwards, port) : NULL;

	if (forwards_n(forwards) && !script) {
		snprintf(reason, n_reason, "out of memory");
		return -ENOMEM;
	}
	if (!table->missing && (script ? table->script && !strcmp(script, table->script) : !table->script && table->begun)) {
		free(script);
		return 0;
	}
	free(table->script);
	table->script = script;
	return put_script(table, reason, n_reason);
}

/* A look that fails says nothing; so does one that others' changes got in the way of. */
static bool is_lost(struct inbound_table *table)
{
	uint64_t picture = 0;
	int r = table->script ? look(table, &picture) : 0;

	return table->script && r >= 0 && (r || picture != table->picture);
}

int inbound_table_check(struct inbound_table *table, bool *restored, char *reason, size_t n_reason)
{
	*restored = !table->missing && is_lost(table);
	return *restored || table->missing ? put_script(table, reason, n_reason) : 0;
}

int inbound_table_remove(struct inbound_table *table, char *reason, size_t n_reason)
{
	int r = table->script ? run(table, REMOVE, reason, n_reason) : 0;

	free(table->script);
	table->script = NULL;
	netlink_closep(&table->looks);
	return r;
}
