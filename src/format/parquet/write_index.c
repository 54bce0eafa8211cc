#include "format/parquet/write_index.h"

/* Longer bounds are cut: they would make the index long and help nobody to skip. */
enum { BOUND_BYTES_MAX = 64 };

enum boundary_order { UNORDERED = 0, ASCENDING = 1, DESCENDING = 2 };

/* Where at most BOUND_BYTES_MAX bytes end; of strings not inside a character.
 *  */
static size_t cut_at(struct df_slice bytes, bool text)
{
    size_t size = BOUND_BYTES_MAX;
    while (text && size > 0 && (bytes.data[size] & 0xc0) == 0x80)
        size--;
    return size;
}

static size_t put_minimum(struct df_write_index *index, struct df_slice bytes, bool text)
{
    size_t size = bytes.size > BOUND_BYTES_MAX ? cut_at(bytes, text) : bytes.size;
    index->cut |= size < bytes.size;
    df_buf_put(&index->bounds, bytes.data, size);
    return size;
}

/* What is cut off the maximum must be made up for: the last byte that has a next one takes it. Of strings only ASCII
 * has, so that what comes out is UTF-8. */
static size_t put_maximum(struct df_write_index *index, struct df_slice bytes, bool text)
{
    if (bytes.size <= BOUND_BYTES_MAX) {
        df_buf_put_slice(&index->bounds, bytes);
        return bytes.size;
    }
    size_t size = cut_at(bytes, text);
    uint8_t top = text ? 0x7f : 0xff;
    while (size > 0 && bytes.data[size - 1] >= top)
        size--;
    index->cut = true;
    index->bounds_missing |= size == 0;
    if (size == 0)
        return 0;
    df_buf_put(&index->bounds, bytes.data, size - 1);
    df_buf_put_u8(&index->bounds, (uint8_t)(bytes.data[size - 1] + 1));
    return size;
}

static void note_order(struct df_write_index *index, const struct df_type *type,
                       const struct df_write_statistics *statistics, const struct df_write_statistics *before)
{
    if (!before->any)
        return;
    int minima = df_write_statistics_compare_minima(type, statistics, before);
    int maxima = df_write_statistics_compare_maxima(type, statistics, before);
    index->falls |= minima < 0 || maxima < 0;
    index->rises |= minima > 0 || maxima > 0;
}

static void put_bounds(struct df_write_index *index, struct df_write_page *page,
                       const struct df_parquet_write_column *column, const struct df_write_type *written,
                       const struct df_write_statistics *statistics)
{
    bool text = column->type.kind == DF_TYPE_STRING;
    struct df_buf minimum = {0}, maximum = {0};
    df_write_statistics_put(statistics, column, written, &minimum, &maximum);
    page->minimum_bytes = put_minimum(index, df_buf_slice(&minimum), text);
    page->maximum_bytes = put_maximum(index, df_buf_slice(&maximum), text);
    index->bounds.failed |= df_buf_failed(&minimum) || df_buf_failed(&maximum) ||
                            df_buf_failed(&statistics->minimum_bytes) || df_buf_failed(&statistics->maximum_bytes);
    df_buf_dispose(&minimum);
    df_buf_dispose(&maximum);
}

void df_write_index_note(struct df_write_index *index, const struct df_write_page *page,
                         const struct df_parquet_write_column *column, const struct df_write_type *written,
                         const struct df_write_statistics *statistics, const struct df_write_statistics *before)
{
    struct df_write_page noted = *page;
    if (statistics->any) {
        note_order(index, &column->type, statistics, before);
        put_bounds(index, &noted, column, written, statistics);
    } else {
        index->bounds_missing |= !page->nulls_only; /* values, but all are NaN */
    }
    df_buf_put(&index->pages, &noted, sizeof noted);
}

bool df_write_index_failed(const struct df_write_index *index)
{
    return df_buf_failed(&index->pages) || df_buf_failed(&index->bounds);
}

void df_write_index_dispose(struct df_write_index *index)
{
    df_buf_dispose(&index->pages);
    df_buf_dispose(&index->bounds);
    *index = (struct df_write_index){0};
}

/* ---- as Thrift ---- */

static const struct df_write_page *pages_of(const struct df_write_index *index, uint32_t *count)
{
    *count = (uint32_t)(index->pages.size / sizeof(struct df_write_page));
    return (const struct df_write_page *)(const void *)index->pages.data;
}

bool df_write_index_has_bounds(const struct df_write_index *index)
{
    return index->pages.size > 0 && !index->bounds_missing;
}

static void put_all_bounds(struct df_thrift_writer *writer, int32_t id, const struct df_write_index *index, bool maxima)
{
    uint32_t count;
    const struct df_write_page *pages = pages_of(index, &count);
    size_t at = 0;
    df_thrift_put_list(writer, id, DF_THRIFT_BINARY, count);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *from = index->bounds.data ? index->bounds.data + at : NULL;
        if (maxima && from)
            from += pages[i].minimum_bytes;
        df_thrift_put_element_binary(writer,
                                     df_slice_make(from, maxima ? pages[i].maximum_bytes : pages[i].minimum_bytes));
        at += pages[i].minimum_bytes + pages[i].maximum_bytes;
    }
}

static enum boundary_order order_of(const struct df_write_index *index)
{
    if (index->cut || (index->falls && index->rises))
        return UNORDERED;
    return index->falls ? DESCENDING : ASCENDING;
}

void df_write_index_put_columns(const struct df_write_index *index, struct df_buf *out)
{
    uint32_t count;
    const struct df_write_page *pages = pages_of(index, &count);
    struct df_thrift_writer writer;
    df_thrift_writer_init(&writer, out);
    df_thrift_put_list(&writer, 1, DF_THRIFT_TRUE, count);
    for (uint32_t i = 0; i < count; i++)
        df_thrift_put_element_bool(&writer, pages[i].nulls_only);
    put_all_bounds(&writer, 2, index, false);
    put_all_bounds(&writer, 3, index, true);
    df_thrift_put_i32(&writer, 4, (int32_t)order_of(index));
    df_thrift_put_list(&writer, 5, DF_THRIFT_I64, count);
    for (uint32_t i = 0; i < count; i++)
        df_thrift_put_element_i64(&writer, (int64_t)pages[i].null_count);
    df_thrift_end_struct(&writer);
}

void df_write_index_put_offsets(const struct df_write_index *index, uint64_t data_offset, struct df_buf *out)
{
    uint32_t count;
    const struct df_write_page *pages = pages_of(index, &count);
    struct df_thrift_writer writer;
    df_thrift_writer_init(&writer, out);
    df_thrift_put_list(&writer, 1, DF_THRIFT_STRUCT, count);
    for (uint32_t i = 0; i < count; i++) {
        df_thrift_begin_element(&writer);
        df_thrift_put_i64(&writer, 1, (int64_t)(data_offset + pages[i].position));
        df_thrift_put_i32(&writer, 2, (int32_t)pages[i].size_bytes);
        df_thrift_put_i64(&writer, 3, (int64_t)pages[i].first_row);
        df_thrift_end_struct(&writer);
    }
    df_thrift_end_struct(&writer);
}
