"""The pages of the documents: their blocks, headings and links."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "*/README.md", "benchmarks/RESULTS.md")
    for path in ROOT.glob(pattern)
    if not path.relative_to(ROOT).parts[0].startswith(".")
)


@dataclass
class Block:
    """A fenced block.

    Attributes:
        page: where it stands, from the root of the repository.
        line: number of its first line.
        language: first word behind the fence.
        how: the rest behind the fence.
        lines: what it holds, without the indentation of its fence.
    """

    page: str
    line: int
    language: str
    how: str
    lines: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join([*self.lines, ""])

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass
class Page:
    """A page, taken apart.

    Attributes:
        blocks: its fenced blocks.
        prose: its other lines, by number.
    """

    blocks: list[Block]
    prose: dict[int, str]

    @property
    def links(self) -> list[tuple[int, str]]:
        """Return the line and the target of each link and image."""
        found = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
        code = re.compile(r"`[^`]*`")
        return [(number, link) for number, line in self.prose.items() for link in found.findall(code.sub("``", line))]

    @property
    def anchors(self) -> set[str]:
        """Return the names of its headings, as they are made where the pages are shown."""
        names: set[str] = set()
        for line in self.prose.values():
            if heading := re.match(r"#{1,6} +(.*?) *#*$", line):
                text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading[1]).lower()
                name = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
                names.add(
                    next(each for number in range(99) if (each := f"{name}-{number}" if number else name) not in names)
                )
        return names


def taken_apart(name: str) -> Page:
    """Return a page of the repository.

    Raises:
        ValueError: a block has no end.
    """
    page, block, indent = Page([], {}), None, ""
    for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1):
        fence = re.match(r"( *)```(\S*) *(.*?) *$", line)
        if block is None and fence:
            block, indent = Block(name, number + 1, fence[2], fence[3]), fence[1]
        elif block is None:
            page.prose[number] = line
        elif fence and fence[1] == indent and not fence[2]:
            page.blocks.append(block)
            block = None
        else:
            block.lines.append(line.removeprefix(indent))
    if block:
        raise ValueError(f"{block} has no end")
    return page
