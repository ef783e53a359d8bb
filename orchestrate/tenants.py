"""What `tenants.yml` and `secrets/<tenant>.env` say of a tenant; `meltano.yml` says which settings there are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

PROJECT = Path(__file__).absolute().parents[1]
TENANTS = "orchestrate/tenants.yml"
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")  # is a schema, a folder, a database and a part of a state id as it stands
OF_TENANTS = ("TAP_USAGE_", "TARGET_")


class WrongError(Exception):
    """What a person has to put right, in one line."""


@dataclass(frozen=True)
class Tenant:
    """What one run needs to know.

    Attributes:
        name: of the tenant.
        through: `meltano` or `pipe`.
        loader: name of a loader in `meltano.yml`.
        tap: settings of the tap, as text.
        target: settings of the loader, of the types that it wants.
        variables: settings of both and what else the tenant's file holds, as variables.
    """

    name: str
    through: str
    loader: str
    tap: Mapping[str, str]
    target: Mapping[str, str | int | bool]
    variables: Mapping[str, str]


def mapping(value: object, where: str) -> dict[str, Any]:
    """Return names and values; nothing is none of them.

    Raises:
        WrongError: it is something else.
    """
    if not value:
        return {}
    if not isinstance(value, dict):
        raise WrongError(f"{where}: names with values are expected here")
    return value


def read_yaml(name: str) -> dict[str, Any]:
    """Return a file of the project, all its values as text.

    Raises:
        WrongError: it cannot be read.
    """
    try:
        return mapping(yaml.load((PROJECT / name).read_text(encoding="utf-8-sig"), yaml.BaseLoader), name)  # noqa: S506 - makes texts only
    except OSError as error:
        raise WrongError(f"{name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise WrongError(f"{name}: is not UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}, line {mark.line + 1}" if mark else name
        raise WrongError(f"{where}: is not YAML: {getattr(error, 'problem', 'unreadable')}") from None


def read_secrets(name: str) -> dict[str, str]:
    """Return the variables of a file; nothing is interpolated.

    Raises:
        WrongError: it cannot be read.
    """
    try:
        with (PROJECT / name).open(encoding="utf-8-sig") as file:
            return {key: value or "" for key, value in dotenv_values(stream=file, interpolate=False).items()}
    except OSError as error:
        raise WrongError(f"{name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise WrongError(f"{name}: is not UTF-8") from None


def texts(settings: Mapping[str, Any], where: str, tenant: str) -> dict[str, str]:
    """Return settings as text: lists with commas, `{tenant}` replaced by the name.

    Raises:
        WrongError: a value is no text and no list of texts.
    """
    found = {}
    for name, value in settings.items():
        words = value if isinstance(value, list) else [value]
        if not all(isinstance(word, str) for word in words):
            raise WrongError(f"{where}: {name} is neither a text nor a list of texts")
        found[name] = ",".join(words).replace("{tenant}", tenant)
    return found


def typed(value: str, kind: str | None) -> str | int | bool:
    """Return a setting of a loader as its kind in `meltano.yml` wants it."""
    if kind == "integer" and value.strip().lstrip("-").isdigit():
        return int(value)
    return value.strip().lower() in {"true", "1", "yes", "on"} if kind == "boolean" else value


def tenant_of(name: str) -> Tenant:
    """Return what `tenants.yml` and the file of the tenant say.

    Raises:
        WrongError: something there is wrong; one line says what.
    """
    plan, project = read_yaml(TENANTS), mapping(read_yaml("meltano.yml").get("plugins"), "meltano.yml: plugins")
    tenants = mapping(plan.get("tenants"), f"{TENANTS}: tenants")
    for each in tenants:
        if not NAME.fullmatch(each):
            raise WrongError(f"{TENANTS}: {each!r}: a tenant's name has small letters, digits and underscores")
    if name not in tenants:
        raise WrongError(f"{TENANTS}: no tenant {name!r} there")
    if plan.get("through") not in {"meltano", "pipe"}:
        raise WrongError(f"{TENANTS}: through: meltano or pipe is expected")
    (extractor,) = [each for each in project["extractors"] if each["name"] == "tap-usage"]
    placed = mapping(plan.get("loader"), f"{TENANTS}: loader")
    loader = next((each for each in project["loaders"] if each["name"] == placed.get("name")), None)
    if not loader:
        raise WrongError(f"{TENANTS}: loader: name: meltano.yml has no loader {placed.get('name')!r}")

    own = mapping(tenants[name], f"{TENANTS}: {name}")
    secrets = read_secrets(f"secrets/{name}.env")
    told = {**mapping(plan.get("settings"), f"{TENANTS}: settings"), **own}
    told = {key: value for key, value in told.items() if key not in {"vendors", "pool"}}
    tap = known(extractor, told, secrets, name)
    tap = of_vendors(own["vendors"], tap, extractor, name) if "vendors" in own else tap
    target = known(loader, {key: value for key, value in placed.items() if key != "name"}, secrets, name)
    settings = settings_of(loader)
    usual = {key: each["value"] for key, each in settings.items() if isinstance(each.get("value"), str)}
    usual = {key: value.replace("$MELTANO_PROJECT_ROOT", str(PROJECT)) for key, value in usual.items()}
    return Tenant(
        name,
        plan["through"],
        loader["name"],
        tap,
        {key: typed(value, settings.get(key, {}).get("kind")) for key, value in (usual | target).items()},
        {
            **{key: value for key, value in secrets.items() if not key.startswith(OF_TENANTS)},
            **{prefix(extractor) + key.upper(): value for key, value in tap.items()},
            **{prefix(loader) + key.upper(): value for key, value in target.items()},
        },
    )


def prefix(plugin: Mapping[str, Any]) -> str:
    """Return what the variables of a plugin begin with."""
    return f"{plugin['name']}_".replace("-", "_").upper()


def settings_of(plugin: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what `meltano.yml` says of the settings of a plugin, by name; nothing for one that the Hub describes."""
    return {setting["name"]: setting for setting in plugin.get("settings", ())}


def known(
    plugin: Mapping[str, Any], told: Mapping[str, Any], secrets: Mapping[str, str], tenant: str
) -> dict[str, str]:
    """Return the settings of a plugin, those of the tenant's file over those of `tenants.yml`.

    Raises:
        WrongError: `meltano.yml` does not know one, or one of `tenants.yml` is secret.
    """
    settings = settings_of(plugin)
    begin = prefix(plugin)
    held = {key.removeprefix(begin).lower(): value for key, value in secrets.items() if key.startswith(begin)}
    for names, where in ((told, TENANTS), (held, f"secrets/{tenant}.env")):
        for setting in names:
            if settings and setting not in settings:
                raise WrongError(f"{where}: {plugin['name']} has no setting {setting!r} in meltano.yml")
    for setting in told:
        if settings.get(setting, {}).get("sensitive") == "true":
            raise WrongError(f"{TENANTS}: {setting} is a secret; it belongs in secrets/{tenant}.env")
    return texts(told, TENANTS, tenant) | held


def of_vendors(chosen: object, tap: Mapping[str, str], extractor: Mapping[str, Any], tenant: str) -> dict[str, str]:
    """Return the settings without those of other vendors.

    Raises:
        WrongError: there is no such vendor, or one lacks what it needs.
    """
    needed = {group[0].partition("_")[0]: group for group in extractor["settings_group_validation"]}
    if not isinstance(chosen, list) or not needed.keys() >= set(chosen):
        raise WrongError(f"{TENANTS}: {tenant}: vendors: a list is expected, of {', '.join(needed)}")
    for vendor in chosen:
        if lacking := [setting for setting in needed[vendor] if not tap.get(setting)]:
            raise WrongError(f"{tenant}: {vendor} is in its vendors, but has no {', '.join(lacking)}")
    return {key: value for key, value in tap.items() if key.partition("_")[0] not in needed.keys() - set(chosen)}
