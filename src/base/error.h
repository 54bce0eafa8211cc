/* The closed list of error kinds, and the error that a failing function fills.
 *
 * Functions return 0 or -1 and fill a struct df_error of the caller. Whoever knows the fact writes the message, once,
 * with what was expected and what was found; callers clean up and pass it on (df_error_prefix may say where).
 * A caller's own mistake is an assert, bad data is an error.
 *
 * Kind, HTTP status, exit code and "retried by the job" are one table (error.c; source: the contracts of the core, §7).
 */
#ifndef DF_BASE_ERROR_H
#define DF_BASE_ERROR_H

#include <stdbool.h>

enum df_error_kind {
    DF_ERROR_NONE = 0,
    DF_ERROR_INVALID,         /* the request is wrong */
    DF_ERROR_NOT_FOUND,       /* file, object, data set, function */
    DF_ERROR_DENIED,          /* known, but not allowed */
    DF_ERROR_UNAUTHENTICATED, /* not known */
    DF_ERROR_CONFLICT,        /* an object replaced in mid-query */
    DF_ERROR_TOO_LARGE,       /* request or answer over a limit of the transport */
    DF_ERROR_THROTTLED,       /* asked to come later */
    DF_ERROR_UNAVAILABLE,     /* refused, reset, gone */
    DF_ERROR_TIMEOUT,
    DF_ERROR_CORRUPT,     /* bytes that are not what they say; an answer that is garbage */
    DF_ERROR_UNSUPPORTED, /* understood, and not something Dayfly does; an envelope of another version */
    DF_ERROR_EXHAUSTED,   /* disk, memory, temporary folder */
    DF_ERROR_CANCELLED,
    DF_ERROR_INTERNAL,
    DF_ERROR_KIND_COUNT
};

enum { DF_ERROR_MESSAGE_BYTES = 1024 };

struct df_error {
    enum df_error_kind kind;
    bool retryable;                       /* default by kind; who fills it may clear it */
    char message[DF_ERROR_MESSAGE_BYTES]; /* for a human, one sentence, NUL-terminated, cut on a character when too long
                                           */
};

/* Fills error (if not NULL) and returns -1, so that `return df_error_set(...)` is the whole of a failure. */
int df_error_set(struct df_error *error, enum df_error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As df_error_set, for a failed system call: the kind follows from the errno value (ENOENT not_found, EACCES denied,
 * ENOSPC and ENOMEM exhausted, …) and ": <its text>" is appended. */
int df_error_set_errno(struct df_error *error, int errno_value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "<text>: " before the message of an error that is already set; returns -1. */
int df_error_prefix(struct df_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The standing answer to a failed allocation: exhausted, "out of memory <while doing what>". */
int df_error_no_memory(struct df_error *error, const char *doing);

/* clang's analyzer does not look into other files: without these it follows paths on which a failure was reported and 0
 * returned. Compilers never see them. */
#if defined(__clang_analyzer__) && !defined(DF_ERROR_DEFINED_HERE)
#define df_error_set(...)       (df_error_set(__VA_ARGS__), -1)
#define df_error_set_errno(...) (df_error_set_errno(__VA_ARGS__), -1)
#define df_error_prefix(...)    (df_error_prefix(__VA_ARGS__), -1)
#define df_error_no_memory(...) (df_error_no_memory(__VA_ARGS__), -1)
#endif

void df_error_clear(struct df_error *error);

const char *df_error_name(enum df_error_kind kind);       /* "not_found"; "none" */
int df_error_http_status(enum df_error_kind kind);        /* 200 for none */
int df_error_exit_code(enum df_error_kind kind);          /* 0 for none */
bool df_error_kind_retried(enum df_error_kind kind);      /* default of `retryable` */
enum df_error_kind df_error_kind_parse(const char *name); /* DF_ERROR_NONE when the name is not on the list */

#endif
