/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/show.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include "base/util.h"
#include "ctl/table.h"

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

static double number_of(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static uint64_t count_of(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

static void __attribute__((format(printf, 2, 3))) cell(char *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(out, TABLE_CELL_BYTES, format, args);
	va_end(args);
}

/* One row's cells; those that aren't written stay empty. */
typedef void (*row_function)(const json_t *one, char (*row)[TABLE_CELL_BYTES]);

static void show_rows(const json_t *rows, const char *const *headers, size_t n_columns, row_function fill, FILE *out)
{
	struct table table;
	const json_t *one;
	size_t i;

	table_begin(&table, headers, n_columns);
	json_array_foreach(rows, i, one) {
		char (*row)[TABLE_CELL_BYTES] = table_row(&table);

		if (!row)
			break;
		fill(one, row);
	}
	table_end(&table, out);
}

static void show_kernel(const json_t *features, FILE *out)
{
	const json_t *feature;
	size_t i;

	json_array_foreach(features, i, feature)
		if (!json_is_true(json_object_get(feature, "present")))
			fprintf(out, "missing    %s: %s\n", text_of(feature, "feature"),
				text_of(feature, "consequence"));
}

/* With what to look at, at a first set-up above all. */
static void show_why_lost(const char *why, FILE *out)
{
	static const struct { const char *why, *shown; } all[] = {
		{ "", "has not answered yet" },
		{ "it doesn't answer",
		  "does not answer (is that its address, and its TCP port open in the firewalls on the way?)" },
		{ "connection refused",
		  "does not answer (connection refused; does braidd run there, with this port in converter.listen?)" },
		{ "not authorised",
		  "does not let us in (not authorised; is our gateway.key that of a [subscriber NAME] there, "
		  "and are both clocks right?)" },
		{ "missing cookie", "does not let us in (missing cookie; it wants a gateway.key)" },
		{ "no link leads to it", "can't be reached (no link leads to it; braidctl links says how they are)" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (strcmp(why, all[i].why))
			continue;
		fputs(all[i].shown, out);
		return;
	}
	fprintf(out, "does not answer (%s)", why);
}

/* "203.0.113.7:5124, [2001:db8::7]:5124". */
static void show_addresses(const json_t *addresses, FILE *out)
{
	const json_t *address;
	size_t i;

	json_array_foreach(addresses, i, address)
		fprintf(out, "%s%s", i ? ", " : "", json_string_value(address));
}

/* Where there are several, they are listed. */
static void show_lost(const json_t *converter, FILE *out)
{
	const json_t *all = json_object_get(converter, "converters");

	fputs("converter  ", out);
	if (json_array_size(all) == 1) {
		show_addresses(json_object_get(json_array_get(all, 0), "addresses"), out);
		fputc(' ', out);
	}
	show_why_lost(text_of(converter, "why"), out);
	fputs(": new connections go the ordinary way\n", out);
}

static void show_converter(const json_t *converter, FILE *out)
{
	const char *peer = text_of(converter, "peer"), *signalling = text_of(converter, "signalling");

	if (!strcmp(signalling, "route"))
		fprintf(out, "converter  is not asked: one on the way of a connection takes it (of routed connections, "
			     "routed_plain came out as plain TCP)\n");
	else if (!json_is_true(json_object_get(converter, "reachable")))
		show_lost(converter, out);
	else if (!strcmp(peer, "convert"))
		fprintf(out, "converter  answers: connections are bonded by %s, with nothing of Braid's own, as it has "
			     "no key of ours or knows of none\n", signalling);
	else if (!strcmp(peer, "other"))
		fprintf(out, "converter  answers, though not to Convert: connections are bonded by %s, and it is asked "
			     "every few seconds whether it is there\n", signalling);
	else
		fprintf(out, "converter  answers: connections are bonded by %s\n", signalling);
}

/* "*dsl's DHCP  192.0.2.1:5124, [2001:db8::1]:5124  answers in 20.1 ms". Where there is one alone, all is said of it
 * already. */
static void show_converters(const json_t *converter, FILE *out)
{
	const json_t *all = json_object_get(converter, "converters"), *one;
	size_t i;

	if (json_array_size(all) < 2 && !json_is_true(json_object_get(json_array_get(all, 0), "provisioned")))
		return;
	json_array_foreach(all, i, one) {
		bool used = json_is_true(json_object_get(one, "used"));

		fprintf(out, "         %c %s (", used ? '*' : ' ', text_of(one, "name"));
		show_addresses(json_object_get(one, "addresses"), out);
		if (json_is_true(json_object_get(one, "answers")))
			fprintf(out,") answers in %.1f ms", number_of(one, "took_ms"));
		else
			fprintf(out, ") %s", text_of(one, "why"));
		if (json_is_integer(json_object_get(one, "left_s")))
			fprintf(out, "; good for %llu s", (unsigned long long)count_of(one, "left_s"));
		fprintf(out, "%s%s\n", used ? "; in use: " : "", used ? text_of(converter, "because") : "");
	}
}

static void show_host(const json_t *host, FILE *out)
{
	bool takes = json_is_true(json_object_get(host, "takes"));
	const json_t *socks = json_object_get(host, "socks");

	fprintf(out, "host       %s", takes ? "this machine's own connections are taken" :
		json_is_true(json_object_get(host, "chooses")) ?
			"this machine's own connections can't be taken, and go the ordinary way" :
			"no connections are taken");
	if (json_array_size(socks))
		fputs("; SOCKS5 at ", out);
	show_addresses(socks, out);
	fputc('\n', out);
}

/* "br-lan, eth9 (there is no such interface now)". */
static void show_lan(const json_t *lan, FILE *out)
{
	const json_t *one;
	size_t i;

	fputs("hosts      come by ", out);
	json_array_foreach(lan, i, one) {
		const char *why = text_of(one, "why");

		fprintf(out, "%s%s%s%s%s", i ? ", " : "", text_of(one, "interface"), *why ? " (" : "", why,
			*why ? ")" : "");
	}
	fputc('\n', out);
}

static void show_serves(const json_t *serves, FILE *out)
{
	uint64_t n = count_of(serves, "subscribers");

	fprintf(out, "serves     %llu subscriber%s, at ", (unsigned long long)n, n == 1 ? "" : "s");
	show_addresses(json_object_get(serves, "listen"), out);
	fputc('\n', out);
}

void show_status(const json_t *result, FILE *out)
{
	const json_t *converter = json_object_get(result, "converter"), *warning;
	char age[TABLE_CELL_BYTES];
	size_t i;

	fprintf(out, "version    %s, %s, pid %llu, %llu workers\n", text_of(result, "version"),
		text_of(result, "roles"), (unsigned long long)count_of(result, "pid"),
		(unsigned long long)count_of(result, "workers"));
	fprintf(out, "running    %s%s\n", table_seconds(number_of(result, "uptime_s"), age),
		json_is_true(json_object_get(result, "accepting")) ? "" : ", takes no new connections");
	fprintf(out, "sessions   %llu, and %llu being set up\n", (unsigned long long)count_of(result, "sessions"),
		(unsigned long long)count_of(result, "half_open"));
	if (json_is_object(converter)) {
		show_converter(converter, out);
		show_converters(converter, out);
	}
	if (json_is_object(json_object_get(result, "serves")))
		show_serves(json_object_get(result, "serves"), out);
	if (json_array_size(json_object_get(result, "lan")))
		show_lan(json_object_get(result, "lan"), out);
	if (json_is_object(json_object_get(result, "host")))
		show_host(json_object_get(result, "host"), out);
	show_kernel(json_object_get(result, "kernel"), out);
	json_array_foreach(json_object_get(result, "warnings"), i, warning)
		fprintf(out, "warning    %s ago: %s\n",
			table_seconds(json_number_value(json_array_get(json_object_get(result, "warned_s"), i)), age),
			json_string_value(warning));
}

/* "12.3 GB of 50.0 GB". */
static void cap_cell(const json_t *cap, char *out)
{
	char used[TABLE_CELL_BYTES], most[TABLE_CELL_BYTES];

	if (!json_is_object(cap))
		return;
	table_bytes(count_of(cap, "used_bytes"), used);
	table_bytes(count_of(cap, "bytes"), most);
	cell(out, "%.30s of %.30s", used, most);
}

/* "costs 10, closed, gave no answer lately". A link that nothing is to be said of has an empty cell. */
static void link_notes_cell(const json_t *link, char *out)
{
	const char *state = text_of(json_object_get(link, "cap"), "state");
	const char *use = json_is_true(json_object_get(link, "backup")) ? "backup" :
			  !strcmp(state, "used up") ? "cap used up" :
			  json_is_true(json_object_get(link, "aside")) ? "stands aside" :
				  json_is_true(json_object_get(link, "closed")) ? "closed" : "";

	size_t at = 0;

	if (count_of(link, "cost"))
		at = (size_t)snprintf(out, TABLE_CELL_BYTES, "costs %llu", (unsigned long long)count_of(link, "cost"));
	if (use[0])
		at += (size_t)snprintf(out + at, TABLE_CELL_BYTES - at, "%s%s", at ? ", " : "", use);
	if (text_of(link, "notes")[0])
		snprintf(out + at, TABLE_CELL_BYTES - at, "%s%s", at ? ", " : "", text_of(link, "notes"));
}

/* "good", or, where the link isn't up, or nothing is known of it, what the system says; and since when. */
static void state_cells(const json_t *link, char *state, char *since)
{
	const json_t *health = json_object_get(link, "health");
	const char *how = text_of(health, "state");
	bool is_known = !strcmp(text_of(link, "state"), "up") && strcmp(how, "-") && strcmp(how, "down") &&
			strcmp(how, "unknown");

	cell(state, "%s", is_known ? how : text_of(link, "state"));
	table_seconds(number_of(is_known ? health : link, "since_s"), since);
}

/* "52 / 31 ms": now, and the least; what the last handshake took, where nothing more is known. */
static void rtt_cell(const json_t *link, char *out)
{
	const json_t *health = json_object_get(link, "health");

	if (number_of(health, "rtt_ms") > 0)
		cell(out, "%.1f / %.1f ms", number_of(health, "rtt_ms"), number_of(health, "least_rtt_ms"));
	else if (number_of(link, "rtt_ms") > 0)
		cell(out, "%.1f ms", number_of(link, "rtt_ms"));
}

static void rate_cell(const json_t *health, const char *key, char *out)
{
	if (count_of(health, key))
		cell(out, "%.1f Mbit/s", (double)count_of(health, key) / 1e6);
}

/* "lte is closed: nothing was held back for 8 s". Too long for a column. */
static void show_reasons(const json_t *links, FILE *out)
{
	const json_t *link;
	size_t i;

	json_array_foreach(links, i, link) {
		const char *use = json_is_true(json_object_get(link, "aside")) ? "stands aside" :
				  json_is_true(json_object_get(link, "closed")) ? "is closed" : "is open";

		if (json_string_length(json_object_get(link, "why")))
			fprintf(out, "%s %s: %s\n", text_of(link, "name"), use, text_of(link, "why"));
	}
}

void show_links(const json_t *result, FILE *out)
{
	static const char *const headers[] = { "LINK", "INTERFACE", "STATE", "SINCE", "ADDRESS", ">RECEIVED", ">SENT",
					       ">SUBFLOWS", ">FIRST",
					       ">RTT / LEAST", ">LOSS", ">DOWN", ">UP", ">CAP", "NOTES" };
	struct table table;
	const json_t *link;
	size_t i;

	if (!json_array_size(json_object_get(result, "links")))
		fprintf(out, "a converter has no links of its own; sessions and why have its gateways' addresses\n");
	table_begin(&table, headers, ARRAY_SIZE(headers));
	json_array_foreach(json_object_get(result, "links"), i, link) {
		char (*row)[TABLE_CELL_BYTES] = table_row(&table);
		const json_t *health = json_object_get(link, "health");
		const char *v4 = text_of(link, "address_v4");

		if (!row)
			break;
		cell(row[0], "%s", text_of(link, "name"));
		cell(row[1], "%s", text_of(link, "interface"));
		state_cells(link, row[2], row[3]);
		cell(row[4], "%s", v4[0] == '-' ? text_of(link, "address_v6") : v4);
		table_bytes(count_of(link, "rx_bytes"), row[5]);
		table_bytes(count_of(link, "tx_bytes"), row[6]);
		cell(row[7], "%llu", (unsigned long long)count_of(link, "subflows"));
		cell(row[8], "%llu", (unsigned long long)count_of(link, "sessions_first"));
		rtt_cell(link, row[9]);
		if (json_is_number(json_object_get(health, "loss_percent")))
			cell(row[10], "%.1f %%", number_of(health, "loss_percent"));
		rate_cell(health, "down_bps", row[11]);
		rate_cell(health, "up_bps", row[12]);
		cap_cell(json_object_get(link, "cap"), row[13]);
		link_notes_cell(link, row[14]);
	}
	table_end(&table, out);
	show_reasons(json_object_get(result, "links"), out);
}

/* "dsl 1.2 MB down 3.4 kB up, lte ..." */
static void links_cell(const json_t *links, char *out)
{
	const json_t *link;
	size_t i, at = 0;

	json_array_foreach(links, i, link) {
		char bytes[TABLE_CELL_BYTES];

		table_bytes(count_of(link, "bytes_up") + count_of(link, "bytes_down"), bytes);
		at += (size_t)snprintf(out + at, TABLE_CELL_BYTES - at, "%s%s %s", at ? ", " : "",
				       text_of(link, "name"), bytes);
		if (at >= TABLE_CELL_BYTES)
			return;
	}
}

static void session_row(const json_t *session, char (*row)[TABLE_CELL_BYTES])
{
	cell(row[0], "%s", text_of(session, "id"));
	cell(row[1], "%s", text_of(session, "state"));
	cell(row[2], "%s%s", text_of(session, "direction"),
	     json_is_true(json_object_get(session, "routed")) ? ", routed" : "");
	cell(row[3], "%s", text_of(session, "source"));
	cell(row[4], "%s", text_of(session, "destination"));
	table_seconds(number_of(session, "age_s"), row[5]);
	table_bytes(count_of(session, "up_bytes"), row[6]);
	table_bytes(count_of(session, "down_bytes"), row[7]);
	cell(row[8], "%s", json_is_true(json_object_get(session, "pieces")) ? "pieces" :
	     json_is_true(json_object_get(session, "mptcp")) ? "yes" : "no");
	links_cell(json_object_get(session, "links"), row[9]);
}

void show_sessions(const json_t *result, FILE *out)
{
	static const char *const headers[] = { "SESSION", "STATE", "WAY", "SOURCE", "DESTINATION", ">AGE", ">UP",
					       ">DOWN", "MULTIPATH", "LINKS" };

	show_rows(json_object_get(result, "sessions"), headers, ARRAY_SIZE(headers), session_row, out);
}

static void subflow_row(const json_t *subflow, char (*row)[TABLE_CELL_BYTES])
{
	/* of a leg, which has its own */
	const char *congestion = json_string_value(json_object_get(subflow, "congestion"));
	const char *error = text_of(subflow, "last_error");

	cell(row[0], "%s", text_of(subflow, "link"));
	cell(row[1], "%s", text_of(subflow, "state"));
	cell(row[2], "%s", text_of(subflow, "local"));
	cell(row[3], "%s", text_of(subflow, "remote"));
	cell(row[4], "%.1f ms", number_of(subflow, "rtt_ms"));
	table_bytes(count_of(subflow, "bytes_sent"), row[5]);
	table_bytes(count_of(subflow, "bytes_received"), row[6]);
	table_bytes(count_of(subflow, "retransmitted_bytes"), row[7]);
	cell(row[8], "%s%s%s%s", json_is_true(json_object_get(subflow, "backup")) ? "backup " : "",
	     congestion ? congestion : "", congestion && error[0] ? " " : "", error);
}

void show_why(const json_t *result, FILE *out)
{
	static const char *const headers[] = { "LINK", "STATE", "LOCAL", "REMOTE", ">RTT", ">SENT", ">RECEIVED",
					       ">SENT AGAIN", "NOTES" };

	fprintf(out, "%s: %s to %s, %s\n%s\n", text_of(result, "id"), text_of(result, "source"),
		text_of(result, "destination"), text_of(result, "state"), text_of(result, "verdict"));
	if (json_object_get(result, "seen_as"))
		fprintf(out, "the destination sees %s\n", text_of(result, "seen_as"));
	show_rows(json_object_get(result, "subflows"), headers, ARRAY_SIZE(headers), subflow_row, out);
}

/* "1.2 GB", or "1.2 of 5 GB" where there is a limit. */
static void volume_cell(uint64_t n_bytes, uint64_t most_mb, char *out)
{
	char used[TABLE_CELL_BYTES], most[TABLE_CELL_BYTES];

	table_bytes(n_bytes, used);
	table_bytes(most_mb * 1000000, most);
	if (most_mb)
		cell(out, "%.30s of %.30s", used, most);
	else
		cell(out, "%s", used);
}

/* "203.0.113.7, 2001:db8:7::/48"; what the system chooses is left out. */
static void seen_as_cell(const json_t *seen_as, char *out)
{
	const char *v4 = json_string_value(json_object_get(seen_as, "address_v4")),
		   *v6 = json_string_value(json_object_get(seen_as, "prefix"));

	if (!v6)
		v6 = json_string_value(json_object_get(seen_as, "address_v6"));
	if (v4 || v6)
		cell(out, "%s%s%s", v4 ? v4 : "", v4 && v6 ? ", " : "", v6 ? v6 : "");
}

static void subscriber_row(const json_t *subscriber, char (*row)[TABLE_CELL_BYTES])
{
	const json_t *refused = json_object_get(subscriber, "refused"), *limits = json_object_get(subscriber, "limits");

	cell(row[0], "%s%s", text_of(subscriber, "name"),
	     json_is_true(json_object_get(subscriber, "configured")) ? "" : " (not configured)");
	cell(row[1], "%llu of %llu", (unsigned long long)count_of(subscriber, "sessions"),
	     (unsigned long long)count_of(limits, "max_sessions"));
	cell(row[2], "%llu", (unsigned long long)count_of(subscriber, "opened"));
	cell(row[3], "%llu", (unsigned long long)count_of(refused, "max_sessions"));
	cell(row[4], "%llu", (unsigned long long)count_of(refused, "max_new_per_s"));
	cell(row[5], "%llu", (unsigned long long)count_of(refused, "volume"));
	if (count_of(limits, "rate_mbit"))
		cell(row[6], "%llu Mbit/s", (unsigned long long)count_of(limits, "rate_mbit"));
	table_bytes(count_of(subscriber, "up_bytes"), row[7]);
	table_bytes(count_of(subscriber, "down_bytes"), row[8]);
	volume_cell(count_of(subscriber, "day_bytes"), count_of(limits, "volume_mb_per_day"), row[9]);
	volume_cell(count_of(subscriber, "month_bytes"), count_of(limits, "volume_mb_per_month"), row[10]);
	seen_as_cell(json_object_get(subscriber, "seen_as"), row[11]);
}

void show_subscribers(const json_t *result, FILE *out)
{
	static const char *const headers[] = { "SUBSCRIBER", ">SESSIONS", ">OPENED", ">OVER SESSIONS", ">OVER NEW/S",
					       ">OVER VOLUME", ">RATE", ">UP", ">DOWN",
					       ">TODAY", ">THIS MONTH", "SEEN AS" };

	show_rows(json_object_get(result, "subscribers"), headers, ARRAY_SIZE(headers), subscriber_row, out);
}

static void mapping_row(const json_t *mapping, char (*row)[TABLE_CELL_BYTES])
{
	cell(row[0], "%s", text_of(mapping, "external"));
	cell(row[1], "%s", text_of(mapping, "internal"));
	cell(row[2], "%s", text_of(mapping, "subscriber"));
	if (json_is_null(json_object_get(mapping, "left_s")))
		cell(row[3], "for ever");
	else
		cell(row[3], "%llu s", (unsigned long long)count_of(mapping, "left_s"));
	cell(row[4], "%zu", json_array_size(json_object_get(mapping, "filters")));
}

void show_mappings(const json_t *result, FILE *out)
{
	static const char *const headers[] = { "OUTSIDE", "HOST", "SUBSCRIBER", ">LEFT", ">FILTERS" };

	show_rows(json_object_get(result, "mappings"), headers, ARRAY_SIZE(headers), mapping_row, out);
}

static void forward_row(const json_t *forward, char (*row)[TABLE_CELL_BYTES])
{
	bool is_there = !json_is_null(json_object_get(forward, "external"));

	cell(row[0], "%s", text_of(forward, "name"));
	cell(row[1], "%s", text_of(forward, "host"));
	cell(row[2], "%s", is_there ? text_of(forward, "external") : "none yet");
	if (is_there)
		cell(row[3], "%llu s", (unsigned long long)count_of(forward, "left_s"));
	cell(row[4], "%s", text_of(forward, "refused"));
}

void show_forwards(const json_t *result, FILE *out)
{
	static const char *const headers[] = { "FORWARD", "HOST", "OUTSIDE", ">LEFT", "NOTES" };

	show_rows(json_object_get(result, "forwards"), headers, ARRAY_SIZE(headers), forward_row, out);
}

static void counter_row(const json_t *counter, char (*row)[TABLE_CELL_BYTES])
{
	cell(row[0], "%s", text_of(counter, "name"));
	cell(row[1], "%llu", (unsigned long long)count_of(counter, "value"));
	cell(row[2], "%s", text_of(counter, "help"));
}

void show_counters(const json_t *result, FILE *out)
{
	static const char *const headers[] = { "COUNTER", ">VALUE", "WHAT" };

	show_rows(json_object_get(result, "counters"), headers, ARRAY_SIZE(headers), counter_row, out);
}

void show_message(const json_t *result, FILE *out)
{
	fprintf(out, "%s\n", text_of(result, "message"));
}
