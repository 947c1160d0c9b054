/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What must fit together in a configuration whose every value is sound. Private to conf/. */
#ifndef BRAID_CONF_CHECK_H
#define BRAID_CONF_CHECK_H

#include "conf/conf.h"

/* 0, CONF_E_INVALID with one line of text, or -ENOMEM. */
int conf_check(const struct conf *conf, struct conf_error *error, const char *file);
/* The part of it that is about rules and lists. */
int conf_check_rules(const struct conf *conf, struct conf_error *error, const char *file);
/* And about the addresses that servers see. */
int conf_check_addresses(const struct conf *conf, struct conf_error *error, const char *file);
/* And about connections that are taken on their way. */
int conf_check_intercept(const struct conf *conf, struct conf_error *error, const char *file);
/* Notes what is sound and yet may not be meant. 0 or -ENOMEM, here and below. */
int conf_warn(struct conf *conf, const char *file);
/* The part of it that is about rules: those that never decide. */
int conf_warn_of_rules(struct conf *conf, const char *file);
/* A line of it; copied. */
int conf_note_warning(struct conf *conf, const char *text);

#endif
