/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between assume.c and world.c. */
#ifndef BRAID_TESTS_WORLD_H
#define BRAID_TESTS_WORLD_H

#include "assume.h"

int world_place_fd(enum assume_place place);
void world_begin(void);   /* in the place where the program is: lo up, settings */

#endif
