/* Whose publication a marker is (s3_publish.c): which process, of which machine and which table of processes, and since
 * when, so that another process can tell whether it still lives. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/json_write.h"
#include "store/s3.h"

enum { TAKEOVER_MS = 24 * 3600 * 1000 };

static void read_line(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "re");
    out[0] = '\0';
    if (!file)
        return;
    if (!fgets(out, (int)size, file))
        out[0] = '\0';
    fclose(file);
    out[strcspn(out, "\n")] = '\0';
}

/* Field 22 of /proc/PID/stat; the name in field 2 may hold anything, so it counts from the last ')'. */
static void process_started(long pid, char *out, size_t size)
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    read_line(path, line, sizeof line);
    const char *at = strrchr(line, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    snprintf(out, size, "%.*s", at ? (int)strcspn(at + 1, " ") : 0, at ? at + 1 : "");
}

struct owner {
    char machine[64], processes[64], started[32];
};

static void this_process(struct owner *owner)
{
    *owner = (struct owner){0};
    read_line("/proc/sys/kernel/random/boot_id", owner->machine, sizeof owner->machine);
    ssize_t size = readlink("/proc/self/ns/pid", owner->processes, sizeof owner->processes - 1);
    owner->processes[size > 0 ? size : 0] = '\0';
    process_started((long)getpid(), owner->started, sizeof owner->started);
}

void df_s3_put_owner(struct df_json_writer *json)
{
    struct owner owner;
    this_process(&owner);
    df_json_begin_object(json);
    df_json_key(json, "machine");
    df_json_text(json, owner.machine);
    df_json_key(json, "processes");
    df_json_text(json, owner.processes);
    df_json_key(json, "process");
    df_json_int(json, (int64_t)getpid());
    df_json_key(json, "started");
    df_json_text(json, owner.started);
    df_json_key(json, "begun_ms");
    df_json_int(json, df_time_wall_ms());
}

static bool is_same(const struct df_json *text, const char *as)
{
    return as[0] && text && text->type == DF_JSON_STRING && df_slice_is(text->text, as);
}

/* Only where we can look: processes of another machine, or of another container, are not ours to judge before a day
 * has passed. */
bool df_s3_owner_is_dead(const struct df_json *marker)
{
    struct owner owner;
    int64_t begun_ms, pid;
    char started[32];
    this_process(&owner);
    if (!df_json_int64(df_json_get(marker, "begun_ms"), &begun_ms) ||
        !df_json_int64(df_json_get(marker, "process"), &pid) || pid <= 0 || pid > INT32_MAX)
        return false;
    if (begun_ms < df_time_wall_ms() - TAKEOVER_MS)
        return true;
    if (!is_same(df_json_get(marker, "machine"), owner.machine) ||
        !is_same(df_json_get(marker, "processes"), owner.processes))
        return false;
    if (kill((pid_t)pid, 0) < 0 && errno == ESRCH)
        return true;
    process_started((long)pid, started, sizeof started);
    return started[0] && !is_same(df_json_get(marker, "started"), started);
}
