"""The funnel language by brute force: what a query means, said as plainly as it can be.

Filters, conditions, aggregations, sequences and funnels as the specification words them, over rows that are Python dicts in
file order; every chain of rows is tried. Slow, and meant to be: test_language_property.py compares Dayfly's answers with it.

Times are integers in milliseconds (column "t"); the user is column "u". Floats follow the contract of numbers: the exact
sum rounded once."""
import collections
import datetime
import fractions
import itertools
import math
import re

USER, TIME = "u", "t"
UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
EPOCH = datetime.date(1970, 1, 1)


def length(value):
    """A length of time in milliseconds, exactly: an integer is one already, text has a unit."""
    if value is None or isinstance(value, int):
        return value
    number, unit = re.fullmatch(r"(\d+)([a-z]+)", value).groups()
    return fractions.Fraction(int(number) * UNITS[unit])


def is_null(value):
    return value is None or (isinstance(value, float) and math.isnan(value))


# ---- filters ----


def instant(value):
    """Dates, timestamps and ISO texts as exact seconds since 1970."""
    if isinstance(value, str):
        value = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.timezone.utc)
        delta = value - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return fractions.Fraction(delta.days * 86400 + delta.seconds) + fractions.Fraction(delta.microseconds, 10**6)
    if isinstance(value, datetime.date):
        return fractions.Fraction((value - EPOCH).days * 86400)
    raise TypeError(value)


def comparable(found, wanted):
    """Both sides as numbers or bytes that Python orders as the language does."""
    if isinstance(found, (datetime.date, datetime.datetime)):
        if isinstance(wanted, str):
            return instant(found), instant(wanted)
        per_second = fractions.Fraction(10**6) if isinstance(found, datetime.datetime) else fractions.Fraction(1, 86400)
        return instant(found) * per_second, wanted
    if isinstance(found, str):
        return found.encode(), wanted.encode()
    return found, wanted


def equal(found, wanted):
    if is_null(found):
        return False
    a, b = comparable(found, wanted)
    return a == b


LISTS = {"has", "has any", "has all", "empty", "not empty"}


def leaf(row, filter):
    op, found, wanted = filter["op"], row[filter["column"]], filter.get("value")
    if op in LISTS:
        if found is None:
            return False
        if "delimiter" in filter:
            found = found.split(filter["delimiter"]) if found else []
        if op == "empty":
            return not found
        if op == "not empty":
            return bool(found)
        wanted = [wanted] if op == "has" else wanted
        hits = [any(equal(item, one) for item in found) for one in wanted]
        return all(hits) if op == "has all" else any(hits)
    if op == "is null":
        return is_null(found)
    if op == "is not null":
        return not is_null(found)
    if is_null(found):
        return op in ("!=", "not contains", "not in")
    if op in ("in", "not in"):
        return any(equal(found, one) for one in wanted) == (op == "in")
    if op == "regex":
        return re.search(wanted, found) is not None
    a, b = comparable(found, wanted)
    return {
        "==": lambda: a == b,
        "!=": lambda: a != b,
        ">": lambda: a > b,
        ">=": lambda: a >= b,
        "<": lambda: a < b,
        "<=": lambda: a <= b,
        "contains": lambda: b in a,
        "not contains": lambda: b not in a,
        "starts with": lambda: a.startswith(b),
        "ends with": lambda: a.endswith(b),
    }[op]()


def matches(row, filter):
    if isinstance(filter, list):
        return leaf(row, dict(zip(("column", "op", "value"), filter)))
    if "and" in filter:
        return all(matches(row, one) for one in filter["and"])
    if "or" in filter:
        return any(matches(row, one) for one in filter["or"])
    if "not" in filter:
        return not matches(row, filter["not"])
    return leaf(row, filter)


def filters_of(holder):
    return {"and": holder["filters"]} if "filters" in holder else holder["filter"]


# ---- sequences ----


class Sequence:
    """Steps with the negative ones attached to the positive step that they stand in front of."""

    def __init__(self, members):
        self.order = members.get("order", "loose")
        self.maximum = length(members.get("maxDuration"))
        self.steps, self.before, negative = [], [], []
        for step in members["sequence"]:
            if step.get("rowFound", True):
                self.steps.append(step)
                self.before.append(negative)
                negative = []
            else:
                negative.append(filters_of(step))
        self.trailing = negative

    def chain_holds(self, rows, chain):
        """Whether rows[i] for i in chain may be steps 1..len(chain), by the definitions of loose and strict."""
        times = [rows[i][TIME] for i in chain]
        if self.maximum is not None and times[-1] - times[0] > self.maximum:
            return False
        if any(matches(row, negative) and row[TIME] < times[0] for negative in self.before[0] for row in rows):
            return False
        for k in range(1, len(chain)):
            distance = times[k] - times[k - 1]
            least, most = length(self.steps[k].get("minGap")), length(self.steps[k].get("maxGap"))
            if distance <= 0 or (least is not None and distance < least) or (most is not None and distance > most):
                return False
            for row in rows:
                if times[k - 1] < row[TIME] < times[k] and any(matches(row, one) for one in self.before[k]):
                    return False
            if self.order == "strict":
                for i, row in enumerate(rows):
                    if times[k - 1] <= row[TIME] <= times[k] and i not in (chain[k - 1], chain[k]):
                        return False
        if len(chain) == len(self.steps) and self.trailing:
            for row in rows:
                late = row[TIME] > times[-1] and (self.maximum is None or row[TIME] <= times[0] + self.maximum)
                if late and any(matches(row, one) for one in self.trailing):
                    return False
        return True

    def chains(self, rows, depth):
        hits = [[i for i, row in enumerate(rows) if matches(row, filters_of(step))] for step in self.steps[:depth]]
        for chain in itertools.product(*hits):
            if all(rows[a][TIME] < rows[b][TIME] for a, b in zip(chain, chain[1:])) and self.chain_holds(rows, chain):
                yield chain

    def best(self, rows, depth):
        """The chain of rows that stands for a user of this depth, as indexes into rows (timed, in file order)."""
        found = list(self.chains(rows, depth))
        if not found:
            return None

        def key(chain):
            backwards = [(rows[i][TIME], i) for i in reversed(chain)]
            return (-rows[chain[-1]][TIME], rows[chain[0]][TIME], backwards)

        return max(found, key=key)

    def best_any(self, rows, depth):
        hits = [[i for i, row in enumerate(rows) if matches(row, filters_of(step))] for step in self.steps[:depth]]
        best = None
        for latest in sorted({row[TIME] for row in rows}):
            last = [max(((rows[i][TIME], i) for i in own if rows[i][TIME] <= latest), default=None) for own in hits]
            if None in last:
                continue
            if self.maximum is None or latest - min(last)[0] <= self.maximum:
                best = last
                break
        if best is None:
            return None
        earliest = max(i for t, i in best if t == min(best)[0])
        chain = [i for _, i in best]
        chain[0], chain[-1] = earliest, max(best)[1]
        if depth == 1:
            chain = [max(best)[1]]
        return tuple(chain)

    def reached(self, rows):
        """(depth, chain) over timed rows of one unit in file order."""
        find = self.best_any if self.order == "any" else self.best
        depth, chain = 0, ()
        for k in range(1, len(self.steps) + 1):
            found = find(rows, k)
            if found is None:
                break
            depth, chain = k, found
        return depth, chain


class Unit:
    """What the funnel counts: a user, or a session of one."""

    def __init__(self, user, rows, funnel=None, timed=None):
        self.user, self.rows = user, rows
        self.depth, self.chain = 0, []
        if funnel is not None:
            timed = [row for row in rows if row[TIME] is not None] if timed is None else timed
            self.depth, indexes = funnel.reached(timed)
            self.chain = [timed[i] for i in indexes]
            if self.depth == 0:
                untimed = [row for row in rows if row[TIME] is None and matches(row, filters_of(funnel.steps[0]))]
                if untimed:
                    self.depth, self.chain = 1, [untimed[-1]]


def sessions_of(rows, gap):
    own = sorted((row for row in rows if row[TIME] is not None), key=lambda row: row[TIME])
    sessions = []
    for row in own:
        if not sessions or row[TIME] - sessions[-1][-1][TIME] > gap:
            sessions.append([])
        sessions[-1].append(row)
    order = {id(row): i for i, row in enumerate(rows)}
    return [sorted(session, key=lambda row: order[id(row)]) for session in sessions]


# ---- conditions ----


def compare(a, op, b):
    return {"==": a == b, "!=": a != b, ">": a > b, ">=": a >= b, "<": a < b, "<=": a <= b}[op]


def exact_sum(values):
    if any(isinstance(value, float) for value in values):
        return math.fsum(values)
    return sum(values)


def condition_holds(rows, condition):
    if "sequence" in condition:
        sequence = Sequence(condition)
        return Unit(None, rows, sequence).depth == len(sequence.steps)
    hits = [row for row in rows if matches(row, filters_of(condition))]
    target = condition.get("target", ["count", ">=", 1])
    if isinstance(target, dict):
        kind = target["type"]
        target = [kind, target["op"], target["value"]] if kind == "count" else [kind, target["column"], target["op"], target["value"]]
    if target[0] == "count":
        _, op, wanted = target
        include_zero = condition.get("includeZero", (op, wanted) == ("==", 0))
        return compare(len(hits), op, wanted) if hits else include_zero
    _, column, op, wanted = target
    return bool(hits) and compare(exact_sum([row[column] for row in hits if not is_null(row[column])]), op, wanted)


def relation_holds(relation, names, results):
    relation = relation.strip().lower()
    if relation in ("and", "&&"):
        return all(results)
    if relation in ("or", "||"):
        return any(results)
    text = relation.replace("&&", " and ").replace("||", " or ")
    return eval(re.sub(r"\$(\w+)", lambda m: str(results[int(m[1]) if m[1].isdigit() else names[m[1]]]), text))


# ---- aggregations ----

MAPS = {"countPerValue", "groupsPerValue", "sumPerValue", "meanPerValue"}


def iso(value):
    if isinstance(value, datetime.datetime):
        text = value.strftime("%Y-%m-%dT%H:%M:%S")
        if value.microsecond:
            text += f".{value.microsecond:06}" if value.microsecond % 1000 else f".{value.microsecond // 1000:03}"
        return text + "Z"
    return value.isoformat()


def json_value(value):
    return iso(value) if isinstance(value, (datetime.date, datetime.datetime)) else value


def key_text(value):
    return str(json_value(value))


def normal(value):
    return 0.0 if isinstance(value, float) and value == 0 else value


def mean(values):
    return exact_sum(values) / len(values) if values else None


def quantiles(values):
    if not values:
        return None
    own = sorted(values)
    return {f"p{q}": own[max(math.ceil(fractions.Fraction(q, 100) * len(own)), 1) - 1] for q in (25, 50, 75, 90, 99)}


def finite(value):
    return None if isinstance(value, float) and not math.isfinite(value) else value


def aggregate_one(rows, column, kind, other):
    values = [normal(row[column]) for row in rows if not is_null(row[column])]
    if kind == "count":
        return len(values)
    if kind == "countDistinct":
        return len(set(values))
    if kind in ("min", "max"):
        pick = min if kind == "min" else max
        key = (lambda value: value.encode()) if values and isinstance(values[0], str) else None
        return json_value(pick(values, key=key)) if values else None
    if kind == "sum":
        return finite(exact_sum(values)) if values else 0
    if kind == "mean":
        return mean(values)
    if kind == "quantiles":
        return quantiles(values)
    found = collections.defaultdict(list)
    for row in rows:
        if not is_null(row[column]):
            found[normal(row[column])].append(row)
    numbers = {}
    for value, own in found.items():
        others = [row[other] for row in own if not is_null(row[other])] if other else []
        numbers[key_text(value)] = {
            "countPerValue": lambda: len(own),
            "groupsPerValue": lambda: len({row[USER] for row in own}),
            "sumPerValue": lambda: exact_sum(others),
            "meanPerValue": lambda: mean(others),
        }[kind]()
    return numbers


def ordered(numbers, top):
    keys = sorted(numbers, key=lambda key: (numbers[key] is None, -(numbers[key] or 0), key.encode()))
    return {key: numbers[key] for key in keys[:top]}


def aggregate(rows, wanted):
    if not wanted:
        return None
    result = []
    for one in wanted:
        for kind in [one["type"]] if "type" in one else ["count", "countPerValue", "groupsPerValue"]:
            value = aggregate_one(rows, one["column"], kind, one.get("otherColumn"))
            top = (one.get("top") or 10) if kind in MAPS else None
            if kind in MAPS:
                value = ordered(value, top)
            result.append({"column": one["column"], "type": kind, "value": value, "top": top, "name": one.get("name")})
    return result


# ---- the funnel's answer ----


def count_steps(units, depth_count, sessions, reached_rows=True):
    steps = []
    for k in range(1, depth_count + 1):
        reached = [unit for unit in units if unit.depth >= k]
        step = {"matchingGroups": len(reached)}
        if reached_rows:
            step["matchingGroupRows"] = sum(len(unit.rows) for unit in reached)
        if sessions:
            step["matchingUsers"] = len({unit.user for unit in reached})
        steps.append(step)
    return steps


def durations(units, k):
    reached = [unit.chain for unit in units if unit.depth >= k]

    def spread(values):
        return {"mean": mean(values), **(quantiles(values) or dict.fromkeys(("p25", "p50", "p75", "p90", "p99")))}

    return {
        "timeFromStart": spread([chain[k - 1][TIME] - chain[0][TIME] for chain in reached]),
        "timeFromPrevious": spread([chain[k - 1][TIME] - chain[k - 2][TIME] for chain in reached]),
    }


def break_down(units, wanted, depth_count, sessions):
    at = -1 if wanted.get("attribution") == "last" else 0
    parts = collections.defaultdict(list)
    for unit in units:
        if unit.depth:
            value = unit.chain[at][wanted["column"]]
            parts[None if is_null(value) else normal(value)].append(unit)
    keys = sorted(parts, key=lambda v: (-len(parts[v]), v is not None, b"" if v is None else key_text(v).encode()))
    top = wanted.get("top", 10)
    groups = [{"value": json_value(key), "sequence": count_steps(parts[key], depth_count, sessions)} for key in keys[:top]]
    if len(keys) > top:
        rest = [unit for key in keys[top:] for unit in parts[key]]
        groups.append({"other": True, "sequence": count_steps(rest, depth_count, sessions)})
    return groups


def bucket_start(ms, unit):
    when = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=ms)
    day = when.date()
    return {
        "hour": lambda: when.replace(minute=0, second=0, microsecond=0),
        "day": lambda: day,
        "week": lambda: day - datetime.timedelta(days=day.weekday()),
        "month": lambda: day.replace(day=1),
    }[unit]()


def next_bucket(bucket, unit):
    if unit == "month":
        return (bucket + datetime.timedelta(days=32)).replace(day=1)
    return bucket + {"hour": datetime.timedelta(hours=1), "day": datetime.timedelta(days=1), "week": datetime.timedelta(days=7)}[unit]


def bucket_text(bucket, unit):
    if unit == "hour":
        return bucket.strftime("%Y-%m-%dT%H:00:00Z")
    return bucket.strftime("%Y-%m") if unit == "month" else bucket.isoformat()


def trend_of(units, unit, depth_count, sessions):
    parts = collections.defaultdict(list)
    for one in units:
        if one.depth and one.chain[0][TIME] is not None:
            parts[bucket_start(one.chain[0][TIME], unit)].append(one)
    buckets, at = [], min(parts, default=None)
    while at is not None and at <= max(parts):
        steps = count_steps(parts.get(at, []), depth_count, sessions, reached_rows=False)
        buckets.append({"bucket": bucket_text(at, unit), "sequence": steps})
        at = next_bucket(at, unit)
    return buckets


def cohort_of(units, wanted, breakdown):
    """The rows of an export, sorted; times beyond a unit's depth are null."""
    step, dropped = wanted["step"], wanted.get("which", "reached") == "dropped"
    rows = []
    for unit in units:
        if unit.depth < step or (dropped and unit.depth > step):
            continue
        row = {USER: unit.user}
        for k in range(wanted["steps"]):
            row[f"step{k + 1}"] = unit.chain[k][TIME] if k < unit.depth else None
        if breakdown:
            row["breakdown"] = unit.chain[-1 if breakdown.get("attribution") == "last" else 0][breakdown["column"]]
        for column in wanted.get("columns", []):
            row[column] = unit.chain[step - 1][column]
        rows.append({name: None if is_null(value) else value for name, value in row.items()})
    return rows


def evaluate(rows, query):
    """The members `query` and `funnel` of the answer. An export's rows stand in funnel["cohort"]."""
    if "where" in query:
        rows = [row for row in rows if matches(row, query["where"])]
    frame = query.get("timeframe", {})
    low, high = frame.get("from"), frame.get("to")
    if low is not None or high is not None:
        rows = [row for row in rows if row[TIME] is not None and (low is None or row[TIME] >= low) and (high is None or row[TIME] < high)]
    users = collections.defaultdict(list)
    for row in rows:
        if row[USER] is not None:
            users[row[USER]].append(row)
    asked = query.get("query", {})
    conditions = asked.get("conditions", [])
    names = {one["name"].lower(): i for i, one in enumerate(conditions) if one.get("name")}
    if conditions:
        users = {
            user: own
            for user, own in users.items()
            if relation_holds(asked.get("relation", "and"), names, [condition_holds(own, one) for one in conditions])
        }
    surviving = [row for row in rows if row[USER] in users]
    result = {"query": {"matchingGroups": len(users), "matchingGroupRows": len(surviving)}}
    aggregations = aggregate(surviving, asked.get("aggregations"))
    if aggregations is not None:
        result["query"]["aggregations"] = aggregations
    if "funnel" in query:
        result["funnel"] = funnel_answer(users, rows, query["funnel"])
    return result


def funnel_answer(users, rows, asked):
    funnel = Sequence(asked)
    gap = length(asked.get("sessionGap"))
    if gap is None:
        units = [Unit(user, own, funnel) for user, own in users.items()]
    else:
        units = [Unit(user, session, funnel, session) for user, own in users.items() for session in sessions_of(own, gap)]
    count = len(funnel.steps)
    steps = count_steps(units, count, gap is not None)
    place = {id(row): i for i, row in enumerate(rows)}
    of_step = lambda k: sorted((row for unit in units if unit.depth >= k for row in unit.rows), key=lambda row: place[id(row)])
    for k, step in enumerate(steps, 1):
        step["aggregations"] = aggregate(of_step(k), asked.get("stepAggregations"))
        if "name" in funnel.steps[k - 1]:
            step["name"] = funnel.steps[k - 1]["name"]
        if asked.get("durations") and k > 1:
            step.update(durations(units, k))
    answer = {"sequence": steps, "endAggregations": aggregate(of_step(count), asked.get("endAggregations"))}
    if "breakdown" in asked:
        answer["groups"] = break_down(units, asked["breakdown"], count, gap is not None)
    if "trend" in asked:
        answer["trend"] = trend_of(units, asked["trend"], count, gap is not None)
    if "export" in asked:
        answer["cohort"] = cohort_of(units, {**asked["export"], "steps": count}, asked.get("breakdown"))
    return answer
