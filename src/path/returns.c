/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/returns.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include "base/clock.h"
#include "base/util.h"
#include "net/nft.h"
#include "net/nft_look.h"
#include "policy/backoff.h"

#define TABLE "inet braid_returns"
#define REMOVE "table " TABLE "\ndelete table " TABLE "\n"
#define RESTORE_FIRST_US US_PER_S
#define RESTORE_MOST_US (60 * US_PER_S)
#define TEXT_BYTES 192

/* A first packet never belongs to a socket of ours, though it may look like it (TIME_WAIT). Late in the hook, behind
 * others' marks and what NAT undoes: what is a session's is its socket's, whatever others would do with it. The
 * look-up finds listeners, too: a proxy's that listens transparently at every address would be given what goes by to
 * its port number anywhere. (Whether a socket in TIME_WAIT was bound to one address isn't known: it is never at
 * every one.) */
static const char script_of[] =
	REMOVE
	"table " TABLE " {\n"
	"	chain ours {\n"
	"		socket wildcard 1 accept\n"
	"		meta mark set %u\n"
	"	}\n"
	"	chain back {\n"
	"		type filter hook prerouting priority filter; policy accept;\n"
	"		tcp flags & (fin|syn|rst|ack) != syn socket transparent 1 goto ours\n"
	"		meta l4proto { icmp, icmpv6 } socket transparent 1 goto ours\n"
	"	}\n"
	"}\n";

static const struct nft_table our_table = { NFPROTO_INET, "braid_returns" };

enum { PART_EVENT, PART_RESTORE };

struct returns {
	struct returns_options options;
	uint8_t handler;
	bool watching;
	struct netlink *looks, *events;
	bool active;               /* there is to be a table */
	bool stands;               /* and there is one, which looks like this: */
	uint64_t picture;
	struct backoff backoff;
	bool restore_armed;
};

static void warn(struct returns *returns, const char *text)
{
	returns->options.warn(returns->options.context, text);
}

static struct loop_ref ref_of(const struct returns *returns, uint8_t part)
{
	return (struct loop_ref){ .handler = returns->handler, .part = part };
}

int returns_put(struct returns *returns, char *reason, size_t n_reason)
{
	char script[sizeof(script_of) + 16];
	int r;

	if (returns->stands)
		return 0;
	snprintf(script, sizeof(script), script_of, returns->options.fwmark);
	r = nft_put_table(returns->options.nft, TABLE, script, reason, n_reason);
	if (r)
		return r;
	returns->active = returns->stands = true;
	if (nft_table_look(returns->looks, &our_table, &returns->picture))
		returns->picture = 0;   /* gone again: no table looks like this, and the notification of that is on
					 * its way */
	return 0;
}

static void arm_restore(struct returns *returns, uint64_t at_us)
{
	if (!returns->restore_armed && !loop_timer_at(returns->options.loop, at_us, ref_of(returns, PART_RESTORE)))
		returns->restore_armed = true;
}

static void restore(struct returns *returns, uint64_t now_us)
{
	char reason[TEXT_BYTES] = "", text[TEXT_BYTES + 128];
	int r;

	returns->stands = false;
	r = returns_put(returns, reason, sizeof(reason));
	backoff_done(&returns->backoff, now_us);
	if (r)
		arm_restore(returns, backoff_at_us(&returns->backoff, now_us));
	snprintf(text, sizeof(text),
		 "somebody has removed or changed the nft table " TABLE " (nft flush ruleset?); %s%s",
		 r ? "sessions from subscribers' own addresses hear nothing: " : "it is put back", reason);
	warn(returns, text);
}

/* Puts the table back: now, or later where that was done a moment ago, so that nobody is fought with. */
static void check(struct returns *returns, uint64_t now_us)
{
	uint64_t picture = 0, at_us = backoff_at_us(&returns->backoff, now_us);
	int r = returns->active ? nft_table_look(returns->looks, &our_table, &picture) : 0;

	if (!returns->active || (!r && returns->stands && picture == returns->picture))
		return;
	if (r < 0)   /* too much is going on: later again */
		at_us = now_us + RESTORE_FIRST_US / 2;
	if (at_us > now_us)
		arm_restore(returns, at_us);
	else
		restore(returns, now_us);
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct returns *returns = context;

	returns->restore_armed = false;
	check(returns, now_us);
}

static bool is_ours(const struct nlmsghdr *message)
{
	return nft_event_matters(message, &our_table);
}

static void on_event(void *context, struct loop_ref ref, uint32_t epoll_events)
{
	struct returns *returns = context;

	if (netlink_any_matters(returns->events, is_ours))
		check(returns, loop_now_us(returns->options.loop));
}

static int start(struct returns *returns, char *reason, size_t n_reason)
{
	struct loop_handler handler = { .on_event = on_event, .on_timer = on_timer, .context = returns };
	struct loop *loop = returns->options.loop;
	int r = netlink_open(NETLINK_NETFILTER, &returns->looks);

	if (!r)
		r = nft_open_events(&returns->events);
	if (r) {
		snprintf(reason, n_reason, "cannot watch nftables: %s; a kernel with CONFIG_NF_TABLES is needed",
			 strerror(-r));
		return r;
	}
	returns->handler = loop_handler_add(loop, &handler);
	r = loop_watch(loop, netlink_fd(returns->events), EPOLLIN, ref_of(returns, PART_EVENT));
	returns->watching = !r;
	return r ? r : nft_put_table(returns->options.nft, TABLE, REMOVE, reason, n_reason);
}

int returns_new(const struct returns_options *options, struct returns **out, char *reason, size_t n_reason)
{
	_cleanup_(returns_freep) struct returns *returns = calloc(1, sizeof(*returns));
	int r;

	if (!returns)
		return -ENOMEM;
	returns->options = *options;
	returns->backoff = (struct backoff){ .first_us = RESTORE_FIRST_US, .most_us = RESTORE_MOST_US };
	r = start(returns, reason, n_reason);
	if (r)
		return r;
	*out = returns;
	returns = NULL;
	return 0;
}

void returns_freep(struct returns **returns)
{
	struct returns *p = *returns;
	char reason[TEXT_BYTES];

	if (!p)
		return;
	if (p->watching)
		loop_unwatch(p->options.loop, netlink_fd(p->events));
	if (p->active && nft_put_table(p->options.nft, TABLE, REMOVE, reason, sizeof(reason)))
		warn(p, "cannot remove the nft table " TABLE ": remove it by hand (nft delete table " TABLE ")");
	netlink_closep(&p->looks);
	netlink_closep(&p->events);
	free(p);
	*returns = NULL;
}
