/* Bytes of the wire -> details, partials and sections of the funnel. Nothing of it may crash, read beyond its end or
 * ask for memory that the bytes do not fill; what is accepted keeps its invariants and survives another trip.
 *
 * The first byte chooses the decoder, the rest is the blob. */
#include <stdint.h>
#include <stdlib.h>

#include "engine/funnel/partial.h"
#include "engine/funnel/record.h"

enum { STEPS = 3, FILTERS = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void fuzz_detail(struct df_slice blob)
{
    struct df_error error = {0};
    struct df_funnel_detail detail;
    uint8_t place[DF_FUNNEL_DETAIL_BYTES];
    if (df_funnel_detail_decode(blob, &detail, &error) == 0)
        check(df_slice_equal(df_funnel_detail_encode(&detail, place), blob));
    else
        check(error.kind == DF_ERROR_CORRUPT);
}

static void fuzz_footer(struct df_slice blob)
{
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_buf again = {0};
    struct df_funnel_footer footer, second;
    if (df_funnel_footer_decode(blob, &arena, &footer, &error) == 0) {
        uint64_t rows = 0;
        for (uint32_t i = 0; i < footer.unit_count; i++)
            rows += footer.units[i].rows;
        check(rows == footer.rows && footer.unit_count <= DF_FUNNEL_UNITS_MAX);
        df_funnel_footer_encode(&footer, &again);
        check(df_funnel_footer_decode(df_buf_slice(&again), &arena, &second, &error) == 0);
        check(second.rows == footer.rows && second.minimum == footer.minimum && second.maximum == footer.maximum);
    }
    df_buf_dispose(&again);
    df_arena_dispose(&arena);
}

static void fuzz_counts(struct df_slice blob, enum df_funnel_role role)
{
    struct df_error error = {0};
    struct df_buf again = {0};
    struct df_funnel_step_count steps[STEPS] = {{0}}, second_steps[STEPS] = {{0}};
    struct df_funnel_counts counts = {.step_count = STEPS, .steps = steps},
                            second = {.step_count = STEPS, .steps = second_steps};
    if (df_funnel_counts_decode(blob, role, &counts, &error) == 0) {
        check(counts.rows_without_group <= counts.rows && counts.groups <= counts.group_rows);
        df_funnel_counts_encode(role, &counts, &again);
        check(df_funnel_counts_decode(df_buf_slice(&again), role, &second, &error) == 0);
        check(second.rows == counts.rows && memcmp(steps, second_steps, sizeof steps) == 0);
    }
    df_buf_dispose(&again);
}

/* As a GATHER part reads it: what is accepted is evaluated too. */
static void fuzz_section(struct df_slice blob, enum df_funnel_key_kind kind)
{
    static const struct df_funnel_step steps[STEPS] = {{.filter = 0}, {.filter = 1}, {.filter = 2}};
    struct df_funnel_step_count counts[STEPS] = {{0}};
    struct df_error error = {0};
    struct df_funnel_record_reader *reader;
    struct df_funnel_collector collector;
    const struct df_funnel_account account = {0};
    if (df_funnel_record_reader_create(&reader, kind, &error) < 0)
        return;
    if (df_funnel_collector_init(&collector, kind, FILTERS, 0, &account, &error) == 0) {
        if (df_funnel_record_read(reader, blob, &collector, &error) == 0 &&
            df_funnel_evaluate(&collector, steps, STEPS, counts))
            for (int i = 1; i < STEPS; i++)
                check(counts[i].users <= counts[i - 1].users && counts[i].rows <= counts[i - 1].rows);
        df_funnel_collector_dispose(&collector);
    }
    df_funnel_record_reader_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct df_slice blob = df_slice_make(data + 1, size - 1);
    switch (data[0] % 7) {
    case 0:
        fuzz_detail(blob);
        break;
    case 1:
        fuzz_footer(blob);
        break;
    case 2:
        fuzz_counts(blob, DF_FUNNEL_COUNT);
        break;
    case 3:
        fuzz_counts(blob, DF_FUNNEL_SCATTER);
        break;
    case 4:
        fuzz_counts(blob, DF_FUNNEL_GATHER);
        break;
    case 5:
        fuzz_section(blob, DF_FUNNEL_KEY_INT64);
        break;
    default:
        fuzz_section(blob, DF_FUNNEL_KEY_BYTES);
        break;
    }
    return 0;
}
