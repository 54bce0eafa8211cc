/* The funnel engine: which users did A, then B, then C, and how many fell out at each step?
 *
 * Request (JSON; what cli and api make of their own languages). What has a ? may be left out, and so may everything in
 * `query` and `funnel` but the sequence; unknown members are errors:
 *
 *   {"dataset": {"paths": ["…"] | "files": [{"uri": "…", "sizeBytes"?: n}, …], "pattern"?: "*.parquet",
 *                "user": "visitorid", "time": "timestamp", "groups"?: "auto" | "whole" | "spread",
 *                "timestampUnit"?: "s" | "ms" | "us" | "ns"},               of integer times; else found out
 *    "timeframe"?: {"from"?: instant, "to"?: instant},                        from <= time < to, else not there
 *    "where"?: filter,                                                        rows that fail it are not there
 *    "query"?: {"conditions": [condition, …], "relation": "and" | "$0 and ($name or $2)", "aggregations": [agg, …]},
 *    "funnel"?: {"sequence": [step, …], "maxDuration": length, "order": "loose" | "strict" | "any",
 *                "stepAggregations": [agg, …], "endAggregations": [agg, …], "durations": bool, "sessionGap": length,
 *                "breakdown": {"column": c, "top"?: 10, "attribution"?: "first" | "last"},
 *                "trend": "hour" | "day" | "week" | "month",
 *                "export": {"step": 2, "which"?: "reached" | "dropped", "columns"?: [c, …],
 *                           "file": "….parquet" | "….csv" | "….ndjson" | "…/"}},
 *    "approximate"?: bool,
 *    "onBadFile"?: "fail" | "skip",       a file that cannot be read: an error; or left out, and told in explain
 *    "without"?: ["pages", …]}            optimisations to leave out: switches.h
 *
 *   filter     {"column": c, "op": o, "value": v, "delimiter"?: "|"} | [c, o, v] | {"and": [filter, …]} | {"or": […]} |
 *              {"not": filter}; o and v: filter/spec.h
 *   step       {"filter": filter | "filters": [filter, …], "rowFound"?: bool, "name"?: "…", "minGap"?: length,
 *              "maxGap"?: length}; several `filters` are one `and`; rowFound false: no such row
 *   condition  {"filter" | "filters", "name"?: n, "includeZero"?: bool,
 *              "target"?: ["count", o, n] | ["sum", c, o, x] | {"type", "column"?, "op", "value"}} |
 *              {"sequence": [step, …], "name"?, "maxDuration"?, "order"?}
 *   agg        {"column": c, "type"?: t, "otherColumn"?: c, "name"?: n, "top"?: 1…10000}; t: language/request.h;
 *              without one: count, countPerValue and groupsPerValue
 *   length     an integer in the unit of the time column | "500ms" "30s" "15m" "12h" "7d" "2w"
 *   instant    an integer in the unit of the time column | "2015-05-03" | "2015-05-03T10:20:30.5Z"
 *
 * Errors name the place in front: "funnel.sequence[2].filter.op: …"; words of the original where it has some.
 *
 * Answer (one line, no line break behind it; ? only when asked for):
 *
 *   {"query": {"matchingGroups": n, "matchingGroupRows": n,
 *              "aggregations"?: [{"column", "type", "name", "top", "value"}, …]},
 *    "funnel"?: {"sequence": [{"name"?, "matchingGroups": n, "matchingUsers"?: n, "matchingGroupRows": n,
 *                              "aggregations": null | […], "timeFromStart"?: {"mean", "p25", …},
 *                              "timeFromPrevious"?: {…}}, …],
 *                "groups"?: [{"value": v | "other": true, "sequence": […]}, …],
 *                "trend"?: [{"bucket": "2015-05-03", "sequence": […]}, …],
 *                "export"?: {"step": 2, "which": "reached", "rows": n, "files": ["…"]},
 *                "endAggregations": null | […]}}
 *
 * Counters: scannedRows, scannedGroups, rowsWithoutGroup, parts, totalSize, rowGroupsRead, rowGroupsSkipped,
 * filesSkipped.
 *
 * Meaning, in short: a step matches a row by its filter; a user reaches step k if rows r1..rk with strictly increasing
 * times match steps 1..k within the bounds given. Conditions choose the users first; aggregations are over all rows of
 * the users that are left. Rows without a user are ignored and counted; a row without time can only be step 1. */
#ifndef DF_ENGINE_FUNNEL_FUNNEL_H
#define DF_ENGINE_FUNNEL_FUNNEL_H

#include "engine/engine.h"

extern const struct df_engine df_engine_funnel;

/* Filter text of the command line -> JSON of a filter tree: `event = 'view' and not (price >= 50 or country in
 * ('DE'))`; grammar: language/filter_text.c. Appends whole JSON or nothing. Fails with invalid; the message has the
 * text and, on the next line, a caret under the place. */
int df_funnel_filter_text(struct df_slice text, struct df_buf *json, struct df_error *error);

#endif
