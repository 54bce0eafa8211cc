"""Real public event data, twenty-two questions, each answered twice: by Dayfly and by SQL that says the same in DuckDB.

The data comes from inside two packages of the Python registry, fetched when the tests run: CDNOW, the purchases of 23,570
customers of a music shop in 1997 and 1998 (lifetimes), and the clickstream of a shop (retentioneering). They are written as
Parquet by month, so that customers are spread over files, and once more as one file."""
import gzip
import json
import subprocess
import sys
import zipfile

import duckdb
import pytest

from conftest import ROOT

PACKAGES = {
    "lifetimes": ("0.11.3", "lifetimes/datasets/CDNOW_master.txt"),
    "retentioneering": ("5.2.4", "retentioneering/datasets/ecom.csv.gz"),
}


def member_of_package(name):
    """The bytes of one file inside a package; the package is kept in build/data."""
    version, member = PACKAGES[name]
    folder = ROOT / "build/data/packages"
    folder.mkdir(parents=True, exist_ok=True)
    wheels = lambda: [path for path in folder.glob("*.whl") if path.name.lower().startswith(f"{name}-{version}-")]
    if not wheels():
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", folder, f"{name}=={version}"]
        subprocess.run(command, check=True, timeout=300)
    return zipfile.ZipFile(wheels()[0]).read(member)


SHOP_SQL = "select * from read_csv('{file}')"
CDNOW_SQL = """
    select cast(t[1] as integer) as customer_id, strptime(t[2], '%Y%m%d')::date as date, cast(t[3] as integer) as cds,
           cast(t[4] as double) as dollars
    from (select regexp_extract_all(line, '[0-9.]+') as t
          from read_csv('{file}', header = true, columns = {{'line': 'varchar'}}, delim = chr(1)))
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """{name: {"months": folder, "one": folder}}, and the tables `shop` and `cdnow` in a DuckDB connection."""
    folder = tmp_path_factory.mktemp("real")
    (folder / "shop.csv").write_bytes(gzip.decompress(member_of_package("retentioneering")))
    (folder / "cdnow.csv").write_bytes(member_of_package("lifetimes"))
    connection = duckdb.connect()
    tables = {"shop": (SHOP_SQL, "timestamp"), "cdnow": (CDNOW_SQL, "date")}
    layouts = {"connection": connection}
    for name, (sql, time) in tables.items():
        connection.sql(f"create table {name} as {sql.format(file=folder / (name + '.csv'))}")
        months = folder / name / "months"
        one = folder / name / "one"
        months.mkdir(parents=True)
        one.mkdir(parents=True)
        for (month,) in connection.sql(f"select distinct strftime({time}, '%Y-%m') from {name} order by 1").fetchall():
            connection.sql(f"copy (select * from {name} where strftime({time}, '%Y-%m') = '{month}') to '{months}/{month}.parquet'")
        connection.sql(f"copy {name} to '{one}/all.parquet' (row_group_size 10000)")
        layouts[name] = {"months": months, "one": one}
    assert connection.sql("select count(*), count(distinct user_id) from shop").fetchall() == [(31106, 600)]
    assert connection.sql("select count(*), count(distinct customer_id) from cdnow").fetchall() == [(69659, 23570)]
    return layouts


def step(column, op, value, **more):
    return {"filter": [column, op, value], **more}


def event(name, **more):
    return step("event", "==", name, **more)


def users(answer):
    return [one["matchingGroups"] for one in answer["funnel"]["sequence"]]


def users_and_rows(answer):
    return [(one["matchingGroups"], one["matchingGroupRows"]) for one in answer["funnel"]["sequence"]]


def groups(answer):
    return [answer["query"]["matchingGroups"], answer["query"]["matchingGroupRows"]]


def value(answer, i=0):
    found = answer["query"]["aggregations"][i]["value"]
    return sorted(found.items()) if isinstance(found, dict) else found


# name: (table, query, what to look at, SQL whose rows are that)
QUESTIONS = {
    "how many users and events are there": (
        "shop", {}, groups, "select unnest([count(distinct user_id), count(*)]) from shop"),
    "who saw a product, filled a cart and bought": (
        "shop", {"funnel": {"sequence": [event("product_view"), event("add_to_cart"), event("purchase")]}}, users_and_rows, """
        with s1 as (select user_id, min(timestamp) t from shop where event = 'product_view' group by 1),
             s2 as (select user_id, min(shop.timestamp) t from shop join s1 using (user_id) where event = 'add_to_cart' and shop.timestamp > s1.t group by 1),
             s3 as (select user_id, min(shop.timestamp) t from shop join s2 using (user_id) where event = 'purchase' and shop.timestamp > s2.t group by 1)
        select count(distinct user_id), count(*) from shop where user_id in (select user_id from s1) union all
        select count(distinct user_id), count(*) from shop where user_id in (select user_id from s2) union all
        select count(distinct user_id), count(*) from shop where user_id in (select user_id from s3)"""),
    "who bought within an hour of seeing a product": (
        "shop", {"funnel": {"maxDuration": "1h", "sequence": [event("product_view"), event("add_to_cart"), event("purchase")]}}, users, """
        with c2 as (select distinct a.user_id from shop a join shop b using (user_id)
                    where a.event = 'product_view' and b.event = 'add_to_cart' and b.timestamp > a.timestamp
                      and b.timestamp <= a.timestamp + interval 1 hour),
             c3 as (select distinct a.user_id from shop a join shop b using (user_id) join shop c using (user_id)
                    where a.event = 'product_view' and b.event = 'add_to_cart' and c.event = 'purchase' and b.timestamp > a.timestamp
                      and c.timestamp > b.timestamp and c.timestamp <= a.timestamp + interval 1 hour)
        select count(distinct user_id) from shop where event = 'product_view' union all
        select count(*) from c2 union all select count(*) from c3"""),
    "who bought without an error in between": (
        "shop", {"funnel": {"sequence": [event("cart"), event("error_page", rowFound=False), event("purchase")]}}, users, """
        select count(distinct user_id) from shop where event = 'cart' union all
        select count(distinct a.user_id) from shop a join shop b using (user_id)
        where a.event = 'cart' and b.event = 'purchase' and b.timestamp > a.timestamp and not exists (
            select 1 from shop n where n.user_id = a.user_id and n.event = 'error_page' and n.timestamp > a.timestamp and n.timestamp < b.timestamp)"""),
    "who came first by the home page and never saw support before": (
        "shop", {"funnel": {"sequence": [event("support_chat", rowFound=False), event("home"), event("catalog")]}}, users, """
        with first_chat as (select user_id, min(timestamp) t from shop where event = 'support_chat' group by 1),
             starts as (select s.user_id, s.timestamp from shop s left join first_chat f using (user_id)
                        where s.event = 'home' and (f.t is null or s.timestamp <= f.t))
        select count(distinct user_id) from starts union all
        select count(distinct a.user_id) from starts a join shop b using (user_id) where b.event = 'catalog' and b.timestamp > a.timestamp"""),
    "who did not buy for a day after the wishlist": (
        "shop", {"funnel": {"maxDuration": "1d", "sequence": [event("wishlist_add"), event("purchase", rowFound=False)]}}, users, """
        select count(distinct w.user_id) from shop w where w.event = 'wishlist_add' and not exists (
            select 1 from shop p where p.user_id = w.user_id and p.event = 'purchase' and p.timestamp > w.timestamp
                                   and p.timestamp <= w.timestamp + interval 1 day)"""),
    "who went from cart to shipping to payment in neighbouring events": (
        "shop", {"funnel": {"order": "strict", "sequence": [event("cart"), event("shipping_details"), event("payment_details")]}}, users, """
        with times as (select user_id, timestamp, count(*) n, any_value(event) event from shop group by 1, 2),
             following as (select *, lead(event) over w e2, lead(n) over w n2, lead(event, 2) over w e3, lead(n, 2) over w n3
                           from times window w as (partition by user_id order by timestamp))
        select count(distinct user_id) from shop where event = 'cart' union all
        select count(distinct user_id) from following where n = 1 and n2 = 1 and event = 'cart' and e2 = 'shipping_details' union all
        select count(distinct user_id) from following
        where n = 1 and n2 = 1 and n3 = 1 and event = 'cart' and e2 = 'shipping_details' and e3 = 'payment_details'"""),
    "who compared, reviewed and chatted within a day, in any order": (
        "shop", {"funnel": {"order": "any", "maxDuration": "1d", "sequence": [event("compare"), event("review_page"), event("support_chat")]}}, users, """
        with a as (select user_id, timestamp t from shop where event = 'compare'), b as (select user_id, timestamp t from shop where event = 'review_page'),
             c as (select user_id, timestamp t from shop where event = 'support_chat')
        select count(distinct user_id) from a union all
        select count(distinct user_id) from a join b using (user_id) where greatest(a.t, b.t) - least(a.t, b.t) <= interval 1 day union all
        select count(distinct user_id) from a join b using (user_id) join c using (user_id)
        where greatest(a.t, b.t, c.t) - least(a.t, b.t, c.t) <= interval 1 day"""),
    "who paid between ten seconds and two minutes after shipping": (
        "shop", {"funnel": {"sequence": [event("shipping_details"), event("payment_details", minGap="10s", maxGap="2m")]}}, users, """
        select count(distinct user_id) from shop where event = 'shipping_details' union all
        select count(distinct a.user_id) from shop a join shop b using (user_id)
        where a.event = 'shipping_details' and b.event = 'payment_details'
          and b.timestamp >= a.timestamp + interval 10 second and b.timestamp <= a.timestamp + interval 2 minute"""),
    "in how many sessions a cart led to a purchase": (
        "shop", {"funnel": {"sessionGap": "30m", "sequence": [event("add_to_cart"), event("purchase")]}},
        lambda a: [(one["matchingGroups"], one["matchingGroupRows"], one["matchingUsers"]) for one in a["funnel"]["sequence"]], """
        with marked as (select *, case when timestamp - lag(timestamp) over w <= interval 30 minute then 0 else 1 end fresh from shop
                        window w as (partition by user_id order by timestamp)),
             cut as (select *, sum(fresh) over (partition by user_id order by timestamp) s from marked),
             starts as (select user_id, s, min(timestamp) t from cut where event = 'add_to_cart' group by 1, 2),
             ends as (select distinct user_id, s from cut join starts using (user_id, s) where event = 'purchase' and timestamp > t)
        select (select count(*) from starts), (select count(*) from cut semi join starts using (user_id, s)), (select count(distinct user_id) from starts)
        union all
        select (select count(*) from ends), (select count(*) from cut semi join ends using (user_id, s)), (select count(distinct user_id) from ends)"""),
    "where those who fill carts come from": (
        "shop", {"funnel": {"breakdown": {"column": "acquisition_channel"}, "sequence": [event("product_view"), event("add_to_cart")]}},
        lambda a: [(g["value"], *[s["matchingGroups"] for s in g["sequence"]]) for g in a["funnel"]["groups"]], """
        with firsts as (select user_id, min(timestamp) t from shop where event = 'product_view' group by 1),
             ends as (select user_id, min(shop.timestamp) t from shop join firsts using (user_id) where event = 'add_to_cart' and shop.timestamp > firsts.t group by 1),
             deep as (select f.user_id, e.user_id is not null two, coalesce(
                        (select max(s.timestamp) from shop s where s.user_id = f.user_id and s.event = 'product_view' and s.timestamp < e.t), f.t) t
                      from firsts f left join ends e using (user_id))
        select acquisition_channel, count(distinct user_id), count(distinct user_id) filter (two)
        from deep join shop using (user_id) where shop.timestamp = deep.t and event = 'product_view' group by 1 order by 2 desc, 1"""),
    "how many began each month": (
        "shop", {"funnel": {"trend": "month", "sequence": [event("purchase")]}},
        lambda a: [(b["bucket"], b["sequence"][0]["matchingGroups"]) for b in a["funnel"]["trend"]], """
        select strftime(t, '%Y-%m'), count(*) from (select user_id, min(timestamp) t from shop where event = 'purchase' group by 1) group by 1 order by 1"""),
    "how long it takes from cart to purchase on average": (
        "shop", {"funnel": {"durations": True, "sequence": [event("add_to_cart"), event("purchase")]}},
        lambda a: [round(a["funnel"]["sequence"][1]["timeFromStart"]["mean"] / 1e6, 6)], """
        with firsts as (select user_id, min(timestamp) t from shop where event = 'add_to_cart' group by 1),
             ends as (select user_id, min(shop.timestamp) t from shop join firsts using (user_id) where event = 'purchase' and shop.timestamp > firsts.t group by 1)
        select round(avg(epoch(e.t) - epoch((select max(s.timestamp) from shop s
                                              where s.user_id = e.user_id and s.event = 'add_to_cart' and s.timestamp < e.t))), 6) from ends e"""),
    "which events loyal mobile users cause": (
        "shop", {"where": {"and": [["user_lifecycle", "==", "loyal"], ["platform", "==", "mobile"]]},
                 "query": {"aggregations": [{"column": "event", "type": "groupsPerValue", "top": 100}]}}, value,
        "select event, count(distinct user_id) from shop where user_lifecycle = 'loyal' and platform = 'mobile' group by 1 order by 1"),
    "who had trouble more than once and still bought": (
        "shop", {"query": {"conditions": [{"filter": {"column": "event", "op": "in", "value": ["error_page", "payment_error", "checkout_bug"]}, "target": ["count", ">", 1]},
                                          {"filter": ["event", "==", "purchase"]}]}}, groups, """
        with own as (select user_id from shop group by 1 having count(*) filter (event in ('error_page', 'payment_error', 'checkout_bug')) > 1
                                                            and count(*) filter (event = 'purchase') > 0)
        select unnest([(select count(*) from own), (select count(*) from shop semi join own using (user_id))])"""),
    "which users the spring brought": (
        "shop", {"timeframe": {"from": "2024-03-01", "to": "2024-06-01T00:00:00Z"}, "query": {"conditions": [{"filter": ["event", "regex", "^(home|promo)"]}]}}, groups, """
        with spring as (select * from shop where timestamp >= '2024-03-01' and timestamp < '2024-06-01'),
             own as (select distinct user_id from spring where regexp_matches(event, '^(home|promo)'))
        select unnest([(select count(*) from own), (select count(*) from spring semi join own using (user_id))])"""),
    "who bought CDs again, and again": (
        "cdnow", {"funnel": {"sequence": [step("cds", ">=", 1)] * 4}}, users, """
        with days as (select customer_id, count(distinct date) n from cdnow where cds >= 1 group by 1)
        select (select count(*) from days where n >= k) from (values (1), (2), (3), (4)) v(k)"""),
    "who came back within thirty days": (
        "cdnow", {"funnel": {"sequence": [step("cds", ">", 0), step("cds", ">", 0, maxGap="30d")]}}, users, """
        select count(distinct customer_id) from cdnow where cds > 0 union all
        select count(distinct a.customer_id) from cdnow a join cdnow b using (customer_id)
        where a.cds > 0 and b.cds > 0 and b.date > a.date and b.date <= a.date + 30"""),
    "who spent more than a thousand dollars": (
        "cdnow", {"query": {"conditions": [{"filter": ["dollars", ">", 0], "target": ["sum", "dollars", ">", 1000]}]}}, groups, """
        with own as (select customer_id from cdnow where dollars > 0 group by 1 having sum(dollars::decimal(18, 2)) > 1000)
        select unnest([(select count(*) from own), (select count(*) from cdnow semi join own using (customer_id))])"""),
    "how many CDs people take, and what they pay for it": (
        "cdnow", {"query": {"aggregations": [{"column": "cds", "type": "meanPerValue", "otherColumn": "dollars", "top": 10000}]}},
        lambda a: [(key, round(number, 9)) for key, number in value(a)],
        "select cds::varchar, round(avg(dollars), 9) from cdnow group by cds order by 1"),
    "how many customers and days there are, and the largest sum": (
        "cdnow", {"query": {"aggregations": [{"column": "customer_id", "type": "countDistinct"}, {"column": "date", "type": "countDistinct"},
                                             {"column": "dollars", "type": "max"}, {"column": "date", "type": "min"}, {"column": "cds", "type": "sum"}]}},
        lambda a: [one["value"] for one in a["query"]["aggregations"]], """
        select unnest([x::varchar for x in [count(distinct customer_id), count(distinct date)]]) from cdnow union all
        select max(dollars)::varchar from cdnow union all select min(date)::varchar from cdnow union all select sum(cds)::varchar from cdnow"""),
    "who bought in the first quarter and not in the second": (
        "cdnow", {"timeframe": {"to": "1997-07-01"}, "query": {"conditions": [{"filter": ["date", "<", "1997-04-01"]},
                  {"filter": ["date", ">=", "1997-04-01"], "target": ["count", "==", 0]}]}}, groups, """
        with early as (select * from cdnow where date < '1997-07-01'),
             own as (select customer_id from early group by 1 having count(*) filter (date < '1997-04-01') > 0 and count(*) filter (date >= '1997-04-01') = 0)
        select unnest([(select count(*) from own), (select count(*) from early semi join own using (customer_id))])"""),
}  # fmt: skip
COLUMNS = {"shop": ("user_id", "timestamp"), "cdnow": ("customer_id", "date")}


def plain(row):
    return [tuple(one) if len(one) > 1 else one[0] for one in row]


@pytest.mark.parametrize("layout", ["months", "one"])
@pytest.mark.parametrize("name", QUESTIONS)
def test_dayfly_answers_as_duckdb_does(data, dayfly, name, layout):
    table, query, look, sql = QUESTIONS[name]
    user, time = COLUMNS[table]
    done = dayfly.run("query", data[table][layout], "--user", user, "--time", time, "-q", json.dumps(query))
    found = look(json.loads(done.stdout))
    expected = plain(data["connection"].sql(sql).fetchall())
    if expected and isinstance(expected[0], str):
        found = [str(one) for one in found]
    assert found == expected


def test_there_are_twenty_questions_at_least():
    assert len(QUESTIONS) >= 20
