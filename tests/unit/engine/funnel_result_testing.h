/* What the tests of results share: rows of seven columns, verdicts made up at random, and a source that hands them out
 * in batches. Whether a chain is right is no concern of a result, so chains are any rows in the order of time. */
#ifndef DF_FUNNEL_RESULT_TESTING_H
#define DF_FUNNEL_RESULT_TESTING_H

#include <math.h>
#include <stdlib.h>

#include "engine/funnel/result/cohort.h"
#include "engine/funnel/result/result.h"
#include "testing/testing.h"

enum { WORLD_ROWS = 160, WORLD_USERS = 12, WORLD_STEPS = 3, WORLD_BATCH = 7 };

struct world_row {
    int user; /* -1: none */
    bool timed;
    int64_t time;
    const char *s; /* NULL: null */
    bool i_null, f_null, d_null, l_null;
    int64_t i;
    double f;
    __int128 d;
    bool b;
};

struct world_unit {
    int user;
    uint16_t depth; /* may be 0: a session without a step */
    int64_t begin, end;
    uint32_t rows;
    uint32_t chain[WORLD_STEPS]; /* rows of the world */
};

struct world {
    bool sessions;
    struct world_row rows[WORLD_ROWS];
    size_t row_count;
    bool in[WORLD_USERS];
    struct world_unit units[WORLD_ROWS];
    size_t unit_count;
};

static const struct df_type world_types[] = {{.kind = DF_TYPE_STRING},
                                             {.kind = DF_TYPE_INT64, .bits = 64},
                                             {.kind = DF_TYPE_FLOAT, .bits = 64},
                                             {.kind = DF_TYPE_DECIMAL, .precision = 20, .scale = 2},
                                             {.kind = DF_TYPE_BOOL},
                                             {.kind = DF_TYPE_INT64, .bits = 64, .list = true},
                                             {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_MS}};
enum { WORLD_COLUMNS = sizeof world_types / sizeof *world_types };
static const char *const world_names[] = {"s", "i", "f", "d", "b", "l", "ts"};

static inline uint32_t world_column(const char *name)
{
    uint32_t i = 0;
    while (strcmp(world_names[i], name) != 0)
        i++;
    return i;
}

/* ---- making one up ---- */

static inline void world_chain(struct world *world, struct world_unit *unit, const uint32_t *rows, uint32_t count,
                               uint64_t *random)
{
    unit->depth = (uint16_t)(test_random(random) % (WORLD_STEPS + 1));
    if (unit->depth > count)
        unit->depth = (uint16_t)count;
    uint32_t from = 0;
    for (uint32_t i = 0; i < unit->depth; i++) {
        uint32_t room = count - from - (unit->depth - i) + 1;
        from += (uint32_t)(test_random(random) % room);
        unit->chain[i] = rows[from++];
    }
    world->units[world->unit_count++] = *unit;
}

/* Times of a user's rows rise from row to row, so that any rows in order are a chain. */
static inline void world_make(struct world *world, bool sessions, uint64_t *random)
{
    static const char *const texts[] = {"a", "b", "c", "dd", "", "\xffx", "zz", NULL};
    static const double reals[] = {0.1, 0.2, -0.0, 0.0, 1e300, -3.5, 1e-5, NAN};
    *world = (struct world){.sessions = sessions, .row_count = 20 + test_random(random) % (WORLD_ROWS - 20)};
    int64_t time = 1430622024154;
    for (size_t i = 0; i < world->row_count; i++) {
        time += (int64_t)(test_random(random) % 30000000);
        world->rows[i] = (struct world_row){.user = (int)(test_random(random) % (WORLD_USERS + 1)) - 1,
                                            .timed = test_random(random) % 8 != 0,
                                            .time = time,
                                            .s = texts[test_random(random) % 8],
                                            .i_null = test_random(random) % 6 == 0,
                                            .f_null = test_random(random) % 6 == 0,
                                            .d_null = test_random(random) % 6 == 0,
                                            .l_null = test_random(random) % 3 == 0,
                                            .i = (int64_t)(test_random(random) % 5) - 2,
                                            .f = reals[test_random(random) % 8],
                                            .d = (__int128)(test_random(random) % 1000) - 500,
                                            .b = test_random(random) % 2};
        if (test_random(random) % 20 == 0)
            world->rows[i].i = INT64_MAX - (int64_t)(test_random(random) % 2);
        if (test_random(random) % 20 == 0)
            world->rows[i].d = ((__int128)1 << 100) + 7;
    }
    for (int user = 0; user < WORLD_USERS; user++) {
        uint32_t rows[WORLD_ROWS], count = 0, all = 0;
        world->in[user] = test_random(random) % 4 != 0;
        for (uint32_t i = 0; i < world->row_count; i++) {
            all += world->rows[i].user == user;
            if (world->rows[i].user == user && world->rows[i].timed)
                rows[count++] = i;
        }
        if (!world->in[user])
            continue;
        if (!sessions) {
            struct world_unit unit = {.user = user, .rows = all};
            world_chain(world, &unit, rows, count, random);
        }
        for (uint32_t from = 0; sessions && from < count;) {
            uint32_t size = 1 + (uint32_t)(test_random(random) % 5);
            size = size > count - from ? count - from : size;
            struct world_unit unit = {.user = user,
                                      .rows = size,
                                      .begin = world->rows[rows[from]].time,
                                      .end = world->rows[rows[from + size - 1]].time};
            world_chain(world, &unit, rows + from, size, random);
            from += size;
        }
    }
}

/* ---- a share of it: some users, as a part has them ---- */

struct share {
    struct df_funnel_source source; /* first: a pointer to it is one to the share */
    const struct world *world;
    const struct df_funnel_request *request;
    struct df_funnel_collector collector;
    struct df_funnel_verdicts verdicts;
    struct df_type types[16];
    size_t rows[WORLD_ROWS]; /* of the world, by ordinal */
    uint32_t row_count, at;
    uint32_t ordinals[WORLD_ROWS]; /* of the world's rows */
    uint32_t codes[WORLD_USERS];   /* of the world's users */
    bool dictionaries;

    uint8_t in[WORLD_USERS];
    uint16_t depth[WORLD_USERS];
    struct df_funnel_unit units[WORLD_ROWS];
    struct df_funnel_session sessions[WORLD_ROWS];
    size_t session_begin[WORLD_USERS + 1];
    int64_t chain_times[WORLD_ROWS * WORLD_STEPS];
    uint32_t chain_rows[WORLD_ROWS * WORLD_STEPS];
    uint32_t row_codes[WORLD_ROWS];

    /* The current batch. */
    int64_t users[WORLD_BATCH], times[WORLD_BATCH];
    uint8_t user_valid[WORLD_BATCH], time_valid[WORLD_BATCH];
    uint8_t valid[WORLD_COLUMNS][WORLD_BATCH], bools[WORLD_BATCH];
    struct df_slice bytes[WORLD_BATCH], entries[WORLD_BATCH];
    uint32_t entry_codes[WORLD_BATCH], offsets[WORLD_BATCH + 1];
    int64_t ints[WORLD_BATCH];
    double reals[WORLD_BATCH];
    __int128 decimals[WORLD_BATCH];
    struct df_dictionary dictionary;
    struct df_vector empty, vectors[WORLD_COLUMNS];
    const struct df_vector *values[16];
};

static inline int share_begin(struct df_funnel_source *source, enum df_funnel_reading reading, struct df_error *error)
{
    struct share *share = (struct share *)source;
    (void)error;
    assert_int_equal(reading, DF_FUNNEL_VALUES);
    share->at = 0;
    return 0;
}

static inline void share_fill_row(struct share *share, uint32_t i, const struct world_row *row)
{
    share->users[i] = row->user;
    share->user_valid[i] = row->user >= 0;
    share->times[i] = row->time;
    share->time_valid[i] = row->timed;
    share->bytes[i] = df_slice_text(row->s);
    share->entries[i] = share->bytes[i];
    share->entry_codes[i] = i;
    share->ints[i] = row->i;
    share->reals[i] = row->f;
    share->decimals[i] = row->d;
    share->bools[i] = row->b;
    share->offsets[i + 1] = 0;
    const uint8_t valid[] = {row->s != NULL, !row->i_null, !row->f_null, !row->d_null, 1, !row->l_null, row->timed};
    for (size_t column = 0; column < WORLD_COLUMNS; column++)
        share->valid[column][i] = valid[column];
}

static inline int share_next(struct df_funnel_source *source, struct df_funnel_batch *batch, struct df_error *error)
{
    struct share *share = (struct share *)source;
    uint32_t rows = share->row_count - share->at;
    (void)error;
    if (rows == 0)
        return 0;
    rows = rows > WORLD_BATCH ? WORLD_BATCH : rows;
    for (uint32_t i = 0; i < rows; i++)
        share_fill_row(share, i, &share->world->rows[share->rows[share->at + i]]);
    share->dictionary = (struct df_dictionary){
        .serial = share->at + 1, .count = rows, .kind = DF_VECTOR_BYTES, .values.bytes = share->entries};
    share->vectors[0] = (struct df_vector){.kind = DF_VECTOR_BYTES, .values.bytes = share->bytes};
    if (share->dictionaries)
        share->vectors[0] = (struct df_vector){
            .kind = DF_VECTOR_CODES, .values.codes = share->entry_codes, .dictionary = &share->dictionary};
    share->vectors[1] = (struct df_vector){.kind = DF_VECTOR_INT64, .values.int64s = share->ints};
    share->vectors[2] = (struct df_vector){.kind = DF_VECTOR_FLOAT64, .values.float64s = share->reals};
    share->vectors[3] = (struct df_vector){.kind = DF_VECTOR_INT128, .values.int128s = share->decimals};
    share->vectors[4] = (struct df_vector){.kind = DF_VECTOR_BOOL, .values.bools = share->bools};
    share->empty = (struct df_vector){.kind = DF_VECTOR_INT64, .values.int64s = share->ints};
    share->vectors[5] = (struct df_vector){.kind = DF_VECTOR_LIST,
                                           .values.list = {.offsets = share->offsets, .elements = &share->empty}};
    share->vectors[6] = (struct df_vector){.kind = DF_VECTOR_INT64, .values.int64s = share->times};
    for (size_t i = 0; i < WORLD_COLUMNS; i++) {
        share->vectors[i].row_count = rows;
        share->vectors[i].valid = share->valid[i];
    }
    for (uint32_t i = 0; i < share->request->column_count; i++)
        share->values[i] = &share->vectors[world_column(share->request->columns[i].name)];
    *batch = (struct df_funnel_batch){
        .rows = rows,
        .first_row = share->at,
        .keys = {.kind = DF_FUNNEL_KEY_INT64, .count = rows, .numbers = share->users, .valid = share->user_valid},
        .times = share->times,
        .time_valid = share->time_valid,
        .values = share->values};
    share->at += rows;
    return 1;
}

static inline void share_rows(struct share *share, const bool *takes)
{
    struct df_funnel_keys keys = {.kind = DF_FUNNEL_KEY_INT64, .count = 1};
    for (uint32_t i = 0; i < share->world->row_count; i++) {
        int user = share->world->rows[i].user;
        uint32_t code = DF_FUNNEL_NO_GROUP;
        if (user >= 0 && !takes[user])
            continue;
        if (user >= 0) {
            int64_t number = user;
            uint64_t hash;
            keys.numbers = &number;
            df_funnel_keys_hash(&keys, &hash);
            assert_true(df_funnel_groups_add(&share->collector.groups, &keys, &hash, 0, 0, &code));
            share->codes[user] = code;
        }
        share->row_codes[share->row_count] = code;
        share->ordinals[i] = share->row_count;
        share->rows[share->row_count++] = i;
    }
    df_funnel_groups_settle(&share->collector.groups);
}

static inline void share_verdicts(struct share *share)
{
    const struct world *world = share->world;
    size_t chain = 0, session = 0;
    struct df_funnel_verdicts *verdicts = &share->verdicts;
    *verdicts = (struct df_funnel_verdicts){.user_count = (uint32_t)share->collector.groups.group_count,
                                            .in = share->in,
                                            .depth = share->request->funnel.given ? share->depth : NULL,
                                            .units = share->units};
    for (uint32_t code = 0; code < verdicts->user_count; code++) {
        share->session_begin[code] = session;
        int user = (int)share->collector.groups.groups[code].key.number;
        share->in[code] = world->in[user];
        for (size_t i = 0; i < world->unit_count; i++) {
            const struct world_unit *from = &world->units[i];
            if (from->user != user)
                continue;
            if (from->depth > share->depth[code])
                share->depth[code] = from->depth;
            if (world->sessions)
                share->sessions[session++] = (struct df_funnel_session){
                    .begin = from->begin, .end = from->end, .rows = from->rows, .depth = from->depth};
            if (from->depth == 0)
                continue;
            for (size_t k = 0; k < from->depth; k++) {
                share->chain_times[chain + k] = world->rows[from->chain[k]].time;
                share->chain_rows[chain + k] = share->ordinals[from->chain[k]];
            }
            share->units[verdicts->unit_count++] = (struct df_funnel_unit){.user = code,
                                                                           .depth = from->depth,
                                                                           .timed = true,
                                                                           .rows = from->rows,
                                                                           .chain_times = share->chain_times + chain,
                                                                           .chain_rows = share->chain_rows + chain};
            chain += from->depth;
        }
    }
    share->session_begin[verdicts->user_count] = session;
    if (world->sessions) {
        verdicts->sessions = share->sessions;
        verdicts->session_begin = share->session_begin;
    }
}

/* with_codes: the collector knows the user of every row; otherwise they are looked up. */
static inline struct share *share_make(const struct world *world, const struct df_funnel_request *request,
                                       const bool *takes, bool with_codes, bool dictionaries)
{
    struct share *share = calloc(1, sizeof *share);
    assert_non_null(share);
    share->world = world;
    share->request = request;
    share->dictionaries = dictionaries;
    share->collector = (struct df_funnel_collector){.request = request, .account = {.floor_bytes = UINT64_MAX}};
    df_funnel_groups_init(&share->collector.groups, DF_FUNNEL_KEY_INT64, &share->collector.account);
    for (uint32_t i = 0; i < request->column_count; i++)
        share->types[i] = world_types[world_column(request->columns[i].name)];
    share->source = (struct df_funnel_source){.request = request,
                                              .kind = DF_FUNNEL_KEY_INT64,
                                              .scale_known = true,
                                              .scale = DF_FUNNEL_SCALE_MS,
                                              .user_type = {.kind = DF_TYPE_INT64, .bits = 64},
                                              .time_type = {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_MS},
                                              .types = share->types,
                                              .begin = share_begin,
                                              .next = share_next};
    share_rows(share, takes);
    share_verdicts(share);
    share->collector.row_count = share->row_count;
    if (with_codes)
        share->collector.row_codes = share->row_codes;
    return share;
}

static inline void share_free(struct share *share)
{
    df_funnel_groups_dispose(&share->collector.groups);
    free(share);
}

static inline void share_add(struct share *share, struct df_funnel_result *result)
{
    struct df_error error = {0};
    assert_ok(df_funnel_tally(result, &share->verdicts, &share->collector.groups, &share->source, &error), &error);
    if (share->request->second_reading)
        assert_ok(df_funnel_measure(result, &share->verdicts, &share->collector, &share->source, NULL, &error), &error);
}

/* ---- requests and answers; JSON with ' for " ---- */

static inline struct df_buf json_of(const char *text)
{
    struct df_buf out = {0};
    for (; *text; text++)
        df_buf_put_char(&out, (char)(*text == '\'' ? '"' : *text));
    return out;
}

static inline struct df_funnel_request request_of(const char *members, struct df_arena *arena)
{
    struct df_error error = {0};
    struct df_funnel_request request;
    struct df_buf text = {0};
    df_buf_printf(&text, "{'dataset':{'paths':['d'],'user':'u','time':'t'},%s}", members);
    struct df_buf json = json_of(df_buf_text(&text));
    if (df_funnel_request_parse(&request, df_buf_slice(&json), arena, &error) < 0)
        fail_msg("%s: %s", members, error.message);
    df_buf_dispose(&text);
    df_buf_dispose(&json);
    return request;
}

#define WORLD_SEQUENCE                                                                                                 \
    "'sequence':[{'filter':['i','==',1],'name':'one'},{'filter':['i','==',2],'rowFound':false},"                       \
    "{'filter':['i','==',3]},{'filter':['i','==',4]}]"

static inline char *answer_of(struct df_funnel_result *result)
{
    struct df_error error = {0};
    struct df_buf out = {0};
    struct df_json_writer *json = calloc(1, sizeof *json);
    const struct df_funnel_answer answer = {0};
    assert_non_null(json);
    df_json_writer_init(json, &out, DF_JSON_COMPACT);
    df_json_begin_object(json);
    assert_ok(df_funnel_result_put_json(result, &answer, json, &error), &error);
    df_json_end_object(json);
    char *text = df_slice_strdup(df_buf_slice(&out));
    for (char *at = text; *at; at++)
        *at = *at == '"' ? '\'' : *at;
    df_buf_dispose(&out);
    free(json);
    return text;
}

static inline struct df_funnel_result *result_make(const struct df_funnel_request *request)
{
    struct df_error error = {0};
    struct df_funnel_result *result;
    assert_ok(df_funnel_result_create(&result, request, NULL, &error), &error);
    return result;
}

static inline void merge_encoded(struct df_funnel_result *to, const struct df_funnel_result *from, bool without_tables)
{
    struct df_error error = {0};
    struct df_buf encoded = {0};
    df_funnel_result_encode(from, without_tables, &encoded);
    assert_false(df_buf_failed(&encoded));
    struct df_cursor cursor = df_cursor_make(df_buf_slice(&encoded));
    assert_ok(df_funnel_result_merge(to, &cursor, &error), &error);
    assert_int_equal(df_cursor_left(&cursor), 0);
    df_buf_dispose(&encoded);
}

/* The answer of the whole world as one part. */
static inline char *answer_whole(const struct world *world, const struct df_funnel_request *request)
{
    bool takes[WORLD_USERS];
    memset(takes, 1, sizeof takes);
    struct df_funnel_result *result = result_make(request);
    struct share *share = share_make(world, request, takes, true, false);
    share_add(share, result);
    char *text = answer_of(result);
    share_free(share);
    df_funnel_result_free(result);
    return text;
}

#endif
