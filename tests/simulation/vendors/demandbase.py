"""Demandbase: transactions that are posted until the end of the next day, and credits that begin anew now and then."""

from __future__ import annotations

import random
from typing import ClassVar

from tests.simulation.clock import DAY, date_time, day_number, day_text
from tests.simulation.faults import Fault
from tests.simulation.vendors.vendor import Asked, Json, Made, Owed, Owes, Refused, Vendor

ACCOUNT = "4711"
NUMBERS = {401: "401-101", 405: "405-1", 429: "429-1"}


class Demandbase(Vendor):
    name: ClassVar[str] = "demandbase"

    def __init__(self, dice: random.Random, at: float) -> None:
        super().__init__(dice, at)
        self.seed = dice.randint(0, 9999)
        self.apis = ["NEWS", None, None, "SEARCH"][: dice.randint(1, 4)]
        self.per_second = 1 / dice.choice((300, 3600, 50_000))
        self.resets = [at - 9 * DAY]

    def grow(self, since: float, at: float) -> None:
        if self.dice.random() < 0.2:
            self.resets.append(max(self.resets[-1], self.moment(since, at)))

    def choose(self) -> Json:
        return {
            "demandbase_client_id": "client",
            "demandbase_client_secret": "s",
            "demandbase_window_periods": self.dice.choice((3, 10, 31)),
        }

    @property
    def size(self) -> int:
        return 1

    def operation(self, asked: Asked) -> str:
        return "demandbase.token" if asked.method == "POST" else "demandbase.usage"

    def token_of(self, asked: Asked) -> str:
        return asked.headers.get("accessToken", "")

    def token(self, token: str, expiry: float) -> Json:
        text = date_time(int(expiry)).strftime("%a, %b %d, %Y %I:%M:%S %p GMT")
        return {"accessTokenDetails": {"accessToken": token, "tokenType": "bearer", "expirationTime": text}}

    def carry_out(self, operation: str, asked: Asked, at: float, fault: Fault | None) -> Made:  # noqa: ARG002
        query = asked.query
        days = range(day_number(query["start"]), min(day_number(query["end"]), int(at // DAY)) + 1)
        rows = []
        for day in days:
            for source, api in enumerate(self.apis):
                if transactions := self._transactions(day, source, at):
                    named = {"api": api} if api else {}
                    rows.append({**named, "transactions": transactions, "date": day_text(day), "source": source})
        credit = {"allocatedCredits": 99999, "consumedCredits": self._consumed(at)}
        envelope = {"accountName": "Simulated", "accountId": ACCOUNT, **query}
        return 200, {**envelope, "usageForAccount": rows, "creditsForAccount": [credit]}, {}

    def error(self, asked: Asked, refused: Refused) -> Json:  # noqa: ARG002 - the same everywhere
        number = NUMBERS.get(refused.status, f"{refused.status}-1")
        return {"errorType": "ClientError", "errorNumber": number, "message": "refused", "diagnosticCode": "00"}

    def owes(self, begin: float, end: float, start_day: int) -> Owes:
        rows: dict[tuple[object, ...], Owed] = {}
        for day in range(start_day, int(begin // DAY) + 1):
            for source in range(len(self.apis)):
                if low := self._transactions(day, source, begin):
                    rows["day", day_text(day), source] = Owed(low, self._transactions(day, source, end))
        figures = sorted((self._consumed(begin), self._consumed(end)))
        consumed = Owed(*figures) if self.resets[-1] <= begin else Owed()
        today = day_text(int(begin // DAY))
        same = begin // DAY == end // DAY
        return {"demandbase_api_usage": rows, "demandbase_credits": {(ACCOUNT, today): consumed} if same else {}}

    def _transactions(self, day: int, source: int, at: float) -> int:
        mixed = (day * 73_856_093 ^ source * 19_349_663 ^ self.seed * 83_492_791) >> 3
        if not mixed % 4:
            return 0
        share = min(1.0, (at - day * DAY) / (2 * DAY))
        return max(1, int((10 + mixed % 90) * share)) if share >= 0 else 0

    def _consumed(self, at: float) -> int:
        reset = max(reset for reset in self.resets if reset <= at)
        return 5 + int((at - reset) * self.per_second)
