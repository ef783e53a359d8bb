"""Plays the reading of a query: a script answers, time passes as the reading asks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tap_usage.rest.connection import Request
from tap_usage.rest.pages.polling import Execution
from tap_usage.rest.pages.query import Ask, Page, Query, Reading, Rows, Submitted
from tests.rest.virtual import VirtualClock, drain, give, refusal

SPEC = Execution(
    execution_id="executionId",
    status="queryStatus",
    running=("Running", "Queued"),
    complete=("Complete",),
    failed=("Failed", "Cancelled"),
    initial=5.0,
    longest=60.0,
    timeout=600.0,
)
SUBMIT = Request("/query", "POST", params={"a": 1}, json={"interval": "x"})
QUERY = Query(SUBMIT, Rows("results"), results="/query/{execution_id}/results")
RUNNING = {"queryStatus": "Running"}
ROWS = [{"requests": 1}, {"requests": 2}]
COMPLETE = {"queryStatus": "Complete", "results": ROWS}
GONE = refusal(404)


def submitted(number: int) -> dict[str, Any]:
    return {"executionId": f"e{number}", "resultsUri": "http://b.example/elsewhere"}


class Play:
    """Plays a reading: time passes as the reading asks, the other side answers what a script says, then Running."""

    def __init__(self, *script: Any, spec: Execution = SPEC, query: Query = QUERY) -> None:  # noqa: ANN401
        self.clock = VirtualClock()
        self.script = list(script)
        self.journal: list[str | None] = []
        self.asked: list[str] = []
        self.sizes: list[Any] = []
        self.delays: list[float] = []
        self.pages: list[Page] = []
        self.reading: Reading = spec.read(replace(query, clock=self.clock, journal=self._note))
        while not self.reading.finished:
            ask = self.reading.next_ask()
            assert ask, "the reading neither asks nor ends"
            assert self.reading.next_ask() is None
            self._send(ask)

    def _note(self, entry: Submitted | None) -> None:
        self.journal.append(entry.execution_id if entry else None)

    def _send(self, ask: Ask) -> None:
        self.delays.append(ask.delay)
        self.clock.wait(ask.delay)
        self.asked.append(ask.request.path)
        self.sizes.append(ask.request.params.get("size"))
        assert len(self.asked) < 1000
        give(self.reading, ask, self.script.pop(0) if self.script else RUNNING)
        self.pages += drain(self.reading)

    @property
    def error(self) -> str:
        return str(self.reading.error) if self.reading.error else ""
