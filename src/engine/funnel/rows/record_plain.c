/* Plain blocks, both ways: numbers as users, times, and a byte per row that says what it matches. The layout is in
 * record.h; the loops are such that a compiler makes vector code of them. */
#include <stdlib.h>

#include "base/bytes.h"
#include "engine/funnel/rows/record_layout.h"
#include "engine/funnel/rows/record_read.h"

enum {
    PACKED_HEAD_BYTES = 9,
    TOGETHER_ROWS = 4096, /* of a batch: enough that its costs are none, few enough for the cache */
};

bool df_funnel_record_roots(const struct df_funnel_request *request, uint32_t roots[DF_FUNNEL_RECORD_ROOTS],
                            uint32_t *count)
{
    *count = 0;
    if (request->column_count > 0)
        return false;
    for (uint32_t i = 0; i < request->filters.root_count; i++) {
        if (i == request->where)
            continue;
        if (*count == DF_FUNNEL_RECORD_ROOTS)
            return false;
        roots[(*count)++] = i;
    }
    return true;
}

/* ---- writing ---- */

struct packing {
    uint64_t least;
    unsigned width;
};

static unsigned width_of(uint64_t greatest)
{
    if (greatest <= UINT8_MAX)
        return greatest > 0;
    if (greatest <= UINT16_MAX)
        return 2;
    return greatest <= UINT32_MAX ? 4 : 8;
}

static struct packing between_bounds(const int64_t *values, uint32_t n)
{
    int64_t least = values[0], greatest = least;
    for (uint32_t i = 1; i < n; i++) {
        least = values[i] < least ? values[i] : least;
        greatest = values[i] > greatest ? values[i] : greatest;
    }
    return (struct packing){.least = (uint64_t)least, .width = width_of((uint64_t)greatest - (uint64_t)least)};
}

/* Which bits differ is found much faster than the bounds, and mostly says as much: the least is then what all have in
 * common. Only where it would take whole numbers it is worth looking again. */
static struct packing choose_packing(const int64_t *values, uint32_t n)
{
    if (n == 0)
        return (struct packing){0};
    uint64_t first = (uint64_t)values[0], differ = 0;
    for (uint32_t i = 0; i < n; i++)
        differ |= (uint64_t)values[i] ^ first;
    unsigned width = width_of(differ);
    if (width == 8)
        return between_bounds(values, n);
    return (struct packing){.least = first & ~((UINT64_C(1) << width * 8) - 1), .width = width};
}

static uint8_t *put_packed(uint8_t *restrict at, const int64_t *restrict values, uint32_t n, struct packing packing)
{
    uint64_t least = packing.least;
    *at = (uint8_t)packing.width;
    df_store_u64le(at + 1, least);
    at += PACKED_HEAD_BYTES;
    for (uint32_t i = 0; packing.width == 1 && i < n; i++)
        at[i] = (uint8_t)((uint64_t)values[i] - least);
    for (uint32_t i = 0; packing.width == 2 && i < n; i++) {
        uint16_t above = (uint16_t)((uint64_t)values[i] - least);
        memcpy(at + (size_t)i * 2, &above, sizeof above);
    }
    for (uint32_t i = 0; packing.width == 4 && i < n; i++)
        df_store_u32le(at + (size_t)i * 4, (uint32_t)((uint64_t)values[i] - least));
    for (uint32_t i = 0; packing.width == 8 && i < n; i++)
        df_store_u64le(at + (size_t)i * 8, (uint64_t)values[i] - least);
    return at + (size_t)n * packing.width;
}

/* Moves the times of rows that have one to the front, and returns their number. */
static uint32_t keep_timed(int64_t *times, const uint8_t *masks, uint32_t rows)
{
    uint8_t all = DF_FUNNEL_RECORD_TIMED;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < rows; i++)
        all &= masks[i];
    if (all)
        return rows;
    for (uint32_t i = 0; i < rows; i++) {
        times[kept] = times[i];
        kept += masks[i] >> 7;
    }
    return kept;
}

void df_funnel_record_encode_plain(const struct df_funnel_plain_record *record, struct df_buf *out)
{
    uint32_t rows = record->rows, timed = keep_timed(record->times, record->masks, rows);
    struct packing users = choose_packing(record->users, rows), times = choose_packing(record->times, timed);
    size_t size = 1 + rows + 2 * PACKED_HEAD_BYTES + (size_t)rows * users.width + (size_t)timed * times.width;
    df_buf_put_u8(out, RECORD_VERSION);
    df_buf_put_varint(out, record->head.size);
    df_buf_put_slice(out, record->head);
    df_buf_put_varint(out, rows);
    df_buf_put_varint(out, size);
    uint8_t *at = df_buf_extend(out, size);
    if (!at)
        return;
    *at++ = RECORD_LAYOUT_PLAIN;
    memcpy(at, record->masks, rows);
    at = put_packed(at + rows, record->users, rows, users);
    put_packed(at, record->times, timed, times);
}

/* ---- reading ---- */

void df_funnel_plain_init(struct df_funnel_plain *plain, const struct df_funnel_request *request)
{
    *plain = (struct df_funnel_plain){0};
    plain->serves = df_funnel_record_roots(request, plain->roots, &plain->root_count);
    plain->bits = (uint8_t)((1u << plain->root_count) - 1);
}

void df_funnel_plain_dispose(struct df_funnel_plain *plain)
{
    free(plain->users);
    free(plain->times);
    free(plain->masks);
    free(plain->timed);
    free(plain->picked);
    *plain = (struct df_funnel_plain){0};
}

void df_funnel_plain_clear(struct df_funnel_plain *plain)
{
    plain->rows = 0;
    plain->untimed = false;
}

bool df_funnel_plain_has_room(const struct df_funnel_plain *plain, uint32_t rows)
{
    return rows <= TOGETHER_ROWS && plain->rows <= TOGETHER_ROWS - rows;
}

static int make_room(struct df_funnel_plain *plain, struct df_error *error)
{
    if (plain->picked)
        return 0;
    df_funnel_plain_clear(plain);
    free(plain->users); /* what an earlier attempt got */
    free(plain->times);
    free(plain->masks);
    free(plain->timed);
    plain->users = malloc(DF_FUNNEL_ROWS_MAX * sizeof *plain->users);
    plain->times = malloc(DF_FUNNEL_ROWS_MAX * sizeof *plain->times);
    plain->masks = malloc(DF_FUNNEL_ROWS_MAX);
    plain->timed = malloc(DF_FUNNEL_ROWS_MAX);
    plain->picked = malloc(DF_FUNNEL_ROWS_MAX * sizeof *plain->picked);
    if (plain->users && plain->times && plain->masks && plain->timed && plain->picked)
        return 0;
    free(plain->picked);
    plain->picked = NULL;
    return df_error_no_memory(error, "reading a section");
}

/* Copies masks, tells which rows have a time, and returns how many; seen: all masks together. */
static uint32_t copy_masks(const uint8_t *restrict from, uint32_t rows, uint8_t *restrict masks,
                           uint8_t *restrict timed, uint8_t *restrict seen)
{
    uint8_t all = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < rows; i++) {
        masks[i] = from[i];
        timed[i] = from[i] >> 7;
        all |= from[i];
    }
    for (uint32_t i = 0; i < rows; i++)
        count += from[i] >> 7;
    *seen = all;
    return count;
}

/* The masks, and how many of the rows have a time. */
static int take_masks(struct df_funnel_plain *plain, struct df_cursor *cursor, uint32_t rows, uint32_t *timed,
                      struct df_error *error)
{
    struct df_slice bytes;
    uint8_t seen;
    if (!df_cursor_take_bytes(cursor, rows, &bytes))
        return df_funnel_record_corrupt(error, "a block ends in its masks");
    *timed = copy_masks(bytes.data, rows, plain->masks + plain->rows, plain->timed + plain->rows, &seen);
    if (seen & (uint8_t) ~(plain->bits | DF_FUNNEL_RECORD_TIMED))
        return df_funnel_record_corrupt(error, "a block holds a filter that the query does not have");
    return 0;
}

/* Packed integers that nobody wants. */
static int skip_packed(struct df_cursor *cursor, size_t n, struct df_error *error)
{
    struct df_slice bytes;
    uint8_t width = 0;
    if (!df_cursor_take_u8(cursor, &width) || !df_cursor_take_bytes(cursor, PACKED_HEAD_BYTES - 1 + n * width, &bytes))
        return df_funnel_record_corrupt(error, "a block ends in packed integers");
    return 0;
}

/* From behind, in place: those that are there lie at the front. */
static void spread_times(int64_t *times, const uint8_t *masks, uint32_t rows, uint32_t timed)
{
    for (uint32_t i = rows; i-- > 0;)
        times[i] = masks[i] & DF_FUNNEL_RECORD_TIMED ? times[--timed] : 0;
}

int df_funnel_plain_take(struct df_funnel_plain *plain, struct df_slice body, uint32_t rows, bool users, bool times,
                         struct df_error *error)
{
    struct df_cursor cursor = df_cursor_make(body);
    uint32_t at = plain->rows, timed = 0;
    if (!plain->serves || rows > DF_FUNNEL_ROWS_MAX - at)
        return df_funnel_record_corrupt(error, "a block is of a layout that the query does not have");
    if (make_room(plain, error) < 0 || take_masks(plain, &cursor, rows, &timed, error) < 0)
        return -1;
    if ((users ? df_funnel_packed_take(&cursor, rows, plain->users + at, error) : skip_packed(&cursor, rows, error)) <
            0 ||
        (times ? df_funnel_packed_take(&cursor, timed, plain->times + at, error) : skip_packed(&cursor, timed, error)) <
            0)
        return -1;
    if (df_cursor_left(&cursor) != 0)
        return df_funnel_record_corrupt(error, "something stands behind the times of a block");
    if (times && timed < rows)
        spread_times(plain->times + at, plain->masks + at, rows, timed);
    plain->untimed |= timed < rows;
    plain->rows += rows;
    return 0;
}

void df_funnel_plain_give_times(const struct df_funnel_plain *plain, struct df_funnel_batch *batch)
{
    batch->times = plain->times;
    batch->time_valid = plain->untimed ? plain->timed : NULL;
}

/* ---- what matches ---- */

static uint32_t bit_of(const struct df_funnel_plain *plain, uint32_t root)
{
    uint32_t bit = 0;
    while (bit < plain->root_count && plain->roots[bit] != root)
        bit++;
    return bit;
}

static uint32_t pick(const uint8_t *restrict masks, uint32_t rows, uint32_t bit, uint32_t *restrict picked)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < rows; i++) {
        picked[count] = i;
        count += masks[i] >> bit & 1;
    }
    return count;
}

uint32_t df_funnel_plain_match(struct df_funnel_plain *plain, uint32_t root)
{
    uint32_t bit = bit_of(plain, root);
    return bit < plain->root_count ? pick(plain->masks, plain->rows, bit, plain->picked) : 0;
}

static void add_bit(const uint8_t *restrict from, uint32_t rows, uint32_t bit, uint32_t to, uint8_t *restrict masks)
{
    for (uint32_t i = 0; i < rows; i++)
        masks[i] |= (uint8_t)((from[i] >> bit & 1) << to);
}

static void add_bits(const uint8_t *restrict from, uint32_t rows, uint8_t bits, uint8_t *restrict masks)
{
    for (uint32_t i = 0; i < rows; i++)
        masks[i] |= from[i] & bits;
}

void df_funnel_plain_masks(const struct df_funnel_plain *plain, const uint32_t *roots, uint32_t count, uint8_t *masks)
{
    uint8_t same = 0; /* bits that are where they should be */
    for (uint32_t b = 0; b < count; b++) {
        uint32_t bit = bit_of(plain, roots[b]);
        if (bit < plain->root_count && bit == b)
            same |= (uint8_t)(1u << b);
        else if (bit < plain->root_count)
            add_bit(plain->masks, plain->rows, bit, b, masks);
    }
    if (same)
        add_bits(plain->masks, plain->rows, same, masks);
}
