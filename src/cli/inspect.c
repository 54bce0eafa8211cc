/* dayfly inspect: what a Parquet file is made of: columns, row groups, encodings, sizes, statistics; with --pages every
 * page. With --verify all of it is read, and what is wrong is said. */
#include <inttypes.h>
#include <math.h>

#include "base/json_write.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/text.h"
#include "format/parquet/describe.h"
#include "format/parquet/verify.h"
#include "store/store.h"

enum { NAME_COLUMNS_MAX = 28, VALUE_COLUMNS_MAX = 22, TEXT_CHARACTERS_MAX = 200 };

struct inspection {
    struct df_cli *cli;
    const struct df_cli_arguments *arguments;
    struct df_parquet_file *file;
    const char *uri;
    struct df_budget budget; /* what the file says of itself is not believed beyond memory.limit */
    struct df_buf out;
    struct df_json_writer json;
};

static bool wants_json(const struct df_cli_arguments *arguments)
{
    const char *format = df_cli_value(arguments, "--output");
    return format && strcmp(format, "json") == 0;
}

/* ---- values ---- */

static void put_bytes(struct df_buf *out, const struct df_type *type, struct df_slice bytes)
{
    bool text = type->kind == DF_TYPE_STRING || (type->kind == DF_TYPE_BINARY && df_text_is_utf8(bytes));
    if (text) {
        df_buf_put_slice(
            out, df_slice_make(bytes.data, bytes.size < TEXT_CHARACTERS_MAX ? bytes.size : TEXT_CHARACTERS_MAX));
        return;
    }
    for (size_t i = 0; i < bytes.size && i < TEXT_CHARACTERS_MAX; i++)
        df_buf_printf(out, "%02x", bytes.data[i]);
}

/* A bound as people read it. */
static void put_value(struct df_buf *out, const struct df_type *type, const struct df_parquet_value *value)
{
    switch (value->kind) {
    case DF_VECTOR_BOOL:
        df_buf_put_text(out, value->as.boolean ? "true" : "false");
        return;
    case DF_VECTOR_FLOAT64:
        if (isfinite(value->as.float64))
            df_buf_put_double(out, value->as.float64);
        else
            df_buf_put_text(out, value->as.float64 < 0 ? "-Infinity" : "Infinity");
        return;
    case DF_VECTOR_BYTES:
        put_bytes(out, type, value->as.bytes);
        return;
    case DF_VECTOR_INT128:
        df_type_put_decimal(out, value->as.int128, type->scale);
        return;
    default:
        break;
    }
    int64_t number = value->as.int64;
    if (type->kind == DF_TYPE_DATE)
        df_type_put_date(out, number);
    else if (type->kind == DF_TYPE_TIMESTAMP)
        df_type_put_timestamp(out, number, type->unit);
    else if (type->kind == DF_TYPE_TIME)
        df_type_put_time_of_day(out, number, type->unit);
    else if (type->kind == DF_TYPE_DECIMAL)
        df_type_put_decimal(out, number, type->scale);
    else if (type->kind == DF_TYPE_UINT64)
        df_buf_printf(out, "%" PRIu64, (uint64_t)number);
    else
        df_buf_printf(out, "%" PRId64, number);
}

static void put_encodings(struct df_buf *out, uint32_t encodings)
{
    bool first = true;
    for (int32_t i = 0; i < 32; i++) {
        if (!(encodings >> i & 1))
            continue;
        df_buf_printf(out, "%s%s", first ? "" : " ", df_parquet_encoding_text(i));
        first = false;
    }
}

/* ---- of the whole file ---- */

struct totals {
    uint64_t size_bytes, unpacked_bytes;
};

static struct totals add_up(const struct df_parquet_file *file)
{
    struct totals totals = {0};
    for (uint32_t g = 0; g < df_parquet_row_group_count(file); g++)
        for (uint32_t c = 0; c < df_parquet_column_count(file); c++) {
            struct df_parquet_chunk_description chunk = df_parquet_describe_chunk(file, g, c);
            totals.size_bytes += chunk.size_bytes;
            totals.unpacked_bytes += chunk.unpacked_bytes;
        }
    return totals;
}

static const char *type_text(const struct df_parquet_column *column, char place[DF_TYPE_TEXT_BYTES])
{
    return column->unsupported ? column->unsupported : df_type_text(&column->type, place);
}

/* ---- text ---- */

static void put_cell(struct inspection *inspection, const char *text, unsigned columns)
{
    bool ascii = inspection->cli->ascii;
    unsigned taken = df_text_put_cut(&inspection->out, df_slice_text(text), columns, ascii);
    df_text_put_spaces(&inspection->out, columns - taken + 2);
}

static void put_schema(struct inspection *inspection)
{
    struct df_buf *out = &inspection->out;
    char place[DF_TYPE_TEXT_BYTES];
    df_buf_put_text(out, "columns\n");
    for (uint32_t c = 0; c < df_parquet_column_count(inspection->file); c++) {
        const struct df_parquet_column *column = df_parquet_column(inspection->file, c);
        df_buf_put_text(out, "  ");
        put_cell(inspection, column->name, NAME_COLUMNS_MAX);
        put_cell(inspection, df_parquet_physical_text(column->physical), 20);
        df_text_put(out, df_slice_text(type_text(column, place)), inspection->cli->ascii);
        df_buf_printf(out, "%s%s\n", column->optional ? ", may be null" : "",
                      column->unsupported ? " (not supported: the rest of the file works)" : "");
    }
}

static void put_chunk(struct inspection *inspection, uint32_t row_group, uint32_t c)
{
    const struct df_parquet_column *column = df_parquet_column(inspection->file, c);
    struct df_parquet_chunk_description chunk = df_parquet_describe_chunk(inspection->file, row_group, c);
    struct df_parquet_bounds bounds = df_parquet_bounds(inspection->file, row_group, c);
    struct df_buf cell = {0};
    df_buf_put_text(&inspection->out, "  ");
    put_cell(inspection, column->name, NAME_COLUMNS_MAX);
    df_text_put_thousands(&cell, chunk.size_bytes);
    df_buf_put_text(&cell, " of ");
    df_text_put_thousands(&cell, chunk.unpacked_bytes);
    put_cell(inspection, df_buf_text(&cell), 27);
    put_cell(inspection, chunk.codec, 12);
    df_buf_clear(&cell);
    if (bounds.known) {
        put_value(&cell, &column->type, &bounds.minimum);
        put_cell(inspection, df_buf_text(&cell), VALUE_COLUMNS_MAX);
        df_buf_clear(&cell);
        put_value(&cell, &column->type, &bounds.maximum);
        put_cell(inspection, df_buf_text(&cell), VALUE_COLUMNS_MAX);
    } else {
        put_cell(inspection, "", VALUE_COLUMNS_MAX);
        put_cell(inspection, "", VALUE_COLUMNS_MAX);
    }
    df_buf_clear(&cell);
    if (bounds.nulls_known)
        df_text_put_thousands(&cell, bounds.null_count);
    put_cell(inspection, df_buf_text(&cell), 9);
    df_buf_dispose(&cell);
    put_encodings(&inspection->out, chunk.encodings);
    df_buf_printf(&inspection->out, "%s%s%s\n", chunk.column_index ? " +column-index" : "",
                  chunk.offset_index ? " +offset-index" : "", chunk.bloom_filter ? " +bloom-filter" : "");
}

static int put_page(void *ctx, const struct df_parquet_page_description *page, struct df_error *error)
{
    struct inspection *inspection = ctx;
    (void)error;
    df_buf_printf(&inspection->out, "      page %u at %" PRIu64 ": %s, %s, %u values, %u of %u bytes%s\n", page->index,
                  page->offset, page->type, page->encoding, page->value_count, page->size_bytes, page->unpacked_bytes,
                  page->has_crc ? ", crc" : "");
    return 0;
}

static int put_row_group(struct inspection *inspection, uint32_t row_group, struct df_error *error)
{
    struct df_buf *out = &inspection->out;
    bool pages = df_cli_value(inspection->arguments, "--pages") != NULL;
    df_buf_printf(out, "\nrow group %u: ", row_group);
    df_text_put_thousands(out, df_parquet_row_group_rows(inspection->file, row_group));
    df_buf_put_text(out, " rows\n  ");
    static const char *const titles[] = {"column", "bytes", "codec", "minimum", "maximum", "nulls", "encodings"};
    static const unsigned widths[] = {NAME_COLUMNS_MAX, 27, 12, VALUE_COLUMNS_MAX, VALUE_COLUMNS_MAX, 9, 9};
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++)
        put_cell(inspection, titles[i], widths[i]);
    df_buf_put_char(out, '\n');
    for (uint32_t c = 0; c < df_parquet_column_count(inspection->file); c++) {
        put_chunk(inspection, row_group, c);
        if (pages && df_parquet_describe_pages(inspection->file, row_group, c, df_deadline_never(), put_page,
                                               inspection, error) < 0)
            return -1;
    }
    return 0;
}

static int put_text(struct inspection *inspection, struct df_error *error)
{
    struct totals totals = add_up(inspection->file);
    struct df_buf *out = &inspection->out;
    df_text_put(out, df_slice_text(inspection->uri), inspection->cli->ascii);
    df_buf_put_text(out, ": ");
    df_text_put_thousands(out, df_parquet_row_count(inspection->file));
    df_buf_printf(out, " rows in %u row groups, ", df_parquet_row_group_count(inspection->file));
    df_text_put_thousands(out, df_parquet_size_bytes(inspection->file));
    df_buf_put_text(out, " bytes (columns ");
    df_text_put_thousands(out, totals.size_bytes);
    df_buf_put_text(out, ", before compression ");
    df_text_put_thousands(out, totals.unpacked_bytes);
    df_buf_put_text(out, ")\n");
    put_schema(inspection);
    for (uint32_t g = 0; g < df_parquet_row_group_count(inspection->file); g++)
        if (put_row_group(inspection, g, error) < 0)
            return -1;
    return 0;
}

/* ---- JSON ---- */

static void json_uint(struct inspection *inspection, const char *name, uint64_t value)
{
    df_json_key(&inspection->json, name);
    df_json_uint(&inspection->json, value);
}

static void json_text(struct inspection *inspection, const char *name, const char *value)
{
    df_json_key(&inspection->json, name);
    df_json_text(&inspection->json, value);
}

static void json_bound(struct inspection *inspection, const char *name, const struct df_type *type,
                       const struct df_parquet_value *value)
{
    struct df_buf text = {0};
    put_value(&text, type, value);
    df_json_key(&inspection->json, name);
    df_json_string(&inspection->json, df_buf_slice(&text));
    df_buf_dispose(&text);
}

static int json_page(void *ctx, const struct df_parquet_page_description *page, struct df_error *error)
{
    struct inspection *inspection = ctx;
    (void)error;
    df_json_begin_object(&inspection->json);
    json_uint(inspection, "offset", page->offset);
    json_text(inspection, "type", page->type);
    json_text(inspection, "encoding", page->encoding);
    json_uint(inspection, "values", page->value_count);
    json_uint(inspection, "headerBytes", page->header_bytes);
    json_uint(inspection, "sizeBytes", page->size_bytes);
    json_uint(inspection, "unpackedBytes", page->unpacked_bytes);
    df_json_key(&inspection->json, "crc");
    df_json_boolean(&inspection->json, page->has_crc);
    df_json_end_object(&inspection->json);
    return 0;
}

static void json_encodings(struct inspection *inspection, uint32_t encodings)
{
    df_json_key(&inspection->json, "encodings");
    df_json_begin_array(&inspection->json);
    for (int32_t i = 0; i < 32; i++)
        if (encodings >> i & 1)
            df_json_text(&inspection->json, df_parquet_encoding_text(i));
    df_json_end_array(&inspection->json);
}

static int json_chunk(struct inspection *inspection, uint32_t row_group, uint32_t c, struct df_error *error)
{
    const struct df_parquet_column *column = df_parquet_column(inspection->file, c);
    struct df_parquet_chunk_description chunk = df_parquet_describe_chunk(inspection->file, row_group, c);
    struct df_parquet_bounds bounds = df_parquet_bounds(inspection->file, row_group, c);
    const struct {
        const char *name;
        bool value;
    } has[] = {{"dictionary", chunk.dictionary},
               {"columnIndex", chunk.column_index},
               {"offsetIndex", chunk.offset_index},
               {"bloomFilter", chunk.bloom_filter}};
    df_json_begin_object(&inspection->json);
    json_text(inspection, "column", column->name);
    json_text(inspection, "codec", chunk.codec);
    json_encodings(inspection, chunk.encodings);
    json_uint(inspection, "values", chunk.value_count);
    json_uint(inspection, "sizeBytes", chunk.size_bytes);
    json_uint(inspection, "unpackedBytes", chunk.unpacked_bytes);
    for (size_t i = 0; i < sizeof has / sizeof *has; i++) {
        df_json_key(&inspection->json, has[i].name);
        df_json_boolean(&inspection->json, has[i].value);
    }
    if (bounds.nulls_known)
        json_uint(inspection, "nulls", bounds.null_count);
    if (bounds.known) {
        json_bound(inspection, "minimum", &column->type, &bounds.minimum);
        json_bound(inspection, "maximum", &column->type, &bounds.maximum);
    }
    int result = 0;
    if (df_cli_value(inspection->arguments, "--pages")) {
        df_json_key(&inspection->json, "pages");
        df_json_begin_array(&inspection->json);
        result = df_parquet_describe_pages(inspection->file, row_group, c, df_deadline_never(), json_page, inspection,
                                           error);
        if (result == 0)
            df_json_end_array(&inspection->json);
    }
    if (result == 0)
        df_json_end_object(&inspection->json);
    return result;
}

static void json_columns(struct inspection *inspection)
{
    char place[DF_TYPE_TEXT_BYTES];
    df_json_key(&inspection->json, "columns");
    df_json_begin_array(&inspection->json);
    for (uint32_t c = 0; c < df_parquet_column_count(inspection->file); c++) {
        const struct df_parquet_column *column = df_parquet_column(inspection->file, c);
        df_json_begin_object(&inspection->json);
        json_text(inspection, "name", column->name);
        json_text(inspection, "physical", df_parquet_physical_text(column->physical));
        json_text(inspection, "type", column->unsupported ? NULL : df_type_text(&column->type, place));
        df_json_key(&inspection->json, "optional");
        df_json_boolean(&inspection->json, column->optional);
        json_text(inspection, "unsupported", column->unsupported);
        df_json_end_object(&inspection->json);
    }
    df_json_end_array(&inspection->json);
}

static int put_json(struct inspection *inspection, struct df_error *error)
{
    struct df_json_writer *json = &inspection->json;
    df_json_writer_init(json, &inspection->out, DF_JSON_PRETTY);
    df_json_begin_object(json);
    json_text(inspection, "uri", inspection->uri);
    json_uint(inspection, "sizeBytes", df_parquet_size_bytes(inspection->file));
    json_uint(inspection, "rows", df_parquet_row_count(inspection->file));
    json_columns(inspection);
    df_json_key(json, "rowGroups");
    df_json_begin_array(json);
    for (uint32_t g = 0; g < df_parquet_row_group_count(inspection->file); g++) {
        df_json_begin_object(json);
        json_uint(inspection, "rows", df_parquet_row_group_rows(inspection->file, g));
        df_json_key(json, "chunks");
        df_json_begin_array(json);
        for (uint32_t c = 0; c < df_parquet_column_count(inspection->file); c++)
            if (json_chunk(inspection, g, c, error) < 0)
                return -1;
        df_json_end_array(json);
        df_json_end_object(json);
    }
    df_json_end_array(json);
    df_json_end_object(json);
    df_buf_put_char(&inspection->out, '\n');
    return 0;
}

/* ---- --verify ---- */

/* Damage stands in the answer of --verify -o json already. */
static bool is_told_by_verify(const struct df_cli_arguments *arguments, const struct df_error *error)
{
    return df_cli_value(arguments, "--verify") && wants_json(arguments) && error->kind == DF_ERROR_CORRUPT;
}

static void text_finding(void *ctx, const struct df_parquet_finding *finding)
{
    struct inspection *inspection = ctx;
    df_buf_put_text(&inspection->out, finding->unread ? "not verified: " : "damaged: ");
    df_text_put(&inspection->out, df_slice_text(finding->text), inspection->cli->ascii);
    df_buf_put_char(&inspection->out, '\n');
}

static void json_finding(void *ctx, const struct df_parquet_finding *finding)
{
    struct inspection *inspection = ctx;
    df_json_begin_object(&inspection->json);
    json_text(inspection, "kind", finding->unread ? "unsupported" : "corrupt");
    json_uint(inspection, "rowGroup", finding->row_group);
    json_text(inspection, "column", df_parquet_column(inspection->file, finding->column)->name);
    if (finding->page >= 0)
        json_uint(inspection, "page", (uint64_t)finding->page);
    json_text(inspection, "message", finding->text);
    df_json_end_object(&inspection->json);
}

static void put_count(struct df_buf *out, uint64_t count, const char *what)
{
    df_text_put_thousands(out, count);
    df_buf_printf(out, " %s", what);
}

static void text_verified(struct inspection *inspection, const struct df_parquet_verified *verified)
{
    struct df_buf *out = &inspection->out;
    df_text_put(out, df_slice_text(inspection->uri), inspection->cli->ascii);
    df_buf_put_text(out, verified->damaged ? ": damaged; what could be read: " : ": all is well: ");
    put_count(out, df_parquet_row_count(inspection->file), "rows, ");
    put_count(out, verified->values, "values (");
    put_count(out, verified->nulls, "nulls) in ");
    put_count(out, verified->chunks, "column chunks, ");
    put_count(out, verified->pages, "pages, ");
    put_count(out, verified->checksums, "of them with a checksum\n");
}

static void json_verified(struct inspection *inspection, const struct df_parquet_verified *verified)
{
    json_uint(inspection, "values", verified->values);
    json_uint(inspection, "nulls", verified->nulls);
    json_uint(inspection, "chunks", verified->chunks);
    json_uint(inspection, "pages", verified->pages);
    json_uint(inspection, "checksums", verified->checksums);
    json_uint(inspection, "damaged", verified->damaged);
    json_uint(inspection, "unsupported", verified->unread);
}

static int verify(struct inspection *inspection, struct df_parquet_verified *verified, struct df_error *error)
{
    struct df_json_writer *json = &inspection->json;
    const struct df_parquet_reading reading = {.budget = &inspection->budget, .deadline = df_deadline_never()};
    if (!wants_json(inspection->arguments)) {
        int result = df_parquet_verify(inspection->file, &reading, text_finding, inspection, verified, error);
        text_verified(inspection, verified);
        return result;
    }
    df_json_writer_init(json, &inspection->out, DF_JSON_PRETTY);
    df_json_begin_object(json);
    json_text(inspection, "uri", inspection->uri);
    json_uint(inspection, "rows", df_parquet_row_count(inspection->file));
    df_json_key(json, "findings");
    df_json_begin_array(json);
    if (df_parquet_verify(inspection->file, &reading, json_finding, inspection, verified, error) < 0)
        return -1;
    df_json_end_array(json);
    json_verified(inspection, verified);
    df_json_end_object(json);
    df_buf_put_char(&inspection->out, '\n');
    return 0;
}

static int write_out(struct inspection *inspection, struct df_error *error)
{
    if (df_buf_failed(&inspection->out))
        return df_error_no_memory(error, "describing a file");
    return df_cli_write(inspection->cli, df_buf_slice(&inspection->out), error);
}

/* What is wrong goes to stdout; the error only says that something is, for the exit status. */
static int verify_and_write(struct inspection *inspection, struct df_error *error)
{
    struct df_parquet_verified verified;
    if (verify(inspection, &verified, error) < 0 || write_out(inspection, error) < 0)
        return -1;
    if (verified.damaged == 0)
        return 0;
    return df_error_set(error, DF_ERROR_CORRUPT, "%s: damaged in %" PRIu64 " %s", inspection->uri, verified.damaged,
                        verified.damaged == 1 ? "place" : "places");
}

/* A file that does not open is damaged, too. */
static void put_footer_finding(struct inspection *inspection, const struct df_error *error)
{
    struct df_json_writer *json = &inspection->json;
    struct df_error ignored;
    if (!is_told_by_verify(inspection->arguments, error))
        return;
    df_json_writer_init(json, &inspection->out, DF_JSON_PRETTY);
    df_json_begin_object(json);
    json_text(inspection, "uri", inspection->uri);
    df_json_key(json, "findings");
    df_json_begin_array(json);
    df_json_begin_object(json);
    json_text(inspection, "kind", "corrupt");
    json_text(inspection, "message", error->message);
    df_json_end_object(json);
    df_json_end_array(json);
    json_uint(inspection, "damaged", 1);
    df_json_end_object(json);
    df_buf_put_char(&inspection->out, '\n');
    (void)write_out(inspection, &ignored); /* what is to be said of the file is more important */
}

/* ---- the command ---- */

static int inspect(struct inspection *inspection, struct df_store *store, struct df_error *error)
{
    struct df_parquet_open open = {
        .store = store, .uri = inspection->uri, .budget = &inspection->budget, .deadline = df_deadline_never()};
    if (df_parquet_file_open(&inspection->file, &open, error) != 0) {
        inspection->file = NULL;
        put_footer_finding(inspection, error);
        return -1;
    }
    if (df_cli_value(inspection->arguments, "--verify"))
        return verify_and_write(inspection, error);
    int result = wants_json(inspection->arguments) ? put_json(inspection, error) : put_text(inspection, error);
    return result == 0 ? write_out(inspection, error) : -1;
}

static int run(struct df_cli *cli, const struct df_cli_arguments *arguments, struct df_error *error)
{
    struct inspection inspection = {.cli = cli, .arguments = arguments, .uri = arguments->operands[0]};
    struct df_store *store;
    df_budget_init(&inspection.budget, df_cli_memory_limit(cli->config));
    if (df_store_create(&store, error) != 0)
        return -1;
    int result = inspect(&inspection, store, error);
    if (inspection.file)
        df_parquet_file_close(inspection.file);
    df_buf_dispose(&inspection.out);
    df_store_free(store);
    return result;
}

static void put_failure(const struct df_cli_arguments *arguments, const struct df_error *error, struct df_buf *out)
{
    if (wants_json(arguments) && !is_told_by_verify(arguments, error))
        df_cli_failure_put_json(error, DF_JSON_PRETTY, out);
}

static const struct df_cli_flag flags[] = {
    {.name = "--verify", .help = "read everything; say what is damaged, exit with 3 if anything is"},
    {.name = "--pages", .help = "every page too: place, kind, encoding, values, bytes"},
    {.name = "--output", .letter = 'o', .choices = "text|json", .help = "form of the answer (default: text)"},
    {.option = "memory.limit", .section = "Resources"},
};

const struct df_cli_command df_command_inspect = {
    .name = "inspect",
    .summary = "what a Parquet file is made of",
    .usage = "FILE [--pages | --verify] [-o json]",
    .description = "Shows the columns of a Parquet file with what their values mean, and for each\n"
                   "row group and column bytes, codec, bounds, nulls and encodings. Only the footer\n"
                   "is read; with --pages the header of every page too. FILE may lie in S3.\n\n"
                   "With --verify every page is decoded instead, and checksums, counts, bounds,\n"
                   "indexes and bloom filters are held against what is there.\n\n"
                   "Example:\n"
                   "  dayfly inspect shop/part-00000.parquet\n"
                   "  dayfly inspect --verify shop/part-00000.parquet\n",
    .operands = "FILE",
    .operands_minimum = 1,
    .operands_maximum = 1,
    .flags = flags,
    .flag_count = sizeof flags / sizeof *flags,
    .run = run,
    .put_failure = put_failure,
};
