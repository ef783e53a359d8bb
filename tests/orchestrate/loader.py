"""A loader in a few lines, for the place of `target-jsonl`: appends rows to files, prints each state it gets.

Its configuration makes it fail: `fail_after` so many rows, `fail_at_end`, `cut` (the last state is printed once more,
without its end). It writes down what it was given, and ends with 1 when it fails.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main() -> int:
    """Load."""
    config = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    folder = Path(config["destination_path"])
    folder.mkdir(parents=True, exist_ok=True)
    given = {"config": config, "environment": dict(os.environ), "arguments": sys.argv}
    (folder / "given.json").write_text(json.dumps(given), encoding="utf-8")
    rows, last = 0, ""
    for line in sys.stdin:
        message = json.loads(line)
        if message["type"] == "RECORD":
            rows += 1
            if rows > config.get("fail_after", rows):
                return 1
            with (folder / f"{message['stream']}.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(message["record"]) + "\n")
        elif message["type"] == "STATE":
            last = json.dumps(message["value"])
            print(last, flush=True)
    if config.get("cut"):
        print(last[:-10], end="", flush=True)
    return 1 if config.get("fail_at_end") else 0


if __name__ == "__main__":
    sys.exit(main())
