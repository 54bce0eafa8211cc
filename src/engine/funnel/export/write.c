#include "engine/funnel/export/write.h"

#include "engine/funnel/export/text.h"
#include "engine/funnel/language/shown.h"

enum { FLUSH_BYTES = 256 * 1024 };

struct df_funnel_export_writer {
    enum df_funnel_export_format format;
    struct df_store_upload *upload;
    struct df_parquet_writer *parquet;
    struct df_json_writer json;
    struct df_buf text; /* not uploaded yet */
    uint64_t rows;
    struct df_funnel_cohort_column *columns; /* names are owned */
    uint32_t column_count;
};

/* ---- before any file is read ---- */

static const char *const endings[DF_FUNNEL_EXPORT_FORMATS] = {".parquet", ".csv", ".ndjson"};

static bool ends_with(const char *text, const char *ending)
{
    size_t size = strlen(text), ending_size = strlen(ending);
    return size >= ending_size && strcmp(text + size - ending_size, ending) == 0;
}

bool df_funnel_export_format_of(const char *uri, enum df_funnel_export_format *format)
{
    *format = DF_FUNNEL_EXPORT_PARQUET;
    if (ends_with(uri, "/"))
        return true;
    for (int i = 0; i < DF_FUNNEL_EXPORT_FORMATS; i++) {
        if (ends_with(uri, endings[i])) {
            *format = (enum df_funnel_export_format)i;
            return true;
        }
    }
    return false;
}

static int check_format(const char *uri, enum df_funnel_export_format *format, struct df_error *error)
{
    char shown[DF_FUNNEL_SHOWN_BYTES];
    if (df_funnel_export_format_of(uri, format))
        return 0;
    return df_error_set(error, DF_ERROR_INVALID,
                        "funnel.export.file: the ending of '%s' names no format; expected .parquet, .csv, .ndjson, or "
                        "a '/' for a folder of Parquet files",
                        df_funnel_shown(df_slice_text(uri), shown));
}

int df_funnel_export_check(const struct df_funnel_request *request, struct df_error *error)
{
    enum df_funnel_export_format format;
    if (!request->funnel.given || !request->funnel.cohort.given)
        return 0;
    if (check_format(request->funnel.cohort.file, &format, error) < 0)
        return -1;
    return df_funnel_cohort_check(request, error);
}

/* ---- opening ---- */

static int write_piece(void *ctx, struct df_slice piece, struct df_error *error)
{
    struct df_funnel_export_writer *writer = ctx;
    return df_store_upload_write(writer->upload, piece, error);
}

static int copy_columns(struct df_funnel_export_writer *writer, const struct df_funnel_cohort *like,
                        struct df_error *error)
{
    uint32_t count = df_funnel_cohort_column_count(like);
    writer->columns = calloc(count, sizeof *writer->columns);
    if (!writer->columns)
        return df_error_no_memory(error, "writing an export");
    writer->column_count = count;
    for (uint32_t i = 0; i < count; i++) {
        writer->columns[i] = *df_funnel_cohort_column(like, i);
        writer->columns[i].name = df_slice_strdup(df_slice_text(writer->columns[i].name));
        if (!writer->columns[i].name)
            return df_error_no_memory(error, "writing an export");
    }
    return 0;
}

/* A column in which no file has a value is written as one of strings: Parquet readers know that best. */
static int open_parquet(struct df_funnel_export_writer *writer, struct df_error *error)
{
    struct df_parquet_write_column *columns = calloc(writer->column_count, sizeof *columns);
    if (!columns)
        return df_error_no_memory(error, "writing an export");
    for (uint32_t i = 0; i < writer->column_count; i++) {
        columns[i] =
            (struct df_parquet_write_column){.name = writer->columns[i].name,
                                             .type = writer->columns[i].type,
                                             .optional = i > 0,
                                             .dictionary = i > 0 && writer->columns[i].kind == DF_VECTOR_BYTES};
        if (columns[i].type.kind == DF_TYPE_NULL)
            columns[i].type.kind = DF_TYPE_STRING;
    }
    const struct df_parquet_write_options options = {
        .columns = columns, .column_count = writer->column_count, .codec = DF_PARQUET_SNAPPY};
    int status = df_parquet_writer_open(&writer->parquet, &options, write_piece, writer, error);
    free(columns);
    return status;
}

int df_funnel_export_open(struct df_funnel_export_writer **out, struct df_store *store, const char *uri,
                          const struct df_funnel_cohort *like, struct df_error *error)
{
    *out = NULL;
    struct df_funnel_export_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return df_error_no_memory(error, "writing an export");
    if (check_format(uri, &writer->format, error) < 0 || copy_columns(writer, like, error) < 0 ||
        df_store_upload_open(store, uri, &writer->upload, error) < 0 ||
        (writer->format == DF_FUNNEL_EXPORT_PARQUET && open_parquet(writer, error) < 0)) {
        df_funnel_export_abort(writer);
        return -1;
    }
    if (writer->format == DF_FUNNEL_EXPORT_CSV)
        df_funnel_export_put_csv_header(like, &writer->text);
    df_json_writer_init(&writer->json, &writer->text, DF_JSON_COMPACT);
    *out = writer;
    return 0;
}

/* ---- rows ---- */

static bool same_type(const struct df_type *a, const struct df_type *b)
{
    return a->kind == b->kind && a->bits == b->bits && a->unit == b->unit && a->precision == b->precision &&
           a->scale == b->scale;
}

static int check_columns(const struct df_funnel_export_writer *writer, const struct df_funnel_cohort *cohort,
                         struct df_error *error)
{
    if (df_funnel_cohort_column_count(cohort) != writer->column_count)
        return df_error_set(error, DF_ERROR_INTERNAL, "an export of %u columns got rows of %u", writer->column_count,
                            df_funnel_cohort_column_count(cohort));
    for (uint32_t i = 0; i < writer->column_count; i++) {
        const struct df_funnel_cohort_column *expected = &writer->columns[i],
                                             *found = df_funnel_cohort_column(cohort, i);
        char shown[DF_FUNNEL_SHOWN_BYTES], type[DF_TYPE_TEXT_BYTES], other[DF_TYPE_TEXT_BYTES];
        if (strcmp(expected->name, found->name) == 0 &&
            (same_type(&expected->type, &found->type) || found->type.kind == DF_TYPE_NULL))
            continue;
        return df_error_set(error, DF_ERROR_INVALID,
                            "funnel.export: the column '%s' is %s in some files and %s in others; one exported file "
                            "cannot hold both: export the files apart",
                            df_funnel_shown(df_slice_text(expected->name), shown), df_type_text(&expected->type, type),
                            df_type_text(&found->type, other));
    }
    return 0;
}

static int flush(struct df_funnel_export_writer *writer, struct df_error *error)
{
    if (df_buf_failed(&writer->text))
        return df_error_no_memory(error, "writing an export");
    if (writer->text.size && df_store_upload_write(writer->upload, df_buf_slice(&writer->text), error) < 0)
        return -1;
    df_buf_clear(&writer->text);
    return 0;
}

/* A column without any value in these files is null in every row; its values are empty slices, which are zeros and as
 * wide as the widest kind, so that they stand for values of every kind. */
static int put_parquet(struct df_funnel_export_writer *writer, const struct df_funnel_cohort *cohort,
                       const struct df_vector *vectors, uint32_t rows, struct df_error *error)
{
    struct df_vector *fitting = calloc(writer->column_count, sizeof *fitting);
    if (!fitting)
        return df_error_no_memory(error, "writing an export");
    for (uint32_t i = 0; i < writer->column_count; i++) {
        fitting[i] = vectors[i];
        if (df_funnel_cohort_column(cohort, i)->type.kind == DF_TYPE_NULL)
            fitting[i].kind = writer->columns[i].kind;
    }
    int status = df_parquet_writer_put(writer->parquet, fitting, rows, error);
    free(fitting);
    return status;
}

static int put_text(struct df_funnel_export_writer *writer, const struct df_funnel_cohort *cohort,
                    const struct df_vector *vectors, uint32_t rows, struct df_error *error)
{
    for (uint32_t row = 0; row < rows; row++) {
        if (writer->format == DF_FUNNEL_EXPORT_CSV)
            df_funnel_export_put_csv_row(cohort, vectors, row, &writer->text);
        else
            df_funnel_export_put_json_row(cohort, vectors, row, &writer->json, &writer->text);
        if (writer->text.size >= FLUSH_BYTES && flush(writer, error) < 0)
            return -1;
    }
    return 0;
}

int df_funnel_export_put(struct df_funnel_export_writer *writer, struct df_funnel_cohort *cohort,
                         struct df_error *error)
{
    const struct df_vector *vectors;
    uint32_t rows = (uint32_t)df_funnel_cohort_rows(cohort);
    if (check_columns(writer, cohort, error) < 0 || df_funnel_cohort_vectors(cohort, &vectors, error) < 0)
        return -1;
    if (rows == 0)
        return 0;
    writer->rows += rows;
    return writer->format == DF_FUNNEL_EXPORT_PARQUET ? put_parquet(writer, cohort, vectors, rows, error)
                                                      : put_text(writer, cohort, vectors, rows, error);
}

uint64_t df_funnel_export_rows(const struct df_funnel_export_writer *writer)
{
    return writer->rows;
}

/* ---- the end ---- */

int df_funnel_export_commit(struct df_funnel_export_writer *writer, struct df_error *error)
{
    int status = writer->parquet ? df_parquet_writer_finish(writer->parquet, error) : flush(writer, error);
    if (status == 0) {
        struct df_store_upload *upload = writer->upload;
        writer->upload = NULL; /* the commit frees it, whatever comes of it */
        status = df_store_upload_commit(upload, error);
    }
    df_funnel_export_abort(writer);
    return status;
}

void df_funnel_export_abort(struct df_funnel_export_writer *writer)
{
    if (!writer)
        return;
    df_parquet_writer_close(writer->parquet);
    df_store_upload_abort(writer->upload);
    df_buf_dispose(&writer->text);
    for (uint32_t i = 0; i < writer->column_count; i++)
        free(writer->columns[i].name);
    free(writer->columns);
    free(writer);
}
