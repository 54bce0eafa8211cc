"""The golden questions Q1-Q25: what the original engine answers on rr-synth(1, 20000, 8), as it printed them.

Departures from what it printed, both because ours is exact: Q22 (its lists were cut per part) and Q23 (it added the means of
the parts). Zeros that it adds for values of dictionaries are left out."""
import math

ANY = object()  # the original's figure was not written down
EVENT, PRICE = "event", "price"


def step(event):
    return {"filter": [EVENT, "==", event]}


VIEW, CART, BUY = step("view"), step("addtocart"), step("transaction")
BUYS_OF_50 = {"filters": [{"column": EVENT, "op": "==", "value": "transaction"}, {"column": PRICE, "op": ">=", "value": 50}]}
SUM_OF_50 = {**BUY, "target": ["sum", PRICE, ">=", 50]}
THREE = {"sequence": [VIEW, CART, BUY]}
GROUPS = {"column": EVENT, "type": "groupsPerValue"}
SUMS = {"column": EVENT, "type": "sumPerValue", "otherColumn": PRICE}
TX_CART_V9 = [
    {"name": "tx", **BUY},
    {"name": "cart", **CART},
    {"name": "v9", **VIEW, "target": ["count", ">=", 9]},
]


def condition(*conditions, **members):
    return {"query": {"conditions": list(conditions), **members}}


def counted(target, event=BUY, **members):
    return condition({**event, "target": target, **members})


def aggregate(*aggregations):
    return {"query": {"aggregations": list(aggregations)}}


# ---- answers ----


def value(kind, column, found):
    """An item of aggregations; map types have the default limit."""
    return {"column": column, "type": kind, "value": found, "top": 10 if isinstance(found, dict) else None, "name": None}


def events(kind, view, cart, buy):
    return value(kind, EVENT, {"view": view, "addtocart": cart, "transaction": buy})


def answer(groups, rows, *aggregations):
    found = {"matchingGroups": groups, "matchingGroupRows": rows}
    if aggregations:
        found["aggregations"] = list(aggregations)
    return {"query": found}


def funnel(*steps, end=None):
    """Each step: groups, rows and its aggregations, if it has some."""
    sequence = [
        {"matchingGroups": one[0], "matchingGroupRows": one[1], "aggregations": one[2] if len(one) > 2 else None} for one in steps
    ]
    return {"funnel": {"sequence": sequence, "endAggregations": end}}


ALL = answer(20000, 50008)

# name: (query, answer)
QUESTIONS = {
    "Q1": ({}, ALL),
    "Q2": (
        aggregate({"column": EVENT}, SUMS),
        answer(
            20000, 50008, value("count", EVENT, 50008), events("countPerValue", 47420, 1710, 878), events("groupsPerValue", 19401, 1190, 410),
            events("sumPerValue", 6605905.007999999, 240531.768, 125145.61200000001),
        ),
    ),
    "Q3": (condition(BUY), answer(410, 4904)),
    "Q4": (counted(["count", ">", 1]), answer(224, 3411)),
    "Q5": (counted(["count", "==", 1]), answer(186, 1493)),
    "Q6": (counted(["count", "==", 0]), answer(19590, 45104)),
    "Q7": (condition(BUYS_OF_50), answer(293, 3883)),
    "Q8": (condition(SUM_OF_50), answer(301, 3945)),
    "Q9": (condition({**BUYS_OF_50, "target": ["count", "==", 0]}, SUM_OF_50, relation="and"), answer(8, 62)),
    "Q10": (condition(THREE), answer(328, 4024)),
    "Q11": ({"funnel": THREE}, {**ALL, **funnel((19401, 49408), (552, 5209), (328, 4024))}),
    "Q12": (
        {"funnel": {"sequence": [VIEW] * 5, "stepAggregations": [GROUPS, SUMS]}},
        {
            **ALL,
            **funnel(
                (19401, 49408, ANY), (5417, 35073, ANY), (2901, 29771, ANY), (1889, 26475, ANY),
                (1343, 24068, [events("groupsPerValue", 1343, 263, 271), events("sumPerValue", 3169868.724, 91881.94799999999, 97604.796)]),
            ),
        },
    ),
    "Q13": (
        condition({**VIEW, "target": ["count", "==", 1]}, aggregations=[GROUPS, SUMS]),
        answer(
            13823, 14004, events("groupsPerValue", 13823, 142, 26), events("sumPerValue", 1927992.1560000002, 17603.304, 3338.2559999999994)
        ),
    ),
    "Q14": (
        {
            "query": {**counted(["count", ">", 1])["query"], "aggregations": [{"column": EVENT}]},
            "funnel": {"sequence": [VIEW, BUY], "stepAggregations": [GROUPS], "endAggregations": [SUMS]},
        },
        {
            **answer(224, 3411, value("count", EVENT, 3411), events("countPerValue", 2223, 496, 692), events("groupsPerValue", 224, 191, 224)),
            **funnel(
                (224, 3411, [events("groupsPerValue", 224, 191, 224)]), (221, 3385, [events("groupsPerValue", 221, 191, 221)]),
                end=[events("sumPerValue", 304082.712, 69090.42, 95717.472)],
            ),
        },
    ),
    "Q15 with zero": (counted(["count", "<", 3], VIEW, includeZero=True), answer(16982, 19872)),
    "Q15": (counted(["count", "<", 3], VIEW), answer(16383, 19272)),
    "Q16": (condition({"filter": ["cryptic_attrs", "contains", "n12"]}), answer(490, 10123)),
    "Q17 less": (condition({"filter": [PRICE, "<", 1.3]}), answer(1982, 19749)),
    "Q17 unequal": (condition({"filter": [PRICE, "!=", 13.2]}), ALL),
    "Q18": (condition({**VIEW, "target": ["sum", PRICE, "==", 0]}), answer(858, 881)),
    "Q19": (condition({"filter": ["available", "==", True]}, {"filter": ["categoryid", "==", "0"]}), answer(215, 8273)),
    "Q20": (condition(*TX_CART_V9, relation="$tx or $cart and $v9"), answer(425, 5304)),
    "Q20 in brackets": (condition(*TX_CART_V9, relation="($tx or $cart) and $v9"), answer(161, 3234)),
    "Q21": ({"funnel": {"sequence": [VIEW, VIEW]}}, {**ALL, **funnel((19401, 49408), (5417, 35073))}),
    "Q22": (
        aggregate({"column": "categoryid", "type": "countPerValue"}),
        answer(
            20000, 50008,
            value(
                "countPerValue", "categoryid",
                {"0": 353, "5": 261, "2": 256, "6": 243, "3": 241, "1": 236, "8": 216, "11": 210, "4": 207, "7": 202},
            ),
        ),
    ),
    "Q23": (
        aggregate({"column": EVENT, "type": "meanPerValue", "otherColumn": PRICE}),
        answer(20000, 50008, events("meanPerValue", 148.510712618871, 149.02835687732343, 151.508004842615)),
    ),
    "Q24": (
        aggregate({"column": "available"}, {"column": PRICE, "type": "count"}, {"column": "transactionid", "type": "count"}),
        answer(
            20000, 50008, value("count", "available", 50008), value("countPerValue", "available", {"False": 34970, "True": 15038}),
            value("groupsPerValue", "available", {"False": 15363, "True": 8197}), value("count", PRICE, 46921), value("count", "transactionid", 878),
        ),
    ),
    "Q25": (
        {"timeframe": {"from": 1436000000000, "to": 1440000000000}, "funnel": THREE},
        {**answer(6769, 16418), **funnel((6579, 16228), (207, 1776), (122, 1341))},
    ),
}  # fmt: skip


# ---- comparing ----


def in_order(values):
    """As lists of values stand: the largest first, equal ones by their keys."""
    return sorted(values, key=lambda key: (-values[key], key.encode()))


def differences(found, expected, place="answer"):
    """Where an answer is not what is expected. Integers equal; floats within 1e-12 of it: all summands here have one sign,
    so that this is the sum of their magnitudes."""
    if expected is ANY:
        return
    if isinstance(expected, dict) and isinstance(found, dict):
        if set(found) != set(expected):
            yield f"{place}: members {list(found)}, expected {list(expected)}"
            return
        if place.endswith(".value") and list(found) != in_order(found):
            yield f"{place}: in the order {list(found)}, expected {in_order(found)}"
        for name in expected:
            yield from differences(found[name], expected[name], f"{place}.{name}")
    elif isinstance(expected, list) and isinstance(found, list):
        if len(found) != len(expected):
            yield f"{place}: {len(found)} entries, expected {len(expected)}"
        for i, (one, other) in enumerate(zip(found, expected)):
            yield from differences(one, other, f"{place}[{i}]")
    elif isinstance(expected, float) and isinstance(found, float):
        if not math.isclose(found, expected, rel_tol=1e-12, abs_tol=0):
            yield f"{place}: {found!r}, expected {expected!r}"
    elif type(found) is not type(expected) or found != expected:
        yield f"{place}: {found!r}, expected {expected!r}"


def asked(answer_object):
    """What is compared of a result object."""
    return {name: answer_object[name] for name in ("query", "funnel") if name in answer_object}
