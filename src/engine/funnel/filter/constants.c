#include "engine/funnel/filter/constants.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/funnel/language/shown.h"
#include "engine/funnel/language/time_text.h"

enum {
    UUID_BYTES = 16,
    UUID_TEXT_BYTES = 36,
    HALF_MANTISSA_BITS = 11,
    HALF_EXPONENT_MIN = -13, /* frexp's, of the smallest normal half */
    NANOSECOND_DIGITS = 9,
};

void df_funnel_put_place(struct df_buf *out, const struct df_funnel_leaf *leaf, enum df_funnel_member member,
                         uint32_t value)
{
    static const char *const names[] = {".column", ".op", ".value", ".delimiter"};
    df_buf_put_text(out, leaf->place);
    if (leaf->shorthand && member != DF_FUNNEL_MEMBER_DELIMITER)
        df_buf_printf(out, "[%d]", (int)member);
    else
        df_buf_put_text(out, names[member]);
    if (member == DF_FUNNEL_MEMBER_VALUE && df_funnel_op_arity(leaf->op) == DF_FUNNEL_MANY_VALUES)
        df_buf_printf(out, "[%u]", value);
}

/* ---- what is wrong with a constant ---- */

/* The operator as the command line has it, for the way out. */
static const char *shown_op(enum df_funnel_op op)
{
    return op == DF_FUNNEL_EQ ? "=" : df_funnel_op_text(op);
}

static const struct df_funnel_constant *constant_of(const struct df_funnel_asked *asked)
{
    return &asked->leaf->values[asked->value];
}

static void put_constant(struct df_buf *out, const struct df_funnel_constant *constant, bool with_type)
{
    static const char *const types[] = {" is a string", " is a number", " is a boolean"};
    if (constant->type == DF_FUNNEL_BOOLEAN) {
        df_buf_put_text(out, constant->boolean ? "true" : "false");
    } else {
        const char *quote = constant->type == DF_FUNNEL_STRING ? "'" : "";
        df_buf_put_text(out, quote);
        df_funnel_put_shown(out, constant->text, 64);
        df_buf_put_text(out, quote);
    }
    if (with_type)
        df_buf_put_text(out, types[constant->type]);
}

/* "place: column 'x' is an integer and 'five' is a string; " and, for one value, the expression up to the value. */
static int complain(const struct df_funnel_asked *asked, const char *verdict, const char *way_out,
                    struct df_error *error)
{
    struct df_buf out = {0};
    char type[DF_TYPE_TEXT_BYTES];
    df_funnel_put_place(&out, asked->leaf, DF_FUNNEL_MEMBER_VALUE, asked->value);
    df_buf_put_text(&out, ": column '");
    df_funnel_put_shown(&out, df_slice_text(asked->leaf->column), 64);
    df_buf_printf(&out, "' is %s and ", df_type_text(asked->type, type));
    put_constant(&out, constant_of(asked), verdict == NULL);
    if (verdict)
        df_buf_put_text(&out, verdict);
    df_buf_printf(&out, "; %s", way_out);
    (void)df_error_set(error, DF_ERROR_INVALID, "%s", df_buf_text(&out));
    df_buf_dispose(&out);
    return -1;
}

static bool looks_like_number(struct df_slice text)
{
    char copy[64], *end;
    if (text.size == 0 || text.size >= sizeof copy || strchr(" \t\n\r\v\fxXnNiIpP", text.data[0]))
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    (void)strtod(copy, &end);
    return end == copy + text.size;
}

/* "write it without quotes: price > 5", with `quote` around the constant. */
static int complain_of_quotes(const struct df_funnel_asked *asked, const char *what, const char *quote,
                              struct df_error *error)
{
    struct df_buf way_out = {0};
    const struct df_funnel_constant *constant = constant_of(asked);
    df_buf_put_text(&way_out, what);
    if (df_funnel_op_arity(asked->leaf->op) == DF_FUNNEL_ONE_VALUE) {
        df_buf_put_text(&way_out, ": ");
        df_funnel_put_shown(&way_out, df_slice_text(asked->leaf->column), 64);
        df_buf_printf(&way_out, " %s %s", shown_op(asked->leaf->op), quote);
        if (constant->type == DF_FUNNEL_BOOLEAN)
            df_buf_put_text(&way_out, constant->boolean ? "true" : "false");
        else
            df_funnel_put_shown(&way_out, constant->text, 64);
        df_buf_put_text(&way_out, quote);
    }
    (void)complain(asked, NULL, df_buf_text(&way_out), error);
    df_buf_dispose(&way_out);
    return -1;
}

static int complain_of_time(const struct df_funnel_asked *asked, const char *verdict, struct df_error *error)
{
    char way_out[256];
    const struct df_type *type = asked->type;
    if (type->kind == DF_TYPE_DATE)
        (void)snprintf(way_out, sizeof way_out, "write a date such as '2015-05-03', or an integer of days since 1970");
    else if (type->kind == DF_TYPE_TIME)
        (void)snprintf(way_out, sizeof way_out, "write a time such as '10:20:30.5', or an integer in %s",
                       df_time_unit_name(type->unit));
    else
        (void)snprintf(way_out, sizeof way_out,
                       "write a time such as '2015-05-03' or '2015-05-03T10:20:30Z', or an integer in %s",
                       df_time_unit_name(type->unit));
    return complain(asked, verdict, way_out, error);
}

static bool is_time(enum df_type_kind kind)
{
    return kind == DF_TYPE_DATE || kind == DF_TYPE_TIME || kind == DF_TYPE_TIMESTAMP;
}

int df_funnel_constant_check(const struct df_funnel_asked *asked, struct df_error *error)
{
    enum df_type_kind kind = asked->type->kind;
    const struct df_funnel_constant *constant = constant_of(asked);
    if (kind == DF_TYPE_NULL)
        return 0;
    if (kind == DF_TYPE_BOOL)
        return constant->type == DF_FUNNEL_BOOLEAN ? 0 : complain(asked, NULL, "compare it with true or false", error);
    if (kind == DF_TYPE_STRING || kind == DF_TYPE_BINARY || kind == DF_TYPE_UUID)
        return constant->type == DF_FUNNEL_STRING ? 0 : complain_of_quotes(asked, "quote it", "'", error);
    if (is_time(kind))
        return constant->type == DF_FUNNEL_BOOLEAN ? complain_of_time(asked, NULL, error) : 0;
    if (constant->type == DF_FUNNEL_NUMBER)
        return 0;
    if (constant->type == DF_FUNNEL_STRING && looks_like_number(constant->text))
        return complain_of_quotes(asked, "write it without quotes", "", error);
    return complain(asked, NULL, "compare it with a number", error);
}

/* ---- times ---- */

/* ISO text keeps nanoseconds; is there anything but zeros behind them? */
static bool has_more_than_nanoseconds(struct df_slice text)
{
    size_t at = 0, digits = 0;
    while (at < text.size && text.data[at] != '.' && text.data[at] != ',')
        at++;
    for (at++; at < text.size && isdigit(text.data[at]); at++)
        if (++digits > NANOSECOND_DIGITS && text.data[at] != '0')
            return true;
    return false;
}

static enum df_funnel_scale scale_of(const struct df_type *type)
{
    return type->kind == DF_TYPE_DATE ? DF_FUNNEL_SCALE_DAY : (enum df_funnel_scale)type->unit;
}

static int exact_instant(const struct df_funnel_asked *asked, struct df_funnel_exact *exact, struct df_error *error)
{
    struct df_slice text = constant_of(asked)->text;
    struct df_funnel_instant instant;
    enum df_funnel_scale scale = scale_of(asked->type);
    if (!df_funnel_instant_parse(text, &instant, NULL))
        return complain_of_time(asked, asked->type->kind == DF_TYPE_DATE ? " is no date" : " is no time", error);
    struct df_funnel_instant next = instant;
    next.amount++;
    /* The last step that is not after t is the one before the first that is at or after t + 1 ns. */
    exact->floor = df_funnel_instant_ceiling(&next, scale) - 1;
    exact->ceiling = df_funnel_instant_ceiling(has_more_than_nanoseconds(text) ? &next : &instant, scale);
    return 0;
}

/* Two digits below `limit`. */
static bool take_two(struct df_slice text, size_t *at, unsigned limit, unsigned *out)
{
    if (text.size - *at < 2 || !isdigit(text.data[*at]) || !isdigit(text.data[*at + 1]))
        return false;
    *out = (unsigned)(text.data[*at] - '0') * 10 + (unsigned)(text.data[*at + 1] - '0');
    *at += 2;
    return *out < limit;
}

static bool take_colon(struct df_slice text, size_t *at)
{
    if (*at >= text.size || text.data[*at] != ':')
        return false;
    ++*at;
    return true;
}

/* The fraction of a second in `per_second` units: *units whole ones, and true in *more when there is a rest. */
static bool take_fraction(struct df_slice text, size_t *at, int64_t per_second, int64_t *units, bool *more)
{
    *units = 0;
    *more = false;
    if (*at == text.size)
        return true;
    if (text.data[*at] != '.' || *at + 1 == text.size)
        return false;
    for (++*at; *at < text.size && isdigit(text.data[*at]); ++*at) {
        unsigned digit = (unsigned)(text.data[*at] - '0');
        per_second /= 10; /* 0 once the unit is used up */
        *units += per_second * digit;
        *more |= per_second == 0 && digit != 0;
    }
    return *at == text.size;
}

static bool parse_time_of_day(struct df_slice text, enum df_time_unit unit, struct df_funnel_exact *exact)
{
    unsigned hours, minutes, seconds = 0;
    int64_t units, per_second = df_time_unit_per_second(unit);
    size_t at = 0;
    bool more;
    if (!take_two(text, &at, 24, &hours) || !take_colon(text, &at) || !take_two(text, &at, 60, &minutes))
        return false;
    if (at < text.size && (!take_colon(text, &at) || !take_two(text, &at, 60, &seconds)))
        return false;
    if (!take_fraction(text, &at, per_second, &units, &more))
        return false;
    exact->floor = (int64_t)((hours * 60 + minutes) * 60 + seconds) * per_second + units;
    exact->ceiling = exact->floor + more;
    return true;
}

int df_funnel_constant_exact(const struct df_funnel_asked *asked, struct df_funnel_exact *exact, struct df_error *error)
{
    const struct df_funnel_constant *constant = constant_of(asked);
    const struct df_type *type = asked->type;
    if (constant->type == DF_FUNNEL_NUMBER) {
        *exact = type->kind == DF_TYPE_DECIMAL ? df_funnel_exact_parse_scaled(constant->text, type->scale)
                                               : df_funnel_exact_parse(constant->text);
        return 0;
    }
    if (type->kind != DF_TYPE_TIME)
        return exact_instant(asked, exact, error);
    return parse_time_of_day(constant->text, type->unit, exact) ? 0
                                                                : complain_of_time(asked, " is no time of day", error);
}

/* ---- floats ---- */

/* To the nearest half, ties to even: what is below one step of its exponent is rounded away. */
static double round_to_half(double number)
{
    int exponent;
    (void)frexp(number, &exponent);
    int step = (exponent < HALF_EXPONENT_MIN ? HALF_EXPONENT_MIN : exponent) - HALF_MANTISSA_BITS;
    double rounded = ldexp(nearbyint(ldexp(number, -step)), step);
    return fabs(rounded) >= 65536 ? copysign(HUGE_VAL, rounded) : rounded;
}

int df_funnel_constant_float(const struct df_funnel_asked *asked, struct df_funnel_float *out, struct df_error *error)
{
    char *text = df_slice_strdup(constant_of(asked)->text);
    if (!text)
        return df_error_no_memory(error, "compiling a filter");
    out->number = asked->type->bits == 32 ? (double)strtof(text, NULL) : strtod(text, NULL);
    free(text);
    if (asked->type->bits == 16 && isfinite(out->number))
        out->number = round_to_half(out->number);
    out->beyond = isinf(out->number) ? (out->number > 0 ? 1 : -1) : 0;
    return 0;
}

/* ---- bytes ---- */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 32 hexadecimal digits, in one run or as 8-4-4-4-12. */
static bool parse_uuid(struct df_slice text, uint8_t out[UUID_BYTES])
{
    bool dashes = text.size == UUID_TEXT_BYTES;
    if (!dashes && text.size != 2 * UUID_BYTES)
        return false;
    size_t at = 0;
    for (size_t i = 0; i < UUID_BYTES; i++) {
        if (dashes && (i == 4 || i == 6 || i == 8 || i == 10) && text.data[at++] != '-')
            return false;
        int high = hex_digit(text.data[at]), low = hex_digit(text.data[at + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    return true;
}

int df_funnel_constant_bytes(const struct df_funnel_asked *asked, struct df_arena *arena, struct df_slice *bytes,
                             struct df_error *error)
{
    *bytes = constant_of(asked)->text;
    if (asked->type->kind != DF_TYPE_UUID)
        return 0;
    uint8_t *uuid = df_arena_alloc(arena, UUID_BYTES);
    if (!uuid)
        return df_error_no_memory(error, "compiling a filter");
    if (!parse_uuid(*bytes, uuid))
        return complain(asked, " is none", "write it as '6a1e53e9-1b2c-4d5e-8f90-123456789abc'", error);
    *bytes = df_slice_make(uuid, UUID_BYTES);
    return 0;
}
