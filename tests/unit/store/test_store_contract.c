/* What every store does, whatever its scheme: the tests know a base URI that ends with '/' and nothing of what is
 * behind it. They run over each row of `stores`; another backend is one more row. S3's row is there when
 * DAYFLY_TEST_S3_URI names a prefix (s3://bucket/prefix) and the AWS_* variables lead to it (tests/e2e/test_store_s3.py
 * does that). */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "store/store.h"
#include "testing/testing.h"

struct fixture {
    struct df_store *store;
    const char *folder;
    char base[128];      /* of this test: empty */
    bool is_encoded;     /* names are written with %xx */
    const char *without; /* characters that names cannot have */
};

/* ---- helpers ---- */

static const char *at(const struct fixture *fixture, const char *name)
{
    static _Thread_local char uris[4][8192];
    static _Thread_local unsigned next;
    char *uri = uris[next++ % 4];
    struct df_buf buf = {0};
    df_uri_join(&buf, fixture->base, "");
    for (const char *c = name; *c; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || strchr("/.-_=*", *c);
        if (fixture->is_encoded && !plain)
            df_buf_printf(&buf, "%%%02X", (unsigned char)*c);
        else
            df_buf_put_char(&buf, *c);
    }
    assert_true(buf.size < sizeof uris[0]);
    snprintf(uri, sizeof uris[0], "%s", df_buf_text(&buf));
    df_buf_dispose(&buf);
    return uri;
}

static int try_put(const struct fixture *fixture, const char *name, const char *content, char *etag,
                   struct df_error *error)
{
    struct df_put put = {.uri = at(fixture, name), .content = df_slice_text(content)};
    return df_store_put(fixture->store, &put, etag, error);
}

static void put(const struct fixture *fixture, const char *name, const char *content)
{
    struct df_error error;
    assert_ok(try_put(fixture, name, content, NULL, &error), &error);
}

static void put_bytes(const struct fixture *fixture, const char *name, struct df_slice content)
{
    struct df_error error;
    struct df_put put = {.uri = at(fixture, name), .content = content};
    assert_ok(df_store_put(fixture->store, &put, NULL, &error), &error);
}

static void assert_content(const struct fixture *fixture, const char *name, const char *expected)
{
    struct df_error error;
    struct df_buf content = {0};
    assert_ok(df_store_get(fixture->store, at(fixture, name), 1 << 20, &content, &error), &error);
    assert_slice_is(df_buf_slice(&content), expected);
    df_buf_dispose(&content);
}

/* The listed URIs without the base, one per line. */
static void list(const struct fixture *fixture, const char *uri, const char *pattern, bool recursive,
                 struct df_buf *lines)
{
    struct df_error error;
    struct df_list_options options = {.pattern = pattern, .recursive = recursive};
    struct df_store_listing *listing;
    assert_ok(df_store_list_open(fixture->store, uri, &options, &listing, &error), &error);
    struct df_object object;
    int more;
    while ((more = df_store_list_next(listing, &object, &error)) > 0) {
        assert_true(strncmp(object.uri, fixture->base, strlen(fixture->base)) == 0);
        df_buf_printf(lines, "%s\n", object.uri + strlen(fixture->base));
        /* What is listed can be read, and the version is the one that a read expects. */
        struct df_object again;
        assert_ok(df_store_head(fixture->store, object.uri, &again, &error), &error);
        assert_int_equal(again.size_bytes, object.size_bytes);
        assert_string_equal(again.etag, object.etag);
    }
    assert_ok(more, &error);
    df_store_list_close(listing);
}

static void assert_list(const struct fixture *fixture, const char *name, const char *pattern, bool recursive,
                        const char *expected)
{
    struct df_buf lines = {0};
    list(fixture, at(fixture, name), pattern, recursive, &lines);
    assert_string_equal(df_buf_text(&lines), expected);
    df_buf_dispose(&lines);
}

/* ---- putting and getting ---- */

static void what_was_put_is_got(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "a/b/c.txt", "first");
    assert_content(fixture, "a/b/c.txt", "first");
    put(fixture, "a/b/c.txt", "the second one");
    assert_content(fixture, "a/b/c.txt", "the second one");
    put(fixture, "empty", "");
    assert_content(fixture, "empty", "");
}

static void odd_names_work_everywhere(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {
        "with blank", "100%",    "%41",         "a+b",   "-rf", "line\nbreak", "\xc3\xa9t\xc3\xa9",
        "\xff\xfe",   "q?x=1#y", "back\\slash", "a&b;c", "[1]", "\x01<&>\x7f"};
    struct df_error error;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strpbrk(names[i], fixture->without))
            continue;
        put(fixture, names[i], names[i]);
        assert_content(fixture, names[i], names[i]);
    }
    struct df_store_listing *listing;
    struct df_object object;
    assert_ok(df_store_list_open(fixture->store, fixture->base, NULL, &listing, &error), &error);
    size_t count = 0;
    while (df_store_list_next(listing, &object, &error) > 0) {
        struct df_buf content = {0};
        assert_ok(df_store_get(fixture->store, object.uri, 100, &content, &error), &error);
        assert_true(content.size > 0);
        df_buf_dispose(&content);
        count++;
    }
    df_store_list_close(listing);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        count -= !strpbrk(names[i], fixture->without);
    assert_int_equal(count, 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_ok(df_store_remove(fixture->store, at(fixture, names[i]), df_deadline_never(), &error), &error);
    assert_list(fixture, "", NULL, true, "");
}

static void a_missing_object_is_not_found_and_named(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    struct df_object object;
    struct df_buf content = {0};
    struct df_store_listing *listing;
    struct df_read_item item = {.uri = at(fixture, "nothing"), .size_bytes = 1};
    uint8_t byte;
    assert_fails(df_store_head(fixture->store, item.uri, &object, &error), &error, DF_ERROR_NOT_FOUND, "nothing'");
    assert_fails(df_store_get(fixture->store, item.uri, 9, &content, &error), &error, DF_ERROR_NOT_FOUND, "nothing'");
    assert_fails(df_store_read_into(fixture->store, &item, df_deadline_never(), NULL, &byte, &error), &error,
                 DF_ERROR_NOT_FOUND, "nothing'");
    assert_fails(df_store_list_open(fixture->store, item.uri, NULL, &listing, &error), &error, DF_ERROR_NOT_FOUND,
                 "nothing'");
    assert_null(listing);
}

static void a_put_if_absent_succeeds_once(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    struct df_put first = {
        .uri = at(fixture, "d/once"), .content = df_slice_text("one"), .condition = DF_PUT_IF_ABSENT};
    struct df_put second = first;
    second.content = df_slice_text("two");
    assert_ok(df_store_put(fixture->store, &first, NULL, &error), &error);
    assert_fails(df_store_put(fixture->store, &second, NULL, &error), &error, DF_ERROR_CONFLICT, "once'");
    assert_content(fixture, "d/once", "one");
}

static void a_put_if_match_wants_the_version_it_names(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    char old[DF_ETAG_BYTES], new[DF_ETAG_BYTES];
    assert_ok(try_put(fixture, "m", "one", old, &error), &error);
    struct df_put put = {
        .uri = at(fixture, "m"), .content = df_slice_text("three"), .condition = DF_PUT_IF_MATCH, .etag = old};
    assert_ok(df_store_put(fixture->store, &put, new, &error), &error);
    assert_string_not_equal(old, new);
    assert_fails(df_store_put(fixture->store, &put, NULL, &error), &error, DF_ERROR_CONFLICT, "m'");
    put.uri = at(fixture, "missing");
    assert_fails(df_store_put(fixture->store, &put, NULL, &error), &error, DF_ERROR_CONFLICT, "missing'");
    assert_content(fixture, "m", "three");
    struct df_object object;
    assert_ok(df_store_head(fixture->store, at(fixture, "m"), &object, &error), &error);
    assert_string_equal(object.etag, new);
    assert_int_equal(object.size_bytes, 5);
}

static void a_get_above_its_limit_is_too_large_and_appends_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    struct df_buf content = {0};
    put(fixture, "big", "12345");
    df_buf_put_text(&content, "before");
    assert_fails(df_store_get(fixture->store, at(fixture, "big"), 4, &content, &error), &error, DF_ERROR_TOO_LARGE,
                 "5 bytes, at most 4");
    assert_slice_is(df_buf_slice(&content), "before");
    assert_ok(df_store_get(fixture->store, at(fixture, "big"), 5, &content, &error), &error);
    assert_slice_is(df_buf_slice(&content), "before12345");
    df_buf_dispose(&content);
}

/* ---- uploads ---- */

static void an_upload_appears_whole_at_its_commit(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    struct df_object object;
    struct df_store_upload *upload;
    assert_ok(df_store_upload_open(fixture->store, at(fixture, "x/up"), &upload, &error), &error);
    assert_ok(df_store_upload_write(upload, df_slice_text("one "), &error), &error);
    assert_fails(df_store_head(fixture->store, at(fixture, "x/up"), &object, &error), &error, DF_ERROR_NOT_FOUND, "up");
    assert_list(fixture, "", NULL, true, "");
    assert_ok(df_store_upload_write(upload, df_slice_text("two"), &error), &error);
    assert_ok(df_store_upload_commit(upload, &error), &error);
    assert_content(fixture, "x/up", "one two");
}

static void an_aborted_upload_leaves_the_old_object(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    struct df_store_upload *upload;
    put(fixture, "kept", "old");
    assert_ok(df_store_upload_open(fixture->store, at(fixture, "kept"), &upload, &error), &error);
    assert_ok(df_store_upload_write(upload, df_slice_text("new"), &error), &error);
    df_store_upload_abort(upload);
    df_store_upload_abort(NULL);
    assert_content(fixture, "kept", "old");
    assert_list(fixture, "", NULL, true, "kept\n");
}

/* On S3 these are parts of a multipart upload. */
static void a_long_upload_is_read_back_whole(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    enum { WORDS = 2500000 };
    struct df_store_upload *upload;
    struct df_buf piece = {0}, content = {0};
    assert_ok(df_store_upload_open(fixture->store, at(fixture, "long"), &upload, &error), &error);
    for (uint64_t i = 0; i < WORDS; i++) {
        df_buf_put_u64le(&piece, df_hash_u64(i));
        if (i % 300007 == 0 || i == WORDS - 1) {
            assert_ok(df_store_upload_write(upload, df_buf_slice(&piece), &error), &error);
            df_buf_clear(&piece);
        }
    }
    assert_ok(df_store_upload_commit(upload, &error), &error);
    assert_ok(df_store_get(fixture->store, at(fixture, "long"), 1 << 26, &content, &error), &error);
    assert_int_equal(content.size, WORDS * 8);
    for (uint64_t i = 0; i < WORDS; i++)
        if (df_load_u64le(content.data + i * 8) != df_hash_u64(i))
            fail_msg("word %llu is wrong", (unsigned long long)i);
    df_buf_dispose(&piece);
    df_buf_dispose(&content);
}

/* ---- listing ---- */

static void a_listing_is_in_byte_order_of_whole_paths(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"a/x", "a.parquet", "a-b", "a0", "b/c/d", "b/c-d", "b/c.d", "z", "0"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        put(fixture, names[i], "1");
    assert_list(fixture, "", NULL, true, "0\na-b\na.parquet\na/x\na0\nb/c-d\nb/c.d\nb/c/d\nz\n");
}

static void put_lake(const struct fixture *fixture)
{
    static const char *const names[] = {
        "t/a-b.parquet",       "t/a.parquet",      "t/a/x.parquet", "t/a/_x.parquet",      "t/.hidden.parquet",
        "t/_log/y.parquet",    "t/.git/z.parquet", "t/notes.txt",   "t/d=1/h=1/p.parquet", "t/d=1/h=2/p.parquet",
        "t/d=2/h=1/p.parquet", "t/d=2/readme.md",  "u/a.parquet"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        put(fixture, names[i], names[i]);
}

static void a_folder_lists_what_its_pattern_names_and_nothing_hidden(void **state)
{
    struct fixture *fixture = *state;
    put_lake(fixture);
    assert_list(fixture, "t", "*.parquet", true,
                "t/a-b.parquet\nt/a.parquet\nt/a/x.parquet\nt/d=1/h=1/p.parquet\nt/d=1/h=2/p.parquet\n"
                "t/d=2/h=1/p.parquet\n");
    assert_list(fixture, "t/", "*.parquet", false, "t/a-b.parquet\nt/a.parquet\n");
    assert_list(fixture, "t/d=2", NULL, true, "t/d=2/h=1/p.parquet\nt/d=2/readme.md\n");
    assert_list(fixture, "t", "*.csv", true, "");
}

static void one_object_lists_itself_whatever_it_is_called(void **state)
{
    struct fixture *fixture = *state;
    put_lake(fixture);
    assert_list(fixture, "t/notes.txt", "*.parquet", true, "t/notes.txt\n");
    assert_list(fixture, "t/.hidden.parquet", NULL, true, "t/.hidden.parquet\n");
    assert_list(fixture, "t/_log/y.parquet", "x", false, "t/_log/y.parquet\n");
}

static void a_glob_lists_what_fits(void **state)
{
    struct fixture *fixture = *state;
    put_lake(fixture);
    assert_list(fixture, "t/*.parquet", NULL, true, "t/a-b.parquet\nt/a.parquet\n");
    assert_list(fixture, "*/a.parquet", NULL, true, "t/a.parquet\nu/a.parquet\n");
    assert_list(fixture, "t/d=*/h=1/*.parquet", NULL, true, "t/d=1/h=1/p.parquet\nt/d=2/h=1/p.parquet\n");
    assert_list(fixture, "t/**/p.parquet", NULL, true,
                "t/d=1/h=1/p.parquet\nt/d=1/h=2/p.parquet\nt/d=2/h=1/p.parquet\n");
    assert_list(fixture, "t/_*/*.parquet", NULL, true, "t/_log/y.parquet\n");
    assert_list(fixture, "t/none*", NULL, true, "");
}

/* As a shell does with a path that is not quoted. */
static void a_glob_that_fits_folders_lists_what_is_in_them(void **state)
{
    struct fixture *fixture = *state;
    put_lake(fixture);
    assert_list(fixture, "t/d=*", "*.parquet", true, "t/d=1/h=1/p.parquet\nt/d=1/h=2/p.parquet\nt/d=2/h=1/p.parquet\n");
    assert_list(fixture, "t/d=*", "*.md", false, "t/d=2/readme.md\n");
    assert_list(fixture, "t/*/", "*.parquet", false, "t/a/x.parquet\n");
}

static void thousands_of_objects_are_listed_once_each_and_in_order(void **state)
{
    struct fixture *fixture = *state;
    /* S3 gives pages of 1,000; each request to its stand-in takes milliseconds. */
    int expected = strncmp(fixture->base, "s3:", 3) == 0 ? 1100 : 3000;
    char name[32];
    for (int i = 0; i < expected; i++) {
        snprintf(name, sizeof name, "f/%d/%d", i % 7, i);
        put(fixture, name, "");
    }
    struct df_buf lines = {0};
    list(fixture, at(fixture, "f"), NULL, true, &lines);
    char *text = strdup(df_buf_text(&lines));
    assert_non_null(text);
    char last[32] = "";
    int count = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), count++) {
        assert_true(strcmp(last, line) < 0);
        snprintf(last, sizeof last, "%s", line);
    }
    assert_int_equal(count, expected);
    free(text);
    df_buf_dispose(&lines);
}

/* ---- reading ---- */

enum { OBJECT_BYTES = 3 * 1024 * 1024 + 7, OBJECT_COUNT = 3 };

static uint8_t byte_at(size_t object, uint64_t offset)
{
    return (uint8_t)(df_hash_u64(offset / 8 + object * 1000003) >> (offset % 8 * 8));
}

static void put_objects(const struct fixture *fixture)
{
    struct df_buf content = {0};
    static const char *const names[OBJECT_COUNT] = {"o0", "o1", "o2"};
    for (size_t object = 0; object < OBJECT_COUNT; object++) {
        df_buf_clear(&content);
        uint8_t *bytes = df_buf_extend(&content, OBJECT_BYTES);
        assert_non_null(bytes);
        for (uint64_t i = 0; i < OBJECT_BYTES; i++)
            bytes[i] = byte_at(object, i);
        put_bytes(fixture, names[object], df_buf_slice(&content));
    }
    df_buf_dispose(&content);
}

struct reading {
    const struct df_read_item *items;
    uint64_t *received; /* bytes of each item */
    size_t pieces;
    size_t fail_at; /* piece that is refused; SIZE_MAX: none */
    atomic_bool *cancel;
};

static int take_piece(void *ctx, size_t item, uint64_t offset, struct df_slice piece, struct df_error *error)
{
    struct reading *reading = ctx;
    const struct df_read_item *asked = &reading->items[item];
    assert_int_equal(offset, reading->received[item]);
    assert_true(piece.size > 0 && piece.size <= asked->size_bytes - offset);
    size_t object = (size_t)(asked->uri[strlen(asked->uri) - 1] - '0');
    if (asked->into)
        assert_ptr_equal(piece.data, asked->into + offset);
    for (size_t i = 0; i < piece.size; i++)
        if (piece.data[i] != byte_at(object, asked->offset + offset + i))
            fail_msg("item %zu: wrong byte at %llu", item, (unsigned long long)(offset + i));
    reading->received[item] += piece.size;
    if (reading->cancel)
        atomic_store(reading->cancel, true);
    if (reading->pieces++ == reading->fail_at)
        return df_error_set(error, DF_ERROR_INTERNAL, "refused by the receiver");
    return 0;
}

static void read_and_check(const struct fixture *fixture, const struct df_read_item *items, size_t count)
{
    struct df_error error;
    struct reading reading = {.items = items, .received = calloc(count, sizeof(uint64_t)), .fail_at = SIZE_MAX};
    struct df_read read = {.items = items, .item_count = count, .deadline = df_deadline_never()};
    assert_ok(df_store_read(fixture->store, &read, take_piece, &reading, &error), &error);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(reading.received[i], items[i].size_bytes);
    free(reading.received);
}

static void ranges_at_the_edges_are_read(void **state)
{
    struct fixture *fixture = *state;
    put_objects(fixture);
    const char *uri = at(fixture, "o1");
    const struct df_read_item items[] = {
        {.uri = uri, .offset = 0, .size_bytes = 1},
        {.uri = uri, .offset = OBJECT_BYTES - 1, .size_bytes = 1},
        {.uri = uri, .offset = OBJECT_BYTES, .size_bytes = 0},
        {.uri = uri, .offset = 5, .size_bytes = 0},
        {.uri = uri, .offset = OBJECT_BYTES - 8, .size_bytes = 8},
        {.uri = uri, .offset = 0, .size_bytes = OBJECT_BYTES},
    };
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++)
        read_and_check(fixture, &items[i], 1);
    read_and_check(fixture, items, sizeof items / sizeof items[0]);
    read_and_check(fixture, items, 0);
}

/* Unsorted, overlapping, equal, near and far apart, over several objects. */
static void random_ranges_give_their_bytes_in_order(void **state)
{
    struct fixture *fixture = *state;
    put_objects(fixture);
    uint64_t seed = test_seed();
    char uris[OBJECT_COUNT][160];
    for (size_t i = 0; i < OBJECT_COUNT; i++) {
        char name[] = {'o', (char)('0' + i), '\0'};
        snprintf(uris[i], sizeof uris[i], "%s", at(fixture, name));
    }
    for (int round = 0; round < 40; round++) {
        struct df_read_item items[50];
        size_t count = 1 + test_random(&seed) % 50;
        for (size_t i = 0; i < count; i++) {
            uint64_t limit = test_random(&seed) % 4 ? 3000 : OBJECT_BYTES;
            items[i] = (struct df_read_item){.uri = uris[test_random(&seed) % OBJECT_COUNT],
                                             .offset = test_random(&seed) % OBJECT_BYTES};
            uint64_t left = OBJECT_BYTES - items[i].offset;
            items[i].size_bytes = test_random(&seed) % ((left < limit ? left : limit) + 1);
            if (test_random(&seed) % 2) /* some bring their own memory, beside those that do not */
                items[i].into = malloc(items[i].size_bytes + 1);
        }
        read_and_check(fixture, items, count);
        for (size_t i = 0; i < count; i++)
            free(items[i].into);
    }
}

static void many_small_ranges_under_a_long_one_take_no_time(void **state)
{
    struct fixture *fixture = *state;
    put_objects(fixture);
    enum { COUNT = 20000 };
    struct df_read_item *items = calloc(COUNT + 1, sizeof *items);
    const char *uri = at(fixture, "o2");
    items[0] = (struct df_read_item){.uri = uri, .size_bytes = OBJECT_BYTES};
    for (size_t i = 1; i <= COUNT; i++)
        items[i] = (struct df_read_item){.uri = uri, .offset = (COUNT - i) * 150, .size_bytes = 3};
    int64_t start = df_time_thread_cpu_ns();
    read_and_check(fixture, items, COUNT + 1);
    assert_true(df_time_thread_cpu_ns() - start < INT64_C(3000000000));
    free(items);
}

static void a_range_beyond_the_end_is_corrupt_and_says_where_the_end_is(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    put(fixture, "short", "12345");
    uint8_t to[16];
    const struct df_read_item items[] = {
        {.uri = at(fixture, "short"), .offset = 0, .size_bytes = 6},
        {.uri = at(fixture, "short"), .offset = 5, .size_bytes = 1},
        {.uri = at(fixture, "short"), .offset = 6, .size_bytes = 0},
        {.uri = at(fixture, "short"), .offset = UINT64_MAX, .size_bytes = 6},
    };
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++)
        assert_fails(df_store_read_into(fixture->store, &items[i], df_deadline_never(), NULL, to, &error), &error,
                     DF_ERROR_CORRUPT, "short' ends at byte 5");
}

static void another_version_than_expected_is_a_conflict(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    char etag[DF_ETAG_BYTES];
    uint8_t to[16];
    assert_ok(try_put(fixture, "v", "12345", etag, &error), &error);
    struct df_read_item item = {.uri = at(fixture, "v"), .etag = etag, .size_bytes = 5};
    assert_ok(df_store_read_into(fixture->store, &item, df_deadline_never(), NULL, to, &error), &error);
    assert_memory_equal(to, "12345", 5);
    put(fixture, "v", "1234567");
    assert_fails(df_store_read_into(fixture->store, &item, df_deadline_never(), NULL, to, &error), &error,
                 DF_ERROR_CONFLICT, "v' changed");
    item.etag = "";
    assert_ok(df_store_read_into(fixture->store, &item, df_deadline_never(), NULL, to, &error), &error);
}

static void no_piece_comes_after_a_failure(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    put_objects(fixture);
    uint64_t received[2] = {0};
    const struct df_read_item items[] = {{.uri = at(fixture, "o0"), .size_bytes = OBJECT_BYTES},
                                         {.uri = at(fixture, "o1"), .size_bytes = OBJECT_BYTES}};
    struct reading reading = {.items = items, .received = received, .fail_at = 2};
    struct df_read read = {.items = items, .item_count = 2, .deadline = df_deadline_never()};
    assert_fails(df_store_read(fixture->store, &read, take_piece, &reading, &error), &error, DF_ERROR_INTERNAL,
                 "refused by the receiver");
    assert_int_equal(reading.pieces, 3);
}

static void a_cancelled_read_ends_between_pieces(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    put_objects(fixture);
    atomic_bool cancelled = false;
    uint64_t received[1] = {0};
    const struct df_read_item items[] = {{.uri = at(fixture, "o0"), .size_bytes = OBJECT_BYTES}};
    struct reading reading = {.items = items, .received = received, .fail_at = SIZE_MAX, .cancel = &cancelled};
    struct df_read read = {.items = items, .item_count = 1, .deadline = df_deadline_never(), .cancelled = &cancelled};
    assert_fails(df_store_read(fixture->store, &read, take_piece, &reading, &error), &error, DF_ERROR_CANCELLED, "o0'");
    assert_int_equal(reading.pieces, 1);
    assert_fails(df_store_read(fixture->store, &read, take_piece, &reading, &error), &error, DF_ERROR_CANCELLED, "o0'");
    assert_int_equal(reading.pieces, 1);
}

static void a_read_past_its_deadline_is_a_timeout(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    uint8_t to[4];
    put(fixture, "late", "1234");
    struct df_read_item item = {.uri = at(fixture, "late"), .size_bytes = 4};
    assert_fails(df_store_read_into(fixture->store, &item, df_deadline_after_ms(0), NULL, to, &error), &error,
                 DF_ERROR_TIMEOUT, "late'");
    assert_ok(df_store_read_into(fixture->store, &item, df_deadline_after_ms(60000), NULL, to, &error), &error);
}

/* ---- removing ---- */

static void removing_twice_succeeds(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    struct df_object object;
    put(fixture, "r/gone", "1");
    assert_ok(df_store_remove(fixture->store, at(fixture, "r/gone"), df_deadline_never(), &error), &error);
    assert_fails(df_store_head(fixture->store, at(fixture, "r/gone"), &object, &error), &error, DF_ERROR_NOT_FOUND, "");
    assert_ok(df_store_remove(fixture->store, at(fixture, "r/gone"), df_deadline_never(), &error), &error);
    assert_ok(df_store_remove(fixture->store, at(fixture, "never/was"), df_deadline_never(), &error), &error);
}

static void a_prefix_is_removed_with_all_below_it_and_nothing_beside_it(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    put(fixture, "p/a", "1");
    put(fixture, "p/b/c/d", "1");
    put(fixture, "p/_h/.x", "1");
    put(fixture, "pq", "1");
    assert_ok(df_store_remove_prefix(fixture->store, at(fixture, "p/"), df_deadline_never(), &error), &error);
    assert_list(fixture, "", NULL, true, "pq\n");
    struct df_object object;
    assert_fails(df_store_head(fixture->store, at(fixture, "p/_h/.x"), &object, &error), &error, DF_ERROR_NOT_FOUND,
                 "");
    assert_ok(df_store_remove_prefix(fixture->store, at(fixture, "p/"), df_deadline_never(), &error), &error);
    assert_fails(df_store_remove_prefix(fixture->store, at(fixture, "p"), df_deadline_never(), &error), &error,
                 DF_ERROR_INVALID, "must end with '/'");
}

/* ---- threads ---- */

enum { THREADS = 6, ROUNDS = 40 };

struct racer {
    const struct fixture *fixture;
    unsigned number;
    unsigned wins;
    char failure[256];
};

/* Readers see one of the contents that were put, whole; of those who put if absent one wins. */
static void *race(void *ctx)
{
    struct racer *racer = ctx;
    struct df_error error;
    char name[16], content[64];
    for (int round = 0; round < ROUNDS && !racer->failure[0]; round++) {
        snprintf(name, sizeof name, "n/%d", round);
        struct df_put once = {
            .uri = at(racer->fixture, name), .content = df_slice_text("1"), .condition = DF_PUT_IF_ABSENT};
        if (df_store_put(racer->fixture->store, &once, NULL, &error) == 0)
            racer->wins++;
        else if (error.kind != DF_ERROR_CONFLICT)
            snprintf(racer->failure, sizeof racer->failure, "put if absent: %.200s", error.message);
        memset(content, (int)('a' + racer->number), sizeof content - 1);
        content[1 + racer->number * 7] = '\0';
        if (try_put(racer->fixture, "shared", content, NULL, &error) < 0)
            snprintf(racer->failure, sizeof racer->failure, "put: %.200s", error.message);
        struct df_buf seen = {0};
        int result = df_store_get(racer->fixture->store, at(racer->fixture, "shared"), 100, &seen, &error);
        if (result < 0 && error.kind != DF_ERROR_CONFLICT)
            snprintf(racer->failure, sizeof racer->failure, "get: %.200s", error.message);
        if (result == 0 && (seen.size == 0 || seen.size != 1 + (size_t)(seen.data[0] - 'a') * 7 ||
                            seen.data[seen.size - 1] != seen.data[0]))
            snprintf(racer->failure, sizeof racer->failure, "a torn object of %zu bytes", seen.size);
        df_buf_dispose(&seen);
    }
    return NULL;
}

static void threads_see_whole_objects_and_one_wins_each_put_if_absent(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[THREADS];
    struct racer racers[THREADS];
    unsigned wins = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){.fixture = fixture, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_string_equal(racers[i].failure, "");
        wins += racers[i].wins;
    }
    assert_int_equal(wins, ROUNDS);
}

/* ---- the stores ---- */

static int make_fixture(struct fixture **made, const char *format, bool is_encoded)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct df_error error;
    if (!fixture || df_store_create(&fixture->store, &error) < 0)
        return -1;
    fixture->folder = test_folder_make();
    fixture->is_encoded = is_encoded;
    fixture->without = "";
    snprintf(fixture->base, sizeof fixture->base, format, fixture->folder);
    *made = fixture;
    return 0;
}

static int make_plain(void **state)
{
    return make_fixture((struct fixture **)state, "%s/", false);
}

static int make_uri(void **state)
{
    return make_fixture((struct fixture **)state, "file://%s/", true);
}

static int drop(void **state)
{
    struct fixture *fixture = *state;
    df_store_free(fixture->store);
    test_folder_remove(fixture->folder);
    free(fixture);
    return 0;
}

/* Each test has a prefix of its own, which its end removes. */
static int make_s3(void **state)
{
    static unsigned count;
    struct fixture *fixture;
    if (make_fixture(&fixture, "%s", false) != 0)
        return -1;
    snprintf(fixture->base, sizeof fixture->base, "%s/%d-%u/", getenv("DAYFLY_TEST_S3_URI"), (int)getpid(), ++count);
    fixture->without = "\n\xff"; /* keys are UTF-8; moto finds none with a line break */
    *state = fixture;
    return 0;
}

static int drop_s3(void **state)
{
    struct fixture *fixture = *state;
    struct df_error error;
    assert_ok(df_store_remove_prefix(fixture->store, fixture->base, df_deadline_never(), &error), &error);
    return drop(state);
}

static const struct {
    const char *name;
    CMFixtureFunction make, drop;
    const char *needs; /* a variable of the environment; NULL: nothing */
} stores[] = {{"plain path", make_plain, drop, NULL},
              {"file://", make_uri, drop, NULL},
              {"s3://", make_s3, drop_s3, "DAYFLY_TEST_S3_URI"}};

#define CASE(test)                                                                                                     \
    {                                                                                                                  \
#test, test                                                                                                    \
    }

static const struct {
    const char *name;
    CMUnitTestFunction run;
} cases[] = {
    CASE(what_was_put_is_got),
    CASE(odd_names_work_everywhere),
    CASE(a_missing_object_is_not_found_and_named),
    CASE(a_put_if_absent_succeeds_once),
    CASE(a_put_if_match_wants_the_version_it_names),
    CASE(a_get_above_its_limit_is_too_large_and_appends_nothing),
    CASE(an_upload_appears_whole_at_its_commit),
    CASE(an_aborted_upload_leaves_the_old_object),
    CASE(a_long_upload_is_read_back_whole),
    CASE(a_listing_is_in_byte_order_of_whole_paths),
    CASE(a_folder_lists_what_its_pattern_names_and_nothing_hidden),
    CASE(one_object_lists_itself_whatever_it_is_called),
    CASE(a_glob_lists_what_fits),
    CASE(a_glob_that_fits_folders_lists_what_is_in_them),
    CASE(thousands_of_objects_are_listed_once_each_and_in_order),
    CASE(ranges_at_the_edges_are_read),
    CASE(random_ranges_give_their_bytes_in_order),
    CASE(many_small_ranges_under_a_long_one_take_no_time),
    CASE(a_range_beyond_the_end_is_corrupt_and_says_where_the_end_is),
    CASE(another_version_than_expected_is_a_conflict),
    CASE(no_piece_comes_after_a_failure),
    CASE(a_cancelled_read_ends_between_pieces),
    CASE(a_read_past_its_deadline_is_a_timeout),
    CASE(removing_twice_succeeds),
    CASE(a_prefix_is_removed_with_all_below_it_and_nothing_beside_it),
    CASE(threads_see_whole_objects_and_one_wins_each_put_if_absent),
};

int main(void)
{
    enum { CASES = sizeof cases / sizeof cases[0] };
    int failures = 0;
    for (size_t s = 0; s < sizeof stores / sizeof stores[0]; s++) {
        if (stores[s].needs && !getenv(stores[s].needs))
            continue;
        struct CMUnitTest tests[CASES];
        for (size_t i = 0; i < CASES; i++)
            tests[i] = (struct CMUnitTest){cases[i].name, cases[i].run, stores[s].make, stores[s].drop, NULL};
        failures += _cmocka_run_group_tests(stores[s].name, tests, CASES, NULL, NULL);
    }
    return failures;
}
