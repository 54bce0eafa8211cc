"""The engine of the original Funnel Rocket over files, one after the other, each loaded as its workers load it (pyarrow to
pandas, strings of few values as categories). Needs the packages of original.txt; nothing of its service runs."""
from frocket.engine.query_engine import QueryEngine

FEW_VALUES = {"event", "categoryid"}


def expanded(node):
    """Short forms written out, as its engine wants them."""
    if isinstance(node, list):
        return [expanded(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: expanded(value) for key, value in node.items()}
    if isinstance(node.get("filter"), list):
        node["filter"] = dict(zip(("column", "op", "value"), node["filter"]))
    if isinstance(node.get("target"), list):
        names = ("type", "op", "value") if len(node["target"]) == 3 else ("type", "column", "op", "value")
        node["target"] = dict(zip(names, node["target"]))
    return node


def written_out(query):
    query = expanded(query)
    inner = query.setdefault("query", {})
    for condition in inner.get("conditions", []):
        condition.setdefault("target", {"type": "count", "op": ">=", "value": 1})
        condition.setdefault("includeZero", False)
    inner.setdefault("relation", " and ".join(f"${at}" for at in range(len(inner.get("conditions", [])))))
    inner["aggregations"] = [one for each in inner.get("aggregations", []) for one in typed(each)]
    return query


def typed(aggregation):
    if "type" in aggregation:
        return [aggregation]
    return [aggregation | {"type": kind} for kind in ("count", "countPerValue", "groupsPerValue")]


def columns_of(node):
    if isinstance(node, list):
        return set().union(*map(columns_of, node))
    if not isinstance(node, dict):
        return set()
    own = {node[key] for key in ("column", "otherColumn") if key in node}
    return own.union(*map(columns_of, node.values()))


def add(total, part):
    """Sums of parts: numbers, lists of numbers, maps of numbers."""
    if isinstance(part, dict):
        return {key: total.get(key, 0) + part.get(key, 0) for key in total | part}
    return total + part


def numbers_of(result):
    query, funnel = result.query, result.funnel
    if funnel:
        return [step.matching_groups for step in funnel.sequence]
    return [query.matching_groups, query.matching_group_rows, *(one.value for one in query.aggregations or [])]


def flat(values):
    numbers = []
    for value in values:
        numbers += [value[key] for key in sorted(value)] if isinstance(value, dict) else [value]
    return tuple(numbers)


def prepare(query, files):
    import pyarrow.parquet as parquet

    query = written_out(query)
    columns = sorted({"visitorid", "timestamp"} | columns_of(query))
    engine = QueryEngine("visitorid", "timestamp")

    def run():
        totals = None
        for file in files:
            rows = parquet.read_table(file, columns=columns, read_dictionary=sorted(FEW_VALUES & set(columns)), use_threads=False).to_pandas()
            part = numbers_of(engine.run(rows, query))
            totals = [add(*pair) for pair in zip(totals, part)] if totals else part
        return flat(totals)

    return run
