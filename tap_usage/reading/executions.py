"""Executions that were submitted and not read yet, in a stream's part of the Singer state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from tap_usage.reading.state import KEPT
from tap_usage.rest.connection import Connection
from tap_usage.rest.errors import ReadError
from tap_usage.rest.pages.polling import fingerprint
from tap_usage.rest.pages.query import Query, Submitted
from tap_usage.times import instant, utc_text


class Executions:
    """The executions of one stream, a view on its part of the Singer state.

    Args:
        state: the stream's part of the state; it is changed in place.
    """

    def __init__(self, state: dict[str, Any]) -> None:
        self._state = state
        state.setdefault("executions", [])

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._state["executions"])

    def resumed(
        self, query: Query, connection: Connection, settled: Callable[[date], bool], hurry: Callable[[], None]
    ) -> Query:
        """Return a query with what is known of its execution, and who is to know more.

        Args:
            query: that is submitted, if nobody has.
            connection: of the vendor.
            settled: tells whether an answer of a day stays true.
            hurry: is called when there is something to be written soon.
        """
        mark = fingerprint(connection.host.url, query.request)

        def journal(submitted: Submitted | None) -> None:
            if submitted:
                self.keep(replace(submitted, fingerprint=mark, final=settled(submitted.submitted_at.date())))
                hurry()
            else:
                self.drop(mark)

        resume = self.find(mark, connection.now())
        return replace(query, clock=connection.clock, journal=journal, resume=resume)

    def find(self, fingerprint: str, now: datetime) -> Submitted | None:
        """Return the execution of the same query if its answer still is the answer of today."""
        for submitted in self._kept():
            if submitted.fingerprint == fingerprint and _answers(submitted, now):
                return submitted
        return None

    def keep(self, submitted: Submitted) -> None:
        """Remember an execution, instead of an earlier one of the same query."""
        self._write([*(kept for kept in self._kept() if kept.fingerprint != submitted.fingerprint), submitted])

    def drop(self, fingerprint: str) -> None:
        """Forget the execution of a query: it was read, or is of no use any more."""
        self._write(kept for kept in self._kept() if kept.fingerprint != fingerprint)

    def clear(self) -> None:
        """Forget all: everything was read, so none is waited for."""
        self._write(())

    def forget_old(self, now: datetime) -> None:
        """Forget executions whose answer would be of an earlier day.

        Raises:
            ReadError: when the state cannot be read; it is left as it is.
        """
        try:
            self._write(kept for kept in self._kept() if _answers(kept, now))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ReadError("the executions in the given state cannot be read; correct or remove them") from None

    def _kept(self) -> Iterator[Submitted]:
        for entry in self._state["executions"]:
            at = instant(entry["submitted_at"])
            yield Submitted(entry["execution_id"], entry["fingerprint"], at, final=entry.get("final", False))

    def _write(self, kept: Iterable[Submitted]) -> None:
        self._state["executions"] = [
            {
                "execution_id": submitted.execution_id,
                "fingerprint": submitted.fingerprint,
                "submitted_at": utc_text(submitted.submitted_at),
                "final": submitted.final,
            }
            for submitted in kept
        ]


def _answers(submitted: Submitted, now: datetime) -> bool:
    """Return whether an execution tells what the vendor would tell now: submitted today, or about settled days only."""
    return submitted.submitted_at.date() == now.date() or (submitted.final and now - submitted.submitted_at < KEPT)
