#include "engine/funnel/evaluate/partitions.h"

#include "base/bytes.h"
#include "base/hash.h"

enum { POOL_BYTES = 16 * 1024 };

struct df_funnel_pool_block {
    struct df_funnel_pool_block *next;
    size_t size_bytes, used_bytes; /* of `data` */
    uint8_t data[];
};

/* ---- memory ---- */

void df_funnel_partitions_init(struct df_funnel_partitions *partitions)
{
    size_t row_bytes = (partitions->kind == DF_FUNNEL_KEY_BYTES ? sizeof(struct df_slice) : 0) +
                       (partitions->with_ordinals ? sizeof(uint32_t) : 0) +
                       partitions->fact_count * (sizeof(int64_t) + 1);
    partitions->chunk_bytes = sizeof(struct df_funnel_rows_chunk) + DF_FUNNEL_CHUNK_ROWS * row_bytes;
}

static void *carve(uint8_t **at, size_t bytes)
{
    void *place = *at;
    *at += bytes;
    return place;
}

/* Arrays of eight bytes first, so that each is aligned. */
static struct df_funnel_rows_chunk *make_chunk(struct df_funnel_partitions *partitions)
{
    struct df_funnel_rows_chunk *chunk = df_funnel_account_alloc(partitions->account, partitions->chunk_bytes);
    if (!chunk)
        return NULL;
    uint8_t *at = (uint8_t *)(chunk + 1);
    chunk->next = NULL;
    chunk->count = 0;
    chunk->bytes =
        partitions->kind == DF_FUNNEL_KEY_BYTES ? carve(&at, DF_FUNNEL_CHUNK_ROWS * sizeof *chunk->bytes) : NULL;
    chunk->facts = carve(&at, DF_FUNNEL_CHUNK_ROWS * partitions->fact_count * sizeof *chunk->facts);
    chunk->ordinals = partitions->with_ordinals ? carve(&at, DF_FUNNEL_CHUNK_ROWS * sizeof *chunk->ordinals) : NULL;
    chunk->fact_valid = carve(&at, (size_t)DF_FUNNEL_CHUNK_ROWS * partitions->fact_count);
    return chunk;
}

void df_funnel_partition_free(struct df_funnel_partitions *partitions, uint32_t index)
{
    struct df_funnel_partition *partition = &partitions->partitions[index];
    while (partition->first) {
        struct df_funnel_rows_chunk *chunk = partition->first;
        partition->first = chunk->next;
        df_funnel_account_free(partitions->account, chunk, partitions->chunk_bytes);
    }
    while (partition->pool) {
        struct df_funnel_pool_block *block = partition->pool;
        partition->pool = block->next;
        df_funnel_account_free(partitions->account, block, sizeof *block + block->size_bytes);
    }
    partition->last = NULL;
    partition->full_rows = 0;
}

void df_funnel_partitions_dispose(struct df_funnel_partitions *partitions)
{
    for (uint32_t i = 0; i < partitions->count; i++)
        df_funnel_partition_free(partitions, i);
    df_buf_dispose(&partitions->last_bytes);
}

static struct df_funnel_rows_chunk *add_chunk(struct df_funnel_partitions *partitions,
                                              struct df_funnel_partition *partition)
{
    struct df_funnel_rows_chunk *chunk = make_chunk(partitions);
    if (!chunk)
        return NULL;
    if (partition->last) {
        partition->full_rows += partition->last->count;
        partition->last->next = chunk;
    } else {
        partition->first = chunk;
    }
    return partition->last = chunk;
}

static uint8_t *pool_room(struct df_funnel_partitions *partitions, struct df_funnel_partition *partition, size_t size)
{
    struct df_funnel_pool_block *block = partition->pool;
    if (!block || block->size_bytes - block->used_bytes < size) {
        size_t room = size > POOL_BYTES ? size : POOL_BYTES;
        if (size > SIZE_MAX / 2)
            return NULL;
        block = df_funnel_account_alloc(partitions->account, sizeof *block + room);
        if (!block)
            return NULL;
        *block = (struct df_funnel_pool_block){.next = partition->pool, .size_bytes = room};
        partition->pool = block;
    }
    uint8_t *place = block->data + block->used_bytes;
    block->used_bytes += size;
    return place;
}

/* ---- a batch ---- */

static int match_masks(struct df_funnel_partitions *partitions, struct df_funnel_source *source, struct df_error *error)
{
    for (uint32_t bit = 0; bit < partitions->filter_count; bit++) {
        const uint32_t *rows;
        uint32_t count;
        if (source->match(source, partitions->filters[bit], &rows, &count, error) < 0)
            return -1;
        for (uint32_t i = 0; i < count; i++)
            partitions->masks[rows[i]] |= (uint8_t)(1u << bit);
    }
    return 0;
}

int df_funnel_partitions_mask(struct df_funnel_partitions *partitions, struct df_funnel_source *source,
                              const struct df_funnel_batch *batch, struct df_error *error)
{
    uint8_t *masks = partitions->masks, timed = 1;
    if (!batch->time_valid)
        memset(masks, DF_FUNNEL_MASK_TIMED, batch->rows);
    for (uint32_t i = 0; batch->time_valid && i < batch->rows; i++) {
        masks[i] = (uint8_t)(batch->time_valid[i] << 7);
        timed &= batch->time_valid[i];
    }
    partitions->untimed |= !timed;
    if (source->masks)
        return source->masks(source, partitions->filters, partitions->filter_count, masks, error);
    return match_masks(partitions, source, error);
}

/* Some neighbouring rows of a batch; arrays of the partitions are indexed from its first row. */
struct stretch {
    const struct df_funnel_batch *batch;
    uint32_t begin, rows;
};

static void hash_rows(struct df_funnel_partitions *partitions, const struct stretch *stretch)
{
    const struct df_funnel_keys *all = &stretch->batch->keys;
    struct df_funnel_keys some = {.kind = all->kind,
                                  .count = stretch->rows,
                                  .numbers = all->numbers ? all->numbers + stretch->begin : NULL,
                                  .bytes = all->bytes ? all->bytes + stretch->begin : NULL};
    df_funnel_keys_hash(&some, partitions->hashes);
}

static struct df_funnel_partition *partition_of(struct df_funnel_partitions *partitions, uint64_t hash)
{
    return &partitions->partitions[hash >> DF_FUNNEL_PARTITION_SHIFT & (partitions->count - 1)];
}

/* The place behind the last row of a partition. */
static struct df_funnel_rows_chunk *next_place(struct df_funnel_partitions *partitions,
                                               struct df_funnel_partition *partition)
{
    struct df_funnel_rows_chunk *chunk = partition->last;
    return chunk && chunk->count < DF_FUNNEL_CHUNK_ROWS ? chunk : add_chunk(partitions, partition);
}

static bool is_out(const struct df_funnel_partitions *partitions, const uint8_t *valid, uint32_t row, uint64_t hash)
{
    return (valid && !valid[row]) ||
           ((uint32_t)(hash >> DF_FUNNEL_PASS_SHIFT) & partitions->pass_mask) != partitions->pass_value;
}

/* Tags, times and masks of the rows; where the rest of them goes is noted. */
static bool place_rows(struct df_funnel_partitions *partitions, const struct stretch *stretch)
{
    const uint8_t *valid = stretch->batch->keys.valid ? stretch->batch->keys.valid + stretch->begin : NULL;
    const uint8_t *masks = partitions->masks + stretch->begin;
    const int64_t *times = stretch->batch->times ? stretch->batch->times + stretch->begin : NULL;
    for (uint32_t i = 0; i < stretch->rows; i++) {
        uint64_t hash = partitions->hashes[i];
        struct df_funnel_partition *partition = partition_of(partitions, hash);
        partitions->chunk_of[i] = NULL;
        if (is_out(partitions, valid, i, hash))
            continue;
        struct df_funnel_rows_chunk *chunk = next_place(partitions, partition);
        if (!chunk)
            return false;
        uint32_t at = chunk->count++;
        chunk->tags[at] = (uint16_t)hash;
        if (times)
            chunk->times[at] = times[i];
        chunk->masks[at] = masks[i];
        partitions->within[i] = (uint16_t)at;
        partitions->chunk_of[i] = chunk;
    }
    return true;
}

/* The same, all in one, for numbers without anything else: the usual case, and the hottest loop of it. */
static bool place_numbers(struct df_funnel_partitions *partitions, const struct stretch *stretch)
{
    const uint8_t *valid = stretch->batch->keys.valid ? stretch->batch->keys.valid + stretch->begin : NULL;
    const uint8_t *masks = partitions->masks + stretch->begin;
    const int64_t *times = stretch->batch->times ? stretch->batch->times + stretch->begin : NULL;
    const int64_t *numbers = stretch->batch->keys.numbers + stretch->begin;
    for (uint32_t i = 0; i < stretch->rows; i++) {
        uint64_t hash = df_hash_u64((uint64_t)numbers[i]);
        struct df_funnel_partition *partition = partition_of(partitions, hash);
        if (is_out(partitions, valid, i, hash))
            continue;
        struct df_funnel_rows_chunk *chunk = next_place(partitions, partition);
        if (!chunk)
            return false;
        uint32_t at = chunk->count++;
        chunk->keys.numbers[at] = numbers[i];
        chunk->tags[at] = (uint16_t)hash;
        if (times)
            chunk->times[at] = times[i];
        chunk->masks[at] = masks[i];
    }
    return true;
}

/* Behind its length, where groups can have it without another copy. */
static bool copy_key(struct df_funnel_partitions *partitions, struct df_funnel_partition *partition,
                     struct df_slice key, struct df_slice *out)
{
    uint8_t *copy = key.size > UINT32_MAX ? NULL : pool_room(partitions, partition, key.size + sizeof(uint32_t));
    if (!copy)
        return false;
    df_store_u32le(copy, (uint32_t)key.size);
    if (key.size)
        memcpy(copy + sizeof(uint32_t), key.data, key.size);
    *out = df_slice_make(copy + sizeof(uint32_t), key.size);
    return true;
}

static bool put_bytes(struct df_funnel_partitions *partitions, const struct stretch *stretch)
{
    const struct df_slice *bytes = stretch->batch->keys.bytes + stretch->begin;
    for (uint32_t i = 0; i < stretch->rows; i++) {
        struct df_funnel_rows_chunk *chunk = partitions->chunk_of[i];
        uint32_t at = partitions->within[i];
        if (!chunk)
            continue;
        uint64_t hash = partitions->hashes[i];
        if (!copy_key(partitions, partition_of(partitions, hash), bytes[i], &chunk->bytes[at]))
            return false;
        chunk->keys.hashes[at] = hash;
    }
    return true;
}

static void put_numbers(struct df_funnel_partitions *partitions, const struct stretch *stretch)
{
    const int64_t *numbers = stretch->batch->keys.numbers + stretch->begin;
    for (uint32_t i = 0; i < stretch->rows; i++)
        if (partitions->chunk_of[i])
            partitions->chunk_of[i]->keys.numbers[partitions->within[i]] = numbers[i];
}

/* The 64 bits of the values of a column, whether integers or doubles; 0 for null. */
static void put_fact(const struct df_vector *vector, uint32_t begin, uint32_t rows, int64_t *values, uint8_t *valid)
{
    const int64_t *entries = vector->kind == DF_VECTOR_CODES ? vector->dictionary->values.int64s : NULL;
    if (vector->valid)
        memcpy(valid, vector->valid + begin, rows);
    else
        memset(valid, 1, rows);
    if (vector->kind != DF_VECTOR_CODES)
        memcpy(values, vector->values.int64s + begin, rows * sizeof *values);
    else if (vector->dictionary->count == 0) /* all of them are null */
        memset(values, 0, rows * sizeof *values);
    else
        for (uint32_t i = 0; i < rows; i++)
            values[i] = entries[vector->values.codes[begin + i]];
}

static void put_facts(struct df_funnel_partitions *partitions, const struct stretch *stretch)
{
    for (uint32_t fact = 0; fact < partitions->fact_count; fact++) {
        const struct df_vector *vector = stretch->batch->values[partitions->fact_columns[fact]];
        size_t first = (size_t)fact * DF_FUNNEL_CHUNK_ROWS;
        put_fact(vector, stretch->begin, stretch->rows, partitions->values, partitions->valid);
        for (uint32_t i = 0; i < stretch->rows; i++) {
            struct df_funnel_rows_chunk *chunk = partitions->chunk_of[i];
            if (!chunk)
                continue;
            chunk->facts[first + partitions->within[i]] = partitions->values[i];
            chunk->fact_valid[first + partitions->within[i]] = partitions->valid[i];
        }
    }
}

static void put_ordinals(struct df_funnel_partitions *partitions, const struct stretch *stretch)
{
    uint32_t first = stretch->batch->first_row + stretch->begin;
    for (uint32_t i = 0; partitions->with_ordinals && i < stretch->rows; i++)
        if (partitions->chunk_of[i])
            partitions->chunk_of[i]->ordinals[partitions->within[i]] = first + i;
}

/* Ordinals and facts of one row, where they are wanted. */
static void put_row_extras(struct df_funnel_partitions *partitions, const struct df_funnel_batch *batch, uint32_t row,
                           struct df_funnel_rows_chunk *chunk, uint32_t at)
{
    if (partitions->with_ordinals)
        chunk->ordinals[at] = batch->first_row + row;
    for (uint32_t fact = 0; fact < partitions->fact_count; fact++) {
        size_t place = (size_t)fact * DF_FUNNEL_CHUNK_ROWS + at;
        put_fact(batch->values[partitions->fact_columns[fact]], row, 1, &chunk->facts[place],
                 &chunk->fact_valid[place]);
    }
}

static bool add_stretch(struct df_funnel_partitions *partitions, const struct stretch *stretch)
{
    bool plain = partitions->kind != DF_FUNNEL_KEY_BYTES && !partitions->with_ordinals && !partitions->fact_count;
    if (plain && !stretch->batch->keys.hashes)
        return place_numbers(partitions, stretch);
    hash_rows(partitions, stretch);
    if (!place_rows(partitions, stretch))
        return false;
    if (partitions->kind != DF_FUNNEL_KEY_BYTES)
        put_numbers(partitions, stretch);
    else if (!put_bytes(partitions, stretch))
        return false;
    put_ordinals(partitions, stretch);
    put_facts(partitions, stretch);
    return true;
}

int df_funnel_partitions_add(struct df_funnel_partitions *partitions, struct df_funnel_source *source,
                             const struct df_funnel_batch *batch, struct df_error *error)
{
    if (df_funnel_partitions_mask(partitions, source, batch, error) < 0)
        return -1;
    for (uint32_t begin = 0; begin < batch->rows; begin += DF_FUNNEL_STRETCH_ROWS) {
        struct stretch stretch = {.batch = batch, .begin = begin, .rows = batch->rows - begin};
        if (stretch.rows > DF_FUNNEL_STRETCH_ROWS)
            stretch.rows = DF_FUNNEL_STRETCH_ROWS;
        if (!add_stretch(partitions, &stretch))
            return DF_FUNNEL_OVER;
    }
    partitions->row_count = (uint64_t)batch->first_row + batch->rows;
    return DF_FUNNEL_DONE;
}

/* ---- by order ---- */

uint32_t df_funnel_partitions_last_change(const struct df_funnel_keys *keys, uint32_t begin, uint32_t end)
{
    uint32_t later = UINT32_MAX; /* the row behind that counts */
    for (uint32_t row = end; row-- > begin;) {
        if (keys->valid && !keys->valid[row])
            continue;
        if (later != UINT32_MAX) {
            bool same = keys->kind == DF_FUNNEL_KEY_BYTES ? df_slice_equal(keys->bytes[row], keys->bytes[later])
                                                          : keys->numbers[row] == keys->numbers[later];
            if (!same)
                return later;
        }
        later = row;
    }
    return begin;
}

/* Below 0: the user before is less; above 0: greater, which breaks the order. */
static int compare_before(const struct df_funnel_partitions *partitions, const struct df_funnel_keys *keys,
                          uint32_t row)
{
    int64_t before = partitions->last_number;
    if (!partitions->any)
        return -1;
    if (keys->kind == DF_FUNNEL_KEY_BYTES)
        return df_slice_compare(df_buf_slice(&partitions->last_bytes), keys->bytes[row]);
    int64_t number = keys->numbers[row];
    if (keys->kind == DF_FUNNEL_KEY_UINT64)
        return ((uint64_t)before > (uint64_t)number) - ((uint64_t)before < (uint64_t)number);
    return (before > number) - (before < number);
}

/* The bytes of a batch are gone with it. */
static bool remember(struct df_funnel_partitions *partitions, const struct df_funnel_keys *keys, uint32_t row)
{
    partitions->any = true;
    if (keys->kind != DF_FUNNEL_KEY_BYTES) {
        partitions->last_number = keys->numbers[row];
        return true;
    }
    df_buf_clear(&partitions->last_bytes);
    df_buf_put_slice(&partitions->last_bytes, keys->bytes[row]);
    return !df_buf_failed(&partitions->last_bytes);
}

static bool append_row(struct df_funnel_partitions *partitions, const struct df_funnel_batch *batch, uint32_t row)
{
    struct df_funnel_partition *partition = &partitions->partitions[0];
    const struct df_funnel_keys *keys = &batch->keys;
    int order = compare_before(partitions, keys, row);
    if (order > 0 || (order < 0 && !remember(partitions, keys, row)))
        return false;
    struct df_funnel_rows_chunk *chunk = next_place(partitions, partition);
    if (!chunk)
        return false;
    uint32_t at = chunk->count++;
    if (batch->times)
        chunk->times[at] = batch->times[row];
    chunk->masks[at] = partitions->masks[row];
    if (keys->kind != DF_FUNNEL_KEY_BYTES) {
        chunk->keys.numbers[at] = keys->numbers[row];
        return true;
    }
    if (order < 0 || at == 0)
        return copy_key(partitions, partition, keys->bytes[row], &chunk->bytes[at]);
    chunk->bytes[at] = chunk->bytes[at - 1]; /* the same user's */
    return true;
}

/* Signed numbers that all count, which sorted files come to: in runs, array by array. */
static bool append_numbers(struct df_funnel_partitions *partitions, const struct df_funnel_batch *batch, uint32_t begin,
                           uint32_t end)
{
    const int64_t *numbers = batch->keys.numbers;
    bool ordered = !partitions->any || begin == end || partitions->last_number <= numbers[begin];
    for (uint32_t row = begin + 1; row < end; row++)
        ordered &= numbers[row - 1] <= numbers[row];
    if (!ordered)
        return false;
    for (uint32_t row = begin, some; row < end; row += some) {
        struct df_funnel_rows_chunk *chunk = next_place(partitions, &partitions->partitions[0]);
        if (!chunk)
            return false;
        uint32_t at = chunk->count, room = DF_FUNNEL_CHUNK_ROWS - at;
        some = end - row < room ? end - row : room;
        memcpy(chunk->keys.numbers + at, numbers + row, some * sizeof *numbers);
        if (batch->times)
            memcpy(chunk->times + at, batch->times + row, some * sizeof *batch->times);
        memcpy(chunk->masks + at, partitions->masks + row, some);
        chunk->count += some;
    }
    if (end > begin) {
        partitions->any = true;
        partitions->last_number = numbers[end - 1];
    }
    return true;
}

bool df_funnel_partitions_append(struct df_funnel_partitions *partitions, const struct df_funnel_batch *batch,
                                 uint32_t begin, uint32_t end)
{
    bool plain = batch->keys.kind == DF_FUNNEL_KEY_INT64 && !batch->keys.valid && !partitions->with_ordinals &&
                 !partitions->fact_count;
    partitions->row_count = (uint64_t)batch->first_row + end;
    if (plain)
        return append_numbers(partitions, batch, begin, end);
    for (uint32_t row = begin; row < end; row++) {
        if (batch->keys.valid && !batch->keys.valid[row])
            continue;
        if (!append_row(partitions, batch, row))
            return false;
        struct df_funnel_rows_chunk *chunk = partitions->partitions[0].last;
        put_row_extras(partitions, batch, row, chunk, chunk->count - 1);
    }
    return true;
}
