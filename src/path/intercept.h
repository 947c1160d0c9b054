/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interception of the LAN's TCP: one nft table of our own ("inet braid"). */
#ifndef BRAID_PATH_INTERCEPT_H
#define BRAID_PATH_INTERCEPT_H

#include "path/path.h"

#define INTERCEPT_SCRIPT_BYTES 4096

/* Writes the nft script that replaces the table by what the options say; without LAN interfaces by nothing. 0 or -EINVAL with the reason: an
 * interface's name can't be written in nft. */
int intercept_script(const struct path_options *options, char out[INTERCEPT_SCRIPT_BYTES], char *reason, size_t n_reason);
/* Takes the table away, whether it is there or not. 0, NFT_E_REFUSED or a negative errno. */
int intercept_remove(char *reason, size_t n_reason);

#endif
