#include "base/json_write.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

void df_json_writer_init(struct df_json_writer *writer, struct df_buf *out, enum df_json_style style)
{
    *writer = (struct df_json_writer){.out = out, .style = style};
}

/* ---- what stands between values ---- */

static void line_break(struct df_json_writer *writer)
{
    df_buf_put_char(writer->out, '\n');
    for (unsigned i = 0; i < writer->depth; i++)
        df_buf_put_text(writer->out, "  ");
}

/* Before a member or an element: comma and line break. */
static void next_member(struct df_json_writer *writer)
{
    if (writer->levels[writer->depth - 1].has_members)
        df_buf_put_char(writer->out, ',');
    writer->levels[writer->depth - 1].has_members = true;
    if (writer->style == DF_JSON_PRETTY)
        line_break(writer);
}

static void before_value(struct df_json_writer *writer)
{
    if (writer->depth == 0)
        return;
    bool in_object = writer->levels[writer->depth - 1].is_object;
    assert(in_object == writer->after_key);
    writer->after_key = false;
    if (!in_object)
        next_member(writer);
}

static void begin(struct df_json_writer *writer, bool is_object)
{
    before_value(writer);
    assert(writer->depth < DF_JSON_WRITE_DEPTH);
    df_buf_put_char(writer->out, is_object ? '{' : '[');
    writer->levels[writer->depth].is_object = is_object;
    writer->levels[writer->depth].has_members = false;
    writer->depth++;
}

static void end(struct df_json_writer *writer, bool is_object)
{
    assert(writer->depth > 0 && writer->levels[writer->depth - 1].is_object == is_object && !writer->after_key);
    writer->depth--;
    if (writer->levels[writer->depth].has_members && writer->style == DF_JSON_PRETTY)
        line_break(writer);
    df_buf_put_char(writer->out, is_object ? '}' : ']');
}

void df_json_begin_object(struct df_json_writer *writer)
{
    begin(writer, true);
}

void df_json_end_object(struct df_json_writer *writer)
{
    end(writer, true);
}

void df_json_begin_array(struct df_json_writer *writer)
{
    begin(writer, false);
}

void df_json_end_array(struct df_json_writer *writer)
{
    end(writer, false);
}

/* ---- strings ---- */

/* The character at p and its length; U+FFFD and the length of what cannot be read (the longest run of bytes that could
 * have begun a character, as Unicode recommends) otherwise. */
static unsigned take_character(const uint8_t *p, size_t left, size_t *length)
{
    *length = 1;
    if (p[0] < 0x80)
        return p[0];
    unsigned wanted = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0xfffd;
    unsigned low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    unsigned high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    unsigned code = p[0] & (0x7fu >> wanted);
    for (; *length < wanted; ++*length) {
        if (*length >= left || p[*length] < low || p[*length] > high)
            return 0xfffd;
        code = code << 6 | (p[*length] & 0x3fu);
        low = 0x80;
        high = 0xbf;
    }
    return code;
}

static void put_escape(struct df_buf *out, unsigned code)
{
    static const char letters[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    if (code == '"' || code == '\\') {
        df_buf_put_char(out, '\\');
        df_buf_put_char(out, (char)code);
    } else if (code < sizeof letters && letters[code]) {
        df_buf_put_char(out, '\\');
        df_buf_put_char(out, letters[code]);
    } else if (code < 0x10000) {
        df_buf_printf(out, "\\u%04x", code);
    } else {
        df_buf_printf(out, "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff));
    }
}

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static void put_string(struct df_json_writer *writer, struct df_slice text)
{
    struct df_buf *out = writer->out;
    df_buf_put_char(out, '"');
    size_t at = 0;
    while (at < text.size) {
        size_t start = at;
        while (at < text.size && is_plain(text.data[at]))
            at++;
        df_buf_put(out, text.data + start, at - start);
        if (at == text.size)
            break;
        size_t length;
        unsigned code = take_character(text.data + at, text.size - at, &length);
        if (code < 0x80 || writer->ascii)
            put_escape(out, code);
        else if (code == 0xfffd)
            df_buf_put_text(out, "\xef\xbf\xbd");
        else
            df_buf_put(out, text.data + at, length);
        at += length;
    }
    df_buf_put_char(out, '"');
}

void df_json_key_slice(struct df_json_writer *writer, struct df_slice name)
{
    assert(writer->depth > 0 && writer->levels[writer->depth - 1].is_object && !writer->after_key);
    next_member(writer);
    put_string(writer, name);
    df_buf_put_text(writer->out, writer->style == DF_JSON_PRETTY ? ": " : ":");
    writer->after_key = true;
}

void df_json_key(struct df_json_writer *writer, const char *name)
{
    df_json_key_slice(writer, df_slice_text(name));
}

void df_json_string(struct df_json_writer *writer, struct df_slice text)
{
    before_value(writer);
    put_string(writer, text);
}

void df_json_text(struct df_json_writer *writer, const char *text)
{
    if (text)
        df_json_string(writer, df_slice_text(text));
    else
        df_json_null(writer);
}

/* ---- other values ---- */

static void put_raw(struct df_json_writer *writer, const char *text)
{
    before_value(writer);
    df_buf_put_text(writer->out, text);
}

void df_json_int(struct df_json_writer *writer, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    put_raw(writer, text);
}

void df_json_uint(struct df_json_writer *writer, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    put_raw(writer, text);
}

void df_json_number(struct df_json_writer *writer, double value)
{
    if (!isfinite(value)) {
        df_json_null(writer);
        return;
    }
    before_value(writer);
    df_buf_put_double(writer->out, value);
}

void df_json_boolean(struct df_json_writer *writer, bool value)
{
    put_raw(writer, value ? "true" : "false");
}

void df_json_null(struct df_json_writer *writer)
{
    put_raw(writer, "null");
}

void df_json_raw(struct df_json_writer *writer, struct df_slice json)
{
    before_value(writer);
    df_buf_put_slice(writer->out, json);
}

/* ---- trees ---- */

/* Writes a value; of a container only its beginning. */
static void write_node(struct df_json_writer *writer, const struct df_json *node)
{
    switch (node->type) {
    case DF_JSON_NULL:
        df_json_null(writer);
        break;
    case DF_JSON_BOOL:
        df_json_boolean(writer, node->boolean);
        break;
    case DF_JSON_NUMBER:
        df_json_raw(writer, node->text);
        break;
    case DF_JSON_STRING:
        df_json_string(writer, node->text);
        break;
    case DF_JSON_ARRAY:
        df_json_begin_array(writer);
        break;
    case DF_JSON_OBJECT:
        df_json_begin_object(writer);
        break;
    }
}

void df_json_write_tree(struct df_json_writer *writer, const struct df_json *tree)
{
    const struct df_json *open[DF_JSON_WRITE_DEPTH]; /* containers around `node`, outermost first */
    size_t depth = 0;
    const struct df_json *node = tree;
    for (;;) {
        if (depth > 0 && open[depth - 1]->type == DF_JSON_OBJECT)
            df_json_key_slice(writer, node->key);
        write_node(writer, node);
        bool is_container = node->type == DF_JSON_ARRAY || node->type == DF_JSON_OBJECT;
        if (is_container) {
            assert(depth < DF_JSON_WRITE_DEPTH);
            open[depth++] = node;
        }
        const struct df_json *next = is_container ? node->children : depth > 0 ? node->next : NULL;
        while (!next && depth > 0) {
            const struct df_json *closed = open[--depth];
            end(writer, closed->type == DF_JSON_OBJECT);
            next = depth > 0 ? closed->next : NULL;
        }
        if (!next)
            return;
        node = next;
    }
}

/* ---- doubles ---- */

struct decimal {
    char digits[20]; /* without trailing zeros, at least one */
    int exponent;    /* of the first digit */
};

static void strip_zeros(struct decimal *decimal)
{
    size_t size = strlen(decimal->digits);
    while (size > 1 && decimal->digits[size - 1] == '0')
        decimal->digits[--size] = '\0';
}

static double read_back(const struct decimal *decimal)
{
    char text[40];
    snprintf(text, sizeof text, "%c.%se%d", decimal->digits[0], decimal->digits + 1, decimal->exponent);
    return strtod(text, NULL);
}

/* The decimal of `precision` digits nearest to a positive value. */
static void nearest_decimal(double value, int precision, struct decimal *out)
{
    char text[40];
    snprintf(text, sizeof text, "%.*e", precision - 1, value);
    const char *exponent = strchr(text, 'e');
    size_t size = 0;
    for (const char *at = text; at < exponent && size + 1 < sizeof out->digits; at++)
        if (*at != '.')
            out->digits[size++] = *at;
    out->digits[size] = '\0';
    out->exponent = atoi(exponent + 1);
}

/* The next larger decimal of as many digits. */
static void increment(struct decimal *decimal)
{
    for (size_t i = strlen(decimal->digits); i-- > 0;) {
        if (decimal->digits[i] != '9') {
            decimal->digits[i]++;
            return;
        }
        decimal->digits[i] = '0';
    }
    decimal->digits[0] = '1';
    decimal->exponent++;
}

/* The fewest digits that read back as the same value, of those the nearest. */
static void shortest_decimal(double value, struct decimal *out)
{
    /* 15 digits survive the way through a normal double, so anything shorter shows as zeros at their end. Subnormals
     * have fewer bits and must be tried from one digit on. */
    int least = value < 0x1p-1022 ? 1 : 15;
    int binary_exponent;
    bool power_of_two = frexp(value, &binary_exponent) == 0.5;
    for (int precision = least; precision <= 17; precision++) {
        nearest_decimal(value, precision, out);
        if (read_back(out) == value)
            break;
        /* Below a power of two doubles lie twice as dense: the nearest decimal may be missed there while the next one
         * above still reads back. */
        if (power_of_two && precision < 17) {
            increment(out);
            if (read_back(out) == value)
                break;
        }
    }
    strip_zeros(out);
}

static void put_fixed(struct df_buf *out, const struct decimal *decimal)
{
    int size = (int)strlen(decimal->digits);
    if (decimal->exponent < 0) {
        df_buf_put_text(out, "0.");
        for (int i = -1; i > decimal->exponent; i--)
            df_buf_put_char(out, '0');
        df_buf_put_text(out, decimal->digits);
        return;
    }
    int whole = decimal->exponent + 1;
    for (int i = 0; i < whole; i++)
        df_buf_put_char(out, i < size ? decimal->digits[i] : '0');
    df_buf_put_char(out, '.');
    df_buf_put_text(out, whole < size ? decimal->digits + whole : "0");
}

static void put_scientific(struct df_buf *out, const struct decimal *decimal)
{
    df_buf_put_char(out, decimal->digits[0]);
    if (decimal->digits[1]) {
        df_buf_put_char(out, '.');
        df_buf_put_text(out, decimal->digits + 1);
    }
    df_buf_printf(out, "e%c%02d", decimal->exponent < 0 ? '-' : '+', abs(decimal->exponent));
}

void df_buf_put_double(struct df_buf *out, double value)
{
    assert(isfinite(value));
    if (signbit(value)) {
        df_buf_put_char(out, '-');
        value = -value;
    }
    if (value < 0x1p53 && value == (double)(int64_t)value) { /* most numbers of tables; the text is the same */
        df_buf_printf(out, "%lld.0", (long long)value);
        return;
    }
    struct decimal decimal;
    shortest_decimal(value, &decimal);
    if (decimal.exponent < -4 || decimal.exponent >= 16)
        put_scientific(out, &decimal);
    else
        put_fixed(out, &decimal);
}
