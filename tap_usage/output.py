"""What goes to standard output: Singer lines in few large writes, and STATE lines spaced by what they cost."""

from __future__ import annotations

import contextlib
import io
import os
import select
import stat
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from singer_sdk.contrib.msgspec import MsgSpecWriter, encoder
from singer_sdk.singerlib import RecordMessage, StateMessage
from singer_sdk.singerlib.encoding.simple import Message

from tap_usage.rest.clock import SLICE_SECONDS, Clock

BUFFER_BYTES = 256 * 1024
SECONDS_FOR_THE_LAST_LINES = 3.0
RECORD_BYTES_PER_STATE_BYTE = 20
FREE_STATE_BYTES = 200_000
RECORD_BYTES_PER_FURTHER_STATE_BYTE = 10
CREDIT_LASTS = 3  # times as long again as the run has lasted
SMALL_PART = 4
SHORTEST_SECONDS_BETWEEN_STATES = 10.0
LONGEST_SECONDS_IN_BUFFER = 1.0


class OutputLost(BaseException):
    """Nothing can be written any more: the run ends. Its text says why, for people.

    It is no `Exception`, so that nobody takes it for the failure of a stream.
    """

    @classmethod
    def because(cls, error: OSError, where: str = "standard output") -> OutputLost:
        """Return it for a write that failed."""
        if isinstance(error, BrokenPipeError):
            return cls("the target closed the pipe; look at its log")
        return cls(f"{where} cannot be written: {os.strerror(error.errno) if error.errno else type(error).__name__}")


class StandardOutput:
    """The file behind `sys.stdout`, written without ever being stuck in a write.

    An output that is full for the moment is waited for; while the run is being ended, for three seconds only. After any
    other refusal each further write is refused too: what follows a lost or half line would be read as if all were well.

    Args:
        clock: tells when the run is being ended.

    Attributes:
        full_since: since when it is full, by the monotonic clock; None while it is not.
        meanwhile: is called several times a second while it is.
    """

    def __init__(self, clock: Clock) -> None:
        self.full_since: float | None = None
        self.meanwhile: Callable[[], object] = lambda: None
        self._clock = clock
        self._lost: OutputLost | None = None
        self._until: float | None = None
        self._known: tuple[int, bool] | None = None

    def write(self, lines: bytes | bytearray) -> None:
        """Write all of it.

        Raises:
            OutputLost: when that is not possible.
        """
        if self._lost:
            raise self._lost
        try:
            file = _file()
            if file is None:
                sys.stdout.buffer.write(lines)
            else:
                self._write(file, memoryview(lines))
        except OSError as error:
            self._lost = OutputLost.because(error)
            raise self._lost from None

    def has_a_reader(self, seconds: float) -> bool:
        """Return whether somebody still holds the other end of the pipe, after waiting for him to go away."""
        return (file := _file()) is None or not _poller(file, 0).poll(seconds * 1000)

    def _write(self, file: int, left: memoryview) -> None:
        if self._known is None or self._known[0] != file:
            self._known = file, stat.S_ISREG(os.fstat(file).st_mode)
        on_a_disk = self._known[1]  # where nothing is waited for
        poller = None if on_a_disk else _poller(file, select.POLLOUT)
        while left:
            if poller:
                self._wait(poller)
            with contextlib.suppress(BlockingIOError):
                left = left[os.write(file, left[: None if on_a_disk else select.PIPE_BUF]) :]

    def _wait(self, poller: select.poll) -> None:
        """Wait until the file takes something. A write that could block would not see a signal."""
        while not poller.poll(SLICE_SECONDS * 1000):
            self.full_since = self.full_since or self._clock.monotonic()
            self.meanwhile()
            if self._clock.stopping is not None:
                now = self._clock.monotonic()
                self._until = self._until or now + SECONDS_FOR_THE_LAST_LINES
                if now >= self._until:
                    self._lost = OutputLost("the target does not read")
                    raise self._lost
        self.full_since = None


def _file() -> int | None:
    """Return the number of the file behind `sys.stdout`; None when somebody put an object in memory there."""
    if sys.stdout is None:  # closed before the process began: its number may be another file's by now
        raise OutputLost("standard output is closed")
    try:
        return sys.stdout.fileno()
    except io.UnsupportedOperation:
        return None


def _poller(file: int, events: int) -> select.poll:
    poller = select.poll()
    poller.register(file, events)
    return poller


def settle() -> None:
    """Have what was printed written out now: what goes wrong is told here, and not by Python when it ends.

    Raises:
        OutputLost: when that is not possible.
    """
    try:
        if sys.stdout:
            sys.stdout.flush()
    except OSError as error:
        raise OutputLost.because(error) from None


def silence() -> None:
    """Have Python write nothing more when it ends."""
    if sys.stdout and (file := _file()) is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), file)


class BufferedWriter(MsgSpecWriter):
    """Writes Singer lines in order, many in one go; with a STATE line everything before it is out.

    Args:
        clock: tells when the run is being ended.

    Attributes:
        written, records: bytes of all lines, and of RECORD lines, so far.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__()
        self._output = StandardOutput(clock or Clock())
        self._buffer = bytearray()
        self.written = 0
        self.records = 0

    def write_message(self, message: Message) -> None:
        """Write one message."""
        if isinstance(message, StateMessage):
            self.write_state(encoder.encode(message.value))
            self.flush()
            return
        line = self.format_message(message)
        if isinstance(message, RecordMessage):
            self.records += len(line)
        self.write(line)

    def write_records(self, stream: str, rows: Iterable[dict[str, Any]], version: int | None = None) -> None:
        """Write a RECORD line for each row, as the SDK would."""
        number = b"" if version is None else b'"version":%d,' % version
        head = b'{"type":"RECORD","stream":%b,"record":' % encoder.encode(stream)
        tail = b',%b"time_extracted":%b}\n' % (number, encoder.encode(datetime.now(UTC)))
        # JSON has no line feed in it: each is the end of a row.
        lines = (head + encoder.encode_lines(rows).replace(b"\n", tail + head))[: -len(head)]
        self.records += len(lines)
        self.write(lines)

    def write_state(self, encoded: bytes) -> None:
        """Write a STATE line."""
        self.write(b'{"type":"STATE","value":%b}\n' % encoded)

    def write(self, lines: bytes | bytearray) -> None:
        """Write whole lines."""
        self._buffer += lines
        self.written += len(lines)
        if len(self._buffer) >= BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Have everything written out.

        Raises:
            OutputLost: when that is not possible; nothing is written ever after.
        """
        lines, self._buffer = self._buffer, bytearray()
        self._output.write(lines)

    @property
    def full_since(self) -> float | None:
        """Since when standard output takes nothing, by the monotonic clock; None while it does."""
        return self._output.full_since

    def meanwhile(self, action: Callable[[], object]) -> None:
        """Have something done several times a second while standard output takes nothing."""
        self._output.meanwhile = action

    def was_taken(self, seconds: float) -> bool:
        """Return whether the reader of what was written is still there `seconds` later."""
        return self._output.has_a_reader(seconds)


class StateWriter:
    """Writes the state when it has changed and a line is due.

    The lines of a run may take 200 kB and a tenth of what its records take; the first line, which repeats the given
    state, the last one, and those in a hurry (an execution was submitted: after a second) do not count. Within that
    credit a line is due when the records since the last one outweigh it, or when it has waited for ten seconds, and
    for so long that what is left of the credit lasts three times as long again as the run has lasted.

    Args:
        writer: for the lines.
        state: the state of the tap, as it is at any moment; what is no JSON is written as its text.
        clock: for the spacing.
    """

    def __init__(self, writer: BufferedWriter, state: Mapping[str, Any], clock: Clock) -> None:
        self._writer = writer
        self._state = state
        self._clock = clock
        self._last = b""
        self._size = 100
        self._spent = 0
        self._written = 0
        self._records = 0
        self._began = self._at = clock.monotonic()
        self._hurry = False

    def hurry(self) -> None:
        """Have the state out within seconds."""
        self._hurry = True

    def write(self, *, now: bool = False, last: bool = False) -> None:
        """Write the state if it has changed and a line is due.

        Args:
            now: do not wait; the line is due if it takes at most a quarter of the credit.
            last: the run is over: the line is due, and the last one of all, whatever it costs.
        """
        age = self._clock.monotonic() - self._at
        if age >= LONGEST_SECONDS_IN_BUFFER:
            self._writer.flush()
        free = last or (self._hurry and age >= LONGEST_SECONDS_IN_BUFFER)
        if not (free or self.is_due(self._size, age, now=now)):
            return
        encoded = encoder.encode(self._state)
        self._size = len(encoded)
        if not (free or self.is_due(self._size, age, now=now)):
            return
        self._hurry = False
        if encoded != self._last or ((now or last) and self._writer.written > self._written):
            self._writer.write_state(encoded)
            self._last = encoded
            self._spent += 0 if free else self._size
        if now or free:
            self._writer.flush()
        self._written = self._writer.written
        self._records = self._writer.records
        self._at = self._clock.monotonic()

    def is_due(self, size: int, age: float, *, now: bool) -> bool:
        """Return whether a line of `size` bytes is due, `age` seconds after the last one."""
        credit = FREE_STATE_BYTES + self._writer.records // RECORD_BYTES_PER_FURTHER_STATE_BYTE - self._spent
        if size > credit:
            return False
        lasted = self._clock.monotonic() - self._began
        outweighed = self._writer.records - self._records > RECORD_BYTES_PER_STATE_BYTE * size
        waited = age >= max(SHORTEST_SECONDS_BETWEEN_STATES, CREDIT_LASTS * lasted * size / credit)
        return outweighed or waited or (now and size <= credit / SMALL_PART)
