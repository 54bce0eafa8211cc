/* {"op": "ping"}: is anybody there, and of which release? */
#include "base/json_write.h"
#include "worker/events.h"

static bool matches_ping(const struct df_json *event)
{
    const struct df_json *op = df_json_get(event, "op");
    return op && op->type == DF_JSON_STRING && df_slice_is(op->text, "ping");
}

static void handle_ping(void *ctx, const struct df_event *event, const struct df_json *json,
                        struct df_event_reply *reply)
{
    (void)ctx;
    (void)event;
    (void)json;
    struct df_buf blob = {0};
    struct df_json_writer writer;
    df_json_writer_init(&writer, &blob, DF_JSON_COMPACT);
    df_json_begin_object(&writer);
    df_json_key(&writer, "op");
    df_json_text(&writer, "pong");
    df_json_key(&writer, "version");
    df_json_text(&writer, DAYFLY_VERSION);
    df_json_key(&writer, "envelope");
    df_json_int(&writer, DF_ENVELOPE_VERSION);
    df_json_end_object(&writer);
    reply->respond(reply, &blob);
    df_buf_dispose(&blob);
}

struct df_event_handler df_ping_event_handler(void)
{
    return (struct df_event_handler){
        .name = "ping", .shape = "{\"op\": \"ping\"}", .matches = matches_ping, .handle = handle_ping, .ctx = NULL};
}
