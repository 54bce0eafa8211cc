/* The funnel engine: which users did A, then B, then C, and how many fell out at each step?
 *
 * Request (JSON; what cli and api make of their own languages):
 *
 *   {"dataset": {"paths": ["…"], "pattern": "*.parquet", "user": "visitorid", "time": "timestamp",
 *                "groups": "auto" | "whole" | "spread"},
 *    "funnel": {"sequence": [{"filter": {"column": "event", "op": "==", "value": "view"}}, …]}}
 *
 * Filters also in the short form ["event", "==", "view"]. Errors name the place: funnel.sequence[2].filter.op.
 *
 * Answer: {"query": {"matchingGroups": n, "matchingGroupRows": n},
 *          "funnel": {"sequence": [{"matchingGroups": n, "matchingGroupRows": n, "aggregations": null}, …],
 *                     "endAggregations": null}} (one line, no line break behind it);
 * a step that has a name shows it in front: {"name": "cart", "matchingGroups": …}.
 * Counters: scannedRows, scannedGroups, rowsWithoutGroup, parts, totalSize.
 *
 * Meaning: a step matches a row by its filter; a user reaches step k if rows r1..rk with strictly increasing times
 * match steps 1..k. Rows without a user are ignored and counted; a row without time can only be step 1. */
#ifndef DF_ENGINE_FUNNEL_FUNNEL_H
#define DF_ENGINE_FUNNEL_FUNNEL_H

#include "engine/engine.h"

extern const struct df_engine df_engine_funnel;

/* Filter text of the command line -> JSON of a filter: `event = 'view'`, `price >= 50`, `available = true`,
 * `event=view`. Fails with invalid; the message has the text and, on the next line, a caret under the place. */
int df_funnel_filter_text(struct df_slice text, struct df_buf *json, struct df_error *error);

#endif
