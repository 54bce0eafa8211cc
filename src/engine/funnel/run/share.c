#include "engine/funnel/run/share.h"

#include <inttypes.h>

#include "engine/funnel/export/write.h"

void df_funnel_gathering_init(struct df_funnel_gathering *gathering, struct df_task *task, const struct df_part *part,
                              const struct df_funnel_detail *detail)
{
    *gathering = (struct df_funnel_gathering){.task = task, .part = part, .detail = detail};
}

void df_funnel_gathering_dispose(struct df_funnel_gathering *gathering)
{
    df_buf_dispose(&gathering->first);
    df_buf_dispose(&gathering->cohort);
    df_buf_dispose(&gathering->file_name);
    df_funnel_export_abort(gathering->file);
    df_funnel_result_free(gathering->total);
}

static int no_memory(struct df_error *error)
{
    return df_error_no_memory(error, "writing a partial result");
}

/* ---- tables ---- */

static int put_entries(void *ctx, uint32_t section, struct df_slice bytes, struct df_error *error)
{
    struct df_funnel_gathering *gathering = ctx;
    return df_task_section_write(gathering->task, gathering->part, section, bytes, error);
}

/* Whether the values of a result may travel; what is approximate is cut until they may. */
static int make_fit(struct df_funnel_gathering *gathering, struct df_funnel_result *result, bool *fits,
                    struct df_error *error)
{
    const struct df_funnel_request *request = gathering->task->state;
    *fits = df_funnel_result_values(result) <= gathering->detail->inline_values;
    if (*fits || !request->approximate)
        return 0;
    *fits = true;
    return df_funnel_result_cut(result, gathering->detail->inline_values, error);
}

static int merge_into(struct df_funnel_result *total, struct df_slice encoded, struct df_error *error)
{
    struct df_cursor cursor = df_cursor_make(encoded);
    return df_funnel_result_merge(total, &cursor, error);
}

static int merge(struct df_funnel_gathering *gathering, struct df_slice encoded, struct df_error *error)
{
    bool fits;
    if (!gathering->total) {
        if (df_funnel_result_create(&gathering->total, gathering->task->state, NULL, error) < 0 ||
            merge_into(gathering->total, df_buf_slice(&gathering->first), error) < 0)
            return -1;
        df_buf_dispose(&gathering->first);
    }
    if (merge_into(gathering->total, encoded, error) < 0 || make_fit(gathering, gathering->total, &fits, error) < 0)
        return -1;
    gathering->over = !fits;
    return 0;
}

static int add_result(struct df_funnel_gathering *gathering, struct df_funnel_result *result, struct df_error *error)
{
    bool apart = gathering->detail->values_apart, fits = true;
    if (apart && df_funnel_result_put_entries(result, gathering->task->sections, put_entries, gathering, error) < 0)
        return -1;
    if (!apart && make_fit(gathering, result, &fits, error) < 0)
        return -1;
    gathering->over = !fits;
    if (gathering->over)
        return 0;
    if (gathering->first.size == 0 && !gathering->total) {
        df_funnel_result_encode(result, apart, &gathering->first);
        return df_buf_failed(&gathering->first) ? no_memory(error) : 0;
    }
    struct df_buf encoded = {0};
    df_funnel_result_encode(result, apart, &encoded);
    int rc = df_buf_failed(&encoded) ? no_memory(error) : merge(gathering, df_buf_slice(&encoded), error);
    df_buf_dispose(&encoded);
    return rc;
}

/* ---- exported users ---- */

/* The attempt is in the name: of two that run side by side each has a file, and the coordinator keeps the winner's. */
static int open_file(struct df_funnel_gathering *gathering, const struct df_funnel_cohort *like, struct df_error *error)
{
    const struct df_funnel_request *request = gathering->task->state;
    struct df_buf uri = {0};
    df_buf_printf(&gathering->file_name, "part-%05" PRIu32 "-%.*s-%" PRIu32 ".parquet", gathering->part->index,
                  DF_SLICE_ARG(gathering->detail->token), gathering->task->attempt);
    df_buf_put_text(&uri, request->funnel.cohort.file);
    df_buf_put_slice(&uri, df_buf_slice(&gathering->file_name));
    int result = df_buf_failed(&uri)
                     ? no_memory(error)
                     : df_funnel_export_open(&gathering->file, gathering->task->store, df_buf_text(&uri), like, error);
    df_buf_dispose(&uri);
    return result;
}

static int add_cohort(struct df_funnel_gathering *gathering, struct df_funnel_cohort *cohort, struct df_error *error)
{
    if (!cohort)
        return 0;
    gathering->cohort_rows += df_funnel_cohort_rows(cohort);
    if (gathering->detail->token.size > 0) {
        if (!gathering->file && open_file(gathering, cohort, error) < 0)
            return -1;
        return df_funnel_export_put(gathering->file, cohort, error);
    }
    if (df_funnel_cohort_rows(cohort) > 0)
        df_funnel_cohort_encode(cohort, &gathering->cohort);
    return df_buf_failed(&gathering->cohort) ? no_memory(error) : 0;
}

int df_funnel_gathering_add(void *ctx, struct df_funnel_result *result, struct df_funnel_cohort *cohort,
                            struct df_error *error)
{
    struct df_funnel_gathering *gathering = ctx;
    if (gathering->over)
        return 0;
    if (add_result(gathering, result, error) < 0)
        return -1;
    return gathering->over ? 0 : add_cohort(gathering, cohort, error);
}

/* ---- the end ---- */

/* A part that saw no source has an empty result. */
static int encode_total(struct df_funnel_gathering *gathering, struct df_error *error)
{
    if (gathering->first.size > 0)
        return 0;
    if (!gathering->total && df_funnel_result_create(&gathering->total, gathering->task->state, NULL, error) < 0)
        return -1;
    df_funnel_result_encode(gathering->total, gathering->detail->values_apart, &gathering->first);
    return df_buf_failed(&gathering->first) ? no_memory(error) : 0;
}

static int commit_file(struct df_funnel_gathering *gathering, struct df_error *error)
{
    struct df_funnel_export_writer *file = gathering->file;
    gathering->file = NULL; /* commit frees it, whatever comes of it */
    return file ? df_funnel_export_commit(file, error) : 0;
}

int df_funnel_gathering_finish(struct df_funnel_gathering *gathering, struct df_funnel_share *share, struct df_buf *out,
                               struct df_error *error)
{
    share->over = gathering->over;
    if (!share->over) {
        if (encode_total(gathering, error) < 0 || commit_file(gathering, error) < 0)
            return -1;
        share->cohort_file = df_buf_slice(&gathering->file_name);
        share->result = df_buf_slice(&gathering->first);
        share->cohort = df_buf_slice(&gathering->cohort);
        share->cohort_rows = gathering->cohort_rows;
    }
    df_funnel_share_encode(share, out);
    return df_buf_failed(out) ? no_memory(error) : 0;
}
