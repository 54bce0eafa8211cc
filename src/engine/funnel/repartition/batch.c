#include "engine/funnel/repartition/batch.h"

#include <stdlib.h>

enum {
    ROWS_MOST = 4096,
    ROWS_LEAST = 16,
    ROOM_BYTES = 1024 * 1024,  /* of all columns */
    ELEMENTS_MOST = 64 * 1024, /* of a list column, before the batch is full */
};

/* One growing array of values of one kind. */
struct values {
    enum df_vector_kind kind;
    void *array;    /* owned */
    uint8_t *valid; /* owned */
    uint32_t count, capacity;
};

struct column {
    struct values values; /* of a list: its elements */
    uint32_t *offsets;    /* owned; of a list */
    uint8_t *valid;       /* owned; of a list */
    struct df_vector elements;
};

struct df_repartition_batch {
    const struct df_repartition_layout *layout;
    struct column *columns;    /* owned */
    struct df_vector *vectors; /* owned */
    uint32_t rows, capacity;
    bool elements_full;
};

static int no_memory(struct df_error *error)
{
    return df_error_no_memory(error, "writing rows");
}

static size_t width_of(enum df_vector_kind kind)
{
    switch (kind) {
    case DF_VECTOR_BOOL:
        return 1;
    case DF_VECTOR_INT128:
        return sizeof(__int128);
    case DF_VECTOR_BYTES:
        return sizeof(struct df_slice);
    default:
        return 8;
    }
}

/* False: no memory. */
static bool make_room(struct values *values, uint32_t needed)
{
    if (needed <= values->capacity)
        return true;
    uint64_t wanted = (uint64_t)values->capacity * 2 > needed ? (uint64_t)values->capacity * 2 : needed;
    if (wanted > UINT32_MAX)
        return false;
    void *array = realloc(values->array, wanted * width_of(values->kind));
    if (array)
        values->array = array;
    uint8_t *valid = array ? realloc(values->valid, wanted) : NULL;
    if (!valid)
        return false;
    values->valid = valid;
    values->capacity = (uint32_t)wanted;
    return true;
}

static void put(struct values *values, const struct df_repartition_value *value)
{
    uint32_t at = values->count++;
    values->valid[at] = !value->null;
    switch (values->kind) {
    case DF_VECTOR_BOOL:
        ((uint8_t *)values->array)[at] = value->boolean;
        return;
    case DF_VECTOR_FLOAT64:
        ((double *)values->array)[at] = value->float64;
        return;
    case DF_VECTOR_INT128:
        ((__int128 *)values->array)[at] = value->int128;
        return;
    case DF_VECTOR_BYTES:
        ((struct df_slice *)values->array)[at] = value->bytes;
        return;
    default:
        ((int64_t *)values->array)[at] = value->int64;
        return;
    }
}

/* ---- making ---- */

static uint32_t rows_of(const struct df_repartition_request *request)
{
    size_t row_bytes = 0;
    for (uint32_t i = 0; i < request->column_count; i++)
        row_bytes += width_of(df_vector_element_kind_of(&request->columns[i].type)) + 1;
    size_t rows = ROOM_BYTES / (row_bytes ? row_bytes : 1);
    return rows < ROWS_LEAST ? ROWS_LEAST : rows > ROWS_MOST ? ROWS_MOST : (uint32_t)rows;
}

static bool make_column(struct df_repartition_batch *batch, uint32_t i)
{
    const struct df_type *type = &batch->layout->request->columns[i].type;
    struct column *column = &batch->columns[i];
    column->values.kind = type->list ? df_vector_element_kind_of(type) : df_vector_kind_of(type);
    if (type->list) {
        column->offsets = calloc((size_t)batch->capacity + 1, sizeof *column->offsets);
        column->valid = calloc(batch->capacity, 1);
        if (!column->offsets || !column->valid)
            return false;
    }
    return make_room(&column->values, batch->capacity);
}

int df_repartition_batch_create(struct df_repartition_batch **out, const struct df_repartition_layout *layout,
                                struct df_error *error)
{
    uint32_t count = layout->request->column_count;
    struct df_repartition_batch *batch = *out = calloc(1, sizeof *batch);
    if (!batch)
        return no_memory(error);
    batch->layout = layout;
    batch->capacity = rows_of(layout->request);
    batch->columns = calloc(count, sizeof *batch->columns);
    batch->vectors = calloc(count, sizeof *batch->vectors);
    bool made = batch->columns && batch->vectors;
    for (uint32_t i = 0; made && i < count; i++)
        made = make_column(batch, i);
    return made ? 0 : no_memory(error);
}

void df_repartition_batch_free(struct df_repartition_batch *batch)
{
    if (!batch)
        return;
    for (uint32_t i = 0; batch->columns && i < batch->layout->request->column_count; i++) {
        free(batch->columns[i].values.array);
        free(batch->columns[i].values.valid);
        free(batch->columns[i].offsets);
        free(batch->columns[i].valid);
    }
    free(batch->columns);
    free(batch->vectors);
    free(batch);
}

/* ---- rows ---- */

static int add_list(struct df_repartition_batch *batch, struct column *column, const struct df_type *type,
                    struct df_repartition_values *values, const struct df_repartition_value *list,
                    struct df_error *error)
{
    uint32_t count = list->null ? 0 : list->elements;
    if (count > UINT32_MAX - column->values.count || !make_room(&column->values, column->values.count + count))
        return no_memory(error);
    for (uint32_t i = 0; i < count; i++) {
        struct df_repartition_value element = {0};
        if (!df_repartition_element_take(values, type, list, i, &element))
            return df_repartition_record_damaged(error);
        put(&column->values, &element);
    }
    column->valid[batch->rows] = !list->null;
    column->offsets[batch->rows + 1] = column->values.count;
    batch->elements_full = batch->elements_full || column->values.count >= ELEMENTS_MOST;
    return 0;
}

int df_repartition_batch_add(struct df_repartition_batch *batch, struct df_slice record, struct df_error *error)
{
    const struct df_repartition_request *request = batch->layout->request;
    struct df_repartition_values values;
    if (!df_repartition_values_begin(batch->layout, record, &values))
        return df_repartition_record_damaged(error);
    for (uint32_t i = 0; i < request->column_count; i++) {
        uint32_t at = batch->layout->order[i];
        const struct df_type *type = &request->columns[at].type;
        struct df_repartition_value value = {0};
        if (!df_repartition_value_take(&values, &value))
            return df_repartition_record_damaged(error);
        if (!type->list)
            put(&batch->columns[at].values, &value);
        else if (add_list(batch, &batch->columns[at], type, &values, &value, error) < 0)
            return -1;
    }
    if (df_cursor_left(&values.cursor) != 0)
        return df_repartition_record_damaged(error);
    batch->rows++;
    return 0;
}

bool df_repartition_batch_full(const struct df_repartition_batch *batch)
{
    return batch->rows == batch->capacity || batch->elements_full;
}

static void set_values(struct df_vector *vector, const struct values *values, uint32_t rows)
{
    *vector = (struct df_vector){.kind = values->kind, .row_count = rows, .valid = values->valid};
    switch (values->kind) {
    case DF_VECTOR_BOOL:
        vector->values.bools = values->array;
        return;
    case DF_VECTOR_FLOAT64:
        vector->values.float64s = values->array;
        return;
    case DF_VECTOR_INT128:
        vector->values.int128s = values->array;
        return;
    case DF_VECTOR_BYTES:
        vector->values.bytes = values->array;
        return;
    default:
        vector->values.int64s = values->array;
        return;
    }
}

const struct df_vector *df_repartition_batch_vectors(struct df_repartition_batch *batch, uint32_t *rows)
{
    for (uint32_t i = 0; i < batch->layout->request->column_count; i++) {
        struct column *column = &batch->columns[i];
        if (!column->offsets) {
            set_values(&batch->vectors[i], &column->values, batch->rows);
            continue;
        }
        set_values(&column->elements, &column->values, column->values.count);
        batch->vectors[i] =
            (struct df_vector){.kind = DF_VECTOR_LIST,
                               .row_count = batch->rows,
                               .valid = column->valid,
                               .values.list = {.offsets = column->offsets, .elements = &column->elements}};
    }
    *rows = batch->rows;
    return batch->vectors;
}

void df_repartition_batch_clear(struct df_repartition_batch *batch)
{
    for (uint32_t i = 0; i < batch->layout->request->column_count; i++)
        batch->columns[i].values.count = 0;
    batch->rows = 0;
    batch->elements_full = false;
}
