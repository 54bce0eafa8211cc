/* Footers: any bytes decode to checked structs or fail with a kind that a file can cause, in bounded memory. */
#include <assert.h>
#include <stdlib.h>

#include "format/parquet/footer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct df_parquet_footer *footer, uint64_t data_end)
{
    uint64_t rows = 0;
    for (uint32_t group = 0; group < footer->row_group_count; group++) {
        rows += footer->row_groups[group].row_count;
        for (uint32_t column = 0; column < footer->column_count; column++) {
            const struct df_parquet_chunk *chunk = &footer->row_groups[group].chunks[column];
            if (chunk->offset > data_end || chunk->size_bytes > data_end - chunk->offset)
                abort();
        }
    }
    if (rows != footer->row_count)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct df_budget budget;
    df_budget_init(&budget, 256 << 20);
    struct df_parquet_footer_bytes bytes = {df_slice_make(data, size), 1 << 20, "fuzz.parquet", &budget};
    struct df_parquet_footer footer;
    struct df_error error = {0};
    if (df_parquet_footer_decode(&footer, &bytes, &error) == 0) {
        check(&footer, bytes.data_end);
        df_parquet_footer_dispose(&footer);
    } else if (error.kind != DF_ERROR_CORRUPT && error.kind != DF_ERROR_EXHAUSTED) {
        abort();
    }
    if (budget.used_bytes != 0)
        abort();
    return 0;
}
