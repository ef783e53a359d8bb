"""Every link of the documents leads somewhere."""

from __future__ import annotations

import pytest

from tests.docs.pages import PAGES, ROOT, taken_apart


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_headings_that_are_there(page: str) -> None:
    dead = []
    for line, link in taken_apart(page).links:
        place, _, anchor = link.partition("#")
        if place.startswith("https://"):
            continue
        target = (ROOT / page).parent / place if place else ROOT / page
        there = target.exists() and target.resolve().is_relative_to(ROOT)
        if not there or (anchor and anchor not in taken_apart(target.resolve().relative_to(ROOT).as_posix()).anchors):
            dead.append(f"{page}:{line}: {link}")
    assert not dead


def test_a_link_is_found_in_prose_and_not_in_code() -> None:
    assert ("docs/operations.md" in {link for _, link in taken_apart("README.md").links}) is True
    assert "failure-lines" in taken_apart("docs/operations.md").anchors
