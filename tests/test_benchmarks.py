"""The benchmarks measure what they say: their server is the sandbox's equal, their checks find what is missing."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from benchmarks import environments, report
from benchmarks.__main__ import good
from benchmarks.bench import Bar, Outcome, Result, check
from benchmarks.data import Shape, client, client_usage, promotion, promotion_id, usages, used_on
from benchmarks.programs import TAP_GENESYS, TAP_USAGE, Job, Program, reading
from benchmarks.running import Run, Server, run, serving, simulating
from benchmarks.side_by_side import READ
from benchmarks.vendors import Setup
from benchmarks.workloads import interrupt
from tap_usage.sandbox import Sandbox
from tap_usage.sandbox.genesys_usage import Query

SHAPE = Shape(promotions=3, usages=10, clients=2)
PROMOTION = promotion_id(2)
USAGES = f"/v2/rule-promotions/{PROMOTION}/usages"
EXECUTION = {"interval": "2026-01-01T00:00:00Z/2026-01-31T00:00:00Z", "granularity": "Day", "groupBy": ["TemplateUri"]}
WENT_WELL = Run(1.0, 1.0, 50.0, 0, "", {"requests": 3, "statuses": {"200": 3}})


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(SHAPE) as running:
        yield running


@pytest.fixture
def equal(sandbox: Sandbox) -> Sandbox:
    """A sandbox that holds the same rows."""
    vendor = sandbox.elasticpath
    vendor.clear()
    vendor.promotions = [promotion(number) for number in range(SHAPE.promotions)]
    for number in range(SHAPE.promotions):
        rows = [row.replace(b"PPPPPPPP", promotion_id(number)[:8].encode()) for row in usages(SHAPE.usages)]
        vendor.usages[promotion_id(number)] = [json.loads(row) for row in rows]
    sandbox.genesys.clear()
    sandbox.genesys.clients = [client(number) for number in range(SHAPE.clients)]
    sandbox.genesys.client_page_size = 100
    return sandbox


def elasticpath_token(origin: str, config: dict[str, Any]) -> str:
    form = {name: config[f"elasticpath_{name}"] for name in ("client_id", "client_secret")}
    answer = requests.post(
        f"{origin}/oauth/access_token", data={"grant_type": "client_credentials", **form}, timeout=10
    )
    return f"Bearer {answer.json()['access_token']}"


@pytest.mark.parametrize(
    "target",
    [
        "/v2/rule-promotions",
        "/v2/rule-promotions?page[limit]=2&page[offset]=0",
        "/v2/rule-promotions?page[limit]=2&page[offset]=2",
        "/v2/rule-promotions?page[limit]=100&page[offset]=10001",
        f"{USAGES}?page[limit]=4&page[offset]=0&sort=used_on",
        f"{USAGES}?page[limit]=4&page[offset]=8&sort=used_on",
        f"{USAGES}?page[limit]=100&page[offset]=20&sort=used_on",
        f"{USAGES}?page[limit]=101",
        f"{USAGES}?sort=used_on&page[limit]=3&filter=ge(used_on,{used_on(4)})",
        f"{USAGES}?sort=used_on&filter=gt(used_on,{used_on(4)}):le(used_on,{used_on(7)})",
        f"{USAGES}?sort=used_on&filter=ge(used_on,2024-01-01T00:03:30.000Z):lt(used_on,{used_on(7)})",
        f"{USAGES}?sort=used_on&filter=gt(used_on,{used_on(99)})",
    ],
)
def test_the_server_sends_the_pages_that_the_sandbox_sends(server: Server, equal: Sandbox, target: str) -> None:
    answers = []
    for origin in (server.origin, equal.config["elasticpath_api_url"]):
        headers = {"Authorization": elasticpath_token(origin, equal.config)}
        answer = requests.get(origin + target, headers=headers, timeout=10)
        answers.append((answer.status_code, answer.text.replace(origin, "")))

    (status, text), expected = answers
    assert (status, json.loads(text)) == (expected[0], json.loads(expected[1]))


def test_the_server_takes_clients_and_executions_as_the_sandbox_does(server: Server, equal: Sandbox) -> None:
    seen = []
    for origin, login in (
        (server.origin, server.origin),
        (equal.config["genesys_api_url"], equal.config["genesys_login_url"]),
    ):
        credentials = (equal.config["genesys_client_id"], equal.config["genesys_client_secret"])
        form = {"grant_type": "client_credentials"}
        token = requests.post(f"{login}/oauth/token", form, auth=credentials, timeout=10).json()["access_token"]
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {token}"
            clients = session.get(f"{origin}/api/v2/oauth/clients", timeout=10).json()
            path = f"{origin}/api/v2/oauth/clients/{clients['entities'][0]['id']}/usage/query"
            submitted = session.post(path, json=EXECUTION, timeout=10).json()
            polls = [session.get(origin + submitted["resultsUri"], timeout=10).json() for _ in range(3)]
        seen.append((clients, submitted.keys(), [poll["queryStatus"] for poll in polls], polls[-1].keys()))

    assert seen[0] == seen[1]


def test_rows_of_client_usage_have_the_fields_of_the_sandbox(equal: Sandbox) -> None:
    equal.genesys.add_usage(client(0)["id"], "2026-01-02", 7)
    (row,) = equal.genesys.rows(client(0)["id"], "2026-01-01", "2026-01-31", group_by=("TemplateUri", "HttpMethod"))

    assert client_usage()[0].keys() == row.keys()


def test_requests_without_a_token_and_beyond_the_limit_are_refused() -> None:
    with serving(Shape(promotions=1, per_second=0.001, burst=2)) as limited:
        url = f"{limited.origin}/v2/rule-promotions"
        good, bad = {"Authorization": "Bearer bench-token"}, {"Authorization": "Bearer other"}
        answers = [requests.get(url, headers=headers, timeout=10) for headers in (good, bad, good)]
        counted = limited.stats()

    assert [answer.status_code for answer in answers] == [200, 401, 429]
    assert answers[-1].headers["Retry-After"] == "1"
    assert counted["requests"] == 3
    assert counted["statuses"] == {"200": 1, "401": 1, "429": 1}


@pytest.mark.parametrize("program", [TAP_USAGE, TAP_GENESYS])
def test_the_tap_delivers_every_row_once(program: Program, tmp_path: Path) -> None:
    with serving(SHAPE) as fresh:
        measured = run(program.command(Job(fresh, tmp_path)), tmp_path / "output", fresh)
    found = check(program, SHAPE, [tmp_path / "output"])

    assert measured.code == 0, measured.log
    assert found["rows"] == found["distinct"] == found["expected"] > 0
    assert not found["wrong"]
    assert measured.requests > SHAPE.promotions
    assert measured.peak_megabytes > 10


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_an_interrupted_run_and_its_continuation_are_checked_together(number: signal.Signals) -> None:
    shape = Shape(promotions=60, usages=10, latency_ms=2)
    with serving(shape) as fresh:
        first, second, found = interrupt(fresh, number)

    assert first.code in {-number, 128 + number, 0}
    assert second.code == 0, second.log
    assert found["distinct"] == found["expected"] == 600


def test_the_tap_delivers_every_row_of_all_vendors_and_a_check_finds_what_is_missing(tmp_path: Path) -> None:
    output, program = tmp_path / "output", reading("tap-usage", READ, hasty=True)
    setup = Setup(clients=2, query_seconds=0.01)
    with simulating(setup) as vendors:
        measured = run(program.command(Job(vendors, tmp_path)), output, vendors)
    found = check(program, setup, [output])
    lines = output.read_bytes().splitlines(keepends=True)
    used = [line for line in lines if line.startswith(b'{"type":"RECORD","stream":"elasticpath_promotion_usages"')]
    lines.remove(used[0])
    output.write_bytes(b"".join([*lines, used[1], used[2].replace(b'"promotion_id":"', b'"promotion_id":"x')]))
    less = check(program, setup, [output])

    assert measured.code == 0, measured.log
    assert measured.requests > len(READ)
    assert measured.refused == 0
    assert found["rows"] == found["distinct"] == found["expected"] > 1000
    assert not found["wrong"]
    assert less == {"rows": found["rows"] + 1, "distinct": found["rows"] - 1, "wrong": 1, "expected": found["rows"]}


def test_the_tap_alone_knows_one_vendor_only(tmp_path: Path) -> None:
    with simulating(Setup()) as vendors:
        reading("tap-usage", READ[-2:], hasty=False).command(Job(vendors, tmp_path))
    config = json.loads((tmp_path / "tap.json").read_text(encoding="utf-8"))

    assert config.keys() == {f"elasticpath_{name}" for name in ("api_url", "client_id", "client_secret")}


@pytest.mark.parametrize(("query_seconds", "days", "expected"), [(0, 3, (60, 0)), (10, 0, (10, 10))])
def test_queries_take_as_long_as_a_workload_says(query_seconds: float, days: int, expected: tuple[int, int]) -> None:
    setup = Setup(query_seconds=query_seconds, slow_seconds=60, days=days, daily_rows=10)
    genesys = setup.sandbox().genesys
    first, later = (
        Query(None, genesys.clock.started.replace(hour=0) - timedelta(days=back), genesys.clock.started, "Day", ())
        for back in (3, 2)
    )

    assert (genesys.seconds_until_complete(first), genesys.seconds_until_complete(later)) == expected
    assert genesys.polls_until_complete == 0


def singer_lines(rows: Sequence[bytes], promotion_number: int) -> bytes:
    start = promotion_id(promotion_number)[:8].encode()
    added = b',"promotion_id":"%s"}}\n' % promotion_id(promotion_number).encode()
    head = b'{"type":"RECORD","stream":"promotion_usages","record":'
    return b"".join(head + row.replace(b"PPPPPPPP", start)[:-1] + added for row in rows)


@pytest.mark.parametrize("last", [10, 9, 0])
def test_a_check_counts_the_rows_that_are_there(tmp_path: Path, last: int) -> None:
    file = tmp_path / "output"
    file.write_bytes(singer_lines(list(usages(10)), 0) + singer_lines(list(usages(10))[:last], 1))
    found = check(TAP_USAGE, Shape(promotions=2, usages=10), [file])

    assert (found["rows"], found["distinct"], found["wrong"], found["expected"]) == (10 + last, 10 + last, 0, 20)


def test_a_check_finds_doubles_strangers_and_cut_lines(tmp_path: Path) -> None:
    shape, file = Shape(promotions=2, usages=10), tmp_path / "output"
    lines = singer_lines(list(usages(10)), 0)
    strange = singer_lines(list(usages(1)), 1).replace(promotion_id(1).encode(), promotion_id(0).encode())
    file.write_bytes(lines + lines + strange + lines[:100])
    found = check(TAP_USAGE, shape, [file])

    assert (found["rows"], found["distinct"], found["wrong"]) == (21, 11, 1)


@pytest.mark.parametrize(
    ("code", "distinct", "measured", "full", "quick"),
    [
        (0, 5, 1.0, "good", "good"),
        (0, 5, 1.1, "bad", "good"),
        (0, 4, 1.0, "bad", "bad"),
        (1, 5, 1.0, "bad", "bad"),
    ],
)
def test_a_missed_bar_or_a_missing_row_fails_the_run(
    code: int, distinct: int, measured: float, full: str, quick: str
) -> None:
    ended = Run(1.0, 1.0, 50.0, code, "", WENT_WELL.asked)
    result = Result(16, [ended], [{"rows": 5, "distinct": distinct, "wrong": 0, "expected": 5}])
    for bar in (Bar("x", measured, 1.0), Bar("x", 2 - measured, 1.0, least=True)):
        outcome = Outcome("T", {"tap-usage": result}, [bar])

        assert good(outcome, quick=False) == (full == "good")
        assert good(outcome, quick=True) == (quick == "good")


def test_a_report_names_missed_bars_missing_rows_and_who_was_not_run() -> None:
    incomplete = Result(16, [WENT_WELL], [{"rows": 5, "distinct": 4, "wrong": 0, "expected": 5}])
    results = {"tap-usage": incomplete, "peer": Result(absent="it cannot")}
    text = report.document({"T": Outcome("T", results, [Bar("x", 2, 1)])}, rounds=1, load=0.0)

    assert "INCOMPLETE: 4 of 5" in text
    assert "MISSED" in text
    assert "Not run, peer: it cannot." in text


@pytest.mark.parametrize("name", environments.WANTED)
def test_environments_are_pinned_by_name_and_version_only(name: str) -> None:
    lines = (environments.CONSTRAINTS / f"{name}.txt").read_text(encoding="utf-8").splitlines()

    assert lines[0] == environments.HEADER
    assert all(line.count("==") == 1 and "/" not in line for line in lines[1:])
    assert environments.version(name)
