/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the writers of the script for the table inet braid share. Private to path/intercept_*.c and
 * path/own_script.c. */
#ifndef BRAID_PATH_INTERCEPT_PARTS_H
#define BRAID_PATH_INTERCEPT_PARTS_H

#include <stdio.h>
#include "path/intercept.h"
#include "path/marks.h"
#include "path/rules_nft.h"

#define SYN "tcp flags & (fin|syn|rst|ack) == syn"
#define NOT_SYN "tcp flags & (fin|syn|rst|ack) != syn"
#define SYN_ACK "tcp flags & (fin|syn|rst|ack) == (syn|ack)"

struct script {
	FILE *out;
	const struct path_options *options;
	const struct intercept_facts *facts;
	bool holds;
};

static inline uint32_t script_mark(const struct script *s, unsigned int which)
{
	return mark_value(s->options->fwmark, which);
}

static inline unsigned int script_mark_of_rule(const struct script *s, size_t rule)
{
	return script_mark(s, (MARK_HOLD_RULE + (unsigned int)rule) | mark_of_generation(s->facts->generation));
}

void script_put_lan(const struct script *s);        /* { "lan0", "lan1" } */
/* The chain of the policy's rules; the callbacks are given the script as their context. 0 or -ENOMEM. */
int script_put_rules(const struct script *s, const char *chain, rules_nft_statements verdict,
		     rules_nft_statements undecided);
/* The statements before which a SYN is none of ours, wherever it comes from. */
void script_put_untaken(const struct script *s);

/* own_script.c: the chains for connections of this machine itself, where there are or have been any to be taken. 0
 * or -ENOMEM. */
void own_script_frame(const struct script *s);
int own_script_chains(const struct script *s);

/* intercept_on_path.c: before, and the clients of one family: "192.0.2.0/24, 198.51.100.7/32"; false: there are
 * none, and nothing was written. */
bool on_path_put_clients(const struct path_options *options, bool v6, const char *before, FILE *out);

/* intercept_strays.c: what is left of connections that were taken on their way. */
void strays_frame(FILE *out);
void strays_chains(const struct path_options *options, FILE *out);

#endif
