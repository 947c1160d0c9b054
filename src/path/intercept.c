/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/intercept.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "net/nft.h"
#include "net/nft_queue.h"

/* Naming the table before deleting it makes the deletion work where it isn't there. */
#define REMOVE "table inet braid\ndelete table inet braid\n"

static int run(const char *script, char *reason, size_t n_reason)
{
	char words[128] = "";
	int r = nft_run(script, words, sizeof(words));

	if (r)
		snprintf(reason, n_reason, "cannot put the nft table inet braid in place: %s", r == NFT_E_REFUSED ? words : strerror(-r));
	return r == NFT_E_REFUSED ? -EOPNOTSUPP : r;
}

/* No nft script can write the rule where it is of the old form, so it comes by itself, when the chain for it is there; the chain is never emptied. Where
 * it can't be had, nothing is held. */
static bool lead_to_queues(const struct path_options *options)
{
	return options->n_workers && !nft_queue_put("braid", "queues", options->first_queue, (uint16_t)options->n_workers);
}

int interception_put(struct interception *interception, const struct path_options *options, bool *changed, char *reason, size_t n_reason)
{
	_cleanup_(freep) char *script = NULL;
	bool fresh = !interception->script;
	int r;

	if (!options->n_lan)
		return interception_remove(interception, reason, n_reason);   /* an earlier run may have left one */
	r = intercept_script(options, fresh || interception->holds, &script, reason, n_reason);
	if (r || (!fresh && !strcmp(script, interception->script)))
		return r;
	r = fresh ? run(REMOVE, reason, n_reason) : 0;   /* of an earlier run */
	if (!r)
		r = run(script, reason, n_reason);
	if (r)
		return r;
	free(interception->script);
	interception->script = script;
	script = NULL;
	*changed = true;
	if (!fresh)
		return 0;
	interception->holds = lead_to_queues(options);
	return interception->holds ? 0 : interception_put(interception, options, changed, reason, n_reason);
}

void interception_forget(struct interception *interception)
{
	free(interception->script);
	*interception = (struct interception){ 0 };
}

int interception_remove(struct interception *interception, char *reason, size_t n_reason)
{
	interception_forget(interception);
	return nft_run(REMOVE, reason, n_reason);
}
