/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's answers (doc/control.md), told to people. */
#ifndef BRAID_CTL_SHOW_H
#define BRAID_CTL_SHOW_H

#include <jansson.h>
#include <stdio.h>

void show_status(const json_t *result, FILE *out);
void show_links(const json_t *result, FILE *out);
void show_sessions(const json_t *result, FILE *out);
void show_why(const json_t *result, FILE *out);
void show_subscribers(const json_t *result, FILE *out);
void show_mappings(const json_t *result, FILE *out);
void show_forwards(const json_t *result, FILE *out);
void show_counters(const json_t *result, FILE *out);
void show_policy_list(const json_t *result, FILE *out);
void show_policy_test(const json_t *result, FILE *out);
void show_message(const json_t *result, FILE *out);   /* {"message": TEXT} */

#endif
