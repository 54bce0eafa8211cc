#include "engine/funnel/plan/partial.h"

#include "base/size.h"

enum { PARTIAL_VERSION = 3 };
enum { DETAIL_APART = 1, DETAIL_SHAPE = 2, DETAIL_FLAGS = 4 };
enum { FOOTER_WHOLE = 1, FOOTER_BOUNDS = 2, FOOTER_LARGEST = 4, FOOTER_GUESSED = 8, FOOTER_FLAGS = 16 };
enum { SHARE_OVER = 1, SHARE_FLAGS = 2 };
enum { TYPE_BYTES = 5, TYPE_LIST = 0x80 };
enum { NAMES_MAX = DF_FUNNEL_DIRECTORIES_MAX, DECIMAL_DIGITS_MAX = 38 };

const char *df_funnel_role_name(enum df_funnel_role role)
{
    static const char *const names[DF_FUNNEL_ROLES] = {"none", "footers", "whole", "scatter", "gather", "values"};
    return names[role];
}

static int corrupt(struct df_error *error, const char *what)
{
    return df_error_set(error, DF_ERROR_CORRUPT, "a partial result of the funnel is damaged: %s", what);
}

static int ends_early(struct df_error *error)
{
    return corrupt(error, "it ends too early");
}

/* ---- shapes ---- */

static void put_type(const struct df_type *type, struct df_buf *out)
{
    df_buf_put_u8(out, (uint8_t)(type->kind | (type->list ? TYPE_LIST : 0)));
    df_buf_put_u8(out, type->bits);
    df_buf_put_u8(out, (uint8_t)type->unit);
    df_buf_put_u8(out, type->precision);
    df_buf_put_u8(out, type->scale);
}

static bool take_type(struct df_cursor *cursor, struct df_type *type)
{
    struct df_slice bytes;
    if (!df_cursor_take_bytes(cursor, TYPE_BYTES, &bytes))
        return false;
    unsigned kind = bytes.data[0] & ~(unsigned)TYPE_LIST;
    if (kind >= DF_TYPE_KINDS || bytes.data[1] > 64 || bytes.data[2] >= DF_TIME_UNITS ||
        bytes.data[3] > DECIMAL_DIGITS_MAX || bytes.data[4] > DECIMAL_DIGITS_MAX)
        return false;
    *type = (struct df_type){.kind = (enum df_type_kind)kind,
                             .list = bytes.data[0] & TYPE_LIST,
                             .bits = bytes.data[1],
                             .unit = (enum df_time_unit)bytes.data[2],
                             .precision = bytes.data[3],
                             .scale = bytes.data[4]};
    return true;
}

static void put_shape(const struct df_funnel_shape *shape, struct df_buf *out)
{
    df_buf_put_u8(out, (uint8_t)shape->kind);
    df_buf_put_u8(out, (uint8_t)shape->time.kind);
    df_buf_put_u8(out, shape->time.scale_known ? (uint8_t)(1 + shape->time.scale) : 0);
    put_type(&shape->user_type, out);
    put_type(&shape->time_type, out);
    df_buf_put_varint(out, shape->type_count);
    for (uint32_t i = 0; i < shape->type_count; i++)
        put_type(&shape->types[i], out);
}

static int take_types(struct df_cursor *cursor, uint64_t count, struct df_arena *arena, struct df_funnel_shape *shape,
                      struct df_error *error)
{
    /* No more memory is asked for than the blob can fill. */
    if (count > df_cursor_left(cursor) / TYPE_BYTES)
        return corrupt(error, "it announces more columns than it holds");
    shape->type_count = (uint32_t)count;
    shape->types = df_arena_array(arena, (size_t)count, sizeof *shape->types);
    if (!shape->types)
        return df_error_no_memory(error, "reading the types of a file");
    for (uint32_t i = 0; i < shape->type_count; i++)
        if (!take_type(cursor, &shape->types[i]))
            return corrupt(error, "a column is of no type");
    return 0;
}

static int take_shape(struct df_cursor *cursor, struct df_arena *arena, struct df_funnel_shape *shape,
                      struct df_error *error)
{
    uint8_t kind, time, scale;
    uint64_t count;
    *shape = (struct df_funnel_shape){0};
    if (!df_cursor_take_u8(cursor, &kind) || !df_cursor_take_u8(cursor, &time) || !df_cursor_take_u8(cursor, &scale))
        return ends_early(error);
    if (kind >= DF_FUNNEL_KEY_KINDS || time >= DF_FUNNEL_TIME_KINDS || scale > DF_FUNNEL_SCALES)
        return corrupt(error, "it says what no file says");
    shape->kind = (enum df_funnel_key_kind)kind;
    shape->time.kind = (enum df_funnel_time_kind)time;
    shape->time.scale_known = scale > 0;
    if (scale > 0)
        shape->time.scale = (enum df_funnel_scale)(scale - 1);
    if (!take_type(cursor, &shape->user_type) || !take_type(cursor, &shape->time_type))
        return corrupt(error, "user or time are of no type");
    if (!df_cursor_take_varint(cursor, &count))
        return ends_early(error);
    return take_types(cursor, count, arena, shape, error);
}

static int take_shape_of(struct df_cursor *cursor, uint32_t type_count, struct df_arena *arena,
                         struct df_funnel_shape *shape, struct df_error *error)
{
    if (take_shape(cursor, arena, shape, error) < 0)
        return -1;
    return shape->type_count == type_count ? 0 : corrupt(error, "it has another number of columns");
}

/* ---- details ---- */

static bool has_names(enum df_funnel_role role)
{
    return role == DF_FUNNEL_ROLE_FOOTERS || role == DF_FUNNEL_ROLE_WHOLE || role == DF_FUNNEL_ROLE_SCATTER;
}

static bool has_result(enum df_funnel_role role)
{
    return role == DF_FUNNEL_ROLE_WHOLE || role == DF_FUNNEL_ROLE_GATHER;
}

void df_funnel_detail_encode(const struct df_funnel_detail *detail, struct df_buf *out)
{
    df_buf_put_u8(out, (uint8_t)detail->role);
    df_buf_put_u8(out, (uint8_t)((detail->values_apart ? DETAIL_APART : 0) | (detail->has_shape ? DETAIL_SHAPE : 0)));
    if (has_result(detail->role)) {
        df_buf_put_varint(out, detail->inline_values);
        df_buf_put_varint(out, detail->token.size);
        df_buf_put_slice(out, detail->token);
    }
    if (has_names(detail->role)) {
        df_buf_put_varint(out, detail->string_directory_count);
        for (uint32_t i = 0; i < detail->string_directory_count; i++) {
            struct df_slice name = df_slice_text(detail->string_directories[i]);
            df_buf_put_varint(out, name.size);
            df_buf_put_slice(out, name);
        }
    }
    if (detail->has_shape)
        put_shape(&detail->shape, out);
}

static bool take_text(struct df_cursor *cursor, struct df_slice *text)
{
    uint64_t size;
    return df_cursor_take_varint(cursor, &size) && size <= df_cursor_left(cursor) &&
           df_cursor_take_bytes(cursor, (size_t)size, text);
}

static int bad_detail(struct df_error *error)
{
    return df_error_set(error, DF_ERROR_CORRUPT, "the detail of a funnel's part is damaged");
}

static int take_names(struct df_cursor *cursor, struct df_arena *arena, struct df_funnel_detail *detail,
                      struct df_error *error)
{
    uint64_t count;
    if (!df_cursor_take_varint(cursor, &count) || count > NAMES_MAX || count > df_cursor_left(cursor))
        return bad_detail(error);
    const char **names = df_arena_array(arena, (size_t)count, sizeof *names);
    if (!names)
        return df_error_no_memory(error, "reading the detail of a part");
    for (uint64_t i = 0; i < count; i++) {
        struct df_slice name;
        if (!take_text(cursor, &name) || memchr(name.data, '\0', name.size))
            return bad_detail(error);
        if (!(names[i] = df_arena_text(arena, name)))
            return df_error_no_memory(error, "reading the detail of a part");
    }
    detail->string_directories = names;
    detail->string_directory_count = (uint32_t)count;
    return 0;
}

int df_funnel_detail_decode(struct df_slice blob, struct df_arena *arena, struct df_funnel_detail *detail,
                            struct df_error *error)
{
    struct df_cursor cursor = df_cursor_make(blob);
    uint8_t role, flags;
    *detail = (struct df_funnel_detail){0};
    if (!df_cursor_take_u8(&cursor, &role) || !df_cursor_take_u8(&cursor, &flags) || role < DF_FUNNEL_ROLE_FOOTERS ||
        role >= DF_FUNNEL_ROLES || flags >= DETAIL_FLAGS)
        return bad_detail(error);
    detail->role = (enum df_funnel_role)role;
    detail->values_apart = flags & DETAIL_APART;
    detail->has_shape = flags & DETAIL_SHAPE;
    if ((flags && !has_result(detail->role)) || (detail->role == DF_FUNNEL_ROLE_GATHER && !detail->has_shape))
        return bad_detail(error);
    if (has_result(detail->role) &&
        (!df_cursor_take_varint(&cursor, &detail->inline_values) || !take_text(&cursor, &detail->token)))
        return bad_detail(error);
    if (has_names(detail->role) && take_names(&cursor, arena, detail, error) < 0)
        return -1;
    if (detail->has_shape && take_shape(&cursor, arena, &detail->shape, error) < 0)
        return -1;
    return !cursor.failed && df_cursor_left(&cursor) == 0 ? 0 : bad_detail(error);
}

/* ---- heads ---- */

static void put_head(enum df_funnel_role role, unsigned flags, struct df_buf *out)
{
    df_buf_put_u8(out, PARTIAL_VERSION);
    df_buf_put_u8(out, (uint8_t)role);
    df_buf_put_u8(out, (uint8_t)flags);
}

static int take_head(struct df_cursor *cursor, enum df_funnel_role role, uint8_t flags_end, uint8_t *flags,
                     struct df_error *error)
{
    uint8_t version, found;
    if (!df_cursor_take_u8(cursor, &version))
        return corrupt(error, "it ends in its head");
    if (version != PARTIAL_VERSION)
        return df_error_set(error, DF_ERROR_UNSUPPORTED,
                            "a partial result of the funnel has version %u, this program reads %d", version,
                            PARTIAL_VERSION);
    if (!df_cursor_take_u8(cursor, &found) || !df_cursor_take_u8(cursor, flags))
        return corrupt(error, "it ends in its head");
    if (found != (uint8_t)role)
        return corrupt(error, "it is of another stage");
    return *flags < flags_end ? 0 : corrupt(error, "it says what no partial result says");
}

/* ---- footers ---- */

void df_funnel_footer_encode(const struct df_funnel_footer *footer, struct df_buf *out)
{
    put_head(DF_FUNNEL_ROLE_FOOTERS,
             (footer->whole ? FOOTER_WHOLE : 0u) | (footer->bounds_known ? FOOTER_BOUNDS : 0u) |
                 (footer->largest_known ? FOOTER_LARGEST : 0u) | (footer->largest_guessed ? FOOTER_GUESSED : 0u),
             out);
    df_buf_put_varint(out, footer->file_bytes);
    df_buf_put_varint(out, footer->bytes_read);
    df_buf_put_u64le(out, footer->writing);
    df_buf_put_u64le(out, footer->part);
    df_buf_put_u64le(out, (uint64_t)footer->minimum);
    df_buf_put_u64le(out, (uint64_t)footer->maximum);
    df_buf_put_varint(out, footer->largest);
    put_shape(&footer->shape, out);
    df_buf_put_varint(out, footer->stretch_count);
    for (uint32_t i = 0; i < footer->stretch_count; i++) {
        const struct df_funnel_stretch *stretch = &footer->stretches[i];
        df_buf_put_varint(out, stretch->row_groups);
        df_buf_put_varint(out, stretch->skipped);
        df_buf_put_varint(out, stretch->rows);
        df_buf_put_varint(out, stretch->bytes);
    }
}

static int take_stretch(struct df_cursor *cursor, struct df_funnel_footer *footer, struct df_funnel_stretch *stretch,
                        struct df_error *error)
{
    if (!df_cursor_take_varint(cursor, &stretch->row_groups) || !df_cursor_take_varint(cursor, &stretch->skipped) ||
        !df_cursor_take_varint(cursor, &stretch->rows) || !df_cursor_take_varint(cursor, &stretch->bytes))
        return corrupt(error, "it ends in its row groups");
    if (stretch->row_groups == 0 || stretch->skipped > stretch->row_groups ||
        (stretch->skipped == stretch->row_groups && (stretch->rows || stretch->bytes)) ||
        df_u64_add(&footer->row_groups, footer->row_groups, stretch->row_groups) < 0 ||
        df_u64_add(&footer->rows, footer->rows, stretch->rows) < 0 ||
        df_u64_add(&footer->bytes, footer->bytes, stretch->bytes) < 0 || footer->row_groups > UINT32_MAX)
        return corrupt(error, "its row groups do not add up");
    footer->skipped += stretch->skipped;
    return 0;
}

static int take_stretches(struct df_cursor *cursor, struct df_arena *arena, struct df_funnel_footer *footer,
                          struct df_error *error)
{
    uint64_t count;
    if (!df_cursor_take_varint(cursor, &count))
        return ends_early(error);
    /* A stretch has four bytes at least: no more memory is asked for than the blob can fill. */
    if (count > DF_FUNNEL_STRETCHES_MAX || count > df_cursor_left(cursor) / 4)
        return corrupt(error, "it announces more row groups than it holds");
    footer->stretch_count = (uint32_t)count;
    footer->stretches = df_arena_array(arena, (size_t)count, sizeof *footer->stretches);
    if (!footer->stretches)
        return df_error_no_memory(error, "reading a footer's summary");
    for (uint32_t i = 0; i < count; i++)
        if (take_stretch(cursor, footer, &footer->stretches[i], error) < 0)
            return -1;
    return 0;
}

int df_funnel_footer_decode(struct df_slice blob, uint32_t type_count, struct df_arena *arena,
                            struct df_funnel_footer *footer, struct df_error *error)
{
    struct df_cursor cursor = df_cursor_make(blob);
    uint8_t flags = 0;
    uint64_t minimum = 0, maximum = 0;
    *footer = (struct df_funnel_footer){0};
    if (take_head(&cursor, DF_FUNNEL_ROLE_FOOTERS, FOOTER_FLAGS, &flags, error) < 0)
        return -1;
    if (!df_cursor_take_varint(&cursor, &footer->file_bytes) || !df_cursor_take_varint(&cursor, &footer->bytes_read) ||
        !df_cursor_take_u64le(&cursor, &footer->writing) || !df_cursor_take_u64le(&cursor, &footer->part) ||
        !df_cursor_take_u64le(&cursor, &minimum) || !df_cursor_take_u64le(&cursor, &maximum) ||
        !df_cursor_take_varint(&cursor, &footer->largest))
        return ends_early(error);
    footer->whole = flags & FOOTER_WHOLE;
    footer->bounds_known = flags & FOOTER_BOUNDS;
    footer->largest_known = flags & FOOTER_LARGEST;
    footer->largest_guessed = flags & FOOTER_GUESSED;
    footer->minimum = (int64_t)minimum;
    footer->maximum = (int64_t)maximum;
    if (take_shape_of(&cursor, type_count, arena, &footer->shape, error) < 0 ||
        take_stretches(&cursor, arena, footer, error) < 0)
        return -1;
    return df_cursor_left(&cursor) == 0 ? 0 : corrupt(error, "bytes follow its end");
}

/* ---- shares ---- */

static void put_text(struct df_slice text, struct df_buf *out)
{
    df_buf_put_varint(out, text.size);
    df_buf_put_slice(out, text);
}

static void put_skips(const struct df_funnel_skip_counts *skips, struct df_buf *out)
{
    df_buf_put_varint(out, skips->by_pages);
    df_buf_put_varint(out, skips->by_bloom);
    df_buf_put_varint(out, skips->by_dictionary);
    df_buf_put_varint(out, skips->pages_read);
    df_buf_put_varint(out, skips->pages_skipped);
}

static bool take_skips(struct df_cursor *cursor, struct df_funnel_skip_counts *skips)
{
    return df_cursor_take_varint(cursor, &skips->by_pages) && df_cursor_take_varint(cursor, &skips->by_bloom) &&
           df_cursor_take_varint(cursor, &skips->by_dictionary) && df_cursor_take_varint(cursor, &skips->pages_read) &&
           df_cursor_take_varint(cursor, &skips->pages_skipped);
}

void df_funnel_share_encode(const struct df_funnel_share *share, struct df_buf *out)
{
    put_head(share->role, share->over ? SHARE_OVER : 0, out);
    df_buf_put_varint(out, share->rows);
    df_buf_put_varint(out, share->rows_without_group);
    df_buf_put_varint(out, share->file_bytes);
    df_buf_put_varint(out, share->bytes_read);
    df_buf_put_varint(out, share->row_groups_read);
    df_buf_put_varint(out, share->row_groups_skipped);
    put_skips(&share->skips, out);
    if (share->role == DF_FUNNEL_ROLE_WHOLE)
        put_shape(&share->shape, out);
    df_buf_put_varint(out, share->cohort_rows);
    put_text(share->cohort, out);
    put_text(share->cohort_file, out);
    df_buf_put_slice(out, share->result);
}

static int check_share(const struct df_funnel_share *share, struct df_error *error)
{
    if (share->rows_without_group > share->rows)
        return corrupt(error, "it has more rows without a user than rows");
    if (share->over && (share->result.size || share->cohort.size))
        return corrupt(error, "it has a result and says that it has none");
    if (share->over && !has_result(share->role))
        return corrupt(error, "it says that values are left out where there are none");
    if (share->role == DF_FUNNEL_ROLE_SCATTER && share->result.size)
        return corrupt(error, "bytes follow its end");
    return 0;
}

int df_funnel_share_decode(struct df_slice blob, enum df_funnel_role role, uint32_t type_count, struct df_arena *arena,
                           struct df_funnel_share *share, struct df_error *error)
{
    struct df_cursor cursor = df_cursor_make(blob);
    uint8_t flags = 0;
    *share = (struct df_funnel_share){.role = role};
    if (take_head(&cursor, role, SHARE_FLAGS, &flags, error) < 0)
        return -1;
    share->over = flags & SHARE_OVER;
    if (!df_cursor_take_varint(&cursor, &share->rows) || !df_cursor_take_varint(&cursor, &share->rows_without_group) ||
        !df_cursor_take_varint(&cursor, &share->file_bytes) || !df_cursor_take_varint(&cursor, &share->bytes_read) ||
        !df_cursor_take_varint(&cursor, &share->row_groups_read) ||
        !df_cursor_take_varint(&cursor, &share->row_groups_skipped) || !take_skips(&cursor, &share->skips))
        return ends_early(error);
    if (role == DF_FUNNEL_ROLE_WHOLE && take_shape_of(&cursor, type_count, arena, &share->shape, error) < 0)
        return -1;
    if (!df_cursor_take_varint(&cursor, &share->cohort_rows) || !take_text(&cursor, &share->cohort) ||
        !take_text(&cursor, &share->cohort_file) ||
        !df_cursor_take_bytes(&cursor, df_cursor_left(&cursor), &share->result))
        return ends_early(error);
    return check_share(share, error);
}
