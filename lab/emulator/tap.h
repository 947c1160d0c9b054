/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One TAP device in a network namespace: frames of at most MTU + 14 bytes, no offloads. */
#ifndef BRAID_LAB_TAP_H
#define BRAID_LAB_TAP_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "text.h"

struct tap {
	char name[IFNAMSIZ];
	int fd;
	int counters_fd;   /* /proc/net/dev of the namespace */
};

/* Makes the device in the namespace at netns_path, sets its MTU and sets it up; the caller's namespace stays what it
 * was. 0 or negative errno, with what failed in reason. tap_close() in either case. */
int tap_open(struct tap *tap, const char *netns_path, const char *name, unsigned int mtu, struct text *reason);
void tap_close(struct tap *tap);

/* 0 or negative errno. */
int tap_set_carrier(struct tap *tap, bool carrier);

/* The length of a frame; -EAGAIN if there is none; another negative errno if the device is gone. */
int tap_read(struct tap *tap, uint8_t *frame, size_t n_most);

/* False if the device didn't take it, which is so while somebody has set it down. */
bool tap_write(struct tap *tap, const uint8_t *frame, size_t n_frame);

/* Packets that the kernel dropped since the device's own queue was full: the emulator came too late. */
uint64_t tap_count_dropped(const struct tap *tap);

#endif
