/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/alive.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "base/util.h"
#include "net/nft_element.h"
#include "net/nft_look.h"
#include "policy/backoff.h"

#define RENEW_US (500 * US_PER_MS)
#define RESTORE_FIRST_US US_PER_S
#define RESTORE_MOST_US (60 * US_PER_S)
#define TEXT_BYTES 192
#define LONG_AGO_US 1u                   /* as we want it. Not 0: that is no watchdog at all */

static const struct nft_table our_table = { NFPROTO_INET, "braid" };
static const struct nft_set our_set = { NFPROTO_INET, "braid", "alive" };

enum { PART_RENEW, PART_RESTORE };
enum { KEY_TCP, KEY_UDP, KEYS };

struct alive {
	struct alive_options options;
	uint8_t handler;
	bool watching;
	struct nft_elements *elements;
	struct netlink *looks, *events;
	struct nft_key keys[KEYS];       /* of both elements: TCP, which is intercepted, and UDP, which may be
					  * refused */
	bool active;                     /* there is to be a table */
	bool away;                       /* somebody has removed or changed it */
	bool passing;                    /* its rules let all TCP pass, as we want it; renewed_at_us is LONG_AGO_US
					  * then */
	uint64_t picture;                /* of the table as we made it */
	struct backoff backoff;
	bool restore_armed;
	alive_vouch_fn vouch;
	void *vouch_context;
	int told_error;                  /* of a renewal: the same isn't told again */
};

bool alive_passed_since(const struct alive_times *times, uint64_t since_us, uint64_t now_us)
{
	/* first: it is written last */
	uint64_t renewed_at_us = __atomic_load_n(&times->renewed_at_us, __ATOMIC_ACQUIRE);

	return renewed_at_us && (renewed_at_us + ALIVE_MS * US_PER_MS < now_us ||
				 __atomic_load_n(&times->passed_until_us, __ATOMIC_ACQUIRE) > since_us);
}

/* The rules take SYNs, and will until ALIVE_MS after at_us. passed: until now they didn't, as where that was too
 * long ago. */
static void note_renewed(struct alive *alive, bool passed, uint64_t at_us)
{
	struct alive_times *times = alive->options.times;
	uint64_t now_us = loop_clock_us();

	if (passed || times->renewed_at_us + ALIVE_MS * US_PER_MS < now_us)
		__atomic_store_n(&times->passed_until_us, now_us, __ATOMIC_RELEASE);
	__atomic_store_n(&times->renewed_at_us, at_us, __ATOMIC_RELEASE);
}

static void warn(struct alive *alive, const char *text)
{
	alive->options.warn(alive->options.context, text);
}

static struct loop_ref ref_of(const struct alive *alive, uint8_t part)
{
	return (struct loop_ref){ .handler = alive->handler, .part = part };
}

static void arm_restore(struct alive *alive, uint64_t at_us)
{
	if (!alive->restore_armed && !loop_timer_at(alive->options.loop, at_us, ref_of(alive, PART_RESTORE)))
		alive->restore_armed = true;
}

static void restore(struct alive *alive, bool gone, uint64_t now_us)
{
	char reason[TEXT_BYTES] = "", text[TEXT_BYTES + 64];
	int r;

	alive->away = true;
	r = alive->options.restore(alive->options.context, reason, sizeof(reason));
	backoff_done(&alive->backoff, now_us);
	if (r) {
		snprintf(text, sizeof(text), "the nft table inet braid %s, and new connections go the ordinary way: %s",
			 gone ? "is gone" : "was changed", reason);
		arm_restore(alive, backoff_at_us(&alive->backoff, now_us));
	} else {
		snprintf(text, sizeof(text),
			 "somebody has %s the nft table inet braid (nft flush ruleset?); it is put back",
			 gone ? "removed" : "changed");
	}
	warn(alive, text);
}

/* Puts the table back where it isn't as we made it: now, or later where that was done a moment ago, so that nobody
 * is fought with. */
static void check(struct alive *alive, uint64_t now_us)
{
	uint64_t picture = 0, at_us = backoff_at_us(&alive->backoff, now_us);
	int r = alive->active ? nft_table_look(alive->looks, &our_table, &picture) : 0;

	if (!alive->active || (!r && picture == alive->picture))
		return;
	if (r < 0)   /* too much is going on: later again */
		at_us = now_us + RENEW_US;
	if (at_us > now_us)
		arm_restore(alive, at_us);
	else
		restore(alive, r == NFT_E_MISSING, now_us);
}

static void renewal_failed(struct alive *alive, int error)
{
	char text[TEXT_BYTES];

	if (error == alive->told_error)
		return;
	alive->told_error = error;
	snprintf(text, sizeof(text),
		 "cannot renew the set alive of the nft table inet braid: %s; new connections go the ordinary way",
		 strerror(-error));
	warn(alive, text);
}

/* Who lets a first packet come looks whether others have passed before it: that is written before the first one can.
 * What is gone already, or with its table, is as good: the next renewal finds out. */
static void let_pass(struct alive *alive)
{
	int r;

	if (alive->passing)
		return;
	__atomic_store_n(&alive->options.times->renewed_at_us, LONG_AGO_US, __ATOMIC_RELEASE);
	r = nft_element_delete(alive->elements, &our_set, &alive->keys[KEY_TCP]);
	nft_element_delete(alive->elements, &our_set, &alive->keys[KEY_UDP]);
	alive->passing = !r || r == NFT_E_MISSING;   /* else the next beat tries again */
}

static void warn_of_standstill(struct alive *alive, uint64_t stood_us)
{
	char text[TEXT_BYTES];

	snprintf(text, sizeof(text),
		 "a thread of braidd stood still for %llu ms: new connections went the ordinary way meanwhile",
		 (unsigned long long)(stood_us / US_PER_MS));
	warn(alive, text);
}

/* From here on SYNs are taken, whatever becomes of UDP's. */
static int renew_tcp(struct alive *alive)
{
	uint64_t at_us = loop_clock_us(), before_us = alive->options.times->renewed_at_us;
	int r = nft_element_renew(alive->elements, &our_set, &alive->keys[KEY_TCP], ALIVE_MS);

	if (r)
		return r;
	alive->passing = false;
	note_renewed(alive, false, at_us);
	if (before_us != LONG_AGO_US && at_us - before_us > ALIVE_MS * US_PER_MS)
		warn_of_standstill(alive, at_us - before_us);
	return 0;
}

static void renew(struct alive *alive, uint64_t now_us)
{
	int r = renew_tcp(alive);

	if (!r)
		r = nft_element_renew(alive->elements, &our_set, &alive->keys[KEY_UDP], ALIVE_MS);
	if (!r)
		alive->told_error = 0;
	else if (r == NFT_E_MISSING)
		check(alive, now_us);
	else
		renewal_failed(alive, r);
}

static void beat(struct alive *alive, uint64_t now_us)
{
	switch (alive->vouch ? alive->vouch(alive->vouch_context) : ALIVE_TAKE) {
	case ALIVE_TAKE:
		renew(alive, now_us);
		break;
	case ALIVE_LET_PASS:
		let_pass(alive);
		break;
	case ALIVE_NO_LONGER:
		break;
	}
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct alive *alive = context;

	if (ref.part == PART_RESTORE) {
		alive->restore_armed = false;
		check(alive, now_us);
		return;
	}
	if (alive->active)
		beat(alive, now_us);
	loop_timer_at(alive->options.loop, now_us + RENEW_US, ref);
}

static bool is_ours(const struct nlmsghdr *message)
{
	return nft_event_matters(message, &our_table);
}

static void on_event(void *context, struct loop_ref ref, uint32_t epoll_events)
{
	struct alive *alive = context;

	if (netlink_any_matters(alive->events, is_ours))
		check(alive, loop_now_us(alive->options.loop));
}

void alive_freep(struct alive **alive)
{
	struct alive *a = *alive;

	if (!a)
		return;
	if (a->watching)
		loop_unwatch(a->options.loop, netlink_fd(a->events));
	nft_elements_closep(&a->elements);
	netlink_closep(&a->looks);
	netlink_closep(&a->events);
	free(a);
	*alive = NULL;
}

static int start(struct alive *alive)
{
	struct loop_handler handler = { .on_event = on_event, .on_timer = on_timer, .context = alive };
	struct loop *loop = alive->options.loop;
	int r = nft_elements_open(&alive->elements);

	if (!r)
		r = netlink_open(NETLINK_NETFILTER, &alive->looks);
	if (!r)
		r = nft_open_events(&alive->events);
	if (r)
		return r;
	alive->handler = loop_handler_add(loop, &handler);
	r = loop_watch(loop, netlink_fd(alive->events), EPOLLIN, ref_of(alive, 0));
	alive->watching = !r;
	return r ? r : loop_timer_at(loop, loop_now_us(loop) + RENEW_US, ref_of(alive, PART_RENEW));
}

int alive_new(const struct alive_options *options, struct alive **out)
{
	_cleanup_(alive_freep) struct alive *alive = calloc(1, sizeof(*alive));
	static const uint8_t protocols[KEYS] = { [KEY_TCP] = IPPROTO_TCP, [KEY_UDP] = IPPROTO_UDP };
	int r;

	if (!alive)
		return -ENOMEM;
	alive->options = *options;
	alive->backoff = (struct backoff){ .first_us = RESTORE_FIRST_US, .most_us = RESTORE_MOST_US };
	for (size_t i = 0; i < KEYS; i++)
		nft_key_add(&alive->keys[i], &protocols[i], sizeof(protocols[i]));
	r = start(alive);
	if (r)
		return r;
	*out = alive;
	alive = NULL;
	return 0;
}

void alive_begin(struct alive *alive)
{
	note_renewed(alive, !alive->active || alive->away, loop_clock_us());
	alive->active = true;
	alive->away = alive->passing = false;
	if (nft_table_look(alive->looks, &our_table, &alive->picture))
		alive->picture = 0;   /* gone again: no table looks like this, and the next renewal finds out */
}

void alive_end(struct alive *alive)
{
	alive->active = false;
}

void alive_vouch(struct alive *alive, alive_vouch_fn vouch, void *context)
{
	alive->vouch = vouch;
	alive->vouch_context = context;
}
