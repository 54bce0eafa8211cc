#include "engine/funnel/switches.h"

static const struct {
    const char *name;
    uint32_t bits;
} switches[] = {
    {"statistics", DF_FUNNEL_WITHOUT_STATISTICS}, {"pages", DF_FUNNEL_WITHOUT_PAGES},
    {"bloom", DF_FUNNEL_WITHOUT_BLOOM},           {"dictionary", DF_FUNNEL_WITHOUT_DICTIONARY},
    {"order", DF_FUNNEL_WITHOUT_ORDER},           {"entries", DF_FUNNEL_WITHOUT_ENTRIES},
    {"radix", DF_FUNNEL_WITHOUT_RADIX},           {"minimums", DF_FUNNEL_WITHOUT_MINIMUMS},
    {"vector", DF_FUNNEL_WITHOUT_VECTOR},         {"all", UINT32_MAX}, /* last: names are written by their bits */
};
enum { SWITCHES = sizeof switches / sizeof *switches, ALL = SWITCHES - 1 };

const struct df_option df_funnel_option_rows[] = {
    {
        .name = "funnel.without",
        .type = DF_OPTION_TEXT,
        .value_name = "NAMES",
        .help = "optimisations that funnels are to leave out, for debugging: statistics, pages, bloom, dictionary, "
                "order, entries, radix, minimums, vector, all",
    },
};
const size_t df_funnel_option_count = sizeof df_funnel_option_rows / sizeof *df_funnel_option_rows;

bool df_funnel_without_add(struct df_slice name, uint32_t *without)
{
    for (size_t i = 0; i < SWITCHES; i++)
        if (df_slice_is(name, switches[i].name)) {
            *without |= switches[i].bits;
            return true;
        }
    return false;
}

void df_funnel_without_put_names(struct df_buf *out)
{
    for (size_t i = 0; i < SWITCHES; i++)
        df_buf_printf(out, "%s%s", i > 0 ? ", " : "", switches[i].name);
}

static int unknown(struct df_slice name, struct df_error *error)
{
    struct df_buf names = {0};
    df_funnel_without_put_names(&names);
    df_error_set(error, DF_ERROR_INVALID, "funnel.without: '%.*s' is no optimisation; there are %s", DF_SLICE_ARG(name),
                 df_buf_text(&names));
    df_buf_dispose(&names);
    return -1;
}

int df_funnel_without_parse(const char *text, uint32_t *without, struct df_error *error)
{
    *without = 0;
    while (text && *text) {
        struct df_slice name = df_slice_make(text, strcspn(text, ", "));
        text += name.size;
        text += strspn(text, ", ");
        if (name.size > 0 && !df_funnel_without_add(name, without))
            return unknown(name, error);
    }
    return 0;
}

void df_funnel_without_put(struct df_json_writer *json, uint32_t without)
{
    if (without == 0)
        return;
    df_json_key(json, "without");
    df_json_begin_array(json);
    for (size_t i = 0; i < ALL; i++)
        if (without & switches[i].bits)
            df_json_text(json, switches[i].name);
    df_json_end_array(json);
}
