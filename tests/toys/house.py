"""The house with two vendors more: in this process, or as a copy that is a program of its own."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterable, Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from tap_usage import schema, settings, sources, tap
from tap_usage.vendors import VENDORS
from tap_usage.vendors.vendor import Vendor
from tests.command import PROJECT, written

TOYS = Path(__file__).parent
SHEETS = {path.stem: path.read_text(encoding="utf-8") for path in (TOYS / "vendors").glob("[a-z]*.py")}
NUMBERS = itertools.count()


def copied(folder: Path, *parts: str) -> Path:
    """Copy parts of the project, and give the tap the toys' sheets and schemas and nothing else."""
    for part in ("tap_usage", "schemas", *parts):
        source = PROJECT / part
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, folder / part, **({"ignore": shutil.ignore_patterns("__pycache__")} if source.is_dir() else {}))
    for name, sheet in SHEETS.items():
        written(folder / "tap_usage" / "vendors" / f"{name}.py", sheet)
    shutil.copytree(TOYS / "schemas", folder / "schemas", dirs_exist_ok=True)
    return folder


class Workshop:
    """Makes vendors of sheets' texts, and has the tap of this process know them."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._patch = patch
        self._schemas = folder / "schemas"
        shutil.copytree(PROJECT / "schemas", self._schemas)
        shutil.copytree(TOYS / "schemas", self._schemas, dirs_exist_ok=True)
        patch.setattr(schema, "directory", lambda: self._schemas)

    def vendor(self, sheet: str) -> Vendor:
        """Return what the text of a sheet declares."""
        name = f"toy_{next(NUMBERS)}"
        written(self._folder / f"{name}.py", sheet)
        spec = spec_from_file_location(name, self._folder / f"{name}.py")
        assert spec
        assert spec.loader
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        vendor: Vendor = module.VENDOR
        return vendor

    def install(self, vendors: Iterable[Vendor], *, shipped: bool = False) -> None:
        """Have the tap know these vendors, and perhaps its own."""
        vendors = (*(VENDORS if shipped else ()), *vendors)
        lists = [settings.COMMON, *(vendor.settings for vendor in vendors)]
        self._patch.setattr(sources, "VENDORS", vendors)
        self._patch.setattr(sources, "STREAMS", {sheet.name: sheet for vendor in vendors for sheet in vendor.streams})
        self._patch.setattr(tap.TapUsage, "config_jsonschema", settings.schema(lists))

    def schema(self, name: str, properties: Mapping[str, Any]) -> None:
        """Replace some properties of a schema."""
        path = self._schemas / f"{name}.json"
        told = schema.load(name)
        written(path, {**told, "properties": {**told["properties"], **properties}})
