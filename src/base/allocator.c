#include "base/allocator.h"

#include <malloc.h>

void df_allocator_keep_freed(void)
{
    /* Larger pieces are mapped on their own and given back at once; glibc takes no more than half of an arena's heap.
     */
    enum { MAPPED_FROM_BYTES = 32 * 1024 * 1024 };
    mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES);
    mallopt(M_TRIM_THRESHOLD, DF_ALLOCATOR_KEPT_BYTES);
    mallopt(M_TOP_PAD, 1024 * 1024); /* fewer calls for more */
}
