/* By what the rows of an import are sorted: part, rows without a user first, user, time; rows that are equal in all of
 * these stay in the order of the input, which is for the sorter to keep. */
#ifndef DF_CLI_IMPORT_KEY_H
#define DF_CLI_IMPORT_KEY_H

#include "base/bytes.h"
#include "base/slice.h"

enum { DF_IMPORT_KEY_BYTES = 16 };
/* The user of most rows whole, so that rows are told apart without a look at their text. */
struct df_import_key {
    uint32_t part;
    bool user_null;
    uint8_t user_bytes; /* of a string; DF_IMPORT_KEY_BYTES + 1: it is longer than the key holds */
    uint64_t user[2];   /* an integer, or the first bytes of a string, so that numbers order as users do */
    uint64_t time;      /* orders as times do; UINT64_MAX: none */
};
struct df_import_record {
    struct df_import_key key;
    struct df_slice user_text; /* of a string */
    struct df_slice values;
};

static inline uint64_t df_import_key_word(struct df_slice text, size_t from)
{
    uint64_t word = 0;
    if (text.size >= from + 8)
        return __builtin_bswap64(df_load_u64le(text.data + from));
    for (size_t i = from; i < from + 8; i++)
        word = word << 8 | (i < text.size ? text.data[i] : 0);
    return word;
}

static inline void df_import_key_set_text(struct df_import_key *key, struct df_slice user)
{
    key->user[0] = df_import_key_word(user, 0);
    key->user[1] = df_import_key_word(user, 8);
    key->user_bytes = user.size > DF_IMPORT_KEY_BYTES ? DF_IMPORT_KEY_BYTES + 1 : (uint8_t)user.size;
}

/* The text of a key's user: asked for only where two keys hold the same beginning of longer texts. */
typedef struct df_slice df_import_key_text_fn(const void *ctx, const struct df_import_key *key);

static inline int df_import_key_compare(const struct df_import_key *a, const struct df_import_key *b,
                                        df_import_key_text_fn *text, const void *ctx)
{
    if (a->part != b->part)
        return a->part < b->part ? -1 : 1;
    if (a->user_null != b->user_null)
        return a->user_null ? -1 : 1;
    for (int i = 0; i < 2; i++)
        if (a->user[i] != b->user[i])
            return a->user[i] < b->user[i] ? -1 : 1;
    if (a->user_bytes != b->user_bytes) /* zero bytes behind a shorter text */
        return a->user_bytes < b->user_bytes ? -1 : 1;
    int order = a->user_bytes > DF_IMPORT_KEY_BYTES ? df_slice_compare(text(ctx, a), text(ctx, b)) : 0;
    return order ? order : (a->time > b->time) - (a->time < b->time);
}

#endif
