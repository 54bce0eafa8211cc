#include "engine/funnel/register/validation.h"

#include "base/hash.h"

enum { SAMPLED_MAX = 10, SHARE = 10 };

static const char *const names[DF_FUNNEL_VALIDATIONS] = {"SINGLE", "FIRST_LAST", "SAMPLE", "ALL"};

const char *df_funnel_validation_name(enum df_funnel_validation validation)
{
    return names[validation];
}

static bool same_word(struct df_slice text, const char *name)
{
    if (text.size != strlen(name))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        char c = (char)text.data[i];
        c = c == '-' ? '_' : (c >= 'a' && c <= 'z') ? (char)(c - 'a' + 'A') : c;
        if (c != name[i])
            return false;
    }
    return true;
}

bool df_funnel_validation_parse(struct df_slice text, enum df_funnel_validation *validation)
{
    for (int i = 0; i < DF_FUNNEL_VALIDATIONS; i++) {
        if (same_word(text, names[i])) {
            *validation = (enum df_funnel_validation)i;
            return true;
        }
    }
    return false;
}

enum df_funnel_validation df_funnel_validation_of(enum df_funnel_validation wanted, uint32_t file_count)
{
    if (file_count <= 1)
        return DF_FUNNEL_VALIDATE_SINGLE;
    return file_count == 2 && wanted == DF_FUNNEL_VALIDATE_SAMPLE ? DF_FUNNEL_VALIDATE_FIRST_LAST : wanted;
}

uint32_t df_funnel_validation_choose(enum df_funnel_validation validation, uint32_t file_count, bool *chosen)
{
    if (file_count == 0)
        return 0;
    if (validation == DF_FUNNEL_VALIDATE_ALL) {
        memset(chosen, true, file_count * sizeof *chosen);
        return file_count;
    }
    chosen[0] = true;
    if (validation == DF_FUNNEL_VALIDATE_SINGLE || file_count == 1)
        return 1;
    chosen[file_count - 1] = true;
    if (validation == DF_FUNNEL_VALIDATE_FIRST_LAST || file_count == 2)
        return 2;
    uint32_t wanted = file_count / SHARE < SAMPLED_MAX ? file_count / SHARE : SAMPLED_MAX, count = 2;
    for (uint64_t draw = 1; count < wanted; draw++) {
        uint32_t file = (uint32_t)(df_hash_u64(draw * file_count) % file_count);
        count += !chosen[file];
        chosen[file] = true;
    }
    return count;
}
