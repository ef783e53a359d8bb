"""The report of databases as nobody wishes them."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest

from tests.warehouse.conftest import QUICKLY, Both, Recording
from tests.warehouse.databases import ROOT, Database, program
from tests.warehouse.page import Page, cards, figures, report, text

HARMLESS = {
    *("html", "head", "meta", "title", "style", "body", "div", "header", "main", "nav", "section", "article", "footer"),
    *("h1", "h2", "h3", "h4", "p", "ol", "ul", "li", "a", "span", "strong", "small", "i", "b", "bdi", "wbr", "code"),
    *("time", "data", "details", "summary", "table", "caption", "thead", "tbody", "tr", "th", "td"),
    *("figure", "figcaption", "svg", "g", "path", "line", "text"),
}
# From right to left, a turned direction, a joined emoji, control characters, ends of elements, a template, very long.
HOSTILE = (
    "\u05e9\u05dc\u05d5\u05dd \u202eturned\u2066 \U0001f469\u200d\U0001f680 \x07\x1b[31m &amp; </title></svg></style>"
    "<script>alert(1)</script> \"double\" 'single' <img src=x onerror=alert(1)> {{ 7*7 }} "
) + "Donaudampfschifffahrtsgesellschaft" * 20
UNKNOWN = "\N{REPLACEMENT CHARACTER}"
READ = re.sub("[\u202e\u2066\x07\x1b]", UNKNOWN, HOSTILE)
NAMES = {
    "usage_facts": ("resource_name", "sub_account_name", "charge_description"),
    "genesys_calls_daily": ("oauth_client_name",),
    "pingone_totals": ("credential_type_title", "environment_name"),
    "credits_forecast": ("billing_account_name",),
    "stg_elasticpath__promotions": ("promotion_name",),
    "stg_genesys__oauth_clients": ("client_name",),
}


def changed(database: Database, name: str, *statements: str) -> Database:
    twin = database.copy(name)
    twin.ask(*statements)
    return twin


def test_names_of_vendors_are_text_and_nothing_else(both_built: Both) -> None:
    literal = HOSTILE.replace("'", "''")
    statements = [
        f"update analytics.{table} set {column} = '{literal}' where {column} is not null"  # noqa: S608 - our own
        for table, columns in NAMES.items()
        for column in columns
    ]
    written = report(changed(both_built[0], "hostile", *statements))
    assert {element.tag for element in written.root.iter()} <= HARMLESS
    attributes = {name for element in written.root.iter() for name in element.attrib}
    assert not {name for name in attributes if name.startswith(("on", "src", "xlink"))}
    for panel in ("credits", "drivers", "failing", "nobody"):
        assert READ[:79] + "…" in text(written.panel(panel)), panel
    assert READ in {element.attrib.get("title") for element in written.panel("drivers").iter()}
    heading, *_ = (text(each) for each in written.panel("failing").iterfind(".//svg//text") if len(text(each)) > 30)
    assert heading == READ[:39] + "…"
    assert not [character for character in written.source if character < " " and character != "\n"]


def test_one_vendor_only_has_its_panels_only(empty_ones: Both, recording: Recording) -> None:
    twin = empty_ones[0].copy("only_elasticpath")
    twin.load(
        message
        for run in recording.runs
        for message in run.messages
        if message["type"] != "STATE" and message["stream"].startswith("elasticpath_")
    )
    twin.build(*QUICKLY)
    written = report(twin)
    assert written.panels == ["trust", "amount", "drivers", "unusual", "nobody", "month"]
    body = text(written.root)
    assert "Elastic Path" in body
    assert not [other for other in ("Genesys", "Demandbase", "Ping Identity", "Credits") if other in body]


def test_rows_of_weeks_are_compared_by_weeks(both_built: Both) -> None:
    twin = changed(
        both_built[0],
        "weeks",
        "update analytics.usage_facts set charge_period_end = charge_period_start + interval '7 days'"
        " where x_meter_id = 'genesys.api_requests'",
        "delete from analytics.usage_daily"
        " where x_meter_id = 'genesys.api_requests' and extract(dow from x_usage_date) <> 1",
    )
    weeks = twin.rows("""
        select consumed_quantity from analytics.usage_daily
        where x_meter_id = 'genesys.api_requests' and x_is_final order by x_usage_date desc limit 2""")
    card = cards(report(twin).panel("amount"))["API Requests Genesys"]
    assert figures(card)[:2] == [row["consumed_quantity"] for row in weeks]
    assert "in the period before" in text(card)
    assert "seven days" not in text(card)


def checked(database: Database, *results: tuple[str, str, int | None]) -> Page:
    said = {
        "metadata": {"generated_at": "2026-11-26T22:00:00.5Z"},
        "results": [
            {"unique_id": name, "status": status, "failures": found, "message": None} for name, status, found in results
        ],
    }
    database.target.mkdir(exist_ok=True)
    (database.target / "run_results.json").write_text(json.dumps(said), encoding="utf-8")
    return report(database)


def test_checks_that_did_not_pass_are_named(both_built: Both) -> None:
    written = checked(
        both_built[0].copy("checked"),
        ("model.tap_usage.usage_facts", "success", None),
        ("model.tap_usage.usage_focus", "error", None),
        ("test.tap_usage.keys_are_unique.0a1b", "pass", 0),
        ("test.tap_usage.ids_are_known.0a1b", "warn", 7),
        ("test.tap_usage.sums_agree.0a1b", "fail", 3),
        ("test.tap_usage.never_ran.0a1b", "skipped", None),
    )
    told = text(written.panel("trust"))
    assert "✓ 1 passed ! 1 warned ✕ 1 failed ○ 1 skipped" in told
    assert "sums_agree ✕ failed 3" in told
    assert "ids_are_known ! warned 7" in told
    assert "not built in that run" in told
    assert "usage_focus" in told
    assert "✕ 2 failed" in text(written.root)


def test_checks_that_are_not_known_are_said_to_be(both_built: Both) -> None:
    database = both_built[0].copy("unchecked")
    database.target.mkdir()
    (database.target / "run_results.json").write_text('{"results": ', encoding="utf-8")
    assert "nothing is known of them" in text(report(database).panel("trust"))


def test_tenants_have_a_chapter_each_and_are_never_added(both_built: Both) -> None:
    tables = ("usage_facts", "usage_daily", "usage_anomalies", "usage_recency")
    twin = changed(
        both_built[0],
        "tenants",
        *(
            f"update analytics.{table} set x_tenant = 'n<o>rth' where service_provider_name = 'Genesys'"  # noqa: S608
            for table in tables
        ),
        "update analytics.genesys_calls_daily set x_tenant = 'n<o>rth'",
    )
    written, alone = report(twin), report(twin, "--tenant", "n<o>rth")
    assert [text(each) for each in written.root.iterfind(".//h2")] == ["(without a tenant)", "n<o>rth"]
    first, second = (cards(written.panel("amount", tenant)) for tenant in (1, 2))
    assert list(second) == list(cards(alone.panel("amount"))) == ["API Requests Genesys"]
    assert "API Requests Genesys" not in first
    assert figures(written.root.findall(".//div[@id='tenant-2']")[0]) == figures(alone.root)


@pytest.mark.parametrize(
    ("variables", "words", "said"),
    [
        ({}, [], "No database is named: set DBT_DUCKDB_PATH"),
        ({"DBT_DUCKDB_PATH": "/nowhere/usage.duckdb"}, [], "There is no database /nowhere/usage.duckdb"),
        ({"DBT_DUCKDB_PATH": __file__}, [], "cannot be opened"),
        (None, ["--tenant", "nobody"], "There is no tenant 'nobody'"),
    ],
    ids=["not named", "not there", "no database", "no tenant"],
)
def test_what_a_user_can_cause_is_said_in_one_line(
    both_built: Both, variables: dict[str, str] | None, words: list[str], said: str
) -> None:
    usual = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
    given = both_built[0].variables if variables is None else variables
    done = subprocess.run(  # noqa: S603 - our own words
        [program("dbt-duckdb", "python"), ROOT / "transform" / "report", "--output", os.devnull, *words],
        env={**usual, **given},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
