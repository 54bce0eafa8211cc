#include "engine/funnel/filter/exact.h"

enum {
    INTEGER_DIGITS_MAX = 30,   /* 2^64 has 20; a caller may add to 10^30 without a care */
    DECIMAL_DIGITS_MAX = 38,   /* 10^38 fits 127 bits */
    EXPONENT_MAX = 1000000000, /* beyond it only the sign matters; far below overflow */
};

/* Digits and exponent: value = 0.d1d2d3… × 10^point; `text` runs over sign, dot and exponent. */
struct decimal {
    bool negative;
    struct df_slice mantissa; /* digits and at most one dot */
    int64_t exponent;
};

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static int64_t parse_exponent(struct df_slice text)
{
    size_t at = 0;
    bool negative = false;
    if (text.size && (text.data[0] == '-' || text.data[0] == '+'))
        negative = text.data[at++] == '-';
    int64_t value = 0;
    for (; at < text.size && is_digit(text.data[at]); at++)
        if (value < EXPONENT_MAX)
            value = value * 10 + (text.data[at] - '0');
    return negative ? -value : value;
}

static struct decimal split(struct df_slice text)
{
    struct decimal decimal = {.mantissa = text};
    if (text.size && (text.data[0] == '-' || text.data[0] == '+')) {
        decimal.negative = text.data[0] == '-';
        decimal.mantissa = df_slice_make(text.data + 1, text.size - 1);
    }
    for (size_t i = 0; i < decimal.mantissa.size; i++) {
        if ((decimal.mantissa.data[i] | 0x20) != 'e')
            continue;
        decimal.exponent = parse_exponent(df_slice_make(decimal.mantissa.data + i + 1, decimal.mantissa.size - i - 1));
        decimal.mantissa.size = i;
        break;
    }
    return decimal;
}

/* How many digits stand before the point once leading zeros are gone and the exponent is applied (may be negative). */
static int64_t whole_digits(const struct decimal *decimal, bool *is_zero)
{
    int64_t before_dot = -1, digits = 0, leading_zeros = 0;
    *is_zero = true;
    for (size_t i = 0; i < decimal->mantissa.size; i++) {
        if (decimal->mantissa.data[i] == '.') {
            before_dot = digits;
            continue;
        }
        if (*is_zero && decimal->mantissa.data[i] == '0')
            leading_zeros++;
        else
            *is_zero = false;
        digits++;
    }
    return (before_dot < 0 ? digits : before_dot) - leading_zeros + decimal->exponent;
}

static struct df_funnel_exact limit(bool negative, int digits)
{
    __int128 value = 1;
    for (int i = 0; i < digits; i++)
        value *= 10;
    value = negative ? -value : value;
    return (struct df_funnel_exact){.floor = value, .ceiling = value};
}

static struct df_funnel_exact parse(struct df_slice text, unsigned scale, int digits_max)
{
    struct decimal decimal = split(text);
    decimal.exponent += scale;
    bool is_zero, fraction = false, leading = true;
    int64_t wanted = whole_digits(&decimal, &is_zero), taken = 0;
    __int128 whole = 0;
    if (is_zero)
        return (struct df_funnel_exact){.floor = 0, .ceiling = 0};
    if (wanted > digits_max)
        return limit(decimal.negative, digits_max);
    for (size_t i = 0; i < decimal.mantissa.size; i++) {
        uint8_t c = decimal.mantissa.data[i];
        if (c == '.' || (leading && c == '0'))
            continue;
        leading = false;
        if (taken < wanted)
            whole = whole * 10 + (c - '0');
        else
            fraction |= c != '0';
        taken++;
    }
    for (; taken < wanted; taken++)
        whole *= 10;
    __int128 floor = decimal.negative ? -whole - (fraction ? 1 : 0) : whole;
    return (struct df_funnel_exact){.floor = floor, .ceiling = floor + (fraction ? 1 : 0)};
}

struct df_funnel_exact df_funnel_exact_parse(struct df_slice text)
{
    return parse(text, 0, INTEGER_DIGITS_MAX);
}

struct df_funnel_exact df_funnel_exact_parse_scaled(struct df_slice text, unsigned scale)
{
    return parse(text, scale, DECIMAL_DIGITS_MAX);
}
