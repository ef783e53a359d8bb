"""Sets of partitions, as small as they can stand in a state."""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import blake2b

DIGEST_BYTES = 6


class Ids:
    """A set of partitions; as text, which is what stands in a STATE line, it takes 8 characters each."""

    def __init__(self, text: str = "") -> None:
        joined = b64decode(text, validate=True)
        steps = range(0, len(joined), DIGEST_BYTES)
        self.digests = {joined[step : step + DIGEST_BYTES] for step in steps}
        if len(joined) % DIGEST_BYTES:
            raise ValueError(text)

    def __str__(self) -> str:
        """Return the set as text, the same for the same partitions."""
        return b64encode(b"".join(sorted(self.digests))).decode()


def digest(partition: str, query: str) -> bytes:
    """Return what stands for a partition in a set: nothing, when the set is of another query."""
    return blake2b(f"{query}\0{partition}".encode(errors="surrogatepass"), digest_size=DIGEST_BYTES).digest()
