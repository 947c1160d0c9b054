/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is likely to have been meant by what is no good, in words for the end of a message. Pure. */
#ifndef BRAID_CONF_HINTS_H
#define BRAID_CONF_HINTS_H

#include "conf/keys.h"

#define HINT_BYTES 128

/* "" where nothing comes to mind; both return out. A secret's value isn't told, its length is. */
const char *hint_of_value(const struct conf_key *key, const char *value, char out[HINT_BYTES]);
/* Of a key that the section doesn't have. */
const char *hint_of_name(const char *name, char out[HINT_BYTES]);

#endif
