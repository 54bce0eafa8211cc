/* A Lambda function for tests of the emulator: a custom runtime that does what its handler (`_HANDLER`) or the event
 * says.
 *
 * Handlers: crash-init, init-error, hang-init, gone (answers and exits at once); anything else obeys words in the
 * event: crash, kill, hang, error, large, bad-id, log, leave (exits after its answer); an event without such a word is
 * answered with {"pid": …, "context": …, "event": …}. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LARGE_BYTES = 6291557, ANSWER_BYTES = 8 * 1024 * 1024 };

static char answer[ANSWER_BYTES]; /* of the Runtime API, whole */

static int connect_to_api(void)
{
    const char *api = getenv("AWS_LAMBDA_RUNTIME_API");
    const char *colon = api ? strrchr(api, ':') : NULL;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((unsigned short)(colon ? atoi(colon + 1) : 0));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        _exit(90);
    return fd;
}

static void write_all(int fd, const char *bytes, size_t size)
{
    while (size) {
        ssize_t wrote = write(fd, bytes, size);
        if (wrote <= 0)
            return; /* what was refused early shows in the answer */
        bytes += wrote;
        size -= (size_t)wrote;
    }
}

/* One request on a connection of its own; the answer is NUL-terminated. */
static void request(const char *method, const char *path, const char *body, size_t size)
{
    char head[512];
    int fd = connect_to_api(), length;
    length =
        snprintf(head, sizeof head,
                 "%s /2018-06-01/runtime/%s HTTP/1.1\r\nHost: api\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
                 method, path, size);
    write_all(fd, head, (size_t)length);
    write_all(fd, body, size);
    size_t got = 0;
    ssize_t more;
    while (got < sizeof answer - 1 && (more = read(fd, answer + got, sizeof answer - 1 - got)) > 0)
        got += (size_t)more;
    answer[got] = '\0';
    close(fd);
}

static void field_of(const char *name, char *value, size_t size)
{
    const char *at = strcasestr(answer, name);
    value[0] = '\0';
    if (at)
        snprintf(value, size, "%.*s", (int)strcspn(at + strlen(name), "\r"), at + strlen(name));
}

static void tell(const char *id, const char *what, const char *body, size_t size)
{
    char path[160];
    snprintf(path, sizeof path, "invocation/%s/%s", id, what);
    request("POST", path, body, size);
}

static void tell_error(const char *id, const char *body)
{
    tell(id, "error", body, strlen(body));
}

static void tell_about(const char *id, const char *event, const char *context)
{
    char body[2000];
    snprintf(body, sizeof body, "{\"pid\": %d, \"context\": %s, \"event\": %s}", (int)getpid(),
             context[0] ? context : "null", event);
    tell(id, "response", body, strlen(body));
}

static void tell_large(const char *id)
{
    char *body = malloc(LARGE_BYTES);
    if (!body)
        _exit(91);
    memset(body, 'x', LARGE_BYTES);
    tell(id, "response", body, LARGE_BYTES);
    free(body);
}

static void handle(const char *id, const char *event, const char *context)
{
    if (strstr(event, "log"))
        fputs("a line of the log\n", stderr);
    if (strstr(event, "crash")) {
        fputs("last words\n", stderr);
        _exit(7);
    }
    if (strstr(event, "kill"))
        raise(SIGKILL);
    if (strstr(event, "hang"))
        sleep(100);
    if (strstr(event, "bad-id"))
        tell("0000", "response", "{}", 2);
    if (strstr(event, "error"))
        tell_error(id, "{\"errorMessage\":\"no\",\"errorType\":\"Function.No\"}");
    else if (strstr(event, "large"))
        tell_large(id);
    else
        tell_about(id, event, context);
    if (strstr(event, "leave") || strcmp(getenv("_HANDLER"), "gone") == 0)
        _exit(0);
}

int main(void)
{
    const char *handler = getenv("_HANDLER") ? getenv("_HANDLER") : "";
    if (strcmp(handler, "crash-init") == 0)
        return 3;
    if (strcmp(handler, "hang-init") == 0)
        sleep(100);
    if (strcmp(handler, "init-error") == 0) {
        static const char body[] = "{\"errorMessage\":\"bad setting\",\"errorType\":\"Runtime.Init\"}";
        request("POST", "init/error", body, sizeof body - 1);
        return 1;
    }
    for (;;) {
        char id[80], context[1000];
        request("GET", "invocation/next", "", 0);
        field_of("Lambda-Runtime-Aws-Request-Id: ", id, sizeof id);
        field_of("Lambda-Runtime-Client-Context: ", context, sizeof context);
        const char *event = strstr(answer, "\r\n\r\n");
        if (!id[0] || !event)
            return 4;
        char *copy = strdup(event + 4);
        if (!copy)
            return 5;
        handle(id, copy, context);
        free(copy);
    }
}
