"""Whoever installs the tap gets packages under licences that ask for no more than a notice."""

from __future__ import annotations

from importlib.metadata import PackageMetadata, distribution

import pytest
from packaging.requirements import Requirement

# MPL 2.0 is about changed files of the package itself: certifi, which is passed on as it is.
ALLOWED = {
    *("MIT", "MIT License", "MIT OR AFL-2.1"),
    *("Apache-2.0", "Apache-2.0 OR BSD-2-Clause", "BSD-2-Clause", "BSD-3-Clause"),
    *("PSF-2.0", "Python Software Foundation License", "MPL-2.0"),
}


def needed(name: str, extras: frozenset[str] = frozenset()) -> set[tuple[str, frozenset[str]]]:
    """Return a package, and all that it needs here, with the extras that are asked for."""
    found, open_ones = set(), {(name, extras)}
    while open_ones:
        package = open_ones.pop()
        found.add(package)
        wanted = map(Requirement, distribution(package[0]).requires or ())
        for each in wanted:
            if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in {"", *package[1]}):
                open_ones |= {(each.name.lower(), frozenset(each.extras))} - found
    return found


def licence(metadata: PackageMetadata) -> str:
    """Return what a package says: an expression, a word, or the name of a classifier."""
    said = metadata.get("License-Expression") or metadata.get("License") or ""
    if said and "\n" not in said:
        return said
    return next(line.split(" :: ")[-1] for line in metadata.get_all("Classifier") or () if line.startswith("License"))


PACKAGES = sorted({name for name, _ in needed("tap-usage")} - {"tap-usage"})


def test_all_that_is_needed_is_looked_at() -> None:
    assert {"requests", "singer-sdk", "msgspec", "rich", "certifi"} <= set(PACKAGES)


@pytest.mark.parametrize("name", PACKAGES)
def test_the_licence_of_what_comes_along_asks_for_a_notice_at_most(name: str) -> None:
    assert licence(distribution(name).metadata) in ALLOWED
