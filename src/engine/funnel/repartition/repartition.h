/* Any data set written again as N Parquet files in which each user is whole, rows by user and time: an engine of its
 * own.
 *
 *     stage 0  FOOTERS   a part per file: its columns and their types, rows, row groups. The fold makes one schema of
 *                        them (schema.h): columns by name; what a file lacks is null there
 *     stage 1  SCATTER   a part per run of row groups or of small files: every row as a record (row.h) into one of N
 *                        sections by the hash of its user; rows without a user into the first
 *     stage 2  GATHER    a part per output file: its section's records sorted (sorter.h) by user, time and their order
 *                        in the data set, in as many passes as memory wants, into a file aside (output.h)
 *     stage 3  COMMIT    one part, on the coordinator: all files become visible at once (store/publish.h)
 *
 * The bytes of the files follow from the rows and the request alone: not from memory, threads, workers, nor from how
 * the parts are cut.
 *
 * Request:
 *   {"paths": ["…"], "pattern": "*.parquet", "user": "visitorid", "time": "timestamp" (or null), "target": "…",
 *    "parts": 8 (0: by size), "columns": ["…"] (empty: all), "skipUnsupported": false, "codec": "snappy" | "zstd" |
 *    "none", "rowGroupRows": 0}
 * Later stages get the same with what is known by then (request.h).
 *
 * Answer:
 *   {"target", "files", "rows", "users", "bytes", "rowsWithoutUser", "sourceFiles", "sourceBytes",
 *    "columns": [{"name", "type"}, …], "leftOut": ["column (why)", …]} */
#ifndef DF_ENGINE_FUNNEL_REPARTITION_REPARTITION_H
#define DF_ENGINE_FUNNEL_REPARTITION_REPARTITION_H

#include "engine/engine.h"

extern const struct df_engine df_engine_repartition;

#endif
