/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The named lists of prefixes: their files, and how they come into the rules. Private to conf/. */
#ifndef BRAID_CONF_LISTS_H
#define BRAID_CONF_LISTS_H

#include "conf/keys.h"

/* Adds what the file holds. 0, VALUE_E_INVALID with the reason, or -ENOMEM. reader may be NULL: then no file can be
 * read. */
int lists_read_file(struct conf_list *list, const char *path, const struct conf_reader *reader, char *reason,
		    size_t n_reason);
/* Puts the list into the rules. 0, RULES_E_MANY or -ENOMEM. */
int lists_finish(struct rules *rules, const struct conf_list *list);

#endif
