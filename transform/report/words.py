"""How the page writes numbers, days and names."""

from __future__ import annotations

from datetime import date

MINUS = "\N{MINUS SIGN}"


def number(value: float | None) -> str:
    """A number with its thousands apart; small ones keep a decimal."""
    if value is None:
        return "\N{EN DASH}"
    exact = value == int(value) or abs(value) >= 100  # noqa: PLR2004 - from here on a decimal says nothing
    return (f"{value:,.0f}" if exact else f"{value:,.1f}").replace("-", MINUS)


def percent(value: float) -> str:
    """A part of a whole; what is too small for a decimal is not 0."""
    if 0 < value < 0.0005:  # noqa: PLR2004 - it would be 0.0 %
        return "below 0.1 %"
    return f"{value:.1%}".replace("%", " %")


def change(value: float) -> str:
    """By what part something grew or shrank, with its sign."""
    return f"{value:+.1%}".replace("-", MINUS).replace("%", " %")


def ending(identity: str | None, kept: int = 8) -> str:
    """The end of an id, enough to tell one from another."""
    if identity is None:
        return ""
    return identity if len(identity) <= kept + 1 else "…\N{WORD JOINER}" + identity[-kept:]


def day(value: date) -> str:
    """A day as a person writes it."""
    return f"{value.day} {value:%b %Y}"


def name(given: str | None, identity: str | None) -> str:
    """What something is called: its name, else its id, else that it has none."""
    return given or identity or "(not named)"


def short(text: str, longest: int = 80) -> str:
    """A text cut to what a page has room for."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
