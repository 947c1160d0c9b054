/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/util.h"
#include "net/kernel.h"
#include "policy/window.h"

#define FASTOPEN_BOTH 3u   /* client and server */
#define RECOVERY_STATIC 2u   /* TCP_RACK_STATIC_REO_WND */
#define RP_FILTER_STRICT 1u
#define RP_FILTER_LOOSE "2"

/* syn_retrans_before_tcp_fallback stays as it is: which link eats MPTCP options is remembered per link, by whoever
 * starts connections. */
static const struct {
	const char *name, *value, *without;
} fixed[] = {
	{ "net/mptcp/enabled", "1", "no MPTCP socket can be made" },
	/* Else one unanswered SYN, of one link, makes every new connection of this network namespace plain TCP for
	 * an hour. Since 6.12. */
	{ "net/mptcp/blackhole_timeout", "0", "a lost SYN can switch Multipath TCP off for an hour" },
	/* A subflow counts as dead after its first retransmission timeout: others take over 0.2 s earlier. */
	{ "net/mptcp/stale_loss_cnt", "1", "a silent link is left later" },
	/* The same trap as blackhole_timeout, for the data in the SYN. */
	{ "net/ipv4/tcp_fastopen_blackhole_timeout_sec", "0",
	  "a fault on one link can switch Fast Open off for an hour" },
};

static unsigned int number_of(const struct keep *keep, const char *name, unsigned int otherwise)
{
	char now[SYSCTL_VALUE_BYTES];

	return keep_read(keep, name, now) ? otherwise : (unsigned int)strtoul(now, NULL, 0);
}

static void warn_about(const char *name, const char *value, const char *without, int error, settings_warn_fn warn,
		       void *context)
{
	char text[sizeof(((struct path_event *)0)->text)];

	snprintf(text, sizeof(text), "cannot set %s to %s: %s; without it %s", name, value, strerror(-error), without);
	warn(context, text);
}

static void warn_of_file(const struct keep *keep, settings_warn_fn warn, void *context)
{
	char text[sizeof(((struct path_event *)0)->text)];

	snprintf(text, sizeof(text),
		 "cannot write %.100s: %s; a crash would leave settings of the system as we want them", keep->file,
		 strerror(-keep->error));
	warn(context, text);
}

/* Missing in this kernel is fine: then there is nothing to be switched off either. */
static void put(struct keep *keep, const char *name, const char *value, const char *without, settings_warn_fn warn,
		void *context)
{
	int before = keep->error, r = keep_set(keep, name, value);

	if (r < 0)
		warn_about(name, value, without, r, warn, context);
	if (keep->error && keep->error != before)
		warn_of_file(keep, warn, context);
}

static void put_limit(struct keep *keep, const char *name, settings_warn_fn warn, void *context)
{
	char value[16];

	snprintf(value, sizeof(value), "%u", MPTCP_PM_MOST);
	if (number_of(keep, name, MPTCP_PM_MOST) < MPTCP_PM_MOST)
		put(keep, name, value, "connections get fewer subflows", warn, context);
}

void settings_accept_told(struct keep *keep, bool wanted, settings_warn_fn warn, void *context)
{
	if (wanted)
		put_limit(keep, KEEP_LIMIT_ADD_ADDR, warn, context);
	else
		keep_give_back(keep, KEEP_LIMIT_ADD_ADDR);
}

/* Strict reverse path filtering drops what comes in by a link that isn't the best way back. The larger of "all" and
 * the interface's counts. */
static void put_rp_filter(struct keep *keep, const struct path_options *options, settings_warn_fn warn, void *context)
{
	unsigned int all = number_of(keep, "net/ipv4/conf/all/rp_filter", 0);

	for (size_t i = 0; i < options->n_links; i++) {
		char name[KEEP_NAME_BYTES];
		unsigned int own;

		snprintf(name, sizeof(name), "net/ipv4/conf/%s/rp_filter", options->links[i].interface);
		own = number_of(keep, name, 0);
		if ((own > all ? own : all) == RP_FILTER_STRICT)
			put(keep, name, RP_FILTER_LOOSE, "what arrives over this link may be dropped", warn, context);
	}
}

/* With these bits; what others are set stay. */
static void put_bits(struct keep *keep, const char *name, unsigned int bits, const char *without, settings_warn_fn warn,
		     void *context)
{
	unsigned int now = number_of(keep, name, bits);
	char value[16];

	snprintf(value, sizeof(value), "%u", now | bits);
	if ((now & bits) != bits)
		put(keep, name, value, without, warn, context);
}

/* A way on which long packets are lost, and nobody says so: some retransmissions later TCP sends shorter ones. */
static void put_mtu_probing(struct keep *keep, settings_warn_fn warn, void *context)
{
	if (!number_of(keep, "net/ipv4/tcp_mtu_probing", 1))
		put(keep, "net/ipv4/tcp_mtu_probing", "1",
		    "a link that loses long packets, and tells nobody, carries next to nothing", warn, context);
}

/* Once TCP has seen packets out of order, or acknowledgements that were lost looked like it, it waits for up to a round
 * trip more before it takes a packet for lost: a fast link that loses packets has its buffers full of what waits. So it
 * is to wait for a quarter at most (decision 0054). */
static void put_recovery(struct keep *keep, settings_warn_fn warn, void *context)
{
	put_bits(keep, "net/ipv4/tcp_recovery", RECOVERY_STATIC, "a fast link that loses packets carries less", warn,
		 context);
}

/* A sender of several subflows that is held by the window overruns it by a little now and then (Linux 6.18): what is
 * beyond is dropped behind TCP's back and comes again only by the MPTCP timer, 200 ms later, while the window grows
 * as slowly. So it begins wide, as far as there is memory, and may grow. */
static void put_receive_window(struct keep *keep, settings_warn_fn warn, void *context)
{
	struct window_buffers wanted = window_buffers(net_memory_bytes());
	unsigned int least, begin, most;
	char now[SYSCTL_VALUE_BYTES], value[SYSCTL_VALUE_BYTES];

	if (keep_read(keep, "net/ipv4/tcp_rmem", now) || sscanf(now, "%u %u %u", &least, &begin, &most) != 3 ||
	    (begin >= wanted.begin_bytes && most >= wanted.most_bytes))
		return;
	snprintf(value, sizeof(value), "%u %u %u", least, begin > wanted.begin_bytes ? begin : wanted.begin_bytes,
		 most > wanted.most_bytes ? most : wanted.most_bytes);
	put(keep, "net/ipv4/tcp_rmem", value, "downloads over several links may stall", warn, context);
}

int settings_put(struct keep *keep, const struct path_options *options, settings_warn_fn warn, void *context,
		 char *reason, size_t n_reason)
{
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		put(keep, fixed[i].name, fixed[i].value, fixed[i].without, warn, context);
	put_bits(keep, "net/ipv4/tcp_fastopen", FASTOPEN_BOTH, "connections take one round trip more", warn, context);
	put_mtu_probing(keep, warn, context);
	put_recovery(keep, warn, context);
	put_receive_window(keep, warn, context);
	put_limit(keep, KEEP_LIMIT_SUBFLOWS, warn, context);
	put_rp_filter(keep, options, warn, context);
	if (!number_of(keep, "net/mptcp/enabled", 0)) {
		snprintf(reason, n_reason,
			 "Multipath TCP is switched off (net.mptcp.enabled) and cannot be switched on");
		return -EOPNOTSUPP;
	}
	return 0;
}

void settings_watch(struct keep *keep, settings_warn_fn warn, void *context)
{
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		char now[SYSCTL_VALUE_BYTES], text[sizeof(((struct path_event *)0)->text)];

		if (keep_read(keep, fixed[i].name, now) || !strcmp(now, fixed[i].value))
			continue;
		snprintf(text, sizeof(text), "somebody has set %s to %s; it is set back to %s, without which %s",
			 fixed[i].name, now, fixed[i].value, fixed[i].without);
		warn(context, text);
		put(keep, fixed[i].name, fixed[i].value, fixed[i].without, warn, context);
	}
}
