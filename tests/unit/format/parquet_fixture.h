/* What tests of whole Parquet files share: a store, one file in a folder of its own, and how it is written and opened.
 * Included once by a program: the state is its own. */
#ifndef DF_TEST_PARQUET_FIXTURE_H
#define DF_TEST_PARQUET_FIXTURE_H

#include "format/parquet/parquet.h"
#include "testing/testing.h"

static const char *folder;
static struct df_store *store;
static char path[128]; /* of the file */

/* For cmocka_run_group_tests. */
static inline int set_up(void **state)
{
    (void)state;
    struct df_error error;
    folder = test_folder_make();
    snprintf(path, sizeof path, "%s/file.parquet", folder);
    return df_store_create(&store, &error);
}

static inline int tear_down(void **state)
{
    (void)state;
    df_store_free(store);
    test_folder_remove(folder);
    return 0;
}

static inline void save(struct df_slice bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    assert_int_equal(fclose(file), 0);
}

/* A sink of the writer; ctx is a struct df_buf. */
static inline int to_buf(void *ctx, struct df_slice piece, struct df_error *error)
{
    (void)error;
    df_buf_put_slice(ctx, piece);
    return 0;
}

static inline int try_open(struct df_parquet_file **file, struct df_budget *budget, struct df_error *error)
{
    struct df_parquet_open options = {.store = store, .uri = path, .budget = budget, .deadline = df_deadline_never()};
    *file = NULL;
    return df_parquet_file_open(file, &options, error);
}

static inline struct df_parquet_file *open_file(struct df_budget *budget)
{
    struct df_parquet_file *file;
    struct df_error error;
    assert_ok(try_open(&file, budget, &error), &error);
    return file;
}

#endif
