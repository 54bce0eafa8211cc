/* Registration of a data set, as an engine of its own: which files there are, what columns they have, and whether every
 * user is in one file only. Whoever asks writes the answer into the catalogue.
 *
 * Request:
 *   {"dataset": {"paths": ["…"], "pattern": "*.parquet", "user": "visitorid", "time": "timestamp"},
 *    "register": {"validation": "ALL" | "SAMPLE" | "FIRST_LAST" | "SINGLE", "uniques": true}}
 *
 * Which files are looked at (funnels-frocket §5): SINGLE the first; FIRST_LAST the first and the last; SAMPLE those and
 * a tenth of the others, at most ten in all, each at most once; ALL every one. They are read whole: user and time
 * columns must be there, of a type that serves, without nulls; columns must be of the same types in all of them. With
 * `uniques` the users of all of them are exchanged by hash and compared: exact, whatever their number.
 *
 * Answer:
 *   {"files": [{"uri": "…", "sizeBytes": n}, …], "totalSize": n, "validation": "SAMPLE", "validatedFiles": n,
 *    "users": {"distinct": n, "unique": true} (null without `uniques` or with one file),
 *    "schema": {"groupIdColumn", "timestampColumn", "minTimestamp", "maxTimestamp", "sourceCategoricals": [],
 *               "potentialCategoricals": [],
 *               "columns": {name: {"name", "dtypeName", "coltype", "type", "nulls",
 *                           "colattrs": {"numericMin", "numericMax", "categorical", "catTopValues",
 * "catUniqueRatio"}}}, "unsupportedColumns": {name: why}}} coltype is INT, FLOAT, BOOL or STRING as in the original, or
 * DATE, TIME, TIMESTAMP, DECIMAL, UUID, BINARY, LIST. */
#ifndef DF_ENGINE_FUNNEL_REGISTER_REGISTER_H
#define DF_ENGINE_FUNNEL_REGISTER_REGISTER_H

#include "engine/engine.h"

extern const struct df_engine df_engine_registration;

#endif
