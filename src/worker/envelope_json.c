#include "worker/envelope_json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/json_write.h"

enum {
    PARTS_MAX = 100000,
    SECTIONS_MAX = 1 << 20,
    PRODUCERS_MAX = 1 << 20,
    OBJECT_BYTES_MAX = 100 * 1024 * 1024, /* what df_json_parse takes */
};

/* ---- putting ---- */

static void put_base64(struct df_json_writer *json, struct df_slice bytes)
{
    struct df_buf text = {0};
    df_base64_put(&text, bytes);
    df_json_string(json, df_buf_slice(&text));
    json->out->failed |= text.failed;
    df_buf_dispose(&text);
}

static void put_uint(struct df_json_writer *json, const char *key, uint64_t value)
{
    df_json_key(json, key);
    df_json_uint(json, value);
}

static void put_text(struct df_json_writer *json, const char *key, const char *value)
{
    df_json_key(json, key);
    df_json_text(json, value);
}

static void put_uri_object(struct df_json_writer *json, const char *uri)
{
    df_json_begin_object(json);
    put_text(json, "uri", uri);
    df_json_end_object(json);
}

static void put_part(struct df_json_writer *json, const struct df_part *part)
{
    df_json_begin_object(json);
    put_uint(json, "index", part->index);
    if (part->uri)
        put_text(json, "uri", part->uri);
    put_uint(json, "size", part->size_bytes);
    if (part->etag)
        put_text(json, "etag", part->etag);
    df_json_key(json, "range");
    df_json_begin_array(json);
    df_json_uint(json, part->range_begin);
    df_json_uint(json, part->range_end);
    df_json_end_array(json);
    df_json_key(json, "detail");
    put_base64(json, part->detail);
    df_json_end_object(json);
}

static void put_output(struct df_json_writer *json, const struct df_envelope *envelope)
{
    df_json_key(json, "output");
    df_json_begin_object(json);
    if (envelope->output_prefix)
        put_text(json, "prefix", envelope->output_prefix);
    if (envelope->output_lease)
        put_text(json, "lease", envelope->output_lease);
    put_uint(json, "inline_bytes", envelope->inline_bytes);
    put_uint(json, "sections", envelope->sections);
    df_json_end_object(json);
}

static void put_deadline(struct df_json_writer *json, struct df_deadline deadline)
{
    int64_t left_ms = df_deadline_left_ms(deadline);
    if (left_ms == INT64_MAX)
        return;
    put_uint(json, "deadline_ms", (uint64_t)(df_time_wall_ms() + left_ms));
    put_uint(json, "remaining_ms", (uint64_t)left_ms);
}

static int put_inputs(struct df_json_writer *json, const struct df_envelope *envelope, const char *inputs_uri,
                      struct df_error *error)
{
    if (!envelope->inputs)
        return 0;
    df_json_key(json, "inputs");
    if (inputs_uri) {
        put_uri_object(json, inputs_uri);
        return 0;
    }
    struct df_buf manifest = {0};
    int rc = df_section_manifest_put_json(envelope->inputs, &manifest, error);
    if (rc == 0)
        df_json_raw(json, df_buf_slice(&manifest));
    df_buf_dispose(&manifest);
    return rc;
}

int df_envelope_put_json(const struct df_envelope *envelope, const char *request_uri, const char *inputs_uri,
                         struct df_buf *out, struct df_error *error)
{
    struct df_json_writer json;
    df_json_writer_init(&json, out, DF_JSON_COMPACT);
    df_json_begin_object(&json);
    put_uint(&json, "dayfly", DF_ENVELOPE_VERSION);
    put_text(&json, "engine", envelope->engine->name);
    put_text(&json, "job", envelope->job);
    put_uint(&json, "stage", envelope->stage);
    put_uint(&json, "attempt", envelope->attempt);
    put_deadline(&json, envelope->deadline);
    df_json_key(&json, "request");
    if (request_uri)
        put_uri_object(&json, request_uri);
    else
        df_json_raw(&json, envelope->request);
    put_output(&json, envelope);
    if (put_inputs(&json, envelope, inputs_uri, error) != 0)
        return -1;
    df_json_key(&json, "parts");
    df_json_begin_array(&json);
    for (uint32_t i = 0; i < envelope->part_count; i++)
        put_part(&json, envelope->parts[i]);
    df_json_end_array(&json);
    df_json_end_object(&json);
    return df_buf_failed(out) ? df_error_no_memory(error, "writing an envelope") : 0;
}

/* ---- taking: small checks ---- */

static int bad(struct df_error *error, const char *what)
{
    return df_error_set(error, DF_ERROR_INVALID, "envelope: %s", what);
}

static bool take_uint(const struct df_json *object, const char *name, uint64_t maximum, uint64_t *out)
{
    const struct df_json *member = df_json_get(object, name);
    return member && df_json_uint64(member, out) && *out <= maximum;
}

static bool has_zero(struct df_slice text)
{
    return text.size && memchr(text.data, 0, text.size);
}

static const char *take_text(const struct df_json *object, const char *name, struct df_arena *arena)
{
    const struct df_json *member = df_json_get(object, name);
    if (!member || member->type != DF_JSON_STRING || has_zero(member->text))
        return NULL;
    return df_arena_text(arena, member->text);
}

/* A member that may be missing or null, but not be something else. */
static bool take_optional_text(const struct df_json *object, const char *name, struct df_arena *arena, const char **out)
{
    const struct df_json *member = df_json_get(object, name);
    *out = NULL;
    if (!member || member->type == DF_JSON_NULL)
        return true;
    *out = take_text(object, name, arena);
    return *out != NULL;
}

static bool take_optional_uint(const struct df_json *object, const char *name, uint64_t maximum, uint64_t *out)
{
    return !df_json_get(object, name) || take_uint(object, name, maximum, out);
}

/* The uri of {"uri": …}, an object with that one member. */
static const char *take_uri_object(const struct df_json *object, struct df_arena *arena)
{
    if (!object || object->type != DF_JSON_OBJECT || object->child_count != 1)
        return NULL;
    return take_text(object, "uri", arena);
}

static bool take_base64(const struct df_json *text, struct df_arena *arena, struct df_slice *out)
{
    *out = df_slice_make(NULL, 0);
    if (!text)
        return true;
    if (text->type != DF_JSON_STRING)
        return false;
    struct df_buf bytes = {0};
    bool ok = df_base64_take(&bytes, text->text) && df_arena_copy(arena, df_buf_slice(&bytes), out);
    df_buf_dispose(&bytes);
    return ok;
}

static int check_version(const struct df_json *json, struct df_error *error)
{
    uint64_t version;
    if (!json || json->type != DF_JSON_OBJECT || !take_uint(json, "dayfly", UINT32_MAX, &version))
        return bad(error, "no \"dayfly\" with a version in it");
    if (version != DF_ENVELOPE_VERSION)
        return df_error_set(error, DF_ERROR_UNSUPPORTED,
                            "envelope of version %" PRIu64
                            ", this program speaks version %d: deploy the worker and the "
                            "coordinator of one release",
                            version, DF_ENVELOPE_VERSION);
    return 0;
}

/* ---- taking the envelope ---- */

static int take_part(const struct df_json *json, struct df_envelope_taken *taken, uint32_t stage, struct df_part *part,
                     struct df_error *error)
{
    uint64_t index;
    const struct df_json *range = df_json_get(json, "range");
    if (!take_uint(json, "index", UINT32_MAX, &index))
        return bad(error, "a part without \"index\"");
    part->stage = stage;
    part->index = (uint32_t)index;
    if (!take_optional_text(json, "uri", &taken->arena, &part->uri) ||
        !take_optional_text(json, "etag", &taken->arena, &part->etag))
        return bad(error, "a part whose \"uri\" or \"etag\" is no text");
    /* Parts of an exchange have none; whoever reads one all the same gets an error instead of a NULL. */
    if (!part->uri)
        part->uri = "";
    if (!take_optional_uint(json, "size", UINT64_MAX, &part->size_bytes))
        return bad(error, "a part whose \"size\" is no number");
    if (range && (range->type != DF_JSON_ARRAY || range->child_count != 2 ||
                  !df_json_uint64(range->children, &part->range_begin) ||
                  !df_json_uint64(range->children->next, &part->range_end) || part->range_begin > part->range_end))
        return bad(error, "a part whose \"range\" is not [begin, end]");
    if (!take_base64(df_json_get(json, "detail"), &taken->arena, &part->detail) ||
        part->detail.size > DF_PART_DETAIL_BYTES_MAX)
        return bad(error, "a part whose \"detail\" is not base64 of at most 64 KB");
    return 0;
}

static int take_parts(const struct df_json *json, struct df_envelope_taken *taken, struct df_error *error)
{
    const struct df_json *parts = df_json_get(json, "parts");
    if (!parts || parts->type != DF_JSON_ARRAY || parts->child_count == 0 || parts->child_count > PARTS_MAX)
        return bad(error, "\"parts\" must be a list of 1 to 100,000 parts");
    struct df_part *made = df_arena_array(&taken->arena, parts->child_count, sizeof *made);
    const struct df_part **pointers = df_arena_array(&taken->arena, parts->child_count, sizeof *pointers);
    if (!made || !pointers)
        return df_error_no_memory(error, "reading an envelope");
    size_t count = 0;
    for (const struct df_json *part = parts->children; part; part = part->next) {
        if (take_part(part, taken, taken->envelope.stage, &made[count], error) != 0)
            return -1;
        pointers[count] = &made[count];
        count++;
    }
    taken->envelope.parts = pointers;
    taken->envelope.part_count = (uint32_t)count;
    return 0;
}

static int take_request(const struct df_json *json, struct df_envelope_taken *taken, struct df_error *error)
{
    const struct df_json *request = df_json_get(json, "request");
    if (!request)
        return bad(error, "no \"request\"");
    taken->request_uri = take_uri_object(request, &taken->arena);
    if (taken->request_uri)
        return 0;
    struct df_buf text = {0};
    struct df_json_writer writer;
    df_json_writer_init(&writer, &text, DF_JSON_COMPACT);
    df_json_write_tree(&writer, request);
    bool ok = !df_buf_failed(&text) && df_arena_copy(&taken->arena, df_buf_slice(&text), &taken->envelope.request);
    df_buf_dispose(&text);
    return ok ? 0 : df_error_no_memory(error, "reading an envelope");
}

static int take_output(const struct df_json *json, struct df_envelope_taken *taken, struct df_error *error)
{
    const struct df_json *output = df_json_get(json, "output");
    uint64_t sections = 0;
    if (!output)
        return 0;
    if (output->type != DF_JSON_OBJECT)
        return bad(error, "\"output\" is no object");
    if (!take_optional_uint(output, "inline_bytes", UINT64_MAX, &taken->envelope.inline_bytes) ||
        !take_optional_uint(output, "sections", SECTIONS_MAX, &sections))
        return bad(error, "\"output\" with a number that is none, or too large");
    taken->envelope.sections = (uint32_t)sections;
    if (!take_optional_text(output, "prefix", &taken->arena, &taken->envelope.output_prefix) ||
        (taken->envelope.output_prefix && !taken->envelope.output_prefix[0]))
        return bad(error, "\"output\" whose \"prefix\" is no text, or empty");
    if (!take_optional_text(output, "lease", &taken->arena, &taken->envelope.output_lease))
        return bad(error, "\"output\" whose \"lease\" is no text");
    return 0;
}

static int take_inputs(const struct df_json *json, struct df_envelope_taken *taken, struct df_error *error)
{
    const struct df_json *inputs = df_json_get(json, "inputs");
    if (!inputs)
        return 0;
    taken->inputs_uri = take_uri_object(inputs, &taken->arena);
    return taken->inputs_uri ? 0 : df_section_manifest_take_json(inputs, taken->store, &taken->envelope.inputs, error);
}

static struct df_deadline earlier(struct df_deadline a, struct df_deadline b)
{
    return a.mono_ns < b.mono_ns ? a : b;
}

/* The earliest of what the event and the envelope say: the coordinator's clock may be wrong, and the envelope may have
 * lain somewhere before it came. */
static int take_deadline(const struct df_json *json, struct df_deadline event, struct df_deadline *out,
                         struct df_error *error)
{
    uint64_t remaining_ms = INT64_MAX, deadline_ms = INT64_MAX;
    if (!take_optional_uint(json, "remaining_ms", INT64_MAX, &remaining_ms) ||
        !take_optional_uint(json, "deadline_ms", INT64_MAX, &deadline_ms))
        return bad(error, "\"remaining_ms\" or \"deadline_ms\" is no number");
    int64_t left_ms = (int64_t)deadline_ms - df_time_wall_ms();
    *out = earlier(event, earlier(df_deadline_after_ms((int64_t)remaining_ms), df_deadline_after_ms(left_ms)));
    return 0;
}

static int take_head(const struct df_json *json, df_engine_find_fn *find, struct df_envelope_taken *taken,
                     struct df_error *error)
{
    const struct df_json *engine = df_json_get(json, "engine");
    uint64_t stage, attempt;
    if (!engine || engine->type != DF_JSON_STRING)
        return bad(error, "no \"engine\"");
    taken->envelope.engine = find(engine->text);
    if (!taken->envelope.engine)
        return df_error_set(error, DF_ERROR_UNSUPPORTED, "envelope: this worker has no engine '%.*s'",
                            DF_SLICE_ARG(engine->text));
    taken->envelope.job = take_text(json, "job", &taken->arena);
    if (!taken->envelope.job)
        return bad(error, "no \"job\"");
    if (!take_uint(json, "stage", UINT32_MAX, &stage) || !take_uint(json, "attempt", UINT32_MAX, &attempt))
        return bad(error, "no \"stage\" or \"attempt\"");
    taken->envelope.stage = (uint32_t)stage;
    taken->envelope.attempt = (uint32_t)attempt;
    return 0;
}

int df_envelope_take_json(const struct df_json *json, df_engine_find_fn *find, struct df_store *store,
                          struct df_deadline deadline, struct df_envelope_taken *taken, struct df_error *error)
{
    *taken = (struct df_envelope_taken){.store = store};
    if (check_version(json, error) == 0 && take_head(json, find, taken, error) == 0 &&
        take_request(json, taken, error) == 0 && take_output(json, taken, error) == 0 &&
        take_inputs(json, taken, error) == 0 && take_parts(json, taken, error) == 0 &&
        take_deadline(json, deadline, &taken->envelope.deadline, error) == 0)
        return 0;
    df_envelope_taken_dispose(taken);
    return -1;
}

static int fetch_json(const char *uri, struct df_store *store, struct df_arena *arena, struct df_buf *text,
                      struct df_json **json, struct df_error *error)
{
    struct df_error inner;
    if (df_store_get(store, uri, OBJECT_BYTES_MAX, text, error) != 0)
        return -1;
    if (df_json_parse(df_buf_slice(text), NULL, arena, json, &inner) == 0)
        return 0;
    return df_error_set(error, inner.kind == DF_ERROR_INVALID ? DF_ERROR_CORRUPT : inner.kind, "%s: %s", uri,
                        inner.message);
}

int df_envelope_fetch(struct df_envelope_taken *taken, struct df_error *error)
{
    struct df_store *store = taken->store;
    struct df_buf text = {0};
    struct df_json *json;
    int rc = 0;
    if (taken->request_uri) {
        rc = fetch_json(taken->request_uri, store, &taken->arena, &text, &json, error);
        if (rc == 0 && !df_arena_copy(&taken->arena, df_buf_slice(&text), &taken->envelope.request))
            rc = df_error_no_memory(error, "fetching a request");
    }
    df_buf_clear(&text);
    if (rc == 0 && taken->inputs_uri && !taken->envelope.inputs) {
        struct df_arena arena = {0};
        rc = fetch_json(taken->inputs_uri, store, &arena, &text, &json, error);
        if (rc == 0 && df_section_manifest_take_json(json, store, &taken->envelope.inputs, error) != 0)
            rc = df_error_prefix(error, "%s", taken->inputs_uri);
        df_arena_dispose(&arena);
    }
    df_buf_dispose(&text);
    return rc;
}

void df_envelope_taken_dispose(struct df_envelope_taken *taken)
{
    df_section_manifest_release(taken->envelope.inputs);
    df_arena_dispose(&taken->arena);
    *taken = (struct df_envelope_taken){0};
}

/* ---- the answer, out ---- */

static void put_error(struct df_json_writer *json, const struct df_error *error)
{
    df_json_key(json, "error");
    df_json_begin_object(json);
    put_text(json, "kind", df_error_name(error->kind));
    df_json_key(json, "retry");
    df_json_boolean(json, error->retryable);
    put_text(json, "message", error->message);
    df_json_end_object(json);
}

static int put_set(struct df_json_writer *json, const struct df_section_set *set, struct df_error *error)
{
    if (df_section_set_bytes(set) == 0)
        return 0;
    if (!df_section_set_uri(set))
        return df_error_set(error, DF_ERROR_INTERNAL,
                            "sections in the memory of this process cannot be named to another");
    struct df_buf sizes = {0};
    df_section_set_put_sizes(set, &sizes);
    put_text(json, "uri", df_section_set_uri(set));
    df_json_key(json, "sizes");
    put_base64(json, df_buf_slice(&sizes));
    json->out->failed |= sizes.failed;
    df_buf_dispose(&sizes);
    return 0;
}

static int put_success(struct df_json_writer *json, const struct df_part_result *result, struct df_error *error)
{
    df_json_key(json, "data");
    if (result->uri)
        put_uri_object(json, result->uri);
    else
        put_base64(json, df_buf_slice(&result->blob));
    if (result->sections) {
        df_json_key(json, "sections");
        df_json_begin_object(json);
        if (put_set(json, result->sections, error) != 0)
            return -1;
        df_json_end_object(json);
    }
    df_json_key(json, "stats");
    df_json_begin_object(json);
    put_uint(json, "rows_scanned", result->stats.rows_scanned);
    put_uint(json, "bytes_read", result->stats.bytes_read);
    put_uint(json, "cpu_ns", result->stats.cpu_ns);
    put_uint(json, "queued_ns", result->stats.queued_ns);
    put_uint(json, "total_ns", result->stats.total_ns);
    df_json_key(json, "cold");
    df_json_boolean(json, result->stats.cold);
    df_json_end_object(json);
    return 0;
}

int df_answer_put_json(const struct df_envelope *envelope, const struct df_part_result *results, struct df_buf *out,
                       struct df_error *error)
{
    struct df_json_writer json;
    df_json_writer_init(&json, out, DF_JSON_COMPACT);
    df_json_begin_object(&json);
    put_uint(&json, "dayfly", DF_ENVELOPE_VERSION);
    df_json_key(&json, "results");
    df_json_begin_array(&json);
    for (uint32_t i = 0; i < envelope->part_count; i++) {
        df_json_begin_object(&json);
        put_uint(&json, "index", envelope->parts[i]->index);
        if (results[i].failed)
            put_error(&json, &results[i].error);
        else if (put_success(&json, &results[i], error) != 0)
            return -1;
        df_json_end_object(&json);
    }
    df_json_end_array(&json);
    df_json_end_object(&json);
    return df_buf_failed(out) ? df_error_no_memory(error, "writing an answer") : 0;
}

void df_answer_put_error(const struct df_error *why, struct df_buf *out)
{
    struct df_json_writer json;
    df_json_writer_init(&json, out, DF_JSON_COMPACT);
    df_json_begin_object(&json);
    put_uint(&json, "dayfly", DF_ENVELOPE_VERSION);
    put_error(&json, why);
    df_json_end_object(&json);
}

/* ---- the answer, in ---- */

static int garbage(struct df_error *error, const char *what)
{
    return df_error_set(error, DF_ERROR_CORRUPT, "the worker's answer: %s", what);
}

static bool take_error(const struct df_json *json, struct df_error *out)
{
    struct df_arena arena = {0};
    const char *kind = take_text(json, "kind", &arena), *message = take_text(json, "message", &arena);
    const struct df_json *retry = df_json_get(json, "retry");
    enum df_error_kind parsed = kind ? df_error_kind_parse(kind) : DF_ERROR_NONE;
    if (parsed != DF_ERROR_NONE && message) {
        df_error_set(out, parsed, "%s", message);
        if (retry && retry->type == DF_JSON_BOOL)
            out->retryable = retry->boolean;
    }
    df_arena_dispose(&arena);
    return parsed != DF_ERROR_NONE && message;
}

/* {} for empty sections, {"uri": …, "sizes": <base64 of K varints>} otherwise. */
static int take_set(const struct df_json *json, uint32_t sections, struct df_store *store, struct df_section_set **set,
                    struct df_error *error)
{
    struct df_arena arena = {0};
    const struct df_json *sizes_json = df_json_get(json, "sizes");
    const char *uri = take_text(json, "uri", &arena);
    struct df_slice sizes = {0};
    int rc = 0;
    *set = NULL;
    if (!json || json->type != DF_JSON_OBJECT ||
        (sizes_json && (!uri || !uri[0] || !take_base64(sizes_json, &arena, &sizes))))
        rc = df_error_set(error, DF_ERROR_CORRUPT,
                          "sections of an exchange without a place, or with sizes that are not base64");
    if (rc == 0)
        rc = df_section_set_of_object(set, sections, sizes_json ? uri : NULL, sizes, store, error);
    df_arena_dispose(&arena);
    return rc;
}

static int take_data(const struct df_json *json, struct df_part_result *result, struct df_error *error)
{
    const struct df_json *data = df_json_get(json, "data");
    if (data && data->type == DF_JSON_STRING) {
        if (!df_base64_take(&result->blob, data->text))
            return garbage(error, "data that is not base64");
        return 0;
    }
    struct df_arena arena = {0};
    const char *uri = take_uri_object(data, &arena);
    result->uri = uri ? strdup(uri) : NULL;
    df_arena_dispose(&arena);
    return result->uri ? 0 : garbage(error, "a result without data");
}

static int take_success(const struct df_json *json, const struct df_envelope *envelope, struct df_store *store,
                        struct df_part_result *result, struct df_error *error)
{
    const struct df_json *sections = df_json_get(json, "sections"), *stats = df_json_get(json, "stats");
    if (take_data(json, result, error) != 0)
        return -1;
    if (envelope->sections && !sections)
        return garbage(error, "a result without its sections");
    if (envelope->sections && take_set(sections, envelope->sections, store, &result->sections, error) != 0)
        return -1;
    (void)take_uint(stats, "rows_scanned", UINT64_MAX, &result->stats.rows_scanned);
    (void)take_uint(stats, "bytes_read", UINT64_MAX, &result->stats.bytes_read);
    (void)take_uint(stats, "cpu_ns", UINT64_MAX, &result->stats.cpu_ns);
    (void)take_uint(stats, "queued_ns", UINT64_MAX, &result->stats.queued_ns);
    (void)take_uint(stats, "total_ns", UINT64_MAX, &result->stats.total_ns);
    const struct df_json *cold = df_json_get(stats, "cold");
    result->stats.cold = cold && cold->type == DF_JSON_BOOL && cold->boolean;
    return 0;
}

/* The position of a part in the envelope; part_count when it is not there. */
static uint32_t position_of(const struct df_envelope *envelope, uint64_t index, uint32_t guess)
{
    if (guess < envelope->part_count && envelope->parts[guess]->index == index)
        return guess;
    for (uint32_t i = 0; i < envelope->part_count; i++)
        if (envelope->parts[i]->index == index)
            return i;
    return envelope->part_count;
}

struct taking {
    const struct df_envelope *envelope;
    struct df_store *store;
    bool *told; /* per position */
    df_answer_result_fn *on_result;
    void *ctx;
};

static int take_result(const struct taking *taking, const struct df_json *json, uint32_t guess, struct df_error *error)
{
    uint64_t index;
    if (!take_uint(json, "index", UINT32_MAX, &index))
        return garbage(error, "a result without \"index\"");
    uint32_t position = position_of(taking->envelope, index, guess);
    if (position == taking->envelope->part_count || taking->told[position])
        return garbage(error, "a result for a part that was not asked for, or twice");
    struct df_part_result result = {0};
    const struct df_json *failure = df_json_get(json, "error");
    if (failure) {
        result.failed = true;
        if (!take_error(failure, &result.error))
            return garbage(error, "an error without kind or message");
    } else if (take_success(json, taking->envelope, taking->store, &result, error) != 0) {
        df_part_result_dispose(&result);
        return -1;
    }
    taking->told[position] = true;
    taking->on_result(taking->ctx, position, &result);
    return 0;
}

static int take_results(struct taking *taking, const struct df_json *json, struct df_error *error)
{
    const struct df_json *whole = df_json_get(json, "error"), *results = df_json_get(json, "results");
    if (whole) {
        if (!take_error(whole, error))
            return garbage(error, "an error without kind or message");
        return -1;
    }
    if (!results || results->type != DF_JSON_ARRAY)
        return garbage(error, "no \"results\"");
    taking->told = calloc(taking->envelope->part_count, sizeof *taking->told);
    if (!taking->told)
        return df_error_no_memory(error, "reading an answer");
    int rc = 0;
    uint32_t guess = 0;
    for (const struct df_json *result = results->children; rc == 0 && result; result = result->next)
        rc = take_result(taking, result, guess++, error);
    free(taking->told);
    return rc;
}

int df_answer_take_json(struct df_slice text, const struct df_envelope *envelope, struct df_store *store,
                        df_answer_result_fn *on_result, void *ctx, struct df_error *error)
{
    struct taking taking = {.envelope = envelope, .store = store, .on_result = on_result, .ctx = ctx};
    struct df_arena arena = {0};
    struct df_json *json = NULL;
    struct df_error inner;
    uint64_t version;
    int rc;
    if (df_json_parse(text, NULL, &arena, &json, &inner) != 0)
        rc = garbage(error, inner.message);
    else if (!take_uint(json, "dayfly", UINT32_MAX, &version))
        rc = garbage(error, "not Dayfly's: is this function a Dayfly worker?");
    else if (version != DF_ENVELOPE_VERSION)
        rc = check_version(json, error);
    else
        rc = take_results(&taking, json, error);
    df_arena_dispose(&arena);
    return rc;
}

/* ---- manifests ---- */

int df_section_manifest_put_json(const struct df_section_manifest *manifest, struct df_buf *out, struct df_error *error)
{
    struct df_json_writer json;
    df_json_writer_init(&json, out, DF_JSON_COMPACT);
    df_json_begin_object(&json);
    put_uint(&json, "sections", df_section_manifest_sections(manifest));
    df_json_key(&json, "producers");
    df_json_begin_array(&json);
    for (uint32_t i = 0; i < df_section_manifest_producers(manifest); i++) {
        const struct df_section_set *set = df_section_manifest_set(manifest, i);
        if (!set || df_section_set_bytes(set) == 0)
            continue;
        df_json_begin_object(&json);
        put_uint(&json, "index", i);
        if (put_set(&json, set, error) != 0)
            return -1;
        df_json_end_object(&json);
    }
    df_json_end_array(&json);
    df_json_end_object(&json);
    return df_buf_failed(out) ? df_error_no_memory(error, "writing a manifest of sections") : 0;
}

static int take_producers(const struct df_json *producers, uint32_t sections, struct df_store *store,
                          struct df_section_manifest *manifest, struct df_error *error)
{
    uint64_t next = 0, index;
    for (const struct df_json *producer = producers->children; producer; producer = producer->next) {
        struct df_section_set *set;
        /* In order, so that none stands there twice. */
        if (!take_uint(producer, "index", PRODUCERS_MAX, &index) || index < next)
            return bad(error, "\"inputs\" whose producers are not in order");
        next = index + 1;
        if (take_set(producer, sections, store, &set, error) != 0 ||
            df_section_manifest_put(manifest, (uint32_t)index, set, error) != 0)
            return -1;
    }
    return 0;
}

int df_section_manifest_take_json(const struct df_json *json, struct df_store *store,
                                  struct df_section_manifest **manifest, struct df_error *error)
{
    *manifest = NULL;
    uint64_t sections;
    const struct df_json *producers = df_json_get(json, "producers");
    if (!take_uint(json, "sections", SECTIONS_MAX, &sections) || sections == 0 || !producers ||
        producers->type != DF_JSON_ARRAY)
        return bad(error, "\"inputs\" that are no manifest of sections");
    if (df_section_manifest_create(manifest, (uint32_t)sections, error) != 0)
        return -1;
    if (take_producers(producers, (uint32_t)sections, store, *manifest, error) == 0)
        return 0;
    df_section_manifest_release(*manifest);
    *manifest = NULL;
    return -1;
}
