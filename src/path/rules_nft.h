/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The policy's rules as text for nft, so that what they bypass never comes to user space. All of it is for the table
 * "inet braid"; it is the caller who makes the table and the chain, and runs everything as one transaction. What is
 * written grows with the rules: FILE is open_memstream's.
 *
 * A reload in place, in this order: rules_nft_sets() with the new rules and a new generation; "flush chain inet braid
 * rules"; the chain's new body; rules_nft_drop() with the old rules and their generation. Sets are thus never changed
 * under way, and never empty.
 */
#ifndef BRAID_PATH_RULES_NFT_H
#define BRAID_PATH_RULES_NFT_H

#include <stdint.h>
#include <stdio.h>
#include "net/nft_element.h"
#include "policy/rules.h"

typedef bool (*rules_nft_statements)(void *context, const struct rule *rule, size_t index, FILE *out);

struct rules_nft_options {
	uint32_t generation;
	int utc_offset_minutes;   /* local time less UTC: the kernel knows UTC alone. Where it changes (summer time)
				   * the body is to be written again */
	/* Writes the statements that follow the matches of a rule ("goto bypass"), on one line; returns false to
	 * leave the rule out. Called once a rule. */
	rules_nft_statements verdict;
	/* The same for the rules that ask for a TLS name: nft knows their other matches alone, so the text must
	 * leave the decision to user space. NULL: those rules are left out. */
	rules_nft_statements undecided;
	void *context;
};

/* "add set inet braid ..." a list and family: NAME_4_gGENERATION and NAME_6_gGENERATION with elements; NAME_4 and
 * NAME_6 for those that dnsmasq fills, which keep what they hold. */
void rules_nft_sets(const struct rules *rules, uint32_t generation, FILE *out);
/* The lines of the chain's body, each rule's nft rules carrying its name as their comment. Rules with subscribers
 * are left out: a gateway has none. 0 or -ENOMEM; the caller looks after out itself. */
int rules_nft_body(const struct rules *rules, const struct rules_nft_options *options, FILE *out);
/* Whether the set of a list that dnsmasq fills holds the address now; asks the kernel by two system calls. */
bool rules_nft_list_holds(struct nft_elements *elements, const struct rule_list *list, const struct address *address);
/* "delete set inet braid ..." for the sets of an earlier generation; those that dnsmasq fills only where next (NULL:
 * none) has no such list. */
void rules_nft_drop(const struct rules *rules, uint32_t generation, const struct rules *next, FILE *out);

#endif
