/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a connection to the converter begins with: its scheme's message, in Convert with a ticket, and the host's
 * first bytes behind it. Private to the gateway. */
#ifndef BRAID_ROLE_GATEWAY_OPENING_H
#define BRAID_ROLE_GATEWAY_OPENING_H

#include "base/cursor.h"

/* What fits a SYN on a path with 1500-byte packets: 40 (IPv6) and 20 bytes of headers, 40 of TCP options. */
#define OPENING_SYN_BYTES 1400

struct gateway;
struct setup;

/* The message and what the host has said so far, as one opening. A host that has ended already shows in the relay;
 * one that has reset doesn't any more, once reading has told. 0, a NET_E_* of the host's connection, or a negative
 * errno. */
int opening_build(struct gateway *gateway, struct setup *setup);
/* Once more, for another converter, with the same of the host's behind the message. 0, -ENOMEM, or -EINVAL: that one
 * has to answer before it bears what was read already. */
int opening_build_anew(struct gateway *gateway, struct setup *setup);
/* The same once more, with a message that says that it comes in the place of one that was given up; no attempt has
 * the old one any more. 0 or -ENOMEM. */
int opening_say_instead(struct setup *setup);
/* The same with a message that says that its connection is plain TCP. 0 or -ENOMEM. */
int opening_declare_plain(struct gateway *gateway, struct setup *setup);
/* The host has said more: it goes behind; no attempt has the old one any more. 0 or -ENOMEM. */
int opening_add(struct setup *setup, struct bytes more);
void opening_free(struct setup *setup);

#endif
