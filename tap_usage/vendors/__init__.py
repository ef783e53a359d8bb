"""One module per vendor, found by being here. A module declares its `Vendor` as `VENDOR`."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from tap_usage.vendors.vendor import Vendor

VENDORS: tuple[Vendor, ...] = tuple(
    import_module(f"{__name__}.{module.name}").VENDOR
    for module in iter_modules(__path__)
    if module.name != Vendor.__module__.rpartition(".")[2]
)
