/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/links/profile.h"

#include "base/clock.h"

#define LOWRATE_US (120 * US_PER_S)   /* dozens of packets in the queue before it */
#define SATELLITE_ATTEMPT_US (4 * US_PER_S)
#define SATELLITE_ANSWER_US (10 * US_PER_S)
#define ATTEMPT_ROUND_TRIPS 2
#define ANSWER_ROUND_TRIPS 4
#define MOST_US (60 * US_PER_S)
#define LATE_US (700 * US_PER_MS)

static uint64_t at_least(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint32_t profile_of(const struct view *view, size_t link)
{
	return link < view->n_links ? view->conf->links[link].profile : CONF_PROFILE_AUTO;
}

bool profile_is_lowrate(const struct view *view, size_t link)
{
	return profile_of(view, link) == CONF_PROFILE_LOWRATE;
}

bool profile_all_lowrate(const struct view *view)
{
	size_t n = 0;

	for (size_t i = 0; i < view->n_links; i++) {
		if (view->links[i].up && !profile_is_lowrate(view, i))
			return false;
		n += view->links[i].up;
	}
	return n;
}

enum pieces profile_pieces(const struct shared *shared, const struct view *view, bool as_said)
{
	struct pieces_link links[CONF_LINKS];

	for (size_t i = 0; i < view->n_links; i++)
		links[i] = (struct pieces_link){
			.in_use = view->links[i].up && !shared_is_silent(shared, i) && !shared_is_out(shared, view, i),
			.lossy = profile_of(view, i) == CONF_PROFILE_LOSSY, .cost = view->conf->links[i].cost,
			.least_rtt_us = shared_least_rtt_us(shared, i),
		};
	return pieces_wanted(links, view->n_links, as_said);
}

static uint64_t with_profile(const struct view *view, size_t link, uint64_t usual_us, uint64_t satellite_us)
{
	switch (profile_of(view, link)) {
	case CONF_PROFILE_LOWRATE:
		return at_least(LOWRATE_US, usual_us);
	case CONF_PROFILE_SATELLITE:
		return at_least(satellite_us, usual_us);
	default:
		return usual_us;
	}
}

/* What the link shows counts for more than is usual, whatever its profile. */
static uint64_t shown_us(uint64_t us)
{
	return us < MOST_US ? us : MOST_US;
}

uint64_t profile_attempt_us(const struct view *view, size_t link, uint64_t rtt_us, uint64_t usual_us)
{
	return with_profile(view, link, at_least(usual_us, shown_us(ATTEMPT_ROUND_TRIPS * rtt_us)),
			    SATELLITE_ATTEMPT_US);
}

uint64_t profile_answer_us(const struct view *view, size_t link, uint64_t rtt_us, uint64_t usual_us)
{
	return with_profile(view, link, at_least(usual_us, shown_us(ANSWER_ROUND_TRIPS * rtt_us)), SATELLITE_ANSWER_US);
}

bool profile_is_late(const struct view *view, size_t link, uint64_t rtt_us)
{
	return profile_is_lowrate(view, link) || rtt_us > LATE_US;
}

uint64_t profile_session_us(const struct view *view, uint64_t usual_us)
{
	return profile_all_lowrate(view) ? at_least(LOWRATE_US, usual_us) : usual_us;
}
