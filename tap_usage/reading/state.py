"""Bookmarks of a stream: they say what was read, are bounded, and can be resumed or merged anywhere.

What stands in the state of a stream, as ordinary Singer bookmarks:

    {"replication_key": "used_on", "query": "Day TemplateUri",
     "replication_key_value": "2026-11-22T10:00:00.000Z", "covered": "q83vASNF",
     "older": [{"replication_key_value": "2026-11-20T08:00:00.000Z", "covered": "mrvN7wAB"}],
     "pass": {"began": "2026-11-22T11:00:00.000Z", "bound": "2026-11-22T11:00:00.000Z"},
     "executions": [{"execution_id": "e1", "fingerprint": "…", "submitted_at": "…", "final": false}]}

* `replication_key_value` holds for the partitions in `covered`, and for no other. Each group of `older` has a value of
  its own. A partition in no set is read from the start. A set is the sorted digests of the ids
  and the query, in base64.
* A run begins a pass: all partitions move to `older`, and each one that was read to its end comes back into `covered`,
  whose value is the latest one met, but not beyond `bound`: when the pass `began` by the vendor's clock, or an earlier
  end of what was read. What failed, was gone, or was not listed stays where it was. Both are null after the pass.
* `executions` were submitted and not read yet.
* A key that stands once stands for good, empty if need be: a deep merge brings nothing back.

Without `covered` the value holds for every partition that is listed, as 0.1.0 (with `scope`, `partitions` and a `pass`
by ids) and plain SDK taps (with `partitions`) wrote it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any

from tap_usage.reading.covered import Ids, digest
from tap_usage.rest.errors import ReadError
from tap_usage.times import earlier, instant, later, shifted, utc_text

VALUE = "replication_key_value"
MOST_GROUPS = 16
KEPT = timedelta(days=35)
ODD_CLOCKS = timedelta(minutes=1)
NO_PASS = {"began": None, "bound": None}


def refuse_future(told: str | None, now: datetime, grace: timedelta = ODD_CLOCKS) -> None:
    """Refuse a value of the state that the vendor's clock has not come to.

    Raises:
        ReadError: when it is later than `now`; servers' clocks may differ by as much as `grace`.
    """
    if told and instant(told) > shifted(now, grace):
        raise ReadError(
            f"the state speaks of {told}, but the vendor's clock says {utc_text(now)}: "
            "what comes in between would be left out; correct or remove it"
        )


class Bookmarks:
    """The bookmarks of one stream, a view on its part of the Singer state.

    Values are ISO 8601 texts of one kind per stream (date-times in UTC or dates), compared as instants.

    Args:
        state: the stream's part of the state; it is changed in place.
        replication_key: name of the replication key.
        identity: name of the context field that tells partitions apart, None for a stream without partitions.
        query: what else the values depend on (granularity, grouping, tenant); when it changes, history is read again.
        untold: the query of a state that names none; None for the same.

    Raises:
        ReadError: when the state cannot be read; it is left as it is.
    """

    def __init__(
        self,
        state: dict[str, Any],
        replication_key: str,
        identity: str | None = None,
        query: str = "",
        untold: str | None = None,
    ) -> None:
        asked_before = state.get("query", query if untold is None else untold) == query
        try:
            self._told = _told(state if asked_before else {})
            unsorted = asked_before and identity and "covered" not in state
            self._unsorted = _Unsorted(state, str(identity)) if unsorted else None
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ReadError("the bookmark in the given state cannot be read; correct or remove it") from None
        self._state = state
        self._digest = lru_cache(maxsize=1024)(partial(digest, query=query))  # each is asked for ten times in a row
        self._partitioned = identity is not None
        self._bound = ""
        self._short = False
        self._names = {"replication_key": replication_key} | ({"query": query} if query or "query" in state else {})

    @property
    def before(self) -> str | None:
        """The value as the given state has it; None if it has none, or one of another query."""
        value: str | None = self._told[VALUE]
        return value

    @property
    def interrupted(self) -> datetime | None:
        """When the pass began that was interrupted, as the given state has it; None after one that came to its end."""
        began = self._told["pass"]["began"]
        return instant(began) if began else None

    def start(self, partition: str = "") -> str | None:
        """Return the value a partition is complete up to, None if it was never read."""
        if not self._partitioned:
            return self._value
        mark = self._digest(partition)
        return next((group[VALUE] for group in self._groups() if mark in group["covered"].digests), None)

    def was_read(self, partition: str) -> bool:
        """Return whether a partition was read to its end in this pass."""
        return self._partitioned and not self._short and self._digest(partition) in self._covered

    def begin(
        self,
        bound: str,
        now: datetime,
        listed: Collection[str] = (),
        *,
        complete: bool = True,
        go_on: bool = False,
    ) -> None:
        """Begin a pass over all partitions, or go on with an interrupted one.

        Args:
            bound: the end of what is read: the vendor's clock, or earlier; no bookmark moves past it.
            now: the vendor's clock.
            listed: ids of the partitions that are known.
            complete: these are all there are; what is not among them is forgotten after a while.
            go_on: the interrupted pass is young enough to go on with.

        Raises:
            ReadError: when a bookmark is later than the vendor's clock; nothing is changed.
        """
        unsorted = [*self._unsorted.sorted(listed)] if self._unsorted else []
        values = [group[VALUE] for group in (self._told, *self._told["older"])]
        for value in (*values, *(value for _, value in unsorted)):
            refuse_future(value, now)
        self._state |= self._names | (self._told if self._partitioned else {VALUE: self._told[VALUE]})
        self._short = self._value is not None and instant(bound) < instant(self._value)
        self._bound = bound
        if not self._partitioned:
            return
        self._state |= {name: [] for name in ("partitions", "scope") if name in self._state}
        for partition, value in unsorted:
            self._move(partition, value)
        begun = self._told["pass"]
        if self._short:
            self.complete()
        elif go_on and begun["bound"] and instant(begun["bound"]) <= instant(bound):
            self._bound = begun["bound"]
        else:
            self._state["pass"] = {"began": utc_text(now), "bound": bound}
            self._add(self._value, self._covered)
            self._state["covered"] = Ids()
        if complete:
            self._forget(listed, shifted(now, -KEPT))

    def progress(self, partition: str, value: str) -> None:
        """A partition is complete up to `value`, but not to its end."""
        if self._partitioned:
            self._move(partition, later(earlier(self._bound, value), self.start(partition)))
        else:
            self._state[VALUE] = later(value, self._value)

    def finish(self, partition: str, latest: str | None) -> None:
        """A partition is complete.

        Args:
            partition: its id.
            latest: the last value it holds, None if it holds none.
        """
        latest = later(latest, self.start(partition))
        if not self._partitioned:
            self._state[VALUE] = latest
        elif self._short:
            self.progress(partition, latest) if latest else None
        else:
            self._move(partition, None)
            self._state[VALUE] = later(earlier(self._bound, latest), self._value)
            self._covered.add(self._digest(partition))

    def take_back(self, partition: str, value: str | None) -> None:
        """What was told of a partition in this run cannot be relied on; it is complete up to `value`, as before."""
        if self._partitioned:
            self._move(partition, value)

    def complete(self) -> None:
        """The pass is over."""
        if self._partitioned:
            self._state["pass"] = dict(NO_PASS)

    @property
    def _value(self) -> str | None:
        value: str | None = self._state[VALUE]
        return value

    @property
    def _covered(self) -> set[bytes]:
        digests: set[bytes] = self._state["covered"].digests
        return digests

    def _groups(self) -> list[dict[str, Any]]:
        return [self._state, *self._state.get("older", [])]

    def _move(self, partition: str, value: str | None) -> None:
        """Put a partition into the group of a value, and out of every other; None: into none."""
        mark = self._digest(partition)
        if mark in self._covered and value == self._value:
            return
        for group in self._groups():
            group["covered"].digests.discard(mark)
        self._add(value, {mark})

    def _add(self, value: str | None, marks: set[bytes]) -> None:
        """Put partitions into the group of a value; of more groups than there may be the two oldest become one."""
        groups = {group[VALUE]: group["covered"] for group in self._state["older"] if group["covered"].digests}
        if value and marks:
            groups.setdefault(value, Ids()).digests |= marks
        if len(groups) > MOST_GROUPS:
            oldest, second = sorted(groups, key=instant)[:2]
            groups[oldest].digests |= groups.pop(second).digests
        self._state["older"] = [{VALUE: value, "covered": ids} for value, ids in groups.items()]

    def _forget(self, listed: Collection[str], before: datetime) -> None:
        """Drop partitions that are not listed and were not read for long: they would be read from their start."""
        known = {self._digest(partition) for partition in listed}
        for group in self._state["older"]:
            if instant(group[VALUE]) < before:
                group["covered"].digests &= known
        self._add(None, set())


def _told(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a state tells of values and sets.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: if it is nothing of the kind.
    """
    value, begun = state.get(VALUE), dict(NO_PASS)
    older = [
        {VALUE: group[VALUE], "covered": Ids(group["covered"])} for group in state.get("older", []) if group[VALUE]
    ]
    if "covered" in state:
        begun = {name: state.get("pass", {}).get(name) for name in NO_PASS}
    for text in (value, *begun.values(), *(group[VALUE] for group in older)):
        if text is not None:
            instant(text)
    return {VALUE: value, "covered": Ids(state.get("covered", "")), "older": older, "pass": begun}


class _Unsorted:
    """What a state without sets says: one value for all that is listed, and partitions that have their own.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: if it is nothing of the kind.
    """

    def __init__(self, state: Mapping[str, Any], identity: str) -> None:
        self._value = state.get(VALUE)
        self._scope = state.get("scope")
        self._own = {str(entry["context"][identity]): entry.get(VALUE) for entry in state.get("partitions", [])}
        interrupted = state.get("pass") or {}
        self._read_to: str = interrupted.get("after", "")
        self._read_scope = interrupted.get("scope")
        self._read_value = earlier(interrupted.get("bound"), interrupted.get("latest"))
        for value in self._own.values():
            if value is not None:
                instant(value)

    def sorted(self, listed: Iterable[str]) -> Iterator[tuple[str, str | None]]:
        """Yield partitions and their values."""
        yield from self._own.items()
        for partition in set(listed) - self._own.keys():
            if partition <= self._read_to and (self._read_scope is None or partition in self._read_scope):
                yield partition, self._read_value
            elif self._scope is None or partition in self._scope:
                yield partition, self._value
