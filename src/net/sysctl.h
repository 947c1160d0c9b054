/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files under /proc/sys, named by their path there ("net/mptcp/enabled"), values as one line of text without the
 * newline; where there are several numbers, they are read with blanks between them. */
#ifndef BRAID_NET_SYSCTL_H
#define BRAID_NET_SYSCTL_H

#include <stddef.h>

enum { SYSCTL_E_MISSING = 1 };   /* this kernel has no such setting, or the interface is gone */

#define SYSCTL_VALUE_BYTES 64

/* 0, SYSCTL_E_MISSING, or a negative errno. */
int sysctl_read(const char *name, char out[SYSCTL_VALUE_BYTES]);
int sysctl_write(const char *name, const char *value);

#endif
