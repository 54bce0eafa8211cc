/* Bytes of the wire -> rows of an export. Nothing of it may crash, read beyond its end or ask for memory that the bytes
 * do not fill; what is accepted can be written as text, and survives another trip. */
#include <stdint.h>
#include <stdlib.h>

#include "engine/funnel/export/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void print(struct df_funnel_cohort *cohort)
{
    static struct df_json_writer json;
    struct df_error error = {0};
    struct df_buf text = {0};
    const struct df_vector *vectors;
    if (df_funnel_cohort_vectors(cohort, &vectors, &error) < 0)
        return;
    df_json_writer_init(&json, &text, DF_JSON_COMPACT);
    df_funnel_export_put_csv_header(cohort, &text);
    for (uint32_t row = 0; row < df_funnel_cohort_rows(cohort); row++) {
        df_funnel_export_put_csv_row(cohort, vectors, row, &text);
        df_funnel_export_put_json_row(cohort, vectors, row, &json, &text);
    }
    df_buf_dispose(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct df_error error = {0};
    struct df_funnel_cohort *cohort, *again;
    struct df_buf first = {0}, second = {0};
    struct df_cursor from = df_cursor_make(df_slice_make(data, size));
    if (df_funnel_cohort_decode(&cohort, &from, &error) < 0) {
        check(error.kind == DF_ERROR_CORRUPT || error.kind == DF_ERROR_EXHAUSTED);
        return 0;
    }
    print(cohort);
    df_funnel_cohort_encode(cohort, &first);
    from = df_cursor_make(df_buf_slice(&first));
    check(df_funnel_cohort_decode(&again, &from, &error) == 0 && df_cursor_left(&from) == 0);
    df_funnel_cohort_encode(again, &second);
    check(df_slice_equal(df_buf_slice(&first), df_buf_slice(&second)));
    df_buf_dispose(&first);
    df_buf_dispose(&second);
    df_funnel_cohort_free(cohort);
    df_funnel_cohort_free(again);
    return 0;
}
