/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What must fit together in a configuration whose every value is sound. Private to conf/. */
#ifndef BRAID_CONF_CHECK_H
#define BRAID_CONF_CHECK_H

#include "conf/conf.h"

/* 0, or CONF_E_INVALID with one line of text. */
int conf_check(const struct conf *conf, char *text, size_t n_text, const char *file);

#endif
