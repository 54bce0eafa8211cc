/* Bytes of the wire -> details and partials of the funnel, down to results. Nothing of it may crash,
 * read beyond its end or ask for memory that the bytes do not fill; what is accepted survives another trip.
 *
 * The first byte chooses the decoder, the rest is the blob. (Sections of an exchange: fuzz_funnel_record; exported
 * users: fuzz_cohort.) */
#include <stdint.h>
#include <stdlib.h>

#include "engine/funnel/plan/partial.h"
#include "engine/funnel/result/result.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char request_json[] =
    "{\"dataset\":{\"user\":\"u\",\"time\":\"t\"},\"query\":{\"aggregations\":["
    "{\"column\":\"e\",\"type\":\"countPerValue\"},{\"column\":\"e\",\"type\":\"countDistinct\"},"
    "{\"column\":\"p\",\"type\":\"sum\"},{\"column\":\"p\",\"type\":\"quantiles\"},"
    "{\"column\":\"e\",\"type\":\"sumPerValue\",\"otherColumn\":\"p\"},{\"column\":\"p\",\"type\":\"max\"}]},"
    "\"funnel\":{\"sequence\":[{\"filter\":[\"e\",\"==\",\"a\"]},{\"filter\":[\"e\",\"==\",\"b\"]}],"
    "\"durations\":true,\"trend\":\"day\",\"breakdown\":{\"column\":\"e\"}}}";

static void check(bool holds)
{
    if (!holds)
        abort();
}

static bool is_refusal(const struct df_error *error)
{
    return error->kind == DF_ERROR_CORRUPT || error->kind == DF_ERROR_UNSUPPORTED ||
           error->kind == DF_ERROR_EXHAUSTED || error->kind == DF_ERROR_INVALID;
}

static void fuzz_detail(struct df_slice blob)
{
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_buf again = {0};
    struct df_funnel_detail detail, second;
    if (df_funnel_detail_decode(blob, &arena, &detail, &error) == 0) {
        df_funnel_detail_encode(&detail, &again);
        check(df_funnel_detail_decode(df_buf_slice(&again), &arena, &second, &error) == 0);
        check(second.role == detail.role && second.string_directory_count == detail.string_directory_count);
    } else {
        check(is_refusal(&error));
    }
    df_buf_dispose(&again);
    df_arena_dispose(&arena);
}

static void fuzz_footer(struct df_slice blob)
{
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_buf again = {0};
    struct df_funnel_footer footer, second;
    if (df_funnel_footer_decode(blob, 2, &arena, &footer, &error) == 0) {
        check(footer.stretch_count <= DF_FUNNEL_STRETCHES_MAX && footer.skipped <= footer.row_groups);
        df_funnel_footer_encode(&footer, &again);
        check(df_funnel_footer_decode(df_buf_slice(&again), 2, &arena, &second, &error) == 0);
        check(second.rows == footer.rows && second.minimum == footer.minimum && second.maximum == footer.maximum);
    } else {
        check(is_refusal(&error));
    }
    df_buf_dispose(&again);
    df_arena_dispose(&arena);
}

static void fuzz_result(struct df_slice blob, bool entries)
{
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_buf out = {0};
    struct df_funnel_request request;
    struct df_funnel_result *result;
    const struct df_funnel_answer answer = {.scale_known = true, .scale = DF_FUNNEL_SCALE_MS};
    check(df_funnel_request_parse(&request, df_slice_text(request_json), &arena, &error) == 0);
    check(df_funnel_result_create(&result, &request, NULL, &error) == 0);
    struct df_cursor cursor = df_cursor_make(blob);
    int rc = entries ? df_funnel_result_merge_entries(result, blob, &error)
                     : df_funnel_result_merge(result, &cursor, &error);
    if (rc == 0 && entries)
        rc = df_funnel_result_settle(result, &error);
    if (rc == 0) {
        struct df_json_writer json;
        df_funnel_result_encode(result, false, &out);
        df_buf_clear(&out);
        df_json_writer_init(&json, &out, DF_JSON_COMPACT);
        df_json_begin_object(&json);
        if (df_funnel_result_put_json(result, &answer, &json, &error) == 0)
            df_json_end_object(&json);
    } else {
        check(is_refusal(&error));
    }
    df_funnel_result_free(result);
    df_buf_dispose(&out);
    df_arena_dispose(&arena);
}

static void fuzz_share(struct df_slice blob, enum df_funnel_role role)
{
    struct df_error error = {0};
    struct df_arena arena = {0};
    struct df_buf again = {0};
    struct df_funnel_share share, second;
    if (df_funnel_share_decode(blob, role, 2, &arena, &share, &error) == 0) {
        check(share.rows_without_group <= share.rows);
        df_funnel_share_encode(&share, &again);
        check(df_funnel_share_decode(df_buf_slice(&again), role, 2, &arena, &second, &error) == 0);
        check(second.rows == share.rows && df_slice_equal(second.result, share.result));
        if (!share.over && role != DF_FUNNEL_ROLE_SCATTER)
            fuzz_result(share.result, false);
    } else {
        check(is_refusal(&error));
    }
    df_buf_dispose(&again);
    df_arena_dispose(&arena);
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
        fuzz_share(blob, DF_FUNNEL_ROLE_WHOLE);
        break;
    case 3:
        fuzz_share(blob, DF_FUNNEL_ROLE_SCATTER);
        break;
    case 4:
        fuzz_share(blob, DF_FUNNEL_ROLE_GATHER);
        break;
    case 5:
        fuzz_result(blob, false);
        break;
    default:
        fuzz_result(blob, true);
        break;
    }
    return 0;
}
