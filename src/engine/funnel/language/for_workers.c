/* The request as workers get it: without the files of the data set, which may be many, and with the unit of time. */
#include "base/json_write.h"
#include "engine/funnel/language/reader.h"

static void put_dataset(struct df_json_writer *json, const struct df_json *dataset, const enum df_time_unit *unit)
{
    df_json_begin_object(json);
    for (const struct df_json *member = dataset->children; member; member = member->next) {
        if (df_slice_is(member->key, "paths") || df_slice_is(member->key, "files") ||
            (unit && df_slice_is(member->key, "timestampUnit")))
            continue;
        df_json_key_slice(json, member->key);
        df_json_write_tree(json, member);
    }
    if (unit) {
        df_json_key(json, "timestampUnit");
        df_json_text(json, df_time_unit_name(*unit));
    }
    df_json_end_object(json);
}

int df_funnel_request_for_workers(struct df_slice json, const enum df_time_unit *unit, struct df_buf *out,
                                  struct df_error *error)
{
    struct df_arena arena = {0};
    struct df_json_writer writer;
    struct df_json *root;
    if (df_json_parse(json, &df_funnel_json_limits, &arena, &root, error) < 0) {
        df_arena_dispose(&arena);
        return -1;
    }
    df_json_writer_init(&writer, out, DF_JSON_COMPACT);
    df_json_begin_object(&writer);
    for (const struct df_json *member = root->children; member; member = member->next) {
        df_json_key_slice(&writer, member->key);
        if (df_slice_is(member->key, "dataset"))
            put_dataset(&writer, member, unit);
        else
            df_json_write_tree(&writer, member);
    }
    df_json_end_object(&writer);
    df_arena_dispose(&arena);
    return df_buf_failed(out) ? df_error_no_memory(error, "writing the request of the workers") : 0;
}
