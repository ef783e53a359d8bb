"""Bookmarks of a stream: bounded, resumable anywhere, moved only over complete data.

What stands in the state of a stream, as ordinary Singer bookmarks:

    {"replication_key": "used_on", "replication_key_value": "2026-11-22T10:00:00.000Z",
     "scope": ["p1", "p2"], "query": "Day TemplateUri",
     "partitions": [{"context": {"promotion_id": "p7"}, "replication_key": "used_on", "replication_key_value": null}],
     "pass": {"after": "p5", "bound": "2026-11-22T11:00:00.000Z", "latest": "2026-11-22T10:59:01.000Z", "scope": null},
     "executions": [...]}

* `replication_key_value` holds for every partition (of `scope`, when a setting chose them).
* `partitions` are the exceptions: partitions that failed keep their own older value (null: none yet), the one that is
  being read has its progress, and those that were behind when an `end_date` before the bookmark was read still are.
* `pass` is there while a run goes on, or after it was interrupted: partitions are read in the order of their ids, those
  up to `after` are complete up to `bound`, the vendor's clock when the run began.
* `executions` were submitted and not read yet.

So the state after a complete run is one bookmark plus what failed. Partition lists that plain SDK taps write are read.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from tap_usage.rest.polling import OLDEST_TO_RESUME, Submitted

VALUE = "replication_key_value"


class Bookmarks:
    """The bookmarks of one stream, a view on its part of the Singer state.

    Values are ISO 8601 texts of one kind per stream (date-times in UTC or dates), compared as instants.

    Args:
        state: the stream's part of the state; it is changed in place.
        replication_key: name of the replication key.
        identity: name of the context field that tells partitions apart, None for a stream without partitions.
        scope: ids that a setting chose, None for all.
        query: what else the values depend on (granularity, grouping); when it changes, history is read again.
    """

    def __init__(
        self,
        state: dict[str, Any],
        replication_key: str,
        identity: str | None = None,
        scope: Collection[str] | None = None,
        query: str = "",
    ) -> None:
        self._state = state
        self._key = replication_key
        self._identity = identity
        self._scope = sorted(scope) if scope is not None else None
        self._bound = ""
        self._short = False
        if query and state.get("query", query) != query:
            state.clear()
        behind = {str(entry["context"][identity]): entry.get(VALUE) for entry in state.get("partitions", [])}
        for value in (state.get(VALUE), *behind.values()):
            if value is not None:
                instant(value)
        if "pass" in state and (state["pass"].get("scope") != self._scope or state["pass"]["bound"] is None):
            del state["pass"]
        self._pass: dict[str, Any] = state.get("pass", {})
        if query:
            state["query"] = query
        state["replication_key"] = replication_key
        state.pop("partitions", None)
        self._exceptions: dict[str, dict[str, Any]] = {}
        for partition, value in behind.items():
            self._except(partition, value)

    @property
    def interrupted(self) -> tuple[str, str] | None:
        """Id up to which an interrupted run was complete, and the bound of that run; None after a complete run."""
        return (self._pass["after"], self._pass["bound"]) if self._pass else None

    def start(self, partition: str = "") -> str | None:
        """Return the value a partition is complete up to, None if it was never read."""
        if partition in self._exceptions:
            return self._exceptions[partition].get(VALUE)
        if self._pass and partition <= self._pass["after"]:
            return _earlier(self._pass["bound"], self._pass["latest"])
        covered = self._state.get("scope")
        if self._identity is None or covered is None or partition in covered:
            return self._state.get(VALUE)
        return None

    def is_behind(self, partition: str) -> bool:
        """Return whether a partition failed, or was not read to its end."""
        return partition in self._exceptions

    def begin(self, bound: str, *, whole: bool = True) -> None:
        """Begin a pass over all partitions, or go on with an interrupted one.

        Args:
            bound: the vendor's clock now, or an earlier end of what is read; no bookmark moves past it.
            whole: all partitions are known; otherwise the state says nothing of this pass, because who goes on with it
                would not read those that are unknown.
        """
        read = [self._state.get(VALUE), *(entry[VALUE] for entry in self._exceptions.values())]
        read.append(self._pass.get("bound"))
        self._bound = bound
        self._short = any(instant(bound) < instant(value) for value in read if value is not None)
        if self._identity is None:
            return
        if self._short or not self._pass:
            self._state.pop("pass", None)
            self._pass = {"after": "", "bound": bound, "latest": None, "scope": self._scope}
        if whole:
            self._state["pass"] = self._pass
        else:
            self._pass = dict(self._pass)

    def progress(self, partition: str, value: str) -> None:
        """A partition is complete up to `value`, but not to its end."""
        previous = self.start(partition)
        if self._identity is None:
            self._state[VALUE] = _later(value, previous)
        else:
            self._except(partition, _later(_earlier(self._pass["bound"], value), previous))

    def finish(self, partition: str, latest: str | None) -> None:
        """A partition is complete.

        Args:
            partition: its id; partitions finish in the order of their ids.
            latest: the last value it holds, None if it holds none.
        """
        if self._identity is None:
            self._state[VALUE] = _later(latest, self._state.get(VALUE))
            return
        before = self.start(partition)
        latest = _later(latest, before)
        if not self._short:
            self._forget(partition)
        elif before is None or instant(before) < instant(self._bound):
            self._except(partition, _earlier(self._bound, latest))
        self._pass["after"] = max(partition, self._pass["after"])
        self._pass["latest"] = _later(latest, self._pass["latest"])

    def take_back(self, partition: str, value: str | None) -> None:
        """What was told of a partition in this run cannot be relied on; it is complete up to `value`, as before."""
        if self._identity is not None:
            self._except(partition, value)

    def fail(self, partition: str) -> None:
        """A partition could not be read to its end; it keeps what it has."""
        if self._identity is not None:
            self._except(partition, self.start(partition))
            self._pass["after"] = max(partition, self._pass["after"])

    def complete(self, known: Collection[str]) -> None:
        """The pass is over; all that is left is one bookmark and the partitions that failed.

        Args:
            known: ids of all partitions there are; exceptions of others are forgotten.
        """
        if not self._pass:
            return
        value = _earlier(self._pass["bound"], self._pass["latest"])
        self.abandon()
        if value is None or self._covers_all():
            value = _later(value, self._state.get(VALUE))
        self._state.pop(VALUE, None)
        self._state.pop("scope", None)
        if value is not None:
            self._state[VALUE] = value
        if self._scope is not None:
            self._state["scope"] = self._scope
        for partition in self._exceptions.keys() - set(known):
            self._forget(partition)

    def abandon(self) -> None:
        """The pass cannot become complete (not all partitions are known): the next run reads from the old bookmark."""
        self._state.pop("pass", None)
        self._pass = {}

    def _covers_all(self) -> bool:
        covered = self._state.get("scope")
        return covered is None or (self._scope is not None and set(self._scope) <= set(covered))

    def _except(self, partition: str, value: str | None) -> None:
        if partition in self._exceptions:
            self._exceptions[partition][VALUE] = value
            return
        entry = {"context": {self._identity: partition}, "replication_key": self._key, VALUE: value}
        self._exceptions[partition] = entry
        self._state.setdefault("partitions", []).append(entry)

    def _forget(self, partition: str) -> None:
        if entry := self._exceptions.pop(partition, None):
            self._state["partitions"].remove(entry)
            if not self._exceptions:
                del self._state["partitions"]


class Executions:
    """Executions that were submitted and not read yet, in the stream's part of the state."""

    def __init__(self, state: dict[str, Any]) -> None:
        self._state = state

    def find(self, fingerprint: str, now: datetime) -> Submitted | None:
        """Return the execution of the same query if it is young enough to be polled again."""
        for entry in self._state.get("executions", []):
            submitted = datetime.fromisoformat(entry["submitted_at"])
            if entry["fingerprint"] == fingerprint and now - submitted < OLDEST_TO_RESUME:
                return Submitted(entry["execution_id"], fingerprint, submitted)
        return None

    def keep(self, submitted: Submitted) -> None:
        """Remember an execution, instead of an earlier one of the same query."""
        self.drop(submitted.fingerprint)
        self._state.setdefault("executions", []).append(
            {
                "execution_id": submitted.execution_id,
                "fingerprint": submitted.fingerprint,
                "submitted_at": utc_text(submitted.submitted_at),
            }
        )

    def drop(self, fingerprint: str) -> None:
        """Forget the execution of a query: it was read, or is of no use any more."""
        left = [entry for entry in self._state.get("executions", []) if entry["fingerprint"] != fingerprint]
        self._state.pop("executions", None)
        if left:
            self._state["executions"] = left

    def clear(self) -> None:
        """Forget all: everything was read, so none is waited for."""
        self._state.pop("executions", None)

    def forget_old(self, now: datetime) -> None:
        """Forget executions that are too old to be polled again."""
        for entry in list(self._state.get("executions", [])):
            if now - datetime.fromisoformat(entry["submitted_at"]) >= OLDEST_TO_RESUME:
                self.drop(entry["fingerprint"])


def utc_text(instant: datetime) -> str:
    """Return an instant as `2026-11-22T10:00:00.000Z`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"


def instant(text: str) -> datetime:
    """Return the instant of a bookmark or setting; without an offset it is UTC.

    Raises:
        ValueError: if it is none.
    """
    value = datetime.fromisoformat(text)
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def _later(one: str | None, other: str | None) -> str | None:
    if one is None or other is None:
        return one if other is None else other
    return max(one, other, key=instant)


def _earlier(one: str, other: str | None) -> str | None:
    return None if other is None else min(one, other, key=instant)
