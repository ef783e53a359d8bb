"""Plays the reading of a query: a script answers, time passes as the reading asks."""

from __future__ import annotations

from typing import Any

from tap_usage.rest.connection import Request
from tap_usage.rest.paging import Ask, Page, Reading
from tap_usage.rest.polling import Execution, Submitted
from tests.rest.virtual import VirtualClock, drain, give, refusal

SPEC = Execution(
    results="/query/{execution_id}/results",
    rows="results",
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
RUNNING = {"queryStatus": "Running"}
ROWS = [{"requests": 1}, {"requests": 2}]
COMPLETE = {"queryStatus": "Complete", "results": ROWS}
GONE = refusal(404)


def submitted(number: int) -> dict[str, Any]:
    return {"executionId": f"e{number}", "resultsUri": "http://b.example/elsewhere"}


class Play:
    """Plays a reading: time passes as the reading asks, the other side answers what a script says, then Running."""

    def __init__(self, *script: Any, spec: Execution = SPEC, resume: Submitted | None = None) -> None:  # noqa: ANN401
        self.clock = VirtualClock()
        self.script = list(script)
        self.journal: list[str | None] = []
        self.asked: list[str] = []
        self.delays: list[float] = []
        self.pages: list[Page] = []
        self.reading: Reading = spec.read(SUBMIT, spec.results, self.clock, self._note, resume)
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
        assert len(self.asked) < 1000
        give(self.reading, ask, self.script.pop(0) if self.script else RUNNING)
        self.pages += drain(self.reading)

    @property
    def error(self) -> str:
        return str(self.reading.error) if self.reading.error else ""
