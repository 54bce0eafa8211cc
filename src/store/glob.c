#include "store/glob.h"

bool df_glob_is_pattern(struct df_slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] == '*' || text.data[i] == '?' || text.data[i] == '[')
            return true;
    return false;
}

bool df_glob_is_hidden(struct df_slice name)
{
    return name.size > 0 && (name.data[0] == '.' || name.data[0] == '_');
}

/* ---- characters ---- */

/* Bytes that are no UTF-8 are characters of their own, above all real ones. */
enum { STRAY_BYTE = 0x110000 };

static size_t sequence_size(uint8_t lead)
{
    if (lead >= 0xF0 && lead < 0xF8)
        return 4;
    if (lead >= 0xE0 && lead < 0xF0)
        return 3;
    return lead >= 0xC2 && lead < 0xE0 ? 2 : 1;
}

/* The character at *at, which is below text.size; moves *at behind it. */
static uint32_t take_character(struct df_slice text, size_t *at)
{
    uint8_t lead = text.data[*at];
    size_t size = sequence_size(lead);
    if (lead < 0x80) {
        (*at)++;
        return lead;
    }
    uint32_t character = lead & (0xFFu >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if (*at + i >= text.size || (text.data[*at + i] & 0xC0) != 0x80)
            size = 1;
        else
            character = character << 6 | (text.data[*at + i] & 0x3Fu);
    }
    *at += size;
    return size == 1 ? STRAY_BYTE + (uint32_t)lead : character;
}

/* ---- one name ---- */

/* Whether the class whose '[' is at *at holds `character`; moves *at behind its ']'. False, and *at where it was, when
 * there is no ']': then the bracket is an ordinary character. */
static bool take_class(struct df_slice pattern, size_t *at, uint32_t character, bool *holds)
{
    size_t i = *at + 1;
    bool negated = i < pattern.size && (pattern.data[i] == '!' || pattern.data[i] == '^');
    if (negated)
        i++;
    bool found = false;
    for (bool first = true; i < pattern.size; first = false) {
        if (pattern.data[i] == ']' && !first) {
            *at = i + 1;
            *holds = found != negated;
            return true;
        }
        uint32_t low = take_character(pattern, &i);
        uint32_t high = low;
        if (i + 1 < pattern.size && pattern.data[i] == '-' && pattern.data[i + 1] != ']') {
            i++;
            high = take_character(pattern, &i);
        }
        if (character >= low && character <= high)
            found = true;
    }
    return false;
}

/* One pattern element that is not a star against one character. Both places move when they fit. */
static bool match_one(struct df_slice pattern, size_t *p, struct df_slice name, size_t *n)
{
    size_t p_next = *p, n_next = *n;
    bool holds = false;
    uint32_t character = take_character(name, &n_next);
    if (pattern.data[*p] == '?') {
        p_next++;
        holds = true;
    } else if (pattern.data[*p] != '[' || !take_class(pattern, &p_next, character, &holds)) {
        holds = take_character(pattern, &p_next) == character;
    }
    if (!holds)
        return false;
    *p = p_next;
    *n = n_next;
    return true;
}

/* Remembering the last star alone is enough: what an earlier star could take, a later one can take as well. */
bool df_glob_match_name(struct df_slice pattern, struct df_slice name)
{
    size_t p = 0, n = 0;
    size_t star_p = SIZE_MAX, star_n = 0;
    while (n < name.size) {
        if (p < pattern.size && pattern.data[p] == '*') {
            star_p = ++p;
            star_n = n;
        } else if (p < pattern.size && match_one(pattern, &p, name, &n)) {
            continue;
        } else if (star_p != SIZE_MAX) {
            take_character(name, &star_n);
            p = star_p;
            n = star_n;
        } else {
            return false;
        }
    }
    while (p < pattern.size && pattern.data[p] == '*')
        p++;
    return p == pattern.size;
}

/* ---- paths ---- */

static bool is_any_depth(struct df_slice part)
{
    return df_slice_is(part, "**");
}

static bool part_fits(struct df_slice part, struct df_slice name)
{
    if (df_glob_is_hidden(name) && (part.size == 0 || part.data[0] != name.data[0]))
        return false;
    return df_glob_match_name(part, name);
}

/* A ** may stand for nothing: who is before it is behind it as well. */
static df_glob_states skip_any_depth(const struct df_glob *glob, df_glob_states states)
{
    for (unsigned i = 0; i < glob->count; i++)
        if ((states >> i & 1) && is_any_depth(glob->parts[i]))
            states |= UINT64_C(1) << (i + 1);
    return states;
}

int df_glob_parse(struct df_glob *glob, struct df_slice pattern, struct df_error *error)
{
    *glob = (struct df_glob){.folders_only = pattern.size > 0 && pattern.data[pattern.size - 1] == '/'};
    for (size_t at = 0; at < pattern.size;) {
        const uint8_t *slash = memchr(pattern.data + at, '/', pattern.size - at);
        size_t size = slash ? (size_t)(slash - pattern.data) - at : pattern.size - at;
        if (size > 0) {
            if (glob->count == DF_GLOB_PARTS_MAX)
                return df_error_set(error, DF_ERROR_INVALID, "pattern '%.*s' has more than %d parts",
                                    DF_SLICE_ARG(pattern), DF_GLOB_PARTS_MAX);
            glob->parts[glob->count++] = df_slice_make(pattern.data + at, size);
        }
        at += size + 1;
    }
    return 0;
}

df_glob_states df_glob_start(const struct df_glob *glob)
{
    return skip_any_depth(glob, 1);
}

df_glob_states df_glob_step(const struct df_glob *glob, df_glob_states states, struct df_slice name)
{
    df_glob_states next = 0;
    for (unsigned i = 0; i < glob->count; i++) {
        if (!(states >> i & 1))
            continue;
        if (is_any_depth(glob->parts[i]))
            next |= df_glob_is_hidden(name) ? 0 : UINT64_C(1) << i;
        else if (part_fits(glob->parts[i], name))
            next |= UINT64_C(1) << (i + 1);
    }
    return skip_any_depth(glob, next);
}

bool df_glob_match(const struct df_glob *glob, struct df_slice path)
{
    df_glob_states states = df_glob_start(glob);
    for (size_t at = 0; at < path.size && states;) {
        const uint8_t *slash = memchr(path.data + at, '/', path.size - at);
        size_t size = slash ? (size_t)(slash - path.data) - at : path.size - at;
        if (size > 0)
            states = df_glob_step(glob, states, df_slice_make(path.data + at, size));
        at += size + 1;
    }
    return df_glob_accepts(glob, states);
}
