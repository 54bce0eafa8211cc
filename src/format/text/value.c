#include "format/text/value.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "format/text/times.h"

/* ---- numbers ---- */

/* What a text is as a decimal: [-+] digits [. digits] [e [-+] digits]. */
struct decimal {
    bool negative, plus;
    bool leading_zero; /* of more than one digit */
    bool is_integer;
    size_t digits_begin, digits; /* before the point */
};

static size_t run_of_digits(struct df_slice text, size_t at)
{
    size_t begin = at;
    while (at < text.size && text.data[at] >= '0' && text.data[at] <= '9')
        at++;
    return at - begin;
}

static bool take_exponent(struct df_slice text, size_t *at)
{
    if (*at == text.size || (text.data[*at] != 'e' && text.data[*at] != 'E'))
        return true;
    ++*at;
    if (*at < text.size && (text.data[*at] == '-' || text.data[*at] == '+'))
        ++*at;
    size_t digits = run_of_digits(text, *at);
    *at += digits;
    return digits > 0;
}

static bool read_decimal(struct df_slice text, struct decimal *decimal)
{
    size_t at = 0, fraction = 0;
    *decimal = (struct decimal){0};
    if (text.size == 0)
        return false;
    decimal->negative = text.data[0] == '-';
    decimal->plus = text.data[0] == '+';
    at += decimal->negative || decimal->plus;
    decimal->digits_begin = at;
    decimal->digits = run_of_digits(text, at);
    decimal->leading_zero = decimal->digits > 1 && text.data[at] == '0';
    at += decimal->digits;
    decimal->is_integer = at == text.size;
    if (at < text.size && text.data[at] == '.') {
        fraction = run_of_digits(text, at + 1);
        at += 1 + fraction;
    }
    return decimal->digits + fraction > 0 && take_exponent(text, &at) && at == text.size;
}

/* Up to 2^64; false beyond. */
static bool magnitude(struct df_slice text, const struct decimal *decimal, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < decimal->digits; i++) {
        unsigned digit = (unsigned)text.data[decimal->digits_begin + i] - '0';
        if (__builtin_mul_overflow(*value, UINT64_C(10), value) || __builtin_add_overflow(*value, digit, value))
            return false;
    }
    return true;
}

static bool set_integer(struct df_slice text, const struct decimal *decimal, struct df_text_value *value)
{
    static const uint64_t exact_double = UINT64_C(1) << 53;
    uint64_t size;
    if (!magnitude(text, decimal, &size))
        return false;
    if (size > (uint64_t)INT64_MAX + decimal->negative) {
        value->kind = DF_TEXT_CLASS_UINT;
        value->uint64 = size;
        return !decimal->negative;
    }
    value->kind = DF_TEXT_CLASS_INT;
    value->int64 = decimal->negative ? (int64_t)(0 - size) : (int64_t)size;
    value->wide = size > exact_double;
    return true;
}

/* Ten to `exponent`, which doubles hold exactly as far as 22. */
static double power_of_ten(unsigned exponent)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    return powers[exponent];
}

/* Most numbers have few digits and no exponent: these are a whole number and a power of ten that doubles hold exactly,
 * so that one division rounds as strtod does, in a fifth of its time. False: others. */
static bool read_short_double(struct df_slice text, double *value)
{
    enum { DIGITS_MOST = 15 }; /* below 2^53 */
    uint64_t whole = 0;
    unsigned digits = 0, fraction = 0;
    bool negative = text.data[0] == '-', point = false;
    for (size_t at = negative; at < text.size; at++) {
        unsigned digit = (unsigned)text.data[at] - '0';
        if (text.data[at] == '.' && !point) {
            point = true;
            continue;
        }
        if (digit > 9 || ++digits > DIGITS_MOST)
            return false;
        whole = whole * 10 + digit;
        fraction += point;
    }
    double size = (double)whole / power_of_ten(fraction);
    *value = negative ? -size : size;
    return digits > 0;
}

/* A text that read_decimal took. strtod wants a NUL; the program never sets a locale. */
static bool read_double(struct df_slice text, double *value)
{
    char place[64];
    if (read_short_double(text, value))
        return true;
    char *copy = text.size < sizeof place ? place : malloc(text.size + 1);
    if (!copy)
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *value = strtod(copy, NULL);
    if (copy != place)
        free(copy);
    return isfinite(*value);
}

static bool read_word(struct df_slice text, double *value)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    struct df_slice word = negative ? df_slice_make(text.data + 1, text.size - 1) : text;
    *value = negative ? -INFINITY : INFINITY;
    if (df_slice_is(word, "inf") || df_slice_is(word, "Infinity") || df_slice_is(word, "Inf"))
        return true;
    *value = NAN;
    return !negative && (df_slice_is(word, "NaN") || df_slice_is(word, "nan"));
}

static bool read_bool(struct df_slice text, bool *value)
{
    *value = text.size == 4;
    return (text.size == 4 && strncasecmp((const char *)text.data, "true", 4) == 0) ||
           (text.size == 5 && strncasecmp((const char *)text.data, "false", 5) == 0);
}

/* ---- what a cell is by itself ---- */

static bool is_number(struct df_slice text, struct df_text_value *value)
{
    struct decimal decimal;
    if (!read_decimal(text, &decimal) || decimal.plus || decimal.leading_zero)
        return false;
    if (decimal.is_integer)
        return set_integer(text, &decimal, value);
    value->kind = DF_TEXT_CLASS_FLOAT;
    return read_double(text, &value->float64);
}

static bool is_word(struct df_slice text, struct df_text_value *value)
{
    if (read_bool(text, &value->boolean)) {
        value->kind = DF_TEXT_CLASS_BOOL;
        return true;
    }
    value->kind = DF_TEXT_CLASS_WORD;
    return read_word(text, &value->float64);
}

static bool is_letter(uint8_t c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_free_value(struct df_slice text, enum df_text_day_order order, struct df_text_value *value)
{
    if (text.size == 0)
        return false;
    uint8_t first = text.data[0];
    bool digit = first >= '0' && first <= '9';
    if (digit || first == '.' || (first == '-' && text.size > 1 && (text.data[1] < 'A')))
        return is_number(text, value) || (digit && df_text_time(text, order, value));
    return is_word(text, value) || (is_letter(first) && df_text_time(text, order, value));
}

void df_text_classify(const struct df_text_cell *cell, enum df_text_day_order order, struct df_text_value *value)
{
    bool known = true;
    *value = (struct df_text_value){0};
    switch (cell->form) {
    case DF_TEXT_MISSING:
        return;
    case DF_TEXT_FREE:
        known = is_free_value(cell->text, order, value);
        break;
    case DF_TEXT_JSON_STRING:
        known = df_text_time(cell->text, order, value);
        break;
    case DF_TEXT_JSON_NUMBER:
        known = is_number(cell->text, value);
        break;
    case DF_TEXT_JSON_BOOL:
        known = is_word(cell->text, value);
        break;
    case DF_TEXT_JSON_LIST:
        known = false;
        break;
    }
    if (!known)
        value->kind = DF_TEXT_CLASS_STRING;
}

/* ---- what it is as a value of a type ---- */

static bool to_integer(struct df_slice text, const struct df_type *type, int64_t *out)
{
    struct decimal decimal;
    struct df_text_value value = {0};
    if (!read_decimal(text, &decimal) || !decimal.is_integer || !set_integer(text, &decimal, &value))
        return false;
    bool is_unsigned = value.kind == DF_TEXT_CLASS_UINT;
    *out = is_unsigned ? (int64_t)value.uint64 : value.int64;
    return type->kind == DF_TYPE_UINT64 ? is_unsigned || value.int64 >= 0 : !is_unsigned;
}

static bool to_double(struct df_slice text, double *out)
{
    struct decimal decimal;
    return read_decimal(text, &decimal) ? read_double(text, out) : read_word(text, out);
}

static bool to_bool(struct df_slice text, int64_t *out)
{
    bool value;
    if (df_slice_is(text, "0") || df_slice_is(text, "1")) {
        *out = text.data[0] == '1';
        return true;
    }
    bool known = read_bool(text, &value);
    *out = value;
    return known;
}

static bool to_time(struct df_slice text, const struct df_type *type, enum df_text_day_order order, int64_t *out)
{
    struct df_text_value value = {0};
    if (!df_text_time(text, order, &value))
        return false;
    if (type->kind == DF_TYPE_DATE) {
        *out = value.seconds / 86400;
        *out -= value.seconds % 86400 < 0;
        return value.kind == DF_TEXT_CLASS_DATE;
    }
    int64_t per_second = df_time_unit_per_second(type->unit);
    int64_t fraction = value.nanoseconds / (INT64_C(1000000000) / per_second);
    return !__builtin_mul_overflow(value.seconds, per_second, out) && !__builtin_add_overflow(*out, fraction, out);
}

bool df_text_convert(const struct df_text_cell *cell, const struct df_type *type, enum df_text_day_order order,
                     struct df_text_stored *stored)
{
    *stored = (struct df_text_stored){.is_null = cell->form == DF_TEXT_MISSING};
    if (stored->is_null)
        return true;
    bool scalar = cell->form != DF_TEXT_JSON_LIST;
    switch (type->kind) {
    case DF_TYPE_STRING:
        stored->bytes = cell->text;
        return true;
    case DF_TYPE_BOOL:
        return scalar && to_bool(cell->text, &stored->int64);
    case DF_TYPE_INT64:
    case DF_TYPE_UINT64:
        return scalar && to_integer(cell->text, type, &stored->int64);
    case DF_TYPE_FLOAT:
        return scalar && to_double(cell->text, &stored->float64);
    case DF_TYPE_DATE:
    case DF_TYPE_TIMESTAMP:
        return scalar && to_time(cell->text, type, order, &stored->int64);
    default:
        return false;
    }
}

/* ---- columns ---- */

/* Seconds that int64 nanoseconds reach whatever the fraction: 1677-09-21T00:12:44 to 2262-04-11T23:47:15. */
static bool fits_ns(int64_t seconds)
{
    return seconds >= -INT64_C(9223372036) && seconds < INT64_C(9223372036);
}

void df_text_column_note(struct df_text_column *column, const struct df_text_value *value)
{
    column->seen |= 1U << value->kind;
    if (value->kind == DF_TEXT_CLASS_INT) {
        column->wide |= value->wide;
        column->negative |= value->int64 < 0;
    } else if (value->kind == DF_TEXT_CLASS_DATE || value->kind == DF_TEXT_CLASS_TIMESTAMP) {
        column->fine |= value->digits > 6;
        column->too_fine |= value->digits > 9;
        column->beyond_ns |= !fits_ns(value->seconds);
        column->day_first |= value->order == DF_TEXT_DAY_FIRST;
        column->month_first |= value->order == DF_TEXT_MONTH_FIRST;
        column->ambiguous |= value->ambiguous;
    }
}

enum df_text_day_order df_text_column_order(const struct df_text_column *column)
{
    if (column->day_first == column->month_first)
        return DF_TEXT_DAY_ANY;
    return column->day_first ? DF_TEXT_DAY_FIRST : DF_TEXT_MONTH_FIRST;
}

bool df_text_column_is_ambiguous(const struct df_text_column *column)
{
    return column->day_first == column->month_first && (column->ambiguous || column->day_first);
}

enum {
    BOOL = 1 << DF_TEXT_CLASS_BOOL,
    INT = 1 << DF_TEXT_CLASS_INT,
    UINT = 1 << DF_TEXT_CLASS_UINT,
    FLOAT = 1 << DF_TEXT_CLASS_FLOAT,
    WORD = 1 << DF_TEXT_CLASS_WORD,
    DATE = 1 << DF_TEXT_CLASS_DATE,
    TIMESTAMP = 1 << DF_TEXT_CLASS_TIMESTAMP,
};

static struct df_type of_kind(enum df_type_kind kind)
{
    bool wide = kind == DF_TYPE_INT64 || kind == DF_TYPE_UINT64 || kind == DF_TYPE_FLOAT;
    return (struct df_type){.kind = kind, .bits = wide ? 64 : 0, .unit = DF_TIME_US};
}

static struct df_type number_type(const struct df_text_column *column, uint32_t seen)
{
    bool mixed = (seen & (FLOAT | WORD)) != 0;
    if (!mixed)
        return of_kind(!(seen & UINT) ? DF_TYPE_INT64 : column->negative ? DF_TYPE_STRING : DF_TYPE_UINT64);
    /* Integers that a double would round stay as they are, as text. */
    bool only_words = (seen & (INT | FLOAT)) == 0;
    return of_kind(only_words || (seen & UINT) || column->wide ? DF_TYPE_STRING : DF_TYPE_FLOAT);
}

static struct df_type timestamp_type(const struct df_text_column *column)
{
    struct df_type type = of_kind(DF_TYPE_TIMESTAMP);
    if (column->fine && !column->beyond_ns)
        type.unit = DF_TIME_NS;
    return type;
}

struct df_type df_text_column_type(const struct df_text_column *column)
{
    uint32_t seen = column->seen & ~(1U << DF_TEXT_CLASS_NULL);
    if (seen == 0)
        return of_kind(DF_TYPE_NULL);
    if (seen == BOOL)
        return of_kind(DF_TYPE_BOOL);
    if ((seen & ~(uint32_t)(INT | UINT | FLOAT | WORD)) == 0)
        return number_type(column, seen);
    if (df_text_column_is_ambiguous(column))
        return of_kind(DF_TYPE_STRING);
    if (seen == DATE)
        return of_kind(DF_TYPE_DATE);
    bool lossless = !column->too_fine && !(column->fine && column->beyond_ns);
    if ((seen & ~(uint32_t)(DATE | TIMESTAMP)) == 0 && lossless)
        return timestamp_type(column);
    return of_kind(DF_TYPE_STRING);
}

bool df_text_type_named(const char *name, const struct df_text_column *column, struct df_type *type)
{
    static const struct {
        const char *name;
        enum df_type_kind kind;
    } names[] = {{"bool", DF_TYPE_BOOL},     {"int", DF_TYPE_INT64}, {"float", DF_TYPE_FLOAT},
                 {"string", DF_TYPE_STRING}, {"date", DF_TYPE_DATE}, {"timestamp", DF_TYPE_TIMESTAMP}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].name, name) == 0) {
            *type = names[i].kind == DF_TYPE_TIMESTAMP ? timestamp_type(column) : of_kind(names[i].kind);
            return true;
        }
    return false;
}
