"""What `make bench` asks: each question as a query of ours and as the SQL that DuckDB answers fastest, several where it is not
plain which that is. `numbers` makes the same flat tuple of both answers, so that speed is compared for equal answers only.

Windows and orders are written with window functions: per row the latest start of a chain that ends in it."""
import json

EVENTS = ["view", "addtocart", "transaction"]
DAY_MS = 86_400_000


def sequence(*events):
    return [{"filter": ["event", "==", event]} for event in events]


def steps_of(answer):
    return tuple(step["matchingGroups"] for step in answer["funnel"]["sequence"])


def groups_of(answer):
    return answer["query"]["matchingGroups"], answer["query"]["matchingGroupRows"]


def rounded(number):
    return round(float(number), 3)


def aggregated(answer):
    """Per aggregation its values in the order of their keys."""
    numbers = list(groups_of(answer))
    for one in answer["query"]["aggregations"]:
        found = one["value"]
        numbers += [rounded(found[key]) for key in sorted(found)] if isinstance(found, dict) else [rounded(found)]
    return tuple(numbers)


def broken_down(answer):
    parts = sorted(answer["funnel"]["groups"], key=lambda group: str(group["value"]))
    return tuple(step["matchingGroups"] for group in parts for step in group["sequence"])


FUNNEL = {
    "chain": """
        with events as (select visitorid u, timestamp t, event from {data}),
        s1 as (select u, min(t) t from events where event = 'view' group by u),
        s2 as (select e.u, min(e.t) t from events e join s1 on e.u = s1.u and e.t > s1.t where event = 'addtocart' group by e.u),
        s3 as (select e.u, min(e.t) t from events e join s2 on e.u = s2.u and e.t > s2.t where event = 'transaction' group by e.u)
        select (select count(*) from s1), (select count(*) from s2), (select count(*) from s3)""",
    "grouped": """
        with users as (
          select min(timestamp) filter (event = 'view') t1, list(timestamp) filter (event = 'addtocart') carts,
                 list(timestamp) filter (event = 'transaction') buys
          from {data} group by visitorid),
        second as (select t1, list_min(list_filter(carts, lambda t: t > t1)) t2, buys from users where t1 is not null),
        third as (select t1, t2, list_min(list_filter(buys, lambda t: t > t2)) t3 from second)
        select count(t1), count(t2), count(t3) from third""",
}

ONE_CONDITION = {
    "grouped": """
        select count(*), sum(n) from (select count(*) n, bool_or(event = 'transaction') hit from {data} group by visitorid) where hit""",
    "semi join": """
        select count(distinct visitorid), count(*) from {data} where visitorid in (select visitorid from {data} where event = 'transaction')""",
}

AGGREGATIONS = {
    "grouped": """
        with events as (select visitorid u, event, price, available from {data}),
        own as (select u from events group by u
                having count(*) filter (event = 'view') > 1 and sum(price) filter (event = 'view') >= 100),
        kept as materialized (select events.* from events semi join own using (u)),
        by_event as (select event k, count(*) n, count(distinct u) g, sum(price) s from kept group by event),
        by_available as (select available k, count(*) n from kept group by available)
        select * from (select count(distinct u), count(*) from kept), (select sum(n) from by_event),
          (select list(n order by k), list(g order by k), list(round(s, 3) order by k) from by_event),
          (select list(n order by k) from by_available)""",
}

WINDOW = {
    "window functions": """
        with events as (select visitorid u, timestamp t, event from {data} where event in ('view', 'addtocart', 'transaction')),
        second as (select u, t, event,
                          max(case when event = 'view' then t end) over (partition by u order by t range between unbounded preceding and 1 preceding) s
                   from events),
        third as (select u, t, event, case when event = 'addtocart' and t - s <= {day} then s end s2,
                         max(case when event = 'addtocart' and t - s <= {day} then s end)
                           over (partition by u order by t range between unbounded preceding and 1 preceding) s3
                  from second)
        select count(distinct u) filter (event = 'view'), count(distinct u) filter (s2 is not null),
               count(distinct u) filter (event = 'transaction' and t - s3 <= {day}) from third""",
    "joins": """
        with events as (select visitorid u, timestamp t, event from {data}),
        a as (select u, t from events where event = 'view'), b as (select u, t from events where event = 'addtocart'),
        c as (select u, t from events where event = 'transaction'),
        ab as (select b.u, b.t, max(a.t) s from b join a on a.u = b.u and a.t < b.t and b.t - a.t <= {day} group by 1, 2),
        abc as (select c.u from c join ab on ab.u = c.u and ab.t < c.t and c.t - ab.s <= {day})
        select (select count(distinct u) from a), (select count(distinct u) from ab), (select count(distinct u) from abc)""",
}

ANY = {
    "window functions": """
        with events as (select visitorid u, timestamp t, event from {data}),
        last as (select u, t, max(case when event = 'view' then t end) over w a, max(case when event = 'addtocart' then t end) over w b,
                        max(case when event = 'transaction' then t end) over w c
                 from events window w as (partition by u order by t range between unbounded preceding and current row))
        select count(distinct u) filter (a is not null), count(distinct u) filter (a is not null and b is not null and t - least(a, b) <= {day}),
               count(distinct u) filter (a is not null and b is not null and c is not null and t - least(a, b, c) <= {day}) from last""",
    "joins": """
        with events as (select visitorid u, timestamp t, event from {data}),
        a as (select u, t from events where event = 'view'), b as (select u, t from events where event = 'addtocart'),
        c as (select u, t from events where event = 'transaction'),
        ab as (select a.u, a.t ta, b.t tb from a join b on a.u = b.u and abs(a.t - b.t) <= {day}),
        abc as (select c.u from c join ab on c.u = ab.u and abs(c.t - ta) <= {day} and abs(c.t - tb) <= {day})
        select (select count(distinct u) from a), (select count(distinct u) from ab), (select count(distinct u) from abc)""",
}

BREAKDOWN = {
    "chain": """
        with events as (select visitorid u, timestamp t, event, available v, file_row_number r, filename f
                        from read_parquet('{pattern}', file_row_number = true, filename = true)),
        s1 as (select u, min(t) t from events where event = 'view' group by u),
        s2 as (select e.u, min(e.t) t from events e join s1 on e.u = s1.u and e.t > s1.t where event = 'addtocart' group by e.u),
        s3 as (select e.u, min(e.t) t from events e join s2 on e.u = s2.u and e.t > s2.t where event = 'transaction' group by e.u),
        deep as (select s1.u, case when s3.u is not null then 3 when s2.u is not null then 2 else 1 end d, coalesce(s3.t, s2.t, s1.t) t
                 from s1 left join s2 using (u) left join s3 using (u)),
        valued as (select deep.u, d, arg_max(v, (f, r)) v from deep join events e on e.u = deep.u and e.t = deep.t
                   and e.event = case d when 3 then 'transaction' when 2 then 'addtocart' else 'view' end group by 1, 2)
        select list(n1 order by v), list(n2 order by v), list(n3 order by v)
        from (select v, count(*) n1, count(*) filter (d >= 2) n2, count(*) filter (d >= 3) n3 from valued group by v)""",
}


def flat(row):
    """A row of SQL whose lists are laid out in order, as `aggregated` does."""
    numbers = []
    for one in row:
        numbers += [rounded(item) for item in one] if isinstance(one, list) else [one]
    return tuple(numbers)


def by_group(row):
    """Three lists of step counts by value → value by value."""
    return tuple(count for steps in zip(*row) for count in steps)


# name: (query, numbers of our answer, {formulation: SQL}, numbers of SQL's row)
QUESTIONS = {
    "funnel of three": ({"funnel": {"sequence": sequence(*EVENTS)}}, steps_of, FUNNEL, tuple),
    "one condition": ({"query": {"conditions": [{"filter": ["event", "==", "transaction"]}]}}, groups_of, ONE_CONDITION, tuple),
    "aggregations": (
        {
            "query": {
                "conditions": [
                    {"filter": ["event", "==", "view"], "target": ["count", ">", 1]},
                    {"filter": ["event", "==", "view"], "target": ["sum", "price", ">=", 100]},
                ],
                "aggregations": [
                    {"column": "event"},
                    {"column": "event", "type": "sumPerValue", "otherColumn": "price"},
                    {"column": "available", "type": "countPerValue"},
                ],
            }
        },
        aggregated,
        AGGREGATIONS,
        flat,
    ),
    "within a day": ({"funnel": {"sequence": sequence(*EVENTS), "maxDuration": DAY_MS}}, steps_of, WINDOW, tuple),
    "any order": ({"funnel": {"sequence": sequence(*EVENTS), "maxDuration": DAY_MS, "order": "any"}}, steps_of, ANY, tuple),
    "breakdown": (
        {"funnel": {"sequence": sequence(*EVENTS), "breakdown": {"column": "available", "attribution": "last"}}},
        broken_down,
        BREAKDOWN,
        by_group,
    ),
}


def sql_texts(name, pattern):
    texts = QUESTIONS[name][2]
    return {form: sql.format(data=f"read_parquet('{pattern}')", pattern=pattern, day=DAY_MS) for form, sql in texts.items()}


def our_numbers(name, output):
    return QUESTIONS[name][1](json.loads(output))


def sql_numbers(name, output):
    return QUESTIONS[name][3](json.loads(output))
