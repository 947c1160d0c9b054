/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of forwards, as long as the path is there. */
#include "path/path_parts.h"

#include <stdio.h>

static void warn_inbound(struct path *path, const char *reason)
{
	char text[sizeof(((struct path_event *)0)->text)];

	snprintf(text, sizeof(text), "%s; connections to [forward NAME] addresses are not taken", reason);
	path_emit(path, PATH_EVENT_WARNING, 0, text);
}

/* Nobody comes by a forward until then. */
static void try_forwards_again(struct path *path)
{
	uint64_t now_us = loop_now_us(path->loop);

	if (path->inbound_armed)
		return;
	backoff_done(&path->inbound_again, now_us);
	path->inbound_armed = !loop_timer_at(path->loop, backoff_at_us(&path->inbound_again, now_us),
					     (struct loop_ref){ .handler = path->handler, .part = PATH_PART_FORWARDS });
}

void path_set_forwards(struct path *path, const struct forwards *forwards, const struct inbound_options *options)
{
	char reason[160] = "";

	if (!path->kept || !inbound_table_put(&path->inbound, forwards, options, reason, sizeof(reason)))
		return;
	warn_inbound(path, reason);
	try_forwards_again(path);
}

void path_forget_forwards(struct path *path)
{
	char reason[160];

	if (!path->inbound.begun)
		inbound_table_put(&path->inbound, NULL, NULL, reason, sizeof(reason));
}

void path_check_forwards(struct path *path)
{
	char reason[160] = "";
	bool restored, was_missing = path->inbound.missing;
	int r = inbound_table_check(&path->inbound, &restored, reason, sizeof(reason));

	if (restored)
		path_emit(path, PATH_EVENT_WARNING, 0,
			  "somebody has removed or changed the nft table inet braid_inbound (nft flush ruleset?); it "
			  "is put back");
	if (r && !was_missing)
		warn_inbound(path, reason);
	if (r)
		try_forwards_again(path);
}
