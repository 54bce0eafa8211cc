/* Many rows at once, in plain loops: as long as the page cannot become full by them, nobody has to look at each. What
 * comes out is what write_rows.c would have made of them one by one. */
#include "format/parquet/bloom.h"
#include "format/parquet/rle.h"
#include "format/parquet/write_column.h"

enum {
    BATCH_ROWS = 4096,
    MEMO_ENTRIES_MAX = 1 << 16, /* dictionaries of vectors that are larger repeat too little */
};

struct batch {
    struct df_write_column *column;
    const struct df_vector *vector;
    const uint8_t *valid; /* of the first row; NULL: no nulls */
    uint32_t begin, count, present;
};

static bool has_value(const struct batch *batch, uint32_t i)
{
    return !batch->valid || batch->valid[i];
}

/* So many of these strings are fewer bytes than `room`. */
static uint32_t strings_below(const struct batch *batch, uint64_t room)
{
    const struct df_slice *strings = batch->vector->values.bytes + batch->begin;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        bytes += has_value(batch, i) ? strings[i].size + sizeof(uint32_t) : 0;
        if (bytes + i / 8 + 1 >= room)
            return i;
    }
    return batch->count;
}

/* So many PLAIN values, with their levels, certainly do not fill the page. */
static uint32_t rows_below(const struct batch *batch)
{
    const struct df_write_column *column = batch->column;
    uint64_t now = df_write_column_page_bytes(column) + 1; /* levels are counted in whole bytes */
    if (now >= column->page_bytes)
        return 0;
    if (batch->vector->kind == DF_VECTOR_BYTES)
        return strings_below(batch, column->page_bytes - now);
    uint64_t rows = (column->page_bytes - now - 1) * 8 / (8 * sizeof(uint64_t) + 1);
    return rows < batch->count ? (uint32_t)rows : batch->count;
}

/* ---- PLAIN ---- */

/* Notes a value of the batch in full: of a run of numbers only the least and the greatest. */
static void note_row(const struct batch *batch, uint32_t i)
{
    struct df_write_column *column = batch->column;
    struct df_write_value value;
    struct df_error error; /* it was looked at before */
    if (df_write_value_take(&column->options, &column->written, batch->vector, batch->begin + i, &value, &error) == 0)
        df_write_statistics_note(&column->of_page, &column->options.type, &value);
}

static uint32_t first_value(const struct batch *batch)
{
    uint32_t i = 0;
    while (i < batch->count && !has_value(batch, i))
        i++;
    return i;
}

/* False when one of them is not in the range of the type: then nothing has happened. */
static bool note_integers(const struct batch *batch)
{
    const struct df_write_column *column = batch->column;
    const int64_t *numbers = batch->vector->values.int64s + batch->begin;
    uint32_t first = first_value(batch), least = first, greatest = first;
    uint64_t flip = column->options.type.kind == DF_TYPE_UINT64 ? UINT64_C(1) << 63 : 0; /* orders them as signed */
    if (first == batch->count)
        return true;
    int64_t low = (int64_t)((uint64_t)numbers[first] ^ flip), high = low;
    for (uint32_t i = first + 1; i < batch->count; i++) {
        int64_t number = (int64_t)((uint64_t)numbers[i] ^ flip);
        if (number >= low && number <= high)
            continue;
        if (!has_value(batch, i))
            continue;
        least = number < low ? i : least;
        greatest = number > high ? i : greatest;
        low = number < low ? number : low;
        high = number > high ? number : high;
    }
    if (numbers[least] < column->written.least || numbers[greatest] > column->written.greatest)
        return false;
    note_row(batch, least);
    note_row(batch, greatest);
    return true;
}

static void put_integers(const struct batch *batch, uint8_t *to, size_t width)
{
    const int64_t *numbers = batch->vector->values.int64s + batch->begin;
    if (!batch->valid && width == sizeof *numbers) {
        memcpy(to, numbers, batch->count * sizeof *numbers);
        return;
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        memcpy(to, &numbers[i], width); /* little-endian: the low bytes */
        to += has_value(batch, i) ? width : 0;
    }
}

static void note_reals(const struct batch *batch)
{
    const double *reals = batch->vector->values.float64s + batch->begin;
    uint32_t least = UINT32_MAX, greatest = UINT32_MAX;
    double low = __builtin_inf(), high = -__builtin_inf();
    for (uint32_t i = 0; i < batch->count; i++) {
        if (!has_value(batch, i))
            continue;
        batch->column->of_page.nan_count += reals[i] != reals[i];
        if (reals[i] <= low) {
            low = reals[i];
            least = i;
        }
        if (reals[i] >= high) {
            high = reals[i];
            greatest = i;
        }
    }
    if (least != UINT32_MAX)
        note_row(batch, least);
    if (greatest != UINT32_MAX)
        note_row(batch, greatest);
}

static void put_reals(const struct batch *batch, uint8_t *to)
{
    const double *reals = batch->vector->values.float64s + batch->begin;
    for (uint32_t i = 0; i < batch->count; i++) {
        memcpy(to, &reals[i], sizeof *reals);
        to += has_value(batch, i) ? sizeof *reals : 0;
    }
}

/* Where the values will stand, and nothing behind them counts. */
static uint8_t *make_room(const struct batch *batch, size_t width)
{
    struct df_buf *plain = &batch->column->plain;
    uint8_t *to = df_buf_extend(plain, batch->count * width);
    if (to)
        plain->size -= (batch->count - batch->present) * width;
    return to;
}

static void put_hashes(const struct batch *batch, const uint8_t *from, size_t width)
{
    for (uint32_t i = 0; batch->column->more.bloom_filter && i < batch->present; i++)
        df_buf_put_u64le(&batch->column->hashes, df_bloom_hash(df_slice_make(from + i * width, width)));
}

/* PLAIN values that are put at once: numbers of 4 or 8 bytes, and strings. */
enum at_once { NOT_AT_ONCE, INTEGERS, REALS, STRINGS };

static enum at_once at_once(const struct batch *batch)
{
    const struct df_write_column *column = batch->column;
    enum df_parquet_physical physical = column->written.physical;
    if (column->options.type.kind == DF_TYPE_NULL)
        return NOT_AT_ONCE;
    if (batch->vector->kind == DF_VECTOR_INT64 && column->written.factor == 1 &&
        (physical == DF_PARQUET_INT32 || physical == DF_PARQUET_INT64))
        return INTEGERS;
    if (batch->vector->kind == DF_VECTOR_FLOAT64 && physical == DF_PARQUET_DOUBLE)
        return REALS;
    bool strings = batch->vector->kind == DF_VECTOR_BYTES && physical == DF_PARQUET_BYTE_ARRAY;
    return strings && !column->more.bloom_filter ? STRINGS : NOT_AT_ONCE;
}

/* False: they are not all of the type, and nothing has happened. */
static bool put_numbers(const struct batch *batch, bool integers)
{
    size_t width = batch->column->written.physical == DF_PARQUET_INT32 ? 4 : 8;
    if (integers && !note_integers(batch))
        return false;
    uint8_t *to = make_room(batch, width);
    if (!to)
        return true; /* the failure sticks */
    if (integers) {
        put_integers(batch, to, width);
    } else {
        note_reals(batch);
        put_reals(batch, to);
    }
    put_hashes(batch, to, width);
    return true;
}

static void put_strings(const struct batch *batch)
{
    struct df_write_column *column = batch->column;
    const struct df_slice *strings = batch->vector->values.bytes + batch->begin;
    for (uint32_t i = 0; i < batch->count; i++) {
        if (!has_value(batch, i))
            continue;
        df_buf_put_u32le(&column->plain, (uint32_t)strings[i].size);
        df_buf_put_slice(&column->plain, strings[i]);
        df_write_statistics_note(&column->of_page, &column->options.type,
                                 &(struct df_write_value){.bytes = strings[i]});
    }
}

/* As many of the rows as do not fill the page; false: none. */
static bool put_plain(struct batch *batch)
{
    enum at_once kind = at_once(batch);
    batch->count = kind == NOT_AT_ONCE ? 0 : rows_below(batch);
    for (uint32_t i = 0; i < batch->count; i++)
        batch->present += has_value(batch, i);
    if (batch->count == 0)
        return false;
    if (kind != STRINGS)
        return put_numbers(batch, kind == INTEGERS);
    put_strings(batch);
    return true;
}

/* ---- codes ---- */

/* The bytes of a value where they stand, as PLAIN has them; false: they must be made. */
static bool plain_in_place(const struct batch *batch, uint32_t row, struct df_slice *plain)
{
    const struct df_write_type *written = &batch->column->written;
    const struct df_vector *vector = batch->vector;
    if (vector->kind == DF_VECTOR_BYTES && written->physical == DF_PARQUET_BYTE_ARRAY) {
        *plain = vector->values.bytes[row];
        return plain->size <= DF_WRITE_VALUE_BYTES_MAX;
    }
    if (vector->kind != DF_VECTOR_INT64 || written->physical != DF_PARQUET_INT64 || written->factor != 1)
        return false;
    *plain = df_slice_make(&vector->values.int64s[row], sizeof(int64_t));
    return true;
}

/* The code of a value of the vector; false: the dictionary has no room for it, or the value is not of the type. */
static bool code_of(const struct batch *batch, uint32_t row, uint32_t *code)
{
    struct df_write_column *column = batch->column;
    bool with_length = column->written.physical == DF_PARQUET_BYTE_ARRAY;
    struct df_write_value value;
    struct df_slice plain;
    struct df_error error; /* what is wrong is told by who takes the rows one by one */
    bool made = !plain_in_place(batch, row, &plain);
    if (made) {
        if (df_write_value_take(&column->options, &column->written, batch->vector, row, &value, &error) < 0)
            return false;
        plain = value.plain_bytes;
    }
    enum df_write_dictionary_result result = df_write_dictionary_code(&column->dictionary, plain, with_length, code);
    if (result != DF_WRITE_DICTIONARY_CODE && result != DF_WRITE_DICTIONARY_NEW)
        return false;
    if (result == DF_WRITE_DICTIONARY_NEW && column->more.bloom_filter)
        df_buf_put_u64le(&column->hashes, df_bloom_hash(plain));
    if (df_write_column_first_of_page(column, *code) || column->options.type.kind == DF_TYPE_FLOAT)
        note_row(batch, row - batch->begin); /* of floats each one, as every NaN counts */
    return true;
}

/* Our codes by those of the vector, plus 1; 0: not known yet. NULL when the vector has none, or too many. */
static uint32_t *memo_of(const struct batch *batch)
{
    struct df_buf *memo = &batch->column->memo;
    if (batch->vector->kind != DF_VECTOR_CODES || batch->column->options.type.kind == DF_TYPE_FLOAT)
        return NULL;
    uint32_t count = batch->vector->dictionary->count;
    if (count > MEMO_ENTRIES_MAX || count > batch->count)
        return NULL;
    df_buf_clear(memo);
    uint32_t *known = (uint32_t *)(void *)df_buf_extend(memo, count * sizeof *known);
    if (known)
        memset(known, 0, count * sizeof *known);
    return known;
}

/* The code that goes with a row, by the memo if it knows. */
static bool next_code(const struct batch *batch, uint32_t row, uint32_t *memo, uint32_t *code)
{
    uint32_t *known = memo ? &memo[batch->vector->values.codes[row]] : NULL;
    if (known && *known > 0) {
        *code = *known - 1;
        return true;
    }
    if (!code_of(batch, row, code))
        return false;
    if (known)
        *known = *code + 1;
    return true;
}

/* Codes up to the first value that has none, or the one that fills the page; the batch ends there. */
static void put_codes(struct batch *batch)
{
    struct df_write_column *column = batch->column;
    uint64_t entries = column->page_entries, codes = column->codes.size / sizeof(uint32_t);
    unsigned level_bits = column->written.optional;
    uint32_t *memo = memo_of(batch), used = 0, i = 0;
    uint32_t *to = (uint32_t *)(void *)df_buf_extend(&column->codes, batch->count * sizeof *to);
    uint32_t width = df_write_column_code_width(column), known = column->dictionary.count;
    bool full = !to;
    while (i < batch->count && !full) {
        if (has_value(batch, i) && !next_code(batch, batch->begin + i, memo, &to[used++])) {
            used--;
            break;
        }
        i++;
        if (column->dictionary.count != known) {
            known = column->dictionary.count;
            width = df_write_column_code_width(column);
        }
        full = (entries + i) * level_bits / 8 + (codes + used) * width / 8 >= column->page_bytes;
    }
    if (to)
        column->codes.size -= (batch->count - used) * sizeof *to;
    batch->count = i;
    batch->present = used;
}

/* ---- rows ---- */

static void put_definitions(const struct batch *batch)
{
    struct df_write_column *column = batch->column;
    if (!column->written.optional)
        return;
    uint32_t *to = (uint32_t *)(void *)df_buf_extend(&column->definitions, batch->count * sizeof *to);
    for (uint32_t i = 0; to && i < batch->count; i++)
        to[i] = has_value(batch, i);
}

/* Of the first rows of the vector, as many as are put at once; false: none. */
static bool put_values(struct batch *batch)
{
    if (!batch->column->dictionary_on)
        return put_plain(batch);
    put_codes(batch);
    return batch->count > 0;
}

uint32_t df_write_column_put_batch(struct df_write_column *column, const struct df_vector *vector, uint32_t begin,
                                   uint32_t end)
{
    uint32_t room = DF_WRITE_PAGE_ENTRIES_MAX - column->page_entries;
    struct batch batch = {.column = column,
                          .vector = vector,
                          .valid = vector->valid ? vector->valid + begin : NULL,
                          .begin = begin,
                          .count = end - begin < BATCH_ROWS ? end - begin : BATCH_ROWS};
    batch.count = batch.count < room ? batch.count : room;
    if (column->written.list || (batch.valid && !column->written.optional) || !put_values(&batch))
        return 0;
    put_definitions(&batch);
    column->of_page.null_count += batch.count - batch.present;
    column->page_rows += batch.count;
    column->page_entries += batch.count;
    column->rows += batch.count;
    column->entries += batch.count;
    return batch.count;
}
