/* Apache Parquet: files to vectors and back.
 *
 * Source of the format: the parquet-format repository of Apache (README, Encodings.md, Compression.md, parquet.thrift).
 * What is read: flat columns, fields of structs and lists of values, of all physical types and the logical types that
 * format/type.h has; all encodings; data pages v1 and v2; all codecs but LZO (README.md of this folder). A file with
 * anything else opens, and only a scan of such a column fails, as unsupported, naming column and feature. What is not a
 * Parquet file, or lies about itself, is corrupt, naming file, row group, column and page.
 *
 * Every size and count of a file is checked against what is there before it is used. */
#ifndef DF_FORMAT_PARQUET_PARQUET_H
#define DF_FORMAT_PARQUET_PARQUET_H

#include "base/budget.h"
#include "format/type.h"
#include "format/vector.h"
#include "store/store.h"

/* ---- a file's metadata ---- */

enum df_parquet_physical {
    DF_PARQUET_BOOLEAN = 0, /* numbers as in parquet.thrift */
    DF_PARQUET_INT32 = 1,
    DF_PARQUET_INT64 = 2,
    DF_PARQUET_INT96 = 3,
    DF_PARQUET_FLOAT = 4,
    DF_PARQUET_DOUBLE = 5,
    DF_PARQUET_BYTE_ARRAY = 6,
    DF_PARQUET_FIXED_LEN_BYTE_ARRAY = 7,
};

/* What the values mean: from the logical type, or the converted type of older writers. */
enum df_parquet_meaning {
    DF_PARQUET_PLAIN,    /* as the physical type says; BYTE_ARRAY: binary */
    DF_PARQUET_STRING,   /* also ENUM, JSON */
    DF_PARQUET_UNSIGNED, /* unsigned integer of any width */
    DF_PARQUET_DATE,     /* days since 1970 */
    DF_PARQUET_TIME,
    DF_PARQUET_TIMESTAMP_MS,
    DF_PARQUET_TIMESTAMP_US,
    DF_PARQUET_TIMESTAMP_NS,
    DF_PARQUET_DECIMAL,
    DF_PARQUET_OTHER, /* a logical type that this reader does not know */
};

struct df_parquet_column {
    /* Path with dots: "a.b" for a field of a struct. A list of primitives has the name of the list itself ("tags"),
     * not of its inner nodes ("tags.list.element"). */
    const char *name;
    enum df_parquet_physical physical;
    enum df_parquet_meaning meaning;
    struct df_type type;      /* what its vectors mean; meaningless if `unsupported` */
    bool optional;            /* may hold nulls (max definition level above 0) */
    bool local_time;          /* TIME, TIMESTAMP: said not to be in UTC */
    enum df_vector_kind kind; /* what a scan gives (INT64, FLOAT64 and BYTES stand for themselves or CODES) */
    const char *unsupported;  /* NULL, or the feature that stands in the way: "a list of lists", "a map" */
};

/* One value of a column, as statistics have it. `bytes` lives as long as the file. */
struct df_parquet_value {
    enum df_vector_kind kind; /* BOOL, INT64, FLOAT64, BYTES or INT128, as the column's */
    union {
        bool boolean;
        int64_t int64; /* of UINT64 the same bits */
        double float64;
        __int128 int128;
        struct df_slice bytes;
    } as;
};

/* What statistics say of a column in one row group, where the writer gave them and they can be trusted (the order of
 * the type is known: signed, unsigned, IEEE without NaN, bytes; old statistics with the wrong order are not told).
 * Bounds of bytes may be cut: then `minimum` is not above and `maximum` not below every value, but need not occur.
 * Lists have no bounds. */
struct df_parquet_bounds {
    bool known;       /* minimum and maximum */
    bool nulls_known; /* null_count */
    uint64_t null_count;
    struct df_parquet_value minimum, maximum;
};

struct df_parquet_file;

struct df_parquet_open {
    struct df_store *store;
    const char *uri;
    const char *etag;    /* NULL or "": the file as it is now */
    uint64_t size_bytes; /* 0: ask the store */
    struct df_budget *budget;
    struct df_deadline deadline;
    const atomic_bool *cancelled;
};

/* Reads and checks the footer; the strings of `open` need not live longer than the call. */
int df_parquet_file_open(struct df_parquet_file **file, const struct df_parquet_open *open, struct df_error *error);
void df_parquet_file_close(struct df_parquet_file *file);

uint64_t df_parquet_row_count(const struct df_parquet_file *file);
uint64_t df_parquet_size_bytes(const struct df_parquet_file *file);
uint32_t df_parquet_column_count(const struct df_parquet_file *file); /* leaf columns */
const struct df_parquet_column *df_parquet_column(const struct df_parquet_file *file, uint32_t column);
/* -1 when there is none of that name (no error is set). */
int64_t df_parquet_column_find(const struct df_parquet_file *file, const char *name);
uint32_t df_parquet_row_group_count(const struct df_parquet_file *file);
uint64_t df_parquet_row_group_rows(const struct df_parquet_file *file, uint32_t row_group);
/* Compressed bytes of a column in a row group: what a scan will fetch. */
uint64_t df_parquet_chunk_bytes(const struct df_parquet_file *file, uint32_t row_group, uint32_t column);
struct df_parquet_bounds df_parquet_bounds(const struct df_parquet_file *file, uint32_t row_group, uint32_t column);
/* The value of a key of the file's metadata, or NULL. */
const char *df_parquet_metadata(const struct df_parquet_file *file, const char *key);

/* ---- scanning ---- */

/* Rows of some columns, batch by batch, row groups in order. Memory is bounded by the largest page, not by the row
 * group: bytes are fetched through a window per column, and a page is decoded as far as a batch needs it. */
struct df_parquet_scan;

/* Rows [begin, end) of a row group, counted from its first. */
struct df_parquet_rows {
    uint32_t row_group;
    uint64_t begin, end;
};

struct df_parquet_scan_options {
    const uint32_t *columns; /* indexes of leaf columns; the vectors come in this order */
    uint32_t column_count;   /* may be 0: only row counts come */
    uint32_t row_group_begin, row_group_end;
    struct df_budget *budget;
    struct df_deadline deadline;
    const atomic_bool *cancelled;
    /* NULL: all rows. Else only these, in ascending order and disjoint: row groups without any are not touched, and of
     * flat columns with an offset index no page is read whose rows are all unwanted. */
    const struct df_parquet_rows *wanted;
    uint32_t wanted_count;
    bool scalar; /* leaves vector code out that not every processor has: for tests and debugging */
};

enum {
    DF_PARQUET_BATCH_ROWS = 8192
}; /* at most so many rows in one step: three 8-byte columns of it fit the L2 cache */

/* unsupported when a column or one of its chunks has a feature that is not read. The file must outlive the scan. */
int df_parquet_scan_open(struct df_parquet_scan **scan, struct df_parquet_file *file,
                         const struct df_parquet_scan_options *options, struct df_error *error);
/* 1: *rows > 0 rows, vectors[column_count]; 0: the end; -1. The vectors are valid until the next call. */
int df_parquet_scan_next(struct df_parquet_scan *scan, const struct df_vector **vectors, uint32_t *rows,
                         struct df_error *error);
uint64_t df_parquet_scan_bytes_read(const struct df_parquet_scan *scan);
void df_parquet_scan_close(struct df_parquet_scan *scan);

/* ---- writing ---- */

struct df_parquet_write_column {
    const char *name;
    /* Integers of up to 32 bits become INT32, other ones INT64; seconds milliseconds; decimals of up to 18 digits
     * INT64, longer ones 16 bytes. A list has three levels (name.list.element), its elements may be null. */
    struct df_type type;
    bool optional;   /* rows may be null; of a list: there may be no list */
    bool dictionary; /* dictionary-encode; falls back to PLAIN (or delta) when the dictionary is full */
};

struct df_parquet_key_value {
    const char *key, *value;
};

/* What else can be said of a column that is written. */
struct df_parquet_write_more {
    bool delta;        /* integers, dates, times: DELTA_BINARY_PACKED instead of PLAIN, after a dictionary too */
    bool bloom_filter; /* of all but booleans; one false answer in a hundred, at most 8 MiB */

    /* What df_type does not tell. */
    bool is_unsigned;       /* integers: no sign, and half of the bits that the type says (which has room for them) */
    bool is_local;          /* times and timestamps: not in UTC, but of whatever place */
    bool elements_required; /* lists: no element is null */
    uint32_t fixed_bytes;   /* binary: every value has so many bytes; 0: any number */
};

/* Says how a column of a file is written so that it is read with the same schema, but for decimals, which keep their
 * meaning only. `name` is the file's; nothing is said of dictionaries, delta and filters. */
void df_parquet_write_like(const struct df_parquet_file *file, uint32_t column, struct df_parquet_write_column *written,
                           struct df_parquet_write_more *more);

/* Says that the rows of every row group are in this order; nothing is sorted here. */
struct df_parquet_sorting_column {
    uint32_t column;
    bool descending, nulls_first;
};

enum df_parquet_codec {
    DF_PARQUET_UNCOMPRESSED = 0, /* numbers as in parquet.thrift */
    DF_PARQUET_SNAPPY = 1,
    DF_PARQUET_ZSTD = 6,
};

struct df_parquet_write_options {
    const struct df_parquet_write_column *columns;
    uint32_t column_count;
    enum df_parquet_codec codec;
    uint32_t row_group_rows;                     /* 0: 1,048,576 */
    uint32_t page_bytes;                         /* 0: 1 MiB before compression */
    uint32_t dictionary_bytes;                   /* of its values as PLAIN, at most; 0: 1 MiB */
    const struct df_parquet_key_value *metadata; /* "dayfly.groups" = "whole" says that each user is in one file */
    uint32_t metadata_count;
    bool pages_v2;                            /* data pages of version 2 */
    bool no_indexes;                          /* without column and offset indexes */
    const struct df_parquet_write_more *more; /* NULL, or one per column */
    const struct df_parquet_sorting_column *sorting;
    uint32_t sorting_count;
};

/* Where the bytes go, in order. */
typedef int df_parquet_sink_fn(void *ctx, struct df_slice piece, struct df_error *error);

struct df_parquet_writer;
int df_parquet_writer_open(struct df_parquet_writer **writer, const struct df_parquet_write_options *options,
                           df_parquet_sink_fn *sink, void *ctx, struct df_error *error);
/* Rows of all columns; kinds as a scan would give them (LIST; BYTES, or CODES with a dictionary of bytes). The same
 * rows and options give the same bytes, however the rows are cut into calls. */
int df_parquet_writer_put(struct df_parquet_writer *writer, const struct df_vector *vectors, uint32_t rows,
                          struct df_error *error);
int df_parquet_writer_finish(struct df_parquet_writer *writer, struct df_error *error); /* writes the footer */
void df_parquet_writer_close(struct df_parquet_writer *writer);                         /* frees; NULL is fine */

#endif
