#include "format/parquet/index.h"

#include "format/parquet/file.h"
#include "format/parquet/statistics.h"

enum {
    INDEX_BYTES_MAX = 256 * 1024 * 1024, /* one that says it is longer is no index */
    LOCATION_BYTES = 7,                  /* three fields and their end, at least */
};

/* One index that is being read. */
struct work {
    struct df_parquet_index *index;
    const struct df_parquet_file *file;
    const struct df_parquet_chunk *chunk;
    const char *name; /* of what is read: "offset index" */
    uint32_t row_group, column;
    const struct df_parquet_reading *reading;
};

static int corrupt(const struct work *work, const char *problem, struct df_error *error)
{
    return df_error_set(error, DF_ERROR_CORRUPT, "%s: row group %u, column '%s': damaged %s: %s", work->file->uri,
                        work->row_group, df_parquet_column(work->file, work->column)->name, work->name, problem);
}

static int no_memory(const struct work *work, size_t bytes, struct df_error *error)
{
    return df_error_set(error, DF_ERROR_EXHAUSTED,
                        "%s: row group %u, column '%s': its %s of %zu bytes does not fit into the memory limit; raise "
                        "memory.limit",
                        work->file->uri, work->row_group, df_parquet_column(work->file, work->column)->name, work->name,
                        bytes);
}

static int read_place(const struct work *work, const struct df_parquet_place *place, struct df_slice *out,
                      struct df_error *error)
{
    if (place->offset < 0 || place->size_bytes <= 0 || place->size_bytes > INDEX_BYTES_MAX ||
        (uint64_t)place->size_bytes > work->file->size_bytes ||
        (uint64_t)place->offset > work->file->size_bytes - (uint64_t)place->size_bytes)
        return corrupt(work, "it lies outside of the file", error);
    size_t size = (size_t)place->size_bytes;
    uint8_t *to = df_parquet_memory_array(&work->index->memory, size, 1);
    if (!to)
        return no_memory(work, size, error);
    struct df_read_item item = {
        .uri = work->file->uri, .etag = work->file->etag, .offset = (uint64_t)place->offset, .size_bytes = size};
    *out = df_slice_make(to, size);
    work->index->bytes_read += size;
    return df_store_read_into(work->file->store, &item, work->reading->deadline, work->reading->cancelled, to, error);
}

/* ---- offsets ---- */

struct location {
    int64_t offset, first_row;
    int32_t size_bytes;
};

static void take_location(struct df_thrift_reader *reader, struct location *location)
{
    *location = (struct location){.offset = -1, .first_row = -1, .size_bytes = -1};
    struct df_thrift_field field = {0};
    while (df_thrift_next_field(reader, &field)) {
        if (field.id == 1)
            location->offset = df_thrift_take_i64(reader, &field);
        else if (field.id == 2)
            location->size_bytes = df_thrift_take_i32(reader, &field);
        else if (field.id == 3)
            location->first_row = df_thrift_take_i64(reader, &field);
        else
            df_thrift_skip(reader, &field);
    }
}

/* Pages follow each other inside the chunk, and so do their rows. */
static const char *place_page(const struct work *work, const struct location *location, uint32_t at)
{
    struct df_parquet_index_page *pages = work->index->pages;
    uint64_t begin = at > 0 ? pages[at - 1].offset + pages[at - 1].size_bytes : work->chunk->offset;
    uint64_t end = work->chunk->offset + work->chunk->size_bytes; /* checked with the footer */
    if (location->offset < 0 || location->size_bytes <= 0 || (uint64_t)location->offset < begin ||
        (uint64_t)location->offset > end || (uint64_t)location->size_bytes > end - (uint64_t)location->offset)
        return "a page lies outside of its column, or before the page in front of it";
    if (location->first_row < 0 || (at == 0 && location->first_row != 0) ||
        (at > 0 && (uint64_t)location->first_row < pages[at - 1].first_row))
        return "its rows are not in order";
    pages[at] = (struct df_parquet_index_page){.offset = (uint64_t)location->offset,
                                               .size_bytes = (uint32_t)location->size_bytes,
                                               .first_row = (uint64_t)location->first_row};
    if (at > 0)
        pages[at - 1].row_count = pages[at].first_row - pages[at - 1].first_row;
    return NULL;
}

static const char *take_locations(const struct work *work, struct df_thrift_reader *reader,
                                  const struct df_thrift_field *field, bool *exhausted)
{
    struct df_parquet_index *index = work->index;
    uint32_t count = df_thrift_take_list(reader, field, DF_THRIFT_STRUCT, LOCATION_BYTES);
    if (index->pages)
        return "it has its pages twice";
    if (reader->problem)
        return reader->problem;
    index->pages = df_parquet_memory_array(&index->memory, count, sizeof *index->pages);
    *exhausted = !index->pages;
    for (uint32_t i = 0; i < count && index->pages; i++) {
        struct location location;
        take_location(reader, &location);
        const char *problem = reader->problem ? reader->problem : place_page(work, &location, i);
        if (problem)
            return problem;
        index->page_count++;
    }
    return NULL;
}

/* The last page has the rows that are left. */
static const char *end_locations(const struct work *work)
{
    struct df_parquet_index *index = work->index;
    uint64_t rows = work->file->footer.row_groups[work->row_group].row_count;
    if (index->page_count == 0)
        return rows > 0 ? "it has no pages" : NULL;
    struct df_parquet_index_page *last = &index->pages[index->page_count - 1];
    if (last->first_row > rows)
        return "it has more rows than its row group";
    last->row_count = rows - last->first_row;
    return NULL;
}

static int read_offsets(struct work *work, struct df_error *error)
{
    struct df_slice bytes;
    struct df_thrift_reader reader;
    struct df_thrift_field field = {0};
    const char *problem = NULL;
    bool exhausted = false;
    work->name = "offset index";
    if (read_place(work, &work->chunk->offset_index, &bytes, error) < 0)
        return -1;
    df_thrift_reader_init(&reader, bytes);
    while (!problem && !exhausted && df_thrift_next_field(&reader, &field)) {
        if (field.id == 1)
            problem = take_locations(work, &reader, &field, &exhausted);
        else
            df_thrift_skip(&reader, &field);
    }
    if (exhausted)
        return no_memory(work, bytes.size, error);
    if (!problem)
        problem = reader.problem ? reader.problem : end_locations(work);
    return problem ? corrupt(work, problem, error) : 0;
}

/* ---- bounds ---- */

/* The lists of a ColumnIndex, each with an element per page. */
struct column_lists {
    struct df_parquet_statistics *statistics; /* one per page */
    unsigned seen;                            /* bit n: field n */
};

static void take_page_value(struct df_thrift_reader *reader, int32_t id, struct df_parquet_index_page *page,
                            struct df_parquet_statistics *statistics)
{
    switch (id) {
    case 1:
        page->nulls_only = df_thrift_take_element_bool(reader);
        break;
    case 2:
        statistics->minimum = df_thrift_take_element_binary(reader);
        break;
    case 3:
        statistics->maximum = df_thrift_take_element_binary(reader);
        break;
    default:
        statistics->null_count = df_thrift_take_element_i64(reader);
        statistics->has_null_count = true;
    }
}

static const char *take_lists(struct work *work, struct df_thrift_reader *reader, struct column_lists *lists)
{
    static const enum df_thrift_type types[] = {
        [1] = DF_THRIFT_TRUE, [2] = DF_THRIFT_BINARY, [3] = DF_THRIFT_BINARY, [5] = DF_THRIFT_I64};
    struct df_thrift_field field = {0};
    while (df_thrift_next_field(reader, &field)) {
        if (field.id < 1 || field.id > 5 || field.id == 4) {
            df_thrift_skip(reader, &field);
            continue;
        }
        uint32_t count = df_thrift_take_list(reader, &field, types[field.id], 1);
        if (!reader->problem && count != work->index->page_count)
            return "it has another number of pages than the offset index";
        for (uint32_t i = 0; i < count && !reader->problem; i++)
            take_page_value(reader, field.id, &work->index->pages[i], &lists->statistics[i]);
        lists->seen |= 1u << field.id;
    }
    return reader->problem;
}

static void set_bounds(const struct work *work, const struct df_parquet_statistics *statistics,
                       struct df_parquet_index_page *page)
{
    const struct df_parquet_leaf *leaf = &work->file->footer.leaves[work->column];
    struct df_parquet_statistics told = *statistics;
    told.has_new = !page->nulls_only && !leaf->order_unknown;
    page->bounds = df_parquet_bounds_of(&told, df_parquet_column(work->file, work->column), leaf, page->row_count);
}

static int read_bounds(struct work *work, struct df_error *error)
{
    enum { REQUIRED = 1u << 1 | 1u << 2 | 1u << 3 };
    struct df_parquet_index *index = work->index;
    struct column_lists lists = {0};
    struct df_slice bytes;
    struct df_thrift_reader reader;
    work->name = "column index";
    if (read_place(work, &work->chunk->column_index, &bytes, error) < 0)
        return -1;
    lists.statistics = df_parquet_memory_array(&index->memory, index->page_count, sizeof *lists.statistics);
    if (!lists.statistics)
        return no_memory(work, bytes.size, error);
    df_thrift_reader_init(&reader, bytes);
    const char *problem = take_lists(work, &reader, &lists);
    if (!problem && (lists.seen & REQUIRED) != REQUIRED)
        problem = "it lacks a list that every column index has";
    if (problem)
        return corrupt(work, problem, error);
    for (uint32_t i = 0; i < index->page_count; i++)
        set_bounds(work, &lists.statistics[i], &index->pages[i]);
    index->has_bounds = true;
    return 0;
}

/* ---- both ---- */

static int read_index(struct df_parquet_index *index, const struct df_parquet_file *file, uint32_t row_group,
                      uint32_t column, const struct df_parquet_reading *reading, bool bounds, struct df_error *error)
{
    struct work work = {.index = index,
                        .file = file,
                        .chunk = &file->footer.row_groups[row_group].chunks[column],
                        .row_group = row_group,
                        .column = column,
                        .reading = reading};
    *index = (struct df_parquet_index){.memory.budget = reading->budget};
    if (work.chunk->offset_index.offset == 0 || work.chunk->unsupported || work.chunk->size_bytes == 0)
        return 0;
    bool known = bounds && work.chunk->column_index.offset != 0 && !df_parquet_column(file, column)->unsupported;
    if (read_offsets(&work, error) == 0 && (!known || read_bounds(&work, error) == 0))
        return 1;
    df_parquet_index_dispose(index);
    return -1;
}

int df_parquet_index_read(struct df_parquet_index *index, const struct df_parquet_file *file, uint32_t row_group,
                          uint32_t column, const struct df_parquet_reading *reading, struct df_error *error)
{
    return read_index(index, file, row_group, column, reading, true, error);
}

int df_parquet_index_read_offsets(struct df_parquet_index *index, const struct df_parquet_file *file,
                                  uint32_t row_group, uint32_t column, const struct df_parquet_reading *reading,
                                  struct df_error *error)
{
    return read_index(index, file, row_group, column, reading, false, error);
}

void df_parquet_index_dispose(struct df_parquet_index *index)
{
    df_parquet_memory_dispose(&index->memory);
    *index = (struct df_parquet_index){0};
}

/* ---- sizes ---- */

static uint64_t size_of(const struct df_parquet_place *place)
{
    return place->offset > 0 && place->size_bytes > 0 ? (uint64_t)place->size_bytes : 0;
}

struct df_parquet_index_sizes df_parquet_index_sizes(const struct df_parquet_file *file, uint32_t row_group,
                                                     uint32_t column)
{
    const struct df_parquet_chunk *chunk = &file->footer.row_groups[row_group].chunks[column];
    return (struct df_parquet_index_sizes){.offset_bytes = size_of(&chunk->offset_index),
                                           .column_bytes = size_of(&chunk->column_index),
                                           .has_bloom = chunk->bloom_filter.offset > 0,
                                           .only_codes = chunk->only_codes,
                                           .dictionary_bytes = chunk->dictionary_bytes};
}
