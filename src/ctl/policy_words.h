/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words behind "braidctl policy test", as arguments of the control command policy-test. What they mean, the
 * daemon says. */
#ifndef BRAID_CTL_POLICY_WORDS_H
#define BRAID_CTL_POLICY_WORDS_H

#include <jansson.h>
#include <stddef.h>

/* SOURCE DESTINATION PORT, then pairs of interface, dscp, mac, subscriber, tls, at and a value. The caller's, or
 * NULL with the reason in one line. */
json_t *policy_words(char *const *words, size_t n_words, char *reason, size_t n_reason);

#endif
