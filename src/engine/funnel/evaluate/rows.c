#include "engine/funnel/evaluate/facts.h"

enum {
    CHUNK_BYTES = 64 * 1024, /* about; a chunk of a query with thousands of steps has few rows */
    SHIFT_MIN = 4,
    SHIFT_MAX = 11,
};

void df_funnel_rows_init(struct df_funnel_rows *rows, uint32_t bit_count)
{
    uint32_t words = (bit_count + 63) / 64;
    *rows = (struct df_funnel_rows){
        .words = words, .row_bytes = sizeof(struct df_funnel_row) + words * sizeof(uint64_t), .shift = SHIFT_MAX};
    while (rows->shift > SHIFT_MIN && rows->row_bytes << rows->shift > CHUNK_BYTES)
        rows->shift--;
}

void df_funnel_rows_free(struct df_funnel_account *account, struct df_funnel_rows *rows)
{
    size_t rows_per_chunk = (size_t)1 << rows->shift;
    for (size_t i = 0; i * rows_per_chunk < rows->count; i++)
        df_funnel_account_free(account, rows->chunks[i], rows->row_bytes << rows->shift);
    df_funnel_account_free(account, rows->chunks, rows->chunk_capacity * sizeof *rows->chunks);
    rows->chunks = NULL;
    rows->chunk_capacity = 0;
    rows->count = 0;
}

static bool add_chunk(struct df_funnel_account *account, struct df_funnel_rows *rows)
{
    size_t at = rows->count >> rows->shift;
    void *chunks = rows->chunks;
    if (!df_funnel_account_grow(account, &chunks, &rows->chunk_capacity, at + 1, sizeof *rows->chunks))
        return false;
    rows->chunks = chunks;
    rows->chunks[at] = df_funnel_account_alloc(account, rows->row_bytes << rows->shift);
    return rows->chunks[at] != NULL;
}

bool df_funnel_rows_append(struct df_funnel_account *account, struct df_funnel_rows *rows, uint32_t code, int64_t time,
                           uint32_t ordinal)
{
    bool full = (rows->count & ((1u << rows->shift) - 1)) == 0;
    if (full && !add_chunk(account, rows))
        return false;
    struct df_funnel_row *row = df_funnel_rows_at(rows, rows->count++);
    row->time = time;
    row->code = code;
    row->ordinal = ordinal;
    memset(row->mask, 0, rows->words * sizeof *row->mask);
    return true;
}
