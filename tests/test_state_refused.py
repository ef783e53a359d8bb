"""A state that cannot be read is a named failure, and stays as it is."""

from __future__ import annotations

from typing import Any

import click
import pytest

from tap_usage.sandbox import Sandbox
from tests.running import run

USAGES = "elasticpath_promotion_usages"
VALUE = "replication_key_value"
NEW = "2026-11-20T00:00:00.000Z"


@pytest.mark.parametrize(
    "broken",
    [
        {VALUE: "yesterday"},
        {VALUE: 20261120},
        {"partitions": [{"context": {"promotion_id": "p1"}, VALUE: "soon"}]},
        {"partitions": [{"context": {"other": "p1"}}]},
        {"covered": "?"},
        {"covered": "AAAA"},
        {"covered": "", "older": [{VALUE: NEW}]},
        {"covered": "", "pass": {"bound": "soon"}},
        {"executions": [{}]},
        {VALUE: "2029-01-01T00:00:00.000Z"},
    ],
)
def test_a_bookmark_that_cannot_be_read_is_one_clear_failure_and_stays_as_it_is(
    sandbox: Sandbox, broken: dict[str, Any]
) -> None:
    stream = "genesys_client_usage" if "executions" in broken else USAGES
    state = {"bookmarks": {stream: broken}}
    done = run(sandbox.config, select=[stream, "elasticpath_promotions"], state=state)
    assert done.code == 1
    (line,) = done.failures
    assert stream in line
    assert "state" in line
    assert done.rows(stream) == []
    assert len(done.rows("elasticpath_promotions")) == 13
    assert done.state["bookmarks"][stream] == broken


@pytest.mark.parametrize("bookmarks_of", [None, [], {USAGES: NEW}, {USAGES: None}, {USAGES: {"partitions": {}}}])
def test_a_state_of_another_shape_is_a_usage_error(sandbox: Sandbox, bookmarks_of: object) -> None:
    with pytest.raises(click.UsageError, match="bookmarks"):
        run(sandbox.config, state={"bookmarks": bookmarks_of})
