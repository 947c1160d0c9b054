/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/upstreams.h"

#include <string.h>

static void inherit(struct conf_upstream *upstream, const struct conf_gateway *gateway)
{
	if (!upstream->has_key) {
		upstream->has_key = gateway->has_key;
		memcpy(upstream->key, gateway->key, sizeof(upstream->key));
	}
	if (upstream->user[0] || upstream->password[0])
		return;
	memcpy(upstream->user, gateway->user, sizeof(upstream->user));
	memcpy(upstream->password, gateway->password, sizeof(upstream->password));
}

void upstreams_finish(struct conf *conf)
{
	const struct conf_gateway *gateway = &conf->gateway;

	if (gateway->n_converter) {
		memmove(&conf->upstreams[1], conf->upstreams, conf->n_upstreams * sizeof(conf->upstreams[0]));
		conf->upstreams[0] = (struct conf_upstream){ .n_converter = gateway->n_converter };
		memcpy(conf->upstreams[0].converter, gateway->converter, sizeof(gateway->converter));
		conf->n_upstreams++;
	}
	for (size_t i = 0; i < conf->n_upstreams; i++)
		inherit(&conf->upstreams[i], gateway);
}

static bool is_before(const struct conf *conf, size_t n, const struct address *address)
{
	for (size_t i = 0; i < n; i++)
		if (address_among(conf->upstreams[i].converter, conf->upstreams[i].n_converter, address))
			return true;
	return false;
}

const char *upstreams_check(const struct conf *conf)
{
	if (!conf->n_upstreams && !conf->gateway.dhcp)
		return "section [gateway] ends without the key 'converter' (the converter's address)";
	if (conf->gateway.dhcp && conf->gateway.signalling == CONF_SIGNALLING_SOCKS5)
		return "gateway.converter = dhcp goes with signalling = convert or plain: with socks5 nobody has to "
		       "prove anything, and whoever answers DHCP would be told the password";
	for (size_t i = 0; i < conf->n_upstreams; i++) {
		const struct conf_upstream *upstream = &conf->upstreams[i];

		if (upstream->n_converter == CONF_CONVERTER_ADDRESSES &&
		    address_is_v4(&upstream->converter[0]) == address_is_v4(&upstream->converter[1]))
			return upstream->name[0] ?
			       "an [upstream NAME] has two addresses of one family, wanted one of each at most" :
			       "gateway.converter has two addresses of one family, wanted one of each at most; "
			       "further converters are [upstream NAME] sections";
		for (size_t j = 0; j < upstream->n_converter; j++)
			if (is_before(conf, i, &upstream->converter[j]))
				return "two converters of the gateway's have the same address and port";
		if (!upstream->user[0] != !upstream->password[0])
			/* of the gateway's it is said where they are */
			return upstream->name[0] ? "the user and the password of an [upstream NAME] go together" : NULL;
	}
	return NULL;
}
