"""A warehouse and a state of version 0.1.0 are gone on with: nothing is lost, nothing is there twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tap_usage.sandbox import Sandbox
from tests.conftest import NOW
from tests.promised import COUNTERS, STREAMS
from tests.running import Run, run
from tests.upgrade.recorded import DAYS, START, Rows, held, keys, last_state, recorded

OLD = recorded()
SNAPSHOTS = ("pingone_issuance_rule_usage_counts", "demandbase_credits", "genesys_client_usage_summary")
OTHERS = sorted(keys(OLD).keys() - set(SNAPSHOTS))


@dataclass
class Upgrade:
    """A run of today's version from the old state, and one without a state at the same time."""

    after: Run
    fresh: Run

    @property
    def warehouse(self) -> Rows:
        return held(OLD, self.after.messages)


@pytest.fixture(scope="module")
def upgrade() -> Iterator[Upgrade]:
    with Sandbox(now=NOW) as sandbox:
        sandbox.advance(days=DAYS)
        config = sandbox.config | {"start_date": START}
        yield Upgrade(run(config, state=last_state(OLD)), run(config))


def test_the_first_run_of_this_version_has_no_complaint(upgrade: Upgrade) -> None:
    assert (upgrade.after.code, upgrade.after.failures) == (0, [])


@pytest.mark.parametrize("stream", sorted(keys(OLD)))
def test_keys_of_streams_stay(stream: str) -> None:
    assert tuple(keys(OLD)[stream]) == STREAMS[stream].keys


@pytest.mark.parametrize("stream", OTHERS)
def test_the_warehouse_holds_what_a_new_one_would(upgrade: Upgrade, stream: str) -> None:
    fresh = held(upgrade.fresh.messages)[stream]
    assert upgrade.warehouse[stream].keys() == fresh.keys()
    for key, row in upgrade.warehouse[stream].items():
        assert {name: row[name] for name in row.keys() & fresh[key].keys()} == {
            name: fresh[key][name] for name in row.keys() & fresh[key].keys()
        }


@pytest.mark.parametrize("stream", ["elasticpath_promotion_usages", "genesys_client_usage"])
def test_what_the_old_version_could_not_read_is_read(upgrade: Upgrade, stream: str) -> None:
    (failed,) = last_state(OLD)["bookmarks"][stream]["partitions"]
    fresh = held(upgrade.fresh.messages)[stream]
    missed = {key for key in fresh.keys() - held(OLD)[stream].keys() if failed["context"].items() <= fresh[key].items()}
    assert missed
    assert missed <= upgrade.warehouse[stream].keys()


def test_what_is_settled_is_not_read_again(upgrade: Upgrade) -> None:
    for name in ("genesys_organization_usage", "genesys_client_usage", "demandbase_api_usage"):
        assert 0 < len(upgrade.after.rows(name)) < len(upgrade.fresh.rows(name))


def test_snapshots_go_on_and_their_deltas_add_up_to_the_growth(upgrade: Upgrade) -> None:
    for name, counters in ((SNAPSHOTS[0], COUNTERS), (SNAPSHOTS[1], ("consumedCredits",))):
        series: dict[Any, list[dict[str, Any]]] = {}
        for (identity, _), row in sorted(upgrade.warehouse[name].items()):
            series.setdefault(identity, []).append(row)
        assert {len(rows) for rows in series.values()} == {DAYS + 1}
        for rows in series.values():
            for counter in counters:
                if rows[0].get(counter) is not None:
                    grown = sum(row[f"{counter}_delta"] for row in rows[1:])
                    assert grown == rows[-1][counter] - rows[0][counter]
