/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The watchdog's beats, with a loop, a clock and a set of ours. */
#include "unit.h"

#include <errno.h>
#include "base/clock.h"
#include "net/nft_element.h"
#include "net/netlink.h"
#include "net/nft_look.h"
#include "path/alive.h"

#define BEAT_US (500 * US_PER_MS)
enum { TCP, UDP, BOTH };

struct loop {
	struct loop_handler handler;
	struct loop_ref timer;
};

static struct loop loop;
static struct alive_times times;
static struct alive *alive;
static enum alive_word word;
static uint64_t clock_us;
static int fails[BOTH];                 /* with which renewals do, of each element */
static int deletion_fails;
static bool there[BOTH];
static bool took_while_deleting;        /* an element was deleted while others were still told that the rules take
					 * SYNs */
static unsigned int n_warned;

uint64_t loop_clock_us(void) { return clock_us; }
uint64_t loop_now_us(const struct loop *of) { return clock_us; }
int loop_watch(struct loop *of, int fd, uint32_t epoll_events, struct loop_ref ref) { return 0; }
void loop_unwatch(struct loop *of, int fd) { }

uint8_t loop_handler_add(struct loop *of, const struct loop_handler *handler)
{
	of->handler = *handler;
	return 1;
}

int loop_timer_at(struct loop *of, uint64_t at_us, struct loop_ref ref)
{
	of->timer = ref;
	return 0;
}

int nft_elements_open(struct nft_elements **out) { return 0; }
void nft_elements_closep(struct nft_elements **elements) { }
int nft_element_find(struct nft_elements *elements, const struct nft_set *set, const struct nft_key *key) { return 0; }

void nft_key_add(struct nft_key *key, const void *field, size_t n_field)
{
	memcpy(key->bytes, field, n_field);
}

static size_t which(const struct nft_key *key)
{
	return key->bytes[0] == 6 ? TCP : UDP;
}

int nft_element_renew(struct nft_elements *elements, const struct nft_set *set, const struct nft_key *key,
		      uint64_t timeout_ms)
{
	there[which(key)] |= !fails[which(key)];
	return fails[which(key)];
}

static bool are_taken(void)
{
	return !alive_passed_since(&times, clock_us, clock_us);
}

int nft_element_delete(struct nft_elements *elements, const struct nft_set *set, const struct nft_key *key)
{
	took_while_deleting |= are_taken();
	if (deletion_fails)
		return deletion_fails;
	there[which(key)] = false;
	return 0;
}

int netlink_open(int family, struct netlink **out) { return 0; }
void netlink_closep(struct netlink **netlink) { }
int netlink_fd(const struct netlink *netlink) { return -1; }
bool netlink_any_matters(struct netlink *netlink, bool (*matters)(const struct nlmsghdr *message)) { return false; }

int nft_table_look(struct netlink *netlink, const struct nft_table *table, uint64_t *picture) { return 0; }
int nft_open_events(struct netlink **out) { return 0; }
bool nft_event_matters(const struct nlmsghdr *message, const struct nft_table *table) { return false; }

static int restore(void *context, char *reason, size_t n_reason)
{
	return 0;
}

static void warn(void *context, const char *text)
{
	n_warned++;
}

static enum alive_word vouch(void *context)
{
	return word;
}

static void beat(enum alive_word next)
{
	word = next;
	clock_us += BEAT_US;
	loop.handler.on_timer(loop.handler.context, loop.timer, clock_us);
}

static int begin(void **state)
{
	const struct alive_options options = { .loop = &loop, .times = &times, .restore = restore, .warn = warn };

	times = (struct alive_times){ 0 };
	clock_us = 3600 * US_PER_S;
	fails[TCP] = fails[UDP] = deletion_fails = 0;
	there[TCP] = there[UDP] = true;
	took_while_deleting = false;
	n_warned = 0;
	if (alive_new(&options, &alive))
		return -1;
	alive_vouch(alive, vouch, NULL);
	alive_begin(alive);
	return 0;
}

static int end(void **state)
{
	alive_freep(&alive);
	return 0;
}

static void they_pass_and_are_taken_again(void **state)
{
	beat(ALIVE_TAKE);
	assert_true(there[TCP] && there[UDP] && are_taken());
	beat(ALIVE_LET_PASS);
	assert_false(there[TCP] || there[UDP] || are_taken());
	for (int i = 0; i < 10; i++)
		beat(ALIVE_LET_PASS);
	beat(ALIVE_TAKE);
	assert_true(there[TCP] && there[UDP]);
	clock_us++;
	assert_true(are_taken());
	assert_true(alive_passed_since(&times, clock_us - 2, clock_us));
	assert_int_equal(n_warned, 0);
}

static void others_know_before_the_first_one_passes(void **state)
{
	beat(ALIVE_TAKE);
	clock_us++;
	beat(ALIVE_LET_PASS);
	assert_false(there[TCP]);
	assert_false(took_while_deleting);
}

static void what_could_not_be_deleted_is_tried_again(void **state)
{
	beat(ALIVE_TAKE);
	deletion_fails = -ENOMEM;
	beat(ALIVE_LET_PASS);
	deletion_fails = 0;
	beat(ALIVE_LET_PASS);
	assert_false(there[TCP] || there[UDP]);
	deletion_fails = -ENOMEM;
	beat(ALIVE_TAKE);
	beat(ALIVE_LET_PASS);
	beat(ALIVE_TAKE);
	assert_int_equal(n_warned, 0);   /* nobody stood still */
}

static void what_is_gone_is_not_deleted_again(void **state)
{
	deletion_fails = NFT_E_MISSING;
	beat(ALIVE_LET_PASS);
	deletion_fails = 0;
	beat(ALIVE_LET_PASS);
	assert_true(there[TCP]);
}

/* The other protocol's element is another matter. */
static void tcp_taken_again_can_be_let_pass_again(void **state)
{
	beat(ALIVE_LET_PASS);
	fails[UDP] = -ENOMEM;
	beat(ALIVE_TAKE);
	assert_true(there[TCP]);
	beat(ALIVE_LET_PASS);
	assert_false(there[TCP]);
}

static void who_takes_tcp_says_so(void **state)
{
	fails[UDP] = -ENOMEM;
	for (int i = 0; i < 10; i++)
		beat(ALIVE_TAKE);
	assert_true(are_taken());
	assert_int_equal(n_warned, 1);   /* that, once */
	fails[UDP] = 0;
	beat(ALIVE_TAKE);
	assert_int_equal(n_warned, 1);   /* nobody stood still */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(they_pass_and_are_taken_again, begin, end),
		cmocka_unit_test_setup_teardown(others_know_before_the_first_one_passes, begin, end),
		cmocka_unit_test_setup_teardown(what_could_not_be_deleted_is_tried_again, begin, end),
		cmocka_unit_test_setup_teardown(what_is_gone_is_not_deleted_again, begin, end),
		cmocka_unit_test_setup_teardown(tcp_taken_again_can_be_let_pass_again, begin, end),
		cmocka_unit_test_setup_teardown(who_takes_tcp_says_so, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
