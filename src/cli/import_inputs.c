/* What is imported: objects of the store, and pipes, which can be read once only and so are copied to the temporary
 * folder first. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/import.h"
#include "format/text/input.h"
#include "store/glob.h"

enum {
    CHUNK_BYTES = 4 * 1024 * 1024, /* of one read: a remote store answers each after some milliseconds */
    SPOOL_BYTES = 256 * 1024,
    POLL_MS = 100, /* how soon Ctrl-C is seen while a pipe says nothing */
    SNIFF_BYTES = 4096,
};

struct df_import_reading {
    struct df_import *import;
    const struct df_import_input *input;
    uint64_t position; /* of what has been fetched */
    uint8_t *chunk;    /* owned */
    size_t begin, end, capacity;
};

/* ---- reading an input ---- */

static size_t chunk_bytes(const struct df_import *import)
{
    size_t share = import->plan.memory_bytes / 16;
    return share < CHUNK_BYTES ? share : CHUNK_BYTES;
}

uint64_t df_import_chunk_count(const struct df_import *import)
{
    uint64_t count = 0, chunk = chunk_bytes(import);
    for (size_t i = 0; i < import->input_count; i++)
        count += import->inputs[i].size_bytes / chunk + (import->inputs[i].size_bytes % chunk > 0);
    return count ? count : 1;
}

static int fetch(struct df_import_reading *reading, struct df_error *error)
{
    const struct df_import_input *input = reading->input;
    struct df_import *import = reading->import;
    uint64_t left = input->size_bytes - reading->position;
    size_t size = left < reading->capacity ? (size_t)left : reading->capacity;
    struct df_read_item item = {
        .uri = input->name, .etag = input->etag, .offset = reading->position, .size_bytes = size};
    if (df_import_interrupted(import, error) < 0)
        return -1;
    int result =
        input->spool
            ? df_spill_read(input->spool, input->spool_offset + reading->position, reading->chunk, size, error)
            : df_store_read_into(import->store, &item, df_deadline_never(), import->interrupted, reading->chunk, error);
    if (result < 0)
        return -1;
    reading->position += size;
    reading->begin = 0;
    reading->end = size;
    atomic_fetch_add(&import->progress.bytes, size);
    atomic_fetch_add(&import->progress.parts_done, 1);
    if (import->line.fd >= 0)
        df_progress_draw(&import->line, &import->progress);
    return 0;
}

static int read_bytes(void *ctx, uint8_t *to, size_t capacity, size_t *got, struct df_error *error)
{
    struct df_import_reading *reading = ctx;
    if (reading->begin == reading->end && reading->position < reading->input->size_bytes && fetch(reading, error) < 0)
        return -1;
    size_t left = reading->end - reading->begin;
    *got = left < capacity ? left : capacity;
    memcpy(to, reading->chunk + reading->begin, *got);
    reading->begin += *got;
    return 0;
}

static int open_reading(struct df_import *import, const struct df_import_input *input,
                        struct df_import_reading **reading, struct df_error *error)
{
    struct df_import_reading *made = calloc(1, sizeof *made);
    *reading = NULL;
    if (!made)
        return df_error_no_memory(error, "while opening an input");
    *made = (struct df_import_reading){.import = import, .input = input, .capacity = chunk_bytes(import)};
    made->chunk = malloc(made->capacity);
    if (!made->chunk) {
        free(made);
        return df_error_no_memory(error, "while opening an input");
    }
    *reading = made;
    return 0;
}

/* A row of more than a 16th of the memory is more likely a quote that was never closed. */
static size_t record_bytes(const struct df_import *import)
{
    enum { LEAST = 1024 * 1024, MOST = 32 * 1024 * 1024 };
    size_t share = import->plan.memory_bytes / 16;
    return share < LEAST ? LEAST : share > MOST ? MOST : share;
}

int df_import_open_input(struct df_import *import, size_t index, struct df_import_reading **reading,
                         struct df_text_reader **reader, struct df_error *error)
{
    const struct df_import_input *input = &import->inputs[index];
    *reader = NULL;
    if (open_reading(import, input, reading, error) < 0)
        return -1;
    struct df_text_options options = {.format = input->format,
                                      .delimiter = input->delimiter,
                                      .no_header = import->plan.no_header,
                                      .trim = import->plan.trim,
                                      .nulls = import->plan.nulls,
                                      .null_count = import->plan.null_count,
                                      .record_bytes = record_bytes(import),
                                      .name = input->name,
                                      .source = {.read = read_bytes, .ctx = *reading}};
    if (df_text_reader_open(reader, &options, error) == 0)
        return 0;
    df_import_close_input(*reading, NULL);
    *reading = NULL;
    return -1;
}

void df_import_close_input(struct df_import_reading *reading, struct df_text_reader *reader)
{
    df_text_reader_close(reader);
    if (reading)
        free(reading->chunk);
    free(reading);
}

/* ---- formats ---- */

static bool ends_with(struct df_slice name, const char *end)
{
    size_t size = strlen(end);
    return name.size > size && memcmp(name.data + name.size - size, end, size) == 0;
}

/* NULL: the name says nothing. */
static const char *format_of_name(const char *text)
{
    static const char *const known[][2] = {{".csv", "csv"},       {".tsv", "tsv"},      {".tab", "tsv"},
                                           {".ndjson", "ndjson"}, {".jsonl", "ndjson"}, {".json", "ndjson"}};
    static const char *const packed[] = {".gz", ".gzip", ".zst", ".zstd"};
    struct df_slice name = df_slice_text(text);
    for (size_t i = 0; i < sizeof packed / sizeof *packed; i++)
        if (ends_with(name, packed[i])) {
            name.size -= strlen(packed[i]);
            break;
        }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (ends_with(name, known[i][0]))
            return known[i][1];
    return NULL;
}

/* An object in front means NDJSON. */
static int format_of_content(struct df_import *import, const struct df_import_input *input, const char **format,
                             struct df_error *error)
{
    struct df_import_reading *reading;
    struct df_text_input *unpacked = NULL;
    uint8_t bytes[SNIFF_BYTES];
    size_t size = 0, at = 0;
    if (open_reading(import, input, &reading, error) < 0)
        return -1;
    struct df_text_source source = {.read = read_bytes, .ctx = reading};
    int result = df_text_input_open(&unpacked, source, input->name, error);
    if (result == 0)
        result = df_text_input_read(unpacked, bytes, sizeof bytes, &size, error);
    df_text_input_close(unpacked);
    df_import_close_input(reading, NULL);
    at = size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    while (at < size && bytes[at] != '\0' && strchr(" \t\r\n", bytes[at]))
        at++;
    *format = at < size && bytes[at] == '{' ? "ndjson" : "csv";
    return result;
}

static int set_format(struct df_import *import, struct df_import_input *input, struct df_error *error)
{
    const char *format = import->plan.format ? import->plan.format : format_of_name(input->name);
    if (!format && format_of_content(import, input, &format, error) < 0)
        return -1;
    input->format = strcmp(format, "ndjson") == 0 ? DF_TEXT_NDJSON : DF_TEXT_CSV;
    input->delimiter = strcmp(format, "tsv") == 0 ? '\t' : ',';
    if (import->plan.delimiter)
        input->delimiter = import->plan.delimiter;
    return 0;
}

/* ---- the list ---- */

static struct df_import_input *add_input(struct df_import *import, const char *name, struct df_error *error)
{
    struct df_import_input *grown = realloc(import->inputs, (import->input_count + 1) * sizeof *grown);
    if (grown)
        import->inputs = grown;
    char *copy = strdup(name);
    if (!grown || !copy) {
        free(copy);
        df_error_no_memory(error, "listing inputs");
        return NULL;
    }
    struct df_import_input *input = &import->inputs[import->input_count++];
    *input = (struct df_import_input){.name = copy};
    return input;
}

static bool is_known(const struct df_import *import, const char *uri)
{
    for (size_t i = 0; i < import->input_count; i++)
        if (strcmp(import->inputs[i].name, uri) == 0)
            return true;
    return false;
}

static int add_object(struct df_import *import, const struct df_object *object, struct df_error *error)
{
    if (is_known(import, object->uri))
        return 0;
    struct df_import_input *input = add_input(import, object->uri, error);
    if (!input)
        return -1;
    memcpy(input->etag, object->etag, sizeof input->etag);
    input->size_bytes = object->size_bytes;
    return 0;
}

/* Of a folder the files whose names say what they are; of a name or a glob each. */
static int add_objects(struct df_import *import, const char *operand, struct df_error *error)
{
    struct df_list_options options = {.recursive = true, .cancelled = import->interrupted};
    struct df_store_listing *listing;
    struct df_object object;
    bool is_glob = df_glob_is_pattern(df_slice_text(operand));
    size_t before = import->input_count, others = 0;
    if (df_store_list_open(import->store, operand, &options, &listing, error) < 0)
        return -1;
    int more;
    while ((more = df_store_list_next(listing, &object, error)) > 0) {
        bool named = is_glob || strcmp(object.uri, operand) == 0;
        if (!named && !import->plan.format && !format_of_name(object.uri))
            others++;
        else if (add_object(import, &object, error) < 0)
            more = -1;
        if (more < 0)
            break;
    }
    df_store_list_close(listing);
    if (more == 0 && import->input_count == before && !is_known(import, operand))
        return df_error_set(error, DF_ERROR_NOT_FOUND,
                            "nothing to import in '%s'%s: of a folder, files ending in .csv, .tsv, .ndjson or .jsonl "
                            "are taken, also with .gz or .zst behind (--format takes them all)",
                            operand, others > 0 ? ", though there are files" : "");
    return more;
}

/* ---- pipes ---- */

static int spool_piece(struct df_import_input *input, struct df_slice piece, struct df_error *error)
{
    uint64_t offset;
    if (df_spill_reserve(input->spool, piece.size, &offset, error) < 0)
        return -1;
    if (input->size_bytes == 0)
        input->spool_offset = offset; /* pieces follow one another: nobody else reserves in this file */
    input->size_bytes += piece.size;
    return df_spill_write(input->spool, offset, piece, error);
}

static int spool_all(struct df_import *import, struct df_import_input *input, int fd, struct df_error *error)
{
    uint8_t *bytes = malloc(SPOOL_BYTES);
    ssize_t got = bytes ? 1 : -1;
    int result = bytes ? 0 : df_error_no_memory(error, "reading a pipe");
    while (result == 0 && got > 0) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        result = df_import_interrupted(import, error);
        if (result < 0 || poll(&ready, 1, POLL_MS) <= 0)
            continue;
        got = read(fd, bytes, SPOOL_BYTES);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            got = 1;
        else if (got < 0)
            result = df_error_set_errno(error, errno, "cannot read '%s'", input->name);
        else if (got > 0)
            result = spool_piece(input, df_slice_make(bytes, (size_t)got), error);
    }
    free(bytes);
    return result;
}

static bool is_pipe(const char *operand)
{
    struct stat status;
    return !strstr(operand, "://") && stat(operand, &status) == 0 &&
           (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode));
}

static int add_pipe(struct df_import *import, const char *operand, struct df_error *error)
{
    bool is_stdin = strcmp(operand, "-") == 0;
    struct df_import_input *input = add_input(import, is_stdin ? "standard input" : operand, error);
    if (!input || df_spill_create(&input->spool, import->plan.temporary_folder, error) < 0)
        return -1;
    int fd = is_stdin ? STDIN_FILENO : open(operand, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return df_error_set_errno(error, errno, "cannot open '%s'", operand);
    int result = spool_all(import, input, fd, error);
    if (!is_stdin)
        close(fd);
    return result;
}

int df_import_find_inputs(struct df_import *import, struct df_error *error)
{
    for (size_t i = 0; i < import->plan.operand_count; i++) {
        const char *operand = import->plan.operands[i];
        bool piped = strcmp(operand, "-") == 0 || is_pipe(operand);
        if (piped && is_known(import, strcmp(operand, "-") == 0 ? "standard input" : operand))
            return df_error_set(error, DF_ERROR_INVALID, "'%s' is given twice, and can be read once", operand);
        if ((piped ? add_pipe(import, operand, error) : add_objects(import, operand, error)) < 0)
            return -1;
    }
    for (size_t i = 0; i < import->input_count; i++)
        if (set_format(import, &import->inputs[i], error) < 0)
            return -1;
    return 0;
}

void df_import_inputs_dispose(struct df_import *import)
{
    for (size_t i = 0; i < import->input_count; i++) {
        df_spill_release(import->inputs[i].spool);
        free(import->inputs[i].name);
    }
    free(import->inputs);
}
