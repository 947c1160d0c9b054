/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the writers of the script for the table inet braid share. Private to path/intercept_script.c and path/own_script.c. */
#ifndef BRAID_PATH_INTERCEPT_PARTS_H
#define BRAID_PATH_INTERCEPT_PARTS_H

#include <stdio.h>
#include "path/intercept.h"
#include "path/marks.h"
#include "path/rules_nft.h"

#define SYN "tcp flags & (fin|syn|rst|ack) == syn"
#define NOT_SYN "tcp flags & (fin|syn|rst|ack) != syn"

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
int script_put_rules(const struct script *s, const char *chain, rules_nft_statements verdict, rules_nft_statements undecided);
/* The statements before which a SYN is none of ours, wherever it comes from. */
void script_put_untaken(const struct script *s);

/* own_script.c: the chains for connections of this machine itself, where there are or have been any to be taken. 0 or -ENOMEM. */
void own_script_frame(const struct script *s);
int own_script_chains(const struct script *s);

#endif
