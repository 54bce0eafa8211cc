/* Partial: | version (1) | varint: rows | varint: without user | varint: bytes of records | digest (8) |
 *            varint: sections | varint: rows of each |
 * Detail:  | per further file: text: uri | text: etag | varint: bytes |      text: varint: bytes, bytes */
#include "engine/funnel/repartition/scatter.h"

#include <stdlib.h>

#include "base/hash.h"
#include "engine/funnel/rows/batch.h"
#include "engine/funnel/rows/columns.h"
#include "engine/funnel/rows/pile.h"

enum { PARTIAL_VERSION = 1, RECORD_ROOM_KEPT = 1024 * 1024 };

/* ---- codecs ---- */

static void put_text(struct df_buf *out, const char *text)
{
    size_t size = strlen(text);
    df_buf_put_varint(out, size);
    df_buf_put(out, text, size);
}

void df_repartition_files_put(const struct df_repartition_file *files, uint32_t count, struct df_buf *detail)
{
    for (uint32_t i = 0; i < count; i++) {
        put_text(detail, files[i].uri);
        put_text(detail, files[i].etag);
        df_buf_put_varint(detail, files[i].size_bytes);
    }
}

static bool take_text(struct df_cursor *cursor, struct df_arena *arena, const char **out)
{
    uint64_t size;
    struct df_slice text;
    if (!df_cursor_take_varint(cursor, &size) || size > df_cursor_left(cursor) ||
        !df_cursor_take_bytes(cursor, (size_t)size, &text) || (size && memchr(text.data, 0, text.size)))
        return false;
    *out = df_arena_text(arena, text);
    return *out != NULL;
}

static void put_partial(const struct df_repartition_scattered *done, uint32_t sections, struct df_buf *out)
{
    df_buf_put_u8(out, PARTIAL_VERSION);
    df_buf_put_varint(out, done->rows);
    df_buf_put_varint(out, done->rows_without_user);
    df_buf_put_varint(out, done->record_bytes);
    df_buf_put_u64le(out, done->digest);
    df_buf_put_varint(out, sections);
    for (uint32_t i = 0; i < sections; i++)
        df_buf_put_varint(out, done->section_rows[i]);
}

int df_repartition_scattered_add(struct df_slice blob, uint32_t sections, struct df_repartition_scattered *sum,
                                 struct df_error *error)
{
    struct df_cursor cursor = df_cursor_make(blob);
    struct df_repartition_scattered part;
    uint8_t version;
    uint64_t count, rows;
    bool sound = df_cursor_take_u8(&cursor, &version) && version == PARTIAL_VERSION &&
                 df_cursor_take_varint(&cursor, &part.rows) &&
                 df_cursor_take_varint(&cursor, &part.rows_without_user) &&
                 df_cursor_take_varint(&cursor, &part.record_bytes) && df_cursor_take_u64le(&cursor, &part.digest) &&
                 df_cursor_take_varint(&cursor, &count) && count == sections;
    for (uint32_t i = 0; sound && i < sections; i++) {
        sound = df_cursor_take_varint(&cursor, &rows);
        sum->section_rows[i] += sound ? rows : 0;
    }
    if (!sound)
        return df_error_set(error, DF_ERROR_CORRUPT, "the count of a part's rows is damaged");
    sum->rows += part.rows;
    sum->rows_without_user += part.rows_without_user;
    sum->record_bytes += part.record_bytes;
    sum->digest += part.digest;
    return 0;
}

/* ---- one file ---- */

/* All that a part needs, and what it has of the file that is being read. */
struct scatter {
    struct df_task *task;
    const struct df_part *part;
    const struct df_repartition_layout *layout;
    struct df_arena arena;
    struct df_repartition_scattered done;
    struct df_buf record;
    uint64_t bytes_read;
    struct df_funnel_users_room *users; /* owned, as all below */
    uint64_t *hashes;
    struct df_repartition_origin *origins; /* per column of the request */
    uint32_t *leaves, *leaf_columns;       /* leaf columns of the file that are read, and whose they are */
    uint32_t leaf_count;
    struct df_parquet_file *file;
    const char *uri;
};

static int no_memory(struct df_error *error)
{
    return df_error_no_memory(error, "writing rows into sections");
}

static int open_file(struct scatter *scatter, const struct df_repartition_file *file, struct df_error *error)
{
    struct df_task *task = scatter->task;
    struct df_parquet_open open = {.store = task->store,
                                   .uri = file->uri,
                                   .etag = file->etag,
                                   .size_bytes = file->size_bytes,
                                   .budget = task->budget,
                                   .deadline = task->deadline,
                                   .cancelled = task->cancelled};
    scatter->uri = file->uri;
    if (df_parquet_file_open(&scatter->file, &open, error) == 0)
        return 0;
    scatter->file = NULL;
    return -1;
}

/* A column that the file does not have: its directories say what it is, else nobody. */
static struct df_repartition_origin origin_elsewhere(const struct df_repartition_column *column,
                                                     const struct df_funnel_directories *directories)
{
    struct df_repartition_origin origin = {.null = true};
    for (uint32_t i = 0; i < directories->count; i++) {
        const struct df_funnel_directory *directory = &directories->items[i];
        if (strcmp(directory->name, column->name) != 0)
            continue;
        origin.text = directory->value;
        origin.null = !directory->value.data;
        if (!origin.null && column->type.kind == DF_TYPE_INT64)
            origin.null = !df_funnel_directory_integer(directory->value, &origin.number);
    }
    return origin;
}

static int find_columns(struct scatter *scatter, struct df_error *error)
{
    const struct df_repartition_request *request = scatter->layout->request;
    struct df_funnel_directories *directories = df_arena_alloc(&scatter->arena, sizeof *directories);
    if (!directories)
        return no_memory(error);
    if (df_funnel_directories_parse(scatter->uri, &scatter->arena, directories, error) < 0)
        return -1;
    scatter->leaf_count = 0;
    for (uint32_t i = 0; i < request->column_count; i++) {
        const struct df_repartition_column *column = &request->columns[i];
        int64_t leaf = df_parquet_column_find(scatter->file, column->name);
        if (leaf < 0) {
            scatter->origins[i] = origin_elsewhere(column, directories);
            continue;
        }
        const struct df_type *type = &df_parquet_column(scatter->file, (uint32_t)leaf)->type;
        scatter->origins[i] = (struct df_repartition_origin){.null = type->kind == DF_TYPE_NULL};
        scatter->leaves[scatter->leaf_count] = (uint32_t)leaf;
        scatter->leaf_columns[scatter->leaf_count++] = i;
    }
    return 0;
}

/* Vectors hold what the coordinator has seen in the footer, or the file is another one. */
static int set_vectors(struct scatter *scatter, const struct df_vector *vectors, struct df_error *error)
{
    for (uint32_t i = 0; i < scatter->leaf_count; i++) {
        const struct df_repartition_column *column = &scatter->layout->request->columns[scatter->leaf_columns[i]];
        struct df_repartition_origin *origin = &scatter->origins[scatter->leaf_columns[i]];
        const struct df_type *type = &df_parquet_column(scatter->file, scatter->leaves[i])->type;
        bool list = vectors[i].kind == DF_VECTOR_LIST;
        bool fits = df_funnel_vector_fits(&vectors[i], type) &&
                    (origin->null ? !list || column->type.list
                                  : type->list == column->type.list &&
                                        df_vector_kind_of(type) == df_vector_kind_of(&column->type) &&
                                        df_vector_element_kind_of(type) == df_vector_element_kind_of(&column->type));
        if (!fits)
            return df_error_set(error, DF_ERROR_CONFLICT, "%s: column '%s' has another type than when it was looked at",
                                scatter->uri, column->name);
        origin->vector = &vectors[i];
    }
    return 0;
}

static int hash_users(struct scatter *scatter, uint32_t rows, const uint8_t **valid, struct df_error *error)
{
    const struct df_repartition_request *request = scatter->layout->request;
    const struct df_repartition_origin *origin = &scatter->origins[request->user_at];
    struct df_type type = request->columns[request->user_at].type;
    struct df_funnel_keys keys = {.kind = request->kind, .count = rows};
    if (origin->vector) {
        type.kind = origin->null ? DF_TYPE_NULL : type.kind;
        if (!df_funnel_batch_users(origin->vector, &type, request->kind, scatter->users, &keys))
            return df_error_set(error, DF_ERROR_INTERNAL, "%s: users of an unknown kind", scatter->uri);
    } else {
        for (uint32_t i = 0; i < rows; i++) {
            scatter->users->numbers[i] = origin->number;
            scatter->users->bytes[i] = origin->text;
            scatter->users->valid[i] = !origin->null;
        }
        keys.numbers = scatter->users->numbers;
        keys.bytes = scatter->users->bytes;
        keys.valid = scatter->users->valid;
    }
    /* A column that is always null comes as numbers whatever the kind, and has nothing to hash. */
    if (keys.kind != DF_FUNNEL_KEY_BYTES || keys.bytes)
        df_funnel_keys_hash(&keys, scatter->hashes);
    *valid = keys.valid;
    return 0;
}

static int put_rows(struct scatter *scatter, uint32_t rows, struct df_error *error)
{
    const uint8_t *valid = NULL;
    struct df_repartition_scattered *done = &scatter->done;
    if (hash_users(scatter, rows, &valid, error) < 0)
        return -1;
    for (uint32_t row = 0; row < rows; row++) {
        bool user = !valid || valid[row];
        uint32_t section = user ? df_funnel_section_of(scatter->hashes[row], scatter->task->sections) : 0;
        df_buf_clear(&scatter->record);
        df_repartition_record_put(scatter->layout, scatter->origins, row, &scatter->record);
        if (df_buf_failed(&scatter->record))
            return no_memory(error);
        struct df_slice record = df_buf_slice(&scatter->record);
        if (df_task_section_write(scatter->task, scatter->part, section, record, error) < 0)
            return -1;
        done->digest += df_hash_bytes(record);
        done->record_bytes += record.size;
        done->rows_without_user += !user;
        done->section_rows[section]++;
    }
    done->rows += rows;
    if (scatter->record.capacity > RECORD_ROOM_KEPT)
        df_buf_dispose(&scatter->record);
    return 0;
}

static int scan(struct scatter *scatter, uint32_t row_group_begin, uint32_t row_group_end, struct df_error *error)
{
    struct df_task *task = scatter->task;
    const struct df_parquet_scan_options options = {.columns = scatter->leaves,
                                                    .column_count = scatter->leaf_count,
                                                    .row_group_begin = row_group_begin,
                                                    .row_group_end = row_group_end,
                                                    .budget = task->budget,
                                                    .deadline = task->deadline,
                                                    .cancelled = task->cancelled};
    struct df_parquet_scan *open;
    const struct df_vector *vectors;
    uint32_t rows;
    int more;
    if (df_parquet_scan_open(&open, scatter->file, &options, error) < 0)
        return -1;
    while ((more = df_parquet_scan_next(open, &vectors, &rows, error)) > 0) {
        if (df_task_check(task, error) < 0 || set_vectors(scatter, vectors, error) < 0 ||
            put_rows(scatter, rows, error) < 0) {
            more = -1;
            break;
        }
    }
    scatter->bytes_read += df_parquet_scan_bytes_read(open);
    df_parquet_scan_close(open);
    return more;
}

/* row_group_end 0: all of them. */
static int scatter_file(struct scatter *scatter, const struct df_repartition_file *file, uint64_t row_group_begin,
                        uint64_t row_group_end, struct df_error *error)
{
    if (open_file(scatter, file, error) < 0)
        return -1;
    uint32_t count = df_parquet_row_group_count(scatter->file);
    uint64_t end = row_group_end ? row_group_end : count;
    int result = end > count ? df_error_set(error, DF_ERROR_CONFLICT,
                                            "%s has fewer row groups than when it was looked at", file->uri)
                             : find_columns(scatter, error);
    if (result == 0)
        result = scan(scatter, (uint32_t)row_group_begin, (uint32_t)end, error);
    df_parquet_file_close(scatter->file);
    scatter->file = NULL;
    return result;
}

/* ---- a part ---- */

static int scatter_more(struct scatter *scatter, struct df_error *error)
{
    struct df_cursor cursor = df_cursor_make(scatter->part->detail);
    int result = 0;
    while (result == 0 && df_cursor_left(&cursor) > 0) {
        struct df_repartition_file file;
        if (!take_text(&cursor, &scatter->arena, &file.uri) || !take_text(&cursor, &scatter->arena, &file.etag) ||
            !df_cursor_take_varint(&cursor, &file.size_bytes))
            return df_error_set(error, DF_ERROR_CORRUPT, "the list of files of a part is damaged");
        result = scatter_file(scatter, &file, 0, 0, error);
    }
    return result;
}

static int prepare(struct scatter *scatter, struct df_error *error)
{
    size_t columns = scatter->layout->request->column_count;
    scatter->done.section_rows = calloc(scatter->task->sections, sizeof *scatter->done.section_rows);
    scatter->users = malloc(sizeof *scatter->users);
    scatter->hashes = calloc(DF_PARQUET_BATCH_ROWS, sizeof *scatter->hashes);
    scatter->origins = calloc(columns, sizeof *scatter->origins);
    scatter->leaves = calloc(columns, sizeof *scatter->leaves);
    scatter->leaf_columns = calloc(columns, sizeof *scatter->leaf_columns);
    return scatter->done.section_rows && scatter->users && scatter->hashes && scatter->origins && scatter->leaves &&
                   scatter->leaf_columns
               ? 0
               : no_memory(error);
}

static void dispose(struct scatter *scatter)
{
    free(scatter->done.section_rows);
    free(scatter->users);
    free(scatter->hashes);
    free(scatter->origins);
    free(scatter->leaves);
    free(scatter->leaf_columns);
    df_buf_dispose(&scatter->record);
    df_arena_dispose(&scatter->arena);
}

int df_repartition_scatter(struct df_task *task, const struct df_part *part, const struct df_repartition_layout *layout,
                           struct df_partial *partial, struct df_error *error)
{
    struct scatter scatter = {.task = task, .part = part, .layout = layout};
    struct df_repartition_file first = {.uri = part->uri, .etag = part->etag, .size_bytes = part->size_bytes};
    if (task->sections == 0)
        return df_error_set(error, DF_ERROR_INTERNAL, "a part that writes sections came without their number");
    int result = prepare(&scatter, error);
    if (result == 0)
        result = scatter_file(&scatter, &first, part->range_begin, part->range_end, error);
    if (result == 0)
        result = scatter_more(&scatter, error);
    if (result == 0) {
        put_partial(&scatter.done, task->sections, &partial->blob);
        partial->stats.rows_scanned = scatter.done.rows;
        partial->stats.bytes_read = scatter.bytes_read;
        if (df_buf_failed(&partial->blob))
            result = no_memory(error);
    }
    dispose(&scatter);
    return result;
}
