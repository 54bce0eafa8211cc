/* What a node of the schema is said to mean: the logical type, or the converted type of older writers, as one struct;
 * and from it the type of a column. */
#ifndef DF_FORMAT_PARQUET_LOGICAL_H
#define DF_FORMAT_PARQUET_LOGICAL_H

#include "format/parquet/parquet.h"
#include "format/parquet/thrift.h"

enum df_parquet_annotation_kind {
    DF_PARQUET_SAYS_NOTHING,
    DF_PARQUET_SAYS_STRING,
    DF_PARQUET_SAYS_ENUM,
    DF_PARQUET_SAYS_JSON,
    DF_PARQUET_SAYS_BSON,
    DF_PARQUET_SAYS_DECIMAL,
    DF_PARQUET_SAYS_DATE,
    DF_PARQUET_SAYS_TIME,
    DF_PARQUET_SAYS_TIMESTAMP,
    DF_PARQUET_SAYS_INTEGER,
    DF_PARQUET_SAYS_NULLS,
    DF_PARQUET_SAYS_UUID,
    DF_PARQUET_SAYS_HALF,
    DF_PARQUET_SAYS_INTERVAL,
    DF_PARQUET_SAYS_MAP,
    DF_PARQUET_SAYS_LIST,
    DF_PARQUET_SAYS_VARIANT,
    DF_PARQUET_SAYS_GEOMETRY,
    DF_PARQUET_SAYS_GEOGRAPHY,
    DF_PARQUET_SAYS_SOMETHING_ELSE,
};

struct df_parquet_annotation {
    enum df_parquet_annotation_kind kind;
    bool unit_known;
    enum df_time_unit unit;   /* of TIME and TIMESTAMP */
    bool is_local;            /* of TIME and TIMESTAMP: not in UTC */
    int32_t bits;             /* of INTEGER */
    bool is_signed;           /* of INTEGER */
    int32_t precision, scale; /* of DECIMAL */
};

/* The union LogicalType. */
struct df_parquet_annotation df_parquet_take_logical(struct df_thrift_reader *reader,
                                                     const struct df_thrift_field *parent);
/* ConvertedType; precision and scale stand beside it in the schema. */
struct df_parquet_annotation df_parquet_annotation_of_converted(int32_t converted, int32_t precision, int32_t scale);

/* How the bytes of a value become an element of a vector. */
enum df_parquet_conversion {
    DF_PARQUET_FROM_BOOLEAN,
    DF_PARQUET_FROM_INT32,
    DF_PARQUET_FROM_UINT32,
    DF_PARQUET_FROM_INT64,
    DF_PARQUET_FROM_INT96,
    DF_PARQUET_FROM_HALF,
    DF_PARQUET_FROM_FLOAT,
    DF_PARQUET_FROM_DOUBLE,
    DF_PARQUET_FROM_FIXED,         /* bytes of one length */
    DF_PARQUET_FROM_FIXED_DECIMAL, /* big-endian, two's complement */
    DF_PARQUET_FROM_BYTES,
    DF_PARQUET_FROM_BYTES_DECIMAL,
};

/* What must be known to turn a column's bytes into vectors. */
struct df_parquet_leaf {
    enum df_parquet_conversion conversion;
    enum df_vector_kind kind;   /* of the values; of a list: of its elements */
    uint32_t width_bytes;       /* of one value in PLAIN; 0: booleans and byte arrays */
    uint8_t definition_max;     /* a value */
    uint8_t repetition_max;     /* 0: flat, 1: a list */
    uint8_t element_definition; /* of a list: an element from this level on; one below is the empty list */
    bool always_null;           /* DF_TYPE_NULL */
    bool order_unknown;         /* bounds of it are in an order that is not that of its type */
};

/* Type, meaning, kind and conversion of a leaf of this physical type. NULL, or the feature that stands in the way. */
const char *df_parquet_leaf_type(const struct df_parquet_annotation *annotation, int32_t physical, int32_t length,
                                 struct df_parquet_column *column, struct df_parquet_leaf *leaf);

#endif
