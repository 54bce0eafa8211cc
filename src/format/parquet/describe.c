#include "format/parquet/describe.h"

#include <stdlib.h>

#include "format/parquet/file.h"
#include "format/parquet/names.h"
#include "format/parquet/page.h"

enum { HEADER_READ_BYTES = 4096 }; /* holds nearly every header; one that does not fit is read again, larger */

static const struct df_parquet_chunk *chunk_of(const struct df_parquet_file *file, uint32_t row_group, uint32_t column)
{
    return &file->footer.row_groups[row_group].chunks[column];
}

static const char *codec_text(int32_t codec)
{
    static const char *const names[] = {"UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW"};
    return codec >= 0 && (size_t)codec < sizeof names / sizeof *names ? names[codec] : "unknown";
}

const char *df_parquet_encoding_text(int32_t encoding)
{
    static const char *const names[] = {
        "PLAIN",          "GROUP_VAR_INT",       "PLAIN_DICTIONARY",        "RLE",
        "BIT_PACKED",     "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY",
        "RLE_DICTIONARY", "BYTE_STREAM_SPLIT"};
    return encoding >= 0 && (size_t)encoding < sizeof names / sizeof *names ? names[encoding] : "unknown";
}

const char *df_parquet_physical_text(enum df_parquet_physical physical)
{
    return df_parquet_physical_name((int32_t)physical);
}

struct df_parquet_chunk_description df_parquet_describe_chunk(const struct df_parquet_file *file, uint32_t row_group,
                                                              uint32_t column)
{
    const struct df_parquet_chunk *chunk = chunk_of(file, row_group, column);
    return (struct df_parquet_chunk_description){.offset = chunk->offset,
                                                 .size_bytes = chunk->size_bytes,
                                                 .unpacked_bytes = chunk->unpacked_bytes,
                                                 .value_count = chunk->value_count,
                                                 .codec = codec_text(chunk->codec),
                                                 .encodings = chunk->encodings,
                                                 .dictionary = chunk->dictionary,
                                                 .column_index = chunk->column_index.offset > 0,
                                                 .offset_index = chunk->offset_index.offset > 0,
                                                 .bloom_filter = chunk->bloom_filter.offset > 0,
                                                 .unsupported = chunk->unsupported};
}

/* ---- pages ---- */

static const char *page_type_text(int32_t type)
{
    static const char *const names[] = {"DATA_PAGE", "INDEX_PAGE", "DICTIONARY_PAGE", "DATA_PAGE_V2"};
    return type >= 0 && type < 4 ? names[type] : "unknown";
}

struct walk {
    struct df_parquet_file *file;
    const struct df_parquet_chunk *chunk;
    const char *column;
    uint32_t row_group;
    struct df_deadline deadline;
    struct df_buf header;
};

static int broken(const struct walk *walk, const struct df_parquet_page_description *page, const char *problem,
                  struct df_error *error)
{
    return df_error_set(error, DF_ERROR_CORRUPT, "%s: row group %u, column '%s', page %u: %s", walk->file->uri,
                        walk->row_group, walk->column, page->index, problem);
}

static int read_header(struct walk *walk, uint64_t offset, size_t size_bytes, struct df_error *error)
{
    df_buf_clear(&walk->header);
    uint8_t *place = df_buf_extend(&walk->header, size_bytes);
    if (!place)
        return df_error_no_memory(error, "reading a page header");
    struct df_read_item item = {
        .uri = walk->file->uri, .etag = walk->file->etag, .offset = offset, .size_bytes = size_bytes};
    return df_store_read_into(walk->file->store, &item, walk->deadline, NULL, place, error);
}

/* The header at page->offset; more is read as long as it goes on. */
static int take_header(struct walk *walk, struct df_parquet_page_description *page, uint64_t left_bytes,
                       struct df_parquet_page *header, struct df_error *error)
{
    uint64_t wanted = HEADER_READ_BYTES;
    for (;;) {
        size_t size_bytes = (size_t)(wanted < left_bytes ? wanted : left_bytes);
        const char *problem = NULL;
        if (read_header(walk, page->offset, size_bytes, error) < 0)
            return -1;
        int result = df_parquet_page_peek(df_buf_slice(&walk->header), header, &problem);
        if (result > 0)
            return 0;
        if (result < 0)
            return broken(walk, page, problem, error);
        if (size_bytes == left_bytes || wanted >= DF_PARQUET_PAGE_HEADER_MAX)
            return broken(walk, page, "its header has no end", error);
        wanted *= 16;
    }
}

static int walk_pages(struct walk *walk, df_parquet_page_fn *fn, void *ctx, struct df_error *error)
{
    struct df_parquet_page_description page = {.offset = walk->chunk->offset};
    uint64_t end = walk->chunk->offset + walk->chunk->size_bytes; /* checked when the footer was decoded */
    while (page.offset < end) {
        struct df_parquet_page header;
        if (take_header(walk, &page, end - page.offset, &header, error) < 0)
            return -1;
        if (header.compressed_bytes > end - page.offset - header.header_bytes)
            return broken(walk, &page, "it is longer than its column", error);
        page.type = page_type_text(header.type);
        page.header_bytes = header.header_bytes;
        page.size_bytes = header.compressed_bytes;
        page.unpacked_bytes = header.uncompressed_bytes;
        page.value_count = header.value_count;
        page.encoding = df_parquet_encoding_text(header.encoding);
        page.has_crc = header.has_crc;
        int result = fn(ctx, &page, error);
        if (result != 0)
            return result;
        page.offset += (uint64_t)header.header_bytes + header.compressed_bytes;
        page.index++;
    }
    return 0;
}

int df_parquet_describe_pages(struct df_parquet_file *file, uint32_t row_group, uint32_t column,
                              struct df_deadline deadline, df_parquet_page_fn *page, void *ctx, struct df_error *error)
{
    struct walk walk = {.file = file,
                        .chunk = chunk_of(file, row_group, column),
                        .column = df_parquet_column(file, column)->name,
                        .row_group = row_group,
                        .deadline = deadline};
    int result = walk_pages(&walk, page, ctx, error);
    df_buf_dispose(&walk.header);
    return result;
}
