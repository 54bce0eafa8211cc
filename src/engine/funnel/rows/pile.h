/* A column that grows: rows of vectors, one behind the other, as plain arrays. What the buffers of a scatter consist of
 * and a block of the exchange is written from. Thread: one. */
#ifndef DF_ENGINE_FUNNEL_ROWS_PILE_H
#define DF_ENGINE_FUNNEL_ROWS_PILE_H

#include "engine/funnel/evaluate/account.h"
#include "format/type.h"
#include "format/vector.h"

/* Values of null rows are not kept: `values` and `lengths` have value_count entries, `valid` has row_count. */
struct df_funnel_pile {
    enum df_vector_kind kind; /* never CODES */
    size_t row_count, value_count;
    uint8_t *valid; /* one byte per row */
    size_t valid_capacity;
    uint8_t *values; /* of a fixed width; not of BYTES and LIST */
    size_t value_capacity;
    uint32_t *lengths; /* of BYTES in bytes, of LIST in elements */
    size_t length_capacity;
    uint8_t *bytes; /* of BYTES, one value behind the other */
    size_t byte_count, byte_capacity;
    struct df_funnel_pile *elements; /* of LIST, owned */
    size_t elements_capacity;
};

/* Bytes of a value of a fixed width; 0 for BYTES and LIST. */
size_t df_funnel_kind_bytes(enum df_vector_kind kind);
/* Whether a vector, or its dictionary, holds what its column's type says. */
bool df_funnel_vector_fits(const struct df_vector *vector, const struct df_type *type);

/* False when memory does not fit; the pile is then good for nothing but df_funnel_pile_dispose. */
bool df_funnel_pile_init(struct df_funnel_pile *pile, const struct df_type *type, struct df_funnel_account *account);
void df_funnel_pile_dispose(struct df_funnel_pile *pile, struct df_funnel_account *account);
void df_funnel_pile_clear(struct df_funnel_pile *pile);         /* no rows, but their memory */
size_t df_funnel_pile_bytes(const struct df_funnel_pile *pile); /* of the rows, about */

/* Appends some rows of a vector that fits. A column that is always null has rows without value whatever the vector. */
bool df_funnel_pile_append(struct df_funnel_pile *pile, const struct df_type *type, const struct df_vector *vector,
                           const uint32_t *rows, uint32_t count, struct df_funnel_account *account);

#endif
