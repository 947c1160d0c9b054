/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file of mappings: what is in it is there again, and what isn't ours stops nobody. */
#include "unit_address.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "role/mappings/mapping_store.h"

struct place {
	char folder[64], path[96], bad[104];
	unsigned int n_warnings;
	char warning[400];
};

static void on_warning(void *context, const char *text)
{
	struct place *place = context;

	place->n_warnings++;
	snprintf(place->warning, sizeof(place->warning), "%s", text);
}

static struct place place_of(void)
{
	struct place place = { .folder = "/tmp/braid-mappings-XXXXXX" };

	assert_non_null(mkdtemp(place.folder));
	snprintf(place.path, sizeof(place.path), "%s/mappings.sqlite", place.folder);
	snprintf(place.bad, sizeof(place.bad), "%s.bad", place.path);
	return place;
}

static void place_leave(struct place *place)
{
	DIR *folder = opendir(place->folder);
	struct dirent *entry;
	char path[400];

	while (folder && (entry = readdir(folder))) {
		snprintf(path, sizeof(path), "%s/%s", place->folder, entry->d_name);
		unlink(path);
	}
	closedir(folder);
	rmdir(place->folder);
}

static struct mapping_store *open_store(struct place *place, struct mapping_past *past)
{
	struct mapping_store_options options = { .state_dir = place->folder, .on_warning = on_warning,
						 .context = place };
	struct mapping_store *store;

	assert_int_equal(mapping_store_new(&options, past, &store), 0);
	return store;
}

static struct mapping_record record_of(const char *external)
{
	struct mapping_record record = {
		.subscriber = "alice",
		.mapping = { .protocol = 6, .internal = unit_address("10.0.0.7:80"), .external = unit_address(external),
			     .nonce = "nonce", .ends_at_s = 123456789012,
			     .n_filters = 2, .filters = { { .from = unit_prefix("192.0.2.0/24"), .port = 7 },
							  { .from = unit_prefix("2001:db8::/32") } } },
	};

	return record;
}

static void what_was_put_is_there_again(void **state)
{
	struct place place = place_of();
	struct mapping_past past;
	struct mapping_store *store = open_store(&place, &past);
	struct mapping_record one = record_of("198.51.100.1:20001"), other = record_of("[2001:db8::1]:20002");
	const struct mapping *m;

	assert_true(!past.n && !past.began_s);
	mapping_store_begin_epoch(store, 1000);
	other.mapping.n_filters = 0;
	for (size_t i = 0; i < 5; i++) {   /* more than once: the last one counts */
		one.mapping.ends_at_s++;
		mapping_store_put(store, &one);
	}
	mapping_store_begin(store);
	mapping_store_put(store, &other);
	mapping_store_end(store);
	mapping_store_freep(&store);
	store = open_store(&place, &past);
	assert_int_equal(past.n, 2);
	assert_true(past.began_s == 1000);
	m = &past.records[0].mapping;
	if (address_is_v4(&past.records[1].mapping.external))
		m = &past.records[1].mapping;
	assert_string_equal(past.records[0].subscriber, "alice");
	unit_expect_address("external", "198.51.100.1:20001", &m->external);
	unit_expect_address("internal", "10.0.0.7:80", &m->internal);
	assert_true(m->ends_at_s == one.mapping.ends_at_s && m->protocol == 6);
	assert_memory_equal(m->nonce, one.mapping.nonce, MAPPINGS_NONCE_BYTES);
	assert_int_equal(m->n_filters, 2);
	assert_memory_equal(&m->filters[0].from, &one.mapping.filters[0].from, sizeof(struct prefix));
	assert_int_equal(m->filters[0].port, 7);
	free(past.records);
	mapping_store_remove(store, &one.mapping.external);
	mapping_store_freep(&store);
	store = open_store(&place, &past);
	assert_int_equal(past.n, 1);
	free(past.records);
	assert_int_equal(place.n_warnings, 0);
	mapping_store_freep(&store);
	place_leave(&place);
}

/* After a copy that is taken while it runs, which is what a kill leaves. */
static void what_a_kill_leaves_is_whole(void **state)
{
	struct place place = place_of(), left = place_of();
	struct mapping_past past;
	struct mapping_store *store = open_store(&place, &past);
	char command[400];

	for (unsigned int i = 0; i < 1000; i++) {
		struct mapping_record record = record_of("198.51.100.1:20000");

		record.mapping.external.port = (uint16_t)(20000 + i);
		mapping_store_put(store, &record);
	}
	snprintf(command, sizeof(command), "cp %s/* %s/", place.folder, left.folder);
	assert_int_equal(system(command), 0);
	mapping_store_freep(&store);
	store = open_store(&left, &past);
	assert_int_equal(past.n, 1000);
	free(past.records);
	mapping_store_freep(&store);
	assert_int_equal(left.n_warnings, 0);
	place_leave(&place);
	place_leave(&left);
}

static void write_file(const char *path, const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
	close(fd);
}

/* The file is aside, the store works, and it is told. */
static void expect_put_aside(struct place *place, const char *why)
{
	struct mapping_past past;
	struct mapping_store *store = open_store(place, &past);
	struct mapping_record record = record_of("198.51.100.1:20001");

	if (place->n_warnings != 1 || !strstr(place->warning, why))
		fail_msg("expected one warning with '%s', saw %u: %s", why, place->n_warnings, place->warning);
	assert_int_equal(access(place->bad, F_OK), 0);
	assert_int_equal(past.n, 0);
	mapping_store_put(store, &record);
	mapping_store_freep(&store);
	store = open_store(place, &past);
	assert_int_equal(past.n, 1);
	free(past.records);
	mapping_store_freep(&store);
	assert_int_equal(place->n_warnings, 1);
	place_leave(place);
}

static void what_is_no_database_is_put_aside(void **state)
{
	static const char text[4096] = "{\"format\": 1}\n";
	struct place place = place_of();

	write_file(place.path, text, sizeof(text));
	expect_put_aside(&place, "not a database");
}

static void run_in(const struct place *place, const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(place->path, &db), 0);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), 0);
	sqlite3_close(db);
}

static void somebody_elses_database_is_put_aside(void **state)
{
	struct place place = place_of();

	run_in(&place, "CREATE TABLE mapping (x)");
	expect_put_aside(&place, "it is no file of mappings");
}

static void ours_with(struct place *place, const char *sql)
{
	struct mapping_past past;
	struct mapping_store *store;
	struct mapping_record record = record_of("198.51.100.1:20001");

	*place = place_of();
	store = open_store(place, &past);
	mapping_store_put(store, &record);
	mapping_store_freep(&store);
	if (sql)
		run_in(place, sql);
}

static void what_another_version_has_written_is_put_aside(void **state)
{
	struct place place;

	ours_with(&place, "PRAGMA user_version=2");
	expect_put_aside(&place, "found format 2, wanted 1");
	ours_with(&place, "DROP TABLE mapping; CREATE TABLE mapping (x)");
	expect_put_aside(&place, "cannot use");
}

static void rows_that_we_do_not_write_are_put_aside(void **state)
{
	static const char *const changes[] = {
		"external = '198.51.100.1'", "external = 'x'", "internal = '10.0.0.7'",
		"subscriber = '0123456789012345678901234567890123456789'", "protocol = 0",
		"protocol = 256", "ends_s = -1", "nonce = x'00'", "nonce = ''", "filters = x'00'",
		"filters = zeroblob(171)", "filters = x'00000000000000000000000000000000ff0000'",
	};

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		char sql[160];
		struct place place;

		snprintf(sql, sizeof(sql), "UPDATE mapping SET %s", changes[i]);
		ours_with(&place, sql);
		expect_put_aside(&place, "a row is none that we write");
	}
}

static void a_broken_one_is_put_aside(void **state)
{
	struct mapping_past past;
	struct mapping_store *store;
	struct place place = place_of();
	static const char junk[2048] = { 0x55 };
	int fd;

	store = open_store(&place, &past);
	for (unsigned int i = 0; i < 1000; i++) {
		struct mapping_record record = record_of("198.51.100.1:20000");

		record.mapping.external.port = (uint16_t)(20000 + i);
		mapping_store_put(store, &record);
	}
	mapping_store_freep(&store);
	fd = open(place.path, O_WRONLY);
	for (off_t at = 4096; at < 65536; at += 4096)
		assert_int_equal(pwrite(fd, junk, sizeof(junk), at), sizeof(junk));
	close(fd);
	expect_put_aside(&place, "cannot use");
}

static void without_a_folder_nothing_is_kept(void **state)
{
	struct place place = { .folder = "/nonexistent" };
	struct mapping_past past;
	struct mapping_store *store = open_store(&place, &past);
	struct mapping_record record = record_of("198.51.100.1:20001");

	assert_int_equal(place.n_warnings, 1);
	assert_non_null(strstr(place.warning, "lost with a restart"));
	mapping_store_begin(store);
	mapping_store_put(store, &record);
	mapping_store_remove(store, &record.mapping.external);
	mapping_store_begin_epoch(store, 1);
	mapping_store_end(store);
	assert_int_equal(place.n_warnings, 1);
	assert_false(mapping_store_is_behind(store));
	mapping_store_freep(&store);
}

/* As on a disk that is full: no file takes a byte more. */
static void set_disk_full(bool full)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = full ? 0 : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void put_one(struct mapping_store *store, const char *external)
{
	struct mapping_record record = record_of(external);

	mapping_store_put(store, &record);
}

/* What is there after a kill: a copy that is taken while it is open. */
static void expect_kept(const struct place *place, const char *external)
{
	struct place left = place_of();
	struct mapping_past past;
	struct mapping_store *store;
	char command[400];

	snprintf(command, sizeof(command), "cp %s/* %s/", place->folder, left.folder);
	assert_int_equal(system(command), 0);
	store = open_store(&left, &past);
	assert_int_equal(left.n_warnings, 0);
	assert_int_equal(past.n, 1);
	unit_expect_address("external", external, &past.records[0].mapping.external);
	free(past.records);
	mapping_store_freep(&store);
	place_leave(&left);
}

static void what_cannot_be_written_leaves_what_there_was(void **state)
{
	struct place place = place_of();
	struct mapping_past past;
	struct mapping_store *store = open_store(&place, &past);
	struct mapping_record one = record_of("198.51.100.1:20001");

	mapping_store_put(store, &one);
	assert_false(mapping_store_is_behind(store));
	for (unsigned int i = 0; i < 3; i++) {
		set_disk_full(true);
		mapping_store_begin(store);
		if (i == 2)
			mapping_store_clear(store);
		else
			mapping_store_remove(store, &one.mapping.external);
		for (unsigned int port = 20002; port < 22002; port++) {   /* so many that they don't wait in memory
									   * for the end */
			one.mapping.external.port = (uint16_t)port;
			mapping_store_put(store, &one);
		}
		one.mapping.external.port = 20001;
		mapping_store_end(store);
		if (!i) {
			mapping_store_put(store, &one);
			mapping_store_remove(store, &one.mapping.external);
		}
		set_disk_full(false);
		assert_true(mapping_store_is_behind(store));
		assert_int_equal(place.n_warnings, 1);
		expect_kept(&place, "198.51.100.1:20001");
	}
	mapping_store_begin(store);
	mapping_store_clear(store);
	put_one(store, "198.51.100.1:20007");
	mapping_store_end(store);
	assert_false(mapping_store_is_behind(store));
	expect_kept(&place, "198.51.100.1:20007");
	set_disk_full(true);
	mapping_store_remove(store, &one.mapping.external);
	put_one(store, "198.51.100.1:20008");
	set_disk_full(false);
	assert_true(mapping_store_is_behind(store));
	assert_int_equal(place.n_warnings, 2);
	expect_kept(&place, "198.51.100.1:20007");
	mapping_store_freep(&store);
	place_leave(&place);
}

static void write_all(struct mapping_store *store, const char *external)
{
	struct mapping_record record = record_of(external);

	mapping_store_begin(store);
	mapping_store_clear(store);
	mapping_store_put(store, &record);
	mapping_store_end(store);
}

static void it_is_its_owners_alone(void **state)
{
	static const char *const tails[] = { "", "-wal" };
	struct place place = place_of();
	struct mapping_past past;
	struct mapping_store *store;
	struct stat seen;
	char path[128];

	write_file(place.path, "", 0);   /* of an older version */
	assert_int_equal(chmod(place.path, 0644), 0);
	store = open_store(&place, &past);
	write_all(store, "198.51.100.1:20001");
	for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
		snprintf(path, sizeof(path), "%s%s", place.path, tails[i]);
		assert_int_equal(stat(path, &seen), 0);
		assert_int_equal(seen.st_mode & 0777, 0600);
	}
	mapping_store_freep(&store);
	place_leave(&place);
}

/* Another daemon's file is not to be taken from it. */
static void one_that_is_in_use_stays(void **state)
{
	struct place place = place_of();
	struct mapping_past past;
	struct mapping_store *one = open_store(&place, &past), *other;
	struct mapping_record record = record_of("198.51.100.1:20001");

	mapping_store_put(one, &record);
	other = open_store(&place, &past);
	assert_int_equal(place.n_warnings, 1);
	assert_non_null(strstr(place.warning, "as soon as whoever has it is done"));
	assert_int_not_equal(access(place.bad, F_OK), 0);
	assert_true(mapping_store_is_behind(other));
	write_all(other, "198.51.100.1:20002");
	assert_true(mapping_store_is_behind(other));
	assert_int_equal(place.n_warnings, 1);
	mapping_store_freep(&one);
	expect_kept(&place, "198.51.100.1:20001");
	write_all(other, "198.51.100.1:20003");
	assert_false(mapping_store_is_behind(other));
	mapping_store_freep(&other);
	expect_kept(&place, "198.51.100.1:20003");
	place_leave(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_there_again),
		cmocka_unit_test(what_a_kill_leaves_is_whole),
		cmocka_unit_test(what_is_no_database_is_put_aside),
		cmocka_unit_test(somebody_elses_database_is_put_aside),
		cmocka_unit_test(what_another_version_has_written_is_put_aside),
		cmocka_unit_test(rows_that_we_do_not_write_are_put_aside),
		cmocka_unit_test(a_broken_one_is_put_aside),
		cmocka_unit_test(without_a_folder_nothing_is_kept),
		cmocka_unit_test(what_cannot_be_written_leaves_what_there_was),
		cmocka_unit_test(it_is_its_owners_alone),
		cmocka_unit_test(one_that_is_in_use_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
