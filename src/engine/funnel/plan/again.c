/* A stage that is done again: with an exchange of values, or without files that turned out to be bad.
 *
 * Nothing of a bad file may count, and nothing that it has said may have changed how others were counted. Its footer:
 * what follows from footers is found out again without it. Its rows: parts of it may have written sections already, so
 * a SCATTER is done again; a WHOLE file gives all or nothing, so that stage stands, if its parts would be told the
 * same now. The stage that found it was folded to its end: so its second time usually is the last. */
#include "engine/funnel/plan/query.h"

static int scan_again(struct df_query *query, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    df_funnel_result_free(funnel->scan.result);
    funnel->scan = (struct df_funnel_scan){0};
    df_funnel_export_again(query);
    return df_funnel_result_create(&funnel->scan.result, &funnel->request, NULL, error);
}

int df_funnel_again_with_values_apart(struct df_query *query, struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    df_funnel_cut_values(query);
    funnel->values_apart = true;
    funnel->reasons.values = "a part has more distinct values than its answer may carry";
    return scan_again(query, error);
}

/* ---- without files that cannot be read ---- */

/* What makes a part of WHOLE files answer as it does, but for the file. */
static int put_told(const struct df_query *query, struct df_buf *out, struct df_error *error)
{
    const struct df_funnel_query *funnel = query->state;
    struct df_funnel_detail detail = df_funnel_detail_of_files(query, DF_FUNNEL_ROLE_WHOLE);
    /* With exact answers it only says when values go apart. */
    if (!funnel->request.approximate)
        detail.inline_values = 0;
    df_funnel_detail_encode(&detail, out);
    df_buf_put_u8(out, funnel->unit_guessed);
    df_buf_put_u8(out, funnel->unit_guessed ? (uint8_t)funnel->guessed_unit : 0);
    return df_buf_failed(out) ? df_error_no_memory(error, "planning parts") : 0;
}

static void forget_agreed(struct df_funnel_query *funnel)
{
    memset(&funnel->agreed, 0, sizeof funnel->agreed);
    funnel->unit_guessed = false;
    funnel->reasons.exchange = NULL;
}

/* What is left of a file's directories tells its columns otherwise: then the types in footers are wrong too. */
static void forget_footers(struct df_funnel_query *funnel)
{
    forget_agreed(funnel);
    for (size_t i = 0; i < funnel->file_count; i++) {
        funnel->files[i].footer_known = false;
        funnel->files[i].footer = (struct df_funnel_footer){0};
    }
}

static int decide_again(struct df_query *query, enum df_funnel_role before, enum df_funnel_role *role,
                        struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    bool changed;
    *role = before;
    if (df_funnel_bad_files_leave_out(query, error) < 0 ||
        df_funnel_directories_settle_again(query, &changed, error) < 0)
        return -1;
    if (funnel->roles[0] != DF_FUNNEL_ROLE_FOOTERS)
        return 0;
    if (changed) {
        forget_footers(funnel);
        *role = DF_FUNNEL_ROLE_FOOTERS;
        return 0;
    }
    forget_agreed(funnel);
    return df_funnel_decide(query, role, error);
}

int df_funnel_again_without_bad(struct df_query *query, enum df_funnel_role before, enum df_funnel_role *role,
                                struct df_error *error)
{
    struct df_funnel_query *funnel = query->state;
    struct df_buf told = {0}, told_now = {0};
    int result = put_told(query, &told, error);
    if (result == 0)
        result = decide_again(query, before, role, error);
    if (result == 0)
        result = put_told(query, &told_now, error);
    bool same = result == 0 && df_slice_equal(df_buf_slice(&told), df_buf_slice(&told_now));
    df_buf_dispose(&told);
    df_buf_dispose(&told_now);
    if (result < 0 || before == DF_FUNNEL_ROLE_FOOTERS)
        return result;
    if (funnel->scan.over)
        return df_funnel_again_with_values_apart(query, error);
    if (before != DF_FUNNEL_ROLE_WHOLE || funnel->values_apart || !same) {
        if (funnel->roles[0] != DF_FUNNEL_ROLE_FOOTERS)
            forget_agreed(funnel); /* it comes with the rows */
        return scan_again(query, error);
    }
    funnel->reasons.exchange = NULL; /* there was none */
    *role = 0;
    return 0;
}
