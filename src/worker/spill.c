#include "worker/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/size.h"

struct df_spill {
    atomic_uint references;
    char *folder;
    pthread_mutex_t mutex;
    struct {
        int fd; /* -1: not made yet */
        uint64_t end;
        uint64_t regions; /* reserved and not given back */
    } synced;             /* under mutex; a holder of a region may read fd without it */
};

int df_spill_create(struct df_spill **out, const char *folder, struct df_error *error)
{
    *out = NULL;
    struct df_spill *spill = calloc(1, sizeof *spill);
    char *copy = strdup(folder);
    if (!spill || !copy) {
        free(spill);
        free(copy);
        return df_error_no_memory(error, "preparing the temporary folder");
    }
    atomic_init(&spill->references, 1);
    spill->folder = copy;
    spill->synced.fd = -1;
    pthread_mutex_init(&spill->mutex, NULL);
    *out = spill;
    return 0;
}

struct df_spill *df_spill_hold(struct df_spill *spill)
{
    atomic_fetch_add_explicit(&spill->references, 1, memory_order_relaxed);
    return spill;
}

void df_spill_release(struct df_spill *spill)
{
    if (!spill || atomic_fetch_sub_explicit(&spill->references, 1, memory_order_acq_rel) != 1)
        return;
    if (spill->synced.fd >= 0)
        close(spill->synced.fd);
    pthread_mutex_destroy(&spill->mutex);
    free(spill->folder);
    free(spill);
}

static int no_room(const struct df_spill *spill, int errno_value, uint64_t bytes, struct df_error *error)
{
    const char *text = strerrordesc_np(errno_value);
    return df_error_set(
        error, DF_ERROR_EXHAUSTED,
        "the temporary folder '%s' cannot take %" PRIu64
        " bytes that memory has no room for: %s; give one with more room (--temporary-folder), or raise "
        "the memory limit (--memory)",
        spill->folder, bytes, text ? text : "unknown error");
}

/* ---- the file ---- */

/* For file systems without O_TMPFILE: it has a name for a moment. */
static int open_and_unlink(const char *folder)
{
    char *path;
    if (asprintf(&path, "%s/dayfly-XXXXXX", folder) < 0) {
        errno = ENOMEM;
        return -1;
    }
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    int errno_value = errno;
    free(path);
    errno = errno_value;
    return fd;
}

static int open_nameless(const char *folder)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    /* EISDIR: a kernel that takes the flags for a plain open of a directory. */
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
        fd = open_and_unlink(folder);
    return fd;
}

int df_spill_reserve(struct df_spill *spill, uint64_t size_bytes, uint64_t *offset, struct df_error *error)
{
    int errno_value = 0;
    uint64_t end = 0;
    pthread_mutex_lock(&spill->mutex);
    if (spill->synced.fd < 0 && (spill->synced.fd = open_nameless(spill->folder)) < 0)
        errno_value = errno;
    else if (df_u64_add(&end, spill->synced.end, size_bytes) != 0 || end > INT64_MAX)
        errno_value = EFBIG;
    if (errno_value == 0) {
        *offset = spill->synced.end;
        spill->synced.end = end;
        spill->synced.regions++;
    }
    pthread_mutex_unlock(&spill->mutex);
    return errno_value ? no_room(spill, errno_value, size_bytes, error) : 0;
}

void df_spill_give(struct df_spill *spill, uint64_t offset, uint64_t size_bytes)
{
    pthread_mutex_lock(&spill->mutex);
    if (--spill->synced.regions == 0) {
        if (ftruncate(spill->synced.fd, 0) == 0)
            spill->synced.end = 0;
    } else if (size_bytes > 0) {
        /* Where a file system has no holes the room comes back with the last region. */
        (void)fallocate(spill->synced.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size_bytes);
    }
    pthread_mutex_unlock(&spill->mutex);
}

/* ---- bytes ---- */

int df_spill_write(struct df_spill *spill, uint64_t offset, struct df_slice bytes, struct df_error *error)
{
    while (bytes.size > 0) {
        ssize_t written = pwrite(spill->synced.fd, bytes.data, bytes.size, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return no_room(spill, written < 0 ? errno : ENOSPC, bytes.size, error);
        bytes = df_slice_make(bytes.data + written, bytes.size - (size_t)written);
        offset += (uint64_t)written;
    }
    return 0;
}

int df_spill_read(struct df_spill *spill, uint64_t offset, uint8_t *to, size_t size, struct df_error *error)
{
    while (size > 0) {
        ssize_t got = pread(spill->synced.fd, to, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return df_error_set_errno(error, errno, "reading a temporary file of '%s'", spill->folder);
        if (got == 0)
            return df_error_set(error, DF_ERROR_INTERNAL,
                                "a temporary file of '%s' ends at byte %" PRIu64 ", %zu more were written",
                                spill->folder, offset, size);
        to += got;
        size -= (size_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}
