"""Who drives the usage: shares of clients, endpoints, rules, interfaces and promotions; pure functions of rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from meters import Meter, grouped, total
from warehouse import Row, Rows

SHOWN = 8


@dataclass(frozen=True)
class Share:
    """What one of them used: a quantity per meter, and its part of the first meter's sum."""

    name: str | None
    id: str | None
    place: str | None
    quantities: Sequence[int]
    part: float


@dataclass(frozen=True)
class Ranking:
    """Those who used most, and what stands behind them, in the recent period of these meters."""

    provider: str
    of: str
    meters: Sequence[Meter]
    first: Sequence[Share]
    rest: Sequence[Share]

    @property
    def ambiguous(self) -> set[str | None]:
        """Names that more than one of them has."""
        names = Counter(share.name for share in self.first)
        return {name for name, count in names.items() if name and count > 1}

    @property
    def rest_quantities(self) -> list[int]:
        """What the rest used, per meter."""
        return [sum(column) for column in zip(*(share.quantities for share in self.rest), strict=True)]

    @property
    def rest_part(self) -> float:
        """Their part of the first meter's sum."""
        return sum(share.part for share in self.rest)


def rankings(rows: Rows, of: Sequence[Meter]) -> list[Ranking]:
    """Per provider and kind of user, and per endpoint where rows tell it; in the order of the meters."""
    users = grouped(rows["drivers"], "service_provider_name", "resource_type")
    endpoints = grouped(
        (
            {**row, "resource_type": "Endpoint", "resource_id": row["charge_description"], "resource_name": None}
            for row in rows["drivers"]
            if row["charge_description"] is not None
        ),
        "service_provider_name",
        "resource_type",
    )
    providers = list(dict.fromkeys(meter.provider for meter in of))
    found = [ranking(kind, used, of) for (_, kind), used in [*users.items(), *endpoints.items()]]
    return sorted((each for each in found if each.first), key=lambda each: providers.index(each.provider))


def ranking(kind: str, used: Sequence[Row], of: Sequence[Meter]) -> Ranking:
    """The ranking of one kind, whose rows these are; whoever used nothing is left out."""
    ids = {row["x_meter_id"] for row in used}
    columns = [meter for meter in of if meter.id in ids]
    whole = total(row for row in used if row["x_meter_id"] == columns[0].id)
    shares = [share(rows, columns, whole) for rows in grouped(used, "resource_id").values() if total(rows)]
    shares.sort(key=lambda each: (*(-quantity for quantity in each.quantities), each.id or ""))
    return Ranking(columns[0].provider, kind, columns, shares[:SHOWN], shares[SHOWN:])


def share(rows: Sequence[Row], columns: Sequence[Meter], whole: int) -> Share:
    """The share of the one whose rows these are."""
    quantities = [total(row for row in rows if row["x_meter_id"] == meter.id) for meter in columns]
    return Share(
        name=rows[0]["resource_name"],
        id=rows[0]["resource_id"],
        place=rows[0]["sub_account_name"],
        quantities=quantities,
        part=quantities[0] / whole if whole else 0,
    )
