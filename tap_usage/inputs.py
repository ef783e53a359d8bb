"""What a user hands over in files and variables: settings, state, catalog. What cannot be read is one line."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import click
from dotenv import dotenv_values
from singer_sdk.singerlib import Catalog

ENCODING = "utf-8-sig"  # UTF-8, and the byte order mark of some tools is read over
DOTENV = ".env"
NOT_A_STATE = (
    "--state: this is no state: `bookmarks` must hold an object for each stream. An empty state is {}; "
    "a STATE message and what `meltano state get` prints are read too"
)


def read(file: IO[str], option: str) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        click.UsageError: when there is none.
    """
    try:
        value = json.load(file)
    except (ValueError, RecursionError) as error:
        why = f" ({error})" if isinstance(error, json.JSONDecodeError) else ""
        raise click.UsageError(f"{option}: {file.name} is not JSON in UTF-8{why}") from None
    if not isinstance(value, dict):
        raise click.UsageError(f"{option}: {file.name} does not hold a JSON object")
    return value


def read_config(paths: Iterable[str]) -> dict[str, Any]:
    """Return the settings of files; those given later go over those given before.

    Raises:
        click.UsageError: when one cannot be read.
    """
    config: dict[str, Any] = {}
    for path in paths:
        try:
            with Path(path).open(encoding=ENCODING) as file:
                config |= read(file, "--config")
        except OSError as error:
            raise click.UsageError(f"--config: {path}: {error.strerror}") from None
    return config


def read_catalog(file: IO[str]) -> Catalog:
    """Return the catalog in a file.

    Raises:
        click.UsageError: when there is none.
    """
    value = read(file, "--catalog")
    try:
        if isinstance(value["streams"], list):
            return Catalog.from_dict(value)
    except (AttributeError, KeyError, TypeError):
        pass
    raise click.UsageError(f"--catalog: {file.name} does not hold a catalog")


def bookmarks_in(state: dict[str, Any]) -> dict[str, Any]:
    """Return the bookmarks by stream; what a state is stored in is opened.

    Raises:
        click.UsageError: when it is no state. An empty object is one.
    """
    if not state:
        return {}
    if state.get("type") == "STATE" and isinstance(state.get("value"), dict):
        return bookmarks_in(state["value"])
    if isinstance(state.get("singer_state"), dict):
        return bookmarks_in(state["singer_state"])
    if isinstance(state.get("completed"), dict):
        partial = state.get("partial")
        return _merged(bookmarks_in(state["completed"]), bookmarks_in(partial if isinstance(partial, dict) else {}))
    bookmarks = state.get("bookmarks")
    if not isinstance(bookmarks, dict) or not all(_is_bookmark(of) for of in bookmarks.values()):
        raise click.UsageError(NOT_A_STATE)
    return bookmarks


def variables(prefix: str) -> dict[str, str]:
    """Return the settings among the variables of the environment and of `.env` in the working directory, as text.

    Those whose name goes on with an underscore after the prefix are Meltano's, and the level of the log is no setting.

    Raises:
        click.UsageError: when there is a `.env` that cannot be read.
    """
    given = {**_dotenv(), **os.environ}
    names = {name: name.removeprefix(prefix) for name in given if name.startswith(prefix)}
    settings = {setting.lower(): given[name] or "" for name, setting in names.items() if not setting.startswith("_")}
    return {name: value for name, value in settings.items() if name != "loglevel"}


def forgotten(prefix: str) -> str:
    """Return a hint for a run that was not told to look at variables, if there are some."""
    try:
        given = variables(prefix)
    except click.UsageError:
        given = {}
    return f"; variables {prefix}… are set: they are read with --config=ENV" if given else ""


def _dotenv() -> dict[str, str | None]:
    try:
        text = Path(DOTENV).read_text(encoding=ENCODING)
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise click.UsageError(f"{DOTENV}: is not UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise click.UsageError(f"{DOTENV}: {error.strerror}") from None
    if "\0" in text:
        raise click.UsageError(f"{DOTENV}: is not UTF-8; save it as UTF-8")
    return dotenv_values(stream=io.StringIO(text), interpolate=False)


def _is_bookmark(of: object) -> bool:
    if not isinstance(of, dict) or not isinstance(of.get("partitions", []), list):
        return False
    return all(isinstance(partition, dict) for partition in of.get("partitions", []))


def _merged(older: dict[str, Any], newer: dict[str, Any]) -> dict[str, Any]:
    """Return a state over an older one, as Meltano lays a partial one over the last complete one."""
    merged = dict(older)
    for name, value in newer.items():
        under = merged.get(name)
        merged[name] = _merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged
