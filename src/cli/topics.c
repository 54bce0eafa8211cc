/* Pages of `dayfly help` that are no command's. Lines of at most 78 columns. */
#include "cli/cli.h"

static const char filters[] = "Filters: the language of --step, --without, --where and --users\n"
                              "\n"
                              "A filter says which events are meant: COLUMN OPERATOR VALUE, joined by and, or,\n"
                              "not and parentheses. 'not' binds tighter than 'and', 'and' tighter than 'or'.\n"
                              "\n"
                              "  event = 'view'                      strings in single quotes; '' is one quote\n"
                              "  event=view                          one word needs none\n"
                              "  price >= 50      price != 0.5       numbers: = == != < <= > >=\n"
                              "  available = true                    true and false: = !=\n"
                              "  name >= 'm'                         strings compare byte by byte\n"
                              "  time < '2015-05-03T10:20:30Z'       dates and timestamps: ISO 8601, UTC\n"
                              "  country in ('DE', 'FR')             also: not in\n"
                              "  url contains '/cart'                also: not contains, starts with, ends with\n"
                              "  url regex '^/p/[0-9]+$'             PCRE2, found anywhere unless anchored\n"
                              "  coupon is null                      also: is not null\n"
                              "  tags has 'new'                      lists: has, has any ('a', 'b'), has all ('a')\n"
                              "  tags empty                          also: not empty\n"
                              "  tags split '|' has 'new'            a string that holds a list\n"
                              "  \"odd name\" = 1                      other names than plain words in quotes\n"
                              "\n"
                              "  event = 'view' and (price >= 50 or country in ('DE', 'FR'))\n"
                              "  event = 'view' and not url contains '/admin'\n"
                              "\n"
                              "Of a null value every operator is false, but !=, not contains, not in and is\n"
                              "null, which are true. 'not' turns true into false and false into true: not\n"
                              "(price > 5) is true where price is null. Keywords may be in any case.\n"
                              "\n"
                              "The same in JSON, and what each operator means exactly: docs/query-language.md.\n";

const struct df_cli_topic df_cli_topics[] = {
    {.name = "filters", .summary = "the language of --step, --where and --users", .text = filters},
};
const size_t df_cli_topic_count = sizeof df_cli_topics / sizeof *df_cli_topics;
