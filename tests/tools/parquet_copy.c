/* Reads Parquet files with our reader and writes them with our writer, for tests of what other readers make of that.
 *
 *   parquet_copy IN OUT [--codec none|snappy|zstd] [--pages 1|2] [--encoding dictionary|plain|delta]
 *                [--row-group-rows N] [--page-bytes N] [--dictionary-bytes N] [--call-rows N]
 *                [--bloom] [--no-indexes] [--verify] [--sorted-by COLUMN] [--set KEY=VALUE]
 *   parquet_copy --jobs FILE     one line of such arguments per copy, without spaces in names
 *
 * Columns that are not supported are left out; the schema of the others is kept (df_parquet_write_like). --call-rows:
 * rows per call of the writer, which its bytes must not depend on. Errors go to stderr; the exit code is that of the
 * error's kind. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/parquet/parquet.h"
#include "format/parquet/verify.h"

enum { COLUMNS_MAX = 4096, WORDS_MAX = 64, LINE_BYTES_MAX = 8192 };

struct arguments {
    const char *in, *out, *sorted_by;
    char *key, *value;
    struct df_parquet_write_options options;
    bool dictionary, delta, bloom, verify;
    uint32_t call_rows;
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
    columns->count = 0;
    for (uint32_t i = 0; i < df_parquet_column_count(file) && columns->count < COLUMNS_MAX; i++) {
        if (df_parquet_column(file, i)->unsupported)
            continue;
        uint32_t at = columns->count++;
        columns->indexes[at] = i;
        df_parquet_write_like(file, i, &columns->written[at], &columns->more[at]);
        columns->written[at].dictionary = arguments->dictionary;
        columns->more[at].delta = arguments->delta;
        columns->more[at].bloom_filter = arguments->bloom;
    }
}

static int to_file(void *ctx, struct df_slice piece, struct df_error *error)
{
    if (fwrite(piece.data, 1, piece.size, ctx) == piece.size)
        return 0;
    return df_error_set(error, DF_ERROR_EXHAUSTED, "cannot write the copy");
}

/* The rows of a vector from `begin` on. */
static struct df_vector rows_from(const struct df_vector *vector, uint32_t begin)
{
    struct df_vector part = *vector;
    part.row_count -= begin;
    part.valid = vector->valid ? vector->valid + begin : NULL;
    switch (vector->kind) {
    case DF_VECTOR_BOOL:
        part.values.bools += begin;
        break;
    case DF_VECTOR_INT64:
        part.values.int64s += begin;
        break;
    case DF_VECTOR_FLOAT64:
        part.values.float64s += begin;
        break;
    case DF_VECTOR_BYTES:
        part.values.bytes += begin;
        break;
    case DF_VECTOR_CODES:
        part.values.codes += begin;
        break;
    case DF_VECTOR_INT128:
        part.values.int128s += begin;
        break;
    case DF_VECTOR_LIST:
        part.values.list.offsets += begin;
    }
    return part;
}

static int put_rows(struct df_parquet_writer *writer, const struct df_vector *vectors, uint32_t column_count,
                    uint32_t rows, uint32_t call_rows, struct df_error *error)
{
    static struct df_vector parts[COLUMNS_MAX];
    uint32_t step = call_rows ? call_rows : rows;
    for (uint32_t begin = 0; begin < rows; begin += step) {
        for (uint32_t i = 0; i < column_count; i++)
            parts[i] = rows_from(&vectors[i], begin);
        if (df_parquet_writer_put(writer, parts, rows - begin < step ? rows - begin : step, error) < 0)
            return -1;
    }
    return 0;
}

static int copy_rows(struct df_parquet_file *file, const struct columns *columns, struct df_parquet_writer *writer,
                     uint32_t call_rows, struct df_error *error)
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
        if (put_rows(writer, vectors, columns->count, rows, call_rows, error) < 0) {
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
    int result = copy_rows(file, &columns, writer, arguments->call_rows, error);
    df_parquet_writer_close(writer);
    return result;
}

static int open_file(struct df_store *store, const char *uri, struct df_parquet_file **file, struct df_error *error)
{
    struct df_parquet_open open = {.store = store, .uri = uri, .deadline = df_deadline_never()};
    return df_parquet_file_open(file, &open, error);
}

static void print_finding(void *ctx, const struct df_parquet_finding *finding)
{
    (void)ctx;
    fprintf(stderr, "%s\n", finding->text);
}

/* What the copy says of itself: checksums, counts, bounds, indexes and filters. */
static int verify(struct df_store *store, const char *uri, struct df_error *error)
{
    struct df_parquet_file *file;
    struct df_parquet_reading reading = {.deadline = df_deadline_never()};
    struct df_parquet_verified verified = {0};
    if (open_file(store, uri, &file, error) < 0)
        return -1;
    int result = df_parquet_verify(file, &reading, print_finding, NULL, &verified, error);
    df_parquet_file_close(file);
    if (result == 0 && (verified.damaged > 0 || verified.unread > 0))
        return df_error_set(error, DF_ERROR_CORRUPT, "%s is not what it says", uri);
    return result;
}

static int run(struct df_store *store, const struct arguments *arguments, struct df_error *error)
{
    struct df_parquet_file *file;
    if (open_file(store, arguments->in, &file, error) < 0)
        return -1;
    FILE *out = fopen(arguments->out, "wb");
    int result = 0;
    if (!out)
        result = df_error_set(error, DF_ERROR_NOT_FOUND, "cannot open %s for writing", arguments->out);
    if (result == 0)
        result = copy(file, arguments, out, error);
    if (out && fclose(out) != 0 && result == 0)
        result = df_error_set(error, DF_ERROR_EXHAUSTED, "cannot write %s", arguments->out);
    df_parquet_file_close(file);
    return result == 0 && arguments->verify ? verify(store, arguments->out, error) : result;
}

static bool take_flag(struct arguments *arguments, const char *name)
{
    if (strcmp(name, "--bloom") == 0)
        arguments->bloom = true;
    else if (strcmp(name, "--no-indexes") == 0)
        arguments->options.no_indexes = true;
    else if (strcmp(name, "--verify") == 0)
        arguments->verify = true;
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
    } else if (strcmp(name, "--dictionary-bytes") == 0) {
        options->dictionary_bytes = (uint32_t)strtoul(value, NULL, 10);
    } else if (strcmp(name, "--call-rows") == 0) {
        arguments->call_rows = (uint32_t)strtoul(value, NULL, 10);
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

/* One copy. */
static int run_arguments(struct df_store *store, int count, char **words, struct df_error *error)
{
    struct arguments arguments = {.dictionary = true, .options.codec = DF_PARQUET_SNAPPY};
    bool right = count >= 2;
    for (int i = 2; i < count && right; i++) {
        if (take_flag(&arguments, words[i]))
            continue;
        right = i + 1 < count && take_option(&arguments, words[i], words[i + 1]);
        i++;
    }
    if (!right)
        return df_error_set(error, DF_ERROR_INVALID,
                            "expected IN, OUT and the flags named at the top of parquet_copy.c");
    arguments.in = words[0];
    arguments.out = words[1];
    return run(store, &arguments, error);
}

static int run_jobs(struct df_store *store, const char *path, struct df_error *error)
{
    char line[LINE_BYTES_MAX], *words[WORDS_MAX];
    FILE *file = fopen(path, "r");
    if (!file)
        return df_error_set(error, DF_ERROR_NOT_FOUND, "cannot open %s", path);
    int result = 0;
    while (result == 0 && fgets(line, sizeof line, file)) {
        int count = 0;
        for (char *word = strtok(line, " \n"); word && count < WORDS_MAX; word = strtok(NULL, " \n"))
            words[count++] = word;
        result = run_arguments(store, count, words, error);
    }
    fclose(file);
    return result;
}

int main(int argc, char **argv)
{
    struct df_error error = {0};
    struct df_store *store;
    int result = df_store_create(&store, &error);
    if (result == 0) {
        bool jobs = argc == 3 && strcmp(argv[1], "--jobs") == 0;
        result = jobs ? run_jobs(store, argv[2], &error) : run_arguments(store, argc - 1, argv + 1, &error);
        df_store_free(store);
    }
    return result < 0 ? fail(&error) : 0;
}
