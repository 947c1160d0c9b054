/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configurations: parsed or turned down with a text that names the file; what is parsed keeps its bounds, twice the
 * same. */
#include "fuzz.h"

#include "conf/conf.h"

static void check_choice(const struct conf *conf)
{
	const struct own_choice *choice = &conf->host.choice;

	expect(conf->gateway.enabled && (own_chooses(choice) || conf->host.n_socks));
	expect(conf->host.n_socks <= CONF_SOCKS_ADDRESSES);
	expect(choice->n_users <= OWN_NAMES && choice->n_groups <= OWN_NAMES && choice->n_cgroups <= OWN_CGROUPS &&
	       choice->n_ports <= OWN_PORTS);
	for (size_t i = 0; i < choice->n_cgroups; i++)
		expect(choice->cgroups[i][0] && choice->cgroups[i][0] != '/' && !strpbrk(choice->cgroups[i], "\" \\") &&
		       !strstr(choice->cgroups[i], ".."));
	for (size_t i = 0; i < choice->n_ports; i++)
		expect(choice->ports[i].first && choice->ports[i].first <= choice->ports[i].last);
}

static void check_bounds(const struct conf *conf)
{
	expect(conf->gateway.enabled || conf->converter.enabled);
	expect(conf->n_links <= CONF_LINKS && conf->gateway.n_lan <= CONF_LAN_INTERFACES);
	expect(conf->gateway.n_converter <= CONF_CONVERTER_ADDRESSES &&
	       conf->converter.n_listen <= CONF_LISTEN_ADDRESSES);
	if (conf->gateway.enabled)
		expect(conf->n_links && (conf->gateway.n_lan || conf->host.enabled) && conf->gateway.n_converter);
	if (conf->host.enabled)
		check_choice(conf);
	if (conf->converter.enabled)
		expect(conf->converter.n_allow || conf->n_subscribers);   /* never open to the world */
	for (size_t i = 0; i < conf->n_links; i++)
		expect(conf->links[i].name[0] && conf->links[i].interface[0] &&
		       memchr(conf->links[i].interface, 0, CONF_INTERFACE_BYTES));
	for (size_t i = 0; i < conf->n_subscribers; i++)
		expect(conf->subscribers[i].name[0] && conf->subscribers[i].max_sessions &&
		       conf->subscribers[i].max_new_burst);
	for (size_t i = 0; i < conf->n_forwards; i++)
		expect(conf->converter.enabled && conf->forwards[i].name[0] && conf->forwards[i].subscriber[0] &&
		       conf->forwards[i].listen.port && !conf->forwards[i].host.port && conf->forwards[i].max_waiting &&
		       conf->forwards[i].max_new_per_s);
	for (size_t i = 0; i < conf->gateway.n_lan; i++)
		expect(conf->gateway.lan[i][0] && memchr(conf->gateway.lan[i], 0, CONF_INTERFACE_BYTES));
	expect(conf->limits.max_sessions && conf->limits.max_half_open && conf->gateway.fwmark &&
	       conf->gateway.intercept_port);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char *text = (char *)fuzz_copy(bytes, n), different[1024];
	struct conf *conf = NULL, *again = NULL;
	struct conf_error error;
	int r = conf_parse("fuzz.conf", text, n, NULL, &conf, &error);

	expect(r == 0 || r == CONF_E_INVALID);
	expect(r == conf_parse("fuzz.conf", text, n, NULL, &again, &error));
	if (r) {
		expect(!conf && !strncmp(error.text, "fuzz.conf:", 10) && memchr(error.text, 0, sizeof(error.text)));
	} else {
		check_bounds(conf);
		conf_restart_needed(conf, again, different, sizeof(different));
		expect(!different[0]);
	}
	conf_freep(&conf);
	conf_freep(&again);
	free(text);
	return 0;
}
