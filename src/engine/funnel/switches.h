/* Optimisations that can be left out one by one, for debugging and for the tests that show that none of them changes an
 * answer. The request names those that are left out ("without": ["pages", "bloom"]), so that every worker obeys; the
 * command line takes the names from the option `funnel.without`.
 *
 * A new one is a bit here and a name in switches.c; its code asks request->without & DF_FUNNEL_WITHOUT_…. */
#ifndef DF_ENGINE_FUNNEL_SWITCHES_H
#define DF_ENGINE_FUNNEL_SWITCHES_H

#include "base/config.h"
#include "base/json_write.h"

enum df_funnel_without {
    DF_FUNNEL_WITHOUT_STATISTICS = 1u << 0, /* skipping row groups by the footer's statistics */
    DF_FUNNEL_WITHOUT_PAGES = 1u << 1,      /* skipping pages by column and offset indexes */
    DF_FUNNEL_WITHOUT_BLOOM = 1u << 2,      /* skipping row groups by bloom filters */
    DF_FUNNEL_WITHOUT_DICTIONARY = 1u << 3, /* skipping row groups by dictionaries */
    DF_FUNNEL_WITHOUT_ORDER = 1u << 4,      /* users in ascending order without a table */
    DF_FUNNEL_WITHOUT_ENTRIES = 1u << 5,    /* users of a dictionary by its entries */
    DF_FUNNEL_WITHOUT_RADIX = 1u << 6,      /* many users partition by partition */
    DF_FUNNEL_WITHOUT_MINIMUMS = 1u << 7,   /* the sizes below which optimisations are not worth it: all are used */
    DF_FUNNEL_WITHOUT_VECTOR = 1u << 8,     /* decoding by vector code that not every processor has */
};

/* Adds the bits of one name; "all": every one. False when there is no such name. */
bool df_funnel_without_add(struct df_slice name, uint32_t *without);
/* Names with commas between them, as the option has them; NULL and "" are none. Fails with invalid. */
int df_funnel_without_parse(const char *text, uint32_t *without, struct df_error *error);
/* Writes the member "without", unless it would be empty. */
void df_funnel_without_put(struct df_json_writer *json, uint32_t without);
/* The names with commas between them, for messages. */
void df_funnel_without_put_names(struct df_buf *out);

extern const struct df_option df_funnel_option_rows[];
extern const size_t df_funnel_option_count;

#endif
