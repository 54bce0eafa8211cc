#include "engine/funnel/plan/bad_report.h"

enum { REPORT_MARK = 0, REPORT_VERSION = 1 };

bool df_funnel_bad_kind(enum df_error_kind kind)
{
    switch (kind) {
    case DF_ERROR_INVALID: /* user or time are not there, or of no use */
    case DF_ERROR_NOT_FOUND:
    case DF_ERROR_DENIED:
    case DF_ERROR_CONFLICT:
    case DF_ERROR_CORRUPT:
    case DF_ERROR_UNSUPPORTED:
        return true;
    default:
        return false;
    }
}

void df_funnel_bad_report_encode(const struct df_error *why, uint64_t bytes_read, struct df_buf *out)
{
    df_buf_put_u8(out, REPORT_MARK);
    df_buf_put_u8(out, REPORT_VERSION);
    df_buf_put_u8(out, (uint8_t)why->kind);
    df_buf_put_varint(out, bytes_read);
    df_buf_put_text(out, why->message);
}

bool df_funnel_bad_report_is(struct df_slice blob)
{
    return blob.size > 0 && blob.data[0] == REPORT_MARK;
}

static int damaged(struct df_error *error)
{
    return df_error_set(error, DF_ERROR_CORRUPT, "a worker's report of a file that cannot be read is damaged");
}

int df_funnel_bad_report_decode(struct df_slice blob, struct df_error *why, uint64_t *bytes_read,
                                struct df_error *error)
{
    struct df_cursor cursor = df_cursor_make(blob);
    uint8_t mark, version, kind;
    struct df_slice message;
    if (!df_cursor_take_u8(&cursor, &mark) || !df_cursor_take_u8(&cursor, &version))
        return damaged(error);
    if (version != REPORT_VERSION)
        return df_error_set(error, DF_ERROR_UNSUPPORTED,
                            "a worker's report of a file has version %u, this program reads %d", version,
                            REPORT_VERSION);
    if (!df_cursor_take_u8(&cursor, &kind) || kind >= DF_ERROR_KIND_COUNT ||
        !df_funnel_bad_kind((enum df_error_kind)kind) || !df_cursor_take_varint(&cursor, bytes_read) ||
        !df_cursor_take_bytes(&cursor, df_cursor_left(&cursor), &message))
        return damaged(error);
    df_error_set(why, (enum df_error_kind)kind, "%.*s", DF_SLICE_ARG(message));
    return 0;
}
