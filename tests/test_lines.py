"""What is told of a stream while a run goes on: lines and figures."""

from __future__ import annotations

import pytest

from tap_usage.reading.lines import Pace, lasting, line_of
from tap_usage.reading.meter import Meter
from tap_usage.reading.sheet import Sheet
from tap_usage.rest.pages.query import Ask, Reading
from tap_usage.rest.request import Answer
from tap_usage.sources import STREAMS
from tests.declared import SETTINGS

DEFAULTS = {
    name: setting["default"] for own in SETTINGS.values() for name, setting in own.items() if "default" in setting
}


class Open(Reading):
    """A reading that was begun."""

    def __init__(self, expected: int | None = None, submitted: float | None = None, next_look: float = 0.0) -> None:
        super().__init__()
        self.expected = expected
        self.submitted = submitted
        self.next_look = next_look

    def next_ask(self) -> Ask | None:
        return None

    def take(self, ask: Ask, answer: Answer) -> None:
        """Nothing is asked."""


def sheet(stream: str) -> Sheet:
    return STREAMS[stream](DEFAULTS)


def told(stream: str, meter: Meter, *seen: tuple[float, int, int], now: float = 0.0) -> str:
    """Return the text of a stream; `seen` are times, rows and readings from which its pace is known."""
    pace = Pace()
    for at, rows, over in seen:
        pace.see(at, Meter(rows=rows, over=over))
    return line_of(sheet(stream), meter, pace, now).text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (0.4, "0 s"), (40, "40 s"), (59.6, "1:00"), (130, "2:10"), (3599, "59:59"), (3730, "1:02:10")],
)
def test_seconds_are_told_as_a_person_tells_them(seconds: float, text: str) -> None:
    assert lasting(seconds) == text


def test_queries_are_told_with_how_long_the_oldest_runs_and_when_the_next_look_is() -> None:
    running = [Open(submitted=100.0 + i, next_look=270.0 + i) for i in range(13)]
    meter = Meter(readings=18, over=5, open={*running, Open()})
    assert told("genesys_client_usage", meter, now=230.0) == (
        "5 of 18 queries read, 13 run at genesys for 2:10, next look in 40 s"
    )
    assert told("genesys_client_usage", Meter(readings=18, open={running[0]}), now=270.0) == (
        "0 of 18 queries read, 1 runs at genesys for 2:50"
    )
    assert told("genesys_client_usage", Meter(readings=18)) == "0 of 18 queries read"


def test_rows_of_known_totals_are_told_with_their_pace_and_the_time_left() -> None:
    meter = Meter(readings=13, over=7, rows=464, expected=500, open={Open(759), *(Open(0) for _ in range(5))})
    assert told("elasticpath_promotion_usages", meter, (0, 2, 0), (60, 464, 7)) == (
        "464 of 1,259 rows, 7 of 13 promotions, 7.7 rows/s, about 1:43 left"
    )


@pytest.mark.parametrize(
    ("meter", "left"),
    [
        (Meter(readings=13, over=7, rows=464, expected=700, open={Open(100)}), "3:29"),
        (Meter(readings=13, over=7, rows=464, open={Open(200) for _ in range(6)}), "8:54"),
        (Meter(readings=13, over=7, rows=464, expected=700, open={Open() for _ in range(6)}), "3:29"),
        (Meter(readings=13, over=7, rows=464), "43 s"),
    ],
    ids=["some not begun", "of what is over nothing was said", "of what is open nothing was said", "nothing was said"],
)
def test_where_the_total_is_not_known_the_time_left_is_that_of_readings_alike(meter: Meter, left: str) -> None:
    assert told("elasticpath_promotion_usages", meter, (0, 264, 0), (50, 464, 7)) == (
        f"464 rows, 7 of 13 promotions, 4.0 rows/s, about {left} left"
    )


def test_a_list_has_no_partitions_to_tell_of() -> None:
    meter = Meter(readings=1, rows=12_000, open={Open(30_000)})
    assert told("elasticpath_promotions", meter, (0, 0, 0), (100, 12_000, 0)) == (
        "12,000 of 30,000 rows, 120 rows/s, about 2:30 left"
    )


def test_windows_are_queries_and_what_has_no_pace_has_no_time_left() -> None:
    assert told("demandbase_api_usage", Meter(readings=3, over=1, rows=7)) == "7 rows, 1 of 3 queries"
    full = Meter(readings=3, over=3, rows=7)
    assert told("demandbase_api_usage", full, (0, 0, 0), (1, 7, 3)) == "7 rows, 3 of 3 queries, 7.0 rows/s"


@pytest.mark.parametrize(
    ("stream", "text"),
    [
        ("genesys_client_usage", "waits for genesys_oauth_clients"),
        ("genesys_oauth_clients", "waits for genesys"),
    ],
)
def test_before_a_stream_knows_what_to_read_it_tells_what_it_waits_for(stream: str, text: str) -> None:
    assert told(stream, Meter()) == text


def test_the_pace_of_rows_is_that_of_the_last_minute_and_that_of_readings_of_all_time() -> None:
    pace = Pace()
    assert (pace.rows, pace.readings) == (0, 0)
    for at in range(0, 601, 10):
        counted = 0 if at <= 540 else (at - 540) * 3
        pace.see(at, Meter(rows=counted, over=counted))
    assert (pace.rows, pace.readings) == (3, 0.3)
