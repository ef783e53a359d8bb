"""Settings: what a vendor declares, and one clear line for each thing that is wrong with what the user gave."""

from __future__ import annotations

import ast
import contextlib
import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft7Validator, ValidationError
from singer_sdk import typing as th

from tap_usage.times import instant

Property = th.Property[Any]


def text(name: str, description: str, *, default: str | None = None, choices: Iterable[str] = ()) -> Property:
    """Return a setting that is a text, one of `choices` if there are any."""
    kind = th.StringType(allowed_values=list(choices)) if choices else th.StringType()
    return th.Property(name, kind, default=default, description=description)


def secret(name: str, description: str) -> Property:
    """Return a setting that is never shown."""
    return th.Property(name, th.StringType, secret=True, description=description)


def texts(name: str, description: str, *, default: list[str] | None = None, choices: Iterable[str] = ()) -> Property:
    """Return a setting that is a list of texts."""
    kind = th.StringType(allowed_values=list(choices)) if choices else th.StringType()
    return th.Property(name, th.ArrayType(kind), default=default, description=description)


def domain(name: str, description: str, *, default: str, known: Iterable[str]) -> Property:
    """Return a setting that is the name of a domain; `known` ones are suggested, any other is accepted too."""
    return th.Property(name, th.HostnameType, default=default, description=description, examples=list(known))


def whole(name: str, description: str, default: int, at_least: int = 0, at_most: int | None = None) -> Property:
    """Return a setting that is an integer."""
    return th.Property(
        name, th.IntegerType(minimum=at_least, maximum=at_most), default=default, description=description
    )


def number(name: str, description: str, default: float, at_least: int = 0, at_most: int | None = None) -> Property:
    """Return a setting that is a number."""
    return th.Property(name, th.NumberType(minimum=at_least, maximum=at_most), default=default, description=description)


COMMON = th.PropertiesList(
    th.Property(
        "start_date",
        th.DateTimeType,
        description="Earliest data of a first run; without an offset it is UTC. Default: 90 days before the run, "
        "midnight UTC; everything for Elastic Path.",
    ),
    th.Property(
        "end_date",
        th.DateTimeType,
        description="Exclusive end of what is read, for a bounded backfill; streams read by day drop a time of day. "
        "Default: now.",
    ),
    whole("max_concurrency", "Requests in flight per vendor; all vendors and streams run side by side.", 8, 1, 64),
    number(
        "request_timeout_seconds",
        "Longest wait for a connection, for the head of one answer, and for its body.",
        60,
        1,
        3600,
    ),
    whole("max_retries", "Tries of one request before it counts as failed.", 8, 1, 100),
    text("user_agent", "`User-Agent` header of every request. Default: `tap-usage/<version>`."),
    text(
        "tenant",
        "Whose data it is, for tables that hold many tenants: each row gets it as the field `tenant`, with which every "
        "key begins. When it changes, history is read again.",
    ),
)
HOSTS = ("api", "apps", "login", "www")
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
BY_THE_SDK = ("emit_activate_version_messages",)


@dataclass(frozen=True)
class Required:
    """The settings of one vendor that must be there together.

    Attributes:
        vendor: prefix of all its settings, without the underscore.
        names: the required ones.
    """

    vendor: str
    names: tuple[str, ...]

    def given(self, config: Mapping[str, Any]) -> bool:
        """Return whether any setting was given that only this vendor needs."""
        return any(config.get(name) not in (None, "") for name in self.names)

    def missing(self, config: Mapping[str, Any]) -> list[str]:
        """Return the required settings that are not there."""
        return [name for name in self.names if config.get(name) in (None, "")]


def schema(lists: Iterable[th.PropertiesList]) -> dict[str, Any]:
    """Return the JSON Schema of all settings."""
    properties: dict[str, Any] = {}
    for settings in lists:
        properties |= settings.to_dict()["properties"]
    return {"type": "object", "properties": properties, "required": [], "$schema": Draft7Validator.META_SCHEMA["$id"]}


def normalize(config: dict[str, Any], settings: Mapping[str, Any]) -> None:
    """Give numbers, booleans and arrays that came as text their type, and leave out what is null or empty.

    Environment variables and `.env` files know only text. Text that does not fit stays as it is, for `problems`.
    """
    for name, value in list(config.items()):
        types = settings["properties"].get(name, {}).get("type", [])
        if value is None or (value == "" and name in settings["properties"]):
            del config[name]
        elif isinstance(value, str) and "string" not in types:
            config[name] = _from_text(value, types)
        elif isinstance(value, str) and _is_domain_kind(settings["properties"].get(name, {})):
            config[name] = value.lower()
    for name, setting in settings["properties"].items():
        if "default" in setting:
            config.setdefault(name, setting["default"])


def _from_text(text: str, types: Iterable[str]) -> Any:  # noqa: ANN401 - a setting
    try:
        value = json.loads(text.lower() if "boolean" in types else text)  # `True` is Python's word, and YAML's
    except ValueError:
        return _list(text) if "array" in types else text
    wrong = isinstance(value, bool) and "boolean" not in types
    return text if wrong or isinstance(value, str) else value


def _list(text: str) -> list[Any]:
    """Return a list that is no JSON: as Python writes it, which Meltano does for its commands, or with commas."""
    with contextlib.suppress(ValueError, SyntaxError):
        if isinstance(value := ast.literal_eval(text), list):
            return value
    return [part.strip() for part in text.split(",")]


def problems(
    config: Mapping[str, Any], settings: Mapping[str, Any], vendors: Iterable[Required], hint: str = ""
) -> list[str]:
    """Return one line for each thing that is wrong; empty when the settings are good. No value is quoted.

    Args:
        config: what was given, after `normalize`.
        settings: JSON Schema of all settings.
        vendors: what each vendor needs.
        hint: where the credentials may be, for the line that there are none.
    """
    known = settings["properties"]
    lines = [_unknown(name, [*known, *BY_THE_SDK]) for name in config if name not in known and name not in BY_THE_SDK]
    lines += [_wrong(error, known) for error in Draft7Validator(dict(settings)).iter_errors(dict(config))]
    lines += [line for name in config for line in _more(name, config[name], known.get(name, {}))]
    dated = not lines and "start_date" in config and "end_date" in config
    if dated and instant(config["end_date"]) <= instant(config["start_date"]):
        lines.append("`end_date` must be after `start_date`")
    vendors = tuple(vendors)
    used = [vendor for vendor in vendors if vendor.given(config)]
    for vendor in used:
        if missing := vendor.missing(config):
            names = ", ".join(f"`{name}`" for name in missing)
            lines.append(f"{vendor.vendor}: {names} missing; give all of them, or none of the vendor's credentials")
    if not used and not lines:
        wanted = "; or ".join(", ".join(f"`{name}`" for name in vendor.names) for vendor in vendors)
        lines.append(f"no vendor is configured; give {wanted}{hint}")
    return lines


def _unknown(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"`{name}` is not a setting" + (f"; did you mean `{close[0]}`?" if close else "")


def _wrong(error: ValidationError, known: Mapping[str, Any]) -> str:
    name = str(error.absolute_path[0]) if error.absolute_path else "the configuration"
    where = f"`{name}`" + "".join(f"[{step}]" for step in list(error.absolute_path)[1:])
    setting = known.get(name, {})
    allowed: Any = error.validator_value
    if error.validator == "type":
        types = [kind for kind in allowed if kind != "null"]
        article = "an" if types[0][0] in "aeiou" else "a"
        return f"{where} must be {article} {types[0]}"
    if error.validator == "enum":
        return f"{where} must be one of {', '.join(str(value) for value in allowed if value is not None)}"
    if error.validator in {"minimum", "maximum", "exclusiveMinimum"}:
        low, high = setting.get("minimum"), setting.get("maximum")
        return f"{where} must be " + (f"between {low} and {high}" if high is not None else f"at least {low}")
    return f"{where} does not fit: see `--about`"


def _more(name: str, value: object, setting: Mapping[str, Any]) -> Iterable[str]:
    if value == []:
        yield f"`{name}` is empty; leave it out for the default"
    if isinstance(value, list) and any(_has_blanks(name, each) for each in value if isinstance(each, str)):
        yield f"`{name}` has blanks or control characters in one of its values"
    if not isinstance(value, str):
        return
    if setting.get("format") == "date-time" and not _is_instant(value):
        yield f"`{name}` must be a date or date-time such as 2026-01-31 or 2026-01-31T00:00:00Z"
    if name.endswith("_url") and not _is_base_url(value):
        yield f"`{name}` must be a URL such as https://api.example.com"
    if _is_domain_kind(setting) and not _is_domain(value):
        yield f"`{name}` must be a domain, without scheme, host or path: {_domains(value, setting)}"
    elif _has_blanks(name, value):
        yield f"`{name}` has blanks or control characters at its ends or inside"
    elif name == "user_agent" and not value.isascii():
        yield f"`{name}` must be plain ASCII"


def _has_blanks(name: str, value: str) -> bool:
    """Return whether a value is broken by a copy: only a secret and a user agent may have blanks inside."""
    inside = not name.endswith(("_id", "_ids", "_url"))
    return not value.isprintable() or value != value.strip() or (not inside and " " in value)


def _is_domain_kind(setting: Mapping[str, Any]) -> bool:
    return setting.get("format") == "hostname"


def _is_domain(text: str) -> bool:
    labels = text.split(".")
    return len(labels) > 1 and labels[0] not in HOSTS and all(LABEL.fullmatch(label) for label in labels)


def _domains(text: str, setting: Mapping[str, Any]) -> str:
    """Return the known domains, or the one that was meant."""
    known: list[str] = setting.get("examples", [])
    meant = [name for name in known if name in text]
    close = (meant and [max(meant, key=len)]) or difflib.get_close_matches(text, known, n=1)
    return f"did you mean {close[0]}?" if close else f"one of {', '.join(known)}, or another one of the vendor"


def _is_instant(text: str) -> bool:
    try:
        instant(text)
    except (ValueError, OverflowError):
        return False
    return True


def _is_base_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    whole = not (parts.query or parts.fragment or parts.username or port == 0)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and whole
