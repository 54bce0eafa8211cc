/* HTTP messages: a stream gives the same messages, or the same failure, however it is cut.
 *
 *     first byte: even requests, odd responses │ 3 bytes: where to cut │ the stream */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "net/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_http: %s\n", what);
        abort();
    }
}

/* What came out, written down; pieces of a body are joined, since cuts may move them. */
struct record {
    struct df_buf text;
    bool failed;
    enum df_error_kind kind;
    unsigned status;
    uint64_t body_bytes;
};

static int on_head(void *ctx, const struct df_http_head *head, struct df_error *error)
{
    (void)error;
    struct record *record = ctx;
    df_buf_printf(&record->text, "<%.*s %.*s %u %d%d%d%d %llu>", DF_SLICE_ARG(head->method), DF_SLICE_ARG(head->target),
                  head->status, head->keep_alive, head->version_11, head->chunked, head->has_length,
                  (unsigned long long)head->length_bytes);
    for (size_t i = 0; i < head->fields.count; i++) {
        const struct df_http_field *field = &head->fields.items[i];
        require(!memchr(field->value.data, '\n', field->value.size), "a field with a line feed");
        df_buf_printf(&record->text, "%.*s=%.*s;", DF_SLICE_ARG(field->name), DF_SLICE_ARG(field->value));
    }
    require(!(head->chunked && head->has_length), "a length beside a coding");
    return 0;
}

static int on_body(void *ctx, struct df_slice piece, struct df_error *error)
{
    (void)error;
    struct record *record = ctx;
    record->body_bytes += piece.size;
    df_buf_put_slice(&record->text, piece);
    return 0;
}

static int on_end(void *ctx, const struct df_http_fields *trailers, struct df_error *error)
{
    (void)error;
    struct record *record = ctx;
    df_buf_put_text(&record->text, "<end>");
    for (size_t i = 0; trailers && i < trailers->count; i++)
        df_buf_printf(&record->text, "%.*s=%.*s;", DF_SLICE_ARG(trailers->items[i].name),
                      DF_SLICE_ARG(trailers->items[i].value));
    return 0;
}

static void feed(struct df_http_reader *reader, struct df_slice piece, struct record *record)
{
    struct df_error error = {0};
    while (!record->failed && piece.size) {
        size_t used = 0;
        if (df_http_reader_feed(reader, piece, &used, &error) != 0) {
            record->failed = true;
            record->kind = error.kind;
            record->status = df_http_reader_status(reader);
            require(error.kind == DF_ERROR_CORRUPT || error.kind == DF_ERROR_TOO_LARGE, "a failure of another kind");
            return;
        }
        require(used > 0 && used <= piece.size, "nothing taken, or more than there is");
        piece = df_slice_make(piece.data + used, piece.size - used);
    }
}

static void read_stream(struct df_slice stream, enum df_http_side side, size_t step, struct record *record)
{
    static const struct df_http_limits limits = {.head_bytes = 512, .field_count = 8, .body_bytes = 300};
    struct df_http_reader_events events = {.on_head = on_head, .on_body = on_body, .on_end = on_end, .ctx = record};
    struct df_http_reader *reader;
    struct df_error error = {0};
    *record = (struct record){0};
    if (df_http_reader_create(&reader, side, &limits, &events, &error) != 0)
        return;
    for (size_t at = 0; at < stream.size && !record->failed;) {
        size_t size = step ? step : stream.size;
        /* A copy of its own, so that a byte beyond it is seen. */
        size = size < stream.size - at ? size : stream.size - at;
        uint8_t *copy = malloc(size);
        require(copy != NULL, "memory");
        memcpy(copy, stream.data + at, size);
        feed(reader, df_slice_make(copy, size), record);
        free(copy);
        at += size;
    }
    if (!record->failed && df_http_reader_close(reader, &error) != 0) {
        record->failed = true;
        record->kind = error.kind;
    }
    df_http_reader_free(reader);
}

static void compare(const struct record *a, const struct record *b)
{
    require(a->failed == b->failed, "cut otherwise it fails, or does not");
    require(a->kind == b->kind && a->status == b->status, "cut otherwise it fails otherwise");
    /* How much of a body was handed over before a failure depends on the cut. */
    size_t common = a->text.size < b->text.size ? a->text.size : b->text.size;
    require(a->failed || a->text.size == b->text.size, "cut otherwise it gives more or less");
    require(common == 0 || memcmp(a->text.data, b->text.data, common) == 0, "cut otherwise it gives something else");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    enum df_http_side side = data[0] % 2 == 0 ? DF_HTTP_REQUESTS : DF_HTTP_RESPONSES;
    struct df_slice stream = df_slice_make(data + 4, size - 4);
    struct record whole, cut;
    read_stream(stream, side, 0, &whole);
    for (size_t i = 0; i < 4; i++) {
        read_stream(stream, side, i == 0 ? 1 : (size_t)data[i] % 64 + 1, &cut);
        compare(&whole, &cut);
        df_buf_dispose(&cut.text);
    }
    df_buf_dispose(&whole.text);
    return 0;
}
