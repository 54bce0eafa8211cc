/* Which files of a data set a registration looks at. */
#ifndef DF_ENGINE_FUNNEL_REGISTER_VALIDATION_H
#define DF_ENGINE_FUNNEL_REGISTER_VALIDATION_H

#include "base/slice.h"

enum df_funnel_validation {
    DF_FUNNEL_VALIDATE_SINGLE,
    DF_FUNNEL_VALIDATE_FIRST_LAST,
    DF_FUNNEL_VALIDATE_SAMPLE,
    DF_FUNNEL_VALIDATE_ALL,
    DF_FUNNEL_VALIDATIONS
};
const char *df_funnel_validation_name(enum df_funnel_validation validation); /* "FIRST_LAST" */
/* Also the command line's spelling, "first-last", in any case. */
bool df_funnel_validation_parse(struct df_slice text, enum df_funnel_validation *validation);

/* What the words come to for so many files: one file is SINGLE, of two files all are looked at. */
enum df_funnel_validation df_funnel_validation_of(enum df_funnel_validation wanted, uint32_t file_count);

/* Marks the files that are looked at (chosen[file_count], zeros before) and returns how many. The random ones of SAMPLE
 * are the same for the same number of files: drawn without replacement, so that no file is compared with itself. */
uint32_t df_funnel_validation_choose(enum df_funnel_validation validation, uint32_t file_count, bool *chosen);

#endif
