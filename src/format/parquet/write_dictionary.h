/* Numbers the distinct values of a column chunk while it is written, up to a size.
 *
 * Numbers are given in order of first appearance, so the same values give the same dictionary. */
#ifndef DF_FORMAT_PARQUET_WRITE_DICTIONARY_H
#define DF_FORMAT_PARQUET_WRITE_DICTIONARY_H

#include "base/buf.h"

struct df_write_dictionary {
    size_t limit_bytes;  /* of `plain`; set once */
    struct df_buf plain; /* the dictionary page before compression */
    uint32_t count;
    struct df_buf offsets; /* uint32_t per entry: where it begins in `plain` */
    uint64_t *slots;       /* low half of an entry's hash << 32 | its number + 1; 0: free; owned */
    uint32_t slot_count;   /* a power of two, at least twice `count` */
};

enum df_write_dictionary_result {
    DF_WRITE_DICTIONARY_CODE,  /* *code is the value's number */
    DF_WRITE_DICTIONARY_NEW,   /* the same, and it was not there before */
    DF_WRITE_DICTIONARY_FULL,  /* it is not there, and there is no room */
    DF_WRITE_DICTIONARY_ERROR, /* out of memory */
};

/* `plain` is the value as PLAIN writes it; of byte arrays without the length, which is put in front (with_length). */
enum df_write_dictionary_result df_write_dictionary_code(struct df_write_dictionary *dictionary, struct df_slice plain,
                                                         bool with_length, uint32_t *code);
void df_write_dictionary_clear(struct df_write_dictionary *dictionary); /* forgets the values, keeps memory */
void df_write_dictionary_dispose(struct df_write_dictionary *dictionary);

#endif
