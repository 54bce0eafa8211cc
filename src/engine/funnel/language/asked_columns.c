/* The columns whose values a request wants, each once, with what is expected of it. */
#include "base/hash.h"
#include "engine/funnel/language/reader.h"

struct sought {
    const struct df_funnel_column *columns;
    const char *name;
};

static bool same_column(const void *ctx, uint32_t number)
{
    const struct sought *sought = ctx;
    return strcmp(sought->columns[number].name, sought->name) == 0;
}

static int add_column(struct df_funnel_reader *reader, const char *name, uint64_t hash)
{
    uint32_t count = reader->column_index.count;
    struct df_funnel_column *columns =
        df_funnel_grown(reader->arena, reader->columns, count, &reader->column_capacity, sizeof *columns);
    const char *place = df_funnel_place(reader);
    if (!columns || !place || !df_funnel_index_add(&reader->column_index, reader->arena, hash))
        return df_funnel_fail_memory(reader);
    reader->columns = columns;
    columns[count] = (struct df_funnel_column){.name = name, .place = place};
    return 0;
}

/* A place that asks for more than those before becomes the column's: it is the one that an error is about. */
static int demand(struct df_funnel_reader *reader, struct df_funnel_column *column, unsigned needs)
{
    bool numeric = needs & DF_FUNNEL_NEED_NUMERIC, flat = needs & DF_FUNNEL_NEED_FLAT;
    bool stricter = (numeric && !column->numeric) || (flat && !column->flat && !column->numeric);
    if (stricter) {
        column->place = df_funnel_place(reader);
        if (!column->place)
            return df_funnel_fail_memory(reader);
    }
    column->facts |= (needs & DF_FUNNEL_NEED_FACTS) != 0;
    column->values |= (needs & DF_FUNNEL_NEED_VALUES) != 0;
    column->numeric |= numeric;
    column->flat |= flat;
    return 0;
}

int df_funnel_ask_column(struct df_funnel_reader *reader, const char *name, struct df_funnel_asked *asked)
{
    uint64_t hash = df_hash_bytes(df_slice_text(name));
    struct sought sought = {.columns = reader->columns, .name = name};
    asked->column = df_funnel_index_find(&reader->column_index, hash, same_column, &sought);
    if (asked->column == DF_FUNNEL_NONE) {
        asked->column = reader->column_index.count;
        if (add_column(reader, name, hash) < 0)
            return -1;
    }
    return demand(reader, &reader->columns[asked->column], asked->needs);
}

int df_funnel_read_column(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    struct df_funnel_text name = {.what = "the name of a column"};
    if (df_funnel_read_text(reader, value, &name) < 0)
        return -1;
    return df_funnel_ask_column(reader, name.text, out);
}
