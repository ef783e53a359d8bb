"""The report: right figures, nothing that loads, every kind of database."""

from __future__ import annotations

import re
from itertools import product

import pytest

from tests.warehouse.conftest import Both
from tests.warehouse.databases import ROOT, Database
from tests.warehouse.page import Page, cards, figures, report, text

EVERY_PANEL = ["trust", "amount", "credits", "drivers", "unusual", "failing", "nobody", "month"]
STYLE = ROOT / "transform" / "report" / "page" / "style.css"
RECENT = """
    with meters as (
        select x_meter_id, max(x_usage_date) as last_date
        from analytics.usage_daily where x_is_final group by x_meter_id
    )
    select
        sku_meter, service_provider_name,
        sum(case when x_usage_date > last_date - 30 then consumed_quantity else 0 end) as recent,
        sum(case when x_usage_date <= last_date - 30 then consumed_quantity else 0 end) as before
    from analytics.usage_daily join meters using (x_meter_id)
    where x_is_final and x_usage_date > last_date - 60
    group by sku_meter, service_provider_name"""


@pytest.fixture(scope="module")
def pages(both_built: Both) -> tuple[Page, Page]:
    return report(both_built[0]), report(both_built[1])


@pytest.fixture(scope="module")
def page(pages: tuple[Page, Page]) -> Page:
    return pages[0]


@pytest.fixture(scope="module")
def database(both_built: Both) -> Database:
    return both_built[0]


def test_the_eight_questions_stand_in_their_order(page: Page) -> None:
    assert page.panels == EVERY_PANEL
    linked = [link.attrib["href"] for link in page.root.iterfind(".//nav//a")]
    assert linked == [f"#tenant-1-{panel}" for panel in EVERY_PANEL]


def test_the_page_needs_nothing_from_elsewhere(page: Page) -> None:
    assert not re.findall(r"https?:|src=|url\(|<script|@import|<link", page.source)
    assert all(link.attrib["href"].startswith("#") for link in page.root.iterfind(".//a"))


def test_both_databases_give_the_same_figures(pages: tuple[Page, Page]) -> None:
    duckdb, postgres = ([figures(page.panel(name)) for name in EVERY_PANEL] for page in pages)
    assert duckdb == postgres
    assert sum(map(len, duckdb)) > 500


def test_the_sums_of_the_cards_are_those_of_sql(page: Page, database: Database) -> None:
    rows = {f"{row['sku_meter']} {row['service_provider_name']}": row for row in database.rows(RECENT)}
    found = cards(page.panel("amount"))
    compared = [name for name in rows if name in found]
    assert len(compared) == 3
    for name in compared:
        assert figures(found[name])[:2] == [rows[name]["recent"], rows[name]["before"]]


def test_the_table_of_a_chart_has_every_day_it_shows(page: Page, database: Database) -> None:
    days = database.rows("""
        select consumed_quantity from analytics.usage_daily where x_meter_id = 'elasticpath.redemptions'
            and x_usage_date > (
            select max(x_usage_date) from analytics.usage_daily where x_meter_id = 'elasticpath.redemptions'
        ) - 92 order by x_usage_date desc""")
    table = cards(page.panel("amount"))["Promotion Redemptions Elastic Path"].find(".//details")
    assert table is not None
    assert figures(table) == [row["consumed_quantity"] for row in days]


def test_those_who_drive_the_usage_add_up_to_the_card(page: Page) -> None:
    amounts, drivers = cards(page.panel("amount")), cards(page.panel("drivers"))
    for name, meter in (
        ("OAuth Clients Genesys", "API Requests Genesys"),
        ("Endpoints Genesys", "API Requests Genesys"),
        ("APIs Demandbase", "API Transactions Demandbase"),
        ("Promotions Elastic Path", "Promotion Redemptions Elastic Path"),
    ):
        assert sum(figures(drivers[name])) == figures(amounts[meter])[0]


def test_refused_and_failed_requests_add_up(page: Page, database: Database) -> None:
    (row,) = database.rows("""
        select sum(requests) as r, sum(status_429) as t, sum(status_4xx_other) as o, sum(status_5xx) as f
        from analytics.genesys_calls_daily
        where x_usage_date > (select max(x_usage_date) from analytics.genesys_calls_daily where x_is_final) - 30
            and x_usage_date <= (select max(x_usage_date) from analytics.genesys_calls_daily where x_is_final)""")
    table = page.panel("failing").find(".//table")
    assert table is not None
    *clients, everyone = (figures(line) for line in table.iterfind("tbody/tr"))
    assert everyone == [row["r"], row["t"], row["o"], row["f"]]
    assert [sum(column) for column in zip(*clients, strict=True)] == everyone
    refused = [client[1] for client in clients]
    assert refused == sorted(refused, reverse=True)


def test_the_end_of_the_credits_and_of_the_month_is_that_of_the_marts(page: Page, database: Database) -> None:
    (account,) = database.rows("select * from analytics.credits_forecast")
    panel = page.panel("credits")
    assert figures(panel)[:2] == [account["credits_left"], account["allocated_credits"]]
    ends_on = panel.find(".//strong/time")
    assert ends_on is not None
    assert ends_on.attrib["datetime"] == account["exhausted_on"]
    (month,) = database.rows("""
        select month_end_estimate, month_to_date from analytics.usage_daily
        where x_meter_id = 'genesys.api_requests' and x_is_final order by x_usage_date desc limit 1""")
    card = cards(page.panel("month"))["API Requests Genesys"]
    assert figures(card)[0] == round(month["month_end_estimate"])
    assert month["month_to_date"] in figures(card)


def test_unusual_days_are_listed_with_what_is_usual(page: Page, database: Database) -> None:
    rows = database.rows("""
        select consumed_quantity from analytics.usage_anomalies where is_unusual and x_usage_date > (
            select max(x_usage_date) from analytics.usage_anomalies
        ) - 92 order by x_usage_date desc, x_meter_id""")
    assert rows
    assert figures(page.panel("unusual")) == [row["consumed_quantity"] for row in rows]


def test_what_belongs_to_nobody_is_found(page: Page) -> None:
    told = text(page.panel("nobody"))
    assert re.search(r"not listed any more Genesys .* Removed [\d,]+ ", told)
    assert re.search(r"Visitor ?Home disabled 31", told)
    assert "Disabled disabled not known" in told


def test_every_chart_is_one_picture_with_tooltips_and_a_table_beside_it(page: Page) -> None:
    holders = [each for each in page.root.iter() if each.find("figure/svg") is not None]
    assert len(holders) == 8
    for holder in holders:
        picture = holder.find("figure/svg")
        assert picture is not None
        assert picture.attrib["role"] == "img"
        assert picture.attrib["aria-label"]
        assert len(picture.findall(".//title")) > 1
        assert holder.find(".//details//table") is not None


def test_nobody_is_on_the_page(page: Page) -> None:
    assert "shopper" not in page.source
    body = page.root.find(".//body")
    assert body is not None
    assert "@" not in text(body)


def test_an_empty_database_says_what_to_do(empty: Database) -> None:
    written = report(empty)
    assert "There is no usage in this database yet" in text(written.root)
    assert "meltano run tap-usage target-duckdb" in text(written.root)
    assert not figures(written.root)


def test_tables_without_rows_are_an_empty_database(empty_ones_built: Both) -> None:
    assert "There is no usage in this database yet" in text(report(empty_ones_built[0]).root)


def test_on_the_first_day_counters_have_no_usage_rather_than_none(first_day_built: Database) -> None:
    written = report(first_day_built)
    card = cards(written.panel("amount"))["Ping Identity"]
    assert "from the second day on" in text(card)
    assert not figures(card)
    assert "Credentials" not in text(written.panel("amount"))
    assert "known from the second snapshot on" in text(written.panel("credits"))


def brightness(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_and_charts_stand_out_in_both_themes(theme: int) -> None:
    """Against WCAG 2.2: 4.5 to 1 for text, 3 to 1 for what a chart shows."""
    colours = dict(re.findall(r"--(\w+): (#\w{6})", STYLE.read_text(encoding="utf-8").split("@media")[theme]))
    texts = product(("ink", "muted", "alarm", "warning", "good"), ("paper", "card"), (4.5,))
    shapes = product(("bar", "mean", "faint"), ("paper", "card"), (3.0,))
    for front, back, least in [*texts, *shapes]:
        dark, light = sorted(brightness(colours[name]) for name in (front, back))
        assert (light + 0.05) / (dark + 0.05) >= least, (front, back)
