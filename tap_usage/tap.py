"""The tap: what it does with its sources (a run, a look, a plan), and one exit code."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterable
from copy import deepcopy
from functools import partial
from types import FrameType
from typing import Any, cast

import click
from singer_sdk import Stream

from tap_usage import cautions, logs, summary
from tap_usage.command import IncompleteError
from tap_usage.output import OutputLost, StateWriter
from tap_usage.reading.finding import lines
from tap_usage.reading.look import Look
from tap_usage.reading.sheet import Sheet
from tap_usage.rest.clock import Stopped
from tap_usage.rest.loop import Task
from tap_usage.sources import STREAMS, Sources
from tap_usage.stream import UsageStream
from tap_usage.telling import Standing, tell

SECONDS_IN_WHICH_A_SIGNAL_ENDS_THE_TARGET_TOO = 0.2


class TapUsage(Sources):
    """Usage data of PingOne, Genesys Cloud, Demandbase and Elastic Path."""

    def run_discovery(self) -> str:
        """Write the catalog to standard output and return it."""
        text = self.catalog_json_text
        self.message_writer.write(f"{text}\n".encode())
        self.message_writer.flush()
        return text

    def look(self) -> bool:
        """Look at each stream once, and tell on standard error which can be read, a line for each.

        Returns:
            Whether nothing failed.

        Raises:
            SystemExit: when it was ended by a signal.
        """
        look = Look((stream.sheet, stream.workers) for stream in self.streams.values())
        try:
            with contextlib.suppress(Stopped):
                self.loop.run(look.tasks())
        finally:
            self._close(1.0)
        findings = look.findings
        for line in lines(findings):
            click.echo(logs.NOT_PRINTABLE.sub(" ", line), err=True)
        if self.clock.stopping is not None:
            sys.exit(128 + (self.clock.stopping or signal.SIGTERM))
        return all(finding.readable is not False for finding in findings)

    def run(self) -> None:
        """Extract; the last lines of the log sum up each stream and name what failed.

        Raises:
            IncompleteError: when something could not be extracted.
            OutputLost: when standard output takes no more.
            SystemExit: when the run was ended by a signal.
        """
        lost: OutputLost | None = None
        over = False
        try:
            self._extract()
            over = True
        except OutputLost as error:
            lost = error
            with contextlib.suppress(Stopped):  # perhaps the target died of a signal that comes here too
                self.clock.wait(SECONDS_IN_WHICH_A_SIGNAL_ENDS_THE_TARGET_TOO)
        finally:
            self._close(1.0 if lost is None and self.clock.stopping is None else 0.0)
            self._sum_up(lost, over=over)
        for line in self.this_run.failures.lines:
            self.logger.error("%s", line)
        if self.clock.stopping is not None:
            self._tell_the_signal(self.clock.stopping, lost)
            sys.exit(128 + (self.clock.stopping or signal.SIGTERM))
        if lost:
            raise lost
        if self.this_run.failures:
            raise IncompleteError

    def plan(self, form: str) -> None:
        """Tell on standard output what `run` would do, as `table` or `json`, and in the log what cannot be read."""
        from tap_usage import plan

        self._caution()
        self.this_run.state = deepcopy(cast("dict[str, Any]", self.state))
        read, listed = self._needed(stream for stream in self.streams.values() if stream.selected)
        try:
            plan.tell(plan.made(self.streams.values(), read | listed, self.this_run, self.loop), form)
        except Stopped:
            sys.exit(128 + (self.clock.stopping or signal.SIGTERM))
        finally:
            self._close(1.0)
        for line in self.this_run.failures.lines:
            self.logger.error("%s", line)
        if self.this_run.failures:
            raise IncompleteError

    def _close(self, seconds: float) -> None:
        for workers in self._workers:
            workers.close(seconds)

    def _extract(self) -> None:
        self.message_writer.flush()  # an output that is closed is told before anything is asked for
        self._caution()
        with contextlib.suppress(Stopped):
            self.sync_all()
        self.this_run.save(last=True)

    def sync_all(self) -> None:  # type: ignore[misc]
        """Extract what is selected, all streams side by side."""
        self._sync([stream for stream in self.streams.values() if stream.selected])

    def run_sync_dry_run(  # type: ignore[misc]
        self, dry_run_record_limit: int | None = 1, streams: Iterable[Stream] | None = None
    ) -> bool:
        """Extract a few records of each stream, selected or not."""
        chosen = cast("Iterable[UsageStream]", streams or self.streams.values())
        for stream in chosen:
            stream.selected = True
        self._sync(chosen, dry_run_record_limit)
        return True

    def _sync(self, chosen: Iterable[UsageStream], most: int | None = None) -> None:
        self._reset_state_progress_markers()
        if self.state:
            self._state_writer.write_state(self.state)
        run = self.this_run
        run.state = cast("dict[str, Any]", self.state)
        run.told = deepcopy(run.state) if self.config.get("batch_config") else run.state
        run.states = StateWriter(self.message_writer, run.told, self.clock)
        read, listed = self._needed(chosen)
        tasks = [
            self._task(stream, most, read=type(stream.sheet) in read, listed=type(stream.sheet) in listed)
            for stream in self.streams.values()
        ]
        sheets = [stream.sheet for stream in self.streams.values()]
        connections = [workers.connection for workers in self._workers]
        telling = tell(Standing(sheets, run.meters, connections, self.message_writer, self.clock))
        self.message_writer.meanwhile(partial(next, telling, None))
        self.loop.run(tasks, beside=[telling])

    def _needed(self, chosen: Iterable[UsageStream]) -> tuple[set[type[Sheet]], set[type[Sheet]]]:
        """Return what is read, and what is listed for it; what has an unreadable stream map has failed."""
        read = set()
        for stream in chosen:
            if error := self._unmapped.get(stream.name):
                self.this_run.failed(stream.sheet, "", error)
            else:
                read.add(type(stream.sheet))
        return read, {parent for sheet in read for parent in sheet.ancestors()}

    def _task(self, stream: UsageStream, most: int | None, *, read: bool, listed: bool) -> Task:
        """Read a stream; what others depend on is listed in any case."""
        if read:
            yield from stream.steps(most)
        if listed:
            yield from stream.listing()

    def _caution(self) -> None:
        given = self.input_catalog
        entries = {name: entry.metadata.resolve_selection()[()] for name, entry in given.items()} if given else None
        selected = {name: stream.selected for name, stream in self.streams.items()}
        for line in (
            *cautions.of_settings(self.config, self.clock.now()),
            *cautions.of_selection(selected, STREAMS, entries, self.left_out),
        ):
            self.logger.warning("%s", line)

    def _tell_the_signal(self, number: int, lost: OutputLost | None) -> None:
        """Tell how the run ended; a target that got the same signal may have ended before it read the last line."""
        name = signal.Signals(number or signal.SIGTERM).name
        if lost is None and self.message_writer.was_taken(SECONDS_IN_WHICH_A_SIGNAL_ENDS_THE_TARGET_TOO):
            self.logger.warning("Ended by %s; the state is written, the next run goes on from there", name)
        else:
            why = f" ({lost})" if lost else ""
            self.logger.warning(
                "Ended by %s; the target did not take the last lines%s: the next run goes on from the last state "
                "that it saved",
                name,
                why,
            )

    def _sum_up(self, lost: OutputLost | None, *, over: bool) -> None:
        ended_by, code = None, 0 if over and not self.this_run.failures else 1
        if lost:
            ended_by = "lost output"
        if self.clock.stopping is not None and (over or lost):
            number = self.clock.stopping or signal.SIGTERM
            ended_by, code = signal.Signals(number).name, 128 + number
        summary.tell(summary.of(self.this_run, self.streams), code, ended_by, self.logger)

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the SDK's arguments
        """SIGTERM and Ctrl-C: have everything that waits or emits stop. A second signal ends the process at once."""
        if self.clock.stopping is not None:
            os._exit(128 + signum)
        self.clock.stop(signum)
