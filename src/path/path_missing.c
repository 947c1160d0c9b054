/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can't be had now of what the options ask for, told to people. */
#include <stdio.h>
#include "path/cgroup.h"
#include "path/path_parts.h"

void path_warn_of_queues(struct path *path)
{
	const struct path_options *options = &path->options;

	if (options->n_lan && options->n_workers && options->accept != PATH_ACCEPT_EARLY && !path->interception.holds)
		path_emit(path, PATH_EVENT_WARNING, 0,
			  "no packet queue is to be had from this kernel: hosts are accepted before their destination "
			  "has answered, until braidd is started anew where there is one");
	if (options->n_on_path && options->on_path_holds && !path->interception.on_path_holds)
		path_emit(path, PATH_EVENT_WARNING, 0,
			  "no packet queue is to be had from this kernel: clients of converter.intercept are accepted "
			  "before their server has answered");
}

void path_warn_of_own(struct path *path)
{
	const struct own_choice *own = path->options.own;
	char text[sizeof(((struct path_event *)0)->text)];
	struct cgroup cgroup;

	if (!own || !own_chooses(own))
		return;
	if (!path->interception.holds)
		path_emit(path, PATH_EVENT_WARNING, 0,
			  "[host]: this kernel has no packet queue for us, so this machine's own connections go the "
			  "ordinary way");
	for (size_t i = 0; i < own->n_cgroups; i++) {
		if (!cgroup_find(own->cgroups[i], &cgroup))
			continue;
		snprintf(text, sizeof(text),
			 "host.cgroups: there is no control group '%.80s' now; as soon as there is, its connections "
			 "are bonded", own->cgroups[i]);
		path_emit(path, PATH_EVENT_WARNING, 0, text);
	}
}
