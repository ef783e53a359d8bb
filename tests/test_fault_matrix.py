"""Every way in which a request can go wrong, at every place where a request is sent, once and for ever.

A cell expects the whole truth, a failure that is named, or (where a vendor says that a parent is gone) nothing of it.
Never less than the truth with exit code 0, and never a bookmark behind which something is missing: what failed comes
with the next run.
"""

from __future__ import annotations

import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tap_usage.sandbox import ORIGINS, Fault, Sandbox
from tests.conftest import NOW
from tests.rest.loopback import Loopback
from tests.rest.matrix import CELLS, GONE, IDS, KINDS, NAMED, SUBMITTED_ANEW, TARGETS, WHOLE, Kind, Target, expected
from tests.running import ImpatientClock, ImpatientTap, Run, run, streams_in
from tests.truth import STREAMS, TRUTH, Row, bare, counted

VENDORS = ("pingone", "genesys", "demandbase", "elasticpath")
PEM = Path(__file__).parent / "rest" / "loopback.pem"


def fill(sandbox: Sandbox) -> None:
    """Put few rows everywhere, so that what is lost shows and a run is quick."""
    sandbox.clear()
    for _ in range(2):
        environment = sandbox.pingone.add_environment()
        kind = sandbox.pingone.add_credential_type(environment)
        for issued in (4, 2):
            sandbox.pingone.add_issuance_rule(kind, {"issued": issued, "accepted": 1})
    sandbox.genesys.polls_until_complete = 1
    sandbox.genesys.requests_per_minute = 10**9
    for client in ("client-1", "client-2"):
        sandbox.genesys.add_client(client)
        for day in ("2026-11-03", "2026-11-20"):
            sandbox.genesys.add_usage(client, day, 7)
    for day in ("2026-10-01", "2026-11-20", "2026-11-22"):
        sandbox.demandbase.add_usage(day, 5, "NEWS_COUNT")
    for count in (5, 4):
        promotion = sandbox.elasticpath.add_promotion()
        sandbox.elasticpath.add_usages(promotion, count, "2026-11-20T00:00:00Z", 60)


@pytest.fixture(scope="module")
def filled() -> Iterator[Sandbox]:
    with Sandbox(now=NOW) as running:
        fill(running)
        yield running


@pytest.fixture
def world(filled: Sandbox) -> Iterator[Sandbox]:
    yield filled
    filled.clear_faults()
    filled.forget_requests()
    filled.genesys.forget_executions()
    filled.demandbase.locked_until = filled.clock.started


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Loopback]:
    """A host that nobody may turn to."""
    with Loopback() as other:
        yield other
        assert other.connections == 0


def settings_of(sandbox: Sandbox, *vendors: str) -> dict[str, Any]:
    small = {
        "genesys_window_days": 90,
        "demandbase_window_periods": 100,
        "elasticpath_page_size": 3,
        "max_concurrency": 2,
        "request_timeout_seconds": 1,
    }
    both = sandbox.config | small
    return {name: value for name, value in both.items() if name.partition("_")[0] not in set(VENDORS) - set(vendors)}


def read(sandbox: Sandbox, *vendors: str, state: dict[str, Any] | None = None, **settings: Any) -> Run:  # noqa: ANN401
    return run(settings_of(sandbox, *vendors), state=state, **settings)


@pytest.fixture(scope="module")
def truth(filled: Sandbox) -> dict[str, Counter[str]]:
    """All rows as a run gives them when nothing goes wrong; the sandbox holds exactly these."""
    good = read(filled, *VENDORS)
    assert (good.code, good.failures) == (0, [])
    for stream in STREAMS:
        assert good.rows(stream)
        assert counted(bare(stream, good.rows(stream))) == counted(bare(stream, TRUTH[stream](filled))), stream
    filled.forget_requests()
    return {stream: counted(good.rows(stream)) for stream in STREAMS}


def streams_of(*vendors: str) -> list[str]:
    return [stream for stream in STREAMS if stream.partition("_")[0] in vendors]


def company_of(target: Target, how: str) -> tuple[str, ...]:
    """Return the vendors that are read beside the one that fails: all for one kind, one in turn for the others."""
    others = [vendor for vendor in VENDORS if vendor != target.vendor]
    return tuple(others) if how == "500" else (others[list(KINDS).index(how) % len(others)],)


class Hasty(ImpatientClock):
    """Time goes by so fast that what drips is given up soon."""

    def monotonic(self) -> float:
        return super().monotonic() * 20


class Hooked(ImpatientClock):
    """Has something happen whenever somebody would wait."""

    hook: ClassVar[Callable[[], None]]

    def wait(self, seconds: float) -> None:
        super().wait(seconds)
        type(self).hook()


def refuse(sandbox: Sandbox, target: Target, monkeypatch: pytest.MonkeyPatch, *, always: bool) -> None:
    """Close the listener when the target is reached, and open it one wait later or never."""
    reached = sandbox.fault(target.operation, "status", status=503, after=target.after, where=target.query)
    steps: list[Callable[[str], None]] = [sandbox.close_listener]
    if not always:
        steps.append(sandbox.open_listener)

    def hook() -> None:
        if reached.hits and steps:
            steps.pop(0)(target.origin)

    monkeypatch.setattr(Hooked, "hook", staticmethod(hook), raising=False)
    monkeypatch.setattr(ImpatientTap, "clock_class", Hooked)


def set_up(  # noqa: PLR0913 - a cell and its world
    sandbox: Sandbox, target: Target, kind: Kind, elsewhere: Loopback, monkeypatch: pytest.MonkeyPatch, *, always: bool
) -> Fault | None:
    sandbox.genesys.aggregates.rows_per_answer = 1 if target.pages else None
    if not kind.name:
        refuse(sandbox, target, monkeypatch, always=always)
        return None
    details = dict(kind.details)
    if kind.name == "redirect":
        details["location"] = f"{elsewhere.origin}/token?marker"
    if kind.name == "drip":
        monkeypatch.setattr(ImpatientTap, "clock_class", Hasty)
        monkeypatch.setattr("tap_usage.rest.punctual.monotonic", lambda: 10 * time.monotonic())
    times = None if always else 1
    return sandbox.fault(target.operation, kind.name, times=times, after=target.after, where=target.query, **details)


@pytest.mark.parametrize(("where", "how", "always"), CELLS, ids=IDS)
def test_a_fault_ends_in_the_whole_truth_or_is_named(  # noqa: PLR0913, PLR0917 - the three dimensions and the world
    world: Sandbox,
    truth: dict[str, Counter[str]],
    elsewhere: Loopback,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    how: str,
    always: bool,  # noqa: FBT001 - once or always
) -> None:
    target, kind, outcome = TARGETS[where], KINDS[how], expected(where, how, always=always)
    fault = set_up(world, target, kind, elsewhere, monkeypatch, always=always)
    settings: dict[str, Any] = {"max_retries": 2} if always else {}
    if how in {"connection refused", "100 MB"}:
        settings["max_concurrency"] = 1
    company = company_of(target, how) if always else ()
    if target.alone and not always:
        settings["select"] = [target.stream]
    hit = read(world, target.vendor, *company, **settings)
    if fault:
        assert fault.hits, "the fault hit nothing"
    elif always:
        world.open_listener(target.origin)
    monkeypatch.undo()
    count = distinct if target.pages else counted
    rows = {stream: count(hit.rows(stream)) for stream in STREAMS}
    assert [stream for stream in streams_of(*company) if rows[stream] != truth[stream]] == []
    read_here = settings.get("select", streams_of(target.vendor))
    own = {stream: (rows[stream], truth[stream]) for stream in read_here}
    if outcome == NAMED:
        status = None if how == "404" and where in SUBMITTED_ANEW else kind.status
        check_named(hit, target, status)
        assert all(came <= true for came, true in own.values())
        check_that_the_next_run_brings_the_rest(world, target.vendor, hit, truth, count)
        return
    assert (hit.code, hit.failures) == (0, [])
    lacking = {stream for stream, (came, true) in own.items() if came != true}
    if outcome == WHOLE:
        assert lacking == set()
    else:
        assert {target.stream} <= lacking <= {target.stream, *target.hidden}
        assert all(came <= true for came, true in own.values())


def check_named(hit: Run, target: Target, status: int | None) -> None:
    """A line names vendor, stream and status, and no line holds anything that is secret or foreign."""
    assert hit.code == 1
    lines = [line for line in hit.failures if target.stream in streams_in(line)]
    assert lines, hit.failures
    successes = ("HTTP 200 ", "HTTP 202 ")
    told = successes if status == 200 else (f"HTTP {status} ",)
    assert status is None or all(any(word in line for word in told) for line in lines), lines
    for line in hit.failures:
        assert len(line.splitlines()) == 1
        assert line.startswith(f"{target.vendor}: ")
        assert not [word for word in ("unexpected", "sandbox-", "marker", "Bearer") if word in line]


def check_that_the_next_run_brings_the_rest(
    world: Sandbox,
    vendor: str,
    hit: Run,
    truth: dict[str, Counter[str]],
    count: Callable[[Iterable[Row]], Counter[str]],
) -> None:
    world.clear_faults()
    after = read(world, vendor, state=hit.state)
    assert (after.code, after.failures) == (0, [])
    for stream in streams_of(vendor):
        assert count(hit.rows(stream)) | count(after.rows(stream)) == truth[stream], stream


def distinct(rows: Iterable[Row]) -> Counter[str]:
    """Return rows without those that came once more."""
    return Counter(counted(rows).keys())


def test_every_vendor_has_each_kind_of_request_it_sends() -> None:
    operations = {target.operation for target in TARGETS.values()}
    with Sandbox(now=NOW) as sandbox:
        known = set(sandbox.operations)
    assert operations == known - {"pingone.environment", "elasticpath.promotion"}


def test_no_cell_expects_less_than_the_truth_unless_a_vendor_said_404() -> None:
    gone = [how for where, how, always in CELLS if expected(where, how, always=always) == GONE]
    assert set(gone) == {"404"}


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_certificate_that_cannot_be_verified_is_named_and_nothing_is_sent_there(
    world: Sandbox, truth: dict[str, Counter[str]], monkeypatch: pytest.MonkeyPatch, origin: str
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    vendor = origin.partition(" ")[0]
    setting = f"{origin.replace(' ', '_')}_url" if " " in origin else f"{origin}_api_url"
    with Loopback(tls=context) as secure:
        changed: dict[str, Any] = {setting: secure.origin}
        hit = read(world, *VENDORS, **changed)
    assert secure.heard == secure.tokens == []
    assert hit.code == 1
    assert hit.failures
    assert all(line.startswith(f"{vendor}: {vendor}_") for line in hit.failures)
    assert "TLS failure" in hit.failures[0]
    for stream in STREAMS:
        assert counted(hit.rows(stream)) == (Counter() if stream in streams_of(vendor) else truth[stream])
    states = hit.state.get("bookmarks", {})
    assert not any(states.get(stream, {}).get("replication_key_value") for stream in streams_of(vendor))
