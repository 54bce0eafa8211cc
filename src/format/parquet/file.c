/* Opening a file: its tail, its footer; and what can be asked of an open one. */
#include "format/parquet/file.h"

#include <assert.h>
#include <stdlib.h>

#include "base/bytes.h"

/*   ... | footer (Thrift) | length of the footer: 4 bytes, little-endian | "PAR1" |   */
enum {
    MAGIC_BYTES = 4,
    TAIL_BYTES = 8,
    FILE_BYTES_MIN = 12,
    /* One read brings most footers whole. */
    FIRST_READ_BYTES = 64 * 1024,
    FOOTER_BYTES_MAX = 64 * 1024 * 1024,
};

static int read_range(const struct df_parquet_file *file, const struct df_parquet_open *open, uint64_t offset,
                      size_t size, uint8_t *to, struct df_error *error)
{
    struct df_read_item item = {.uri = file->uri, .etag = file->etag, .offset = offset, .size_bytes = size};
    return df_store_read_into(file->store, &item, open->deadline, open->cancelled, to, error);
}

static int buffer_refused(const struct df_parquet_file *file, size_t bytes, struct df_error *error)
{
    return df_error_set(error, DF_ERROR_EXHAUSTED,
                        "%s: reading its footer needs %zu bytes more than the memory limit leaves (memory.limit)",
                        file->uri, bytes);
}

/* The last bytes of the file, as many as one read should bring. */
static int read_tail(struct df_parquet_file *file, const struct df_parquet_open *open, struct df_parquet_buffer *tail,
                     size_t *tail_bytes, struct df_error *error)
{
    if (file->size_bytes < FILE_BYTES_MIN)
        return df_error_set(error, DF_ERROR_CORRUPT,
                            "%s is not a Parquet file: it has %llu bytes, a Parquet file has at least %d", file->uri,
                            (unsigned long long)file->size_bytes, FILE_BYTES_MIN);
    *tail_bytes = file->size_bytes < FIRST_READ_BYTES ? (size_t)file->size_bytes : FIRST_READ_BYTES;
    if (!df_parquet_buffer_ensure(tail, open->budget, *tail_bytes, 0, 100))
        return buffer_refused(file, *tail_bytes, error);
    return read_range(file, open, file->size_bytes - *tail_bytes, *tail_bytes, tail->data, error);
}

static int check_magic(const struct df_parquet_file *file, const uint8_t *magic, struct df_error *error)
{
    if (memcmp(magic, "PAR1", MAGIC_BYTES) == 0)
        return 0;
    if (memcmp(magic, "PARE", MAGIC_BYTES) == 0)
        return df_error_set(error, DF_ERROR_UNSUPPORTED,
                            "%s has an encrypted footer, which is not read; write it without encryption", file->uri);
    return df_error_set(error, DF_ERROR_CORRUPT,
                        "%s is not a Parquet file, or was cut off: it does not end with 'PAR1'", file->uri);
}

static int check_footer_bytes(const struct df_parquet_file *file, uint64_t footer_bytes, struct df_error *error)
{
    if (footer_bytes > file->size_bytes - FILE_BYTES_MIN)
        return df_error_set(error, DF_ERROR_CORRUPT,
                            "%s: damaged footer: it says that it has %llu bytes, the whole file has %llu", file->uri,
                            (unsigned long long)footer_bytes, (unsigned long long)file->size_bytes);
    if (footer_bytes > FOOTER_BYTES_MAX)
        return df_error_set(error, DF_ERROR_UNSUPPORTED,
                            "%s has a footer of %llu bytes, at most %d are read; write it with larger row groups",
                            file->uri, (unsigned long long)footer_bytes, FOOTER_BYTES_MAX);
    return 0;
}

/* Makes sure that the whole footer is at the end of `tail`. */
static int read_footer(struct df_parquet_file *file, const struct df_parquet_open *open, struct df_parquet_buffer *tail,
                       size_t *tail_bytes, size_t footer_bytes, struct df_error *error)
{
    size_t wanted = footer_bytes + TAIL_BYTES;
    if (wanted <= *tail_bytes)
        return 0;
    if (!df_parquet_buffer_ensure(tail, open->budget, wanted, 0, 100))
        return buffer_refused(file, wanted, error);
    *tail_bytes = wanted;
    return read_range(file, open, file->size_bytes - wanted, wanted, tail->data, error);
}

static int open_footer(struct df_parquet_file *file, const struct df_parquet_open *open, struct df_parquet_buffer *tail,
                       struct df_error *error)
{
    size_t tail_bytes = 0;
    if (read_tail(file, open, tail, &tail_bytes, error) < 0)
        return -1;
    if (check_magic(file, tail->data + tail_bytes - MAGIC_BYTES, error) < 0)
        return -1;
    uint32_t footer_bytes = df_load_u32le(tail->data + tail_bytes - TAIL_BYTES);
    if (check_footer_bytes(file, footer_bytes, error) < 0)
        return -1;
    if (read_footer(file, open, tail, &tail_bytes, footer_bytes, error) < 0)
        return -1;
    struct df_parquet_footer_bytes bytes = {
        .thrift = df_slice_make(tail->data + tail_bytes - TAIL_BYTES - footer_bytes, footer_bytes),
        .data_end = file->size_bytes - TAIL_BYTES - footer_bytes,
        .uri = file->uri,
        .budget = open->budget,
    };
    return df_parquet_footer_decode(&file->footer, &bytes, error);
}

/* Without a size the store is asked, and what it says pins the file: a replacement in mid-query is a conflict. */
static int ask_store(struct df_parquet_file *file, const struct df_parquet_open *open, struct df_error *error)
{
    struct df_object object;
    if (df_store_head(open->store, open->uri, &object, error) < 0)
        return -1;
    file->size_bytes = object.size_bytes;
    if (file->etag[0] != '\0')
        return 0;
    free(file->etag);
    file->etag = strdup(object.etag);
    return file->etag ? 0 : df_error_no_memory(error, "while opening a Parquet file");
}

static int open_file(struct df_parquet_file *file, const struct df_parquet_open *open, struct df_error *error)
{
    file->store = open->store;
    file->size_bytes = open->size_bytes;
    file->uri = strdup(open->uri);
    file->etag = strdup(open->etag ? open->etag : "");
    if (!file->uri || !file->etag)
        return df_error_no_memory(error, "while opening a Parquet file");
    if (open->size_bytes == 0 && ask_store(file, open, error) < 0)
        return -1;
    struct df_parquet_buffer tail = {0};
    int result = open_footer(file, open, &tail, error);
    df_parquet_buffer_dispose(&tail, open->budget);
    return result;
}

int df_parquet_file_open(struct df_parquet_file **file, const struct df_parquet_open *open, struct df_error *error)
{
    *file = NULL;
    struct df_parquet_file *made = calloc(1, sizeof *made);
    if (!made)
        return df_error_no_memory(error, "while opening a Parquet file");
    if (open_file(made, open, error) < 0) {
        df_parquet_file_close(made);
        return -1;
    }
    *file = made;
    return 0;
}

void df_parquet_file_close(struct df_parquet_file *file)
{
    if (!file)
        return;
    df_parquet_footer_dispose(&file->footer);
    free(file->uri);
    free(file->etag);
    free(file);
}

uint64_t df_parquet_row_count(const struct df_parquet_file *file)
{
    return file->footer.row_count;
}

uint64_t df_parquet_size_bytes(const struct df_parquet_file *file)
{
    return file->size_bytes;
}

uint32_t df_parquet_column_count(const struct df_parquet_file *file)
{
    return file->footer.column_count;
}

const struct df_parquet_column *df_parquet_column(const struct df_parquet_file *file, uint32_t column)
{
    assert(column < file->footer.column_count);
    return &file->footer.columns[column];
}

int64_t df_parquet_column_find(const struct df_parquet_file *file, const char *name)
{
    for (uint32_t i = 0; i < file->footer.column_count; i++)
        if (strcmp(file->footer.columns[i].name, name) == 0)
            return i;
    return -1;
}

uint32_t df_parquet_row_group_count(const struct df_parquet_file *file)
{
    return file->footer.row_group_count;
}

uint64_t df_parquet_row_group_rows(const struct df_parquet_file *file, uint32_t row_group)
{
    assert(row_group < file->footer.row_group_count);
    return file->footer.row_groups[row_group].row_count;
}

static const struct df_parquet_chunk *chunk_at(const struct df_parquet_file *file, uint32_t row_group, uint32_t column)
{
    assert(row_group < file->footer.row_group_count && column < file->footer.column_count);
    return &file->footer.row_groups[row_group].chunks[column];
}

uint64_t df_parquet_chunk_bytes(const struct df_parquet_file *file, uint32_t row_group, uint32_t column)
{
    return chunk_at(file, row_group, column)->size_bytes;
}

struct df_parquet_bounds df_parquet_bounds(const struct df_parquet_file *file, uint32_t row_group, uint32_t column)
{
    return chunk_at(file, row_group, column)->bounds;
}

const char *df_parquet_metadata(const struct df_parquet_file *file, const char *key)
{
    for (uint32_t i = 0; i < file->footer.metadata_count; i++)
        if (strcmp(file->footer.metadata[i].key, key) == 0)
            return file->footer.metadata[i].value;
    return NULL;
}
