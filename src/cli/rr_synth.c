#include "cli/rr_synth.h"

#include <string.h>

#include "base/hash.h"

const char *const df_rr_event_names[DF_RR_EVENT_COUNT] = {"view", "addtocart", "transaction"};

#define GOLDEN UINT64_C(0x9E3779B97F4A7C15)

static uint64_t mix(uint64_t x)
{
    return df_hash_u64(x + GOLDEN);
}

static uint64_t next(uint64_t *stream)
{
    uint64_t value = mix(*stream);
    *stream += GOLDEN;
    return value;
}

/* ---- visitors ---- */

struct visitor {
    enum { VIEWER, CARTER, BUYER } kind;
    bool irregular; /* of a buyer: buys without a cart */
    bool has_cart;
    unsigned row_count;
};

/* How many rows a visitor has: the first line whose limit is above a number of 0..999. */
static unsigned draw_row_count(uint64_t *stream)
{
    static const struct {
        uint16_t limit, low, high;
    } lines[] = {{730, 1, 1},  {860, 2, 2},   {910, 3, 3},    {938, 4, 4},     {954, 5, 5},
                 {982, 6, 10}, {995, 11, 30}, {999, 31, 100}, {1000, 101, 300}};
    uint64_t place = next(stream) % 1000, within = next(stream);
    size_t i = 0;
    while (place >= lines[i].limit)
        i++;
    return (unsigned)(lines[i].low + within % (uint64_t)(lines[i].high - lines[i].low + 1));
}

static struct visitor draw_visitor(uint64_t *stream)
{
    uint64_t c = next(stream) % 1000;
    struct visitor visitor = {.kind = c < 20 ? BUYER : c < 60 ? CARTER : VIEWER};
    visitor.row_count = draw_row_count(stream);
    if (visitor.kind == BUYER) {
        visitor.irregular = next(stream) % 100 < 15;
        unsigned least = 3 + (unsigned)(next(stream) % 16);
        if (visitor.row_count < least)
            visitor.row_count = least;
    }
    return visitor;
}

static enum df_rr_event carter_event(const struct visitor *visitor, unsigned row, uint64_t r)
{
    if (row == 0 && visitor->row_count > 1)
        return r < 87 ? DF_RR_VIEW : DF_RR_ADDTOCART;
    if (row + 1 == visitor->row_count && !visitor->has_cart)
        return DF_RR_ADDTOCART;
    return r < 80 ? DF_RR_VIEW : DF_RR_ADDTOCART;
}

static enum df_rr_event buyer_event(const struct visitor *visitor, unsigned row, uint64_t r)
{
    if (visitor->irregular)
        return row == 0 || r >= 90 ? DF_RR_TRANSACTION : DF_RR_VIEW;
    if (row < 3)
        return (enum df_rr_event)row; /* view, addtocart, transaction */
    return r < 75 ? DF_RR_VIEW : r < 88 ? DF_RR_ADDTOCART : DF_RR_TRANSACTION;
}

static enum df_rr_event draw_event(struct visitor *visitor, unsigned row, uint64_t *stream)
{
    uint64_t r = next(stream) % 100;
    enum df_rr_event event = DF_RR_VIEW;
    if (visitor->kind == CARTER)
        event = carter_event(visitor, row, r);
    else if (visitor->kind == BUYER)
        event = buyer_event(visitor, row, r);
    visitor->has_cart |= event == DF_RR_ADDTOCART;
    return event;
}

/* One gap in 16 is none: events of equal time. Of the others one in 8 is up to a week, the rest up to an hour. */
static int64_t draw_gap_ms(uint64_t *stream)
{
    uint64_t d = next(stream);
    if (d % 16 == 0)
        return 0;
    return (int64_t)(1 + (d >> 8) % ((d >> 4) % 8 != 0 ? 3600000 : 604800000));
}

/* A product of two even draws: few items are seen often, many seldom. */
static uint32_t draw_item(uint64_t *stream)
{
    enum { ITEM_COUNT = 466868 };
    uint64_t a = next(stream);
    return (uint32_t)((a % ITEM_COUNT) * ((a >> 24) % ITEM_COUNT) / ITEM_COUNT);
}

unsigned df_rr_visitor_rows(uint64_t seed, uint64_t number, struct df_rr_row rows[DF_RR_VISITOR_ROWS_MAX])
{
    uint64_t stream = mix(seed * UINT64_C(0x100000001B3) + number);
    struct visitor visitor = draw_visitor(&stream);
    int64_t timestamp_ms = INT64_C(1430622004384) + (int64_t)(next(&stream) % UINT64_C(11923183404));
    for (unsigned i = 0; i < visitor.row_count; i++) {
        struct df_rr_row *row = &rows[i];
        row->id = number << 12 | i;
        row->key = mix(row->id);
        row->event = (uint8_t)draw_event(&visitor, i, &stream);
        if (i > 0)
            timestamp_ms += draw_gap_ms(&stream);
        row->timestamp_ms = timestamp_ms;
        row->item = draw_item(&stream);
        row->transaction = row->event == DF_RR_TRANSACTION ? (int16_t)(next(&stream) % 17672) : -1;
    }
    return visitor.row_count;
}

/* ---- order ---- */

static void sort_few(struct df_rr_row *rows, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct df_rr_row row = rows[i];
        size_t at = i;
        for (; at > 0 && rows[at - 1].key > row.key; at--)
            rows[at] = rows[at - 1];
        rows[at] = row;
    }
}

/* Puts rows in place by the byte of their key at `shift`, then sorts each of the 256 runs by the bytes below. In place,
 * as a part may be most of the memory. Keys are a mixture of bits, so two levels are all that real parts need; eight
 * are all that there can be. */
static void sort_by_byte(struct df_rr_row *rows, size_t count, unsigned shift)
{
    enum { FEW = 48 };
    if (count <= FEW) {
        sort_few(rows, count);
        return;
    }
    size_t begin[257] = {0}, at[256];
    for (size_t i = 0; i < count; i++)
        begin[(rows[i].key >> shift & 0xFF) + 1]++;
    for (size_t byte = 0; byte < 256; byte++)
        begin[byte + 1] += begin[byte];
    memcpy(at, begin, sizeof at);
    for (size_t byte = 0; byte < 256; byte++) {
        while (at[byte] < begin[byte + 1]) {
            struct df_rr_row row = rows[at[byte]];
            size_t home = row.key >> shift & 0xFF;
            rows[at[byte]] = rows[at[home]];
            rows[at[home]++] = row;
        }
    }
    for (size_t byte = 0; byte < 256 && shift > 0; byte++)
        sort_by_byte(rows + begin[byte], begin[byte + 1] - begin[byte], shift - 8);
}

void df_rr_sort(struct df_rr_row *rows, size_t count)
{
    sort_by_byte(rows, count, 56);
}

/* ---- items ---- */

static char *put_digits(char *to, uint64_t value, unsigned at_least)
{
    char digits[20];
    unsigned count = 0;
    while (value > 0 || count < at_least) {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    }
    while (count > 0)
        *to++ = digits[--count];
    return to;
}

/* "1045 88213 n417.003" */
static size_t put_attributes(uint64_t h3, char *to)
{
    char *at = to;
    uint64_t count = 1 + (h3 >> 16) % 6;
    for (uint64_t j = 0; j < count; j++) {
        at = put_digits(at, mix(h3 + j) % 1297729, 1);
        *at++ = ' ';
    }
    *at++ = 'n';
    at = put_digits(at, (h3 >> 32) % 1000, 1);
    *at++ = '.';
    at = put_digits(at, (h3 >> 44) % 1000, 3);
    return (size_t)(at - to);
}

void df_rr_item(uint32_t item, struct df_rr_item *out)
{
    uint64_t h = mix(UINT64_C(0x1234567890ABCDEF) ^ item), h2 = mix(h), h3 = mix(h2);
    uint64_t x = (h2 >> 8) % 1000;
    out->category = (uint32_t)((h % DF_RR_CATEGORY_COUNT) * ((h >> 20) % DF_RR_CATEGORY_COUNT) / DF_RR_CATEGORY_COUNT);
    out->available = (h >> 40) % 100 < 30;
    out->has_price = h2 % 16 != 0;
    out->price_milli = (uint32_t)(12 * (x * x * x / 20000 + 100));
    out->attributes_size = h3 % 50 == 0 ? 0 : (uint8_t)put_attributes(h3, out->attributes);
}
