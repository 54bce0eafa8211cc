/* CSV and NDJSON, plain or packed: any bytes are rows and bad rows, the same however the bytes come, and the type that
 * is found for a column takes each of its cells. */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "format/text/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORD_BYTES = 512, COLUMNS = 64, OUTPUT_MOST = 1 << 20 };

struct input {
    struct df_slice left;
    size_t step, given;
};

struct outcome {
    bool failed;
    uint64_t rows, bad, digest;
    struct df_text_column columns[COLUMNS];
};

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_csv: %s\n", what);
        abort();
    }
}

static int read_input(void *ctx, uint8_t *to, size_t capacity, size_t *got, struct df_error *error)
{
    (void)error;
    struct input *input = ctx;
    *got = input->left.size < input->step ? input->left.size : input->step;
    *got = *got < capacity ? *got : capacity;
    if (*got > 0)
        memcpy(to, input->left.data, *got);
    input->left = df_slice_make(input->left.data + *got, input->left.size - *got);
    return 0;
}

static void mix(struct outcome *outcome, uint64_t value)
{
    outcome->digest = df_hash_u64(outcome->digest ^ value);
}

static void take_row(struct outcome *outcome, const struct df_text_row *row, enum df_text_day_order order,
                     const struct outcome *before)
{
    struct df_text_value value;
    struct df_text_stored stored;
    outcome->rows++;
    mix(outcome, row->line);
    for (uint32_t i = 0; i < row->cell_count; i++) {
        const struct df_text_cell *cell = &row->cells[i];
        mix(outcome, df_hash_bytes(cell->text) + cell->form);
        require(cell->offset <= row->raw.size, "a cell outside of its row");
        if (i >= COLUMNS)
            continue;
        df_text_classify(cell, order, &value);
        df_text_column_note(&outcome->columns[i], &value);
        if (!before)
            continue;
        struct df_type type = df_text_column_type(&before->columns[i]);
        require(df_text_convert(cell, &type, df_text_column_order(&before->columns[i]), &stored),
                "a cell that the type of its column does not take");
    }
}

static void read_all(struct df_text_options *options, enum df_text_day_order order, struct outcome *outcome,
                     const struct outcome *before)
{
    struct df_error error = {0};
    struct df_text_reader *reader;
    struct df_text_row row;
    struct df_text_bad bad;
    uint64_t line = 0;
    int step;
    if (df_text_reader_open(&reader, options, &error) < 0) {
        require(error.kind != DF_ERROR_NONE, "a failure without an error");
        outcome->failed = true;
        return;
    }
    while ((step = df_text_next(reader, &row, &bad, &error)) > 0 && outcome->rows + outcome->bad < OUTPUT_MOST) {
        uint64_t now = step == DF_TEXT_ROW ? row.line : bad.line;
        require(now >= line && now > 0, "lines that go back");
        line = now;
        if (step == DF_TEXT_ROW) {
            require(row.cell_count <= df_text_column_count(reader), "more cells than columns");
            take_row(outcome, &row, order, before);
        } else {
            outcome->bad++;
            mix(outcome, bad.line * 31 + bad.column);
            require(bad.reason[0] != '\0' && bad.column > 0, "a bad row without a reason");
        }
    }
    outcome->failed = step < 0;
    df_text_reader_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const nulls[] = {"NA"};
    if (size < 2 || size > 64 * 1024)
        return 0;
    struct input whole = {.left = df_slice_make(data + 1, size - 1), .step = SIZE_MAX};
    struct input cut = {.left = whole.left, .step = 1 + data[0] / 8};
    struct df_text_options options = {.format = data[0] & 1 ? DF_TEXT_NDJSON : DF_TEXT_CSV,
                                      .delimiter = data[0] & 2 ? ';' : ',',
                                      .no_header = data[0] & 4,
                                      .trim = data[0] & 128,
                                      .nulls = nulls,
                                      .null_count = 1,
                                      .record_bytes = RECORD_BYTES,
                                      .name = "f",
                                      .source = {.read = read_input, .ctx = &whole}};
    enum df_text_day_order order = (enum df_text_day_order)((data[0] >> 5 & 3) % 3);
    struct outcome first = {0}, second = {0};
    read_all(&options, order, &first, NULL);
    options.source.ctx = &cut;
    /* What stands before damage in packed bytes depends on the pieces. */
    read_all(&options, order, &second, first.failed ? NULL : &first);
    require(first.failed == second.failed, "a failure that depends on the pieces");
    if (!first.failed)
        require(first.rows == second.rows && first.bad == second.bad && first.digest == second.digest,
                "rows that depend on the pieces");
    return 0;
}
