/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit_address.h"

#include "policy/source_address.h"

#define NAMES 4000
#define NAME_BYTES 16

static struct address of_pool[] = { { .port = 0 }, { .port = 0 }, { .port = 0 }, { .port = 0 }, { .port = 0 } };
static const struct source_pool pool = { of_pool, ARRAY_SIZE(of_pool) };
static const struct source_pool no_pool = { NULL, 0 };

static int set_up(void **state)
{
	static const char *const texts[] = { "203.0.113.1", "2001:db8::1", "203.0.113.2", "203.0.113.3",
					     "2001:db8::2" };

	for (size_t i = 0; i < ARRAY_SIZE(of_pool); i++)
		of_pool[i] = unit_address(texts[i]);
	return 0;
}

static struct source_settings settings_of(enum source_mode mode, const char *address, const char *prefix)
{
	struct source_settings settings = { .mode = mode, .has_address = address, .has_prefix = prefix };

	if (address)
		settings.address = unit_address(address);
	if (prefix)
		settings.prefix = unit_prefix(prefix);
	return settings;
}

/* "" stands for the system's choice, NULL for a refusal. */
static void expect(const struct source_settings *settings, const struct source_pool *from, const char *destination,
		   const char *host, const char *expected, bool transparent)
{
	struct address to = unit_address(destination), own = host ? unit_address(host) : (struct address){ .port = 0 };
	struct source_choice choice = { .transparent = !transparent };
	int r = source_address_choose(settings, "home", from, &to, &own, &choice);

	assert_int_equal(r, expected ? 0 : SOURCE_E_NOT_ITS_OWN);
	if (!expected)
		return;
	if (*expected)
		unit_expect_address(destination, expected, &choice.address);
	else
		assert_true(address_is_unspecified(&choice.address));
	assert_int_equal(choice.transparent, transparent);
}

static const char *shared_by_home(bool v4)
{
	static char text[2][ADDRESS_TEXT_BYTES];

	return address_format(source_address_of_pool(&pool, "home", v4), text[v4]);
}

static void shared_is_of_the_pool(void **state)
{
	struct source_settings settings = settings_of(SOURCE_SHARED, NULL, NULL);
	const struct source_pool v4_alone = { of_pool, 1 };

	expect(&settings, &pool, "192.0.2.9:443", NULL, shared_by_home(true), false);
	expect(&settings, &pool, "[2001:db8:9::9]:443", "2001:db8:7::1", shared_by_home(false), false);
	expect(&settings, &no_pool, "192.0.2.9:443", NULL, "", false);
	expect(&settings, &v4_alone, "192.0.2.9:443", NULL, "203.0.113.1", false);
	expect(&settings, &v4_alone, "[2001:db8:9::9]:443", NULL, "", false);
	expect(NULL, &pool, "192.0.2.9:443", NULL, shared_by_home(true), false);
	expect(NULL, &no_pool, "192.0.2.9:443", NULL, "", false);
}

static void preserve_is_its_own(void **state)
{
	struct source_settings settings = settings_of(SOURCE_PRESERVE, "198.51.100.7", NULL);

	expect(&settings, &pool, "192.0.2.9:443", NULL, "198.51.100.7", true);
	expect(&settings, &pool, "[2001:db8:9::9]:443", "2001:db8:7::1", shared_by_home(false), false);
	expect(&settings, &no_pool, "[2001:db8:9::9]:443", NULL, "", false);
}

static void prefix_is_the_hosts(void **state)
{
	struct source_settings settings = settings_of(SOURCE_PREFIX, NULL, "2001:db8:7::/48");

	expect(&settings, &pool, "[2001:db8:9::9]:443", "[2001:db8:7:8::1]:55", "2001:db8:7:8::1", true);
	expect(&settings, &pool, "[2001:db8:9::9]:443", "2001:db8:8::1", NULL, false);
	expect(&settings, &pool, "[2001:db8:9::9]:443", "198.51.100.7", NULL, false);
	expect(&settings, &pool, "[2001:db8:9::9]:443", NULL, NULL, false);
	expect(&settings, &pool, "192.0.2.9:443", "2001:db8:7:8::1", shared_by_home(true), false);
	settings = settings_of(SOURCE_PREFIX, "198.51.100.7", "2001:db8:7::/48");
	expect(&settings, &pool, "192.0.2.9:443", NULL, "198.51.100.7", true);
	expect(&settings, &pool, "[2001:db8:9::9]:443", "2001:db8:7::1", "2001:db8:7::1", true);
}

static const char *name_of(unsigned int i, char name[NAME_BYTES])
{
	snprintf(name, NAME_BYTES, "s%u", i);
	return name;
}

static bool same_v4(const struct source_pool *one, const struct source_pool *other, const char *name)
{
	return address_equal_ip(source_address_of_pool(one, name, true), source_address_of_pool(other, name, true));
}

/* The order of the pool says nothing; an address that leaves moves those alone that had it. */
static void a_changed_pool_moves_few(void **state)
{
	struct address turned[ARRAY_SIZE(of_pool)], less[ARRAY_SIZE(of_pool) - 1];
	struct source_pool backward = { turned, ARRAY_SIZE(turned) }, without_last = { less, ARRAY_SIZE(less) };
	struct address gone = of_pool[3];
	char name[NAME_BYTES];

	for (size_t i = 0; i < ARRAY_SIZE(turned); i++)
		turned[i] = of_pool[ARRAY_SIZE(turned) - 1 - i];
	for (size_t i = 0; i < ARRAY_SIZE(less); i++)
		less[i] = of_pool[i < 3 ? i : i + 1];
	for (unsigned int i = 0; i < NAMES; i++) {
		const char *of = name_of(i, name);
		bool had_it = address_equal_ip(source_address_of_pool(&pool, of, true), &gone);

		assert_true(same_v4(&pool, &backward, of));
		assert_int_equal(same_v4(&pool, &without_last, of), !had_it);
	}
}

/* A third each is 1333; with no bias one is 1333 +- 30. */
static void subscribers_are_spread(void **state)
{
	size_t n[ARRAY_SIZE(of_pool)] = { 0 };
	char name[NAME_BYTES];

	for (unsigned int i = 0; i < NAMES; i++)
		n[source_address_of_pool(&pool, name_of(i, name), true) - of_pool]++;
	assert_true(!n[1] && !n[4]);
	for (size_t i = 0; i < ARRAY_SIZE(n); i++)
		if (address_is_v4(&of_pool[i]))
			assert_in_range(n[i], 1133, 1533);
}

static void what_can_be_a_source(void **state)
{
	static const struct { const char *text; bool usable; } addresses[] = {
		{ "0.0.0.0", false }, { "0.255.255.255", false }, { "1.0.0.0", true }, { "10.0.0.1", true },
		{ "100.64.0.1", true }, { "126.255.255.255", true }, { "127.0.0.1", false },
		{ "169.253.255.255", true }, { "169.254.0.1", false }, { "192.168.0.1", true }, { "203.0.113.7", true },
		{ "223.255.255.255", true }, { "224.0.0.1", false }, { "239.255.255.255", false },
		{ "240.0.0.1", false }, { "255.255.255.255", false }, { "::", false }, { "::1", false },
		{ "64:ff9b::1", false }, { "2001:db8::1", true }, { "fd00::1", true }, { "fe7f::1", true },
		{ "fe80::1", false }, { "febf::1", false }, { "ff02::1", false },
	};
	static const struct { const char *text; bool usable; } prefixes[] = {
		{ "2001:db8:7::/48", true }, { "fd00::/8", true }, { "::/0", false }, { "f000::/4", false },
		{ "fe80::/64", false }, { "ff00::/8", false }, { "fe00::/7", false }, { "2000::/3", true },
		{ "::ffff:0:0/96", false }, { "2001:db8::1/128", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		struct address a = unit_address(addresses[i].text);

		if (source_address_is_usable(&a) != addresses[i].usable)
			fail_msg("%s: expected %d", addresses[i].text, addresses[i].usable);
	}
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		struct prefix p = unit_prefix(prefixes[i].text);

		if (source_prefix_is_usable(&p) != prefixes[i].usable)
			fail_msg("%s: expected %d", prefixes[i].text, prefixes[i].usable);
	}
}

static void prefixes_hold_each_other_or_do_not_meet(void **state)
{
	static const struct { const char *a, *b; bool overlap; } cases[] = {
		{ "2001:db8::/32", "2001:db8:7::/48", true }, { "2001:db8:7::/48", "2001:db8:7::/48", true },
		{ "2001:db8:7::/48", "2001:db8:8::/48", false }, { "2001:db8:6::/47", "2001:db8:7::/48", true },
		{ "2001:db8::1/128", "2001:db8::2/128", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct prefix a = unit_prefix(cases[i].a), b = unit_prefix(cases[i].b);

		assert_int_equal(source_prefixes_overlap(&a, &b), cases[i].overlap);
		assert_int_equal(source_prefixes_overlap(&b, &a), cases[i].overlap);
	}
}

static void modes_have_names(void **state)
{
	assert_string_equal(source_mode_name(SOURCE_SHARED), "shared");
	assert_string_equal(source_mode_name(SOURCE_PRESERVE), "preserve");
	assert_string_equal(source_mode_name(SOURCE_PREFIX), "prefix");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shared_is_of_the_pool),
		cmocka_unit_test(preserve_is_its_own),
		cmocka_unit_test(prefix_is_the_hosts),
		cmocka_unit_test(a_changed_pool_moves_few),
		cmocka_unit_test(subscribers_are_spread),
		cmocka_unit_test(what_can_be_a_source),
		cmocka_unit_test(prefixes_hold_each_other_or_do_not_meet),
		cmocka_unit_test(modes_have_names),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
