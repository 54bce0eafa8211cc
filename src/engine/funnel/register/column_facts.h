/* What one column of one file holds, gathered vector by vector: nulls, bounds of numbers, distinct strings. */
#ifndef DF_ENGINE_FUNNEL_REGISTER_COLUMN_FACTS_H
#define DF_ENGINE_FUNNEL_REGISTER_COLUMN_FACTS_H

#include "base/json_write.h"
#include "engine/funnel/evaluate/groups.h"
#include "format/parquet/parquet.h"

/* A column of strings with at most this share of distinct values among its rows may be treated as categorical (the
 * original's dataset.categorical.ratio). */
#define DF_FUNNEL_CATEGORICAL_RATIO 0.1
enum { DF_FUNNEL_TOP_VALUES_OF_FILE = 30, DF_FUNNEL_TOP_VALUES = 20 };

struct df_funnel_column_facts {
    const struct df_parquet_column *column;
    bool categorical_at_source; /* pandas says so in the file's metadata */
    uint64_t rows, nulls;
    bool bounds_known;
    union {
        int64_t int64; /* UINT64: the same bits */
        double float64;
    } minimum, maximum;

    struct df_funnel_account account;
    struct df_funnel_groups strings; /* distinct ones, while they are few enough */
    bool few;                        /* they are: at most DF_FUNNEL_CATEGORICAL_RATIO of row_limit */
    uint64_t distinct_max;
};

/* rows: of the whole file. budget: strings that do not fit it count as many. */
void df_funnel_column_facts_init(struct df_funnel_column_facts *facts, const struct df_parquet_column *column,
                                 uint64_t rows, bool categorical_at_source, struct df_budget *budget);
void df_funnel_column_facts_dispose(struct df_funnel_column_facts *facts);
void df_funnel_column_facts_add(struct df_funnel_column_facts *facts, const struct df_vector *vector);
/* One object: {"name", "type", "unsupported", "nulls", "minimum", "maximum", "distinct", "top", "source"}. */
int df_funnel_column_facts_put(struct df_funnel_column_facts *facts, struct df_json_writer *json,
                               struct df_error *error);

#endif
