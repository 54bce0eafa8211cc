/* Reads a Parquet file with our reader and writes it with our writer, for tests of what other readers make of that.
 *
 *   parquet_copy IN OUT [--codec none|snappy|zstd] [--pages 1|2] [--encoding
 * dictionary|plain|delta]
 *                [--row-group-rows N] [--page-bytes N] [--bloom] [--no-indexes]
 * [--sorted-by COLUMN] [--set KEY=VALUE]
 *
 * Lists and columns that are not supported are left out; a column is declared to have nulls if it may have them.
 * Errors go to stderr; the exit code is that of the error's kind. */
#include <stdio.h>
#include <stdlib.h>

#include "format/parquet/parquet.h"

enum { COLUMNS_MAX = 4096 };

struct arguments {
    const char *in, *out, *sorted_by;
    char *key, *value;
    struct df_parquet_write_options options;
    bool dictionary, delta, bloom;
};

struct columns {
    uint32_t indexes[COLUMNS_MAX];
    struct df_parquet_write_column written[COLUMNS_MAX];
    struct df_parquet_write_more more[COLUMNS_MAX];
    uint32_t count;
};

static int fail(const struct df_error *error)
{
    fprintf(stderr, "%s: %s\n", df_error_name(error->kind), error->message);
    return df_error_exit_code(error->kind);
}

static void choose(const struct df_parquet_file *file, const struct arguments *arguments, struct columns *columns)
{
    for (uint32_t i = 0; i < df_parquet_column_count(file) && columns->count < COLUMNS_MAX; i++) {
        const struct df_parquet_column *column = df_parquet_column(file, i);
        if (column->unsupported || column->type.list)
            continue;
        uint32_t at = columns->count++;
        columns->indexes[at] = i;
        columns->written[at] = (struct df_parquet_write_column){.name = column->name,
                                                                .type = column->type,
                                                                .optional = column->optional,
                                                                .dictionary = arguments->dictionary};
        columns->more[at] = (struct df_parquet_write_more){.delta = arguments->delta, .bloom_filter = arguments->bloom};
    }
}

static int to_file(void *ctx, struct df_slice piece, struct df_error *error)
{
    if (fwrite(piece.data, 1, piece.size, ctx) == piece.size)
        return 0;
    return df_error_set(error, DF_ERROR_EXHAUSTED, "cannot write the copy");
}

static int copy_rows(struct df_parquet_file *file, const struct columns *columns, struct df_parquet_writer *writer,
                     struct df_error *error)
{
    struct df_parquet_scan_options options = {.columns = columns->indexes,
                                              .column_count = columns->count,
                                              .row_group_end = df_parquet_row_group_count(file),
                                              .deadline = df_deadline_never()};
    struct df_parquet_scan *scan;
    const struct df_vector *vectors;
    uint32_t rows;
    if (df_parquet_scan_open(&scan, file, &options, error) < 0)
        return -1;
    int result;
    while ((result = df_parquet_scan_next(scan, &vectors, &rows, error)) > 0)
        if (df_parquet_writer_put(writer, vectors, rows, error) < 0) {
            result = -1;
            break;
        }
    df_parquet_scan_close(scan);
    return result < 0 ? -1 : df_parquet_writer_finish(writer, error);
}

static int copy(struct df_parquet_file *file, const struct arguments *arguments, FILE *out, struct df_error *error)
{
    static struct columns columns;
    choose(file, arguments, &columns);
    struct df_parquet_key_value pair = {arguments->key, arguments->value};
    struct df_parquet_sorting_column sorting = {0};
    struct df_parquet_write_options options = arguments->options;
    options.columns = columns.written;
    options.column_count = columns.count;
    options.more = columns.more;
    options.metadata = &pair;
    options.metadata_count = arguments->key != NULL;
    for (uint32_t i = 0; arguments->sorted_by && i < columns.count; i++)
        if (strcmp(columns.written[i].name, arguments->sorted_by) == 0) {
            sorting.column = i;
            options.sorting = &sorting;
            options.sorting_count = 1;
        }
    struct df_parquet_writer *writer;
    if (df_parquet_writer_open(&writer, &options, to_file, out, error) < 0)
        return -1;
    int result = copy_rows(file, &columns, writer, error);
    df_parquet_writer_close(writer);
    return result;
}

static int run(const struct arguments *arguments, struct df_error *error)
{
    struct df_store *store;
    struct df_parquet_file *file = NULL;
    if (df_store_create(&store, error) < 0)
        return -1;
    struct df_parquet_open open = {.store = store, .uri = arguments->in, .deadline = df_deadline_never()};
    int result = df_parquet_file_open(&file, &open, error);
    FILE *out = result == 0 ? fopen(arguments->out, "wb") : NULL;
    if (result == 0 && !out)
        result = df_error_set(error, DF_ERROR_NOT_FOUND, "cannot open %s for writing", arguments->out);
    if (result == 0)
        result = copy(file, arguments, out, error);
    if (out && fclose(out) != 0 && result == 0)
        result = df_error_set(error, DF_ERROR_EXHAUSTED, "cannot write %s", arguments->out);
    df_parquet_file_close(file);
    df_store_free(store);
    return result;
}

static bool take_flag(struct arguments *arguments, const char *name)
{
    if (strcmp(name, "--bloom") == 0)
        arguments->bloom = true;
    else if (strcmp(name, "--no-indexes") == 0)
        arguments->options.no_indexes = true;
    else
        return false;
    return true;
}

static bool take_option(struct arguments *arguments, const char *name, char *value)
{
    struct df_parquet_write_options *options = &arguments->options;
    if (strcmp(name, "--codec") == 0) {
        options->codec = strcmp(value, "zstd") == 0   ? DF_PARQUET_ZSTD
                         : strcmp(value, "none") == 0 ? DF_PARQUET_UNCOMPRESSED
                                                      : DF_PARQUET_SNAPPY;
    } else if (strcmp(name, "--pages") == 0) {
        options->pages_v2 = strcmp(value, "2") == 0;
    } else if (strcmp(name, "--encoding") == 0) {
        arguments->dictionary = strcmp(value, "dictionary") == 0;
        arguments->delta = strcmp(value, "delta") == 0;
    } else if (strcmp(name, "--row-group-rows") == 0) {
        options->row_group_rows = (uint32_t)strtoul(value, NULL, 10);
    } else if (strcmp(name, "--page-bytes") == 0) {
        options->page_bytes = (uint32_t)strtoul(value, NULL, 10);
    } else if (strcmp(name, "--sorted-by") == 0) {
        arguments->sorted_by = value;
    } else if (strcmp(name, "--set") == 0) {
        arguments->key = strsep(&value, "=");
        arguments->value = value;
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.dictionary = true, .options.codec = DF_PARQUET_SNAPPY};
    struct df_error error = {0};
    bool right = argc >= 3;
    for (int i = 3; i < argc && right; i++) {
        if (take_flag(&arguments, argv[i]))
            continue;
        right = i + 1 < argc && take_option(&arguments, argv[i], argv[i + 1]);
        i++;
    }
    if (!right) {
        df_error_set(&error, DF_ERROR_INVALID, "expected IN, OUT and the flags named at the top of parquet_copy.c");
        return fail(&error);
    }
    arguments.in = argv[1];
    arguments.out = argv[2];
    return run(&arguments, &error) < 0 ? fail(&error) : 0;
}
