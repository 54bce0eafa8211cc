/* XML of S3: any text is walked or refused as corrupt; what is handed over is what a caller may rely on. */
#include <stdio.h>
#include <stdlib.h>

#include "store/s3_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct walk {
    size_t elements, stop_at;
};

static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "fuzz_s3_xml: %s\n", what);
        abort();
    }
}

static int on_element(void *ctx, const char *parent, const char *name, const char *text, struct df_error *error)
{
    struct walk *walk = ctx;
    require(parent && name, "an element without a name"); /* "<a:>" has an empty one */
    require(strlen(parent) < 64 && strlen(name) < 64 && !strchr(name, ':'), "a name that was not cut");
    require(!text || strlen(text) < SIZE_MAX, "no text");
    if (walk->elements++ == walk->stop_at)
        return df_error_set(error, DF_ERROR_CONFLICT, "enough");
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    /* The first byte: after how many elements the caller has enough; 255: never. */
    struct walk walk = {.stop_at = data[0] == 255 ? SIZE_MAX : data[0]};
    struct df_error error = {0};
    if (df_xml_walk(df_slice_make(data + 1, size - 1), on_element, &walk, &error) == 0) {
        require(walk.elements > 0 && walk.elements <= walk.stop_at, "a document without an element, or told too much");
    } else {
        require(error.kind == DF_ERROR_CORRUPT ||
                    (error.kind == DF_ERROR_CONFLICT && walk.elements == walk.stop_at + 1),
                "a failure of another kind");
        require(error.message[0] != '\0', "a failure without a message");
    }
    return 0;
}
