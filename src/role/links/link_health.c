/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/links/link_health.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/counter.h"
#include "base/util.h"
#include "path/path.h"
#include "role/links/census.h"
#include "role/links/figures.h"
#include "role/links/prober.h"
#include "role/links/profile.h"
#include "role/log.h"
#include "role/worker.h"

#define EVIDENCE_BYTES 160

static_assert(HEALTH_LINKS >= CONF_LINKS, "policy has room for all links");

struct link_health {
	struct loop *loop;
	struct link_health_options options;
	uint8_t handler;
	uint64_t look_at_us;                 /* a timer that was set for another instant isn't ours any more */
	struct prober *prober;
	struct health policy;
	struct multipath multipath[CONF_LINKS];
	uint32_t silent, taken_out;          /* a bit each: links that are, and those whose endpoint is out */
	struct census_leaving leaving;       /* those that are to be taken out */
};

static uint64_t load(const uint64_t *value) { return __atomic_load_n(value, __ATOMIC_RELAXED); }

static double ms_of(uint64_t us)
{
	return (double)us / (double)US_PER_MS;
}

/* The evidence, in words that go behind "link lte is silent: ". */
static void explain(const struct health_link *link, enum health_state before, char *out, size_t n_out)
{
	double percent = (double)link->loss_per_10_000 / 100, mb = (double)link->loss_of_bytes / 1e6;

	switch (link->state) {
	case HEALTH_SILENT:
		snprintf(out, n_out, "%u probes had no answer, nothing has come over it for %.0f ms, and other links "
				     "are alive", link->n_asked, ms_of(link->silent_us));
		return;
	case HEALTH_LOSSY:
		snprintf(out, n_out, "%.1f %% of %.1f MB that went up it had to be sent again", percent, mb);
		return;
	case HEALTH_FULL:
		snprintf(out, n_out, "a round trip takes %.0f ms, at least %.0f", ms_of(link->seen.rtt_us),
			 ms_of(link->least_rtt_us));
		return;
	case HEALTH_UNKNOWN:
		snprintf(out, n_out, before == HEALTH_SILENT ? "it isn't probed any more" :
			 "no link has an answer of the converter any more");
		return;
	default:
		break;
	}
	if (before == HEALTH_LOSSY)
		snprintf(out, n_out, "%.1f %% of %.1f MB that went up it had to be sent again", percent, mb);
	else if (before == HEALTH_FULL)
		snprintf(out, n_out, "a round trip takes %.0f ms, at least %.0f", ms_of(link->rtt_us),
			 ms_of(link->least_rtt_us));
	else
		snprintf(out, n_out, "something came over it, a round trip takes %.0f ms", ms_of(link->rtt_us));
}

static void tell(const struct link_health *health, const struct view *view, size_t i, enum health_state before)
{
	const struct health_link *link = &health->policy.links[i];
	char evidence[EVIDENCE_BYTES];

	explain(link, before, evidence, sizeof(evidence));
	log_info("link %s is %s (was %s): %s", view->links[i].name, health_state_name(link->state),
		 health_state_name(before), evidence);
}

/* What workers are to know of links; those that are silent, a bit each. */
static uint32_t note_links(const struct link_health *health, const struct view *view)
{
	uint32_t silent = 0;

	for (size_t i = 0; i < view->n_links; i++) {
		bool is_silent = health->policy.links[i].state == HEALTH_SILENT;

		silent |= (uint32_t)is_silent << i;
		__atomic_store_n(&health->options.shared->links[i].silent, is_silent, __ATOMIC_RELAXED);
		__atomic_store_n(&health->options.shared->links[i].least_rtt_us, health->policy.links[i].least_rtt_us,
				 __ATOMIC_RELAXED);
	}
	return silent;
}

/* A session that has nothing else keeps its link until it has another one, or has gone (decision 0038). */
static void apply(struct link_health *health)
{
	uint32_t silent = note_links(health, health->options.view(health->options.context)), out;

	if (silent != health->silent) {
		health->silent = silent;
		census_leave_anew(&health->leaving);
		health->options.on_change(health->options.context);   /* what is being set up there goes elsewhere
								       * before it is counted */
	}
	out = (health->taken_out & silent) |
	      census_leave(&health->leaving, health->options.workers, health->options.n_workers,
			   silent & ~health->taken_out, loop_clock_us());
	if (out == health->taken_out)
		return;
	health->taken_out = out;
	path_set_silent(health->options.path, out);
}

/* There is an address of the converter's that it reaches; and another link, or nothing would follow from it. */
static bool can_be_probed(const struct link_health *health, const struct view *view, size_t i)
{
	struct choice choice;

	return view->n_links > 1 &&
	       !shared_choose_link(health->options.shared, view, ~(1u << i), loop_now_us(health->loop), &choice) &&
	       choice.link == i;
}

static void fill(const struct link_health *health, const struct view *view, struct health_link_facts *links)
{
	struct path_link_status status[PATH_LINKS];
	size_t n = path_status(health->options.path, status, PATH_LINKS);
	uint64_t now_us = loop_clock_us();

	for (size_t i = 0; i < view->n_links; i++) {
		const struct link_memory *memory = &health->options.shared->links[i];

		links[i] = (struct health_link_facts){
			.up = view->links[i].up && i < n,
			.spared = load(&memory->used_up) || !can_be_probed(health, view, i),
			.lowrate = profile_is_lowrate(view, i),
			.suspected = load(&memory->unanswered_until_us) > now_us,
			.rx_bytes = i < n ? status[i].rx_bytes : 0, .tx_bytes = i < n ? status[i].tx_bytes : 0,
			.seen = figures_sum(health->options.workers, health->options.n_workers, i),
		};
	}
}

/* False where it couldn't be. */
static bool ask(struct link_health *health, size_t link, bool multipath)
{
	struct role_counters *counters = &health->options.workers[0]->counters;   /* these are written here alone */
	bool asked = prober_ask(health->prober, link, multipath);

	counter_add(&counters->n_probes, asked);
	return asked;
}

static void ask_for_multipath(struct link_health *health, size_t link, uint64_t now_us)
{
	if (!health_charge(&health->policy, link, now_us)) {
		multipath_not_asked(&health->multipath[link]);
	} else if (!ask(health, link, true)) {
		health_give_back(&health->policy, link);
		multipath_not_asked(&health->multipath[link]);
	}
}

/* New connections go by what the link's memory says. */
static void believe(struct link_health *health, size_t i)
{
	struct link_memory *memory = &health->options.shared->links[i];
	const struct multipath *multipath = &health->multipath[i];
	uint64_t until_us = multipath_bad_until_us(multipath);

	__atomic_store_n(&memory->drops_mptcp_until_us, multipath->state == MULTIPATH_DROPS ? until_us : 0,
			 __ATOMIC_RELAXED);
	if (until_us > load(&memory->strips_mptcp_until_us))
		__atomic_store_n(&memory->strips_mptcp_until_us, until_us, __ATOMIC_RELAXED);
}

static void look_for_multipath(struct link_health *health, const struct view *view, size_t i,
			       const struct health_link_facts *seen, uint64_t now_us)
{
	const struct health_link *link = &health->policy.links[i];
	struct multipath *multipath = &health->multipath[i];
	enum multipath_state before = multipath->state;
	struct multipath_facts facts = {
		.now_us = now_us,
		.works = !seen->spared && !seen->lowrate &&
			 (link->state == HEALTH_GOOD || link->state == HEALTH_LOSSY || link->state == HEALTH_FULL),
		.suspected = seen->suspected || load(&health->options.shared->links[i].strips_mptcp_until_us) > now_us,
		.alive_at_us = link->alive_at_us, .rtt_us = link->rtt_us,
	};

	if (multipath_look(multipath, &facts))
		ask_for_multipath(health, i, now_us);
	believe(health, i);
	if (multipath->state == MULTIPATH_DROPS && before != MULTIPATH_DROPS)
		log_warning("link %s drops first packets with Multipath TCP options: connections begin on other links "
			    "of its cost", view->links[i].name);
}

static void look(struct link_health *health)
{
	const struct view *view;
	struct health_link_facts links[CONF_LINKS];
	struct health_facts facts;
	struct health_verdict verdict;

	prober_hear(health->prober);   /* who hears of an answer may have another view made */
	view = health->options.view(health->options.context);
	fill(health, view, links);
	facts = (struct health_facts){ .now_us = loop_clock_us(), .links = links, .n_links = view->n_links,
				       .lossy_percent = view->conf->gateway.link_lossy_percent,
				       .full_ms = view->conf->gateway.link_full_ms,
				       .probe_idle_s = view->conf->gateway.probe_idle_s };
	verdict = health_look(&health->policy, &facts);
	for (size_t i = 0; i < view->n_links; i++) {
		if (verdict.changed >> i & 1)
			tell(health, view, i, verdict.before[i]);
		if (verdict.ask >> i & 1 && !ask(health, i, false))
			health_not_asked(&health->policy, i);
		look_for_multipath(health, view, i, &links[i], facts.now_us);
	}
	apply(health);
	health->look_at_us = verdict.next_us;
	if (health->leaving.waits && health->look_at_us > facts.now_us + CENSUS_WAIT_US)
		health->look_at_us = facts.now_us + CENSUS_WAIT_US;
}

static void look_again(struct link_health *health)
{
	while (loop_timer_at(health->loop, health->look_at_us, (struct loop_ref){ .handler = health->handler }))
		;   /* a few bytes that have to be there at last */
}

static void on_timer(void *context, struct loop_ref ref, uint64_t now_us)
{
	struct link_health *health = context;

	if (now_us < health->look_at_us)
		return;
	look(health);
	look_again(health);
}

static void take_multipath(struct link_health *health, const struct prober_answer *answer, uint64_t now_us)
{
	struct multipath *multipath = &health->multipath[answer->link];
	bool told = multipath->state == MULTIPATH_STRIPS;

	multipath_answered(multipath, answer->fell_back, now_us - answer->begun_at_us, now_us);
	believe(health, answer->link);
	if (multipath->state == MULTIPATH_STRIPS && !told)
		log_warning("link %s takes Multipath TCP options away, or the converter has none: connections begin on "
			    "other links of its cost",
			    health->options.view(health->options.context)->links[answer->link].name);
}

static void on_answer(void *context, const struct prober_answer *answer)
{
	struct link_health *health = context;
	uint64_t now_us = loop_clock_us();

	counter_add(&health->options.workers[0]->counters.n_probes_answered, 1);
	if (answer->multipath)
		take_multipath(health, answer, now_us);
	health_answered(&health->policy, answer->link, answer->multipath ? 0 : answer->begun_at_us, answer->rtt_us,
			now_us);
	health->options.on_answer(health->options.context, answer->link);
	if (health->look_at_us <= now_us)
		return;
	health->look_at_us = now_us;   /* what follows from it is not to wait */
	look_again(health);
}

void link_health_changed(struct link_health *health, size_t link)
{
	prober_drop(health->prober, link);
	health_changed(&health->policy, link);
	census_leave_anew(&health->leaving);
	health->multipath[link] = (struct multipath){ 0 };
	if (health->look_at_us <= loop_now_us(health->loop))
		return;
	health->look_at_us = loop_now_us(health->loop);
	look_again(health);
}

void link_health_elsewhere(struct link_health *health)
{
	health_elsewhere(&health->policy);
}

bool link_health_works(struct link_health *health, size_t link, uint64_t within_us)
{
	if (health_is_alive(&health->policy, link, within_us, loop_now_us(health->loop)))
		return true;
	health_want(&health->policy, link);
	return false;
}

const struct health_link *link_health_of(const struct link_health *health, size_t link)
{
	return &health->policy.links[link];
}

enum multipath_state link_health_multipath(const struct link_health *health, size_t link)
{
	return health->multipath[link].state;
}

static struct view *present_view(void *context)
{
	struct link_health *health = context;

	return health->options.view(health->options.context);
}

int link_health_new(struct loop *loop, const struct link_health_options *options, struct link_health **out)
{
	struct link_health *health = calloc(1, sizeof(*health));
	struct loop_handler handler = { .on_timer = on_timer, .context = health };
	struct prober_options prober = { .shared = options->shared, .view = present_view, .on_answer = on_answer,
					 .context = health };
	int r;

	if (!health)
		return -ENOMEM;
	health->loop = loop;
	health->options = *options;
	health->handler = loop_handler_add(loop, &handler);
	census_leave_anew(&health->leaving);
	r = prober_new(loop, &prober, &health->prober);
	if (r) {
		free(health);
		return r;
	}
	*out = health;
	look(health);
	look_again(health);
	return 0;
}

void link_health_freep(struct link_health **health)
{
	if (*health)
		prober_freep(&(*health)->prober);
	free(*health);
	*health = NULL;
}
