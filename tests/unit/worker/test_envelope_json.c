/* The envelope and its answer as JSON: what goes out comes back the same, and whatever else comes is refused with the
 * right kind. */
#include "testing/testing.h"

#include <stdlib.h>

#include "worker/envelope_json.h"

static const struct df_engine engine = {.name = "fake"};

static const struct df_engine *find_engine(struct df_slice name)
{
    return df_slice_is(name, "fake") ? &engine : NULL;
}

struct taking {
    struct df_arena arena;
    struct df_store *store;
    struct df_envelope_taken taken;
    struct df_error error;
};

static int open_store(void **state)
{
    struct df_error error;
    struct df_store *store;
    assert_ok(df_store_create(&store, &error), &error);
    *state = store;
    return 0;
}

static int close_store(void **state)
{
    df_store_free(*state);
    return 0;
}

static int take(struct taking *taking, struct df_store *store, struct df_slice text)
{
    struct df_json *json;
    *taking = (struct taking){.store = store};
    if (df_json_parse(text, NULL, &taking->arena, &json, &taking->error) != 0)
        return -1;
    return df_envelope_take_json(json, find_engine, store, df_deadline_never(), &taking->taken, &taking->error);
}

static void end_taking(struct taking *taking)
{
    df_envelope_taken_dispose(&taking->taken);
    df_arena_dispose(&taking->arena);
}

static void assert_refused(struct df_store *store, const char *text, enum df_error_kind kind, const char *message)
{
    struct taking taking;
    if (take(&taking, store, df_slice_text(text)) == 0)
        fail_msg("taken: %s", text);
    if (taking.error.kind != kind || !strstr(taking.error.message, message))
        fail_msg("%s: expected %s with '%s', got %s: %s", text, df_error_name(kind), message,
                 df_error_name(taking.error.kind), taking.error.message);
    assert_null(taking.taken.envelope.inputs);
    assert_null(taking.taken.arena.blocks);
    end_taking(&taking);
}

/* ---- the envelope ---- */

static const struct df_part part_a = {.stage = 3,
                                      .index = 7,
                                      .uri = "s3://b/a \"quoted\"\n.parquet",
                                      .etag = "\"e\"",
                                      .size_bytes = UINT64_MAX,
                                      .range_begin = 2,
                                      .range_end = UINT64_MAX,
                                      .detail = {(const uint8_t *)"\0\xff\x80x", 4}};
static const struct df_part part_b = {.stage = 3, .index = 9};
static const struct df_part *const parts[] = {&part_a, &part_b};

static struct df_envelope make_envelope(void)
{
    return (struct df_envelope){.engine = &engine,
                                .job = "161-6a",
                                .stage = 3,
                                .attempt = 17,
                                .deadline = df_deadline_never(),
                                .request = df_slice_text("{\"a\":[1,2.50,\"\\u00e9\"]}"),
                                .output_prefix = "s3://b/p/",
                                .inline_bytes = 4500000,
                                .sections = 64,
                                .parts = parts,
                                .part_count = 2};
}

static void test_envelope_comes_back_as_it_was(void **state)
{
    struct df_envelope envelope = make_envelope();
    struct df_buf text = {0};
    struct taking taking;
    assert_ok(df_envelope_put_json(&envelope, NULL, NULL, &text, &taking.error), &taking.error);
    assert_ok(take(&taking, *state, df_buf_slice(&text)), &taking.error);
    const struct df_envelope *back = &taking.taken.envelope;
    assert_ptr_equal(back->engine, &engine);
    assert_string_equal(back->job, "161-6a");
    assert_int_equal(back->stage, 3);
    assert_int_equal(back->attempt, 17);
    assert_true(df_slice_is(back->request, "{\"a\":[1,2.50,\"\xc3\xa9\"]}"));
    assert_string_equal(back->output_prefix, "s3://b/p/");
    assert_int_equal(back->inline_bytes, 4500000);
    assert_int_equal(back->sections, 64);
    assert_null(back->inputs);
    assert_true(back->deadline.mono_ns == DF_DEADLINE_NEVER);
    assert_int_equal(back->part_count, 2);
    assert_string_equal(back->parts[0]->uri, part_a.uri);
    assert_string_equal(back->parts[0]->etag, part_a.etag);
    assert_true(back->parts[0]->size_bytes == UINT64_MAX && back->parts[0]->range_end == UINT64_MAX);
    assert_int_equal(back->parts[0]->stage, 3);
    assert_int_equal(back->parts[0]->index, 7);
    assert_true(df_slice_equal(back->parts[0]->detail, part_a.detail));
    assert_int_equal(back->parts[1]->index, 9);
    /* An engine never meets a NULL. */
    assert_string_equal(back->parts[1]->uri, "");
    end_taking(&taking);
    df_buf_dispose(&text);
}

static void test_objects_are_named_and_fetched(void **state)
{
    const char *folder = test_folder_make();
    struct df_envelope envelope = make_envelope();
    struct df_section_manifest *manifest;
    struct df_buf text = {0}, request = {0}, inputs = {0};
    struct taking taking;
    struct df_error error;
    df_uri_join(&request, folder, "request");
    df_uri_join(&inputs, folder, "inputs");
    assert_ok(df_section_manifest_create(&manifest, 4, &error), &error);
    envelope.inputs = manifest;
    assert_ok(df_envelope_put_json(&envelope, df_buf_text(&request), df_buf_text(&inputs), &text, &error), &error);
    assert_ok(take(&taking, *state, df_buf_slice(&text)), &taking.error);
    assert_string_equal(taking.taken.request_uri, df_buf_text(&request));
    assert_string_equal(taking.taken.inputs_uri, df_buf_text(&inputs));
    assert_null(taking.taken.envelope.inputs);

    assert_fails(df_envelope_fetch(&taking.taken, &error), &error, DF_ERROR_NOT_FOUND, "request");
    struct df_put put = {.uri = df_buf_text(&request), .content = df_slice_text("{\"step\":")};
    assert_ok(df_store_put(*state, &put, NULL, &error), &error);
    assert_fails(df_envelope_fetch(&taking.taken, &error), &error, DF_ERROR_CORRUPT, "request");
    put.content = df_slice_text("{\"step\": [1]}");
    assert_ok(df_store_put(*state, &put, NULL, &error), &error);
    put.uri = df_buf_text(&inputs);
    put.content = df_slice_text("{\"sections\": 4, \"producers\": 5}");
    assert_ok(df_store_put(*state, &put, NULL, &error), &error);
    assert_fails(df_envelope_fetch(&taking.taken, &error), &error, DF_ERROR_INVALID, "inputs");
    put.content = df_slice_text("{\"sections\": 4, \"producers\": []}");
    assert_ok(df_store_put(*state, &put, NULL, &error), &error);
    assert_ok(df_envelope_fetch(&taking.taken, &error), &error);
    assert_true(df_slice_is(taking.taken.envelope.request, "{\"step\": [1]}"));
    assert_int_equal(df_section_manifest_sections(taking.taken.envelope.inputs), 4);
    end_taking(&taking);
    df_section_manifest_release(manifest);
    df_buf_dispose(&text);
    df_buf_dispose(&request);
    df_buf_dispose(&inputs);
    test_folder_remove(folder);
}

static struct df_deadline deadline_with(struct df_store *store, const char *members, struct df_deadline event)
{
    struct taking taking;
    struct df_buf text = {0};
    struct df_json *json;
    df_buf_printf(&text,
                  "{\"dayfly\":1,\"engine\":\"fake\",\"job\":\"j\",\"stage\":0,\"attempt\":1,\"request\":{},%s"
                  "\"parts\":[{\"index\":0}]}",
                  members);
    taking = (struct taking){0};
    assert_ok(df_json_parse(df_buf_slice(&text), NULL, &taking.arena, &json, &taking.error), &taking.error);
    assert_ok(df_envelope_take_json(json, find_engine, store, event, &taking.taken, &taking.error), &taking.error);
    struct df_deadline deadline = taking.taken.envelope.deadline;
    end_taking(&taking);
    df_buf_dispose(&text);
    return deadline;
}

static void test_the_earliest_deadline_counts(void **state)
{
    char members[120];
    df_time_freeze(true);
    long long now = df_time_wall_ms();
    struct df_deadline event = df_deadline_after_ms(5000);
    assert_true(deadline_with(*state, "", event).mono_ns == event.mono_ns);
    assert_int_equal(df_deadline_left_ms(deadline_with(*state, "\"remaining_ms\":300,", event)), 300);
    snprintf(members, sizeof members, "\"remaining_ms\":300,\"deadline_ms\":%lld,", now + 200);
    assert_int_equal(df_deadline_left_ms(deadline_with(*state, members, event)), 200);
    assert_int_equal(df_deadline_left_ms(deadline_with(*state, "\"remaining_ms\":9223372036854775807,", event)), 5000);
    assert_true(df_deadline_passed(deadline_with(*state, "\"deadline_ms\":0,", event)));
    df_time_freeze(false);
}

#define HEAD "{\"dayfly\":1,\"engine\":\"fake\",\"job\":\"j\",\"stage\":0,\"attempt\":1,\"request\":{}"
#define PART ",\"parts\":[{\"index\":0}]}"

static void test_each_member_that_is_missing_or_wrong_is_named(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"[]", "dayfly"},
        {"{}", "dayfly"},
        {"{\"dayfly\":\"1\"}", "dayfly"},
        {"{\"dayfly\":-1}", "dayfly"},
        {"{\"dayfly\":1}", "engine"},
        {"{\"dayfly\":1,\"engine\":5}", "engine"},
        {"{\"dayfly\":1,\"engine\":\"fake\"}", "job"},
        {"{\"dayfly\":1,\"engine\":\"fake\",\"job\":\"a\\u0000b\"}", "job"},
        {"{\"dayfly\":1,\"engine\":\"fake\",\"job\":\"j\",\"attempt\":1}", "stage"},
        {"{\"dayfly\":1,\"engine\":\"fake\",\"job\":\"j\",\"stage\":4294967296,\"attempt\":1}", "stage"},
        {"{\"dayfly\":1,\"engine\":\"fake\",\"job\":\"j\",\"stage\":0,\"attempt\":1.5}", "attempt"},
        {"{\"dayfly\":1,\"engine\":\"fake\",\"job\":\"j\",\"stage\":0,\"attempt\":1" PART, "request"},
        {HEAD "}", "parts"},
        {HEAD ",\"parts\":[]}", "parts"},
        {HEAD ",\"parts\":{}}", "parts"},
        {HEAD ",\"parts\":[5]}", "index"},
        {HEAD ",\"parts\":[{\"index\":-1}]}", "index"},
        {HEAD ",\"parts\":[{\"index\":0,\"uri\":5}]}", "uri"},
        {HEAD ",\"parts\":[{\"index\":0,\"uri\":\"a\\u0000\"}]}", "uri"},
        {HEAD ",\"parts\":[{\"index\":0,\"etag\":[]}]}", "etag"},
        {HEAD ",\"parts\":[{\"index\":0,\"size\":18446744073709551616}]}", "size"},
        {HEAD ",\"parts\":[{\"index\":0,\"range\":[1]}]}", "range"},
        {HEAD ",\"parts\":[{\"index\":0,\"range\":[2,1]}]}", "range"},
        {HEAD ",\"parts\":[{\"index\":0,\"range\":[0,1,2]}]}", "range"},
        {HEAD ",\"parts\":[{\"index\":0,\"detail\":\"%%%%\"}]}", "detail"},
        {HEAD ",\"parts\":[{\"index\":0,\"detail\":5}]}", "detail"},
        {HEAD ",\"output\":5" PART, "output"},
        {HEAD ",\"output\":{\"prefix\":5}" PART, "prefix"},
        {HEAD ",\"output\":{\"prefix\":\"\"}" PART, "prefix"},
        {HEAD ",\"output\":{\"sections\":1048577}" PART, "output"},
        {HEAD ",\"output\":{\"inline_bytes\":-1}" PART, "output"},
        {HEAD ",\"remaining_ms\":\"soon\"" PART, "remaining_ms"},
        {HEAD ",\"deadline_ms\":-5" PART, "deadline_ms"},
        {HEAD ",\"inputs\":5" PART, "inputs"},
        {HEAD ",\"inputs\":{\"uri\":5}" PART, "inputs"},
        {HEAD ",\"inputs\":{\"sections\":0,\"producers\":[]}" PART, "inputs"},
        {HEAD ",\"inputs\":{\"sections\":2,\"producers\":[{}]}" PART, "producers"},
        {HEAD ",\"inputs\":{\"sections\":2,\"producers\":[{\"index\":3},{\"index\":3}]}" PART, "order"},
        {HEAD ",\"inputs\":{\"sections\":2,\"producers\":[{\"index\":1048577}]}" PART, "producers"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(*state, cases[i].text, DF_ERROR_INVALID, cases[i].message);
    assert_refused(*state, HEAD ",\"inputs\":{\"sections\":2,\"producers\":[{\"index\":0,\"sizes\":\"AAA=\"}]}" PART,
                   DF_ERROR_CORRUPT, "without a place");
}

static void test_a_detail_over_its_limit_is_refused(void **state)
{
    struct df_buf text = {0};
    df_buf_put_text(&text, HEAD ",\"parts\":[{\"index\":0,\"detail\":\"");
    for (size_t i = 0; i < (DF_PART_DETAIL_BYTES_MAX / 3 + 1) * 4; i++)
        df_buf_put_char(&text, 'A');
    df_buf_put_text(&text, "\"}]}");
    assert_refused(*state, df_buf_text(&text), DF_ERROR_INVALID, "detail");
    df_buf_dispose(&text);
}

static void test_other_versions_and_engines_are_unsupported(void **state)
{
    assert_refused(*state, "{\"dayfly\":2}", DF_ERROR_UNSUPPORTED, "version 2");
    assert_refused(*state, "{\"dayfly\":0}", DF_ERROR_UNSUPPORTED, "version 0");
    assert_refused(*state, "{\"dayfly\":1,\"engine\":\"none\",\"job\":\"j\"}", DF_ERROR_UNSUPPORTED, "none");
}

/* ---- the answer ---- */

struct told {
    uint32_t count;
    uint32_t positions[8];
    struct df_part_result results[2];
};

static void tell(void *ctx, uint32_t position, struct df_part_result *result)
{
    struct told *told = ctx;
    assert_true(position < 2);
    told->positions[told->count++] = position;
    df_part_result_dispose(&told->results[position]);
    told->results[position] = *result;
    *result = (struct df_part_result){0};
}

static void forget_told(struct told *told)
{
    for (size_t i = 0; i < 2; i++)
        df_part_result_dispose(&told->results[i]);
    *told = (struct told){0};
}

static int take_answer(struct df_store *store, struct df_slice text, uint32_t sections, struct told *told,
                       struct df_error *error)
{
    struct df_envelope envelope = make_envelope();
    envelope.sections = sections;
    *told = (struct told){0};
    return df_answer_take_json(text, &envelope, store, tell, told, error);
}

static void test_an_answer_comes_back_as_it_was(void **state)
{
    struct df_envelope envelope = make_envelope();
    struct df_part_result results[2] = {{.stats = {1, UINT64_MAX, 3, 4, 5, true}}, {.failed = true}};
    struct df_buf text = {0};
    struct told told;
    struct df_error error;
    envelope.sections = 0;
    df_buf_put(&results[0].blob, "\0\x01\xff", 3);
    df_error_set(&results[1].error, DF_ERROR_UNAVAILABLE, "gone \"away\"");
    results[1].error.retryable = false;
    assert_ok(df_answer_put_json(&envelope, results, &text, &error), &error);
    assert_ok(take_answer(*state, df_buf_slice(&text), 0, &told, &error), &error);
    assert_int_equal(told.count, 2);
    assert_false(told.results[0].failed);
    assert_true(df_slice_equal(df_buf_slice(&told.results[0].blob), df_buf_slice(&results[0].blob)));
    assert_true(told.results[0].stats.rows_scanned == 1 && told.results[0].stats.bytes_read == UINT64_MAX &&
                told.results[0].stats.cpu_ns == 3 && told.results[0].stats.queued_ns == 4 &&
                told.results[0].stats.total_ns == 5 && told.results[0].stats.cold);
    assert_true(told.results[1].failed);
    assert_int_equal(told.results[1].error.kind, DF_ERROR_UNAVAILABLE);
    assert_false(told.results[1].error.retryable);
    assert_string_equal(told.results[1].error.message, "gone \"away\"");
    forget_told(&told);
    df_buf_dispose(&results[0].blob);
    df_buf_dispose(&text);
}

static void test_an_answer_that_is_an_error_fails_with_it(void **state)
{
    struct df_error why, error;
    struct df_buf text = {0};
    struct told told;
    df_error_set(&why, DF_ERROR_DENIED, "not there");
    df_answer_put_error(&why, &text);
    assert_fails(take_answer(*state, df_buf_slice(&text), 0, &told, &error), &error, DF_ERROR_DENIED, "not there");
    assert_int_equal(told.count, 0);
    df_buf_dispose(&text);
}

static void test_garbage_as_answer_is_corrupt(void **state)
{
    static const char *const cases[] = {
        "",
        "hello",
        "null",
        "[]",
        "{}",
        "{\"dayfly\":\"x\"}",
        "{\"dayfly\":1}",
        "{\"dayfly\":1,\"results\":{}}",
        "{\"dayfly\":1,\"error\":{}}",
        "{\"dayfly\":1,\"error\":{\"kind\":\"none\",\"message\":\"m\"}}",
        "{\"dayfly\":1,\"results\":[5]}",
        "{\"dayfly\":1,\"results\":[{\"index\":8,\"data\":\"\"}]}",
        "{\"dayfly\":1,\"results\":[{\"index\":7}]}",
        "{\"dayfly\":1,\"results\":[{\"index\":7,\"data\":\"A\"}]}",
        "{\"dayfly\":1,\"results\":[{\"index\":7,\"data\":{}}]}",
        "{\"dayfly\":1,\"results\":[{\"index\":7,\"data\":{\"uri\":5}}]}",
        "{\"dayfly\":1,\"results\":[{\"index\":7,\"error\":5}]}",
        "{\"dayfly\":1,\"results\":[{\"index\":7,\"error\":{\"kind\":\"odd\",\"message\":\"m\"}}]}",
        "{\"dayfly\":1,\"results\":[{\"index\":7,\"error\":{\"kind\":\"internal\"}}]}",
    };
    struct told told;
    struct df_error error;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_fails(take_answer(*state, df_slice_text(cases[i]), 0, &told, &error), &error, DF_ERROR_CORRUPT, "");
        assert_int_equal(told.count, 0);
    }
    assert_fails(take_answer(*state, df_slice_text("{\"dayfly\":7,\"results\":[]}"), 0, &told, &error), &error,
                 DF_ERROR_UNSUPPORTED, "version 7");
}

static void test_a_part_told_twice_is_corrupt_and_the_first_stands(void **state)
{
    struct told told;
    struct df_error error;
    const char *text = "{\"dayfly\":1,\"results\":[{\"index\":9,\"data\":\"QQ==\"},{\"index\":9,\"data\":\"Qg==\"}]}";
    assert_fails(take_answer(*state, df_slice_text(text), 0, &told, &error), &error, DF_ERROR_CORRUPT, "twice");
    assert_int_equal(told.count, 1);
    assert_int_equal(told.positions[0], 1);
    assert_true(df_slice_is(df_buf_slice(&told.results[1].blob), "A"));
    forget_told(&told);
}

static void test_results_may_come_in_any_order_and_lack(void **state)
{
    struct told told;
    struct df_error error;
    const char *text =
        "{\"dayfly\":1,\"results\":[{\"index\":9,\"data\":\"\"},{\"index\":7,\"data\":{\"uri\":\"u\"}}]}";
    assert_ok(take_answer(*state, df_slice_text(text), 0, &told, &error), &error);
    assert_int_equal(told.count, 2);
    assert_string_equal(told.results[0].uri, "u");
    forget_told(&told);
    assert_ok(take_answer(*state, df_slice_text("{\"dayfly\":1,\"results\":[]}"), 0, &told, &error), &error);
    assert_int_equal(told.count, 0);
}

static void test_sections_of_an_answer_are_checked(void **state)
{
    static const char *const bad[] = {
        "", ",\"sections\":5", ",\"sections\":{\"sizes\":\"AQI=\"}", ",\"sections\":{\"uri\":\"u\",\"sizes\":\"AQ==\"}",
        ",\"sections\":{\"uri\":\"u\",\"sizes\":\"AQID\"}", ",\"sections\":{\"uri\":\"u\",\"sizes\":\"%\"}",
        /* 2^63 and more in one varint */
        ",\"sections\":{\"uri\":\"u\",\"sizes\":\"AP///////////wE=\"}"};
    struct told told;
    struct df_error error;
    char text[240];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(text, sizeof text, "{\"dayfly\":1,\"results\":[{\"index\":7,\"data\":\"\"%s}]}", bad[i]);
        assert_fails(take_answer(*state, df_slice_text(text), 2, &told, &error), &error, DF_ERROR_CORRUPT, "");
        assert_int_equal(told.count, 0);
    }
    snprintf(text, sizeof text, "{\"dayfly\":1,\"results\":[{\"index\":7,\"data\":\"\",\"sections\":{}}]}");
    assert_ok(take_answer(*state, df_slice_text(text), 2, &told, &error), &error);
    assert_int_equal(df_section_set_bytes(told.results[0].sections), 0);
    forget_told(&told);
    snprintf(
        text, sizeof text,
        "{\"dayfly\":1,\"results\":[{\"index\":7,\"data\":\"\",\"sections\":{\"uri\":\"u\",\"sizes\":\"AQI=\"}}]}");
    assert_ok(take_answer(*state, df_slice_text(text), 2, &told, &error), &error);
    assert_int_equal(df_section_set_bytes(told.results[0].sections), 3);
    forget_told(&told);
}

/* ---- anything ---- */

static void mutate(struct df_buf *text, uint64_t *random)
{
    static const char pieces[] = "{}[]\",:0123456789eE-.ntfu\\ \x80";
    size_t changes = 1 + test_random(random) % 4;
    for (size_t i = 0; i < changes && text->size; i++) {
        size_t at = test_random(random) % text->size;
        size_t size = 1 + test_random(random) % 8;
        if (size > text->size - at)
            size = text->size - at;
        switch (test_random(random) % 4) {
        case 0:
            text->data[at] = (uint8_t)pieces[test_random(random) % (sizeof pieces - 1)];
            break;
        case 1: /* cut out */
            memmove(text->data + at, text->data + at + size, text->size - at - size);
            text->size -= size;
            break;
        case 2: /* twice */
            if (df_buf_reserve(text, size)) {
                memmove(text->data + at + size, text->data + at, text->size - at);
                text->size += size;
            }
            break;
        default:
            text->data[at] = (uint8_t)test_random(random);
        }
    }
}

static void test_changed_texts_are_taken_or_refused(void **state)
{
    static const char envelope_text[] =
        "{\"dayfly\":1,\"engine\":\"fake\",\"job\":\"j\",\"stage\":1,\"attempt\":2,\"deadline_ms\":99999999999999,"
        "\"remaining_ms\":1000,\"request\":{\"a\":[1]},\"output\":{\"prefix\":\"p/"
        "\",\"inline_bytes\":9,\"sections\":3},"
        "\"inputs\":{\"sections\":3,\"producers\":[{\"index\":0,\"uri\":\"u\",\"sizes\":\"AQID\"},{\"index\":4}]},"
        "\"parts\":[{\"index\":0,\"uri\":\"u\",\"size\":1,\"etag\":\"e\",\"range\":[0,4],\"detail\":\"QUJD\"}]}";
    static const char answer_text[] =
        "{\"dayfly\":1,\"results\":[{\"index\":7,\"data\":\"QUJD\",\"sections\":{\"uri\":\"u\",\"sizes\":\"AQI=\"},"
        "\"stats\":{\"rows_scanned\":1,\"bytes_read\":2,\"cpu_ns\":3,\"queued_ns\":4,\"total_ns\":5,\"cold\":true}},{"
        "\"index\":9,\"error\":{\"kind\":\"internal\","
        "\"retry\":true,\"message\":\"m\"}}]}";
    uint64_t random = test_seed();
    for (unsigned i = 0; i < 20000; i++) {
        struct df_buf text = {0};
        struct taking taking;
        struct told told;
        struct df_error error = {0};
        df_buf_put_text(&text, i % 2 ? envelope_text : answer_text);
        mutate(&text, &random);
        if (i % 2) {
            if (take(&taking, *state, df_buf_slice(&text)) != 0)
                assert_true(taking.error.kind != DF_ERROR_NONE && taking.error.message[0]);
            end_taking(&taking);
        } else {
            if (take_answer(*state, df_buf_slice(&text), 2, &told, &error) != 0)
                assert_true(error.kind != DF_ERROR_NONE && error.message[0]);
            assert_true(told.count <= 2);
            forget_told(&told);
        }
        df_buf_dispose(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_envelope_comes_back_as_it_was),
        cmocka_unit_test(test_objects_are_named_and_fetched),
        cmocka_unit_test(test_the_earliest_deadline_counts),
        cmocka_unit_test(test_each_member_that_is_missing_or_wrong_is_named),
        cmocka_unit_test(test_a_detail_over_its_limit_is_refused),
        cmocka_unit_test(test_other_versions_and_engines_are_unsupported),
        cmocka_unit_test(test_an_answer_comes_back_as_it_was),
        cmocka_unit_test(test_an_answer_that_is_an_error_fails_with_it),
        cmocka_unit_test(test_garbage_as_answer_is_corrupt),
        cmocka_unit_test(test_a_part_told_twice_is_corrupt_and_the_first_stands),
        cmocka_unit_test(test_results_may_come_in_any_order_and_lack),
        cmocka_unit_test(test_sections_of_an_answer_are_checked),
        cmocka_unit_test(test_changed_texts_are_taken_or_refused),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
