/* Files of made-up events for tests of whole queries: user, time, event, price. */
#ifndef DF_FUNNEL_FILES_H
#define DF_FUNNEL_FILES_H

#include <inttypes.h>

#include "format/parquet/parquet.h"
#include "unit/engine/funnel_driver.h"
#include "unit/engine/funnel_testing.h"

enum user_kind { USER_INT, USER_STRING };
enum time_kind { PLAIN, MILLISECONDS, MICROSECONDS };

struct file_options {
    enum user_kind user;
    enum time_kind time;
    bool whole;
    uint32_t row_group_rows;
    bool dictionary;
    bool cents; /* prices are integers */
};

static const char *const event_names[] = {"view", "cart", "buy", "other"};

static inline void put_rows(struct df_parquet_writer *writer, const struct event *events, size_t n,
                            const struct file_options *file)
{
    struct df_error error = {0};
    for (size_t at = 0; at < n; at += 1000) {
        int64_t users[1000], times[1000];
        struct df_slice texts[1000], kinds[1000];
        double prices[1000];
        int64_t cents[1000];
        static char places[1000][24];
        uint8_t user_valid[1000], time_valid[1000];
        uint32_t rows = (uint32_t)(n - at < 1000 ? n - at : 1000);
        for (uint32_t i = 0; i < rows; i++) {
            const struct event *event = &events[at + i];
            users[i] = event->user;
            snprintf(places[i], sizeof places[i], "user-%" PRId64, event->user);
            texts[i] = df_slice_text(places[i]);
            user_valid[i] = event->has_user;
            times[i] = event->time;
            time_valid[i] = event->has_time;
            kinds[i] = df_slice_text(event_names[event->matches ? __builtin_ctz(event->matches) : 3]);
            prices[i] = (double)(event->time % 100 + event->user % 7) / 4; /* of the event alone */
            cents[i] = (int64_t)(prices[i] * 100);
        }
        struct df_vector vectors[] = {
            {.kind = DF_VECTOR_INT64, .row_count = rows, .valid = user_valid, .values = {.int64s = users}},
            {.kind = DF_VECTOR_INT64, .row_count = rows, .valid = time_valid, .values = {.int64s = times}},
            {.kind = DF_VECTOR_BYTES, .row_count = rows, .values = {.bytes = kinds}},
            {.kind = DF_VECTOR_FLOAT64, .row_count = rows, .values = {.float64s = prices}}};
        if (file->cents)
            vectors[3] = (struct df_vector){.kind = DF_VECTOR_INT64, .row_count = rows, .values = {.int64s = cents}};
        if (file->user == USER_STRING) {
            vectors[0].kind = DF_VECTOR_BYTES;
            vectors[0].values.bytes = texts;
        }
        assert_ok(df_parquet_writer_put(writer, vectors, rows, &error), &error);
    }
}

static inline void write_file(struct df_store *store, const char *path, const struct event *events, size_t n,
                              const struct file_options *file)
{
    struct df_error error = {0};
    struct df_buf bytes = {0};
    struct df_parquet_writer *writer;
    static const struct df_type times[] = {[PLAIN] = {.kind = DF_TYPE_INT64, .bits = 64},
                                           [MILLISECONDS] = {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_MS},
                                           [MICROSECONDS] = {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_US}};
    const struct df_parquet_write_column columns[] = {
        {.name = "user",
         .type = {.kind = file->user == USER_STRING ? DF_TYPE_STRING : DF_TYPE_INT64},
         .optional = true,
         .dictionary = file->dictionary},
        {.name = "time", .type = times[file->time], .optional = true, .dictionary = file->dictionary},
        {.name = "event", .type = {.kind = DF_TYPE_STRING}, .dictionary = true},
        {.name = "price", .type = {.kind = file->cents ? DF_TYPE_INT64 : DF_TYPE_FLOAT, .bits = 64}}};
    char rows[32];
    snprintf(rows, sizeof rows, "%zu", n);
    const struct df_parquet_key_value whole[] = {{"dayfly.groups", "whole"},
                                                 {"dayfly.groups.column", "user"},
                                                 {"dayfly.groups.writing", "a test"},
                                                 {"dayfly.groups.part", path},
                                                 {"dayfly.groups.rows", rows}};
    const struct df_parquet_write_options options = {.columns = columns,
                                                     .column_count = 4,
                                                     .codec = DF_PARQUET_SNAPPY,
                                                     .row_group_rows = file->row_group_rows,
                                                     .page_bytes = 8 * 1024,
                                                     .metadata = whole,
                                                     .metadata_count = file->whole ? sizeof whole / sizeof *whole : 0};
    assert_ok(df_parquet_writer_open(&writer, &options, driver_put_piece, &bytes, &error), &error);
    put_rows(writer, events, n, file);
    assert_ok(df_parquet_writer_finish(writer, &error), &error);
    df_parquet_writer_close(writer);
    const struct df_put put = {.uri = path, .content = df_buf_slice(&bytes), .condition = DF_PUT_ALWAYS};
    assert_ok(df_store_put(store, &put, NULL, &error), &error);
    df_buf_dispose(&bytes);
}

enum cut { BY_TIME, BY_USER, BY_USER_RANGE };

/* n events in `files` files below folder/. */
static inline void write_folder(struct df_store *store, const char *folder, const struct event *events, size_t n,
                                unsigned files, enum cut cut, const struct file_options *options)
{
    struct event *some = calloc(n ? n : 1, sizeof *some);
    for (unsigned file = 0; file < files; file++) {
        char path[600];
        size_t taken = 0;
        for (size_t i = 0; i < n; i++) {
            uint64_t user = (uint64_t)events[i].user;
            size_t goes = cut == BY_TIME ? i * files / n : cut == BY_USER ? user % files : user / 200 % files;
            if (goes == file)
                some[taken++] = events[i];
        }
        snprintf(path, sizeof path, "%s/part-%03u.parquet", folder, file);
        write_file(store, path, some, taken, options);
    }
    free(some);
}

static inline struct event *make_crowd(size_t n, uint64_t users, uint64_t seed)
{
    struct event *events = calloc(n, sizeof *events);
    uint64_t random = seed;
    for (size_t i = 0; i < n; i++)
        events[i] = (struct event){.has_user = test_random(&random) % 50 != 0,
                                   .has_time = test_random(&random) % 50 != 0,
                                   .user = (int64_t)(test_random(&random) % users),
                                   .time = 1430622004384 + (int64_t)(test_random(&random) % 50),
                                   .matches = 1u << test_random(&random) % 4 & 7};
    return events;
}

/* The path of something in the world, as JSON. */
static inline const char *quoted(const struct world *world, const char *name)
{
    static char place[600];
    snprintf(place, sizeof place, "\"%s/%s\"", world->folder, name);
    return place;
}

#endif
