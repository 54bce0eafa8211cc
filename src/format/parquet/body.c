/* What a page holds: its bytes decompressed, its levels and values found, a dictionary decoded. */
#include "base/bytes.h"
#include "format/parquet/codec.h"
#include "format/parquet/column.h"
#include "format/parquet/crc32.h"
#include "format/parquet/names.h"

static int corrupt(const struct df_parquet_reader *reader, struct df_error *error, const char *text)
{
    return df_parquet_reader_fail(reader, error, DF_ERROR_CORRUPT, "%s", text);
}

enum { ALIGNMENT = 8 };

/* Bytes as they were before compression: `data` itself, or in `to`, where what follows the first head_bytes is
 * aligned. */
static int unpack(struct df_parquet_reader *reader, int32_t codec, struct df_slice data, size_t unpacked_bytes,
                  size_t head_bytes, struct df_parquet_buffer *to, struct df_slice *out, struct df_error *error)
{
    enum df_error_kind kind;
    const char *problem = df_parquet_codec_verify(codec, data, unpacked_bytes);
    if (problem)
        return corrupt(reader, error, problem);
    *out = data;
    if (codec == DF_PARQUET_CODEC_UNCOMPRESSED)
        return 0;
    size_t room = unpacked_bytes + ALIGNMENT; /* a page has less than 2^32 bytes */
    if (!df_parquet_buffer_ensure(to, reader->budget, room, 0, 100))
        return df_parquet_reader_memory_refused(reader, error, room);
    uint8_t *place = to->data + (ALIGNMENT - head_bytes % ALIGNMENT) % ALIGNMENT;
    problem = df_parquet_codec_decompress(codec, data, place, unpacked_bytes, &kind);
    if (problem)
        return df_parquet_reader_fail(reader, error, kind, "%s", problem);
    *out = df_slice_make(place, unpacked_bytes);
    return 0;
}

/* ---- dictionaries ---- */

/* The window moves on, the dictionary stays. */
static int keep_bytes(struct df_parquet_reader *reader, struct df_slice *plain, struct df_error *error)
{
    struct df_parquet_buffer *bytes = &reader->dictionary.bytes;
    if (plain->data == bytes->data || reader->leaf->kind != DF_VECTOR_BYTES)
        return 0;
    size_t room = plain->size ? plain->size : 1;
    if (!df_parquet_buffer_ensure(bytes, reader->budget, room, 0, 100))
        return df_parquet_reader_memory_refused(reader, error, room);
    if (plain->size)
        memcpy(bytes->data, plain->data, plain->size);
    plain->data = bytes->data;
    return 0;
}

static int take_dictionary_page(struct df_parquet_reader *reader, const struct df_parquet_page *page,
                                struct df_slice data, struct df_error *error)
{
    struct df_parquet_dictionary *dictionary = &reader->dictionary;
    if (reader->page_index > 0)
        return corrupt(reader, error, "a dictionary that is not the first page of its column");
    if (page->encoding != DF_PARQUET_ENCODING_PLAIN && page->encoding != DF_PARQUET_ENCODING_PLAIN_DICTIONARY)
        return df_parquet_reader_fail(reader, error, DF_ERROR_UNSUPPORTED, "a dictionary in %s is not read",
                                      df_parquet_encoding_feature(page->encoding));
    struct df_slice plain = {0};
    if (unpack(reader, reader->codec, data, page->uncompressed_bytes, 0, &dictionary->bytes, &plain, error) < 0 ||
        keep_bytes(reader, &plain, error) < 0)
        return -1;
    size_t array_bytes = df_parquet_dictionary_array_bytes(reader->leaf, page->value_count, plain.size);
    if (array_bytes == 0)
        return df_parquet_reader_fail(reader, error, DF_ERROR_CORRUPT,
                                      "a dictionary of %u values cannot be in %zu bytes", page->value_count,
                                      plain.size);
    if (!df_parquet_buffer_ensure(&dictionary->values, reader->budget, array_bytes, 0, 100))
        return df_parquet_reader_memory_refused(reader, error, array_bytes);
    enum df_error_kind kind;
    const char *problem = df_parquet_dictionary_decode(dictionary, reader->leaf, page->value_count, plain, &kind);
    if (problem)
        return df_parquet_reader_fail(reader, error, kind, "%s", problem);
    dictionary->entries.serial = ++*reader->serial;
    return 0;
}

/* ---- levels ---- */

static int levels_too_long(const struct df_parquet_reader *reader, struct df_error *error, uint64_t size, size_t have)
{
    return df_parquet_reader_fail(reader, error, DF_ERROR_CORRUPT, "its levels have %llu bytes, the page has %zu",
                                  (unsigned long long)size, have);
}

/* Levels of one kind in a page of version 1: u32 length, then the hybrid; in the oldest files without a length. */
static int take_levels(const struct df_parquet_reader *reader, struct df_parquet_levels *levels, uint8_t maximum,
                       int32_t encoding, uint32_t count, struct df_slice *rest, struct df_error *error)
{
    if (maximum == 0) {
        *levels = (struct df_parquet_levels){0};
        return 0;
    }
    size_t head = 0;
    uint64_t size;
    if (encoding == DF_PARQUET_ENCODING_BIT_PACKED) {
        size = ((uint64_t)count * df_rle_width(maximum) + 7) / 8;
    } else if (encoding == DF_PARQUET_ENCODING_RLE) {
        head = sizeof(uint32_t);
        size = rest->size >= head ? df_load_u32le(rest->data) : 0;
    } else {
        return df_parquet_reader_fail(reader, error, DF_ERROR_CORRUPT, "its levels have %s",
                                      df_parquet_encoding_feature(encoding));
    }
    if (rest->size < head || size > rest->size - head)
        return levels_too_long(reader, error, size, rest->size);
    struct df_slice bytes = df_slice_make(rest->data + head, (size_t)size);
    if (encoding == DF_PARQUET_ENCODING_BIT_PACKED)
        df_parquet_levels_init_bit_packed(levels, bytes, maximum);
    else
        df_parquet_levels_init_rle(levels, bytes, maximum);
    *rest = df_slice_make(bytes.data + bytes.size, rest->size - head - bytes.size);
    return 0;
}

/* Bytes of levels when nothing is null, which is when values are taken where they lie: a length, and one run of one
 * level. */
static size_t likely_head(const struct df_parquet_leaf *leaf, const struct df_parquet_page *page)
{
    if (leaf->definition_max == 0 || leaf->repetition_max > 0)
        return 0;
    size_t varint_bytes = 1;
    for (uint64_t header = (uint64_t)page->value_count << 1; header > 0x7f; header >>= 7)
        varint_bytes++;
    return sizeof(uint32_t) + varint_bytes + 1;
}

static int split_page_v1(struct df_parquet_reader *reader, const struct df_parquet_page *page, struct df_slice data,
                         struct df_slice *values, struct df_error *error)
{
    const struct df_parquet_leaf *leaf = reader->leaf;
    if (unpack(reader, reader->codec, data, page->uncompressed_bytes, likely_head(leaf, page), &reader->unpacked,
               values, error) < 0)
        return -1;
    if (take_levels(reader, &reader->repetitions, leaf->repetition_max, page->repetition_encoding, page->value_count,
                    values, error) < 0)
        return -1;
    return take_levels(reader, &reader->definitions, leaf->definition_max, page->definition_encoding, page->value_count,
                       values, error);
}

/* The header has been verified: levels are no longer than either size of the page. */
static int split_page_v2(struct df_parquet_reader *reader, const struct df_parquet_page *page, struct df_slice data,
                         struct df_slice *values, struct df_error *error)
{
    size_t levels = (size_t)page->repetition_bytes + page->definition_bytes;
    struct df_slice repetitions = df_slice_make(data.data, page->repetition_bytes);
    struct df_slice definitions = df_slice_make(data.data + page->repetition_bytes, page->definition_bytes);
    df_parquet_levels_init_rle(&reader->repetitions, repetitions, reader->leaf->repetition_max);
    df_parquet_levels_init_rle(&reader->definitions, definitions, reader->leaf->definition_max);
    int32_t codec = page->values_compressed ? reader->codec : DF_PARQUET_CODEC_UNCOMPRESSED;
    struct df_slice packed = df_slice_make(data.data + levels, data.size - levels);
    return unpack(reader, codec, packed, page->uncompressed_bytes - levels, 0, &reader->unpacked, values, error);
}

/* ---- pages ---- */

static int take_data_page(struct df_parquet_reader *reader, const struct df_parquet_page *page, struct df_slice data,
                          struct df_error *error)
{
    if (page->value_count > reader->values_left)
        return df_parquet_reader_fail(reader, error, DF_ERROR_CORRUPT,
                                      "it has %u values, only %llu are left in its row group", page->value_count,
                                      (unsigned long long)reader->values_left);
    if (!df_parquet_reader_fits_index(reader, page->value_count))
        return corrupt(reader, error, "its offset index says that it has another number of rows");
    struct df_slice values = {0};
    int split = page->type == DF_PARQUET_DATA_PAGE_V2 ? split_page_v2(reader, page, data, &values, error)
                                                      : split_page_v1(reader, page, data, &values, error);
    if (split < 0)
        return -1;
    const struct df_dictionary *entries = reader->dictionary.present ? &reader->dictionary.entries : NULL;
    struct df_parquet_problem problem =
        df_parquet_values_begin(&reader->values, page->encoding, values, page->value_count, entries, reader->budget);
    if (problem.text)
        return df_parquet_reader_problem(reader, error, problem);
    reader->values_left -= page->value_count;
    reader->page_left = page->value_count;
    return 0;
}

int df_parquet_reader_take_page(struct df_parquet_reader *reader, const struct df_parquet_page *page,
                                struct df_slice data, struct df_error *error)
{
    uint32_t crc = page->has_crc ? df_crc32(data) : 0;
    if (page->has_crc && crc != page->crc)
        return df_parquet_reader_fail(reader, error, DF_ERROR_CORRUPT, "its checksum is %08x, its header says %08x",
                                      crc, page->crc);
    switch (page->type) {
    case DF_PARQUET_DICTIONARY_PAGE:
        return take_dictionary_page(reader, page, data, error);
    case DF_PARQUET_DATA_PAGE:
    case DF_PARQUET_DATA_PAGE_V2:
        return take_data_page(reader, page, data, error);
    default: /* an index page, of which nothing is known but the name */
        return 0;
    }
}
