/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/syn_window.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "net/nft.h"
#include "net/nft_look.h"
#include "policy/window.h"

#define TABLE "inet braid_converter"
/* Naming the table before deleting it makes the deletion work where it isn't there. */
#define REMOVE "table " TABLE "\ndelete table " TABLE "\n"

static const struct nft_table our_table = { NFPROTO_INET, "braid_converter" };

static int run(const struct syn_window *syn_window, const char *script, char *reason, size_t n_reason)
{
	char words[128] = "";
	int r = nft_run(syn_window->nft, script, words, sizeof(words));

	if (r)
		snprintf(reason, n_reason, "cannot put the nft table " TABLE " in place: %s", r == NFT_E_REFUSED ? words : strerror(-r));
	return r == NFT_E_REFUSED ? -EOPNOTSUPP : r;
}

/* malloc'd; NULL: out of memory. */
static char *script_for(const uint16_t *ports, size_t n_ports)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	if (!out)
		return NULL;
	fputs(REMOVE "table " TABLE " {\n	chain syn {\n		type filter hook input priority mangle; policy accept;\n		tcp dport { ", out);
	for (size_t i = 0; i < n_ports; i++)
		fprintf(out, "%s%u", i ? ", " : "", ports[i]);
	fprintf(out, " } tcp flags & (fin|syn|rst|ack) == syn tcp window > %u tcp window set %u\n	}\n}\n", WINDOW_OF_SYN, WINDOW_OF_SYN);
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

static void forget(struct syn_window *syn_window)
{
	free(syn_window->script);
	syn_window->script = NULL;
}

static int look(struct syn_window *syn_window, uint64_t *picture)
{
	int r = syn_window->looks ? 0 : netlink_open(NETLINK_NETFILTER, &syn_window->looks);

	return r ? r : nft_table_look(syn_window->looks, &our_table, picture);
}

int syn_window_put(struct syn_window *syn_window, const uint16_t *ports, size_t n_ports, char *reason, size_t n_reason)
{
	_cleanup_(freep) char *script = n_ports ? script_for(ports, n_ports) : NULL;
	int r;

	if (n_ports && !script) {
		snprintf(reason, n_reason, "out of memory");
		return -ENOMEM;
	}
	if (script ? syn_window->script && !strcmp(script, syn_window->script) : !syn_window->script && syn_window->begun)
		return 0;
	r = run(syn_window, script ? script : REMOVE, reason, n_reason);
	if (r)
		return r;
	forget(syn_window);
	syn_window->begun = true;
	if (!script)
		return 0;
	if (look(syn_window, &syn_window->picture))
		syn_window->picture = 0;   /* no table looks like this: the next look makes it again */
	syn_window->script = script;
	script = NULL;
	return 0;
}

/* A look that fails says nothing; so does one that others' changes got in the way of. */
bool syn_window_lost(struct syn_window *syn_window)
{
	uint64_t picture = 0;
	int r = syn_window->script ? look(syn_window, &picture) : 0;

	if (!syn_window->script || r < 0 || (!r && picture == syn_window->picture))
		return false;
	forget(syn_window);
	return true;
}

int syn_window_remove(struct syn_window *syn_window, char *reason, size_t n_reason)
{
	int r = syn_window->script ? run(syn_window, REMOVE, reason, n_reason) : 0;

	forget(syn_window);
	netlink_closep(&syn_window->looks);
	return r;
}
