/* The envelope and its answer as JSON: what travels between a coordinator and a worker that is another process (the
 * contracts of the core, §8). What comes in is hostile until checked: every number is bounded, every text copied.
 *
 *   {"dayfly": 1, "engine": "funnel", "job": "…", "stage": 1, "attempt": 17, "deadline_ms": …, "remaining_ms": …,
 *    "request": {…} | {"uri": …}, "output": {"prefix": …, "lease": …, "inline_bytes": …, "sections": …},
 *    "inputs": {"sections": K, "producers": […]} | {"uri": …},
 *    "parts": [{"index": 0, "uri": …, "size": …, "etag": …, "range": [b, e], "detail": "<base64>"}]}
 *   -> {"dayfly": 1, "results": [{"index": 0, "data": "<base64>" | {"uri": …}, "sections": {"uri": …, "sizes": …},
 *                                 "stats": {…}} | {"index": 1, "error": {"kind": …, "retry": …, "message": …}}]}
 *   -> {"dayfly": 1, "error": {…}} when none of its parts could be run. */
#ifndef DF_WORKER_ENVELOPE_JSON_H
#define DF_WORKER_ENVELOPE_JSON_H

#include "base/json.h"
#include "worker/envelope.h"
#include "worker/executor.h"

enum { DF_ENVELOPE_VERSION = 1 };

/* ---- coordinator: out ---- */

/* request_uri, inputs_uri: where these lie when they are too large for the envelope; NULL: inline. */
int df_envelope_put_json(const struct df_envelope *envelope, const char *request_uri, const char *inputs_uri,
                         struct df_buf *out, struct df_error *error);

/* ---- worker: in ---- */

struct df_envelope_taken {
    struct df_envelope envelope; /* inputs is owned: df_envelope_taken_dispose releases it */
    struct df_arena arena;
    struct df_store *store;               /* borrowed */
    const char *request_uri, *inputs_uri; /* to be fetched (df_envelope_fetch), or NULL */
};

typedef const struct df_engine *df_engine_find_fn(struct df_slice name);

/* store: where its objects lie. unsupported for another version or engine, invalid for what is no envelope. deadline:
 * what the event itself says. */
int df_envelope_take_json(const struct df_json *json, df_engine_find_fn *find, struct df_store *store,
                          struct df_deadline deadline, struct df_envelope_taken *taken, struct df_error *error);
/* Reads what lies in objects; blocks. */
int df_envelope_fetch(struct df_envelope_taken *taken, struct df_error *error);
void df_envelope_taken_dispose(struct df_envelope_taken *taken);

/* ---- worker: the answer ---- */

/* One result per position of envelope->parts. */
int df_answer_put_json(const struct df_envelope *envelope, const struct df_part_result *results, struct df_buf *out,
                       struct df_error *error);
void df_answer_put_error(const struct df_error *why, struct df_buf *out);

/* ---- coordinator: the answer ---- */

/* Calls on_result for each result that fits a part of the envelope (position, result moved), at most once per position.
 * Fails with corrupt for garbage, unsupported for another version, or with the error that the answer carries; parts
 * that were not told until then are missing. */
typedef void df_answer_result_fn(void *ctx, uint32_t position, struct df_part_result *result);
int df_answer_take_json(struct df_slice text, const struct df_envelope *envelope, struct df_store *store,
                        df_answer_result_fn *on_result, void *ctx, struct df_error *error);

/* ---- sections, for both ---- */

/* {"sections": K, "producers": [{"index": i, "uri": …, "sizes": …}, …]}; every set must lie in an object. */
int df_section_manifest_put_json(const struct df_section_manifest *manifest, struct df_buf *out,
                                 struct df_error *error);
int df_section_manifest_take_json(const struct df_json *json, struct df_store *store,
                                  struct df_section_manifest **manifest, struct df_error *error);

#endif
