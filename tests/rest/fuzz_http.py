"""A server that answers in every way HTTP/1.1 allows, and some it does not: no answer may reach another request.

`python -m tests.rest.fuzz_http --minutes 5 --seed 1` prints figures and exits with 1 when one did.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import random
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from tap_usage.rest.connection import Connection, Request
from tap_usage.rest.errors import RequestError
from tap_usage.rest.host import ErrorFields
from tests.rest.loopback import TOKEN, Heard, Loopback, Reply, connect

PEM = Path(__file__).with_name("loopback.pem")
WORKERS = 4
TIMEOUT_SECONDS = 0.5
BREATH_SECONDS = 0.004
INTERIM = (100, 102, 103, 110, 199)
REFUSALS = (400, 403, 404, 503)
ODD_LINES = (
    b"X-Folded: a\r\n  b\r\n\tc",
    b"X-Empty:",
    b"x-lower:close to the colon",
    b"X-Tab:\tvalue\t",
    b"X-Latin: \xe9\xe8",
    b"X-Long: " + b"x" * 3000,
    b"X-Twice: 1\r\nX-Twice: 2",
    b"Keep-Alive: timeout=5",
    b"Content-Type: multipart/mixed",
    b"Date: whenever",
)


@dataclass
class Figures:
    """What came of it.

    Attributes:
        requests: that were to be answered.
        sent: how often one was sent.
        connections: that were opened.
        kinds: what the answers were like.
        failed: requests that got no answer in all their tries.
        wrong: requests that got the answer to another one.
    """

    requests: int = 0
    sent: int = 0
    connections: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Return a table for a person."""
        lines: dict[str, int] = {
            "requests": self.requests,
            "answers sent": self.sent,
            "connections": self.connections,
            **dict(sorted(self.kinds.items())),
            "requests without an answer": self.failed,
            "answers that reached another request": len(self.wrong),
        }
        return "\n".join(f"{name:<38}{value:>10}" for name, value in lines.items())


class Answer:
    """One answer, as the dice fall."""

    def __init__(self, dice: random.Random, tag: str, kinds: Counter[str]) -> None:
        self._dice = dice
        self._kinds = kinds
        self._eol = b"\n" if self._is(0.05, "bare line feeds") else b"\r\n"
        self.hang_up = False
        self.reset = False
        self.pieces = list(self._pieces(tag))

    def _is(self, chance: float, kind: str) -> bool:
        happens = self._dice.random() < chance
        if happens:
            self._kinds[kind] += 1
        return happens

    def _pieces(self, tag: str) -> Iterator[bytes]:
        """Yield what is sent; before an empty piece the server takes a breath."""
        while self._is(0.25, "informational answers"):
            yield self._interim()
            if self._is(0.5, "breaths after one"):
                yield b""
        whole = self._whole(tag)
        if self._is(0.04, "cut off"):
            whole = whole[: self._dice.randrange(len(whole))]
            self.hang_up, self.reset = True, self._is(0.3, "with a reset")
        elif self._is(0.004, "too late"):
            yield from [b""] * int(1.3 * TIMEOUT_SECONDS / BREATH_SECONDS)
        elif self._is(0.15, "left-overs"):
            over = self._leftover()
            cut = self._dice.choice([len(over), self._dice.randrange(1, len(over))])
            yield whole + over[:cut]
            yield b""
            yield over[cut:] or over
            return
        cuts = sorted(self._dice.sample(range(len(whole) + 1), min(len(whole), self._dice.choice([0, 0, 1, 2, 5]))))
        for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
            yield whole[start:end]
            if self._is(0.05, "breaths in between"):
                yield b""

    def _head(self, status: int, *lines: bytes, version: bytes = b"1.1") -> bytes:
        reason = self._dice.choice([b" OK", b" ", b"", b" Not  what: it seems"])
        odd = self._dice.sample(ODD_LINES, self._dice.choice([0, 0, 1, 3]))
        told = [*odd, *lines]
        self._dice.shuffle(told)
        return self._eol.join([b"HTTP/%s %d%s" % (version, status, reason), *told, b"", b""])

    def _interim(self) -> bytes:
        return self._head(self._dice.choice(INTERIM), b"Link: </x>; rel=preload")

    def _leftover(self) -> bytes:
        if self._is(0.2, "informational left-overs"):
            return self._interim()
        body = b'{"of": "left over"}'
        return self._head(200, b"Content-Length: %d" % len(body)) + body

    def _whole(self, tag: str) -> bytes:
        refused = self._is(0.1, "refusals")
        status = self._dice.choice(REFUSALS) if refused else self._dice.choice([200, 200, 201, 202, 206])
        body = json.dumps({"of": tag, "pad": "x" * self._dice.choice([0, 10, 500, 5000])}).encode()
        lines = []
        if self._is(0.2, "gzip"):
            body = gzip.compress(body)
            lines.append(b"Content-Encoding: gzip")
        if self._is(0.08, "Connection: close"):
            lines.append(self._dice.choice([b"Connection: close", b"connection:  Close", b"Connection: x, close"]))
            self.hang_up = bool(self._dice.random() < 0.5)
        how = self._dice.choice(["length", "length", "chunks", "chunks", "end", "HTTP/1.0"])
        self._kinds[f"framed by {how}"] += 1
        if how == "chunks":
            coding = self._dice.choice([b"chunked", b"Chunked"])
            return self._head(status, *lines, b"Transfer-Encoding: " + coding) + self._chunks(body)
        if how == "end":
            self.hang_up = True
            return self._head(status, *lines) + body
        lines.append(b"Content-Length: %d" % len(body))
        if how == "HTTP/1.0":
            kept = self._dice.choice([[], [b"Connection: keep-alive"]])
            self.hang_up = not kept
            return self._head(status, *lines, *kept, version=b"1.0") + body
        return self._head(status, *lines) + body

    def _chunks(self, body: bytes) -> bytes:
        sent = []
        while body:
            size = self._dice.choice([1, 7, 100, 4000])
            chunk, body = body[:size], body[size:]
            extension = self._dice.choice([b"", b"", b";a=1", b' ; q="x y"'])
            sent.append(b"%s%s\r\n%s\r\n" % (self._dice.choice([b"%x", b"%X", b"0%x"]) % len(chunk), extension, chunk))
        trailer = b"X-Sum: 1\r\nX-Odd:\r\n" if self._is(0.3, "trailers") else b""
        return b"".join([*sent, b"0\r\n", trailer, b"\r\n"])


class Server:
    """Answers each request as the seed says, however the threads run."""

    def __init__(self, seed: object, figures: Figures) -> None:
        self._seed = seed
        self._figures = figures
        self._tries: Counter[str] = Counter()
        self._breath = threading.Event()

    def __call__(self, heard: Heard) -> Reply:
        tag = heard.target.rpartition("=")[2]
        self._tries[tag] += 1
        dice = random.Random(f"{self._seed} {tag} {self._tries[tag]}")  # noqa: S311 - no secret hangs on it
        self._figures.sent += 1
        answer = Answer(dice, tag, self._figures.kinds)
        return Reply(self._breathing(answer.pieces), hang_up=answer.hang_up, reset=answer.reset)

    def token(self, _: Heard) -> Reply:
        interim = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(TOKEN)
        return Reply(self._breathing([interim, b"", head + TOKEN]))

    def _breathing(self, pieces: list[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            if piece:
                yield piece
            else:
                self._breath.wait(BREATH_SECONDS)


def ask(connection: Connection, tag: str, figures: Figures) -> None:
    """Send one request and look whose answer comes."""
    try:
        body = connection.send(Request("/rows", params={"of": tag})).body
        got = body.get("of") if isinstance(body, dict) else repr(body)
    except RequestError as error:
        if error.status not in REFUSALS or not error.code:
            figures.failed += 1
            return
        got = error.code
    if got != tag:
        figures.wrong.append(f"{tag} got {got}")


def fuzz(seed: int, go_on: Callable[[int], bool], *, secured: bool) -> Figures:
    """Send requests in several threads, as long as `go_on` of their number says so."""
    figures, numbers = Figures(), iter(range(10**9))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if secured else None
    if context:
        context.load_cert_chain(PEM)
    server = Server(f"{seed} {secured}", figures)

    def work(connection: Connection) -> None:
        while go_on(number := next(numbers)):
            figures.requests += 1
            ask(connection, f"r{number}", figures)

    with Loopback(server, server.token, context) as loopback:
        fields = ErrorFields(code=("of",))
        connection = connect(
            loopback.origin, max_concurrency=WORKERS, timeout_seconds=TIMEOUT_SECONDS, max_tries=20, errors=fields
        )
        workers = [threading.Thread(target=work, args=(connection,)) for _ in range(WORKERS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        connection.close()
        figures.connections = loopback.connections
    return figures


def main() -> int:
    """Fuzz for some minutes, half of them over TLS."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    logging.disable()
    wrong = 0
    for secured in (False, True):
        until = time.monotonic() + 30 * chosen.minutes
        with patch.dict("os.environ", REQUESTS_CA_BUNDLE=str(PEM), no_proxy="127.0.0.1"):
            figures = fuzz(chosen.seed, lambda _, until=until: time.monotonic() < until, secured=secured)  # type: ignore[misc]
        print(f"{'TLS' if secured else 'plain'}, seed {chosen.seed}\n{figures}\n")  # noqa: T201 - for a person
        for each in figures.wrong[:20]:
            print(each)  # noqa: T201 - for a person
        wrong += len(figures.wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
