/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "role/mappings/mapping_store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/cursor.h"
#include "base/util.h"
#include "conf/conf.h"
#include "role/warning.h"

#define PATH_BYTES 160                    /* state_dir is shorter */
#define REASON_BYTES 160
#define APPLICATION_ID 1114793040         /* "BrdP", of all SQLite files */
#define FORMAT 1
#define LOCKED_MS 1000                    /* at the start, for whoever looks at the file to be done with it: one that
					   * we follow may be about to end */
#define TEXT_OF(number) TEXT_OF_IT(number)
#define TEXT_OF_IT(number) #number
#define FILTER_BYTES 19                   /* address, length of the prefix, port */

static_assert(sizeof(((struct mapping_record *)0)->subscriber) == CONF_NAME_BYTES, "a subscriber's name");

enum { E_FOREIGN = 1, E_LOCKED };         /* the file isn't ours, or broken; somebody else has it open */

struct mapping_store {
	struct warning_sink sink;
	char path[PATH_BYTES];
	sqlite3 *db;                      /* NULL: nothing is kept */
	sqlite3_stmt *put, *remove;
	bool locked;                      /* it was somebody else's at the start: opened as soon as it isn't */
	bool behind;                      /* the file isn't what it was told to be; that was said */
	bool open, spoiled, anew;         /* between begin and end; something failed there; all that there was goes */
};

/* WAL: what was written survives our own death at once, a power failure after the next checkpoint; and nobody waits
 * for a disk in between. */
static const char pragmas[] = "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;";
static const char schema[] =
	"CREATE TABLE mapping (external TEXT PRIMARY KEY, subscriber TEXT NOT NULL, protocol INTEGER NOT NULL, "
	"internal TEXT NOT NULL, nonce BLOB NOT NULL, ends_s INTEGER NOT NULL, filters BLOB NOT NULL);CREATE TABLE "
	"epoch (only INTEGER PRIMARY KEY CHECK (only = 1), began_s INTEGER NOT NULL);PRAGMA "
	"application_id=" TEXT_OF(APPLICATION_ID) "; PRAGMA user_version=" TEXT_OF(FORMAT) ";";
static const char put_sql[] =
	"INSERT OR REPLACE INTO mapping (external, subscriber, protocol, internal, nonce, ends_s, filters) VALUES (?, "
	"?, ?, ?, ?, ?, ?)";
static const char remove_sql[] = "DELETE FROM mapping WHERE external = ?";

static void close_db(struct mapping_store *store)
{
	sqlite3_finalize(store->put);
	sqlite3_finalize(store->remove);
	store->put = store->remove = NULL;
	sqlite3_close(store->db);
	store->db = NULL;
}

/* -1 where there is none. */
static int64_t ask_number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement = NULL;
	int64_t value = -1;

	if (!sqlite3_prepare_v2(db, sql, -1, &statement, NULL) && sqlite3_step(statement) == SQLITE_ROW)
		value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return value;
}

static bool is_whole(sqlite3 *db)
{
	sqlite3_stmt *statement = NULL;
	bool whole = false;

	if (!sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &statement, NULL) &&
	    sqlite3_step(statement) == SQLITE_ROW) {
		const unsigned char *text = sqlite3_column_text(statement, 0);

		whole = text && !strcmp((const char *)text, "ok");
	}
	sqlite3_finalize(statement);
	return whole;
}

/* What SQLite says of a file that is none of its own, or broken; all else is no fault of the file. */
static int result_of(int r)
{
	switch (r) {
	case SQLITE_OK:
		return 0;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return E_FOREIGN;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return E_LOCKED;
	default:
		return r == SQLITE_NOMEM ? -ENOMEM : -EIO;
	}
}

/* 0, E_*, -EIO or -ENOMEM, each with the reason. */
static int look_over(struct mapping_store *store, char reason[REASON_BYTES])
{
	int64_t id, format, n_tables;
	int r = sqlite3_exec(store->db, pragmas, NULL, NULL, NULL);

	if (r) {
		snprintf(reason, REASON_BYTES, "%s", sqlite3_errmsg(store->db));
		return result_of(r);
	}
	id = ask_number(store->db, "PRAGMA application_id");
	format = ask_number(store->db, "PRAGMA user_version");
	n_tables = ask_number(store->db, "SELECT count(*) FROM sqlite_master");
	snprintf(reason, REASON_BYTES, "%s", sqlite3_errmsg(store->db));
	if (id < 0 || format < 0 || n_tables < 0)
		return result_of(sqlite3_errcode(store->db) ? sqlite3_errcode(store->db) : SQLITE_CORRUPT);
	if (!id && !format && !n_tables)
		return result_of(sqlite3_exec(store->db, schema, NULL, NULL, NULL));
	snprintf(reason, REASON_BYTES, "it is no file of mappings");
	if (id != APPLICATION_ID)
		return E_FOREIGN;
	snprintf(reason, REASON_BYTES, "found format %lld, wanted %d", (long long)format, FORMAT);
	if (format != FORMAT)
		return E_FOREIGN;
	snprintf(reason, REASON_BYTES, "it is broken");
	return is_whole(store->db) ? 0 : E_FOREIGN;
}

/* Who is reached from outside, and by whom, is nobody's business: SQLite gives what it puts beside it the same mode. */
static void make_private(const char *path)
{
	_cleanup_(fd_closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);

	if (fd >= 0)
		fchmod(fd, S_IRUSR | S_IWUSR);   /* one that we or an older version have made otherwise */
}

static int open_db(struct mapping_store *store, int patience_ms, char reason[REASON_BYTES])
{
	int r;

	make_private(store->path);
	r = sqlite3_open_v2(store->path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
			    NULL);
	if (store->db)
		sqlite3_busy_timeout(store->db, patience_ms);
	snprintf(reason, REASON_BYTES, "%s", store->db ? sqlite3_errmsg(store->db) : "out of memory");
	if (!r)
		r = look_over(store, reason);
	else
		r = result_of(r);
	if (!r && (sqlite3_prepare_v2(store->db, put_sql, -1, &store->put, NULL) ||
		   sqlite3_prepare_v2(store->db, remove_sql, -1, &store->remove, NULL))) {
		snprintf(reason, REASON_BYTES, "%s", sqlite3_errmsg(store->db));   /* its tables are others */
		r = E_FOREIGN;
	}
	return r;
}

static bool get_address(sqlite3_stmt *row, int column, struct address *out)
{
	const unsigned char *text = sqlite3_column_text(row, column);

	return text && !address_parse(out, (const char *)text, 0) && out->port;
}

static bool get_filters(sqlite3_stmt *row, int column, struct mapping *out)
{
	int n_bytes = sqlite3_column_bytes(row, column);
	struct cursor c = cursor_of(sqlite3_column_blob(row, column), (size_t)n_bytes);

	if (n_bytes % FILTER_BYTES || n_bytes > MAPPINGS_FILTERS * FILTER_BYTES)
		return false;
	for (out->n_filters = 0; c.n_left; out->n_filters++) {
		struct mapping_filter *filter = &out->filters[out->n_filters];

		cursor_get_bytes(&c, filter->from.ip, sizeof(filter->from.ip));
		filter->from.n_bits = cursor_get_u8(&c);
		filter->port = cursor_get_u16be(&c);
		if (filter->from.n_bits > 128)
			return false;
	}
	return true;
}

static bool get_record(sqlite3_stmt *row, struct mapping_record *out)
{
	const unsigned char *name = sqlite3_column_text(row, 1);
	int64_t protocol = sqlite3_column_int64(row, 2), ends_s = sqlite3_column_int64(row, 5);

	*out = (struct mapping_record){ .mapping.protocol = (uint8_t)protocol, .mapping.ends_at_s = (uint64_t)ends_s };
	if (!name || strlen((const char *)name) >= sizeof(out->subscriber) || protocol < 1 || protocol > UINT8_MAX ||
	    ends_s < 0 || sqlite3_column_bytes(row, 4) != MAPPINGS_NONCE_BYTES)
		return false;
	strcpy(out->subscriber, (const char *)name);
	memcpy(out->mapping.nonce, sqlite3_column_blob(row, 4), MAPPINGS_NONCE_BYTES);
	return get_address(row, 0, &out->mapping.external) && get_address(row, 3, &out->mapping.internal) &&
	       get_filters(row, 6, &out->mapping);
}

static int add_record(struct mapping_past *past, const struct mapping_record *record)
{
	struct mapping_record *more = past->records;

	if (!(past->n & (past->n - 1)))   /* full: it has room for the next power of two */
		more = reallocarray(past->records, past->n ? 2 * past->n : 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	past->records = more;
	more[past->n++] = *record;
	return 0;
}

static int read_db(struct mapping_store *store, struct mapping_past *past, char reason[REASON_BYTES])
{
	sqlite3_stmt *rows = NULL;
	struct mapping_record record;
	int64_t began_s = ask_number(store->db, "SELECT began_s FROM epoch");
	int r, step = SQLITE_DONE;

	r = sqlite3_prepare_v2(store->db,
			       "SELECT external, subscriber, protocol, internal, nonce, ends_s, filters FROM mapping",
			       -1, &rows, NULL);
	while (!r && (step = sqlite3_step(rows)) == SQLITE_ROW)
		r = get_record(rows, &record) ? add_record(past, &record) : SQLITE_CORRUPT;
	snprintf(reason, REASON_BYTES, "%s",
		 r == SQLITE_CORRUPT ? "a row is none that we write" : sqlite3_errmsg(store->db));
	sqlite3_finalize(rows);
	past->began_s = began_s > 0 ? (uint64_t)began_s : 0;
	return r < 0 ? r : r || step != SQLITE_DONE ? E_FOREIGN : 0;
}

static void forget(struct mapping_past *past)
{
	free(past->records);
	*past = (struct mapping_past){ 0 };
}

/* What belongs to it goes with it: a log of changes is not to be played into another file. */
static void put_aside(struct mapping_store *store, const char *reason)
{
	static const char *const tails[] = { "", "-wal", "-journal", "-shm" };
	char from[PATH_BYTES + 16], to[PATH_BYTES + 16];

	warning_say(&store->sink, "cannot use %s: %s; hosts' mappings begin anew, and the file is kept as %s.bad",
		    store->path, reason, store->path);
	for (size_t i = 0; i < ARRAY_SIZE(tails); i++) {
		snprintf(from, sizeof(from), "%s%s", store->path, tails[i]);
		snprintf(to, sizeof(to), "%s.bad%s", store->path, tails[i]);
		if (rename(from, to) && errno == ENOENT)
			unlink(to);   /* of one that was put aside before */
	}
}

/* 0 or what is wrong: then nothing is open. */
static int take_up(struct mapping_store *store, struct mapping_past *past, char reason[REASON_BYTES])
{
	int r = open_db(store, LOCKED_MS, reason);

	if (!r)
		r = read_db(store, past, reason);
	if (r) {
		close_db(store);
		forget(past);
	}
	return r;
}

int mapping_store_new(const struct mapping_store_options *options, struct mapping_past *past,
		      struct mapping_store **out)
{
	struct mapping_store *store = calloc(1, sizeof(*store));
	char reason[REASON_BYTES] = "";
	int r;

	*past = (struct mapping_past){ 0 };
	if (!store)
		return -ENOMEM;
	store->sink = (struct warning_sink){ options->on_warning, options->context };
	snprintf(store->path, sizeof(store->path), "%s/mappings.sqlite", options->state_dir);
	r = take_up(store, past, reason);
	if (r == E_FOREIGN) {
		put_aside(store, reason);
		r = take_up(store, past, reason);
	}
	store->locked = store->behind = r == E_LOCKED;
	if (store->locked)
		warning_say(&store->sink,
			    "cannot use %s: %s; hosts' mappings begin anew, and are kept there as soon as whoever has "
			    "it is done", store->path, reason);
	else if (r)
		warning_say(&store->sink, "cannot use %s: %s; hosts' mappings are lost with a restart", store->path,
			    reason);
	*out = store;
	return 0;
}

void mapping_store_freep(struct mapping_store **store)
{
	if (*store)
		close_db(*store);
	free(*store);
	*store = NULL;
}

static void note(struct mapping_store *store, int r)
{
	if (r == SQLITE_OK || r == SQLITE_DONE || r == SQLITE_ROW)
		return;
	if (!store->behind)
		warning_say(&store->sink,
			    "cannot write %s: %s; it is tried again, and after a restart until then hosts' mappings "
			    "are those that were written last", store->path,
		     sqlite3_errmsg(store->db));
	store->behind = true;
	store->spoiled = store->open;
}

/* What follows a failure is left out: SQLite may have ended the transaction, and it would be done for itself. */
static void run(struct mapping_store *store, sqlite3_stmt *statement)
{
	if (!store->spoiled)
		note(store, sqlite3_step(statement));
	sqlite3_reset(statement);
}

void mapping_store_put(struct mapping_store *store, const struct mapping_record *record)
{
	const struct mapping *m = &record->mapping;
	char external[ADDRESS_TEXT_BYTES], internal[ADDRESS_TEXT_BYTES];
	uint8_t filters[MAPPINGS_FILTERS * FILTER_BYTES];
	struct cursor_out out = cursor_into(filters, sizeof(filters));

	if (!store->db)
		return;
	for (size_t i = 0; i < m->n_filters; i++) {
		cursor_put_bytes(&out, m->filters[i].from.ip, sizeof(m->filters[i].from.ip));
		cursor_put_u8(&out, m->filters[i].from.n_bits);
		cursor_put_u16be(&out, m->filters[i].port);
	}
	sqlite3_bind_text(store->put, 1, address_format(&m->external, external), -1, SQLITE_STATIC);
	sqlite3_bind_text(store->put, 2, record->subscriber, -1, SQLITE_STATIC);
	sqlite3_bind_int(store->put, 3, m->protocol);
	sqlite3_bind_text(store->put, 4, address_format(&m->internal, internal), -1, SQLITE_STATIC);
	sqlite3_bind_blob(store->put, 5, m->nonce, sizeof(m->nonce), SQLITE_STATIC);
	sqlite3_bind_int64(store->put, 6, (int64_t)m->ends_at_s);
	sqlite3_bind_blob(store->put, 7, filters, (int)out.n_written, SQLITE_STATIC);
	run(store, store->put);
}

void mapping_store_remove(struct mapping_store *store, const struct address *external)
{
	char text[ADDRESS_TEXT_BYTES];

	if (!store->db)
		return;
	sqlite3_bind_text(store->remove, 1, address_format(external, text), -1, SQLITE_STATIC);
	run(store, store->remove);
}

static void run_text(struct mapping_store *store, const char *sql)
{
	if (store->db && !store->spoiled)
		note(store, sqlite3_exec(store->db, sql, NULL, NULL, NULL));
}

void mapping_store_begin_epoch(struct mapping_store *store, uint64_t began_s)
{
	char sql[96];

	snprintf(sql, sizeof(sql), "INSERT OR REPLACE INTO epoch (only, began_s) VALUES (1, %llu)",
		 (unsigned long long)began_s);
	run_text(store, sql);
}

/* What is in it by now is nothing to us: all is written anew. */
static void try_locked(struct mapping_store *store)
{
	char reason[REASON_BYTES];
	int r = open_db(store, 0, reason);

	store->locked = r == E_LOCKED;
	if (!r)
		return;
	close_db(store);
	if (!store->locked)
		warning_say(&store->sink, "cannot use %s: %s; hosts' mappings are lost with a restart", store->path,
			    reason);
}

void mapping_store_begin(struct mapping_store *store)
{
	if (store->locked)
		try_locked(store);
	store->open = true;
	store->spoiled = store->anew = false;
	run_text(store, "BEGIN");
}

void mapping_store_clear(struct mapping_store *store)
{
	store->anew = true;
	run_text(store, "DELETE FROM mapping");
}

void mapping_store_end(struct mapping_store *store)
{
	run_text(store, "COMMIT");
	if (store->spoiled && !sqlite3_get_autocommit(store->db))
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);   /* else it would go on, and all that follows
									  * would be lost with us */
	if (store->anew && !store->spoiled && !store->locked)
		store->behind = false;
	store->open = store->spoiled = store->anew = false;
}

bool mapping_store_is_behind(const struct mapping_store *store)
{
	return store->behind;
}
