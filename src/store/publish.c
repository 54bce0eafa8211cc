#include "store/publish.h"

#include <stdlib.h>

#include "base/json.h"
#include "store/backend.h"

int df_store_publication_begin(struct df_store *store, const char *target, struct df_store_publication **publication,
                               struct df_error *error)
{
    *publication = NULL;
    struct df_store_backend *backend = df_store_backend_of(store, target, error);
    return backend ? backend->publication_begin(backend, target, publication, error) : -1;
}

const char *df_store_publication_place(const struct df_store_publication *publication)
{
    return publication->place;
}

void df_store_publication_end(struct df_store_publication *publication)
{
    if (publication)
        publication->end(publication);
}

int df_store_upload_detach(struct df_store_upload *upload, struct df_buf *token, struct df_error *error)
{
    return upload->detach(upload, token, error);
}

int df_store_publish(struct df_store *store, const char *place, const char *target, const struct df_slice *tokens,
                     size_t token_count, struct df_error *error)
{
    struct df_store_backend *backend = df_store_backend_of(store, target, error);
    if (!backend)
        return -1;
    if (df_store_backend_of(store, place, error) != backend)
        return df_error_set(error, DF_ERROR_INVALID, "'%s' cannot be published as '%s': they are of two stores", place,
                            target);
    return backend->publish(backend, place, target, tokens, token_count, error);
}

void df_store_discard(struct df_store *store, const char *place, struct df_slice token)
{
    struct df_store_backend *backend = df_store_backend_of(store, place, NULL);
    if (backend)
        backend->discard(backend, place, token);
}

/* ---- tokens ---- */

static bool is_text(const struct df_json *value)
{
    return value && value->type == DF_JSON_STRING && value->text.size > 0 &&
           !memchr(value->text.data, 0, value->text.size);
}

static bool is_file_name(const struct df_json *value)
{
    return is_text(value) && !memchr(value->text.data, '/', value->text.size) && !df_slice_is(value->text, ".") &&
           !df_slice_is(value->text, "..");
}

static bool are_texts(const struct df_json *array)
{
    if (!array || array->type != DF_JSON_ARRAY)
        return false;
    for (const struct df_json *text = array->children; text; text = text->next)
        if (!is_text(text))
            return false;
    return true;
}

int df_store_token_parse(struct df_slice text, struct df_arena *arena, struct df_store_token *token,
                         struct df_error *error)
{
    struct df_json *tree;
    struct df_error unread;
    *token = (struct df_store_token){0};
    if (df_json_parse(text, NULL, arena, &tree, &unread) < 0)
        return df_error_set(error, DF_ERROR_CORRUPT, "the token of an upload is damaged: %s", unread.message);
    const struct df_json *name = df_json_get(tree, "name"), *aside = df_json_get(tree, "aside"),
                         *upload = df_json_get(tree, "upload"), *etags = df_json_get(tree, "etags");
    bool sound = is_file_name(name) && name->text.data[0] != '.' &&
                 df_json_uint64(df_json_get(tree, "bytes"), &token->size_bytes) &&
                 (aside ? is_file_name(aside) : is_text(upload) && are_texts(etags));
    if (!sound)
        return df_error_set(error, DF_ERROR_CORRUPT, "the token of an upload is damaged");
    token->name = df_arena_text(arena, name->text);
    token->aside = aside ? df_arena_text(arena, aside->text) : NULL;
    token->upload = upload && is_text(upload) ? df_arena_text(arena, upload->text) : NULL;
    token->etags = etags;
    return token->name && (token->aside || token->upload) ? 0 : df_error_no_memory(error, "reading a token");
}
