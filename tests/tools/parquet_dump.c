/* A Parquet file as JSON lines, for tests that compare our reader with others; and sample files by our writer.
 *
 *   parquet_dump FILE [--columns a,b] [--memory BYTES] [--wanted GROUP:BEGIN-END,…]
 *                                                           one row per line: {"a":1,"b":null}
 *   parquet_dump --many [the same]                          of each FILE named by a line of stdin; behind its rows
 *             !{"status":0,"accountBytes":0,"peakBytes":0,"residentKib":0,"cpuMs":0,"kind":null,"error":null}
 *   parquet_dump --schema FILE                              one column per line
 *   parquet_dump --write-sample FILE [--rows N] [--row-group-rows N] [--page-bytes N] [--codec snappy|none]
 *                [--plain] [--no-nulls]
 *
 * Strings are JSON strings, binary is hexadecimal, doubles are as Python writes them (NaN, Infinity). Without --columns
 * all columns of supported types are read. Errors go to stderr; the exit code is that of the error's kind. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/json_write.h"
#include "format/parquet/parquet.h"

enum { COLUMNS_MAX = 4096, FLUSH_BYTES = 64 * 1024, SAMPLE_BATCH = 1000, WANTED_MAX = 1024 };

struct arguments {
    const char *path, *columns, *codec, *wanted;
    bool schema, write_sample, plain, no_nulls, many;
    uint64_t memory, rows, row_group_rows, page_bytes;
};

static int fail(const struct df_error *error)
{
    fprintf(stderr, "%s: %s\n", df_error_name(error->kind), error->message);
    return df_error_exit_code(error->kind);
}

/* ---- values ---- */

static void put_double(struct df_buf *out, double value)
{
    if (isnan(value))
        df_buf_put_text(out, "NaN");
    else if (isinf(value))
        df_buf_put_text(out, value < 0 ? "-Infinity" : "Infinity");
    else
        df_buf_put_double(out, value);
}

static void put_hex(struct df_buf *out, struct df_slice bytes)
{
    df_buf_put_char(out, '"');
    for (size_t i = 0; i < bytes.size; i++)
        df_buf_printf(out, "%02x", bytes.data[i]);
    df_buf_put_char(out, '"');
}

static void put_string(struct df_buf *out, struct df_slice text)
{
    struct df_json_writer writer;
    df_json_writer_init(&writer, out, DF_JSON_COMPACT);
    df_json_string(&writer, text);
}

static void put_bytes(struct df_buf *out, const struct df_type *type, struct df_slice bytes)
{
    if (type->kind == DF_TYPE_STRING)
        put_string(out, bytes);
    else
        put_hex(out, bytes);
}

static void put_int128(struct df_buf *out, __int128 value)
{
    unsigned __int128 left = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    char digits[48];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + (int)(left % 10));
        left /= 10;
    } while (left > 0);
    if (value < 0)
        digits[--at] = '-';
    df_buf_put(out, digits + at, sizeof digits - at);
}

static void put_integer(struct df_buf *out, const struct df_type *type, int64_t value)
{
    if (type->kind == DF_TYPE_UINT64)
        df_buf_printf(out, "%" PRIu64, (uint64_t)value);
    else
        df_buf_printf(out, "%" PRId64, value);
}

static void put_coded(struct df_buf *out, const struct df_type *type, const struct df_dictionary *dictionary,
                      uint32_t code)
{
    if (dictionary->kind == DF_VECTOR_INT64)
        put_integer(out, type, dictionary->values.int64s[code]);
    else if (dictionary->kind == DF_VECTOR_FLOAT64)
        put_double(out, dictionary->values.float64s[code]);
    else
        put_bytes(out, type, dictionary->values.bytes[code]);
}

static void put_value(struct df_buf *out, const struct df_type *type, const struct df_vector *vector, uint32_t row)
{
    if (df_vector_is_null(vector, row)) {
        df_buf_put_text(out, "null");
        return;
    }
    switch (vector->kind) {
    case DF_VECTOR_BOOL:
        df_buf_put_text(out, vector->values.bools[row] ? "true" : "false");
        break;
    case DF_VECTOR_INT64:
        put_integer(out, type, vector->values.int64s[row]);
        break;
    case DF_VECTOR_FLOAT64:
        put_double(out, vector->values.float64s[row]);
        break;
    case DF_VECTOR_BYTES:
        put_bytes(out, type, vector->values.bytes[row]);
        break;
    case DF_VECTOR_INT128:
        put_int128(out, vector->values.int128s[row]);
        break;
    case DF_VECTOR_CODES:
        put_coded(out, type, vector->dictionary, vector->values.codes[row]);
        break;
    case DF_VECTOR_LIST:
        df_buf_put_char(out, '[');
        for (uint32_t i = vector->values.list.offsets[row]; i < vector->values.list.offsets[row + 1]; i++) {
            if (i > vector->values.list.offsets[row])
                df_buf_put_char(out, ',');
            put_value(out, type, vector->values.list.elements, i);
        }
        df_buf_put_char(out, ']');
        break;
    }
}

/* ---- reading ---- */

static void flush(struct df_buf *out)
{
    if (out->size > 0)
        fwrite(out->data, 1, out->size, stdout);
    df_buf_clear(out);
}

static void put_rows(struct df_buf *out, const struct df_parquet_file *file, const uint32_t *columns, uint32_t count,
                     const struct df_vector *vectors, uint32_t rows)
{
    for (uint32_t row = 0; row < rows; row++) {
        df_buf_put_char(out, '{');
        for (uint32_t i = 0; i < count; i++) {
            const struct df_parquet_column *column = df_parquet_column(file, columns[i]);
            if (i > 0)
                df_buf_put_char(out, ',');
            put_string(out, df_slice_text(column->name));
            df_buf_put_char(out, ':');
            put_value(out, &column->type, &vectors[i], row);
        }
        df_buf_put_text(out, "}\n");
        if (out->size > FLUSH_BYTES)
            flush(out);
    }
}

static int choose_columns(const struct df_parquet_file *file, const char *names, uint32_t *columns, uint32_t *count,
                          struct df_error *error)
{
    *count = 0;
    if (!names) {
        for (uint32_t i = 0; i < df_parquet_column_count(file) && i < COLUMNS_MAX; i++)
            if (!df_parquet_column(file, i)->unsupported)
                columns[(*count)++] = i;
        return 0;
    }
    char *copy = strdup(names), *rest = copy;
    for (char *name; (name = strsep(&rest, ",")) && *count < COLUMNS_MAX;) {
        int64_t found = df_parquet_column_find(file, name);
        if (found < 0) {
            df_error_set(error, DF_ERROR_INVALID, "there is no column '%s'", name);
            free(copy);
            return -1;
        }
        columns[(*count)++] = (uint32_t)found;
    }
    free(copy);
    return 0;
}

/* Rows in the form 0:10-20,0:30-40. */
static uint32_t parse_wanted(const char *text, struct df_parquet_rows *wanted)
{
    uint32_t count = 0;
    while (*text && count < WANTED_MAX) {
        char *end = NULL;
        struct df_parquet_rows *rows = &wanted[count++];
        rows->row_group = (uint32_t)strtoul(text, &end, 10);
        rows->begin = strtoull(*end ? end + 1 : end, &end, 10);
        rows->end = strtoull(*end ? end + 1 : end, &end, 10);
        text = *end ? end + 1 : end;
    }
    return count;
}

static int dump_rows(struct df_parquet_file *file, const struct arguments *arguments, struct df_budget *budget,
                     struct df_error *error)
{
    static uint32_t columns[COLUMNS_MAX];
    static struct df_parquet_rows wanted[WANTED_MAX];
    uint32_t count;
    if (choose_columns(file, arguments->columns, columns, &count, error) < 0)
        return -1;
    struct df_parquet_scan_options options = {
        .columns = columns,
        .column_count = count,
        .row_group_end = df_parquet_row_group_count(file),
        .budget = budget,
        .deadline = df_deadline_never(),
        .wanted = arguments->wanted ? wanted : NULL,
        .wanted_count = arguments->wanted ? parse_wanted(arguments->wanted, wanted) : 0,
    };
    struct df_parquet_scan *scan;
    if (df_parquet_scan_open(&scan, file, &options, error) < 0)
        return -1;
    struct df_buf out = {0};
    const struct df_vector *vectors;
    uint32_t rows;
    int result;
    while ((result = df_parquet_scan_next(scan, &vectors, &rows, error)) > 0)
        put_rows(&out, file, columns, count, vectors, rows);
    flush(&out);
    df_buf_dispose(&out);
    if (result == 0 && arguments->wanted && !arguments->many)
        fprintf(stderr, "bytes read: %" PRIu64 "\n", df_parquet_scan_bytes_read(scan));
    df_parquet_scan_close(scan);
    return result;
}

static void put_bound(struct df_json_writer *writer, const struct df_parquet_column *column,
                      const struct df_parquet_value *value)
{
    const struct df_type *type = &column->type;
    struct df_buf text = {0};
    struct df_vector one = {.kind = value->kind, .row_count = 1};
    uint8_t boolean = value->kind == DF_VECTOR_BOOL && value->as.boolean;
    switch (value->kind) {
    case DF_VECTOR_BOOL:
        one.values.bools = &boolean;
        break;
    case DF_VECTOR_FLOAT64:
        one.values.float64s = &value->as.float64;
        break;
    case DF_VECTOR_INT128:
        one.values.int128s = &value->as.int128;
        break;
    case DF_VECTOR_BYTES:
        one.values.bytes = &value->as.bytes;
        break;
    default:
        one.values.int64s = &value->as.int64;
    }
    put_value(&text, type, &one, 0);
    df_json_raw(writer, df_buf_slice(&text));
    df_buf_dispose(&text);
}

static void put_bounds(struct df_json_writer *writer, const struct df_parquet_file *file, uint32_t column)
{
    df_json_key(writer, "bounds");
    df_json_begin_array(writer);
    for (uint32_t group = 0; group < df_parquet_row_group_count(file); group++) {
        struct df_parquet_bounds bounds = df_parquet_bounds(file, group, column);
        if (!bounds.known) {
            df_json_null(writer);
            continue;
        }
        df_json_begin_array(writer);
        put_bound(writer, df_parquet_column(file, column), &bounds.minimum);
        put_bound(writer, df_parquet_column(file, column), &bounds.maximum);
        df_json_end_array(writer);
    }
    df_json_end_array(writer);
    df_json_key(writer, "nulls");
    df_json_begin_array(writer);
    for (uint32_t group = 0; group < df_parquet_row_group_count(file); group++) {
        struct df_parquet_bounds bounds = df_parquet_bounds(file, group, column);
        if (bounds.nulls_known)
            df_json_uint(writer, bounds.null_count);
        else
            df_json_null(writer);
    }
    df_json_end_array(writer);
}

static void put_column(struct df_json_writer *writer, const struct df_parquet_column *column)
{
    char text[DF_TYPE_TEXT_BYTES];
    df_json_key(writer, "name");
    df_json_text(writer, column->name);
    df_json_key(writer, "type");
    df_json_text(writer, column->unsupported ? "" : df_type_text(&column->type, text));
    df_json_key(writer, "bits");
    df_json_int(writer, column->type.bits);
    df_json_key(writer, "optional");
    df_json_boolean(writer, column->optional);
    df_json_key(writer, "unsupported");
    if (column->unsupported)
        df_json_text(writer, column->unsupported);
    else
        df_json_null(writer);
}

static void dump_schema(const struct df_parquet_file *file)
{
    struct df_buf out = {0};
    struct df_json_writer writer;
    for (uint32_t i = 0; i < df_parquet_column_count(file); i++) {
        df_json_writer_init(&writer, &out, DF_JSON_COMPACT);
        df_json_begin_object(&writer);
        put_column(&writer, df_parquet_column(file, i));
        put_bounds(&writer, file, i);
        df_json_end_object(&writer);
        df_buf_put_char(&out, '\n');
    }
    flush(&out);
    df_buf_dispose(&out);
}

static int dump(const struct arguments *arguments, struct df_budget *budget, struct df_error *error)
{
    struct df_store *store;
    if (df_store_create(&store, error) < 0)
        return -1;
    struct df_parquet_open open = {
        .store = store, .uri = arguments->path, .budget = budget, .deadline = df_deadline_never()};
    struct df_parquet_file *file = NULL;
    int result = df_parquet_file_open(&file, &open, error);
    if (result == 0 && arguments->schema)
        dump_schema(file);
    else if (result == 0)
        result = dump_rows(file, arguments, budget, error);
    df_parquet_file_close(file);
    df_store_free(store);
    return result;
}

static int dump_one(const struct arguments *arguments, struct df_error *error)
{
    struct df_budget budget;
    df_budget_init(&budget, arguments->memory);
    return dump(arguments, &budget, error);
}

/* ---- many files ---- */

static int64_t cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The most memory since the last call: Linux forgets the peak when it is told to. */
static int64_t peak_resident_kib(void)
{
    char line[256];
    long long kib = -1;
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "VmHWM: %lld", &kib) == 1)
            break;
    if (status)
        fclose(status);
    FILE *forget = fopen("/proc/self/clear_refs", "we");
    if (forget) {
        fputs("5", forget);
        fclose(forget);
    }
    return kib;
}

/* How it ended, and what it took: the account (which must be empty again), its peak, memory and time. */
static void put_end(int result, struct df_budget *budget, const struct df_error *error, int64_t took_ms)
{
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {{"status", result < 0 ? df_error_exit_code(error->kind) : 0},
                   {"accountBytes", (int64_t)budget->used_bytes},
                   {"peakBytes", (int64_t)budget->peak_bytes},
                   {"residentKib", peak_resident_kib()},
                   {"cpuMs", took_ms}};
    struct df_buf out = {0};
    struct df_json_writer writer;
    df_json_writer_init(&writer, &out, DF_JSON_COMPACT);
    df_buf_put_char(&out, '!');
    df_json_begin_object(&writer);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        df_json_key(&writer, numbers[i].name);
        df_json_int(&writer, numbers[i].value);
    }
    df_json_key(&writer, "kind");
    df_json_text(&writer, result < 0 ? df_error_name(error->kind) : NULL);
    df_json_key(&writer, "error");
    df_json_text(&writer, result < 0 ? error->message : NULL);
    df_json_end_object(&writer);
    df_buf_put_char(&out, '\n');
    flush(&out);
    df_buf_dispose(&out);
    fflush(stdout);
}

/* One process for thousands of files: to start one costs more than to read a small file. */
static int dump_many(struct arguments *arguments)
{
    char *line = NULL;
    size_t room = 0;
    for (ssize_t length; (length = getline(&line, &room, stdin)) > 0;) {
        struct df_budget budget;
        struct df_error error = {0};
        if (line[length - 1] == '\n')
            line[length - 1] = '\0';
        arguments->path = line;
        df_budget_init(&budget, arguments->memory);
        int64_t began_ms = cpu_ms();
        int result = dump(arguments, &budget, &error);
        put_end(result, &budget, &error, cpu_ms() - began_ms);
    }
    free(line);
    return 0;
}

/* ---- the sample ---- */

static const struct df_parquet_write_column sample_columns[] = {
    {"flag", {.kind = DF_TYPE_BOOL}, true, true},
    {"small", {.kind = DF_TYPE_INT64, .bits = 32}, true, true},
    {"day", {.kind = DF_TYPE_DATE}, true, false},
    {"big", {.kind = DF_TYPE_INT64}, true, true},
    {"ms", {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_MS}, true, false},
    {"us", {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_US}, true, false},
    {"ns", {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_NS}, true, false},
    {"real", {.kind = DF_TYPE_FLOAT, .bits = 64}, true, true},
    {"word", {.kind = DF_TYPE_STRING}, true, true},
    {"text", {.kind = DF_TYPE_STRING}, true, true},
    {"bytes", {.kind = DF_TYPE_BINARY}, true, false},
    {"nothing", {.kind = DF_TYPE_INT64, .bits = 64}, true, true},
    {"tiny", {.kind = DF_TYPE_INT64, .bits = 8}, true, true},
    {"unsigned", {.kind = DF_TYPE_UINT64}, true, true},
    {"single", {.kind = DF_TYPE_FLOAT, .bits = 32}, true, false},
    {"clock", {.kind = DF_TYPE_TIME, .unit = DF_TIME_US}, true, false},
    {"clock_s", {.kind = DF_TYPE_TIME, .unit = DF_TIME_S}, true, true},
    {"seconds", {.kind = DF_TYPE_TIMESTAMP, .unit = DF_TIME_S}, true, false},
    {"cents", {.kind = DF_TYPE_DECIMAL, .precision = 12, .scale = 2}, true, true},
    {"wide", {.kind = DF_TYPE_DECIMAL, .precision = 30, .scale = 3}, true, true},
    {"uuid", {.kind = DF_TYPE_UUID}, true, true},
    {"null", {.kind = DF_TYPE_NULL}, true, false},
};
enum { SAMPLE_COLUMNS = sizeof sample_columns / sizeof *sample_columns };

enum {
    SAMPLE_FLAG = 0,
    SAMPLE_REAL = 7,
    SAMPLE_TEXTS = 8, /* three columns */
    SAMPLE_NOTHING = 11,
    SAMPLE_SINGLE = 14,
    SAMPLE_WIDE = 19,
    SAMPLE_UUID = 20,
    SAMPLE_NULL = 21,
};

struct sample_batch {
    uint8_t valid[SAMPLE_COLUMNS][SAMPLE_BATCH];
    uint8_t bools[SAMPLE_BATCH];
    int64_t int64s[SAMPLE_COLUMNS][SAMPLE_BATCH];
    double float64s[SAMPLE_COLUMNS][SAMPLE_BATCH];
    __int128 int128s[SAMPLE_BATCH];
    struct df_slice bytes[SAMPLE_COLUMNS][SAMPLE_BATCH];
    char texts[SAMPLE_COLUMNS][SAMPLE_BATCH][40];
};

/* tests/e2e/test_parquet.py has the same formulas. */
static int64_t sample_integer(uint32_t column, uint64_t row)
{
    switch (column) {
    case 1:
        return (int64_t)(row * 7919 % 1000) - 500;
    case 2:
        return (int64_t)(row % 20000);
    case 3:
        return (int64_t)(row * 1000003) - 12345678901;
    case 4:
        return 1600000000000 + (int64_t)row;
    case 5:
        return 1600000000000000 + (int64_t)row;
    case 12:
        return (int64_t)(row % 256) - 128;
    case 13:
        return (int64_t)(UINT64_MAX - row % 1000);
    case 15:
        return (int64_t)(row * 1000003 % 86400000000);
    case 16:
        return (int64_t)(row % 86400);
    case 17:
        return 1600000000 + (int64_t)row;
    case 18:
        return (int64_t)(row * 7 % 1000) - 500;
    default:
        return 1600000000000000000 + (int64_t)row;
    }
}

static struct df_slice sample_bytes(struct sample_batch *batch, uint32_t column, uint32_t at, uint64_t row)
{
    char *text = batch->texts[column][at];
    int size;
    if (column == 8)
        size = snprintf(text, 40, "word%d", (int)(row % 5));
    else if (column == 9)
        size = snprintf(text, 40, "text number %llu", (unsigned long long)row);
    else if (column == SAMPLE_UUID)
        size = snprintf(text, 40, "%016llu", (unsigned long long)(row % 77));
    else
        size = snprintf(text, 40, "%c%llu", (char)(row % 256), (unsigned long long)row);
    return df_slice_make(text, column == 10 && row % 11 == 0 ? 0 : (size_t)size);
}

static void fill_column(struct sample_batch *batch, struct df_vector *vector, uint32_t column, uint64_t first,
                        uint32_t rows)
{
    enum df_type_kind kind = sample_columns[column].type.kind;
    bool bytes = kind == DF_TYPE_STRING || kind == DF_TYPE_BINARY || kind == DF_TYPE_UUID;
    for (uint32_t at = 0; at < rows; at++) {
        uint64_t row = first + at;
        batch->valid[column][at] = column != SAMPLE_NOTHING && column != SAMPLE_NULL && (row + column) % 7 != 0;
        if (column == SAMPLE_FLAG)
            batch->bools[at] = row % 3 == 0;
        else if (kind == DF_TYPE_FLOAT)
            batch->float64s[column][at] = row % 13 == 0 ? (double)NAN : (double)row / 8 - 1000;
        else if (column == SAMPLE_WIDE)
            batch->int128s[at] = (__int128)row * 1000000007 * 1000000007 - 5;
        else if (bytes)
            batch->bytes[column][at] = sample_bytes(batch, column, at, row);
        else
            batch->int64s[column][at] = sample_integer(column, row);
    }
    if (column == SAMPLE_FLAG) {
        vector->kind = DF_VECTOR_BOOL;
        vector->values.bools = batch->bools;
    } else if (kind == DF_TYPE_FLOAT) {
        vector->kind = DF_VECTOR_FLOAT64;
        vector->values.float64s = batch->float64s[column];
    } else if (column == SAMPLE_WIDE) {
        vector->kind = DF_VECTOR_INT128;
        vector->values.int128s = batch->int128s;
    } else if (bytes) {
        vector->kind = DF_VECTOR_BYTES;
        vector->values.bytes = batch->bytes[column];
    } else {
        vector->kind = DF_VECTOR_INT64;
        vector->values.int64s = batch->int64s[column];
    }
}

/* The column that is always null cannot be without nulls. */
static void fill_sample(struct sample_batch *batch, struct df_vector *vectors, uint64_t first, uint32_t rows,
                        bool no_nulls)
{
    for (uint32_t column = 0; column < SAMPLE_COLUMNS; column++) {
        bool nulls = !no_nulls || column == SAMPLE_NULL;
        vectors[column] = (struct df_vector){.row_count = rows, .valid = nulls ? batch->valid[column] : NULL};
        fill_column(batch, &vectors[column], column, first, rows);
    }
}

static int to_file(void *ctx, struct df_slice piece, struct df_error *error)
{
    if (fwrite(piece.data, 1, piece.size, ctx) == piece.size)
        return 0;
    return df_error_set(error, DF_ERROR_EXHAUSTED, "cannot write the sample");
}

static int write_rows(struct df_parquet_writer *writer, const struct arguments *arguments, struct df_error *error)
{
    static struct sample_batch batch;
    struct df_vector vectors[SAMPLE_COLUMNS];
    for (uint64_t row = 0; row < arguments->rows; row += SAMPLE_BATCH) {
        uint64_t left = arguments->rows - row;
        uint32_t rows = left < SAMPLE_BATCH ? (uint32_t)left : SAMPLE_BATCH;
        fill_sample(&batch, vectors, row, rows, arguments->no_nulls);
        if (df_parquet_writer_put(writer, vectors, rows, error) < 0)
            return -1;
    }
    return df_parquet_writer_finish(writer, error);
}

static int write_sample(const struct arguments *arguments, struct df_error *error)
{
    FILE *file = fopen(arguments->path, "wb");
    if (!file)
        return df_error_set(error, DF_ERROR_NOT_FOUND, "cannot open %s for writing", arguments->path);
    struct df_parquet_write_column columns[SAMPLE_COLUMNS];
    memcpy(columns, sample_columns, sizeof columns);
    for (uint32_t i = 0; i < SAMPLE_COLUMNS; i++) {
        columns[i].optional = !arguments->no_nulls || i == SAMPLE_NULL;
        columns[i].dictionary = columns[i].dictionary && !arguments->plain;
    }
    struct df_parquet_key_value metadata[] = {{"dayfly.groups", "whole"}};
    struct df_parquet_write_options options = {
        .columns = columns,
        .column_count = SAMPLE_COLUMNS,
        .codec =
            arguments->codec && strcmp(arguments->codec, "none") == 0 ? DF_PARQUET_UNCOMPRESSED : DF_PARQUET_SNAPPY,
        .row_group_rows = (uint32_t)arguments->row_group_rows,
        .page_bytes = (uint32_t)arguments->page_bytes,
        .metadata = metadata,
        .metadata_count = 1,
    };
    struct df_parquet_writer *writer = NULL;
    int result = df_parquet_writer_open(&writer, &options, to_file, file, error);
    if (result == 0)
        result = write_rows(writer, arguments, error);
    df_parquet_writer_close(writer);
    if (fclose(file) != 0 && result == 0)
        result = df_error_set(error, DF_ERROR_EXHAUSTED, "cannot write %s", arguments->path);
    return result;
}

/* ---- main ---- */

static bool take_flag(struct arguments *arguments, const char *name)
{
    const struct {
        const char *name;
        bool *to;
    } flags[] = {{"--schema", &arguments->schema},
                 {"--write-sample", &arguments->write_sample},
                 {"--plain", &arguments->plain},
                 {"--no-nulls", &arguments->no_nulls},
                 {"--many", &arguments->many}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (strcmp(name, flags[i].name) == 0)
            return *flags[i].to = true;
    return false;
}

static bool take_option(struct arguments *arguments, const char *name, const char *value)
{
    const struct {
        const char *name;
        uint64_t *to;
    } numbers[] = {{"--memory", &arguments->memory},
                   {"--rows", &arguments->rows},
                   {"--row-group-rows", &arguments->row_group_rows},
                   {"--page-bytes", &arguments->page_bytes}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (value && strcmp(name, numbers[i].name) == 0) {
            *numbers[i].to = strtoull(value, NULL, 10);
            return true;
        }
    if (value && strcmp(name, "--columns") == 0)
        arguments->columns = value;
    else if (value && strcmp(name, "--codec") == 0)
        arguments->codec = value;
    else if (value && strcmp(name, "--wanted") == 0)
        arguments->wanted = value;
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.rows = 1000};
    struct df_error error = {0};
    for (int i = 1; i < argc; i++) {
        if (take_flag(&arguments, argv[i]))
            continue;
        if (strncmp(argv[i], "--", 2) != 0)
            arguments.path = argv[i];
        else if (take_option(&arguments, argv[i], i + 1 < argc ? argv[i + 1] : NULL))
            i++;
        else
            arguments.path = NULL, i = argc;
    }
    if (arguments.many && !arguments.path)
        return dump_many(&arguments);
    if (!arguments.path) {
        df_error_set(&error, DF_ERROR_INVALID, "expected a FILE and the flags named at the top of parquet_dump.c");
        return fail(&error);
    }
    int result = arguments.write_sample ? write_sample(&arguments, &error) : dump_one(&arguments, &error);
    return result < 0 ? fail(&error) : 0;
}
