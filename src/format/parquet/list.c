/* Rows of lists from repetition and definition levels.
 *
 *   repetition   0: a row begins; 1: another element of it
 *   definition   element_definition and above: an element, which is null below definition_max
 *                one less: an empty list; less than that: no list at all */
#include <assert.h>

#include "base/size.h"
#include "format/parquet/column.h"
#include "format/parquet/convert.h"

enum {
    LEVELS = 4096, /* values whose levels are looked at in one step */
    /* With so many elements a batch is handed out though it could have more rows. */
    ELEMENTS_WANTED = 64 * 1024,
    ROWS_MAX = DF_PARQUET_BATCH_ROWS,
};

static uint32_t *offsets_of(const struct df_parquet_list *list)
{
    return (uint32_t *)(void *)list->offsets.data;
}

/* ---- memory ---- */

/* At least doubles, so that a row of any length is copied a few times only; what is asked for is all that must be had.
 */
static bool grow(struct df_parquet_buffer *buffer, struct df_budget *budget, size_t bytes, size_t keep_bytes)
{
    size_t twice;
    if (bytes <= buffer->capacity)
        return true;
    if (df_size_mul(&twice, buffer->capacity, 2) == 0 && twice > bytes &&
        df_parquet_buffer_ensure(buffer, budget, twice, keep_bytes, 100))
        return true;
    return df_parquet_buffer_ensure(buffer, budget, bytes, keep_bytes, 100);
}

static bool make_room(struct df_parquet_reader *reader, size_t more)
{
    struct df_parquet_list *list = &reader->list;
    struct df_budget *budget = reader->budget;
    size_t have = list->element_count, width = df_vector_element_bytes(reader->leaf->kind);
    size_t count = have + more, rows = ROWS_MAX + 2; /* a row that is open, and the end of the last */
    if (count > UINT32_MAX / sizeof(__int128))
        return false;
    return df_parquet_buffer_ensure(&list->offsets, budget, rows * sizeof(uint32_t), 0, 100) &&
           df_parquet_buffer_ensure(&list->valid, budget, rows, 0, 100) &&
           df_parquet_buffer_ensure(&list->levels, budget, 2 * (size_t)LEVELS, 0, 100) &&
           grow(&list->elements, budget, count * width, list->coded ? 0 : have * width) &&
           grow(&list->element_valid, budget, count, have) &&
           grow(&list->codes, budget, count * sizeof(uint32_t), list->coded ? have * sizeof(uint32_t) : 0);
}

/* Copies the byte arrays that point into the page, which is about to go. */
static bool carry(struct df_parquet_reader *reader)
{
    struct df_parquet_list *list = &reader->list;
    if (list->coded || reader->leaf->kind != DF_VECTOR_BYTES || list->carried == list->element_count)
        return true;
    struct df_slice *slices = (struct df_slice *)(void *)list->elements.data;
    size_t bytes = 0;
    for (uint32_t i = list->carried; i < list->element_count; i++)
        bytes += slices[i].size;
    uint8_t *to = df_parquet_memory_array(&list->carried_bytes, bytes ? bytes : 1, 1);
    if (!to)
        return false;
    for (; list->carried < list->element_count; list->carried++) {
        struct df_slice *slice = &slices[list->carried];
        if (slice->size)
            memcpy(to, slice->data, slice->size);
        slice->data = to;
        to += slice->size;
    }
    return true;
}

/* Drops the rows that were handed out; what is left is the open one. */
static void compact(struct df_parquet_reader *reader)
{
    struct df_parquet_list *list = &reader->list;
    if (list->row_count == 0)
        return;
    uint32_t *offsets = offsets_of(list);
    uint32_t begin = list->open ? offsets[list->row_count] : list->element_count;
    uint32_t count = list->element_count - begin;
    size_t width = list->coded ? sizeof(uint32_t) : df_vector_element_bytes(reader->leaf->kind);
    uint8_t *elements = list->coded ? list->codes.data : list->elements.data;
    if (count > 0) {
        memmove(elements, elements + begin * width, count * width);
        memmove(list->element_valid.data, list->element_valid.data + begin, count);
    } else {
        list->null_count = 0;
    }
    if (list->open)
        list->valid.data[0] = list->valid.data[list->row_count];
    offsets[0] = 0;
    list->row_at = list->row_count = 0;
    list->element_count = count;
    list->carried = list->carried > begin ? list->carried - begin : 0;
    struct df_budget *budget = list->carried_bytes.budget;
    if (list->carried == 0) {
        df_parquet_memory_dispose(&list->carried_bytes);
        list->carried_bytes.budget = budget;
    }
}

/* ---- elements ---- */

/* Elements that are codes stay so as long as pages have codes; before the first other one they become values. */
static void choose_kind(struct df_parquet_reader *reader)
{
    struct df_parquet_list *list = &reader->list;
    bool codes = df_parquet_values_have_codes(&reader->values);
    if (list->element_count == 0)
        list->coded = codes;
    if (!list->coded || codes)
        return;
    const struct df_dictionary *entries = &reader->dictionary.entries;
    size_t bytes = list->element_count * df_vector_element_bytes(reader->leaf->kind);
    if (entries->count > 0)
        df_dictionary_look_up(entries, reader->leaf->kind, (const uint32_t *)(const void *)list->codes.data,
                              list->elements.data, list->element_count);
    else /* nulls only: their code 0 is no entry */
        memset(list->elements.data, 0, bytes);
    list->coded = false;
}

static int take_elements(struct df_parquet_reader *reader, uint32_t count, uint32_t present, struct df_error *error)
{
    struct df_parquet_list *list = &reader->list;
    size_t at = list->element_count;
    struct df_parquet_problem problem;
    enum df_vector_kind kind = list->coded ? DF_VECTOR_CODES : reader->leaf->kind;
    uint8_t *to = list->coded ? list->codes.data : list->elements.data;
    to += at * df_vector_element_bytes(kind);
    if (list->coded)
        problem = df_parquet_values_take_codes(&reader->values, (uint32_t *)(void *)to, present);
    else
        problem = df_parquet_values_take(&reader->values, to, present);
    if (problem.text)
        return df_parquet_reader_problem(reader, error, problem);
    if (present < count)
        df_vector_spread(kind, to, list->element_valid.data + at, count, present);
    list->element_count += count;
    list->null_count += count - present;
    return 0;
}

/* What some levels say: rows that begin, and elements with and without values. */
struct found {
    uint32_t elements, present;
};

static const char *read_levels(struct df_parquet_reader *reader, size_t n, struct found *found)
{
    struct df_parquet_list *list = &reader->list;
    const struct df_parquet_leaf *leaf = reader->leaf;
    const uint8_t *definitions = list->levels.data, *repetitions = definitions + LEVELS;
    uint8_t *valid = list->element_valid.data + list->element_count;
    uint32_t *offsets = offsets_of(list);
    *found = (struct found){0};
    for (size_t i = 0; i < n; i++) {
        bool element = definitions[i] >= leaf->element_definition;
        if (repetitions[i] == 0) {
            list->row_count += list->open;
            list->open = true;
            offsets[list->row_count] = list->element_count + found->elements;
            list->valid.data[list->row_count] = definitions[i] + 1 >= leaf->element_definition;
        } else if (!list->open || !element) {
            return "its levels do not make rows: one goes on that has not begun or has no elements";
        }
        if (element) {
            valid[found->elements] = definitions[i] == leaf->definition_max;
            found->present += valid[found->elements++];
        }
    }
    return NULL;
}

static int take_some(struct df_parquet_reader *reader, struct df_error *error)
{
    struct df_parquet_list *list = &reader->list;
    size_t room = (size_t)ROWS_MAX + 1 - list->row_count - list->open;
    size_t n = reader->page_left < LEVELS ? reader->page_left : LEVELS;
    n = n < room ? n : room;
    choose_kind(reader);
    if (!make_room(reader, n))
        return df_parquet_reader_fail(reader, error, DF_ERROR_EXHAUSTED,
                                      "a list of more than %u elements does not fit into the memory limit; raise "
                                      "memory.limit",
                                      list->element_count);
    const char *problem = df_parquet_levels_take(&reader->repetitions, list->levels.data + LEVELS, n);
    if (!problem)
        problem = df_parquet_levels_take(&reader->definitions, list->levels.data, n);
    struct found found = {0};
    if (!problem)
        problem = read_levels(reader, n, &found);
    if (!problem && reader->leaf->always_null && found.present > 0)
        problem = "it has values, but its type says that all are null";
    if (problem)
        return df_parquet_reader_fail(reader, error, DF_ERROR_CORRUPT, "%s", problem);
    if (take_elements(reader, found.elements, found.present, error) < 0)
        return -1;
    reader->page_left -= (uint32_t)n;
    return reader->page_left > 0 ? 0 : df_parquet_reader_end_page(reader, error);
}

/* ---- rows ---- */

static bool is_full(const struct df_parquet_list *list)
{
    return list->row_count == ROWS_MAX || (list->row_count > 0 && list->element_count >= ELEMENTS_WANTED);
}

/* The row that is open at the chunk's end is complete. */
static void close_last_row(struct df_parquet_reader *reader)
{
    struct df_parquet_list *list = &reader->list;
    if (!list->open || reader->page_left > 0 || reader->values_left > 0)
        return;
    list->open = false;
    offsets_of(list)[++list->row_count] = list->element_count;
}

int df_parquet_reader_advance_list(struct df_parquet_reader *reader, struct df_error *error)
{
    struct df_parquet_list *list = &reader->list;
    if (list->row_at < list->row_count)
        return 1;
    compact(reader);
    for (;;) {
        while (reader->page_left > 0 && !is_full(list))
            if (take_some(reader, error) < 0)
                return -1;
        close_last_row(reader);
        if (list->row_count > 0)
            return 1;
        if (reader->values_left == 0)
            return df_parquet_reader_fail(reader, error, DF_ERROR_CORRUPT,
                                          "there is no such page, but its row group has more rows");
        if (!carry(reader))
            return df_parquet_reader_memory_refused(reader, error, 1);
        int ready = df_parquet_reader_advance_page(reader, error);
        if (ready <= 0)
            return ready;
    }
}

void df_parquet_reader_decode_list(struct df_parquet_reader *reader, uint32_t rows, struct df_vector *vector)
{
    struct df_parquet_list *list = &reader->list;
    const uint32_t *offsets = offsets_of(list) + list->row_at;
    struct df_vector *elements = &list->elements_vector;
    *elements = (struct df_vector){.kind = list->coded ? DF_VECTOR_CODES : reader->leaf->kind,
                                   .row_count = offsets[rows],
                                   .valid = list->null_count > 0 ? list->element_valid.data : NULL,
                                   .dictionary = list->coded ? &reader->dictionary.entries : NULL};
    df_vector_set_values(elements, list->coded ? list->codes.data : list->elements.data);
    *vector = (struct df_vector){
        .kind = DF_VECTOR_LIST,
        .row_count = rows,
        .valid = reader->leaf->element_definition > 1 ? list->valid.data + list->row_at : NULL,
        .values.list = {.offsets = offsets, .elements = elements},
    };
    list->row_at += rows;
}
