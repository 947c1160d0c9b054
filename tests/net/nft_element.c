/* SPDX-License-Identifier: GPL-2.0-or-later */
/* net/nft_element.h in a network namespace of our own, looked at with what nft itself lists. */
#include "../unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <nftables/libnftables.h>
#include <poll.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>
#include "net/nft.h"
#include "net/nft_element.h"

#define LONG_MS 3600000
#define PATIENCE_S 20
#define N_MEASURED 2000

static const struct nft_set alive = { NFPROTO_INET, "t", "alive" }, pairs = { NFPROTO_INET, "t", "pairs" };
static const struct nft_set few = { NFPROTO_INET, "t", "few" }, v6 = { NFPROTO_INET, "t", "v6" };

static void script(const char *text)
{
	_cleanup_(nft_closep) struct nft *nft = NULL;
	char reason[256] = "";

	assert_int_equal(nft_open(&nft), 0);
	if (nft_run(nft, text, reason, sizeof(reason)))
		fail_msg("nft: %s", reason);
}

/* What nft has to say about a set, to be freed. */
static char *listing(const struct nft_set *set)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	char command[64], *text;

	snprintf(command, sizeof(command), "list set inet %s %s", set->table, set->name);
	nft_ctx_buffer_output(nft);
	assert_int_equal(nft_run_cmd_from_buffer(nft, command), 0);
	text = strdup(nft_ctx_get_output_buffer(nft));
	nft_ctx_free(nft);
	return text;
}

static bool listed(const struct nft_set *set, const char *wanted)
{
	_cleanup_(freep) char *text = listing(set);

	return strstr(text, wanted);
}

static void expect_listed(const struct nft_set *set, const char *wanted)
{
	_cleanup_(freep) char *text = listing(set);

	if (!strstr(text, wanted))
		fail_msg("expected '%s' in %s", wanted, text);
}

static void wait_gone(const struct nft_set *set, const char *what)
{
	for (time_t end = time(NULL) + PATIENCE_S; listed(set, what); poll(NULL, 0, 5))
		if (time(NULL) > end)
			fail_msg("%s: '%s' is there still", set->name, what);
}

static struct nft_key tcp_key(void)
{
	struct nft_key key = { .n = 0 };
	uint8_t protocol = IPPROTO_TCP;

	nft_key_add(&key, &protocol, sizeof(protocol));
	return key;
}

static struct nft_key pair_key(const char *ip, uint16_t port)
{
	struct nft_key key = { .n = 0 };
	uint16_t port_be = htons(port);
	uint8_t v4[4];

	inet_pton(AF_INET, ip, v4);
	nft_key_add(&key, v4, sizeof(v4));
	nft_key_add(&key, &port_be, sizeof(port_be));
	return key;
}

static int begin(void **state)
{
	script("table inet t\ndelete table inet t\ntable inet t {\n"
	       "	set alive { type inet_proto; flags timeout; }\n"
	       "	set pairs { type ipv4_addr . inet_service; flags dynamic,timeout; timeout 1h; }\n"
	       "	set few { type inet_service; flags timeout; size 1; }\n"
	       "	set v6 { type ipv6_addr . inet_service . inet_proto; }\n"
	       "}\n");
	return nft_elements_open((struct nft_elements **)state);
}

static int end(void **state)
{
	nft_elements_closep((struct nft_elements **)state);
	return 0;
}

static void a_key_of_one_field_is_its_bytes(void **state)
{
	struct nft_key key = tcp_key();

	unit_expect_bytes("tcp", "06", key.bytes, key.n);
}

static void fields_of_several_are_padded(void **state)
{
	struct nft_key key = pair_key("192.0.2.1", 443), turned = { .n = 0 };

	unit_expect_bytes("pair", "c0000201 01bb0000", key.bytes, key.n);
	nft_key_add(&turned, "\x01\xbb", 2);
	nft_key_add(&turned, "\xc0\x00\x02\x01", 4);
	unit_expect_bytes("turned", "01bb0000 c0000201", turned.bytes, turned.n);
}

static void a_key_that_is_too_long_is_refused(void **state)
{
	struct nft_key key = { .n = 0 }, whole = { .n = 0 };
	uint8_t bytes[NFT_KEY_BYTES + 1] = { 0 };

	nft_key_add(&whole, bytes, NFT_KEY_BYTES);
	assert_int_equal(whole.n, NFT_KEY_BYTES);
	nft_key_add(&key, bytes, sizeof(bytes));
	assert_int_equal(nft_element_renew(*state, &alive, &key, 0), -EINVAL);
	nft_key_add(&key, bytes, 1);   /* doesn't make it better */
	assert_int_equal(nft_element_renew(*state, &alive, &key, 0), -EINVAL);
}

static void an_element_comes_and_goes(void **state)
{
	struct nft_key key = tcp_key();

	assert_int_equal(nft_element_renew(*state, &alive, &key, LONG_MS), 0);
	expect_listed(&alive, "tcp timeout 1h");
	assert_int_equal(nft_element_delete(*state, &alive, &key), 0);
	assert_false(listed(&alive, "tcp"));
	assert_int_equal(nft_element_delete(*state, &alive, &key), NFT_E_MISSING);
}

static void an_element_ends_by_itself(void **state)
{
	struct nft_key key = tcp_key();

	assert_int_equal(nft_element_renew(*state, &alive, &key, 30), 0);
	wait_gone(&alive, "tcp");
}

/* What is left of an hour, as nft writes it: "1h", "59m59s996ms". */
static unsigned int left_ms(const struct nft_set *set)
{
	_cleanup_(freep) char *text = listing(set);
	const char *at = strstr(text, "expires ");
	unsigned int number, sum = 0;
	int n;

	assert_non_null(at);
	at += strlen("expires ");
	for (; sscanf(at, "%u%n", &number, &n) == 1; at += n + strspn(at + n, "hms"))
		sum += number * (at[n] == 'h' ? 3600000 : at[n] == 's' ? 1000 : at[n + 1] == 's' ? 1 : 60000);
	return sum;
}

/* With the same time and with another. */
static void renewing_begins_the_time_anew(void **state)
{
	struct nft_key key = tcp_key();
	time_t end = time(NULL) + PATIENCE_S;
	unsigned int before;

	do {   /* more than once where this machine was asleep between renewing and looking */
		assert_int_equal(nft_element_renew(*state, &alive, &key, LONG_MS), 0);
		while ((before = left_ms(&alive)) > LONG_MS - 100)
			poll(NULL, 0, 5);
		assert_int_equal(nft_element_renew(*state, &alive, &key, LONG_MS), 0);
	} while (left_ms(&alive) <= before && time(NULL) < end);
	assert_true(time(NULL) < end);
	assert_int_equal(nft_element_renew(*state, &alive, &key, LONG_MS / 2), 0);
	expect_listed(&alive, "tcp timeout 30m");
	assert_true(left_ms(&alive) <= LONG_MS / 2);
}

static void concatenated_keys(void **state)
{
	struct nft_key one = pair_key("192.0.2.1", 443), other = pair_key("192.0.2.1", 80), longest = { .n = 0 };
	uint8_t ip[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 7 };

	assert_int_equal(nft_element_renew(*state, &pairs, &one, 0), 0);
	assert_int_equal(nft_element_renew(*state, &pairs, &other, LONG_MS / 2), 0);
	expect_listed(&pairs, "192.0.2.1 . 443 expires ");
	expect_listed(&pairs, "192.0.2.1 . 80 timeout 30m");
	assert_int_equal(nft_element_delete(*state, &pairs, &one), 0);
	assert_false(listed(&pairs, "443"));
	expect_listed(&pairs, "192.0.2.1 . 80");
	nft_key_add(&longest, ip, sizeof(ip));
	nft_key_add(&longest, "\x01\xbb", 2);
	nft_key_add(&longest, "\x06", 1);
	assert_int_equal(nft_element_renew(*state, &v6, &longest, 0), 0);
	expect_listed(&v6, "2001:db8::7 . 443 . tcp");
}

static void what_nft_has_put_there_is_found(void **state)
{
	struct nft_key key = pair_key("198.51.100.7", 8080);

	script("add element inet t pairs { 198.51.100.7 . 8080 }\n");
	assert_int_equal(nft_element_delete(*state, &pairs, &key), 0);
	assert_false(listed(&pairs, "198.51.100.7"));
}

static void what_is_there_is_found_and_stays(void **state)
{
	const struct nft_set no_set = { NFPROTO_INET, "t", "nothing" };
	struct nft_key one = pair_key("192.0.2.1", 443), other = pair_key("192.0.2.1", 80),
		       too_long = { .n = SIZE_MAX / 2 };

	assert_int_equal(nft_element_find(*state, &pairs, &one), NFT_E_MISSING);
	script("add element inet t pairs { 192.0.2.1 . 443 }\n");
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(nft_element_find(*state, &pairs, &one), 0);
		assert_int_equal(nft_element_find(*state, &pairs, &other), NFT_E_MISSING);
	}
	assert_int_equal(nft_element_find(*state, &no_set, &one), NFT_E_MISSING);
	assert_int_equal(nft_element_find(*state, &pairs, &too_long), -EINVAL);
	assert_int_equal(nft_element_delete(*state, &pairs, &one), 0);   /* the answers are understood as before */
	assert_int_equal(nft_element_find(*state, &pairs, &one), NFT_E_MISSING);
}

static void a_missing_set_or_table_is_told(void **state)
{
	const struct nft_set no_table = { NFPROTO_INET, "nowhere", "alive" }, no_set = { NFPROTO_INET, "t", "nothing" };
	struct nft_key key = tcp_key();

	assert_int_equal(nft_element_renew(*state, &no_table, &key, LONG_MS), NFT_E_MISSING);
	assert_int_equal(nft_element_renew(*state, &no_set, &key, LONG_MS), NFT_E_MISSING);
	assert_int_equal(nft_element_delete(*state, &no_table, &key), NFT_E_MISSING);
	assert_int_equal(nft_element_renew(*state, &alive, &key, LONG_MS), 0);   /* nothing is left of the refusals */
}

static void refusals_are_errors(void **state)
{
	struct nft_key tcp = tcp_key(), one = { .n = 0 }, other = { .n = 0 };
	char name[NFT_KEY_BYTES * 5] = "";
	struct nft_set odd = { NFPROTO_INET, "t", name };

	assert_int_equal(nft_element_renew(*state, &pairs, &tcp, 0), -EINVAL);   /* a key of another length */
	memset(name, 'n', 255);
	assert_int_equal(nft_element_renew(*state, &odd, &tcp, 0), NFT_E_MISSING);
	memset(name, 'n', 256);
	assert_int_equal(nft_element_renew(*state, &odd, &tcp, 0), -EINVAL);
	odd = (struct nft_set){ NFPROTO_INET, name, "alive" };
	assert_int_equal(nft_element_renew(*state, &odd, &tcp, 0), -EINVAL);
	nft_key_add(&one, "\x00\x50", 2);
	nft_key_add(&other, "\x00\x51", 2);
	assert_int_equal(nft_element_renew(*state, &few, &one, 0), 0);
	assert_int_equal(nft_element_renew(*state, &few, &other, 0), -ENFILE);
	assert_int_equal(nft_element_renew(*state, &few, &one, LONG_MS), 0);   /* needs no place beside itself */
}

/* Not judged, for a machine may be busy; the figure is in doc/measurements.md. */
static void what_a_renewal_costs(void **state)
{
	struct timespec from, to;
	struct nft_key key = tcp_key();

	clock_gettime(CLOCK_MONOTONIC, &from);
	for (size_t i = 0; i < N_MEASURED; i++)
		assert_int_equal(nft_element_renew(*state, &alive, &key, LONG_MS), 0);
	clock_gettime(CLOCK_MONOTONIC, &to);
	print_message("%.1f us a renewal\n",
		      ((double)(to.tv_sec - from.tv_sec) * 1e6 +
		       (double)(to.tv_nsec - from.tv_nsec) / 1e3) / N_MEASURED);
	expect_listed(&alive, "tcp");
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		exit(99);
	close(fd);
}

/* Root of namespaces of our own. */
static void become_root(void)
{
	char users[32];

	snprintf(users, sizeof(users), "0 %u 1", geteuid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET)) {
		fprintf(stderr, "no namespaces: %s\n", strerror(errno));
		exit(99);   /* meson takes it for an error of the test itself */
	}
	write_file("/proc/self/uid_map", users);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_of_one_field_is_its_bytes),
		cmocka_unit_test(fields_of_several_are_padded),
		cmocka_unit_test_setup_teardown(a_key_that_is_too_long_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(an_element_comes_and_goes, begin, end),
		cmocka_unit_test_setup_teardown(an_element_ends_by_itself, begin, end),
		cmocka_unit_test_setup_teardown(renewing_begins_the_time_anew, begin, end),
		cmocka_unit_test_setup_teardown(concatenated_keys, begin, end),
		cmocka_unit_test_setup_teardown(what_nft_has_put_there_is_found, begin, end),
		cmocka_unit_test_setup_teardown(what_is_there_is_found_and_stays, begin, end),
		cmocka_unit_test_setup_teardown(a_missing_set_or_table_is_told, begin, end),
		cmocka_unit_test_setup_teardown(refusals_are_errors, begin, end),
		cmocka_unit_test_setup_teardown(what_a_renewal_costs, begin, end),
	};

	become_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
