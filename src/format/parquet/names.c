#include "format/parquet/names.h"

const char *df_parquet_physical_name(int32_t physical)
{
    static const char *const names[] = {"BOOLEAN", "INT32",  "INT64",      "INT96",
                                        "FLOAT",   "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"};
    return physical >= 0 && physical < 8 ? names[physical] : "an unknown physical type";
}

const char *df_parquet_encoding_feature(int32_t encoding)
{
    static const char *const names[] = {
        "encoding PLAIN",
        "encoding GROUP_VAR_INT",
        "encoding PLAIN_DICTIONARY",
        "encoding RLE",
        "encoding BIT_PACKED",
        "encoding DELTA_BINARY_PACKED",
        "encoding DELTA_LENGTH_BYTE_ARRAY",
        "encoding DELTA_BYTE_ARRAY",
        "encoding RLE_DICTIONARY",
        "encoding BYTE_STREAM_SPLIT",
    };
    return encoding >= 0 && encoding < 10 ? names[encoding] : "an unknown encoding";
}

const char *df_parquet_codec_feature(int32_t codec)
{
    static const char *const names[] = {"codec UNCOMPRESSED", "codec SNAPPY", "codec GZIP", "codec LZO",
                                        "codec BROTLI",       "codec LZ4",    "codec ZSTD", "codec LZ4_RAW"};
    return codec >= 0 && codec < 8 ? names[codec] : "an unknown codec";
}

bool df_parquet_encoding_is_known(int32_t encoding)
{
    const int32_t group_var_int = 1; /* was never used */
    return encoding >= DF_PARQUET_ENCODING_PLAIN && encoding <= DF_PARQUET_ENCODING_BYTE_STREAM_SPLIT &&
           encoding != group_var_int;
}

bool df_parquet_codec_is_read(int32_t codec)
{
    return codec >= DF_PARQUET_CODEC_UNCOMPRESSED && codec <= DF_PARQUET_CODEC_LZ4_RAW && codec != DF_PARQUET_CODEC_LZO;
}
