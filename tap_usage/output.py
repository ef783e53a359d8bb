"""What goes to standard output: Singer lines in few large writes, and STATE lines spaced by what they cost."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from singer_sdk.contrib.msgspec import MsgSpecWriter, encoder
from singer_sdk.singerlib import StateMessage
from singer_sdk.singerlib.encoding.simple import Message

from tap_usage.rest.clock import Clock

BUFFER_BYTES = 64 * 1024
RECORD_BYTES_PER_STATE_BYTE = 20
LONGEST_SECONDS_BETWEEN_STATES = 10.0
LONGEST_SECONDS_IN_BUFFER = 1.0


class TargetGone(BaseException):
    """The target closed its end of the pipe: there is nobody left to write to."""


class RecordLine(msgspec.Struct, gc=False):
    """A Singer RECORD."""

    type: str
    stream: str
    record: dict[str, Any]
    version: int | msgspec.UnsetType
    time_extracted: datetime


class BufferedWriter(MsgSpecWriter):
    """Writes Singer lines in order, many in one go; with a STATE line everything before it is out."""

    def __init__(self) -> None:
        super().__init__()
        self._buffer = bytearray()
        self.written = 0

    def write_message(self, message: Message) -> None:
        """Write one message."""
        self.write(self.format_message(message))
        if isinstance(message, StateMessage):
            self.flush()

    def write_records(self, stream: str, rows: Iterable[dict[str, Any]], version: int | None = None) -> None:
        """Write a RECORD line for each row, as the SDK would."""
        now = datetime.now(UTC)
        number = msgspec.UNSET if version is None else version
        self.write(encoder.encode_lines([RecordLine("RECORD", stream, row, number, now) for row in rows]))

    def write(self, lines: bytes | bytearray) -> None:
        """Write whole lines."""
        self._buffer += lines
        self.written += len(lines)
        if len(self._buffer) >= BUFFER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Have everything written out."""
        lines, self._buffer = memoryview(self._buffer), bytearray()
        try:
            # With PYTHONUNBUFFERED this is the bare file: a signal makes it write a part only.
            while lines:
                lines = lines[sys.stdout.buffer.write(lines) :]
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise TargetGone from None


class StateWriter:
    """Writes the state when it has changed and a line is due.

    A line is due when the records since the last one outweigh it, when that is ten seconds old, or in a hurry (an
    execution was submitted) after a second.

    Args:
        writer: for the lines.
        state: the state of the tap, as it is at any moment.
        clock: for the spacing.
    """

    def __init__(self, writer: BufferedWriter, state: Mapping[str, Any], clock: Clock) -> None:
        self._writer = writer
        self._state = state
        self._clock = clock
        self._last = b""
        self._written = 0
        self._at = clock.monotonic()
        self._hurry = False

    def hurry(self) -> None:
        """Have the state out within seconds."""
        self._hurry = True

    def write(self, *, now: bool = False) -> None:
        """Write the state if it has changed and a line is due, or `now`."""
        age = self._clock.monotonic() - self._at
        if age >= LONGEST_SECONDS_IN_BUFFER:
            self._writer.flush()
        outweighed = self._writer.written - self._written > RECORD_BYTES_PER_STATE_BYTE * max(len(self._last), 100)
        hurry = self._hurry and age >= LONGEST_SECONDS_IN_BUFFER
        if not (now or outweighed or hurry or age >= LONGEST_SECONDS_BETWEEN_STATES):
            return
        self._hurry = False
        encoded = encoder.encode(self._state)
        records = self._writer.written > self._written
        if encoded != self._last or (now and records):
            self._writer.write(b'{"type":"STATE","value":%b}\n' % encoded)
            self._last = encoded
        if now or hurry:
            self._writer.flush()
        self._written = self._writer.written
        self._at = self._clock.monotonic()
