#include "engine/funnel/language/reader.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/config.h"
#include "engine/funnel/filter/exact.h"
#include "engine/funnel/language/shown.h"

/* No request needs more; a deeper or larger one is a mistake that should cost no memory. Deeper than a filter tree may
 * be, so that most trees that are too deep get a message about trees. */
const struct df_json_limits df_funnel_json_limits = {.text_bytes = 100u << 20, .depth = 512, .nodes = 2u << 20};

/* ---- growing ---- */

void *df_funnel_grown(struct df_arena *arena, void *items, uint32_t count, uint32_t *capacity, size_t element_bytes)
{
    if (count < *capacity)
        return items;
    uint32_t wider = *capacity ? *capacity * 2 : 8;
    void *copy = wider > *capacity ? df_arena_array(arena, wider, element_bytes) : NULL;
    if (!copy)
        return NULL;
    if (count)
        memcpy(copy, items, count * element_bytes);
    *capacity = wider;
    return copy;
}

static void slot_put(struct df_funnel_index *index, uint32_t number)
{
    size_t mask = index->slot_count - 1, at = index->hashes[number] & mask;
    while (index->slots[at])
        at = (at + 1) & mask;
    index->slots[at] = number + 1;
}

uint32_t df_funnel_index_find(const struct df_funnel_index *index, uint64_t hash, df_funnel_same_fn *same,
                              const void *ctx)
{
    if (index->count == 0)
        return DF_FUNNEL_NONE;
    size_t mask = index->slot_count - 1;
    for (size_t at = hash & mask; index->slots[at]; at = (at + 1) & mask) {
        uint32_t number = index->slots[at] - 1;
        if (index->hashes[number] == hash && same(ctx, number))
            return number;
    }
    return DF_FUNNEL_NONE;
}

bool df_funnel_index_add(struct df_funnel_index *index, struct df_arena *arena, uint64_t hash)
{
    uint32_t capacity = index->capacity;
    uint64_t *hashes = df_funnel_grown(arena, index->hashes, index->count, &index->capacity, sizeof *hashes);
    if (!hashes)
        return false;
    index->hashes = hashes;
    hashes[index->count] = hash;
    if (index->capacity != capacity) {
        size_t slot_count = 4 * (size_t)index->capacity;
        uint32_t *slots = df_arena_array(arena, slot_count, sizeof *slots);
        if (!slots) {
            index->capacity = capacity;
            return false;
        }
        index->slots = slots;
        index->slot_count = slot_count;
        for (uint32_t i = 0; i < index->count; i++)
            slot_put(index, i);
    }
    slot_put(index, index->count++);
    return true;
}

/* ---- places and messages ---- */

size_t df_funnel_enter(struct df_funnel_reader *reader, const char *member)
{
    size_t mark = reader->place.size;
    if (mark)
        df_buf_put_char(&reader->place, '.');
    df_buf_put_text(&reader->place, member);
    return mark;
}

size_t df_funnel_enter_element(struct df_funnel_reader *reader, size_t index)
{
    size_t mark = reader->place.size;
    df_buf_printf(&reader->place, "[%zu]", index);
    return mark;
}

void df_funnel_leave(struct df_funnel_reader *reader, size_t mark)
{
    if (reader->place.size > mark)
        reader->place.size = mark;
}

const char *df_funnel_place(struct df_funnel_reader *reader)
{
    return reader->place.failed ? NULL : df_arena_text(reader->arena, df_buf_slice(&reader->place));
}

#undef df_funnel_fail
#undef df_funnel_fail_memory
#undef df_funnel_expected

int df_funnel_fail(struct df_funnel_reader *reader, const char *format, ...)
{
    char message[DF_ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return df_error_set(reader->error, DF_ERROR_INVALID, "%s: %s",
                        reader->place.size ? df_buf_text(&reader->place) : "request", message);
}

int df_funnel_fail_memory(struct df_funnel_reader *reader)
{
    return df_error_no_memory(reader->error, "reading the request");
}

int df_funnel_expected(struct df_funnel_reader *reader, const char *what, const struct df_json *found)
{
    if (!found)
        return df_funnel_fail(reader, "missing; expected %s", what);
    return df_funnel_fail(reader, "expected %s, found %s", what, df_json_type_name(found->type));
}

/* ---- objects and arrays ---- */

/* "'blah' was unexpected" are the original's words. */
static int unexpected_member(struct df_funnel_reader *reader, struct df_slice name, const char *const *known)
{
    char shown[DF_FUNNEL_SHOWN_BYTES], all[256] = "";
    size_t used = 0, count = 0;
    for (; known[count] && used < sizeof all; count++)
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", count ? ", " : "", known[count]);
    const char *near = df_nearest_name(df_funnel_shown(name, shown), known, count);
    return df_funnel_fail(reader, "'%s' was unexpected%s%s%s; known: %s", shown, near ? ", did you mean '" : "",
                          near ? near : "", near ? "'?" : "", all);
}

int df_funnel_check_members(struct df_funnel_reader *reader, const struct df_json *object, const char *const *known)
{
    uint32_t seen = 0;
    if (!object || object->type != DF_JSON_OBJECT)
        return df_funnel_expected(reader, "an object", object);
    for (const struct df_json *member = object->children; member; member = member->next) {
        unsigned i = 0;
        while (known[i] && !df_slice_is(member->key, known[i]))
            i++;
        if (!known[i])
            return unexpected_member(reader, member->key, known);
        if (seen & UINT32_C(1) << i)
            return df_funnel_fail(reader, "'%s' stands there twice", known[i]);
        seen |= UINT32_C(1) << i;
    }
    return 0;
}

int df_funnel_required(struct df_funnel_reader *reader, const struct df_json *object, const char *member,
                       df_funnel_read_fn *read, void *out)
{
    size_t mark = df_funnel_enter(reader, member);
    if (read(reader, df_json_get(object, member), out) < 0)
        return -1;
    df_funnel_leave(reader, mark);
    return 0;
}

int df_funnel_optional(struct df_funnel_reader *reader, const struct df_json *object, const char *member,
                       df_funnel_read_fn *read, void *out)
{
    return df_json_get(object, member) ? df_funnel_required(reader, object, member, read, out) : 0;
}

int df_funnel_each(struct df_funnel_reader *reader, const struct df_json *array, df_funnel_read_fn *read, void *out,
                   size_t element_bytes)
{
    size_t index = 0;
    for (const struct df_json *element = array->children; element; element = element->next, index++) {
        size_t mark = df_funnel_enter_element(reader, index);
        if (read(reader, element, (char *)out + index * element_bytes) < 0)
            return -1;
        df_funnel_leave(reader, mark);
    }
    return 0;
}

/* ---- values ---- */

int df_funnel_read_text(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    struct df_funnel_text *text = out;
    if (!value || value->type != DF_JSON_STRING)
        return df_funnel_expected(reader, text->what, value);
    if (value->text.size == 0)
        return df_funnel_fail(reader, "expected %s, found an empty string", text->what);
    if (memchr(value->text.data, 0, value->text.size))
        return df_funnel_fail(reader, "a zero byte cannot be part of it");
    text->text = df_arena_text(reader->arena, value->text);
    return text->text ? 0 : df_funnel_fail_memory(reader);
}

int df_funnel_read_string(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    struct df_slice *text = out;
    if (!value || value->type != DF_JSON_STRING)
        return df_funnel_expected(reader, "a string", value);
    *text = value->text.data ? value->text : df_slice_make("", 0);
    return 0;
}

int df_funnel_read_bool(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    bool *boolean = out;
    if (!value || value->type != DF_JSON_BOOL)
        return df_funnel_expected(reader, "true or false", value);
    *boolean = value->boolean;
    return 0;
}

/* "'auto', 'whole' or 'spread'" */
static void put_words(struct df_buf *out, const char *const *words)
{
    for (unsigned i = 0; words[i]; i++)
        df_buf_printf(out, "%s'%s'", i == 0 ? "" : words[i + 1] ? ", " : " or ", words[i]);
}

static int wrong_word(struct df_funnel_reader *reader, const struct df_json *value, const char *const *words)
{
    char shown[DF_FUNNEL_SHOWN_BYTES];
    struct df_buf what = {0};
    size_t count = 0;
    put_words(&what, words);
    int result;
    if (!value || value->type != DF_JSON_STRING) {
        result = df_funnel_expected(reader, df_buf_text(&what), value);
    } else {
        while (words[count])
            count++;
        const char *near = df_nearest_name(df_funnel_shown(value->text, shown), words, count);
        result = df_funnel_fail(reader, "expected %s, found '%s'%s%s%s", df_buf_text(&what), shown,
                                near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    df_buf_dispose(&what);
    return result;
}

int df_funnel_read_word(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    struct df_funnel_word *word = out;
    for (unsigned i = 0; value && value->type == DF_JSON_STRING && word->words[i]; i++) {
        if (df_slice_is(value->text, word->words[i])) {
            word->chosen = i;
            return 0;
        }
    }
    return wrong_word(reader, value, word->words);
}

int df_funnel_read_number(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    struct df_funnel_number *number = out;
    char shown[DF_FUNNEL_SHOWN_BYTES], what[64];
    int64_t integer;
    snprintf(what, sizeof what, "an integer from %u to %u", number->least, number->most);
    if (!value || value->type != DF_JSON_NUMBER)
        return df_funnel_expected(reader, what, value);
    if (!df_json_int64(value, &integer) || integer < number->least || integer > number->most)
        return df_funnel_fail(reader, "expected %s, found %s", what, df_funnel_shown(value->text, shown));
    number->value = (uint32_t)integer;
    return 0;
}

int df_funnel_read_length(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    static const char *const what =
        "a length of time: text such as '30s', '15m', '12h', '7d' or '2w', or an integer in "
        "the unit of the time column";
    struct df_funnel_length *length = out;
    char shown[DF_FUNNEL_SHOWN_BYTES];
    if (value && value->type == DF_JSON_STRING) {
        if (df_funnel_length_parse(value->text, length))
            return 0;
        return df_funnel_fail(reader, "expected %s, found '%s'", what, df_funnel_shown(value->text, shown));
    }
    if (!value || value->type != DF_JSON_NUMBER)
        return df_funnel_expected(reader, what, value);
    struct df_funnel_exact exact = df_funnel_exact_parse(value->text);
    if (exact.floor < 0)
        return df_funnel_fail(reader, "%s is less than the minimum of 0", df_funnel_shown(value->text, shown));
    if (exact.floor != exact.ceiling)
        return df_funnel_fail(reader, "expected %s, found %s", what, df_funnel_shown(value->text, shown));
    *length = (struct df_funnel_length){.given = true, .amount = (unsigned __int128)exact.floor};
    return 0;
}

int df_funnel_read_instant(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    static const char *const what =
        "an integer in the unit of the time column, or ISO 8601 text such as '2015-05-03' or '2015-05-03T10:20:30.5Z'";
    struct df_funnel_instant *instant = out;
    char shown[DF_FUNNEL_SHOWN_BYTES];
    if (value && value->type == DF_JSON_STRING) {
        if (df_funnel_instant_parse(value->text, instant, NULL))
            return 0;
        return df_funnel_fail(reader, "expected %s, found '%s'", what, df_funnel_shown(value->text, shown));
    }
    if (!value || value->type != DF_JSON_NUMBER)
        return df_funnel_expected(reader, what, value);
    struct df_funnel_exact exact = df_funnel_exact_parse(value->text);
    if (exact.floor != exact.ceiling)
        return df_funnel_fail(reader, "expected %s, found %s", what, df_funnel_shown(value->text, shown));
    *instant = (struct df_funnel_instant){.given = true, .amount = exact.floor};
    return 0;
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

int df_funnel_read_name(struct df_funnel_reader *reader, const struct df_json *value, void *out)
{
    struct df_slice *name = out;
    char shown[DF_FUNNEL_SHOWN_BYTES];
    if (df_funnel_read_string(reader, value, name) < 0)
        return -1;
    for (size_t i = 0; i < name->size; i++) {
        uint8_t c = name->data[i];
        if (!is_letter(c) && (i == 0 || !(c == '_' || (c >= '0' && c <= '9'))))
            return df_funnel_fail(reader, "'%s' is no name; expected a letter, then letters, digits and '_'",
                                  df_funnel_shown(*name, shown));
    }
    if (name->size == 0)
        *name = df_slice_make(NULL, 0);
    return 0;
}
