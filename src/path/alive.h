/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The watchdog over the interception, which is in the kernel (decision 0012): rules take a SYN only while the set
 * "alive" of the table inet braid has an element, which ends by itself ALIVE_MS after it was renewed last. A daemon
 * that was stopped, has crashed or stands still renews nothing. Notices, too, when somebody else has removed the table
 * or changed what is in it, and has it put back.
 */
#ifndef BRAID_PATH_ALIVE_H
#define BRAID_PATH_ALIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "loop/loop.h"

#define ALIVE_MS 1900                  /* within 2 s, with what clocks and timers of the kernel may add */
/* For the table's script: the set, with the element in it, and the condition, in a chain before the rules that take
 * SYNs. */
#define ALIVE_SET \
	"	set alive { type inet_proto; flags timeout; elements = { tcp timeout 1900ms, udp timeout 1900ms } }\n"
#define ALIVE_CONDITION "		meta l4proto != @alive return\n"

/* When the rules took SYNs, for other threads to know. Begin with zeros. */
struct alive_times {
	uint64_t renewed_at_us;        /* atomics, written by the main thread; 0: there is no watchdog */
	uint64_t passed_until_us;      /* they didn't until then */
};

/* Whether SYNs may have gone the ordinary way at some time since since_us. A host whose own has waited for so long
 * may have sent it again, and be connected. */
bool alive_passed_since(const struct alive_times *times, uint64_t since_us, uint64_t now_us);

/* Whether the rules are to take SYNs for another ALIVE_MS; as long as they were to before; or none from now on,
 * until they are to again. */
enum alive_word { ALIVE_TAKE, ALIVE_NO_LONGER, ALIVE_LET_PASS };
typedef enum alive_word (*alive_vouch_fn)(void *context);

struct alive_options {
	struct loop *loop;             /* borrowed */
	struct alive_times *times;     /* borrowed */
	/* Puts the table in place anew and calls alive_begin(). 0, or a negative errno with the reason in one line. */
	int (*restore)(void *context, char *reason, size_t n_reason);
	void (*warn)(void *context, const char *text);
	void *context;
};

struct alive;

/* 0 or a negative errno. */
int alive_new(const struct alive_options *options, struct alive **out);
/* The loop must not run any more afterwards. */
void alive_freep(struct alive **alive);

/* The table has just been put in place: from here on it is to stay as it is. */
void alive_begin(struct alive *alive);
/* There is no table any more, and need not be one. */
void alive_end(struct alive *alive);

/* Asked before each renewal. Without one the loop's own turning is enough. */
void alive_vouch(struct alive *alive, alive_vouch_fn vouch, void *context);

#endif
