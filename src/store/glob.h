/* Path patterns: * (any run), ? (one character), [a-z] and [!x] (classes) inside one part of a path; a part that is **
 * stands for any number of parts, also none. No escapes: [*] is a literal star. A bracket that never closes is literal.
 *
 * A pattern is matched part by part, so that a backend which walks folders, and one which gets whole keys in pages, ask
 * the same question: the set of places in the pattern that the parts so far can have led to. Time is bounded for
 * hostile patterns too: at most 64 places per part, and pattern × name for each.
 *
 * Names with '.' or '_' in front are hidden: a wildcard never stands for that first character, only the same character
 * in the pattern does. Pure functions. */
#ifndef DF_STORE_GLOB_H
#define DF_STORE_GLOB_H

#include "base/error.h"
#include "base/slice.h"

enum { DF_GLOB_PARTS_MAX = 63 };

struct df_glob {
    struct df_slice parts[DF_GLOB_PARTS_MAX]; /* borrowed from the text that was parsed */
    unsigned count;
    bool folders_only; /* the pattern ended with '/' */
};

/* Bit i: the parts so far fit the first i parts of the pattern. 0: nothing below can match. */
typedef uint64_t df_glob_states;

bool df_glob_is_pattern(struct df_slice text); /* has *, ? or [ */
bool df_glob_is_hidden(struct df_slice name);  /* '.' or '_' in front */

/* invalid when it has too many parts. Empty parts ("a//b") are skipped. */
int df_glob_parse(struct df_glob *glob, struct df_slice pattern, struct df_error *error);
df_glob_states df_glob_start(const struct df_glob *glob);
df_glob_states df_glob_step(const struct df_glob *glob, df_glob_states states, struct df_slice name);
static inline bool df_glob_accepts(const struct df_glob *glob, df_glob_states states)
{
    return (states >> glob->count) & 1;
}

/* A whole relative path. */
bool df_glob_match(const struct df_glob *glob, struct df_slice path);

/* One name against one part; knows nothing of hidden names nor of **. */
bool df_glob_match_name(struct df_slice pattern, struct df_slice name);

#endif
