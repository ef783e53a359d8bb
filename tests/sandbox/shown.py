"""Which kinds of faults a test shows: a test in `test_faults` fails when a kind has none."""

from __future__ import annotations

import pytest

SHOWN: set[str] = set()


def shows(*kinds: str) -> pytest.MarkDecorator:
    SHOWN.update(kinds)
    return pytest.mark.parametrize("kind", kinds)
