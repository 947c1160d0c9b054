/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "settings.h"
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"
#include "edit.h"
#include "rewrite.h"

#define HOUR_US 3600000000u
#define PPM 1000000u

struct settings_key {
	const char *name;
	size_t offset;
	uint64_t least, most, initial;
	bool whole_link;   /* not to be set for one direction alone */
	const char *help;
};

#define KEY(name, least, most, initial, help) \
	{ #name, offsetof(struct settings, name), least, most, initial, false, help }

static const struct settings_key settings_keys[] = {
	KEY(rate_bps, 0, 1000000000000u, 0, "IP bytes (Ethernet payload) times 8 in a second; 0: unlimited"),
	KEY(delay_us, 0, HOUR_US, 0, "delay once a packet is sent"),
	KEY(jitter_us, 0, HOUR_US, 0, "uniform, either way; keeps the order"),
	KEY(loss_ppm, 0, PPM, 0, "packets lost in a million, before the queue"),
	KEY(loss_burst, 1, PPM, 1, "mean length of a burst of losses; 1: independent"),
	KEY(loss_burst_ms, 0, HOUR_US / 1000, 0,
	    "no burst lasts longer, however few packets come; 0: only packets end it"),
	KEY(queue_bytes, 0, UINT32_MAX, 0, "IP bytes not yet sent, the drop-tail limit; 0: unlimited"),
	KEY(queue_ms, 0, HOUR_US / 1000, 0, "the same as time at the rate; 0: unlimited"),
	KEY(reorder_ppm, 0, PPM, 0, "packets in a million that others may overtake"),
	KEY(reorder_us, 0, HOUR_US, 0, "how much later such a packet comes"),
	KEY(duplicate_ppm, 0, PPM, 0, "packets in a million that come twice"),
	KEY(mtu, 0, UINT16_MAX, 0, "longer packets vanish, and nobody is told; 0: all that the devices take pass"),
	KEY(silence, 0, 1, 0, "1: swallows everything, the carrier stays"),
	KEY(strip_mptcp, 0, STRIP_N - 1, 0,
	    "MPTCP options of TCP: 0 pass; they become NOPs in 1 all segments, 2 SYNs, 3 all but SYNs"),
	KEY(eat_mptcp_syns, 0, 1, 0, "1: SYNs with MPTCP options are dropped"),
	KEY(eat_syn_data, 0, EAT_N - 1, 0, "SYNs with data: 0 pass, 1 are dropped, 2 lose the data"),
	KEY(rewrite, 0, REWRITE_N - 1, 0,
	    "the word " REWRITE_WORD " in TCP's payload: 1 becomes another of its length, 2 of twice its length"),
	{ "carrier", offsetof(struct settings, carrier), 0, 1, 1, true, "of both devices at once" },
};

static uint64_t *key_value(struct settings *settings, const struct settings_key *key)
{
	return (uint64_t *)((char *)settings + key->offset);
}

void settings_init(struct link_settings *settings)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings_keys); i++)
		for (int way = 0; way < WAY_N; way++)
			*key_value(&settings->way[way], &settings_keys[i]) = settings_keys[i].initial;
}

static const struct settings_key *key_find(const char *name, size_t n_name)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings_keys); i++)
		if (strlen(settings_keys[i].name) == n_name && !memcmp(settings_keys[i].name, name, n_name))
			return &settings_keys[i];
	return NULL;
}

/* Digits only: strtoull alone would take blanks and signs. */
static bool value_parse(const char *digits, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(digits, &end, 10);
	return isdigit((unsigned char)*digits) && !*end && !errno;
}

int settings_assign(struct link_settings *settings, const char *assignment, struct text *reason)
{
	bool ab = !strncmp(assignment, "ab.", 3), ba = !strncmp(assignment, "ba.", 3);
	const char *name = assignment + (ab || ba ? 3 : 0), *equals = strchr(name, '=');
	const struct settings_key *key = equals ? key_find(name, (size_t)(equals - name)) : NULL;
	uint64_t value;

	if (!equals) {
		text_add(reason, "%s: expected KEY=VALUE", assignment);
	} else if (!key) {
		text_add(reason, "%s: no such key", assignment);
	} else if (key->whole_link && (ab || ba)) {
		text_add(reason, "%s: %s belongs to both ends, set it without ab. or ba.", assignment, key->name);
	} else if (!value_parse(equals + 1, &value) || value < key->least || value > key->most) {
		text_add(reason, "%s: expected a number from %" PRIu64 " to %" PRIu64, assignment, key->least,
			 key->most);
	} else {
		if (!ba)
			*key_value(&settings->way[WAY_AB], key) = value;
		if (!ab)
			*key_value(&settings->way[WAY_BA], key) = value;
		return 0;
	}
	return SETTINGS_E_INVALID;
}

void settings_print(const struct settings *settings, struct text *out)
{
	struct settings copy = *settings;

	for (size_t i = 0; i < ARRAY_SIZE(settings_keys); i++)
		if (!settings_keys[i].whole_link)
			text_add(out, "\"%s\":%" PRIu64 ",", settings_keys[i].name,
				 *key_value(&copy, &settings_keys[i]));
}

void settings_help(struct text *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings_keys); i++)
		text_add(out, "  %-15s%s\n", settings_keys[i].name, settings_keys[i].help);
}
