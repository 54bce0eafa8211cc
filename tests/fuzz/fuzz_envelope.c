/* Envelopes (first byte even) and answers (odd): any text is taken or refused with a kind that a text can cause, and an
 * envelope that is taken can be written and taken again. */
#include <stdio.h>
#include <stdlib.h>

#include "worker/envelope_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct df_engine engine = {.name = "e"};

static const struct df_engine *find_engine(struct df_slice name)
{
    return df_slice_is(name, "e") ? &engine : NULL;
}

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_envelope: %s\n", what);
        abort();
    }
}

static bool take(struct df_slice text, struct df_envelope_taken *taken)
{
    static const struct df_json_limits limits = {.text_bytes = 1 << 20, .depth = 100, .nodes = 20000};
    struct df_arena arena = {0};
    struct df_json *json;
    struct df_error error = {0};
    *taken = (struct df_envelope_taken){0};
    bool ok = df_json_parse(text, &limits, &arena, &json, NULL) == 0;
    if (ok && df_envelope_take_json(json, find_engine, NULL, df_deadline_never(), taken, &error) != 0) {
        ok = false;
        require(error.kind == DF_ERROR_INVALID || error.kind == DF_ERROR_UNSUPPORTED || error.kind == DF_ERROR_CORRUPT,
                "a failure of another kind");
        require(error.message[0] && !taken->envelope.inputs && !taken->arena.blocks, "a failure that leaves something");
    }
    df_arena_dispose(&arena);
    return ok;
}

static void check_parts(const struct df_envelope *a, const struct df_envelope *b)
{
    require(a->part_count > 0 && a->part_count == b->part_count, "another number of parts");
    for (uint32_t i = 0; i < a->part_count; i++) {
        const struct df_part *x = a->parts[i], *y = b->parts[i];
        require(x->index == y->index && x->size_bytes == y->size_bytes && x->range_begin == y->range_begin &&
                    x->range_end == y->range_end && x->range_begin <= x->range_end,
                "another part");
        require(strcmp(x->uri, y->uri) == 0 && df_slice_equal(x->detail, y->detail), "another place or detail");
        require((x->etag == NULL) == (y->etag == NULL) && (!x->etag || strcmp(x->etag, y->etag) == 0), "another etag");
    }
}

static void take_envelope(struct df_slice text)
{
    struct df_envelope_taken first, second;
    struct df_buf out = {0};
    struct df_error error;
    if (!take(text, &first))
        return;
    require(df_envelope_put_json(&first.envelope, first.request_uri, first.inputs_uri, &out, &error) == 0,
            "what was taken cannot be written");
    require(take(df_buf_slice(&out), &second), "what was written cannot be taken");
    require(df_slice_equal(first.envelope.request, second.envelope.request), "another request");
    require(first.envelope.sections == second.envelope.sections && first.envelope.attempt == second.envelope.attempt,
            "another head");
    check_parts(&first.envelope, &second.envelope);
    df_envelope_taken_dispose(&first);
    df_envelope_taken_dispose(&second);
    df_buf_dispose(&out);
}

static void on_result(void *ctx, uint32_t position, struct df_part_result *result)
{
    bool *told = ctx;
    require(position < 2 && !told[position], "a result that fits no part, or twice");
    told[position] = true;
    if (result->failed)
        require(result->error.kind != DF_ERROR_NONE && !result->sections, "an error that is none");
    else
        require(!result->uri || !result->blob.size, "a partial in two places");
    df_part_result_dispose(result);
}

static void take_answer(struct df_slice text, uint32_t sections)
{
    static const struct df_part a = {.index = 0}, b = {.index = 7};
    static const struct df_part *const parts[] = {&a, &b};
    struct df_envelope envelope = {
        .engine = &engine, .job = "j", .parts = parts, .part_count = 2, .sections = sections};
    bool told[2] = {false, false};
    struct df_error error = {0};
    if (df_answer_take_json(text, &envelope, NULL, on_result, told, &error) != 0)
        require(error.kind != DF_ERROR_NONE, "a failure without a kind");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct df_slice text = df_slice_make(data + 1, size - 1);
    if (data[0] % 2 == 0)
        take_envelope(text);
    else
        take_answer(text, data[0] % 4 == 1 ? 0 : 3);
    return 0;
}
