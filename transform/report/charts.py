"""The report's charts: Altair's, rendered to SVG without a network, coloured by the page's CSS variables."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import altair as alt
import vl_convert
from markupsafe import Markup

from meters import SHOWN_DAYS, Meter, Month
from warehouse import Row
from words import day, name, number, short

WIDTH = 480
ROOM_FOR_LABELS = 44
SNAPSHOTS = 92
FEW = 14
NAMESPACE = "{http://www.w3.org/2000/svg}"
AXIS = {
    "labelColor": "var(--muted)",
    "labelFontSize": 11,
    "domain": False,
    "ticks": False,
    "gridColor": "var(--line)",
    "labelPadding": 6,
    "title": None,
}
CONFIG = {
    "background": "transparent",
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": AXIS,
    "axisX": {"grid": False, "domain": True, "domainColor": "var(--line)"},
    "axisY": {"tickCount": 4},
    "text": {"fontSize": 11, "color": "var(--ink)"},
    "padding": 2,
    "autosize": {"type": "fit", "contains": "padding"},
}
UTC_DAY = alt.TimeUnitParams(unit="yearmonthdate", utc=True)


def daily(meter: Meter) -> Markup:
    """Bars per day, pale and dashed while not final, the mean of seven days, marks on unusual days."""
    unusual = {row["x_usage_date"]: row for row in meter.shown_unusual}
    without_row = unusual.keys() - {row["x_usage_date"] for row in meter.shown}
    values = [
        {
            "day": row["x_usage_date"].isoformat(),
            "quantity": row["consumed_quantity"],
            "mean": row.get("average_7_days") if row["x_is_final"] else None,
            "final": row["x_is_final"],
            "unusual": row["x_usage_date"] in unusual,
            "told": told(row, meter.unit, unusual.get(row["x_usage_date"])),
        }
        for row in [*meter.shown, *(unusual[each] for each in sorted(without_row))]
    ]
    if meter.is_coarse:
        x = alt.X("day:O", axis=alt.Axis(labelAngle=0, labelOverlap=True, labelExpr=period_label()))
    else:
        x = days_axis()
    base = alt.Chart(alt.Data(values=values)).encode(x=x)
    bars = base.mark_bar(color="var(--bar)").encode(
        y=quantity_axis("quantity"),
        fillOpacity=alt.condition("datum.final", alt.value(1), alt.value(0.25)),
        stroke=alt.condition("datum.final", alt.value(None), alt.value("var(--bar)")),
        strokeDash=alt.condition("datum.final", alt.value([1, 0]), alt.value([2, 2])),
    )
    layers = [bars]
    if not meter.is_coarse:
        middle = x.copy()
        middle["bandPosition"] = 0.5
        layers.append(
            base.mark_line(color="var(--mean)", strokeWidth=2, interpolate="monotone").encode(x=middle, y="mean:Q")
        )
    marks = base.transform_filter("datum.unusual")
    layers.append(
        marks.mark_point(
            shape="triangle-down", filled=True, size=55, color="var(--alarm)", opacity=1, yOffset=-8
        ).encode(x=x if meter.is_coarse else middle, y="quantity:Q")
    )
    layers.append(hover(base))
    return picture(alt.layer(*layers).properties(width=WIDTH, height=175), f"{meter.name} per day")


def told(row: Row, unit: str, unusual: Row | None) -> str:
    """A day in words."""
    words = f"{day(row['x_usage_date'])}: {number(row['consumed_quantity'])} {unit}"
    if not row["x_is_final"]:
        words += ", may still change"
    if unusual:
        words += f"; unusual, usual is {number(unusual['usual_low'])} to {number(unusual['usual_high'])}"
    return words


def ending(month: Month) -> Markup:
    """The sum of a month as it grew, how it goes on, and the month before beside it."""
    lines: dict[str, Sequence[tuple[int, float]]] = {"this": month.sums}
    labels = []
    if month.last:
        lines["last"] = month.last_sums
        labels.append(label(f"{month.last.last:%B}", *lines["last"][-1]))
    if month.until < month.ends_on:
        lines["expected"] = [(month.until.day, month.so_far), (month.ends_on.day, month.expected)]
    labels.append(label("expected" if "expected" in lines else f"{month.until:%B}", month.ends_on.day, month.expected))
    values = [
        {"line": line, "day": x, "sum": y, "told": f"Day {x}: {number(y)} {month.meter.unit}"}
        for line, points in lines.items()
        for x, y in points
    ]
    base = alt.Chart(alt.Data(values=values)).encode(
        x=alt.X(
            "day:Q",
            scale=alt.Scale(domain=[1, ROOM_FOR_LABELS], nice=False),
            axis=alt.Axis(values=[1, 8, 15, 22, 29], format="d", domain=False),
        ),
        y=quantity_axis("sum"),
    )
    styles: dict[str, dict[str, Any]] = {
        "last": {"color": "var(--faint)", "strokeWidth": 2},
        "this": {"color": "var(--bar)", "strokeWidth": 3},
        "expected": {"color": "var(--bar)", "strokeWidth": 2, "strokeDash": [4, 4]},
    }
    layers = [base.transform_filter(f"datum.line == '{line}'").mark_line(**style) for line, style in styles.items()]
    layers.append(base.mark_point(size=90, filled=True, color="transparent").encode(description="told:N"))
    layers.append(
        alt.Chart(alt.Data(values=apart(labels)))
        .mark_text(align="left", dx=6, baseline="middle")
        .encode(x="day:Q", y="place:Q", text="text:N")
    )
    return picture(alt.layer(*layers).properties(width=WIDTH, height=175), f"{month.meter.name}: sum of the month")


def label(text: str, at: int, height: float) -> dict[str, Any]:
    """What stands at the end of a line: its name and where it ends."""
    return {"text": f"{text} {number(round(height))}", "day": at, "place": height}


def apart(labels: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Labels at the ends of lines, moved up where one would cover the other."""
    ordered = sorted(labels, key=lambda each: each["place"])
    least = 0.12 * ordered[-1]["place"]
    for lower, upper in itertools.pairwise(ordered):
        upper["place"] = max(upper["place"], lower["place"] + least)
    return ordered


def burn_down(account: Row, snapshots: Sequence[Row]) -> Markup:
    """Credits left, as they were observed and as they go on, with the band of the quartiles."""
    now, left = account["observed_at"], account["credits_left"]
    seen = [{"at": row["observed_at"].isoformat(), "left": row["credits_left"]} for row in snapshots[-SNAPSHOTS:]]
    for point in seen:
        point["told"] = f"{day(datetime.fromisoformat(point['at']))}: {number(point['left'])} credits left"
    base = alt.Chart(alt.Data(values=seen))
    x = alt.X("at:T", scale=alt.Scale(type="utc"), axis=alt.Axis(format="%-d %b", tickCount=5))
    y = quantity_axis("left")
    layers = []
    if band := outlook(account):
        layers.append(
            alt.Chart(alt.Data(values=band))
            .mark_area(color="var(--bar)", opacity=0.18)
            .encode(x=x, y=alt.Y("low:Q"), y2="high:Q")
        )
    layers.append(base.mark_line(color="var(--bar)", strokeWidth=3).encode(x=x, y=y))
    size = 40 if len(seen) <= FEW else 10
    layers.append(base.mark_point(color="var(--bar)", filled=True, size=size, opacity=1).encode(x=x, y=y))
    if account["exhausted_on"] and left > 0:
        end = now + timedelta(days=account["days_left"])
        line = [{"at": now.isoformat(), "left": left}, {"at": end.isoformat(), "left": 0}]
        layers.append(
            alt.Chart(alt.Data(values=line))
            .mark_line(color="var(--bar)", strokeWidth=2, strokeDash=[4, 4])
            .encode(x=x, y=y)
        )
        layers.append(
            alt.Chart(alt.Data(values=[{"at": end.isoformat(), "left": 0, "text": day(end)}]))
            .mark_text(align="right", dx=-38, dy=-8, fontWeight="bold")
            .encode(x=x, y=y, text="text:N")
        )
    layers.append(base.mark_point(size=120, filled=True, color="transparent").encode(x=x, y=y, description="told:N"))
    return picture(alt.layer(*layers).properties(width=WIDTH, height=190), "Credits left")


def outlook(account: Row) -> list[dict[str, Any]]:
    """The corners of the band between the slowest and the fastest usual growth; none where it is not known."""
    fast, slow = account["credits_per_day_high"], account["credits_per_day_low"]
    if not fast or slow is None or account["credits_left"] <= 0:
        return []
    left, now = account["credits_left"], account["observed_at"]
    soonest = left / fast
    latest = min(left / slow, 2 * account["days_left"]) if slow else 2 * account["days_left"]
    corners = [(0.0, left, left), (soonest, 0.0, left - slow * soonest), (latest, 0.0, max(0.0, left - slow * latest))]
    return [{"at": (now + timedelta(days=days)).isoformat(), "low": low, "high": high} for days, low, high in corners]


def throttled(clients: Sequence[tuple[Row, Sequence[Row]]], today: date) -> Markup:
    """Refused requests per day, a row of bars per client on one scale."""
    first = today - timedelta(days=SHOWN_DAYS - 1)
    most = max(row["status_429"] for _, days in clients for row in days)
    rows = []
    for place, (client, days) in enumerate(clients):
        title = short(name(client["oauth_client_name"], client["oauth_client_id"]), 40)
        values = [
            {
                "day": row["x_usage_date"].isoformat(),
                "quantity": row["status_429"],
                "told": f"{title}, {day(row['x_usage_date'])}: {number(row['status_429'])} refused",
            }
            for row in days
            if row["x_usage_date"] >= first
        ]
        last = place == len(clients) - 1
        base = alt.Chart(alt.Data(values=values)).encode(
            x=days_axis(alt.Scale(type="utc", domain=[when(first), when(today + timedelta(days=1))]), labels=last)
        )
        y = alt.Y("quantity:Q", scale=alt.Scale(domain=[0, most]), axis=alt.Axis(tickCount=2, values=[0, most]))
        bars = base.mark_bar(color="var(--bar)").encode(y=y, description="told:N")
        heading = alt.TitleParams(
            title, anchor="start", fontSize=11, fontWeight=600, color="var(--ink)", offset=2, frame="group"
        )
        rows.append(bars.properties(width=WIDTH - 40, height=44, title=heading))
    return picture(alt.vconcat(*rows, spacing=6), "Refused requests per day by client")


def when(moment: date) -> dict[str, Any]:
    """A day as Vega-Lite says it."""
    return {"year": moment.year, "month": moment.month, "date": moment.day, "utc": True}


def days_axis(scale: alt.Scale | None = None, *, labels: bool = True) -> alt.X:
    """An axis of UTC days."""
    return alt.X(
        "day:T",
        timeUnit=UTC_DAY,
        scale=scale or alt.Scale(type="utc"),
        axis=alt.Axis(format="%-d %b", tickCount=5, labels=labels),
    )


def quantity_axis(field: str) -> alt.Y:
    """An axis that begins with 0, large numbers shortened."""
    label = "datum.value >= 1e6 ? format(datum.value, '.3~s') : format(datum.value, ',')"
    return alt.Y(f"{field}:Q", scale=alt.Scale(zero=True), axis=alt.Axis(labelExpr=label, tickMinStep=1))


def period_label() -> str:
    """The label of a period: its first day."""
    return "utcFormat(utcParse(datum.value, '%Y-%m-%d'), '%-d %b %y')"


def hover(base: alt.Chart) -> alt.Chart:
    """Columns as high as the chart, not seen, that tell what the day under the pointer is."""
    return base.mark_bar(color="transparent").encode(y=alt.value(0), y2=alt.value("height"), description="told:N")


def picture(chart: alt.TopLevelMixin, label: str) -> Markup:
    """Render a chart as SVG that stands in a page: one picture to a screen reader, tooltips for its marks."""
    chart = chart.configure(**CONFIG)
    root = ET.fromstring(vl_convert.vegalite_to_svg(chart.to_dict()))  # noqa: S314 - our own
    for element in root.iter():
        element.tag = element.tag.removeprefix(NAMESPACE)
        told = element.attrib.get("aria-label")
        is_mark = element.attrib.get("aria-roledescription") not in {None, "axis"} and not len(element)
        for name_ in [name_ for name_ in element.attrib if name_.startswith("aria-") or name_ in {"role", "class"}]:
            del element.attrib[name_]
        if is_mark and told:
            ET.SubElement(element, "title").text = told
    root.attrib |= {"role": "img", "aria-label": label}
    for size in ("version", "height"):
        root.attrib.pop(size, None)
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 - escaped by the serializer
