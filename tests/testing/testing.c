#include "testing/testing.h"

#include <ftw.h>
#include <stdlib.h>
#include <time.h>

uint64_t test_seed(void)
{
    const char *text = getenv("DAYFLY_TEST_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : (uint64_t)time(NULL);
    printf("DAYFLY_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

const char *test_folder_make(void)
{
    static char folder[64];
    snprintf(folder, sizeof folder, "/tmp/dayfly-test-XXXXXX");
    if (!mkdtemp(folder))
        abort();
    return folder;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *position)
{
    (void)status;
    (void)type;
    (void)position;
    return remove(path);
}

void test_folder_remove(const char *folder)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
