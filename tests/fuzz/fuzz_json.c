/* JSON text -> tree -> text -> tree: what is read can be written, and reads as the same tree. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/json_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct df_json_limits limits = {.text_bytes = 1 << 20, .depth = 100, .nodes = 20000};

/* Aborts with a word about what did not hold, so that the fuzzer keeps the input. */
static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_json: %s\n", what);
        abort();
    }
}

/* What every tree must keep. Recursive: the depth has a limit, and this checks it. */
static size_t check_tree(const struct df_json *node, struct df_slice text, unsigned depth)
{
    static const char first[] = {
        [DF_JSON_NULL] = 'n', [DF_JSON_STRING] = '"', [DF_JSON_ARRAY] = '[', [DF_JSON_OBJECT] = '{'};
    require(node->offset < text.size, "an offset beyond the text");
    char c = (char)text.data[node->offset];
    size_t nodes = 1, children = 0;
    if (node->type == DF_JSON_NUMBER)
        require(node->text.size <= text.size - node->offset &&
                    memcmp(text.data + node->offset, node->text.data, node->text.size) == 0,
                "a number that is not where it says");
    else if (node->type == DF_JSON_BOOL)
        require(c == (node->boolean ? 't' : 'f'), "a boolean that is not where it says");
    else
        require(c == first[node->type], "a value that is not where it says");
    for (const struct df_json *child = node->children; child; child = child->next) {
        require(depth < limits.depth, "deeper than the limit");
        require(child->offset > node->offset, "a child before its parent");
        require(!child->next || child->next->offset > child->offset, "siblings out of order");
        nodes += check_tree(child, text, depth + 1);
        children++;
    }
    require(children == node->child_count, "a wrong count of children");
    return nodes;
}

/* The last byte that is no white space belongs to the value. */
static bool ends_with_value(struct df_slice text, const struct df_json *tree)
{
    size_t end = text.size;
    while (end > 0 && strchr(" \t\r\n", text.data[end - 1]))
        end--;
    char last = end > 0 ? (char)text.data[end - 1] : '\0';
    switch (tree->type) {
    case DF_JSON_OBJECT:
        return last == '}';
    case DF_JSON_ARRAY:
        return last == ']';
    case DF_JSON_STRING:
        return last == '"' && end > tree->offset + 1;
    case DF_JSON_NUMBER:
        return end == tree->offset + tree->text.size;
    default:
        return end == tree->offset + (tree->type == DF_JSON_BOOL && !tree->boolean ? 5 : 4);
    }
}

static void check_equal(const struct df_json *a, const struct df_json *b)
{
    require(a->type == b->type && a->boolean == b->boolean && a->child_count == b->child_count, "another value");
    require(df_slice_equal(a->text, b->text) && df_slice_equal(a->key, b->key), "another text or name");
    const struct df_json *x = a->children, *y = b->children;
    for (; x && y; x = x->next, y = y->next)
        check_equal(x, y);
    require(!x && !y, "another number of children");
}

static void use_numbers(const struct df_json *node)
{
    int64_t i64;
    uint64_t u64;
    double number;
    bool as_int64 = df_json_int64(node, &i64), as_uint64 = df_json_uint64(node, &u64);
    require(!(as_int64 || as_uint64) || df_json_is_integer(node), "an integer that is none");
    if (as_int64 && as_uint64)
        require((uint64_t)i64 == u64, "two values for one integer");
    if (as_int64 && df_json_double(node, &number))
        require(number == (double)i64, "a double that is not the integer");
    for (const struct df_json *child = node->children; child; child = child->next)
        use_numbers(child);
}

static void write_and_read(const struct df_json *tree, enum df_json_style style, bool ascii)
{
    struct df_buf out = {0};
    struct df_json_writer writer;
    struct df_arena arena = {0};
    struct df_json *again;
    struct df_error error;
    struct df_json_limits wide = limits;
    wide.text_bytes = SIZE_MAX;
    df_json_writer_init(&writer, &out, style);
    writer.ascii = ascii;
    df_json_write_tree(&writer, tree);
    require(!df_buf_failed(&out), "writing failed");
    if (df_json_parse(df_buf_slice(&out), &wide, &arena, &again, &error) != 0) {
        fprintf(stderr, "%s\n", error.message);
        require(false, "what was written cannot be read");
    }
    check_equal(tree, again);
    df_arena_dispose(&arena);
    df_buf_dispose(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct df_arena arena = {0};
    struct df_json *tree;
    struct df_error error = {0};
    struct df_slice text = df_slice_make(data, size);
    if (df_json_parse(text, &limits, &arena, &tree, &error) == 0) {
        require(ends_with_value(text, tree), "text after the end of the value");
        require(check_tree(tree, text, 0) <= limits.nodes, "more values than the limit");
        use_numbers(tree);
        write_and_read(tree, DF_JSON_COMPACT, false);
        write_and_read(tree, DF_JSON_PRETTY, true);
    } else {
        require(tree == NULL && error.message[0], "a failure without a message");
        require(error.kind == DF_ERROR_INVALID || error.kind == DF_ERROR_TOO_LARGE, "a failure of another kind");
    }
    df_arena_dispose(&arena);
    return 0;
}
