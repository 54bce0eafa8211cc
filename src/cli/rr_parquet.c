#include "cli/rr_parquet.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/parquet/parquet.h"

enum column {
    TIMESTAMP,
    VISITORID,
    EVENT,
    ITEMID,
    TRANSACTIONID,
    CATEGORYID,
    AVAILABLE,
    PRICE,
    CRYPTIC_ATTRS,
    COLUMN_COUNT,
};

/* Plain integers, as the original data set has them: the unit of the time is for the reader to find. */
static const struct df_parquet_write_column columns[COLUMN_COUNT] = {
    [TIMESTAMP] = {.name = "timestamp", .type = {.kind = DF_TYPE_INT64}},
    [VISITORID] = {.name = "visitorid", .type = {.kind = DF_TYPE_INT64}},
    [EVENT] = {.name = "event", .type = {.kind = DF_TYPE_STRING}, .dictionary = true},
    [ITEMID] = {.name = "itemid", .type = {.kind = DF_TYPE_INT64}},
    [TRANSACTIONID] = {.name = "transactionid", .type = {.kind = DF_TYPE_FLOAT}, .optional = true},
    [CATEGORYID] = {.name = "categoryid", .type = {.kind = DF_TYPE_STRING}, .dictionary = true},
    [AVAILABLE] = {.name = "available", .type = {.kind = DF_TYPE_BOOL}},
    [PRICE] = {.name = "price", .type = {.kind = DF_TYPE_FLOAT}, .optional = true},
    [CRYPTIC_ATTRS] = {.name = "cryptic_attrs", .type = {.kind = DF_TYPE_STRING}, .optional = true},
};

/* Some rows turned into columns, and what their dictionaries point at. */
struct batch {
    int64_t timestamps[DF_PARQUET_BATCH_ROWS], visitors[DF_PARQUET_BATCH_ROWS], items[DF_PARQUET_BATCH_ROWS];
    double transactions[DF_PARQUET_BATCH_ROWS], prices[DF_PARQUET_BATCH_ROWS];
    uint32_t events[DF_PARQUET_BATCH_ROWS], categories[DF_PARQUET_BATCH_ROWS];
    uint8_t available[DF_PARQUET_BATCH_ROWS];
    uint8_t has_transaction[DF_PARQUET_BATCH_ROWS], has_price[DF_PARQUET_BATCH_ROWS];
    uint8_t has_attributes[DF_PARQUET_BATCH_ROWS];
    struct df_slice attributes[DF_PARQUET_BATCH_ROWS];
    char attribute_bytes[DF_PARQUET_BATCH_ROWS][DF_RR_ATTRIBUTES_BYTES];

    struct df_slice event_names[DF_RR_EVENT_COUNT], category_names[DF_RR_CATEGORY_COUNT];
    char category_digits[DF_RR_CATEGORY_COUNT][8];
    struct df_dictionary event_dictionary, category_dictionary;
    struct df_vector vectors[COLUMN_COUNT];
};

static void make_dictionaries(struct batch *batch)
{
    for (size_t i = 0; i < DF_RR_EVENT_COUNT; i++)
        batch->event_names[i] = df_slice_text(df_rr_event_names[i]);
    for (unsigned i = 0; i < DF_RR_CATEGORY_COUNT; i++) {
        int size = snprintf(batch->category_digits[i], sizeof batch->category_digits[i], "%u", i);
        batch->category_names[i] = df_slice_make(batch->category_digits[i], (size_t)size);
    }
    batch->event_dictionary = (struct df_dictionary){
        .serial = 1, .count = DF_RR_EVENT_COUNT, .kind = DF_VECTOR_BYTES, .values.bytes = batch->event_names};
    batch->category_dictionary = (struct df_dictionary){
        .serial = 2, .count = DF_RR_CATEGORY_COUNT, .kind = DF_VECTOR_BYTES, .values.bytes = batch->category_names};
}

static void make_vectors(struct batch *batch)
{
    struct df_vector *v = batch->vectors;
    v[TIMESTAMP] = (struct df_vector){.kind = DF_VECTOR_INT64, .values.int64s = batch->timestamps};
    v[VISITORID] = (struct df_vector){.kind = DF_VECTOR_INT64, .values.int64s = batch->visitors};
    v[EVENT] = (struct df_vector){
        .kind = DF_VECTOR_CODES, .values.codes = batch->events, .dictionary = &batch->event_dictionary};
    v[ITEMID] = (struct df_vector){.kind = DF_VECTOR_INT64, .values.int64s = batch->items};
    v[TRANSACTIONID] = (struct df_vector){
        .kind = DF_VECTOR_FLOAT64, .valid = batch->has_transaction, .values.float64s = batch->transactions};
    v[CATEGORYID] = (struct df_vector){
        .kind = DF_VECTOR_CODES, .values.codes = batch->categories, .dictionary = &batch->category_dictionary};
    v[AVAILABLE] = (struct df_vector){.kind = DF_VECTOR_BOOL, .values.bools = batch->available};
    v[PRICE] =
        (struct df_vector){.kind = DF_VECTOR_FLOAT64, .valid = batch->has_price, .values.float64s = batch->prices};
    v[CRYPTIC_ATTRS] =
        (struct df_vector){.kind = DF_VECTOR_BYTES, .valid = batch->has_attributes, .values.bytes = batch->attributes};
}

static void set_row(struct batch *batch, size_t i, const struct df_rr_row *row)
{
    struct df_rr_item item;
    df_rr_item(row->item, &item);
    batch->timestamps[i] = row->timestamp_ms;
    batch->visitors[i] = (int64_t)df_rr_visitor(row);
    batch->events[i] = row->event;
    batch->items[i] = row->item;
    batch->has_transaction[i] = row->transaction >= 0;
    batch->transactions[i] = row->transaction >= 0 ? row->transaction : 0.0;
    batch->categories[i] = item.category;
    batch->available[i] = item.available;
    batch->has_price[i] = item.has_price;
    batch->prices[i] = item.has_price ? item.price_milli / 1000.0 : 0.0;
    batch->has_attributes[i] = item.attributes_size > 0;
    memcpy(batch->attribute_bytes[i], item.attributes, item.attributes_size);
    batch->attributes[i] = df_slice_make(batch->attribute_bytes[i], item.attributes_size);
}

static void set_rows(struct batch *batch, const struct df_rr_row *rows, uint32_t count)
{
    for (size_t i = 0; i < count; i++)
        set_row(batch, i, &rows[i]);
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        batch->vectors[i].row_count = count;
}

/* ---- the file ---- */

struct output {
    struct df_store_upload *upload;
    struct df_progress *progress;
};

static int write_piece(void *ctx, struct df_slice piece, struct df_error *error)
{
    struct output *output = ctx;
    atomic_fetch_add(&output->progress->bytes, piece.size);
    return df_store_upload_write(output->upload, piece, error);
}

static int put_rows(struct df_parquet_writer *writer, struct batch *batch, const struct df_rr_file *file,
                    struct df_progress *progress, const atomic_bool *cancelled, struct df_error *error)
{
    for (size_t done = 0; done < file->row_count;) {
        if (cancelled && atomic_load(cancelled))
            return df_error_set(error, DF_ERROR_CANCELLED, "cancelled while writing '%s'", file->uri);
        size_t left = file->row_count - done;
        uint32_t count = left < DF_PARQUET_BATCH_ROWS ? (uint32_t)left : DF_PARQUET_BATCH_ROWS;
        set_rows(batch, file->rows + done, count);
        if (df_parquet_writer_put(writer, batch->vectors, count, error) < 0)
            return -1;
        atomic_fetch_add(&progress->rows, count);
        done += count;
    }
    return df_parquet_writer_finish(writer, error);
}

static int write_upload(struct output *output, struct batch *batch, const struct df_rr_file *file,
                        const atomic_bool *cancelled, struct df_error *error)
{
    char part[32], rows[32];
    snprintf(part, sizeof part, "%" PRIu64, file->part);
    snprintf(rows, sizeof rows, "%zu", file->row_count);
    const struct df_parquet_key_value whole[] = {{"dayfly.groups", "whole"},
                                                 {"dayfly.groups.column", "visitorid"},
                                                 {"dayfly.groups.writing", file->writing},
                                                 {"dayfly.groups.part", part},
                                                 {"dayfly.groups.rows", rows}};
    struct df_parquet_write_options options = {.columns = columns,
                                               .column_count = COLUMN_COUNT,
                                               .codec = DF_PARQUET_SNAPPY,
                                               .metadata = whole,
                                               .metadata_count = file->writing ? sizeof whole / sizeof *whole : 0};
    struct df_parquet_writer *writer;
    if (df_parquet_writer_open(&writer, &options, write_piece, output, error) < 0)
        return -1;
    int result = put_rows(writer, batch, file, output->progress, cancelled, error);
    df_parquet_writer_close(writer);
    return result;
}

int df_rr_write_parquet(struct df_store *store, const struct df_rr_file *file, struct df_progress *progress,
                        const atomic_bool *cancelled, struct df_error *error)
{
    struct output output = {.progress = progress};
    struct batch *batch = calloc(1, sizeof *batch);
    if (!batch)
        return df_error_no_memory(error, "writing rows");
    make_dictionaries(batch);
    make_vectors(batch);
    int result = df_store_upload_open(store, file->uri, &output.upload, error);
    if (result == 0) {
        result = write_upload(&output, batch, file, cancelled, error);
        if (result == 0)
            result = df_store_upload_commit(output.upload, error);
        else
            df_store_upload_abort(output.upload);
    }
    free(batch);
    return result;
}
