/* How malloc deals with the system: set once, at the beginning of a program. */
#ifndef DF_BASE_ALLOCATOR_H
#define DF_BASE_ALLOCATOR_H

/* Freed memory is kept for the next use, up to DF_ALLOCATOR_KEPT_BYTES per arena (about one per thread), instead of
 * being given back after each file: what was given back must be cleared and mapped again page by page, which was a
 * quarter of the time of a query (docs/performance.md). The peak stays what it is, as only what was in use once is
 * kept. */
void df_allocator_keep_freed(void);

enum { DF_ALLOCATOR_KEPT_BYTES = 64 * 1024 * 1024 };

#endif
