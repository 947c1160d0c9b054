/* SPDX-License-Identifier: GPL-2.0-or-later */
/* link.backup, its change at a reload, and links that cost more (LINKS_SET_BACKUP of path/apply.c): of subflows that
 * have joined, and of the first one. */
#include "assume.h"

#include <string.h>
#include "base/util.h"

#define N_BYTES (4u << 20)
#define TRANSFERS 8
#define SLACK_BYTES 65536   /* what a subflow had queued when the flag was set */

static unsigned int backup_link;   /* connections begin on link 0 */

static uint64_t backup_bytes(int near_fd)
{
	struct address address = assume_address(ASSUME_NEAR, backup_link, false, 0);
	struct mptcp_connection_info info;

	assume_that(!mptcp_info_read(near_fd, &info), "MPTCP_FULL_INFO");
	for (size_t i = 0; i < info.n_subflows; i++)
		if (address_equal_ip(&info.subflows[i].local, &address))
			return info.subflows[i].bytes_sent + info.subflows[i].bytes_received;
	assume_broken("the subflow of link %u is gone", backup_link);
}

static void set_backup(bool backup)
{
	_cleanup_(mptcp_pm_closep) struct mptcp_pm *pm = NULL;
	struct mptcp_pm_endpoint endpoint;
	int r;

	assume_in(ASSUME_NEAR);
	assume_that(!mptcp_pm_open(&pm), "no MPTCP path manager");
	endpoint = assume_endpoint(backup_link, false, backup);
	r = mptcp_pm_set_backup(pm, &endpoint);
	assume_that(!r, "changing the backup flag: %s", strerror(-r));
}

static uint64_t moved(struct assume_stream *s, int near_fd, const char *what)
{
	uint64_t before = backup_bytes(near_fd);

	assume_stream_run(s, s->n_sent + N_BYTES, s->n_sent + N_BYTES, what);
	return backup_bytes(near_fd) - before;
}

struct trial {
	struct assume_stream *s;
	int near_fd;
	bool backup;
};

/* MP_PRIO takes its time to the peer, so several transfers may be needed before the peer follows. */
static bool follows(void *context)
{
	struct trial *trial = context;
	uint64_t n_bytes = moved(trial->s, trial->near_fd, "4 MB");

	return trial->backup ? n_bytes <= SLACK_BYTES : n_bytes > SLACK_BYTES;
}

static void expect_unused(struct assume_stream *s, int near_fd, const char *end, const char *when)
{
	uint64_t n_bytes = 0;

	for (int i = 0; i < TRANSFERS; i++)
		n_bytes += moved(s, near_fd, "4 MB");
	assume_that(n_bytes <= SLACK_BYTES, "%s: a backup subflow, %s of two, %s, carried %llu of %llu bytes", end,
		    backup_link ? "the second" : "the first", when, (unsigned long long)n_bytes,
		    (unsigned long long)TRANSFERS * N_BYTES);
}

static void look(struct assume_pair pair, bool far_sends)
{
	struct assume_stream s = { .from_fd = far_sends ? pair.far_fd : pair.near_fd,
				   .to_fd = far_sends ? pair.near_fd : pair.far_fd };
	struct trial trial = { .s = &s, .near_fd = pair.near_fd };
	const char *end = far_sends ? "the peer sends" : "our end sends";

	expect_unused(&s, pair.near_fd, end, "from the beginning");
	set_backup(false);
	assume_that(assume_wait(follows, &trial), "%s: a subflow that was a backup carries none afterwards", end);
	trial.backup = true;
	set_backup(true);
	assume_that(assume_wait(follows, &trial), "%s: a subflow made a backup goes on carrying payload", end);
	expect_unused(&s, pair.near_fd, end, "made so under the connection");
}

/* A connection whose subflow over that link, the first or the joined one, is the backup. */
static void look_at(unsigned int link)
{
	struct assume_pair pair;

	backup_link = link;
	assume_endpoint_add(0, false, link == 0);
	assume_endpoint_add(1, false, link == 1);
	pair = assume_pair(false, true);
	assume_wait_subflows(pair.near_fd, 2, "a backup endpoint");
	look(pair, false);
	look(pair, true);
	assume_pair_close(&pair);
	assume_endpoint_delete(0, false);
	assume_endpoint_delete(1, false);
}

int main(void)
{
	assume_begin("a backup endpoint carries no payload while the other works, that of the first subflow as well; "
		     "the flag changes on live connections, for both directions",
		     "link.backup and link.cost have no effect, or only on new sessions");
	assume_make_link(0);
	assume_make_link(1);
	assume_route_from_link(1);
	assume_limits();
	look_at(1);
	look_at(0);
	return assume_holds();
}
