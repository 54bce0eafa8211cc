/* Values → counters and sums, per class of rows. */
#include <assert.h>
#include <stdlib.h>

#include "base/size.h"
#include "engine/funnel/result/tables.h"

enum { DENSE_CLASSES_MAX = 8 }; /* with more, most cells of most values would stay empty */

static void *alloc_cleared(struct df_funnel_account *account, size_t count, size_t element_bytes)
{
    size_t size_bytes;
    if (df_size_mul(&size_bytes, count, element_bytes) < 0)
        return NULL;
    void *memory = df_funnel_account_alloc(account, size_bytes);
    if (memory)
        memset(memory, 0, size_bytes);
    return memory;
}

static int init_sums(struct df_funnel_table *table, uint32_t sum_count)
{
    table->sums = alloc_cleared(table->account, sum_count ? sum_count : 1, sizeof *table->sums);
    if (!table->sums)
        return -1;
    table->sum_count = sum_count;
    for (uint32_t i = 0; i < sum_count; i++)
        table->sums[i].error = (struct df_funnel_sum_error){.least = INFINITY, .greatest = -INFINITY};
    return 0;
}

int df_funnel_table_init(struct df_funnel_table *table, uint32_t column, uint32_t counter_count, uint32_t sum_count,
                         const struct df_funnel_classes *classes, struct df_funnel_account *account)
{
    assert(counter_count >= 1 && counter_count <= DF_FUNNEL_COUNTERS_MAX);
    *table = (struct df_funnel_table){.account = account,
                                      .column = column,
                                      .classes = classes,
                                      .counter_count = counter_count,
                                      .sparse = classes->count > DENSE_CLASSES_MAX};
    df_funnel_values_init(&table->values, DF_FUNNEL_FORM_NUMBER, account);
    df_funnel_values_init(&table->cells, DF_FUNNEL_FORM_NUMBER, account);
    table->distinct = alloc_cleared(account, classes->count, sizeof *table->distinct);
    table->rest = alloc_cleared(account, classes->count, counter_count * sizeof *table->rest);
    table->hlls = alloc_cleared(account, classes->count, sizeof *table->hlls);
    if (!table->distinct || !table->rest || !table->hlls || init_sums(table, sum_count) < 0)
        return -1;
    return 0;
}

/* What is about values. */
static void dispose_cells(struct df_funnel_table *table)
{
    for (uint32_t i = 0; table->sums && i < table->sum_count; i++) {
        struct df_funnel_sum_lane *lane = &table->sums[i];
        for (size_t cell = 0; lane->cells && cell < table->cell_count && cell < lane->capacity; cell++)
            df_sum_dispose(&lane->cells[cell].real);
        df_funnel_account_free(table->account, lane->cells, lane->capacity * sizeof *lane->cells);
        lane->cells = NULL;
        lane->capacity = 0;
    }
    df_funnel_account_free(table->account, table->counters,
                           table->counter_capacity * table->counter_count * sizeof *table->counters);
    table->counters = NULL;
    table->counter_capacity = table->cell_count = 0;
    df_funnel_values_dispose(&table->cells);
    df_funnel_values_dispose(&table->values);
}

void df_funnel_table_dispose(struct df_funnel_table *table)
{
    if (!table->classes)
        return;
    size_t classes = table->classes->count;
    dispose_cells(table);
    for (size_t i = 0; table->hlls && i < classes; i++)
        df_funnel_account_free(table->account, table->hlls[i], DF_FUNNEL_HLL_REGISTERS);
    df_funnel_account_free(table->account, table->hlls, classes * sizeof *table->hlls);
    df_funnel_account_free(table->account, table->distinct, classes * sizeof *table->distinct);
    df_funnel_account_free(table->account, table->rest, classes * table->counter_count * sizeof *table->rest);
    df_funnel_account_free(table->account, table->sums,
                           (table->sum_count ? table->sum_count : 1) * sizeof *table->sums);
    df_funnel_account_free(table->account, table->map, table->map_capacity * sizeof *table->map);
    *table = (struct df_funnel_table){0};
}

/* ---- cells ---- */

static bool grow_cleared(struct df_funnel_account *account, void **array, size_t *capacity, size_t needed,
                         size_t element_bytes)
{
    size_t before = *capacity;
    if (!df_funnel_account_grow(account, array, capacity, needed, element_bytes))
        return false;
    if (*capacity > before)
        memset((uint8_t *)*array + before * element_bytes, 0, (*capacity - before) * element_bytes);
    return true;
}

static bool grow_cells(struct df_funnel_table *table, size_t needed)
{
    if (needed > table->counter_capacity) {
        void *array = table->counters;
        if (!grow_cleared(table->account, &array, &table->counter_capacity, needed,
                          table->counter_count * sizeof *table->counters))
            return false;
        table->counters = array;
    }
    for (uint32_t i = 0; i < table->sum_count; i++) {
        struct df_funnel_sum_lane *lane = &table->sums[i];
        if (needed <= lane->capacity)
            continue;
        void *array = lane->cells;
        if (!grow_cleared(table->account, &array, &lane->capacity, needed, sizeof *lane->cells))
            return false;
        lane->cells = array;
    }
    if (needed > table->cell_count)
        table->cell_count = needed;
    return true;
}

bool df_funnel_table_cell(struct df_funnel_table *table, uint32_t id, uint32_t class, size_t *cell)
{
    if (!table->sparse) {
        *cell = (size_t)id * table->classes->count + class;
        return *cell < table->cell_count || grow_cells(table, ((size_t)id + 1) * table->classes->count);
    }
    uint32_t found;
    if (!df_funnel_values_number(&table->cells, (int64_t)((uint64_t)id << 16 | class), &found))
        return false;
    *cell = found;
    return found < table->cell_count || grow_cells(table, (size_t)found + 1);
}

bool df_funnel_table_make_cells(struct df_funnel_table *table)
{
    return table->sparse || grow_cells(table, table->values.count * table->classes->count);
}

/* ---- distinct values ---- */

uint8_t *df_funnel_table_hll(struct df_funnel_table *table, uint32_t class)
{
    if (!table->hlls[class])
        table->hlls[class] = alloc_cleared(table->account, DF_FUNNEL_HLL_REGISTERS, 1);
    return table->hlls[class];
}

bool df_funnel_table_count_distinct(struct df_funnel_table *table)
{
    size_t size_bytes = table->values.count * sizeof(uint16_t);
    uint16_t *greatest = df_funnel_account_alloc(table->account, size_bytes); /* class + 1 */
    if (!greatest)
        return false;
    memset(greatest, 0, size_bytes);
    for (size_t cell = 0; cell < table->cell_count; cell++) {
        uint32_t value = df_funnel_cell_value(table, cell), class = df_funnel_cell_class(table, cell);
        if (df_funnel_cell_is_used(table, cell) && class >= greatest[value])
            greatest[value] = (uint16_t)(class + 1);
    }
    for (size_t i = 0; i < table->values.count; i++)
        if (greatest[i])
            table->distinct[greatest[i] - 1]++;
    df_funnel_account_free(table->account, greatest, size_bytes);
    return true;
}

/* ---- cells by value ---- */

bool df_funnel_chains_make(struct df_funnel_chains *chains, const struct df_funnel_table *table)
{
    *chains = (struct df_funnel_chains){.first = calloc(table->values.count + 1, sizeof *chains->first),
                                        .next = calloc(table->cell_count + 1, sizeof *chains->next)};
    if (!chains->first || !chains->next) {
        df_funnel_chains_dispose(chains);
        return false;
    }
    for (size_t i = 0; i < table->values.count; i++)
        chains->first[i] = DF_FUNNEL_NO_CELL;
    for (size_t cell = table->cell_count; cell-- > 0;) {
        uint32_t value = df_funnel_cell_value(table, cell);
        if (!df_funnel_cell_is_used(table, cell))
            continue;
        chains->next[cell] = chains->first[value];
        chains->first[value] = cell;
    }
    return true;
}

void df_funnel_chains_dispose(struct df_funnel_chains *chains)
{
    free(chains->first);
    free(chains->next);
    *chains = (struct df_funnel_chains){0};
}

/* ---- absorbing ---- */

static bool is_blank(const struct df_funnel_table *table)
{
    return table->values.count == 0 && !table->settled && !table->cut;
}

/* A settled table counts its distinct values apart; one that meets it must do so too. */
static bool settle_both(struct df_funnel_table *to, struct df_funnel_table *from)
{
    if (to->settled == from->settled)
        return true;
    struct df_funnel_table *unsettled = to->settled ? from : to;
    if (!df_funnel_table_count_distinct(unsettled))
        return false;
    unsettled->settled = true;
    return true;
}

bool df_funnel_table_reserve(struct df_funnel_table *to, struct df_funnel_table *from)
{
    if (is_blank(to) || is_blank(from))
        return true;
    if (!settle_both(to, from))
        return false;
    if (from->values.count > 0) {
        void *map = from->map;
        if (!df_funnel_account_grow(from->account, &map, &from->map_capacity, from->values.count, sizeof *from->map))
            return false;
        from->map = map;
    }
    for (size_t i = 0; i < from->values.count; i++)
        from->map[i] = DF_FUNNEL_NONE;
    for (size_t cell = 0; cell < from->cell_count; cell++) {
        uint32_t value = df_funnel_cell_value(from, cell);
        size_t ignored;
        if (!df_funnel_cell_is_used(from, cell))
            continue;
        if (from->map[value] == DF_FUNNEL_NONE &&
            !df_funnel_values_copy(&to->values, &from->values, value, &from->map[value]))
            return false;
        if (!df_funnel_table_cell(to, from->map[value], df_funnel_cell_class(from, cell), &ignored))
            return false;
    }
    for (uint32_t class = 0; class < from->classes->count; class ++)
        if (from->hlls[class] && !df_funnel_table_hll(to, class))
            return false;
    return true;
}

static void add_cell(struct df_funnel_table *to, struct df_funnel_table *from, size_t from_cell)
{
    size_t cell = 0;
    bool there = df_funnel_table_cell(to, from->map[df_funnel_cell_value(from, from_cell)],
                                      df_funnel_cell_class(from, from_cell), &cell);
    assert(there); /* reserved */
    (void)there;
    for (uint32_t i = 0; i < to->counter_count; i++)
        to->counters[cell * to->counter_count + i] += from->counters[from_cell * from->counter_count + i];
    for (uint32_t i = 0; i < to->sum_count; i++)
        df_funnel_amount_merge(&to->sums[i].cells[cell], &from->sums[i].cells[from_cell]);
}

static void add_errors(struct df_funnel_table *to, const struct df_funnel_table *from)
{
    to->cut = to->cut || from->cut;
    for (uint32_t i = 0; i < to->counter_count; i++)
        to->counter_errors[i] += from->counter_errors[i];
    for (uint32_t i = 0; i < to->sum_count; i++) {
        struct df_funnel_sum_error *error = &to->sums[i].error;
        const struct df_funnel_sum_error *other = &from->sums[i].error;
        error->largest += other->largest;
        error->least = fmin(error->least, other->least);
        error->greatest = fmax(error->greatest, other->greatest);
    }
    for (uint32_t class = 0; class < to->classes->count; class ++)
        if (from->hlls[class])
            df_funnel_hll_merge(to->hlls[class], from->hlls[class]);
}

static void swap_tables(struct df_funnel_table *a, struct df_funnel_table *b)
{
    struct df_funnel_table kept = *a;
    const struct df_funnel_classes *a_classes = a->classes, *b_classes = b->classes;
    *a = *b;
    *b = kept;
    a->classes = a_classes; /* of equal shape, but each belongs to its result */
    b->classes = b_classes;
}

void df_funnel_table_add(struct df_funnel_table *to, struct df_funnel_table *from)
{
    if (is_blank(from)) {
        add_errors(to, from); /* what terms were seen */
        return;
    }
    if (is_blank(to)) {
        swap_tables(to, from);
        add_errors(to, from);
        return;
    }
    for (size_t cell = 0; cell < from->cell_count; cell++)
        if (df_funnel_cell_is_used(from, cell))
            add_cell(to, from, cell);
    for (uint32_t class = 0; class < to->classes->count; class ++) {
        to->distinct[class] += from->distinct[class];
        for (uint32_t i = 0; i < to->counter_count; i++)
            to->rest[class * to->counter_count + i] += from->rest[class * to->counter_count + i];
    }
    to->settled = to->settled || from->settled;
    add_errors(to, from);
}

/* ---- keeping some ---- */

static bool copy_kept(struct df_funnel_table *to, const struct df_funnel_table *from, const uint8_t *keep)
{
    df_funnel_values_init(&to->values, from->values.form, from->account);
    for (size_t cell = 0; cell < from->cell_count; cell++) {
        uint32_t value = df_funnel_cell_value(from, cell), id;
        size_t at;
        if (!keep[value] || !df_funnel_cell_is_used(from, cell))
            continue;
        if (!df_funnel_values_copy(&to->values, &from->values, value, &id) ||
            !df_funnel_table_cell(to, id, df_funnel_cell_class(from, cell), &at))
            return false;
        memcpy(&to->counters[at * to->counter_count], &from->counters[cell * to->counter_count],
               to->counter_count * sizeof *to->counters);
        for (uint32_t i = 0; i < to->sum_count; i++)
            df_funnel_amount_merge(&to->sums[i].cells[at], &from->sums[i].cells[cell]);
    }
    return true;
}

bool df_funnel_table_keep(struct df_funnel_table *table, const uint8_t *keep)
{
    struct df_funnel_table kept;
    if (df_funnel_table_init(&kept, table->column, table->counter_count, table->sum_count, table->classes,
                             table->account) < 0 ||
        !copy_kept(&kept, table, keep)) {
        df_funnel_table_dispose(&kept);
        return false;
    }
    dispose_cells(table);
    table->values = kept.values;
    table->cells = kept.cells;
    table->cell_count = kept.cell_count;
    table->counter_capacity = kept.counter_capacity;
    table->counters = kept.counters;
    for (uint32_t i = 0; i < table->sum_count; i++) {
        table->sums[i].cells = kept.sums[i].cells;
        table->sums[i].capacity = kept.sums[i].capacity;
        kept.sums[i].cells = NULL;
        kept.sums[i].capacity = 0;
    }
    df_funnel_values_init(&kept.values, kept.values.form, kept.account);
    df_funnel_values_init(&kept.cells, DF_FUNNEL_FORM_NUMBER, kept.account);
    kept.counters = NULL;
    kept.counter_capacity = kept.cell_count = 0;
    df_funnel_table_dispose(&kept);
    return true;
}
