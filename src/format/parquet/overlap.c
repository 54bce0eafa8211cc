/* Chunks lie apart: bytes that two of them claim are a lie about one. */
#include <stdlib.h>

#include "base/size.h"
#include "format/parquet/decoder.h"
#include "format/parquet/memory.h"

struct stretch {
    uint64_t begin, end;
    uint32_t row_group, column;
};

static int compare_stretches(const void *a, const void *b)
{
    const struct stretch *left = a, *right = b;
    return (left->begin > right->begin) - (left->begin < right->begin);
}

/* Chunks of no values may lie anywhere; those in other files have no bytes here. Without `out` they are counted. */
static size_t take_stretches(const struct df_parquet_footer *footer, struct stretch *out)
{
    size_t count = 0;
    for (uint32_t group = 0; group < footer->row_group_count; group++)
        for (uint32_t column = 0; column < footer->column_count; column++) {
            const struct df_parquet_chunk *chunk = &footer->row_groups[group].chunks[column];
            if (chunk->size_bytes == 0)
                continue;
            if (out)
                out[count] = (struct stretch){chunk->offset, chunk->offset + chunk->size_bytes, group, column};
            count++;
        }
    return count;
}

/* As nearly all writers put them: nothing is to be sorted then. */
static bool in_order(const struct df_parquet_footer *footer)
{
    uint64_t end = 0;
    for (uint32_t group = 0; group < footer->row_group_count; group++)
        for (uint32_t column = 0; column < footer->column_count; column++) {
            const struct df_parquet_chunk *chunk = &footer->row_groups[group].chunks[column];
            if (chunk->size_bytes == 0)
                continue;
            if (chunk->offset < end)
                return false;
            end = chunk->offset + chunk->size_bytes;
        }
    return true;
}

static int check_sorted(struct df_parquet_decoder *decoder, const struct stretch *stretches, size_t count)
{
    const struct df_parquet_column *columns = decoder->footer->columns;
    for (size_t i = 1; i < count; i++) {
        const struct stretch *one = &stretches[i - 1], *next = &stretches[i];
        if (next->begin < one->end)
            return df_parquet_decoder_corrupt(
                decoder, "column '%s' of row group %u begins at byte %llu, inside of column '%s' of row group %u",
                columns[next->column].name, next->row_group, (unsigned long long)next->begin, columns[one->column].name,
                one->row_group);
    }
    return 0;
}

int df_parquet_decoder_check_overlap(struct df_parquet_decoder *decoder)
{
    const struct df_parquet_footer *footer = decoder->footer;
    if (in_order(footer))
        return 0;
    size_t count = take_stretches(footer, NULL), bytes;
    struct df_parquet_buffer room = {0};
    if (df_size_mul(&bytes, count, sizeof(struct stretch)) != 0 ||
        !df_parquet_buffer_ensure(&room, decoder->bytes->budget, bytes, 0, 100))
        return df_parquet_decoder_no_memory(decoder);
    struct stretch *stretches = (struct stretch *)(void *)room.data;
    take_stretches(footer, stretches);
    qsort(stretches, count, sizeof *stretches, compare_stretches);
    int result = check_sorted(decoder, stretches, count);
    df_parquet_buffer_dispose(&room, decoder->bytes->budget);
    return result;
}
