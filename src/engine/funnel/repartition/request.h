/* What is asked for, and what later stages are told besides: one JSON object that grows from stage to stage. */
#ifndef DF_ENGINE_FUNNEL_REPARTITION_REQUEST_H
#define DF_ENGINE_FUNNEL_REPARTITION_REQUEST_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "engine/funnel/rows/keys.h"
#include "format/parquet/parquet.h"

enum {
    DF_REPARTITION_PARTS_MAX = 10000,
    DF_REPARTITION_GROUP_ROWS = 128 * 1024, /* of a row group: statistics and page indexes of it tell something */
    DF_REPARTITION_GROUP_ROWS_MAX = 16 * 1024 * 1024,
    DF_REPARTITION_COLUMNS_MAX = 100000,
    DF_REPARTITION_FIXED_MAX = 1024 * 1024, /* binary of one length that stays so; the writer's limit */
};
#define DF_REPARTITION_NONE UINT32_MAX

/* A column of the files that are written. */
struct df_repartition_column {
    const char *name;
    struct df_type type;
    bool is_unsigned, is_local, elements_required; /* as struct df_parquet_write_more has them */
    uint32_t fixed_bytes;
    bool required; /* never null */
};

/* Strings live in the arena that it was parsed with. */
struct df_repartition_request {
    const char **paths;
    uint32_t path_count;
    const char *pattern, *user, *time; /* time NULL: none */
    const char *target;
    uint32_t parts; /* 0: by size; known from stage 1 on */
    const char **chosen;
    uint32_t chosen_count; /* 0: all columns */
    bool skip_unsupported;
    enum df_parquet_codec codec;
    uint32_t row_group_rows; /* 0: by the size of rows; known from stage 2 on */

    /* From stage 1 on. */
    struct df_repartition_column *columns;
    uint32_t column_count;     /* 0: not known yet */
    uint32_t user_at, time_at; /* among the columns; time_at DF_REPARTITION_NONE: there is none */
    enum df_funnel_key_kind kind;

    /* From stage 2 on. */
    const char *place;   /* store/publish.h */
    const char *writing; /* tells this writing from others */

    /* Of stage 3. */
    struct df_slice *tokens;
    uint32_t token_count;
};

/* Fails with invalid, naming the member. */
int df_repartition_request_parse(struct df_repartition_request *request, struct df_slice text, struct df_arena *arena,
                                 struct df_error *error);
/* Appends the JSON of all that is known. */
void df_repartition_request_put(const struct df_repartition_request *request, struct df_buf *out);

const char *df_repartition_codec_name(enum df_parquet_codec codec);

#endif
