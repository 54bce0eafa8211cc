/* The numbers of parquet.thrift that this folder speaks of, and their names for messages. */
#ifndef DF_FORMAT_PARQUET_NAMES_H
#define DF_FORMAT_PARQUET_NAMES_H

#include <stdint.h>

enum df_parquet_encoding {
    DF_PARQUET_ENCODING_PLAIN = 0,
    DF_PARQUET_ENCODING_PLAIN_DICTIONARY = 2,
    DF_PARQUET_ENCODING_RLE = 3,
    DF_PARQUET_ENCODING_BIT_PACKED = 4,
    DF_PARQUET_ENCODING_DELTA_BINARY_PACKED = 5,
    DF_PARQUET_ENCODING_DELTA_LENGTH_BYTE_ARRAY = 6,
    DF_PARQUET_ENCODING_DELTA_BYTE_ARRAY = 7,
    DF_PARQUET_ENCODING_RLE_DICTIONARY = 8,
    DF_PARQUET_ENCODING_BYTE_STREAM_SPLIT = 9,
};

enum df_parquet_page_type {
    DF_PARQUET_DATA_PAGE = 0,
    DF_PARQUET_INDEX_PAGE = 1,
    DF_PARQUET_DICTIONARY_PAGE = 2,
    DF_PARQUET_DATA_PAGE_V2 = 3,
};

enum df_parquet_repetition {
    DF_PARQUET_REQUIRED = 0,
    DF_PARQUET_OPTIONAL = 1,
    DF_PARQUET_REPEATED = 2,
};

enum df_parquet_converted {
    DF_PARQUET_CONVERTED_UTF8 = 0,
    DF_PARQUET_CONVERTED_ENUM = 4,
    DF_PARQUET_CONVERTED_DECIMAL = 5,
    DF_PARQUET_CONVERTED_DATE = 6,
    DF_PARQUET_CONVERTED_TIME_MILLIS = 7,
    DF_PARQUET_CONVERTED_TIME_MICROS = 8,
    DF_PARQUET_CONVERTED_TIMESTAMP_MILLIS = 9,
    DF_PARQUET_CONVERTED_TIMESTAMP_MICROS = 10,
    DF_PARQUET_CONVERTED_UINT_8 = 11,
    DF_PARQUET_CONVERTED_UINT_64 = 14,
    DF_PARQUET_CONVERTED_INT_8 = 15,
    DF_PARQUET_CONVERTED_INT_64 = 18,
    DF_PARQUET_CONVERTED_JSON = 19,
    DF_PARQUET_CONVERTED_BSON = 20,
};

/* Fields of the union LogicalType. */
enum df_parquet_logical {
    DF_PARQUET_LOGICAL_STRING = 1,
    DF_PARQUET_LOGICAL_ENUM = 4,
    DF_PARQUET_LOGICAL_DECIMAL = 5,
    DF_PARQUET_LOGICAL_DATE = 6,
    DF_PARQUET_LOGICAL_TIME = 7,
    DF_PARQUET_LOGICAL_TIMESTAMP = 8,
    DF_PARQUET_LOGICAL_INTEGER = 10,
    DF_PARQUET_LOGICAL_UNKNOWN = 11,
    DF_PARQUET_LOGICAL_JSON = 12,
    DF_PARQUET_LOGICAL_BSON = 13,
};

const char *df_parquet_physical_name(int32_t physical);
/* What stands in the way when a column uses it: "encoding DELTA_BINARY_PACKED", "codec ZSTD"; never NULL. */
const char *df_parquet_encoding_feature(int32_t encoding);
const char *df_parquet_codec_feature(int32_t codec);

#endif
