/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "path/intercept.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/util.h"
#include "net/nft.h"
#include "net/nft_queue.h"
#include "path/cgroup.h"

#define TABLE "inet braid"

/* Naming the table before deleting it makes the deletion work where it isn't there. */
#define REMOVE "table " TABLE "\ndelete table " TABLE "\n"

/* No nft script can write the rule where it is of the old form, so it comes by itself, when the chain for it is
 * there; the chain is never emptied. Where it can't be had, nothing is held. */
static bool lead_to_queues(const struct path_options *options)
{
	return path_catches(options) && options->n_workers &&
	       !nft_queue_put("braid", "queues", options->first_queue, (uint16_t)options->n_workers);
}

static bool on_path_leads_to_queues(const struct path_options *options)
{
	return options->n_on_path && options->n_workers &&
	       !nft_queue_put("braid", "on_path_queues", options->on_path_queue, (uint16_t)options->n_workers);
}

static int utc_offset_minutes(void)
{
	time_t now = time(NULL);
	struct tm local;

	return localtime_r(&now, &local) ? (int)(local.tm_gmtoff / 60) : 0;
}

bool interception_is_late(const struct interception *interception, const struct path_options *options)
{
	return interception->script &&
	       ((interception->rules && interception->utc_offset_minutes != utc_offset_minutes()) ||
		interception->cgroups != cgroups_now(options->own));
}

/* What the table is to be made of now: as it is, or with its rules' sets under new names. */
static int write_script(const struct interception *interception, const struct path_options *options, bool anew,
			char **out, char *reason, size_t n_reason)
{
	struct intercept_facts facts = {
		.holds = !interception->script || interception->holds,
		.on_path_holds = !interception->script || interception->on_path_holds,
		.generation = interception->generation + anew,
		.utc_offset_minutes = utc_offset_minutes(), .before = anew ? interception->rules : NULL,
	};

	return intercept_script(options, &facts, out, reason, n_reason);
}

/* The script that changes the table in place, and what the table is made of then, which drops nothing: all is
 * written before any of it is run. */
static int write_next(const struct interception *interception, const struct path_options *options, char **script,
		      char **anew, char *reason, size_t n_reason)
{
	struct interception next = *interception;
	int r = write_script(interception, options, true, anew, reason, n_reason);

	freep(script);
	next.generation++;
	return r ? r : write_script(&next, options, false, script, reason, n_reason);
}

static unsigned int kinds_of(const struct path_options *options)
{
	return (path_catches(options) ? 1u : 0) | (options->n_on_path ? 2u : 0);
}

static void take_script(struct interception *interception, const struct path_options *options, char **script)
{
	free(interception->script);
	interception->script = *script;
	*script = NULL;
	interception->kinds = kinds_of(options);
	interception->rules = options->rules;
	interception->utc_offset_minutes = utc_offset_minutes();
	interception->cgroups = cgroups_now(options->own);
}

int interception_put(struct interception *interception, const struct path_options *options, bool *changed, char *reason,
		     size_t n_reason)
{
	_cleanup_(freep) char *script = NULL, *anew = NULL;
	bool fresh;
	int r;

	if (!path_intercepts(options))
		return interception_remove(interception, reason, n_reason);   /* an earlier run may have left one */
	if (interception->kinds != kinds_of(options))
		interception_forget(interception);   /* with other chains it is another table */
	fresh = !interception->script;
	r = write_script(interception, options, false, &script, reason, n_reason);
	if (r)
		return r;
	if (!fresh && !strcmp(script, interception->script)) {
		interception->rules = options->rules;
		interception->cgroups = cgroups_now(options->own);
		return 0;
	}
	r = fresh ? nft_put_table(interception->nft, TABLE, REMOVE, reason, n_reason) :   /* of an earlier run */
	    write_next(interception, options, &script, &anew, reason, n_reason);
	if (!r)
		r = nft_put_table(interception->nft, TABLE, anew ? anew : script, reason, n_reason);
	if (r)
		return r;
	interception->generation += !fresh;
	take_script(interception, options, &script);
	*changed = true;
	if (!fresh)
		return 0;
	interception->holds = lead_to_queues(options);
	interception->on_path_holds = on_path_leads_to_queues(options);
	return interception->holds && interception->on_path_holds ? 0 :
	       interception_put(interception, options, changed, reason, n_reason);
}

void interception_forget(struct interception *interception)
{
	free(interception->script);
	*interception = (struct interception){ .nft = interception->nft, .generation = interception->generation };
}

int interception_remove(struct interception *interception, char *reason, size_t n_reason)
{
	interception_forget(interception);
	return nft_put_table(interception->nft, TABLE, REMOVE, reason, n_reason);
}
