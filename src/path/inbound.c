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
#include "path/intercept.h"
#include "path/marks.h"

#define TABLE "inet braid_inbound"

/* Naming the table before deleting it makes the deletion work where it isn't there. */
#define REMOVE "table " TABLE "\ndelete table " TABLE "\n"

static const struct nft_table our_table = { NFPROTO_INET, "braid_inbound" };
static const struct { bool v6; const char *number, *type, *match; } families[] = {
	{ false, "4", "ipv4_addr", "ip" }, { true, "6", "ipv6_addr", "ip6" },
};
static const struct { const char *name; bool faithful_alone; } sets[] = { { "forwards", false }, { "held", true } };

/* How many there were. */
static size_t put_elements(FILE *out, size_t family, bool faithful_alone, const struct inbound_element *elements,
			   size_t n, const char *before)
{
	char text[ADDRESS_TEXT_BYTES];
	size_t n_put = 0;

	for (size_t i = 0; i < n; i++) {
		const struct address *external = &elements[i].external;

		if (address_is_v4(external) == families[family].v6 || (faithful_alone && !elements[i].faithful))
			continue;
		fprintf(out, "%s%s . %u", n_put++ ? ", " : before, address_format_ip(external, text), external->port);
	}
	fputs(n_put ? " }\n" : "", out);
	return n_put;
}

static void put_set(FILE *out, size_t family, size_t kind, const struct inbound_table *table)
{
	fprintf(out, "	set %s_%s {\n		type %s . inet_service;\n", sets[kind].name, families[family].number,
		families[family].type);
	put_elements(out, family, sets[kind].faithful_alone, table->elements, table->n_elements,
		     "		elements = { ");
	fputs("	}\n", out);
}

static void put_tproxy(FILE *out, const char *before, const char *then, size_t family, unsigned int which,
		       uint16_t port)
{
	struct address listener = inbound_listener(which, families[family].v6, port);
	char text[ADDRESS_TEXT_BYTES];

	fprintf(out, "		%smeta l4proto tcp tproxy %s to %s %saccept\n", before, families[family].match,
		address_format(&listener, text), then);
}

/* Where tproxy has found no listener. */
static void put_kept(FILE *out, size_t family, const struct inbound_options *options)
{
	char text[ADDRESS_TEXT_BYTES];

	if (!address_is_unspecified(&options->kept) && address_is_v4(&options->kept) != families[family].v6)
		fprintf(out, "		%s daddr %s tcp dport %u-%u tcp flags & (fin|syn|rst|ack) == syn drop\n",
			families[family].match, address_format_ip(&options->kept, text), options->kept_first,
			options->kept_last);
}

/* What the verdict says of a first packet. */
static void put_verdicts(FILE *out, size_t family, const struct inbound_options *options)
{
	char before[64];

	intercept_put_answers(options->fwmark, out);
	for (unsigned int w = 0; w < options->n_workers; w++) {
		snprintf(before, sizeof(before), "meta mark %u ", mark_value(options->fwmark, MARK_CATCH + w));
		put_tproxy(out, before, "meta mark set 0 ", family, w + 1, options->port);
	}
}

/* A SYN that comes again when its connection is there is that one's. All packets are taken, not the first alone:
 * tproxy looks for the connection before it looks for the listener, and with SYN cookies only the third packet makes
 * one. */
static void put_chains(FILE *out, const struct inbound_options *options, bool holds)
{
	fputs("	chain queues {\n	}\n	chain inbound {\n"
	      "		type filter hook prerouting priority -155; policy accept;\n"
	      "		tcp flags & (fin|syn|rst|ack) != syn return\n		socket transparent 1 return\n", out);
	for (size_t i = 0; holds && i < ARRAY_SIZE(families); i++)
		fprintf(out, "		%s daddr . tcp dport @held_%s goto queues\n", families[i].match,
			families[i].number);
	fputs("	}\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		fprintf(out, "	chain take_%s {\n", families[i].number);
		if (holds)
			put_verdicts(out, i, options);
		put_tproxy(out, "", "", i, 0, options->port);
		put_kept(out, i, options);
		fputs("	}\n", out);
	}
	fputs("	chain decide {\n		type filter hook prerouting priority -153; policy accept;\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		fprintf(out, "		%s daddr . tcp dport @forwards_%s goto take_%s\n", families[i].match,
			families[i].number, families[i].number);
	fputs("	}\n", out);
}

/* Of what the table is to be; malloc'd; NULL: out of memory. */
static char *script_for(const struct inbound_table *table)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	if (!out)
		return NULL;
	fputs(REMOVE, out);
	if (table->n_elements) {
		fputs("table " TABLE " {\n", out);
		for (size_t i = 0; i < ARRAY_SIZE(families) * ARRAY_SIZE(sets); i++)
			put_set(out, i / ARRAY_SIZE(sets), i % ARRAY_SIZE(sets), table);
		put_chains(out, &table->options, table->holds);
		fputs("}\n", out);
	}
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

/* The whole table, or none. */
static int put_whole(struct inbound_table *table, char *reason, size_t n_reason)
{
	_cleanup_(freep) char *script = script_for(table);
	int r = script ? nft_put_table(table->nft, TABLE, script, reason, n_reason) : -ENOMEM;

	if (!script)
		snprintf(reason, n_reason, "out of memory");
	table->missing = r;
	table->begun |= !r;
	/* The rule that leads to the queues comes by itself (net/nft_queue.h); without it all are accepted early. */
	if (!r && table->holds)
		nft_queue_put("braid_inbound", "queues", table->options.first_queue,
			      (uint16_t)table->options.n_workers);
	if (!r && table->n_elements && look(table, &table->picture))
		table->picture = 0;   /* no table looks like this: the next look makes it again */
	return r;
}

static int order(const struct inbound_element *a, const struct inbound_element *b)
{
	int r = memcmp(a->external.ip, b->external.ip, sizeof(a->external.ip));

	r = r ? r : (int)a->external.port - (int)b->external.port;
	return r ? r : (int)a->faithful - (int)b->faithful;
}

/* Those of one list that the other doesn't have; both are in order. */
static size_t missing_from(const struct inbound_element *other, size_t n_other, const struct inbound_element *list,
			   size_t n, struct inbound_element *out)
{
	size_t at = 0, n_out = 0;

	for (size_t i = 0; i < n; i++) {
		while (at < n_other && order(&other[at], &list[i]) < 0)
			at++;
		if (at == n_other || order(&other[at], &list[i]))
			out[n_out++] = list[i];
	}
	return n_out;
}

static size_t put_change(FILE *out, const char *verb, const struct inbound_element *elements, size_t n)
{
	size_t n_put = 0;
	char before[96];

	for (size_t i = 0; i < ARRAY_SIZE(families) * ARRAY_SIZE(sets); i++) {
		size_t family = i / ARRAY_SIZE(sets), kind = i % ARRAY_SIZE(sets);

		snprintf(before, sizeof(before), "%s element " TABLE " %s_%s { ", verb, sets[kind].name,
			 families[family].number);
		n_put += put_elements(out, family, sets[kind].faithful_alone, elements, n, before);
	}
	return n_put;
}

/* From what the table has to these: one transaction. Not 0: it isn't as we have left it, or there is no memory. */
static int put_difference(const struct inbound_table *table, const struct inbound_element *elements, size_t n)
{
	_cleanup_(freep) struct inbound_element *some = calloc(n + table->n_elements, sizeof(*some));
	_cleanup_(freep) char *script = NULL;
	char reason[160];
	size_t n_script, n_put;
	FILE *out = some ? open_memstream(&script, &n_script) : NULL;

	if (!out)
		return -ENOMEM;
	n_put = put_change(out, "delete", some, missing_from(elements, n, table->elements, table->n_elements, some));
	n_put += put_change(out, "add", some, missing_from(table->elements, table->n_elements, elements, n, some));
	if (fclose(out))
		return -ENOMEM;
	return n_put ? nft_put_table(table->nft, TABLE, script, reason, sizeof(reason)) : 0;
}

static bool is_same(const struct inbound_options *a, const struct inbound_options *b)
{
	return a->port == b->port && a->fwmark == b->fwmark && a->n_workers == b->n_workers &&
	       a->first_queue == b->first_queue && address_equal(&a->kept, &b->kept) &&
	       a->kept_first == b->kept_first && a->kept_last == b->kept_last;
}

int inbound_table_put(struct inbound_table *table, const struct forwards *forwards,
		      const struct inbound_options *options, char *reason, size_t n_reason)
{
	size_t n = forwards_n(forwards);
	struct inbound_element *elements = n ? calloc(n, sizeof(*elements)) : NULL;
	bool holds = forwards_any_faithful(forwards), as_it_is;

	if (n && !elements) {
		snprintf(reason, n_reason, "out of memory");
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		elements[i] = (struct inbound_element){ forwards_at(forwards, i)->external,
							forwards_at(forwards, i)->faithful };
	as_it_is = table->begun && !table->missing && !n == !table->n_elements &&
		   (!n || (holds == table->holds && is_same(options, &table->options) &&
			   !put_difference(table, elements, n)));
	free(table->elements);
	table->elements = elements;
	table->n_elements = n;
	table->holds = holds;
	if (n)
		table->options = *options;
	return as_it_is ? 0 : put_whole(table, reason, n_reason);
}

/* A look that fails says nothing; so does one that others' changes got in the way of. */
static bool is_lost(struct inbound_table *table)
{
	uint64_t picture = 0;
	int r = table->n_elements ? look(table, &picture) : 0;

	return table->n_elements && r >= 0 && (r || picture != table->picture);
}

int inbound_table_check(struct inbound_table *table, bool *restored, char *reason, size_t n_reason)
{
	*restored = !table->missing && is_lost(table);
	return *restored || table->missing ? put_whole(table, reason, n_reason) : 0;
}

int inbound_table_remove(struct inbound_table *table, char *reason, size_t n_reason)
{
	int r = table->n_elements ? nft_put_table(table->nft, TABLE, REMOVE, reason, n_reason) : 0;

	free(table->elements);
	table->elements = NULL;
	table->n_elements = 0;
	netlink_closep(&table->looks);
	return r;
}
