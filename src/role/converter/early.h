/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Early answers (decision 0015): the converter can write nothing on a connection that came with its request in the SYN
 * before the third packet of the handshake is there. So it tells the outcome also on the watch of the same gateway,
 * which stands already. What is told so is lost without harm: the connection's own answer comes all the same.
 */
#ifndef BRAID_ROLE_CONVERTER_EARLY_H
#define BRAID_ROLE_CONVERTER_EARLY_H

#include <stddef.h>
#include <stdint.h>
#include "signalling/scheme.h"

struct converter;
struct gateway;
struct intake;
struct setup;
struct worker;

/* Converter: tells the outcome on the watch that the intake's peer has named, where that is the same subscriber's,
 * and its own connection can't be written to yet, or was begun over several links at once: the one that was faster
 * may lose packets, and this comes by another way. */
void early_tell(struct converter *converter, const struct intake *intake, const struct signalling_result *result);

/* Gateway: a nonce that finds the setup again. */
void early_make_nonce(const struct gateway *gateway, const struct setup *setup, uint8_t nonce[SIGNALLING_NONCE_BYTES]);
/* Gateway, in the main thread: something was told on the watch. Handed to the worker that it is about. */
void early_hear(struct worker *const *workers, size_t n_workers, const uint8_t nonce[SIGNALLING_NONCE_BYTES],
		const struct signalling_result *result);

#endif
