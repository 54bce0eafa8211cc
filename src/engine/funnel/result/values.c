/* Distinct values → ids. Open addressing, linear probing; a slot keeps 32 bits of the hash, so that growing touches no
 * value and probes touch one only where it is most likely the right one. */
#include "base/bytes.h"
#include "base/hash.h"
#include "base/size.h"
#include "engine/funnel/result/tables.h"

enum {
    SLOTS_MIN = 64,
    CHUNK_BYTES_MIN = 1024,
    CHUNK_BYTES_MAX = 256 * 1024,
    PREFETCH_SLOTS = 16, /* far enough to hide a miss of the last cache, near enough to stay in the batch */
    PREFETCH_ITEMS = 8,
    DECIMAL_BYTES = 16,
};

struct df_funnel_value_chunk {
    struct df_funnel_value_chunk *next;
    size_t size_bytes, used_bytes; /* of `data` */
    uint8_t data[];
};

enum df_funnel_form df_funnel_form_of(const struct df_type *type)
{
    switch (type->kind) {
    case DF_TYPE_STRING:
    case DF_TYPE_BINARY:
    case DF_TYPE_UUID:
    case DF_TYPE_DECIMAL:
        return DF_FUNNEL_FORM_BYTES;
    default:
        return DF_FUNNEL_FORM_NUMBER;
    }
}

void df_funnel_values_init(struct df_funnel_values *values, enum df_funnel_form form, struct df_funnel_account *account)
{
    *values = (struct df_funnel_values){.form = form, .account = account, .null_id = DF_FUNNEL_NONE};
}

void df_funnel_values_dispose(struct df_funnel_values *values)
{
    while (values->chunks) {
        struct df_funnel_value_chunk *chunk = values->chunks;
        values->chunks = chunk->next;
        df_funnel_account_free(values->account, chunk, sizeof *chunk + chunk->size_bytes);
    }
    df_funnel_account_free(values->account, values->items, values->capacity * sizeof *values->items);
    df_funnel_account_free(values->account, values->slots, values->slot_count * sizeof *values->slots);
    df_funnel_values_init(values, values->form, values->account);
}

static void place(struct df_funnel_value_slot *slots, size_t mask, struct df_funnel_value_slot slot)
{
    size_t at = slot.tag & mask;
    while (slots[at].id_plus_one)
        at = (at + 1) & mask;
    slots[at] = slot;
}

/* Never more than two thirds full: probes stay short, and always end. */
static bool reserve_slot(struct df_funnel_values *values)
{
    if ((values->count + 1) * 3 <= values->slot_count * 2)
        return true;
    size_t count = values->slot_count ? values->slot_count * 2 : SLOTS_MIN;
    struct df_funnel_value_slot *slots = df_funnel_account_alloc(values->account, count * sizeof *slots);
    if (!slots)
        return false;
    memset(slots, 0, count * sizeof *slots);
    for (size_t i = 0; i < values->slot_count; i++)
        if (values->slots[i].id_plus_one)
            place(slots, count - 1, values->slots[i]);
    df_funnel_account_free(values->account, values->slots, values->slot_count * sizeof *slots);
    values->slots = slots;
    values->slot_count = count;
    return true;
}

static uint8_t *reserve_bytes(struct df_funnel_values *values, size_t size_bytes)
{
    struct df_funnel_value_chunk *chunk = values->chunks;
    if (!chunk || chunk->size_bytes - chunk->used_bytes < size_bytes) {
        size_t larger = chunk && chunk->size_bytes < CHUNK_BYTES_MAX ? chunk->size_bytes * 2 : CHUNK_BYTES_MIN;
        if (chunk && chunk->size_bytes >= CHUNK_BYTES_MAX)
            larger = CHUNK_BYTES_MAX;
        larger = larger > size_bytes ? larger : size_bytes;
        chunk = df_funnel_account_alloc(values->account, sizeof *chunk + larger);
        if (!chunk)
            return NULL;
        *chunk = (struct df_funnel_value_chunk){.next = values->chunks, .size_bytes = larger};
        values->chunks = chunk;
    }
    uint8_t *bytes = chunk->data + chunk->used_bytes;
    chunk->used_bytes += size_bytes;
    return bytes;
}

/* Room for one more value; *item is set by the caller before the slot is placed. */
static bool reserve_item(struct df_funnel_values *values)
{
    void *array = values->items;
    if (values->count >= DF_FUNNEL_NONE - 1 || !reserve_slot(values))
        return false;
    if (!df_funnel_account_grow(values->account, &array, &values->capacity, values->count + 1, sizeof *values->items))
        return false;
    values->items = array;
    return true;
}

static uint32_t add_item(struct df_funnel_values *values, uint64_t hash, union df_funnel_value item)
{
    uint32_t id = (uint32_t)values->count++;
    values->items[id] = item;
    place(values->slots, values->slot_count - 1,
          (struct df_funnel_value_slot){.tag = (uint32_t)hash, .id_plus_one = id + 1});
    return id;
}

static bool number_at(struct df_funnel_values *values, int64_t number, uint64_t hash, uint32_t *id)
{
    size_t mask = values->slot_count - 1;
    uint32_t tag = (uint32_t)hash;
    for (size_t at = tag & mask; values->slot_count; at = (at + 1) & mask) {
        struct df_funnel_value_slot slot = values->slots[at];
        if (slot.id_plus_one == 0)
            break;
        if (slot.tag == tag && values->items[slot.id_plus_one - 1].number == number) {
            *id = slot.id_plus_one - 1;
            return true;
        }
    }
    if (!reserve_item(values))
        return false;
    *id = add_item(values, hash, (union df_funnel_value){.number = number});
    return true;
}

bool df_funnel_values_number(struct df_funnel_values *values, int64_t number, uint32_t *id)
{
    return number_at(values, number, df_hash_u64((uint64_t)number), id);
}

/* Two misses of the cache per number, slot and value, both asked for ahead: the slot first, and when it is there, the
 * value that it most likely names. */
static void prefetch_number(const struct df_funnel_values *values, const int64_t *numbers, uint32_t at, uint32_t n)
{
    size_t mask = values->slot_count - 1;
    if (at + PREFETCH_SLOTS < n)
        __builtin_prefetch(&values->slots[df_hash_u64((uint64_t)numbers[at + PREFETCH_SLOTS]) & mask]);
    if (at + PREFETCH_ITEMS < n) {
        uint32_t id_plus_one = values->slots[df_hash_u64((uint64_t)numbers[at + PREFETCH_ITEMS]) & mask].id_plus_one;
        if (id_plus_one)
            __builtin_prefetch(&values->items[id_plus_one - 1]);
    }
}

bool df_funnel_values_numbers(struct df_funnel_values *values, const int64_t *numbers, uint32_t n, uint32_t *ids)
{
    for (uint32_t i = 0; i < n; i++) {
        if (values->slot_count)
            prefetch_number(values, numbers, i, n);
        if (!number_at(values, numbers[i], df_hash_u64((uint64_t)numbers[i]), &ids[i]))
            return false;
    }
    return true;
}

struct df_slice df_funnel_values_slice(const struct df_funnel_values *values, uint32_t id)
{
    const uint8_t *bytes = values->items[id].bytes;
    return df_slice_make(bytes + 4, df_load_u32le(bytes));
}

static bool copy_bytes(struct df_funnel_values *values, struct df_slice from, union df_funnel_value *item)
{
    size_t size_bytes;
    if (from.size > UINT32_MAX || df_size_add(&size_bytes, from.size, 4) < 0)
        return false;
    uint8_t *bytes = reserve_bytes(values, size_bytes);
    if (!bytes)
        return false;
    df_store_u32le(bytes, (uint32_t)from.size);
    if (from.size)
        memcpy(bytes + 4, from.data, from.size);
    item->bytes = bytes;
    return true;
}

bool df_funnel_values_bytes(struct df_funnel_values *values, struct df_slice bytes, uint32_t *id)
{
    uint64_t hash = df_hash_bytes(bytes);
    size_t mask = values->slot_count - 1;
    uint32_t tag = (uint32_t)hash;
    union df_funnel_value item;
    for (size_t at = tag & mask; values->slot_count; at = (at + 1) & mask) {
        struct df_funnel_value_slot slot = values->slots[at];
        if (slot.id_plus_one == 0)
            break;
        if (slot.tag == tag && df_slice_equal(df_funnel_values_slice(values, slot.id_plus_one - 1), bytes)) {
            *id = slot.id_plus_one - 1;
            return true;
        }
    }
    if (!reserve_item(values) || !copy_bytes(values, bytes, &item))
        return false;
    *id = add_item(values, hash, item);
    return true;
}

/* Null has an id and no slot. */
bool df_funnel_values_null(struct df_funnel_values *values, uint32_t *id)
{
    if (values->null_id == DF_FUNNEL_NONE) {
        union df_funnel_value item = {.number = 0};
        if (!reserve_item(values) ||
            (values->form == DF_FUNNEL_FORM_BYTES && !copy_bytes(values, df_slice_make(NULL, 0), &item)))
            return false;
        values->null_id = (uint32_t)values->count;
        values->items[values->count++] = item;
    }
    *id = values->null_id;
    return true;
}

bool df_funnel_values_copy(struct df_funnel_values *values, const struct df_funnel_values *from, uint32_t from_id,
                           uint32_t *id)
{
    if (from_id == from->null_id)
        return df_funnel_values_null(values, id);
    if (from->form == DF_FUNNEL_FORM_BYTES)
        return df_funnel_values_bytes(values, df_funnel_values_slice(from, from_id), id);
    return df_funnel_values_number(values, from->items[from_id].number, id);
}

uint32_t df_funnel_values_find(const struct df_funnel_values *values, struct df_slice bytes)
{
    int64_t number = 0;
    bool is_bytes = values->form == DF_FUNNEL_FORM_BYTES;
    if (!is_bytes && bytes.size != sizeof number)
        return DF_FUNNEL_NONE;
    if (!is_bytes)
        memcpy(&number, bytes.data, sizeof number);
    uint64_t hash = is_bytes ? df_hash_bytes(bytes) : df_hash_u64((uint64_t)number);
    size_t mask = values->slot_count - 1;
    for (size_t at = (uint32_t)hash & mask; values->slot_count; at = (at + 1) & mask) {
        struct df_funnel_value_slot slot = values->slots[at];
        if (slot.id_plus_one == 0)
            break;
        uint32_t id = slot.id_plus_one - 1;
        if (slot.tag == (uint32_t)hash &&
            (is_bytes ? df_slice_equal(df_funnel_values_slice(values, id), bytes) : values->items[id].number == number))
            return id;
    }
    return DF_FUNNEL_NONE;
}

uint64_t df_funnel_values_hash(const struct df_funnel_values *values, uint32_t id)
{
    if (id == values->null_id)
        return 0;
    if (values->form == DF_FUNNEL_FORM_BYTES)
        return df_hash_bytes(df_funnel_values_slice(values, id));
    return df_hash_u64((uint64_t)values->items[id].number);
}

/* ---- from vectors ---- */

bool df_funnel_values_fit(const struct df_vector *vector, const struct df_type *type)
{
    if (type->list != (vector->kind == DF_VECTOR_LIST))
        return type->kind == DF_TYPE_NULL;
    if (type->list)
        return true; /* elements are not looked at: only whether there is a list */
    enum df_vector_kind kind = vector->kind == DF_VECTOR_CODES ? vector->dictionary->kind : vector->kind;
    switch (type->kind) {
    case DF_TYPE_NULL:
        return true;
    case DF_TYPE_BOOL:
        return vector->kind == DF_VECTOR_BOOL;
    case DF_TYPE_FLOAT:
        return kind == DF_VECTOR_FLOAT64;
    case DF_TYPE_STRING:
    case DF_TYPE_BINARY:
    case DF_TYPE_UUID:
        return kind == DF_VECTOR_BYTES;
    case DF_TYPE_DECIMAL:
        return kind == DF_VECTOR_INT64 || vector->kind == DF_VECTOR_INT128;
    default:
        return kind == DF_VECTOR_INT64;
    }
}

bool df_funnel_values_add_row(struct df_funnel_values *values, const struct df_type *type,
                              const struct df_vector *vector, uint32_t row, uint32_t *id)
{
    switch (type->kind) {
    case DF_TYPE_FLOAT:
        return df_funnel_values_number(values, df_funnel_real_bits(df_funnel_real_at(vector, row)), id);
    case DF_TYPE_STRING:
    case DF_TYPE_BINARY:
    case DF_TYPE_UUID:
        return df_funnel_values_bytes(values, df_funnel_bytes_at(vector, row), id);
    case DF_TYPE_DECIMAL: {
        __int128 number = df_funnel_integer_at(vector, row, false);
        return df_funnel_values_bytes(values, df_slice_make(&number, DECIMAL_BYTES), id);
    }
    default:
        return df_funnel_values_number(values, (int64_t)df_funnel_integer_at(vector, row, false), id);
    }
}
