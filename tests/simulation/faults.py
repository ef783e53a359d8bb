"""What goes wrong on the wire during a run, drawn at random."""

from __future__ import annotations

import random
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

OPERATIONS = (
    *("pingone.token", "pingone.environments", "pingone.types", "pingone.rules", "pingone.counts"),
    *("genesys.token", "genesys.clients", "genesys.submit", "genesys.client_submit", "genesys.results"),
    *("demandbase.token", "demandbase.usage"),
    *("elasticpath.token", "elasticpath.promotions", "elasticpath.usages"),
)
LISTS = ("pingone.environments", "pingone.types", "pingone.rules", "genesys.clients", "elasticpath.promotions")
GONE = (
    "elasticpath.usages",
    "elasticpath.usages",
    "genesys.client_submit",
    "genesys.results",
    *LISTS[1:3],
    "pingone.counts",
)
EXECUTIONS = ("genesys.submit", "genesys.client_submit")
PATTERNS = ("*", "pingone.*", "genesys.*", "demandbase.*", "elasticpath.*", "elasticpath.usages", "*.token")
TIMES = (1, 1, 2, 5, 1000)

# What the tap cannot tell from the truth, and where it happens. Whatever it reads then, it may not say that this was
# all there is: the judge is lenient about the run, and strict about the life.
SILENT = {"unlisted": LISTS, "not_found": GONE}
# Where a kind happens, for those that do not happen everywhere.
PLACES: dict[str, tuple[str, ...]] = {
    **SILENT,
    "doubled_rows": ("elasticpath.*",),
    "wrong_total": ("elasticpath.*", "genesys.clients"),
    "no_total": ("elasticpath.*",),
    "reversed_rows": ("elasticpath.usages",),
    "short_page": ("elasticpath.*",),
    "null_rows": ("elasticpath.*",),
    "fails": EXECUTIONS,
    "forgotten": EXECUTIONS,
    "endless": EXECUTIONS,
    "slow_query": EXECUTIONS,
    "odd_word": ("genesys.results",),
    "late_token": ("*.token",),
    "short_token": ("*.token",),
    "no_expiry": ("*.token",),
}
ANYWHERE = (
    *("500", "502", "503", "408", "429", "429_soon", "429_date", "401", "403", "405"),
    *("refused", "reset", "lost", "timeout", "broken_off", "drips", "slow", "slow"),
    *("cut", "html", "null", "list", "empty", "no_content", "mark"),
    *("odd_date", "no_date"),
)
KINDS = (
    *ANYWHERE,
    *PLACES,
    *(3 * ("unlisted", "not_found")),
    "reversed_rows",
    "doubled_rows",
    "fails",
    "forgotten",
    "endless",
)


@dataclass(slots=True)
class Fault:
    """Something that goes wrong with so many requests (`times`) of some operations, after so many that go right."""

    kind: str
    operations: str
    after: int
    times: int
    number: int

    def hits(self, operation: str) -> bool:
        """Tell whether it hits this request, and count it."""
        if not self.times or operation not in matching(self.operations):
            return False
        if self.after:
            self.after -= 1
            return False
        self.times -= 1
        return True


@lru_cache(maxsize=256)
def matching(pattern: str) -> frozenset[str]:
    """Return the operations that a pattern means."""
    return frozenset(name for name in OPERATIONS if fnmatchcase(name, pattern))


def draw(dice: random.Random) -> Fault:
    """Draw a fault."""
    kind = dice.choice(KINDS)
    patterns = PLACES.get(kind, PATTERNS)
    number = int(dice.random() * 1000)
    after = int(dice.random() ** 2 * 30) if dice.random() < 0.7 else 0
    return Fault(kind, dice.choice(patterns), after, dice.choice(TIMES), number)
