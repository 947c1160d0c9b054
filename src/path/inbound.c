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
#include "net/nft_queue.h"
#include "path/marks.h"

#define TABLE "inet braid_inbound"

/* Naming the table before deleting it makes the deletion work where it isn't there. */
#define REMOVE "table " TABLE "\ndelete table " TABLE "\n"

static const struct nft_table our_table = { NFPROTO_INET, "braid_inbound" };
static const struct { bool v6; const char *number, *type, *match; } families[] = {
	{ false, "4", "ipv4_addr", "ip" }, { true, "6", "ipv6_addr", "ip6" },
};

static int run(const struct inbound_table *table, const char *script, char *reason, size_t n_reason)
{
	char words[128] = "";
	int r = nft_run(table->nft, script, words, sizeof(words));

	if (r)
		snprintf(reason, n_reason, "cannot put the nft table " TABLE " in place: %s", r == NFT_E_REFUSED ? words : strerror(-r));
	return r == NFT_E_REFUSED ? -EOPNOTSUPP : r;
}

static void put_set(FILE *out, size_t family, const char *name, const struct forwards *forwards, bool faithful_alone)
{
	char text[ADDRESS_TEXT_BYTES];
	size_t n = 0;

	fprintf(out, "	set %s_%s {\n		type %s . inet_service;\n", name, families[family].number, families[family].type);
	for (size_t i = 0; i < forwards_n(forwards); i++) {
		const struct forward *forward = forwards_at(forwards, i);

		if (address_is_v4(&forward->external) != families[family].v6 && (forward->faithful || !faithful_alone))
			fprintf(out, "%s%s . %u", n++ ? ", " : "		elements = { ", address_format_ip(&forward->external, text), forward->external.port);
	}
	fputs(n ? " }\n	}\n" : "	}\n", out);
}

static void put_tproxy(FILE *out, const char *before, const char *then, size_t family, unsigned int which, uint16_t port)
{
	struct address listener = inbound_listener(which, families[family].v6, port);
	char text[ADDRESS_TEXT_BYTES];

	fprintf(out, "		%smeta l4proto tcp tproxy %s to %s %saccept\n", before, families[family].match, address_format(&listener, text), then);
}

/* What the verdict says of a first packet. */
static void put_verdicts(FILE *out, size_t family, const struct inbound_options *options)
{
	char before[64];

	fprintf(out, "		meta mark %u reject with tcp reset\n		meta mark %u reject with icmpx no-route\n		meta mark %u reject with icmpx host-unreachable\n"
		     "		meta mark %u reject with icmpx admin-prohibited\n",
		mark_value(options->fwmark, MARK_RESET), mark_value(options->fwmark, MARK_NO_ROUTE), mark_value(options->fwmark, MARK_HOST_UNREACHABLE),
		mark_value(options->fwmark, MARK_PROHIBITED));
	for (unsigned int w = 0; w < options->n_workers; w++) {
		snprintf(before, sizeof(before), "meta mark %u ", mark_value(options->fwmark, MARK_CATCH + w));
		put_tproxy(out, before, "meta mark set 0 ", family, w + 1, options->port);
	}
}

/* A SYN that comes again when its connection is there is that one's. All packets are taken, not the first alone: tproxy looks for the connection before it looks for the listener, and with SYN cookies only the third packet makes one. */
static void put_chains(FILE *out, const struct inbound_options *options, bool holds)
{
	fputs("	chain queues {\n	}\n	chain inbound {\n		type filter hook prerouting priority -155; policy accept;\n"
	      "		tcp flags & (fin|syn|rst|ack) != syn return\n		socket transparent 1 return\n", out);
	for (size_t i = 0; holds && i < ARRAY_SIZE(families); i++)
		fprintf(out, "		%s daddr . tcp dport @held_%s goto queues\n", families[i].match, families[i].number);
	fputs("	}\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		fprintf(out, "	chain take_%s {\n", families[i].number);
		if (holds)
			put_verdicts(out, i, options);
		put_tproxy(out, "", "", i, 0, options->port);
		fputs("	}\n", out);
	}
	fputs("	chain decide {\n		type filter hook prerouting priority -153; policy accept;\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		fprintf(out, "		%s daddr . tcp dport @forwards_%s goto take_%s\n", families[i].match, families[i].number, families[i].number);
	fputs("	}\n", out);
}

/* malloc'd; NULL: out of memory. */
static char *script_for(const struct forwards *forwards, const struct inbound_options *options)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	if (!out)
		return NULL;
	fputs(REMOVE "table " TABLE " {\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		put_set(out, i, "forwards", forwards, false);
		put_set(out, i, "held", forwards, true);
	}
	put_chains(out, options, forwards_any_faithful(forwards));
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
	/* The rule that leads to the queues comes by itself (net/nft_queue.h); without it all are accepted early. */
	if (!r && table->script && table->holds)
		nft_queue_put("braid_inbound", "queues", table->options.first_queue, (uint16_t)table->options.n_workers);
	if (!r && table->script && look(table, &table->picture))
		table->picture = 0;   /* no table looks like this: the next look makes it again */
	return r;
}

int inbound_table_put(struct inbound_table *table, const struct forwards *forwards, const struct inbound_options *options, char *reason, size_t n_reason)
{
	char *script = forwards_n(forwards) ? script_for(forwards, options) : NULL;

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
	table->holds = forwards_any_faithful(forwards);
	if (script)
		table->options = *options;
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
