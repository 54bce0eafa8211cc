/* rr-synth: the events of a shop that never was, a stand-in for the RetailRocket data set. Fixed bit for bit by
 * specs/funnels-frocket.md §9.3: the same seed gives the same rows in every implementation.
 *
 * Pure functions, no I/O. A visitor's rows follow from seed and visitor alone, an item's attributes from the item
 * alone, so that any part can be made without the others. */
#ifndef DF_CLI_RR_SYNTH_H
#define DF_CLI_RR_SYNTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum df_rr_event { DF_RR_VIEW, DF_RR_ADDTOCART, DF_RR_TRANSACTION, DF_RR_EVENT_COUNT };
extern const char *const df_rr_event_names[DF_RR_EVENT_COUNT];

struct df_rr_row {
    uint64_t key; /* by which a file is sorted: deliberately not time */
    uint64_t id;  /* visitor << 12 | number of the row within the visitor */
    int64_t timestamp_ms;
    uint32_t item;
    int16_t transaction; /* -1: null */
    uint8_t event;
};

enum { DF_RR_VISITOR_ROWS_MAX = 300 };
/* Visitors that a row's id has room for. */
static const uint64_t df_rr_visitors_max = UINT64_C(1) << 51;

static inline uint64_t df_rr_visitor(const struct df_rr_row *row)
{
    return row->id >> 12;
}

/* The rows of one visitor, in time order; returns how many (at least 1). */
unsigned df_rr_visitor_rows(uint64_t seed, uint64_t visitor, struct df_rr_row rows[DF_RR_VISITOR_ROWS_MAX]);

/* Into the order of a file. */
void df_rr_sort(struct df_rr_row *rows, size_t count);

/* ---- items ---- */

enum { DF_RR_CATEGORY_COUNT = 1240, DF_RR_ATTRIBUTES_BYTES = 64 };

struct df_rr_item {
    uint32_t category;    /* its decimal digits are categoryid */
    uint32_t price_milli; /* price is this / 1000.0 */
    bool available;
    bool has_price;
    uint8_t attributes_size; /* of `attributes`; 0: null */
    char attributes[DF_RR_ATTRIBUTES_BYTES];
};

void df_rr_item(uint32_t item, struct df_rr_item *out);

#endif
