/* rr-synth against the check values of its specification: seed 1, 20,000 visitors, 8 parts. */
#include <stdlib.h>

#include "base/buf.h"
#include "cli/rr_synth.h"
#include "testing/testing.h"

enum { VISITORS = 20000, PARTS = 8 };

struct rows {
    struct df_rr_row *rows;
    size_t count;
};

/* Visitors whose number leaves `part` when divided by PARTS, in the order of a file. */
static struct rows make_part(unsigned part)
{
    struct df_buf buf = {0};
    struct df_rr_row one[DF_RR_VISITOR_ROWS_MAX];
    for (uint64_t visitor = part; visitor < VISITORS; visitor += PARTS)
        df_buf_put(&buf, one, df_rr_visitor_rows(1, visitor, one) * sizeof one[0]);
    assert_false(df_buf_failed(&buf));
    struct rows made = {.rows = (struct df_rr_row *)(void *)buf.data, .count = buf.size / sizeof one[0]};
    df_rr_sort(made.rows, made.count);
    return made;
}

static void part_row_counts_are_those_of_the_specification(void **state)
{
    (void)state;
    static const size_t expected[PARTS] = {5755, 7742, 6179, 6145, 6118, 6199, 5862, 6008};
    for (unsigned part = 0; part < PARTS; part++) {
        struct rows made = make_part(part);
        assert_int_equal(made.count, expected[part]);
        free(made.rows);
    }
}

struct totals {
    uint64_t rows, events[DF_RR_EVENT_COUNT], timestamp_sum, null_prices, milli_sum, null_attributes, available;
    int64_t first_ms, last_ms;
    uint8_t category_seen[DF_RR_CATEGORY_COUNT];
    uint8_t *item_seen;
};

static void count_row(struct totals *totals, const struct df_rr_row *row)
{
    struct df_rr_item item;
    df_rr_item(row->item, &item);
    totals->rows++;
    totals->events[row->event]++;
    totals->timestamp_sum += (uint64_t)row->timestamp_ms;
    totals->first_ms = row->timestamp_ms < totals->first_ms ? row->timestamp_ms : totals->first_ms;
    totals->last_ms = row->timestamp_ms > totals->last_ms ? row->timestamp_ms : totals->last_ms;
    totals->null_prices += !item.has_price;
    totals->milli_sum += item.has_price ? item.price_milli : 0;
    totals->null_attributes += item.attributes_size == 0;
    totals->available += item.available;
    totals->category_seen[item.category] = 1;
    totals->item_seen[row->item] = 1;
}

static uint64_t count_ones(const uint8_t *flags, size_t count)
{
    uint64_t ones = 0;
    for (size_t i = 0; i < count; i++)
        ones += flags[i];
    return ones;
}

static void totals_are_those_of_the_specification(void **state)
{
    (void)state;
    enum { ITEMS = 466868 };
    struct totals totals = {.first_ms = INT64_MAX, .item_seen = calloc(ITEMS, 1)};
    struct df_rr_row rows[DF_RR_VISITOR_ROWS_MAX];
    unsigned largest = 0;
    for (uint64_t visitor = 0; visitor < VISITORS; visitor++) {
        unsigned count = df_rr_visitor_rows(1, visitor, rows);
        largest = count > largest ? count : largest;
        for (unsigned i = 0; i < count; i++) {
            assert_int_equal(df_rr_visitor(&rows[i]), visitor);
            assert_true(rows[i].item < ITEMS);
            count_row(&totals, &rows[i]);
        }
    }
    assert_int_equal(totals.rows, 50008);
    assert_int_equal(totals.events[DF_RR_VIEW], 47420);
    assert_int_equal(totals.events[DF_RR_ADDTOCART], 1710);
    assert_int_equal(totals.events[DF_RR_TRANSACTION], 878);
    assert_int_equal(totals.first_ms, INT64_C(1430623579758));
    assert_int_equal(totals.last_ms, INT64_C(1452217061347));
    assert_true(totals.timestamp_sum == UINT64_C(71866135787883037));
    assert_int_equal(totals.null_prices, 3087);
    assert_true(totals.milli_sum == UINT64_C(6971582388));
    assert_int_equal(totals.null_attributes, 965);
    assert_int_equal(totals.available, 15038);
    assert_int_equal(count_ones(totals.category_seen, DF_RR_CATEGORY_COUNT), 1210);
    assert_int_equal(count_ones(totals.item_seen, ITEMS), 45150);
    assert_int_equal(largest, 298);
    free(totals.item_seen);
}

static void put_line(struct df_buf *line, const struct df_rr_row *row)
{
    struct df_rr_item item;
    df_rr_item(row->item, &item);
    df_buf_clear(line);
    df_buf_printf(line, "%lld,%llu,%s,%u,", (long long)row->timestamp_ms, (unsigned long long)df_rr_visitor(row),
                  df_rr_event_names[row->event], row->item);
    if (row->transaction >= 0)
        df_buf_printf(line, "%d", row->transaction);
    df_buf_printf(line, ",%u,%d,", item.category, item.available);
    if (item.has_price)
        df_buf_printf(line, "%u", item.price_milli);
    df_buf_printf(line, ",%.*s\n", (int)item.attributes_size, item.attributes);
}

/* FNV-1a, 64 bit. */
static uint64_t hash_on(uint64_t hash, struct df_slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        hash = (hash ^ bytes.data[i]) * UINT64_C(0x100000001B3);
    return hash;
}

static void all_bytes_hash_to_the_value_of_the_specification(void **state)
{
    (void)state;
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    struct df_buf line = {0};
    for (unsigned part = 0; part < PARTS; part++) {
        struct rows made = make_part(part);
        for (size_t i = 0; i < made.count; i++) {
            put_line(&line, &made.rows[i]);
            hash = hash_on(hash, df_buf_slice(&line));
        }
        free(made.rows);
    }
    df_buf_dispose(&line);
    if (hash != UINT64_C(0x722a5b8557db736f))
        fail_msg("the rows hash to %llx", (unsigned long long)hash);
}

static int compare_keys(const void *a, const void *b)
{
    uint64_t left = ((const struct df_rr_row *)a)->key, right = ((const struct df_rr_row *)b)->key;
    return (left > right) - (left < right);
}

/* Also with keys that a real part never has: equal ones, and such that differ in their last bits only. */
static void sorting_agrees_with_qsort(void **state)
{
    (void)state;
    uint64_t seed = test_seed();
    static const uint64_t masks[] = {UINT64_MAX, 0xFF, 0x3, 0xFF000000000000FF, 0};
    for (size_t round = 0; round < 50; round++) {
        size_t count = test_random(&seed) % 5000;
        struct df_rr_row *rows = calloc(count + 1, sizeof *rows), *expected = calloc(count + 1, sizeof *rows);
        uint64_t ids = 0;
        for (size_t i = 0; i < count; i++) {
            rows[i].key = test_random(&seed) & masks[round % 5];
            rows[i].id = rows[i].key * 3;
            ids += rows[i].id;
        }
        memcpy(expected, rows, count * sizeof *rows);
        qsort(expected, count, sizeof *rows, compare_keys);
        df_rr_sort(rows, count);
        for (size_t i = 0; i < count; i++) {
            assert_true(rows[i].key == expected[i].key && rows[i].id == rows[i].key * 3);
            ids -= rows[i].id;
        }
        assert_true(ids == 0);
        free(rows);
        free(expected);
    }
}

static void another_seed_gives_other_rows(void **state)
{
    (void)state;
    struct df_rr_row one[DF_RR_VISITOR_ROWS_MAX], two[DF_RR_VISITOR_ROWS_MAX];
    df_rr_visitor_rows(1, 5, one);
    df_rr_visitor_rows(2, 5, two);
    assert_true(one[0].timestamp_ms != two[0].timestamp_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(part_row_counts_are_those_of_the_specification),
        cmocka_unit_test(totals_are_those_of_the_specification),
        cmocka_unit_test(all_bytes_hash_to_the_value_of_the_specification),
        cmocka_unit_test(sorting_agrees_with_qsort),
        cmocka_unit_test(another_seed_gives_other_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
