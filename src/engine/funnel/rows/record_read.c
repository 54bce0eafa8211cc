/* Blocks of the exchange to batches; the layout is in record.h. */
#include "engine/funnel/rows/record_read.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "engine/funnel/rows/record_layout.h"

/* Rows of a root in the decoded block; of an older block when the stamp is another. */
struct root_rows {
    uint64_t stamp;
    size_t begin;
    uint32_t count;
};

struct df_funnel_record_reader {
    const struct df_funnel_request *request;
    struct df_funnel_record_head known;
    struct df_type *known_types; /* owned, of `known` */
    bool seen;

    struct df_buf head_bytes; /* of the head below */
    struct df_funnel_record_head head;
    struct df_type *head_types; /* owned, of `head` */

    bool is_plain; /* the batch is: */
    struct df_funnel_plain plain;

    struct df_funnel_decoded users, times;
    struct df_funnel_decoded *columns; /* per column of the request, owned */
    const struct df_vector **values;   /* the same, owned */
    struct root_rows *roots;           /* per root filter, owned */
    uint64_t stamp;
    uint32_t *match_rows; /* owned */
    size_t match_count, match_capacity;
    uint32_t rows;
    uint32_t all_rows[DF_FUNNEL_ROWS_MAX]; /* 0, 1, …: what matches `where` */
};

/* ---- making ---- */

int df_funnel_record_reader_create(struct df_funnel_record_reader **out, const struct df_funnel_request *request,
                                   struct df_error *error)
{
    size_t columns = (size_t)request->column_count + 1;
    struct df_funnel_record_reader *reader = *out = calloc(1, sizeof *reader);
    if (!reader)
        return df_error_no_memory(error, "reading sections");
    reader->request = request;
    df_funnel_plain_init(&reader->plain, request);
    reader->known_types = calloc(columns, sizeof *reader->known_types);
    reader->head_types = calloc(columns, sizeof *reader->head_types);
    reader->columns = calloc(columns, sizeof *reader->columns);
    reader->values = calloc(columns, sizeof *reader->values);
    reader->roots = calloc((size_t)request->filters.root_count + 1, sizeof *reader->roots);
    for (uint32_t i = 0; i < DF_FUNNEL_ROWS_MAX; i++)
        reader->all_rows[i] = i;
    if (!reader->known_types || !reader->head_types || !reader->columns || !reader->values || !reader->roots) {
        df_funnel_record_reader_free(reader);
        *out = NULL;
        return df_error_no_memory(error, "reading sections");
    }
    reader->known.types = reader->known_types;
    reader->known.column_count = request->column_count;
    return 0;
}

void df_funnel_record_reader_free(struct df_funnel_record_reader *reader)
{
    if (!reader)
        return;
    for (uint32_t i = 0; reader->columns && i < reader->request->column_count; i++)
        df_funnel_decoded_dispose(&reader->columns[i]);
    df_funnel_decoded_dispose(&reader->users);
    df_funnel_decoded_dispose(&reader->times);
    df_funnel_plain_dispose(&reader->plain);
    df_buf_dispose(&reader->head_bytes);
    free(reader->known_types);
    free(reader->head_types);
    free(reader->columns);
    free((void *)reader->values);
    free(reader->roots);
    free(reader->match_rows);
    free(reader);
}

/* ---- the frame of a block ---- */

static bool take_sized(struct df_cursor *cursor, struct df_slice *out)
{
    uint64_t size;
    return df_cursor_take_varint(cursor, &size) && size <= df_cursor_left(cursor) &&
           df_cursor_take_bytes(cursor, (size_t)size, out);
}

int df_funnel_block_take(struct df_slice bytes, struct df_funnel_block *block, struct df_error *error)
{
    struct df_cursor cursor = df_cursor_make(bytes);
    uint8_t version;
    uint64_t rows;
    if (!df_cursor_take_u8(&cursor, &version))
        return 0;
    if (version != RECORD_VERSION)
        return df_funnel_record_corrupt(error, "a block is of another version");
    if (!take_sized(&cursor, &block->head) || !df_cursor_take_varint(&cursor, &rows) ||
        !take_sized(&cursor, &block->body))
        return df_funnel_record_corrupt(error, "it ends in a block");
    if (rows == 0 || rows > DF_FUNNEL_ROWS_MAX)
        return df_funnel_record_corrupt(error, "a block announces no rows, or more than a block has");
    block->rows = (uint32_t)rows;
    block->size_bytes = bytes.size - df_cursor_left(&cursor);
    return 1;
}

/* ---- heads ---- */

/* Most blocks have the head of the one before. 1: it is another one now. */
static int load_head(struct df_funnel_record_reader *reader, struct df_slice head, struct df_error *error)
{
    if (reader->seen && df_slice_equal(head, df_buf_slice(&reader->head_bytes)))
        return 0;
    reader->seen = false; /* what is kept is not to be trusted until it is whole again */
    if (df_funnel_record_take_head(head, reader->request->column_count, &reader->head, reader->head_types, error) < 0)
        return -1;
    df_buf_clear(&reader->head_bytes);
    df_buf_put_slice(&reader->head_bytes, head);
    if (df_buf_failed(&reader->head_bytes))
        return df_error_no_memory(error, "reading a section");
    reader->seen = true;
    return 1;
}

int df_funnel_record_survey(struct df_funnel_record_reader *reader, const struct df_funnel_block *block,
                            struct df_error *error)
{
    bool first = !df_funnel_record_seen(reader);
    int loaded = load_head(reader, block->head, error);
    if (loaded <= 0)
        return loaded;
    if (first) {
        reader->known = reader->head;
        memcpy(reader->known_types, reader->head_types, reader->head.column_count * sizeof *reader->known_types);
        reader->known.types = reader->known_types;
        return 0;
    }
    if (df_funnel_record_merge(&reader->known, reader->known_types, &reader->head, reader->request, error) == 0)
        return 0;
    reader->seen = false;
    return -1;
}

bool df_funnel_record_seen(const struct df_funnel_record_reader *reader)
{
    return reader->head_bytes.size > 0;
}

const struct df_funnel_record_head *df_funnel_record_known(const struct df_funnel_record_reader *reader)
{
    return &reader->known;
}

/* ---- matches ---- */

static bool make_match_room(struct df_funnel_record_reader *reader, size_t needed)
{
    size_t bytes;
    if (needed <= reader->match_capacity)
        return true;
    if (df_size_mul(&bytes, needed, sizeof *reader->match_rows) < 0)
        return false;
    free(reader->match_rows);
    reader->match_rows = malloc(bytes);
    reader->match_capacity = reader->match_rows ? needed : 0;
    return reader->match_rows != NULL;
}

static int take_match_rows(struct df_funnel_record_reader *reader, struct df_cursor *cursor, uint32_t count,
                           struct df_error *error)
{
    uint64_t row = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t distance;
        if (!df_cursor_take_varint(cursor, &distance))
            return df_funnel_record_corrupt(error, "a block ends in the rows of a filter");
        if (distance >= reader->rows || (i > 0 && distance == 0) || row + distance >= reader->rows)
            return df_funnel_record_corrupt(error, "a filter names a row that is not in its block");
        row += distance;
        reader->match_rows[reader->match_count++] = (uint32_t)row;
    }
    return 0;
}

static int take_matches(struct df_funnel_record_reader *reader, struct df_slice part, struct df_error *error)
{
    struct df_cursor cursor = df_cursor_make(part);
    uint64_t root, count, next = 0;
    reader->stamp++;
    reader->match_count = 0;
    /* A row of a filter takes a byte at least. */
    if (!make_match_room(reader, part.size))
        return df_error_no_memory(error, "reading a section");
    while (df_cursor_left(&cursor) > 0) {
        if (!df_cursor_take_varint(&cursor, &root) || !df_cursor_take_varint(&cursor, &count))
            return df_funnel_record_corrupt(error, "a block ends in the head of a filter");
        if (root < next || root >= reader->request->filters.root_count || root == reader->request->where)
            return df_funnel_record_corrupt(error, "a block holds a filter that the query does not have");
        if (count == 0 || count > reader->rows || count > df_cursor_left(&cursor))
            return df_funnel_record_corrupt(error, "a filter has another number of rows than its block");
        reader->roots[root] =
            (struct root_rows){.stamp = reader->stamp, .begin = reader->match_count, .count = (uint32_t)count};
        next = root + 1;
        if (take_match_rows(reader, &cursor, (uint32_t)count, error) < 0)
            return -1;
    }
    return 0;
}

void df_funnel_record_match(struct df_funnel_record_reader *reader, uint32_t root, const uint32_t **rows,
                            uint32_t *count)
{
    const struct root_rows *found = &reader->roots[root];
    if (root == reader->request->where) {
        *rows = reader->all_rows;
        *count = reader->rows;
        return;
    }
    if (reader->is_plain) {
        *count = df_funnel_plain_match(&reader->plain, root);
        *rows = reader->plain.picked;
        return;
    }
    bool here = found->stamp == reader->stamp;
    *rows = here ? reader->match_rows + found->begin : NULL;
    *count = here ? found->count : 0;
}

void df_funnel_record_masks(struct df_funnel_record_reader *reader, const uint32_t *roots, uint32_t count,
                            uint8_t *masks)
{
    if (reader->is_plain)
        df_funnel_plain_masks(&reader->plain, roots, count, masks);
    for (uint32_t b = 0; b < count; b++) {
        const uint32_t *rows;
        uint32_t matched;
        if (reader->is_plain && roots[b] != reader->request->where)
            continue;
        df_funnel_record_match(reader, roots[b], &rows, &matched);
        for (uint32_t i = 0; i < matched; i++)
            masks[rows[i]] |= (uint8_t)(1u << b);
    }
}

/* ---- a block ---- */

struct parts {
    struct df_cursor cursor;
    struct df_slice part;
};

static int next_part(struct parts *parts, struct df_error *error)
{
    return take_sized(&parts->cursor, &parts->part) ? 0 : df_funnel_record_corrupt(error, "the body of a block is cut");
}

static int take_users(struct df_funnel_record_reader *reader, struct df_slice part, struct df_funnel_batch *batch,
                      struct df_error *error)
{
    struct df_type type = df_funnel_record_user_type(reader->head.kind);
    if (df_funnel_decoded_take(&reader->users, part, &type, false, batch->rows, error) < 0)
        return -1;
    const struct df_vector *vector = &reader->users.vector;
    if (vector->valid)
        return df_funnel_record_corrupt(error, "a row in a block has no user");
    batch->keys.count = batch->rows;
    if (reader->head.kind == DF_FUNNEL_KEY_BYTES)
        batch->keys.bytes = vector->values.bytes;
    else
        batch->keys.numbers = vector->values.int64s;
    return 0;
}

static int take_times(struct df_funnel_record_reader *reader, struct df_slice part, struct df_funnel_batch *batch,
                      struct df_error *error)
{
    const struct df_type type = {.kind = DF_TYPE_INT64, .bits = 64};
    if (df_funnel_decoded_take(&reader->times, part, &type, false, batch->rows, error) < 0)
        return -1;
    batch->times = reader->times.vector.values.int64s;
    batch->time_valid = reader->times.vector.valid;
    return 0;
}

static int take_column(struct df_funnel_record_reader *reader, uint32_t index, struct df_slice part, uint32_t rows,
                       struct df_error *error)
{
    bool null = reader->head_types[index].kind == DF_TYPE_NULL;
    struct df_funnel_decoded *column = &reader->columns[index];
    if (df_funnel_decoded_take(column, part, &reader->known_types[index], null, rows, error) < 0)
        return -1;
    reader->values[index] = &column->vector;
    return 0;
}

static int take_columns(struct df_funnel_record_reader *reader, struct parts *parts, enum df_funnel_reading reading,
                        uint32_t rows, struct df_error *error)
{
    for (uint32_t i = 0; i < reader->request->column_count; i++) {
        const struct df_funnel_column *column = &reader->request->columns[i];
        bool wanted = (column->facts && reading != DF_FUNNEL_VALUES) || (column->values && reading != DF_FUNNEL_FACTS);
        reader->values[i] = NULL;
        if (next_part(parts, error) < 0 || (wanted && take_column(reader, i, parts->part, rows, error) < 0))
            return -1;
    }
    if (df_cursor_left(&parts->cursor) != 0)
        return df_funnel_record_corrupt(error, "something stands behind the columns of a block");
    return 0;
}

static int take_block_of_columns(struct df_funnel_record_reader *reader, struct df_slice body,
                                 enum df_funnel_reading reading, bool want_keys, struct df_funnel_batch *batch,
                                 struct df_error *error)
{
    struct parts parts = {.cursor = df_cursor_make(body)};
    bool facts = reading != DF_FUNNEL_VALUES;
    reader->rows = batch->rows;
    if (next_part(&parts, error) < 0 || ((facts || want_keys) && take_users(reader, parts.part, batch, error) < 0))
        return -1;
    if (next_part(&parts, error) < 0 ||
        ((facts || reader->request->all_times) && take_times(reader, parts.part, batch, error) < 0))
        return -1;
    if (next_part(&parts, error) < 0 || (facts && take_matches(reader, parts.part, error) < 0))
        return -1;
    return take_columns(reader, &parts, reading, batch->rows, error);
}

static int take_plain_block(struct df_funnel_record_reader *reader, struct df_slice body, uint32_t rows,
                            enum df_funnel_reading reading, bool want_keys, struct df_funnel_batch *batch,
                            struct df_error *error)
{
    struct df_funnel_plain *plain = &reader->plain;
    bool users = reading != DF_FUNNEL_VALUES || want_keys;
    bool times = reading != DF_FUNNEL_VALUES || reader->request->all_times;
    if (reader->head.kind == DF_FUNNEL_KEY_BYTES)
        return df_funnel_record_corrupt(error, "a block is of a layout that its users do not have");
    if (df_funnel_plain_take(plain, body, rows, users, times, error) < 0)
        return -1;
    batch->rows = reader->rows = plain->rows;
    if (users) {
        batch->keys.numbers = plain->users;
        batch->keys.count = plain->rows;
    }
    if (times)
        df_funnel_plain_give_times(plain, batch);
    return 0;
}

static int take_layout(struct df_slice *body, uint8_t *layout, struct df_error *error)
{
    if (body->size == 0 || body->data[0] > RECORD_LAYOUT_PLAIN)
        return df_funnel_record_corrupt(error, "a block is of an unknown layout");
    *layout = body->data[0];
    *body = df_slice_make(body->data + 1, body->size - 1);
    return 0;
}

int df_funnel_record_decode(struct df_funnel_record_reader *reader, const struct df_funnel_block *block,
                            enum df_funnel_reading reading, bool want_keys, struct df_funnel_batch *batch,
                            struct df_error *error)
{
    struct df_slice body = block->body;
    uint8_t layout = 0;
    if (load_head(reader, block->head, error) < 0 || take_layout(&body, &layout, error) < 0)
        return -1;
    *batch =
        (struct df_funnel_batch){.rows = block->rows, .keys = {.kind = reader->head.kind}, .values = reader->values};
    reader->is_plain = layout == RECORD_LAYOUT_PLAIN;
    df_funnel_plain_clear(&reader->plain);
    return reader->is_plain ? take_plain_block(reader, body, block->rows, reading, want_keys, batch, error)
                            : take_block_of_columns(reader, body, reading, want_keys, batch, error);
}

int df_funnel_record_append(struct df_funnel_record_reader *reader, const struct df_funnel_block *block,
                            enum df_funnel_reading reading, bool want_keys, struct df_funnel_batch *batch,
                            struct df_error *error)
{
    struct df_slice body = block->body;
    uint8_t layout = 0;
    if (!reader->is_plain || !df_funnel_plain_has_room(&reader->plain, block->rows))
        return 0;
    if (load_head(reader, block->head, error) < 0 || take_layout(&body, &layout, error) < 0)
        return -1;
    if (layout != RECORD_LAYOUT_PLAIN || reader->head.kind != batch->keys.kind)
        return 0;
    return take_plain_block(reader, body, block->rows, reading, want_keys, batch, error) < 0 ? -1 : 1;
}
