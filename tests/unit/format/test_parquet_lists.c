/* Lists in all forms that the schema may give them, struct leaves, levels of both encodings, and levels that lie.
 *
 * Files of one INT32 column in one page are made by hand: what writers of today no longer write must still be read. */
#include <stdlib.h>

#include "format/parquet/footer.h"
#include "format/parquet/names.h"
#include "format/parquet/rle.h"
#include "format/parquet/thrift.h"
#include "unit/format/parquet_fixture.h"

/* ---- files by hand ---- */

enum { NODES = 8, LEVELS = 16, NONE = -1 };

struct node {
    const char *name;
    int32_t children; /* 0: an INT32 leaf */
    int32_t repetition, converted, logical;
};

struct story {
    struct node nodes[NODES]; /* below the root; ends with one without a name */
    int32_t fields;           /* of the root; 0: 1 */
    uint32_t repetition_max, definition_max;
    const char *repetitions, *definitions; /* a digit per value; no repetitions: flat */
    int32_t rows, values;                  /* INT32 values 1, 2, … */
    bool bit_packed, v2;
    const struct story *more; /* the page after this one: its levels and values */
    int32_t level_bytes_off;
    uint32_t endless; /* seven rows of a null, and one of so many, in a few bytes of levels */
};

static void put_node(struct df_thrift_writer *writer, const struct node *node)
{
    df_thrift_begin_element(writer);
    if (node->children == 0)
        df_thrift_put_i32(writer, 1, DF_PARQUET_INT32);
    df_thrift_put_i32(writer, 3, node->repetition);
    df_thrift_put_binary(writer, 4, df_slice_text(node->name));
    if (node->children > 0)
        df_thrift_put_i32(writer, 5, node->children);
    if (node->converted >= 0 && node->logical <= 0)
        df_thrift_put_i32(writer, 6, node->converted);
    if (node->logical > 0) {
        df_thrift_begin_struct(writer, 10);
        df_thrift_begin_struct(writer, node->logical);
        df_thrift_end_struct(writer);
        df_thrift_end_struct(writer);
    }
    df_thrift_end_struct(writer);
}

static void put_bit_packed(struct df_buf *out, const char *levels, uint32_t width)
{
    size_t n = strlen(levels), bytes = (n * width + 7) / 8;
    uint8_t *to = df_buf_extend(out, bytes);
    memset(to, 0, bytes);
    for (size_t i = 0; i < n * width; i++) {
        uint32_t bit = (uint32_t)(levels[i / width] - '0') >> (width - 1 - i % width) & 1;
        to[i / 8] = (uint8_t)(to[i / 8] | bit << (7 - i % 8));
    }
}

static uint32_t put_levels(struct df_buf *out, const struct story *story, const char *levels, uint32_t maximum)
{
    uint32_t numbers[LEVELS];
    size_t before = out->size, n = levels ? strlen(levels) : 0;
    if (!levels || maximum == 0)
        return 0;
    if (story->bit_packed) {
        put_bit_packed(out, levels, df_rle_width(maximum));
        return 0;
    }
    struct df_buf runs = {0};
    for (size_t i = 0; i < n; i++)
        numbers[i] = (uint32_t)(levels[i] - '0');
    if (story->endless) {
        df_rle_put(&runs, numbers, 1, df_rle_width(maximum)); /* filled up with zeros to eight */
        df_buf_put_varint(&runs, (uint64_t)story->endless << 1);
        df_buf_put_u8(&runs, (uint8_t)numbers[1]);
    } else {
        df_rle_put(&runs, numbers, n, df_rle_width(maximum));
    }
    if (!story->v2)
        df_buf_put_u32le(out, (uint32_t)((int32_t)runs.size + story->level_bytes_off));
    df_buf_put_slice(out, df_buf_slice(&runs));
    df_buf_dispose(&runs);
    return (uint32_t)(out->size - before);
}

static uint32_t values_of(const struct story *story)
{
    return story->endless ? story->endless : (uint32_t)strlen(story->definitions);
}

static void put_page(struct df_buf *out, const struct story *story)
{
    struct df_buf body = {0};
    uint32_t repetition_bytes = put_levels(&body, story, story->repetitions, story->repetition_max);
    uint32_t definition_bytes = put_levels(&body, story, story->definitions, story->definition_max);
    for (int32_t i = 1; i <= story->values; i++)
        df_buf_put_u32le(&body, (uint32_t)i);
    struct df_thrift_writer writer;
    df_thrift_writer_init(&writer, out);
    df_thrift_put_i32(&writer, 1, story->v2 ? DF_PARQUET_DATA_PAGE_V2 : DF_PARQUET_DATA_PAGE);
    df_thrift_put_i32(&writer, 2, (int32_t)body.size);
    df_thrift_put_i32(&writer, 3, (int32_t)body.size);
    df_thrift_begin_struct(&writer, story->v2 ? 8 : 5);
    int32_t count = (int32_t)values_of(story);
    int32_t levels = story->bit_packed ? DF_PARQUET_ENCODING_BIT_PACKED : DF_PARQUET_ENCODING_RLE;
    df_thrift_put_i32(&writer, 1, count);
    if (story->v2) {
        df_thrift_put_i32(&writer, 2, count - story->values);
        df_thrift_put_i32(&writer, 3, story->rows);
        df_thrift_put_i32(&writer, 4, DF_PARQUET_ENCODING_PLAIN);
        df_thrift_put_i32(&writer, 5, (int32_t)definition_bytes + story->level_bytes_off);
        df_thrift_put_i32(&writer, 6, (int32_t)repetition_bytes);
    } else {
        df_thrift_put_i32(&writer, 2, DF_PARQUET_ENCODING_PLAIN);
        df_thrift_put_i32(&writer, 3, levels);
        df_thrift_put_i32(&writer, 4, levels);
    }
    df_thrift_end_struct(&writer);
    df_thrift_end_struct(&writer);
    df_buf_put_slice(out, df_buf_slice(&body));
    df_buf_dispose(&body);
}

static void put_footer(struct df_buf *out, const struct story *story)
{
    size_t before = out->size;
    uint32_t nodes = 0, leaves = 0;
    for (; nodes < NODES && story->nodes[nodes].name; nodes++)
        leaves += story->nodes[nodes].children == 0;
    struct df_thrift_writer writer;
    df_thrift_writer_init(&writer, out);
    df_thrift_put_i32(&writer, 1, 1);
    df_thrift_put_list(&writer, 2, DF_THRIFT_STRUCT, nodes + 1);
    df_thrift_begin_element(&writer);
    df_thrift_put_binary(&writer, 4, df_slice_text("schema"));
    df_thrift_put_i32(&writer, 5, story->fields ? story->fields : 1);
    df_thrift_end_struct(&writer);
    for (uint32_t i = 0; i < nodes; i++)
        put_node(&writer, &story->nodes[i]);
    df_thrift_put_i64(&writer, 3, story->rows);
    df_thrift_put_list(&writer, 4, DF_THRIFT_STRUCT, 1);
    df_thrift_begin_element(&writer);
    df_thrift_put_list(&writer, 1, DF_THRIFT_STRUCT, leaves);
    for (uint32_t i = 0; i < leaves; i++) {
        df_thrift_begin_element(&writer);
        df_thrift_put_i64(&writer, 2, 0);
        df_thrift_begin_struct(&writer, 3);
        df_thrift_put_i32(&writer, 1, DF_PARQUET_INT32);
        df_thrift_put_list(&writer, 2, DF_THRIFT_I32, 1);
        df_thrift_put_element_i32(&writer, DF_PARQUET_ENCODING_PLAIN);
        df_thrift_put_i32(&writer, 4, 0);
        /* The pages are those of the first leaf; what has no values may lie anywhere. */
        int64_t values = i > 0 ? 0 : (int64_t)values_of(story) + (story->more ? values_of(story->more) : 0);
        df_thrift_put_i64(&writer, 5, values);
        df_thrift_put_i64(&writer, 7, (int64_t)before - 4);
        df_thrift_put_i64(&writer, 9, 4);
        df_thrift_end_struct(&writer);
        df_thrift_end_struct(&writer);
    }
    df_thrift_put_i64(&writer, 2, (int64_t)before);
    df_thrift_put_i64(&writer, 3, story->rows);
    df_thrift_end_struct(&writer);
    df_thrift_end_struct(&writer);
    df_buf_put_u32le(out, (uint32_t)(out->size - before));
    df_buf_put_text(out, "PAR1");
}

static void tell(const struct story *story)
{
    struct df_buf out = {0};
    df_buf_put_text(&out, "PAR1");
    put_page(&out, story);
    if (story->more)
        put_page(&out, story->more);
    put_footer(&out, story);
    save(df_buf_slice(&out));
    df_buf_dispose(&out);
}

/* ---- reading ---- */

static void put_element(struct df_buf *out, const struct df_vector *vector, uint32_t row)
{
    if (df_vector_is_null(vector, row))
        df_buf_put_text(out, "null");
    else
        df_buf_printf(out, "%lld", (long long)vector->values.int64s[row]);
}

/* Rows as text: "[1,null] [] null", "1 null 2". */
static void put_row(struct df_buf *out, const struct df_vector *vector, uint32_t row)
{
    if (out->size > 0)
        df_buf_put_char(out, ' ');
    if (vector->kind != DF_VECTOR_LIST || df_vector_is_null(vector, row)) {
        put_element(out, vector, row);
        return;
    }
    df_buf_put_char(out, '[');
    for (uint32_t i = vector->values.list.offsets[row]; i < vector->values.list.offsets[row + 1]; i++) {
        if (i > vector->values.list.offsets[row])
            df_buf_put_char(out, ',');
        put_element(out, vector->values.list.elements, i);
    }
    df_buf_put_char(out, ']');
}

static int read_column(const char *name, struct df_buf *out, struct df_error *error)
{
    struct df_budget budget;
    df_budget_init(&budget, 8 << 20);
    struct df_parquet_file *file = open_file(&budget);
    int64_t found = df_parquet_column_find(file, name);
    if (found < 0)
        fail_msg("there is no column '%s', but '%s'", name, df_parquet_column(file, 0)->name);
    uint32_t column = (uint32_t)found;
    struct df_parquet_scan_options options = {
        .columns = &column, .column_count = 1, .row_group_end = 1, .budget = &budget, .deadline = df_deadline_never()};
    struct df_parquet_scan *scan = NULL;
    int more = df_parquet_scan_open(&scan, file, &options, error);
    const struct df_vector *vectors;
    uint32_t rows;
    while (more >= 0 && (more = df_parquet_scan_next(scan, &vectors, &rows, error)) > 0)
        for (uint32_t row = 0; row < rows; row++)
            put_row(out, &vectors[0], row);
    df_parquet_scan_close(scan);
    df_parquet_file_close(file);
    assert_int_equal(budget.used_bytes, 0);
    return more;
}

static void assert_reads(const struct story *story, const char *name, const char *expected)
{
    struct df_buf out = {0};
    struct df_error error;
    tell(story);
    assert_ok(read_column(name, &out, &error), &error);
    assert_string_equal(df_buf_text(&out), expected);
    df_buf_dispose(&out);
}

static void assert_refused(const struct story *story, const char *name, enum df_error_kind kind, const char *text)
{
    struct df_buf out = {0};
    struct df_error error;
    tell(story);
    assert_fails(read_column(name, &out, &error), &error, kind, text);
    assert_non_null(strstr(error.message, path));
    df_buf_dispose(&out);
}

/* ---- forms ---- */

#define LIST(name_, repetition_, children_)                                                                            \
    {                                                                                                                  \
        name_, children_, repetition_, DF_PARQUET_CONVERTED_LIST, NONE                                                 \
    }
#define GROUP(name_, repetition_, children_)                                                                           \
    {                                                                                                                  \
        name_, children_, repetition_, NONE, NONE                                                                      \
    }
#define LEAF(name_, repetition_)                                                                                       \
    {                                                                                                                  \
        name_, 0, repetition_, NONE, NONE                                                                              \
    }

enum { REQUIRED = DF_PARQUET_REQUIRED, OPTIONAL = DF_PARQUET_OPTIONAL, REPEATED = DF_PARQUET_REPEATED };

static const struct form {
    const char *name, *expected;
    struct story story;
} forms[] = {
    {"tags",
     "[1,null] [] null [2,3]",
     {.nodes = {LIST("tags", OPTIONAL, 1), GROUP("list", REPEATED, 1), LEAF("element", OPTIONAL)},
      .repetition_max = 1,
      .definition_max = 3,
      .repetitions = "010001",
      .definitions = "321033",
      .rows = 4,
      .values = 3}},
    {"tags", /* Hive and old Spark */
     "[1,null] [] null [2,3]",
     {.nodes = {LIST("tags", OPTIONAL, 1), GROUP("bag", REPEATED, 1), LEAF("array_element", OPTIONAL)},
      .repetition_max = 1,
      .definition_max = 3,
      .repetitions = "010001",
      .definitions = "321033",
      .rows = 4,
      .values = 3}},
    {"tags", /* the annotation of today only */
     "[1,2] [] [3]",
     {.nodes = {{"tags", 1, REQUIRED, NONE, DF_PARQUET_LOGICAL_LIST},
                GROUP("list", REPEATED, 1),
                LEAF("element", REQUIRED)},
      .repetition_max = 1,
      .definition_max = 1,
      .repetitions = "0100",
      .definitions = "1101",
      .rows = 3,
      .values = 3}},
    {"tags", /* two levels */
     "[1,2] [] null [3]",
     {.nodes = {LIST("tags", OPTIONAL, 1), LEAF("array", REPEATED)},
      .repetition_max = 1,
      .definition_max = 2,
      .repetitions = "01000",
      .definitions = "22102",
      .rows = 4,
      .values = 3}},
    {"tags", /* no annotation at all, as protobuf writes it */
     "[1,2] [] [3]",
     {.nodes = {LEAF("tags", REPEATED)},
      .repetition_max = 1,
      .definition_max = 1,
      .repetitions = "0100",
      .definitions = "1101",
      .rows = 3,
      .values = 3}},
    {"a.tags", /* the same in a struct that may be null */
     "[1,2] [] null [3]",
     {.nodes = {GROUP("a", OPTIONAL, 1), LEAF("tags", REPEATED)},
      .repetition_max = 1,
      .definition_max = 2,
      .repetitions = "01000",
      .definitions = "22102",
      .rows = 4,
      .values = 3}},
    {"a.b.tags", /* null, because of any ancestor */
     "null null [1] [] null",
     {.nodes = {GROUP("a", OPTIONAL, 1), GROUP("b", OPTIONAL, 1), LIST("tags", OPTIONAL, 1), GROUP("list", REPEATED, 1),
                LEAF("element", REQUIRED)},
      .repetition_max = 1,
      .definition_max = 4,
      .repetitions = "00000",
      .definitions = "01432",
      .rows = 5,
      .values = 1}},
    {"a.b.c",
     "1 null null null 2",
     {.nodes = {GROUP("a", OPTIONAL, 1), GROUP("b", OPTIONAL, 1), LEAF("c", OPTIONAL)},
      .definition_max = 3,
      .definitions = "32103",
      .rows = 5,
      .values = 2}},
    {"a.c",
     "1 2 null",
     {.nodes = {GROUP("a", REQUIRED, 1), LEAF("c", OPTIONAL)},
      .definition_max = 1,
      .definitions = "110",
      .rows = 3,
      .values = 2}},
};

static void lists_and_structs_of_all_forms_are_read_with_levels_of_all_kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        for (int levels = 0; levels < 3; levels++) {
            struct story story = forms[i].story;
            story.bit_packed = levels == 1;
            story.v2 = levels == 2;
            assert_reads(&story, forms[i].name, forms[i].expected);
        }
}

static void a_row_goes_on_in_the_next_page(void **state)
{
    (void)state;
    struct story story = forms[0].story, more = forms[0].story;
    story.more = &more;
    more.repetitions = "110";
    more.definitions = "330";
    more.values = 2;
    story.rows = 5;
    assert_reads(&story, "tags", "[1,null] [] null [2,3,1,2] null");
    more.repetitions = "111"; /* to the very end */
    more.definitions = "232";
    more.values = 1;
    story.rows = 4;
    assert_reads(&story, "tags", "[1,null] [] null [2,3,null,1,null]");
}

static void what_is_no_list_of_values_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        struct node nodes[NODES];
    } cases[] = {
        {"tags.array.x",
         "a list of structs",
         {LIST("tags", OPTIONAL, 1), GROUP("array", REPEATED, 1), LEAF("x", OPTIONAL)}},
        {"tags.tags_tuple.x",
         "a list of structs",
         {LIST("tags", OPTIONAL, 1), GROUP("tags_tuple", REPEATED, 1), LEAF("x", OPTIONAL)}},
        {"tags.list.x",
         "a list of structs",
         {LIST("tags", OPTIONAL, 1), GROUP("list", REPEATED, 2), LEAF("x", OPTIONAL), LEAF("y", OPTIONAL)}},
        {"tags.list.element.x",
         "a list of structs",
         {LIST("tags", OPTIONAL, 1), GROUP("list", REPEATED, 1), GROUP("element", OPTIONAL, 1), LEAF("x", OPTIONAL)}},
        {"tags.list.element.list.x",
         "a list of lists",
         {LIST("tags", OPTIONAL, 1), GROUP("list", REPEATED, 1), LIST("element", OPTIONAL, 1),
          GROUP("list", REPEATED, 1), LEAF("x", OPTIONAL)}},
        {"tags.list.x",
         "a list of lists",
         {LIST("tags", OPTIONAL, 1), GROUP("list", REPEATED, 1), LEAF("x", REPEATED)}},
        {"tags.x", "a list of structs", {GROUP("tags", REPEATED, 1), LEAF("x", OPTIONAL)}},
        {"tags.x", "a list of an unknown form", {LIST("tags", OPTIONAL, 1), LEAF("x", OPTIONAL)}},
        {"tags.list.x",
         "a list of an unknown form",
         {LIST("tags", OPTIONAL, 1), GROUP("list", OPTIONAL, 1), LEAF("x", OPTIONAL)}},
        {"tags.x", "a list of an unknown form", {LIST("tags", OPTIONAL, 2), LEAF("x", REPEATED), LEAF("y", REPEATED)}},
        {"m.map.key",
         "a map",
         {{"m", 1, OPTIONAL, DF_PARQUET_CONVERTED_MAP, NONE},
          GROUP("map", REPEATED, 2),
          LEAF("key", REQUIRED),
          LEAF("value", OPTIONAL)}},
        {"m.map.value",
         "a map",
         {{"m", 1, OPTIONAL, DF_PARQUET_CONVERTED_MAP_KEY_VALUE, NONE},
          GROUP("map", REPEATED, 2),
          LEAF("key", REQUIRED),
          LEAF("value", OPTIONAL)}},
        {"v.value", "a Variant", {{"v", 1, OPTIONAL, NONE, DF_PARQUET_LOGICAL_VARIANT}, LEAF("value", OPTIONAL)}},
        {"x", "an unknown repetition", {LEAF("x", 3)}},
        {"a.x", "an unknown repetition", {GROUP("a", -1, 1), LEAF("x", OPTIONAL)}},
        {"x", "its logical type", {{"x", 0, OPTIONAL, NONE, 99}}},
        {"x", "its logical type", {{"x", 0, OPTIONAL, NONE, DF_PARQUET_LOGICAL_UUID}}},
        {"x", "its logical type", {{"x", 0, OPTIONAL, 77, NONE}}},
        {"x", "GEOMETRY", {{"x", 0, OPTIONAL, NONE, DF_PARQUET_LOGICAL_GEOMETRY}}},
        {"x", "INTERVAL", {{"x", 0, OPTIONAL, DF_PARQUET_CONVERTED_INTERVAL, NONE}}},
        {"x", "a DECIMAL", {{"x", 0, OPTIONAL, DF_PARQUET_CONVERTED_DECIMAL, NONE}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct story story = {.definition_max = 1, .definitions = "1", .rows = 1, .values = 1};
        memcpy(story.nodes, cases[i].nodes, sizeof story.nodes);
        assert_refused(&story, cases[i].name, DF_ERROR_UNSUPPORTED, cases[i].text);
    }
}

/* ---- levels that lie ---- */

static void levels_that_do_not_add_up_are_corrupt(void **state)
{
    (void)state;
    static const struct {
        const char *repetitions, *definitions;
        int32_t rows, values, level_bytes_off;
        bool v2;
        const char *text;
    } lies[] = {
        {"110001", "321033", 4, 3, 0, false, "its levels do not make rows"},
        {"011001", "311033", 4, 3, 0, false, "its levels do not make rows"},
        {"010001", "321033", 5, 3, 0, false, "its row group has more rows"},
        {"010001", "321033", 3, 3, 0, false, "it has more rows than its row group"},
        {"010001", "321033", 2, 3, 0, true, "it has more rows than its row group"},
        {"010001", "321033", 4, 2, 0, false, "its data end before its values do"},
        {"010001", "321033", 4, 4, 0, false, "4 bytes are left over"},
        {"010001", "321033", 4, 3, 100, false, "the page has"},
        {"010001", "321033", 4, 3, 1000, true, "its levels are longer than the page"},
        {"010001", "321033", 4, 3, -1000, true, "negative size"},
        {"010001", "321033", 4, 3, -1, true, "page 0: "},
        {"010001", "32103", 4, 3, 0, false, "page 0: "},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct story story = forms[0].story;
        story.repetitions = lies[i].repetitions;
        story.definitions = lies[i].definitions;
        story.rows = lies[i].rows;
        story.values = lies[i].values;
        story.level_bytes_off = lies[i].level_bytes_off;
        story.v2 = lies[i].v2;
        assert_refused(&story, "tags", DF_ERROR_CORRUPT, lies[i].text);
    }
}

/* A page of a few bytes may say that it has a billion elements: they are counted against the memory, and soon. */
static void a_list_without_end_is_exhausted_and_named(void **state)
{
    (void)state;
    struct story story = {.nodes = {LIST("tags", OPTIONAL, 1), GROUP("list", REPEATED, 1), LEAF("element", OPTIONAL)},
                          .repetition_max = 1,
                          .definition_max = 3,
                          .repetitions = "01",
                          .definitions = "22",
                          .rows = 8,
                          .endless = 1000000000};
    assert_refused(&story, "tags", DF_ERROR_EXHAUSTED, "column 'tags', page 0: a list of more than");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_and_structs_of_all_forms_are_read_with_levels_of_all_kinds),
        cmocka_unit_test(a_row_goes_on_in_the_next_page),
        cmocka_unit_test(what_is_no_list_of_values_is_named),
        cmocka_unit_test(levels_that_do_not_add_up_are_corrupt),
        cmocka_unit_test(a_list_without_end_is_exhausted_and_named),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
