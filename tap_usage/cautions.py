"""What is no error but hardly meant: told before a run, so that nobody takes an empty one for a good one."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from tap_usage.times import instant


def of_settings(config: Mapping[str, Any], now: datetime) -> Iterator[str]:
    """Yield what is odd about settings."""
    if "start_date" in config and instant(config["start_date"]) > now:
        yield "`start_date` is in the future: what has no bookmark is not read"
    if "tenant" in config and config.get("emit_activate_version_messages"):
        yield "`emit_activate_version_messages` does nothing with `tenant`: it would delete the rows of other tenants"


def of_selection(
    selected: Mapping[str, bool],
    known: Collection[str],
    catalog: Mapping[str, bool] | None = None,
    left_out: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """Yield what is odd about the choice of streams.

    Args:
        selected: the streams of the configured vendors, and whether they are read.
        known: all streams of the tap.
        catalog: the streams of the catalog that was given, and whether it selects them.
        left_out: streams of the configured vendors that are not there, and the setting because of which.
    """
    if catalog is not None:
        for name in sorted(name for name in catalog if name not in known):
            close = difflib.get_close_matches(name, known, n=1)
            yield f"`{name}` in the given catalog is no stream of this tap" + (
                f"; did you mean `{close[0]}`?" if close else ""
            )
        if lacking := [name for name in selected if name not in catalog]:
            yield f"the given catalog does not know {_listed(lacking)}: not read; discover again if they should be"
        absent = [name for name in known if catalog.get(name) and name not in selected]
        for setting in dict.fromkeys((left_out or {}).values()):
            if idle := [name for name in absent if (left_out or {}).get(name) == setting]:
                yield f"the given catalog selects {_listed(idle)}, which `{setting}` leaves out"
        if idle := [name for name in absent if name not in (left_out or {})]:
            yield f"the given catalog selects {_listed(idle)}, whose vendor is not configured"
    if not any(selected.values()):
        yield "nothing is selected, so nothing is read: look at the catalog, or at what selects in it"


def _listed(names: Collection[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
