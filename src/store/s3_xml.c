#include "store/s3_xml.h"

#include <expat.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 16, NAME_BYTES = 48 };

struct walk {
    XML_Parser parser;
    df_xml_fn *fn;
    void *ctx;
    struct df_error *error;
    unsigned depth;
    char names[DEPTH_MAX][NAME_BYTES];
    bool has_children[DEPTH_MAX];
    struct df_buf text;
    bool failed;
};

static void stop(struct walk *walk)
{
    walk->failed = true;
    XML_StopParser(walk->parser, XML_FALSE);
}

static void on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
    (void)attributes;
    struct walk *walk = ctx;
    if (walk->depth == DEPTH_MAX) {
        df_error_set(walk->error, DF_ERROR_CORRUPT, "XML nests deeper than %d", DEPTH_MAX);
        stop(walk);
        return;
    }
    if (walk->depth)
        walk->has_children[walk->depth - 1] = true;
    const char *colon = strrchr(name, ':');
    snprintf(walk->names[walk->depth], NAME_BYTES, "%s", colon ? colon + 1 : name);
    walk->has_children[walk->depth++] = false;
    df_buf_clear(&walk->text);
}

static void on_text(void *ctx, const XML_Char *text, int size)
{
    df_buf_put(&((struct walk *)ctx)->text, text, (size_t)size);
}

static void on_end(void *ctx, const XML_Char *name)
{
    (void)name;
    struct walk *walk = ctx;
    walk->depth--;
    const char *parent = walk->depth ? walk->names[walk->depth - 1] : "";
    const char *text = walk->has_children[walk->depth] ? NULL : df_buf_text(&walk->text);
    if (df_buf_failed(&walk->text))
        df_error_no_memory(walk->error, "reading XML");
    if (df_buf_failed(&walk->text) || walk->fn(walk->ctx, parent, walk->names[walk->depth], text, walk->error) != 0)
        stop(walk);
}

static void on_doctype(void *ctx, const XML_Char *name, const XML_Char *system, const XML_Char *public, int subset)
{
    (void)name;
    (void)system;
    (void)public;
    (void)subset;
    struct walk *walk = ctx;
    df_error_set(walk->error, DF_ERROR_CORRUPT, "XML with a document type is not taken");
    stop(walk);
}

int df_xml_walk(struct df_slice xml, df_xml_fn *fn, void *ctx, struct df_error *error)
{
    if (xml.size > 64 * 1024 * 1024)
        return df_error_set(error, DF_ERROR_TOO_LARGE, "XML of %zu bytes", xml.size);
    struct walk walk = {.fn = fn, .ctx = ctx, .error = error, .parser = XML_ParserCreate(NULL)};
    if (!walk.parser)
        return df_error_no_memory(error, "reading XML");
    XML_SetUserData(walk.parser, &walk);
    XML_SetElementHandler(walk.parser, on_start, on_end);
    XML_SetCharacterDataHandler(walk.parser, on_text);
    XML_SetStartDoctypeDeclHandler(walk.parser, on_doctype);
    int rc = 0;
    if (XML_Parse(walk.parser, (const char *)xml.data, (int)xml.size, XML_TRUE) != XML_STATUS_OK) {
        if (!walk.failed)
            df_error_set(error, DF_ERROR_CORRUPT, "XML, line %lu: %s",
                         (unsigned long)XML_GetCurrentLineNumber(walk.parser),
                         XML_ErrorString(XML_GetErrorCode(walk.parser)));
        rc = -1;
    }
    df_buf_dispose(&walk.text);
    XML_ParserFree(walk.parser);
    return rc;
}
