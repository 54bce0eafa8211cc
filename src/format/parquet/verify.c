#include "format/parquet/verify.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "format/parquet/describe.h"
#include "format/parquet/file.h"

/* One chunk that is verified. */
struct check {
    struct df_parquet_file *file;
    const struct df_parquet_reading *reading;
    df_parquet_finding_fn *finding;
    void *ctx;
    struct df_parquet_verified *verified;
    uint32_t row_group, column;

    struct df_parquet_index index;
    struct df_parquet_bloom bloom;
    uint64_t row; /* the next one */
    uint32_t page;
    uint64_t nulls, page_nulls;
    bool told_bounds, told_bloom, told_page_bounds; /* one finding of each kind is enough */
};

static void tell(struct check *check, int64_t page, bool unread, const char *text)
{
    check->verified->damaged += !unread;
    check->verified->unread += unread;
    check->finding(
        check->ctx,
        &(struct df_parquet_finding){
            .row_group = check->row_group, .column = check->column, .page = page, .unread = unread, .text = text});
}

static void __attribute__((format(printf, 3, 4))) found(struct check *check, int64_t page, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct df_buf whole = {0};
    df_buf_printf(&whole, "%s: row group %u, column '%s'", check->file->uri, check->row_group,
                  df_parquet_column(check->file, check->column)->name);
    if (page >= 0)
        df_buf_printf(&whole, ", data page %" PRId64, page);
    df_buf_printf(&whole, ": %s", text);
    tell(check, page, false, df_buf_text(&whole));
    df_buf_dispose(&whole);
}

static void unread(struct check *check, const char *feature)
{
    struct df_buf whole = {0};
    df_buf_printf(&whole, "%s: row group %u, column '%s': %s is not read", check->file->uri, check->row_group,
                  df_parquet_column(check->file, check->column)->name, feature);
    tell(check, -1, true, df_buf_text(&whole));
    df_buf_dispose(&whole);
}

/* What reading says: damage is a finding, anything else ends the verification. */
static int take_failure(struct check *check, const struct df_error *failure, struct df_error *error)
{
    if (failure->kind != DF_ERROR_CORRUPT && failure->kind != DF_ERROR_UNSUPPORTED) {
        *error = *failure;
        return -1;
    }
    tell(check, -1, failure->kind == DF_ERROR_UNSUPPORTED, failure->message);
    return 0;
}

/* ---- values ---- */

static int compare(const struct df_type *type, const struct df_parquet_value *a, const struct df_parquet_value *b)
{
    switch (a->kind) {
    case DF_VECTOR_BOOL:
        return (int)a->as.boolean - (int)b->as.boolean;
    case DF_VECTOR_FLOAT64:
        return (a->as.float64 > b->as.float64) - (a->as.float64 < b->as.float64);
    case DF_VECTOR_BYTES:
        return df_slice_compare(a->as.bytes, b->as.bytes);
    case DF_VECTOR_INT128:
        return (a->as.int128 > b->as.int128) - (a->as.int128 < b->as.int128);
    default:
        if (type->kind == DF_TYPE_UINT64)
            return ((uint64_t)a->as.int64 > (uint64_t)b->as.int64) - ((uint64_t)a->as.int64 < (uint64_t)b->as.int64);
        return (a->as.int64 > b->as.int64) - (a->as.int64 < b->as.int64);
    }
}

static bool outside(const struct df_type *type, const struct df_parquet_bounds *bounds,
                    const struct df_parquet_value *value)
{
    if (!bounds->known || (value->kind == DF_VECTOR_FLOAT64 && isnan(value->as.float64)))
        return false;
    return compare(type, value, &bounds->minimum) < 0 || compare(type, value, &bounds->maximum) > 0;
}

static struct df_parquet_value entry_of(const struct df_dictionary *dictionary, uint32_t code)
{
    struct df_parquet_value value = {.kind = dictionary->kind};
    if (dictionary->kind == DF_VECTOR_INT64)
        value.as.int64 = dictionary->values.int64s[code];
    else if (dictionary->kind == DF_VECTOR_FLOAT64)
        value.as.float64 = dictionary->values.float64s[code];
    else
        value.as.bytes = dictionary->values.bytes[code];
    return value;
}

static struct df_parquet_value value_of(const struct df_vector *vector, uint32_t at)
{
    struct df_parquet_value value = {.kind = vector->kind};
    switch (vector->kind) {
    case DF_VECTOR_BOOL:
        value.as.boolean = vector->values.bools[at] != 0;
        break;
    case DF_VECTOR_FLOAT64:
        value.as.float64 = vector->values.float64s[at];
        break;
    case DF_VECTOR_BYTES:
        value.as.bytes = vector->values.bytes[at];
        break;
    case DF_VECTOR_INT128:
        value.as.int128 = vector->values.int128s[at];
        break;
    case DF_VECTOR_CODES:
        return entry_of(vector->dictionary, vector->values.codes[at]);
    default:
        value.as.int64 = vector->values.int64s[at];
    }
    return value;
}

static const struct df_parquet_index_page *page_now(const struct check *check)
{
    return check->page < check->index.page_count ? &check->index.pages[check->page] : NULL;
}

static void check_value(struct check *check, const struct df_parquet_bounds *bounds, const struct df_vector *vector,
                        uint32_t at)
{
    const struct df_type *type = &df_parquet_column(check->file, check->column)->type;
    const struct df_parquet_index_page *page = page_now(check);
    struct df_parquet_value value = value_of(vector, at);
    if (!check->told_bounds && outside(type, bounds, &value)) {
        check->told_bounds = true;
        found(check, -1, "row %" PRIu64 " has a value outside of the bounds of its row group", check->row);
    }
    if (!check->told_bloom && !df_parquet_bloom_may_have(&check->bloom, &value)) {
        check->told_bloom = true;
        found(check, -1, "row %" PRIu64 " has a value that the bloom filter says is not there", check->row);
    }
    if (!page || check->told_page_bounds || !(page->nulls_only || outside(type, &page->bounds, &value)))
        return;
    check->told_page_bounds = true;
    found(check, check->page, "row %" PRIu64 " has a value outside of the bounds of its page", check->row);
}

/* ---- rows ---- */

static void end_page(struct check *check, const struct df_parquet_index_page *page)
{
    if (page->bounds.nulls_known && page->bounds.null_count != check->page_nulls)
        found(check, check->page, "it has %" PRIu64 " nulls, the column index says %" PRIu64, check->page_nulls,
              page->bounds.null_count);
    check->page++;
    check->page_nulls = 0;
}

/* Turns to the page that has the next row. */
static void step_page(struct check *check)
{
    for (;;) {
        const struct df_parquet_index_page *page = page_now(check);
        if (!page || check->row < page->first_row + page->row_count)
            return;
        end_page(check, page);
    }
}

static void check_elements(struct check *check, const struct df_vector *list, uint32_t row)
{
    const struct df_vector *elements = list->values.list.elements;
    for (uint32_t i = list->values.list.offsets[row]; i < list->values.list.offsets[row + 1]; i++) {
        check->verified->values++;
        if (df_vector_is_null(elements, i) || check->told_bloom)
            continue;
        struct df_parquet_value value = value_of(elements, i);
        if (df_parquet_bloom_may_have(&check->bloom, &value))
            continue;
        check->told_bloom = true;
        found(check, -1, "row %" PRIu64 " has a value that the bloom filter says is not there", check->row);
    }
}

static void check_rows(struct check *check, const struct df_vector *vector, uint32_t rows)
{
    struct df_parquet_bounds bounds = df_parquet_bounds(check->file, check->row_group, check->column);
    for (uint32_t i = 0; i < rows; i++, check->row++) {
        step_page(check);
        if (vector->kind == DF_VECTOR_LIST) {
            check_elements(check, vector, i);
            continue;
        }
        check->verified->values++;
        if (df_vector_is_null(vector, i)) {
            check->nulls++;
            check->page_nulls++;
        } else {
            check_value(check, &bounds, vector, i);
        }
    }
}

static void check_counts(struct check *check)
{
    struct df_parquet_bounds bounds = df_parquet_bounds(check->file, check->row_group, check->column);
    step_page(check);
    check->verified->nulls += check->nulls;
    check->verified->rows += check->row;
    if (bounds.nulls_known && bounds.null_count != check->nulls)
        found(check, -1, "it has %" PRIu64 " nulls, its statistics say %" PRIu64, check->nulls, bounds.null_count);
    if (check->row != df_parquet_row_group_rows(check->file, check->row_group))
        found(check, -1, "it has %" PRIu64 " rows, its row group has %" PRIu64, check->row,
              df_parquet_row_group_rows(check->file, check->row_group));
}

static int scan_chunk(struct check *check, struct df_error *error)
{
    struct df_parquet_scan_options options = {.columns = &check->column,
                                              .column_count = 1,
                                              .row_group_begin = check->row_group,
                                              .row_group_end = check->row_group + 1,
                                              .budget = check->reading->budget,
                                              .deadline = check->reading->deadline,
                                              .cancelled = check->reading->cancelled};
    struct df_parquet_scan *scan;
    struct df_error failure;
    const struct df_vector *vectors;
    uint32_t rows;
    int result;
    if (df_parquet_scan_open(&scan, check->file, &options, &failure) < 0)
        return take_failure(check, &failure, error);
    while ((result = df_parquet_scan_next(scan, &vectors, &rows, &failure)) > 0)
        check_rows(check, vectors, rows);
    df_parquet_scan_close(scan);
    if (result < 0)
        return take_failure(check, &failure, error);
    check_counts(check);
    return 0;
}

/* ---- pages ---- */

struct page_walk {
    struct check *check;
    uint32_t data_pages;
    uint64_t values;
};

static int walk_page(void *ctx, const struct df_parquet_page_description *page, struct df_error *error)
{
    struct page_walk *walk = ctx;
    struct check *check = walk->check;
    (void)error;
    check->verified->pages++;
    check->verified->checksums += page->has_crc;
    if (strncmp(page->type, "DATA_PAGE", 9) != 0)
        return 0;
    uint32_t at = walk->data_pages++;
    walk->values += page->value_count;
    if (at >= check->index.page_count)
        return 0;
    const struct df_parquet_index_page *said = &check->index.pages[at];
    uint64_t size_bytes = (uint64_t)page->header_bytes + page->size_bytes;
    if (said->offset != page->offset || said->size_bytes != size_bytes)
        found(check, at,
              "it lies at byte %" PRIu64 " and has %" PRIu64 " bytes, the offset index says byte %" PRIu64
              " and %u bytes",
              page->offset, size_bytes, said->offset, said->size_bytes);
    if (!df_parquet_column(check->file, check->column)->type.list && said->row_count != page->value_count)
        found(check, at, "it has %u rows, the offset index says %" PRIu64, page->value_count, said->row_count);
    return 0;
}

static int walk_pages(struct check *check, struct df_error *error)
{
    struct page_walk walk = {.check = check};
    struct df_error failure;
    uint64_t values = df_parquet_describe_chunk(check->file, check->row_group, check->column).value_count;
    if (df_parquet_describe_pages(check->file, check->row_group, check->column, check->reading->deadline, walk_page,
                                  &walk, &failure) < 0)
        return take_failure(check, &failure, error);
    if (walk.values != values)
        found(check, -1, "its pages have %" PRIu64 " values, the footer says %" PRIu64, walk.values, values);
    if (check->index.page_count > 0 && walk.data_pages != check->index.page_count)
        found(check, -1, "it has %u data pages, its offset index has %u", walk.data_pages, check->index.page_count);
    return 0;
}

/* ---- the file ---- */

static int load(struct check *check, struct df_error *error)
{
    struct df_error failure;
    if (df_parquet_index_read(&check->index, check->file, check->row_group, check->column, check->reading, &failure) <
            0 &&
        take_failure(check, &failure, error) < 0)
        return -1;
    if (df_parquet_bloom_read(&check->bloom, check->file, check->row_group, check->column, check->reading, &failure) <
        0)
        return take_failure(check, &failure, error);
    return 0;
}

static int verify_chunk(struct check *check, struct df_error *error)
{
    const struct df_parquet_column *column = df_parquet_column(check->file, check->column);
    struct df_parquet_chunk_description chunk = df_parquet_describe_chunk(check->file, check->row_group, check->column);
    const char *feature = column->unsupported ? column->unsupported : chunk.unsupported;
    if (feature) {
        unread(check, feature);
        return 0;
    }
    int result = load(check, error);
    if (result == 0)
        result = scan_chunk(check, error);
    if (result == 0)
        result = walk_pages(check, error);
    df_parquet_index_dispose(&check->index);
    df_parquet_bloom_dispose(&check->bloom);
    check->verified->chunks++;
    return result;
}

int df_parquet_verify(struct df_parquet_file *file, const struct df_parquet_reading *reading,
                      df_parquet_finding_fn *finding, void *ctx, struct df_parquet_verified *verified,
                      struct df_error *error)
{
    *verified = (struct df_parquet_verified){0};
    for (uint32_t group = 0; group < df_parquet_row_group_count(file); group++)
        for (uint32_t column = 0; column < df_parquet_column_count(file); column++) {
            struct check check = {.file = file,
                                  .reading = reading,
                                  .finding = finding,
                                  .ctx = ctx,
                                  .verified = verified,
                                  .row_group = group,
                                  .column = column};
            if (verify_chunk(&check, error) < 0)
                return -1;
        }
    return 0;
}
