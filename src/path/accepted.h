/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The destinations that have accepted lately. nft remembers them by itself, in two sets of the table: it learns of one
 * with the SYN that is let come after its destination has accepted, and forgets it when its time is over. What is wrong
 * with one is told here.
 */
#ifndef BRAID_PATH_ACCEPTED_H
#define BRAID_PATH_ACCEPTED_H

#include "base/address.h"
#include "net/nft_element.h"

/* The destination (address and port) is held to have accepted no more. 0, also where it was not, or a negative
 * errno. */
int accepted_forget(struct nft_elements *elements, const struct address *destination);

#endif
