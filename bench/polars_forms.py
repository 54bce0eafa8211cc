"""The questions (questions.py) as Polars answers them fastest. Each function takes a list of files and gives what
`questions.py` compares: a tuple of numbers."""
import polars as pl

VIEW, CART, BUY = (pl.col("event") == event for event in ("view", "addtocart", "transaction"))
USER, TIME = pl.col("visitorid"), pl.col("timestamp")


def scan(files, *more):
    return pl.scan_parquet(files).select("visitorid", "timestamp", "event", *more)


def steps(events):
    """Three lazy frames: who reached the step, and when first."""
    first = events.filter(VIEW).group_by("visitorid").agg(TIME.min().alias("before"))
    found = [first]
    for step in (CART, BUY):
        later = events.filter(step).join(found[-1], on="visitorid").filter(TIME > pl.col("before"))
        found.append(later.group_by("visitorid").agg(TIME.min().alias("before")))
    return found


def funnel_lazy(files):
    counts = pl.collect_all([step.select(pl.len()) for step in steps(scan(files))])
    return tuple(count.item() for count in counts)


def funnel_in_memory(files):
    counts = pl.collect_all([step.select(pl.len()) for step in steps(scan(files).collect().lazy())])
    return tuple(count.item() for count in counts)


def funnel_rare_first(files):
    """Views of those users only who have carts; of the others only how many have viewed."""
    events = scan(files).collect().lazy()
    carts = events.filter(CART)
    first = events.filter(VIEW).join(carts.select("visitorid").unique(), on="visitorid", how="semi")
    first = first.group_by("visitorid").agg(TIME.min().alias("before"))
    second = carts.join(first, on="visitorid").filter(TIME > pl.col("before")).group_by("visitorid").agg(TIME.min().alias("before"))
    third = events.filter(BUY).join(second, on="visitorid").filter(TIME > pl.col("before"))
    counts = [events.filter(VIEW).select(USER.n_unique()), second.select(pl.len()), third.select(USER.n_unique())]
    return tuple(count.item() for count in pl.collect_all(counts))


def funnel_grouped(files):
    """Per user the first view and the lists of the rest; lists are short, so that they are taken apart again."""
    users = scan(files).group_by("visitorid").agg(
        TIME.filter(VIEW).min().alias("first"), TIME.filter(CART).alias("carts"), TIME.filter(BUY).alias("buys")
    ).filter(pl.col("first").is_not_null()).collect()  # fmt: skip
    second = users.filter(pl.col("carts").list.len() > 0).explode("carts").filter(pl.col("carts") > pl.col("first"))
    second = second.group_by("visitorid").agg(pl.col("carts").min(), pl.col("buys").first())
    third = second.filter(pl.col("buys").list.len() > 0).explode("buys").filter(pl.col("buys") > pl.col("carts"))
    return users.height, second.height, third["visitorid"].n_unique()


def condition_grouped(files):
    users = pl.scan_parquet(files).group_by("visitorid").agg(pl.len().alias("n"), BUY.any().alias("hit")).filter("hit")
    return users.select(pl.len(), pl.col("n").sum()).collect().row(0)


def condition_semi_join(files):
    events = pl.scan_parquet(files)
    kept = events.select("visitorid").join(events.filter(BUY).select("visitorid").unique(), on="visitorid", how="semi")
    return kept.select(USER.n_unique(), pl.len()).collect().row(0)


def aggregations(files):
    events = scan(files, "price", "available").drop("timestamp").collect()
    views = events.lazy().filter(VIEW).group_by("visitorid").agg(pl.len().alias("n"), pl.col("price").sum())
    own = views.filter((pl.col("n") > 1) & (pl.col("price") >= 100)).select("visitorid").collect()
    kept = events.join(own, on="visitorid", how="semi")
    by_event = kept.group_by("event").agg(pl.len().alias("n"), USER.n_unique().alias("g"), pl.col("price").sum().alias("s")).sort("event")
    by_available = kept.group_by("available").agg(pl.len().alias("n")).sort("available")
    lists = [by_event["n"], by_event["g"], [round(value, 3) for value in by_event["s"]], by_available["n"]]
    return (own.height, kept.height, kept.height, *(number for values in lists for number in values))


def decoded(files):
    return scan(files).select(USER.sum(), TIME.sum(), VIEW.sum()).collect().row(0)


FORMS = {
    "funnel of three": {"chain": funnel_lazy, "chain in memory": funnel_in_memory, "rare first": funnel_rare_first, "grouped": funnel_grouped},
    "one condition": {"semi join": condition_semi_join, "grouped": condition_grouped},
    "aggregations": {"in memory": aggregations},
    "decoding": {"sums": decoded},
}
