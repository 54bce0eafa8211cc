"""What `make bench` asks: each question as a query of ours and as what each peer answers fastest, in several formulations where it
is not plain which that is, the likely fastest first. `numbers` makes the same flat tuple of all answers, so that speed is
compared for equal answers only.

Windows and orders are written with window functions: per row the latest start of a chain that ends in it."""
import json
import math
import typing

EVENTS = ["view", "addtocart", "transaction"]
DAY_MS = 86_400_000


def sequence(*events):
    return [{"filter": ["event", "==", event]} for event in events]


def steps_of(answer):
    return tuple(step["matchingGroups"] for step in answer["funnel"]["sequence"])


def groups_of(answer):
    return answer["query"]["matchingGroups"], answer["query"]["matchingGroupRows"]


def aggregated(answer):
    """Per aggregation its values in the order of their keys."""
    numbers = list(groups_of(answer))
    for one in answer["query"]["aggregations"]:
        found = one["value"]
        numbers += [found[key] for key in sorted(found)] if isinstance(found, dict) else [found]
    return tuple(numbers)


def broken_down(answer):
    parts = sorted(answer["funnel"]["groups"], key=lambda group: str(group["value"]))
    return tuple(step["matchingGroups"] for group in parts for step in group["sequence"])


# The views of only those users matter who have carts, and they are few; of the others only how many have viewed.
FUNNEL_RARE_FIRST = """
        with events as (select visitorid u, timestamp t, event from {data}),
        carts as (select u, t from events where event = 'addtocart'), buys as (select u, t from events where event = 'transaction'),
        s1 as (select u, min(t) t1 from events where event = 'view' and u in (select u from carts) group by u),
        s2 as (select carts.u u, min(carts.t) t2 from carts join s1 on carts.u = s1.u where carts.t > s1.t1 group by carts.u),
        s3 as (select buys.u u from buys join s2 on buys.u = s2.u where buys.t > s2.t2 group by buys.u)
        select (select count(distinct u) from events where event = 'view'), (select count(*) from s2), (select count(*) from s3)"""

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
    "rare first": FUNNEL_RARE_FIRST,
}

ONE_CONDITION = {
    "semi join": """
        select count(distinct visitorid), count(*) from {data} where visitorid in (select visitorid from {data} where event = 'transaction')""",
    "grouped": """
        select count(*), sum(n) from (select count(*) n, bool_or(event = 'transaction') hit from {data} group by visitorid) where hit""",
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
          (select list(n order by k), list(g order by k), list(s order by k) from by_event),
          (select list(n order by k) from by_available)""",
}

FUNNEL_CHDB = {
    "left join": """
        select count(), countIf(has2), countIf(has3) from (
          select notEmpty(arrayFilter(t -> t > first.t1, rest.carts) as later) has2,
                 has2 and arrayExists(t -> t > arrayMin(later), rest.buys) has3
          from (select visitorid u, min(timestamp) t1 from {data} where event = 'view' group by u) first
          left join (select visitorid u, groupArrayIf(timestamp, event = 'addtocart') carts, groupArrayIf(timestamp, event = 'transaction') buys
                     from {data} where event in ('addtocart', 'transaction') group by u) rest on first.u = rest.u)""",
    "grouped": """
        select countIf(has1), countIf(has2), countIf(has3) from (
          select minIf(timestamp, event = 'view') t1, countIf(event = 'view') > 0 has1,
                 groupArrayIf(timestamp, event = 'addtocart') carts, groupArrayIf(timestamp, event = 'transaction') buys,
                 arrayFilter(t -> has1 and t > t1, carts) later, notEmpty(later) has2, arrayMin(later) t2,
                 has2 and arrayExists(t -> t > t2, buys) has3
          from {data} where event in ('view', 'addtocart', 'transaction') group by visitorid)""",
    "chain": """
        with events as (select visitorid u, timestamp t, event from {data}),
        s1 as (select u, min(t) t1 from events where event = 'view' group by u),
        s2 as (select e.u u, min(e.t) t2 from events e join s1 on e.u = s1.u where e.event = 'addtocart' and e.t > s1.t1 group by e.u),
        s3 as (select e.u u from events e join s2 on e.u = s2.u where e.event = 'transaction' and e.t > s2.t2 group by e.u)
        select (select count() from s1), (select count() from s2), (select count() from s3)""",
}

# Its own function chains ties, so that it answers another question; it is shown and not compared.
FUNNEL_CHDB_OTHER = """
        select countIf(depth >= 1), countIf(depth >= 2), countIf(depth >= 3) from (
          select windowFunnel(100000000000000)(toUInt64(timestamp), event = 'view', event = 'addtocart', event = 'transaction') depth
          from {data} group by visitorid)"""

ONE_CONDITION_CHDB = {
    "semi join": ONE_CONDITION["semi join"].replace("count(distinct visitorid)", "uniqExact(visitorid)"),
    "grouped": """
        select count(), sum(n) from (select count() n, max(event = 'transaction') hit from {data} group by visitorid) where hit""",
}

AGGREGATIONS_CHDB = {
    "grouped": """
        with own as (select visitorid from {data} group by visitorid
                     having countIf(event = 'view') > 1 and sumIf(price, event = 'view') >= 100),
        sets as (select grouping(event) one, event k, count() n, uniqExact(visitorid) g, sum(price) s, countIf(not available) a0, countIf(available) a1
                 from {data} where visitorid in own group by grouping sets ((event), ()) order by k)
        select sumIf(g, one = 1), sumIf(n, one = 1), sumIf(n, one = 1), groupArrayIf(n, one = 0), groupArrayIf(g, one = 0),
               groupArrayIf(s, one = 0), sumIf(a0, one = 1), sumIf(a1, one = 1) from sets""",
}

# Sums, because a minimum or a maximum may come from statistics. Each wraps, or is wrapped below, at 64 bits.
DECODING = {
    "sums": "select sum(visitorid), sum(timestamp), count(*) filter (event = 'view') from {data}",
    "sums of halves": """
        select sum(visitorid), sum(timestamp // 4294967296) * 4294967296 + sum(timestamp & 4294967295), count(*) filter (event = 'view') from {data}""",
}
DECODING_CHDB = {"sums": "select sum(visitorid), sum(timestamp), countIf(event = 'view') from {data}"}

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


def flat(rows):
    """The one row of an answer of SQL, its lists laid out in order, as `aggregated` does."""
    numbers = []
    for one in rows[0]:
        numbers += one if isinstance(one, list) else [one]
    return tuple(numbers)


def by_group(numbers):
    """Three lists of step counts, one behind the other → value by value."""
    third = len(numbers) // 3
    return tuple(count for steps in zip(*(numbers[at * third : (at + 1) * third] for at in range(3))) for count in steps)


def wrapped(numbers):
    return tuple(int(number) % 2**64 for number in numbers)


class Question(typing.NamedTuple):
    query: dict  # None: not a query, but tests/tools' answer of three numbers
    ours: typing.Callable  # parsed JSON → tuple
    sql: dict  # program → formulation → SQL
    theirs: typing.Callable = tuple  # tuple → tuple


QUESTIONS = {
    "funnel of three": Question(
        {"funnel": {"sequence": sequence(*EVENTS)}},
        steps_of,
        {"DuckDB": FUNNEL, "chDB": FUNNEL_CHDB | {"windowFunnel": FUNNEL_CHDB_OTHER}},
    ),
    "one condition": Question(
        {"query": {"conditions": [{"filter": ["event", "==", "transaction"]}]}},
        groups_of,
        {"DuckDB": ONE_CONDITION, "chDB": ONE_CONDITION_CHDB},
    ),
    "aggregations": Question(
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
        {"DuckDB": AGGREGATIONS, "chDB": AGGREGATIONS_CHDB},
    ),
    "decoding": Question(None, wrapped, {"DuckDB": DECODING, "chDB": DECODING_CHDB}, wrapped),
    "within a day": Question({"funnel": {"sequence": sequence(*EVENTS), "maxDuration": DAY_MS}}, steps_of, {"DuckDB": WINDOW}),
    "any order": Question({"funnel": {"sequence": sequence(*EVENTS), "maxDuration": DAY_MS, "order": "any"}}, steps_of, {"DuckDB": ANY}),
    "breakdown": Question(
        {"funnel": {"sequence": sequence(*EVENTS), "breakdown": {"column": "available", "attribution": "last"}}},
        broken_down,
        {"DuckDB": BREAKDOWN},
        by_group,
    ),
}
# Formulations of polars_forms.py, which only a process that may import Polars reads.
POLARS = {
    "funnel of three": ["chain in memory", "rare first", "chain", "grouped"],
    "one condition": ["semi join", "grouped"],
    "aggregations": ["in memory"],
    "decoding": ["sums"],
}
# Formulations that do not answer the question itself.
OTHER_QUESTION = {("chDB", "windowFunnel")}


READ = {"DuckDB": "read_parquet('{pattern}')", "chDB": "file('{pattern}', Parquet)"}


def sql_of(program, question, form, pattern):
    data = READ[program].format(pattern=pattern)
    return QUESTIONS[question].sql[program][form].format(data=data, pattern=pattern, day=DAY_MS)


def equal(one, other):
    """Whole numbers exactly; sums of prices as far as they do not depend on the order of additions."""
    if len(one) != len(other):
        return False
    return all(math.isclose(a, b, rel_tol=1e-9) if float in (type(a), type(b)) else a == b for a, b in zip(one, other))
