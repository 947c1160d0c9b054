/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/status_command.h"

#include <stdio.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/util.h"
#include "role/braid_parts.h"
#include "role/describe.h"
#include "role/schemes.h"

#define ROLES_BYTES 64

static json_t *kernel_json(const struct braid *braid)
{
	json_t *array = json_array();

	for (size_t i = 0; i < NET_FEATURE_N; i++)
		json_array_append_new(array, json_pack("{s:s, s:b, s:s}", "feature", braid->features[i].name,
						       "present", braid->features[i].present,
						       "consequence", braid->features[i].consequence));
	return array;
}

static void add_warnings(const struct braid *braid, json_t *result)
{
	json_t *texts = json_array(), *ages = json_array();
	size_t n = size_min(braid->n_warnings, BRAID_WARNINGS);

	for (size_t i = braid->n_warnings - n; i < braid->n_warnings; i++) {
		json_array_append_new(texts, json_string(braid->warnings[i % BRAID_WARNINGS]));
		json_array_append_new(ages, json_real(describe_age_s(braid->warned_at_us[i % BRAID_WARNINGS])));
	}
	json_object_set_new(result, "warnings", texts);
	json_object_set_new(result, "warned_s", ages);
}

static json_t *converter_json(const struct braid *braid)
{
	const struct upstreams *upstreams = braid->upstreams;

	return json_pack("{s:b, s:s, s:s, s:s, s:s, s:o}", "reachable", braid->view->converter_reachable,
			 "why", braid->why_unreachable,
			 "signalling", scheme_of_conf(braid->holder->conf->gateway.signalling)->name,
			 "peer", upstreams ? upstreams_peer_name(upstreams) : "unknown",
			 "because", upstreams ? upstreams_because(upstreams) : "",
			 "converters", upstreams ? upstreams_json(upstreams) : json_array());
}

/* "gateway and converter": a [gateway] section without hosts is there for this machine's own connections. */
static const char *format_roles(const struct conf *conf, char out[ROLES_BYTES])
{
	const char *roles[] = { conf->gateway.n_lan ? "gateway" : NULL, conf->host.enabled ? "host" : NULL,
				conf->converter.enabled ? "converter" : NULL };
	size_t at = 0;

	for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
		if (roles[i])
			at += (size_t)snprintf(out + at, ROLES_BYTES - at, "%s%s", at ? " and " : "", roles[i]);
	return out;
}

static json_t *addresses_json(const struct address *addresses, size_t n)
{
	json_t *array = json_array();
	char text[ADDRESS_TEXT_BYTES];

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, json_string(address_format(&addresses[i], text)));
	return array;
}

static json_t *serves_json(const struct conf *conf)
{
	return json_pack("{s:o, s:I}", "listen", addresses_json(conf->converter.listen, conf->converter.n_listen),
			 "subscribers", (json_int_t)conf->n_subscribers);
}

static json_t *host_json(const struct braid *braid)
{
	const struct conf_host *host = &braid->holder->conf->host;

	return json_pack("{s:b, s:b, s:o}", "chooses", own_chooses(&host->choice),
			 "takes", own_chooses(&host->choice) && path_can_hold(braid->path),
			 "socks", addresses_json(host->socks, host->n_socks));
}

/* By which hosts come, and what keeps them away, or "". */
static json_t *lan_json(const struct braid *braid)
{
	const struct conf_gateway *gateway = &braid->holder->conf->gateway;
	json_t *array = json_array();

	for (size_t i = 0; i < gateway->n_lan; i++) {
		const char *fault = path_lan_fault(braid->path, gateway->lan[i]);

		if (!fault[0] && __atomic_load_n(&braid->shared.unheard, __ATOMIC_RELAXED))
			fault = "a firewall of this machine seems to turn away what is caught: let it accept the mark "
				"gateway.fwmark in its input chain";
		json_array_append_new(array, json_pack("{s:s, s:s}", "interface", gateway->lan[i], "why", fault));
	}
	return array;
}

void status_run(void *context, struct control_call call, const json_t *arguments)
{
	struct braid *braid = context;
	const struct conf *conf = braid->holder->conf;
	char roles[ROLES_BYTES];
	json_t *result = json_pack("{s:s, s:s, s:i, s:f, s:I, s:I, s:i, s:b, s:o}", "version", BRAID_VERSION,
				   "roles", format_roles(conf, roles), "pid", (int)getpid(),
				   "uptime_s", describe_age_s(braid->started_at_us),
				   "sessions", (json_int_t)__atomic_load_n(&braid->shared.n_sessions, __ATOMIC_RELAXED),
				   "half_open", (json_int_t)__atomic_load_n(&braid->shared.n_half_open, __ATOMIC_RELAXED),
				   "workers", (int)braid->n_peers, "accepting", braid->view->accepting,
				   "kernel", kernel_json(braid));

	if (result)
		add_warnings(braid, result);
	if (result && conf->gateway.enabled)
		json_object_set_new(result, "converter", converter_json(braid));
	if (result && conf->converter.enabled)
		json_object_set_new(result, "serves", serves_json(conf));
	if (result && conf->gateway.n_lan)
		json_object_set_new(result, "lan", lan_json(braid));
	if (result && conf->host.enabled)
		json_object_set_new(result, "host", host_json(braid));
	control_answer(call, result);
}
