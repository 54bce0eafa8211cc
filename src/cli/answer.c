#include "cli/answer.h"

#include "base/json.h"

int df_cli_answer_put_json(struct df_cli_answer *answer, enum df_json_style style, struct df_buf *out,
                           struct df_error *error)
{
    struct df_arena arena = {0};
    struct df_json *tree = NULL;
    if (df_json_parse(df_buf_slice(&answer->content), NULL, &arena, &tree, error) != 0) {
        df_arena_dispose(&arena);
        return df_error_prefix(error, "the answer of the engine");
    }
    struct df_json_writer writer;
    df_json_writer_init(&writer, out, style);
    df_json_begin_object(&writer);
    df_json_key(&writer, "success");
    df_json_boolean(&writer, true);
    df_json_key(&writer, "requestId");
    df_json_text(&writer, answer->job_id);
    df_json_key(&writer, "stats");
    df_cli_answer_put_stats(answer, &writer);
    for (const struct df_json *member = tree->children; member; member = member->next) {
        df_json_key_slice(&writer, member->key);
        df_json_write_tree(&writer, member);
    }
    df_json_end_object(&writer);
    df_buf_put_char(out, '\n');
    df_arena_dispose(&arena);
    return 0;
}

void df_cli_failure_put_json(const struct df_error *failure, enum df_json_style style, struct df_buf *out)
{
    struct df_json_writer writer;
    df_json_writer_init(&writer, out, style);
    df_json_begin_object(&writer);
    df_json_key(&writer, "success");
    df_json_boolean(&writer, false);
    df_json_key(&writer, "errorMessage");
    df_json_text(&writer, failure->message);
    df_json_key(&writer, "errorKind");
    df_json_text(&writer, df_error_name(failure->kind));
    df_json_end_object(&writer);
    df_buf_put_char(out, '\n');
}
