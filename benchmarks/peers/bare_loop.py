"""A loop over `requests`, as it is written in an hour: `bare_loop.py ORIGIN`."""

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import requests

ORIGIN = sys.argv[1]
PAGE = 100
SESSION = requests.Session()


def get(path: str, **params: Any) -> Any:  # noqa: ANN401 - decoded JSON
    """Return an answer, however long the server makes one wait for it."""
    while True:
        answer = SESSION.get(ORIGIN + path, params=params, timeout=60)
        if answer.status_code != requests.codes.too_many_requests:
            answer.raise_for_status()
            return answer.json()
        time.sleep(float(answer.headers["Retry-After"]))


def rows(path: str, **params: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - query values
    """Yield rows, page by page."""
    offset, total = 0, 1
    while offset < total:
        page = get(path, **{"page[limit]": PAGE, "page[offset]": offset, **params})
        yield from page["data"]
        offset, total = offset + PAGE, page["meta"]["results"]["total"]


def main() -> None:
    """Read all usages and write them."""
    form = {"grant_type": "client_credentials", "client_id": "bench", "client_secret": "bench"}
    token = SESSION.post(ORIGIN + "/oauth/access_token", data=form, timeout=60).json()
    SESSION.headers["Authorization"] = f"Bearer {token['access_token']}"
    for promotion in rows("/v2/rule-promotions"):
        for usage in rows(f"/v2/rule-promotions/{promotion['id']}/usages", sort="used_on"):
            usage["promotion_id"] = promotion["id"]
            message = {"type": "RECORD", "stream": "promotion_usages", "record": usage}
            sys.stdout.write(json.dumps(message) + "\n")


if __name__ == "__main__":
    main()
