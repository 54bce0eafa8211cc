#include "format/text/input.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

enum {
    IN_BYTES = 256 * 1024,
    WINDOW_LOG_MAX = 24, /* what every level of zstd but --long and --ultra keeps below */
    GZIP_ANY_WINDOW = 16 + MAX_WBITS,
};

enum packing { UNKNOWN, PLAIN, GZIP, ZSTANDARD };

struct df_text_input {
    struct df_text_source source;
    const char *name;
    enum packing packing;
    uint8_t *bytes; /* owned, IN_BYTES: [begin, end) has come and is not used yet */
    size_t begin, end;
    bool source_ended;
    bool in_member; /* a gzip member or a frame has begun and not ended */
    bool any_member;
    bool zlib_open;
    z_stream zlib;
    ZSTD_DCtx *zstd;
};

int df_text_input_open(struct df_text_input **input, struct df_text_source source, const char *name,
                       struct df_error *error)
{
    *input = NULL;
    struct df_text_input *made = calloc(1, sizeof *made);
    if (made)
        made->bytes = malloc(IN_BYTES);
    if (!made || !made->bytes) {
        free(made);
        return df_error_no_memory(error, "while opening an input");
    }
    made->source = source;
    made->name = name;
    *input = made;
    return 0;
}

void df_text_input_close(struct df_text_input *input)
{
    if (!input)
        return;
    if (input->zlib_open)
        inflateEnd(&input->zlib);
    ZSTD_freeDCtx(input->zstd);
    free(input->bytes);
    free(input);
}

static int fill(struct df_text_input *input, struct df_error *error)
{
    if (input->begin > 0)
        memmove(input->bytes, input->bytes + input->begin, input->end - input->begin);
    input->end -= input->begin;
    input->begin = 0;
    size_t got = 0;
    if (input->source_ended || input->end == IN_BYTES)
        return 0;
    if (input->source.read(input->source.ctx, input->bytes + input->end, IN_BYTES - input->end, &got, error) < 0)
        return -1;
    input->end += got;
    input->source_ended = got == 0;
    return 0;
}

/* ---- which packing it is ---- */

static int open_packing(struct df_text_input *input, struct df_error *error)
{
    if (input->packing == GZIP) {
        input->zlib_open = inflateInit2(&input->zlib, GZIP_ANY_WINDOW) == Z_OK;
        return input->zlib_open ? 0 : df_error_no_memory(error, "while opening a gzip file");
    }
    if (input->packing == ZSTANDARD) {
        input->zstd = ZSTD_createDCtx();
        if (!input->zstd)
            return df_error_no_memory(error, "while opening a Zstandard file");
        ZSTD_DCtx_setParameter(input->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    }
    return 0;
}

static bool begins_with(const struct df_text_input *input, const char *magic, size_t size)
{
    return input->end >= size && memcmp(input->bytes, magic, size) == 0;
}

/* Frames that a decoder passes over stand in front of some files: of pzstd, of seekable ones. */
static bool is_zstandard(const struct df_text_input *input)
{
    bool skippable = input->end >= 4 && (input->bytes[0] & 0xf0) == 0x50 && memcmp(input->bytes + 1, "*M\x18", 3) == 0;
    return skippable || begins_with(input, "\x28\xb5\x2f\xfd", 4);
}

/* What would only be read as a very odd table. */
static int refuse_others(const struct df_text_input *input, struct df_error *error)
{
    static const struct {
        const char *magic;
        size_t size;
        const char *what, *way_out;
    } others[] = {
        {"BZh91AY&SY", 10, "bzip2", "bzip2 -dc FILE | dayfly import -"},
        {"\xfd"
         "7zXZ\0",
         6, "xz", "xz -dc FILE | dayfly import -"},
        {"\x04\x22\x4d\x18", 4, "lz4", "lz4 -dc FILE | dayfly import -"},
        {"PK\3\4", 4, "a zip archive or a spreadsheet", "unzip -p FILE | dayfly import -"},
        {"PAR1\x15", 5, "Parquet, which queries take as it is", "dayfly repartition makes users whole"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (begins_with(input, others[i].magic, others[i].size))
            return df_error_set(error, DF_ERROR_UNSUPPORTED,
                                "'%s': this is %s, and text is read, plain, gzip or Zstandard: %s", input->name,
                                others[i].what, others[i].way_out);
    return 0;
}

static int find_packing(struct df_text_input *input, struct df_error *error)
{
    enum { MAGIC_BYTES = 10 };
    while (!input->source_ended && input->end < MAGIC_BYTES)
        if (fill(input, error) < 0)
            return -1;
    input->packing = PLAIN;
    if (begins_with(input, "\x1f\x8b", 2))
        input->packing = GZIP;
    else if (is_zstandard(input))
        input->packing = ZSTANDARD;
    else if (refuse_others(input, error) < 0)
        return -1;
    return open_packing(input, error);
}

/* ---- one step of each ---- */

static size_t pass(struct df_text_input *input, uint8_t *to, size_t capacity)
{
    size_t size = input->end - input->begin < capacity ? input->end - input->begin : capacity;
    memcpy(to, input->bytes + input->begin, size);
    input->begin += size;
    return size;
}

static int inflate_some(struct df_text_input *input, uint8_t *to, size_t capacity, size_t *got, struct df_error *error)
{
    z_stream *zlib = &input->zlib;
    if (capacity > UINT_MAX)
        capacity = UINT_MAX;
    zlib->next_in = input->bytes + input->begin;
    zlib->avail_in = (uInt)(input->end - input->begin);
    zlib->next_out = to;
    zlib->avail_out = (uInt)capacity;
    input->in_member = true;
    int status = inflate(zlib, Z_NO_FLUSH);
    input->begin = input->end - zlib->avail_in;
    *got = capacity - zlib->avail_out;
    if (status == Z_STREAM_END) {
        input->in_member = false;
        input->any_member = true;
        return inflateReset(zlib) == Z_OK ? 0 : df_error_no_memory(error, "while reading a gzip file");
    }
    if (status == Z_OK || status == Z_BUF_ERROR)
        return 0;
    if (status == Z_MEM_ERROR)
        return df_error_no_memory(error, "while reading a gzip file");
    return df_error_set(error, DF_ERROR_CORRUPT, "'%s': damaged gzip: %s", input->name,
                        zlib->msg ? zlib->msg : "it wants a dictionary");
}

static int unzstd_some(struct df_text_input *input, uint8_t *to, size_t capacity, size_t *got, struct df_error *error)
{
    ZSTD_inBuffer in = {.src = input->bytes + input->begin, .size = input->end - input->begin};
    ZSTD_outBuffer out = {.dst = to, .size = capacity};
    size_t status = ZSTD_decompressStream(input->zstd, &out, &in);
    if (ZSTD_isError(status))
        return df_error_set(error, DF_ERROR_CORRUPT, "'%s': damaged Zstandard, or a window above 16 MiB: %s",
                            input->name, ZSTD_getErrorName(status));
    input->begin += in.pos;
    input->in_member = status != 0;
    input->any_member = true;
    *got = out.pos;
    return 0;
}

static bool all_zero(const struct df_text_input *input)
{
    for (size_t i = input->begin; i < input->end; i++)
        if (input->bytes[i] != 0)
            return false;
    return true;
}

static int unpack_some(struct df_text_input *input, uint8_t *to, size_t capacity, size_t *got, struct df_error *error)
{
    /* tar and tapes fill the last block with zeros, which gunzip passes over too. */
    if (input->packing == GZIP && input->any_member && !input->in_member && all_zero(input)) {
        input->begin = input->end;
        return 0;
    }
    return input->packing == GZIP ? inflate_some(input, to, capacity, got, error)
                                  : unzstd_some(input, to, capacity, got, error);
}

int df_text_input_read(struct df_text_input *input, uint8_t *to, size_t capacity, size_t *got, struct df_error *error)
{
    *got = 0;
    if (input->packing == UNKNOWN && find_packing(input, error) < 0)
        return -1;
    for (;;) {
        size_t left = input->end - input->begin;
        if (left == 0 && !input->source_ended && fill(input, error) < 0)
            return -1;
        left = input->end - input->begin;
        if (left == 0 && !input->source_ended)
            continue;
        if (input->packing == PLAIN) {
            *got = pass(input, to, capacity);
            return 0;
        }
        if (left == 0 && !input->in_member)
            return 0;
        if (unpack_some(input, to, capacity, got, error) < 0)
            return -1;
        if (*got > 0)
            return 0;
        if (left == 0)
            return df_error_set(error, DF_ERROR_CORRUPT, "'%s': the compressed data is cut: it ends in the middle",
                                input->name);
    }
}
