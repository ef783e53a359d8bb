"""The report as a tree of elements."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.warehouse.databases import ROOT, Database, done, program

WITHOUT_END = {"meta", "wbr"}
CELLS = {"td", "th", "caption"}


class Tree(HTMLParser):
    """Makes a tree of a page and refuses one that is not well nested."""

    def __init__(self) -> None:
        super().__init__()
        self._builder = ET.TreeBuilder()
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._builder.start(tag, {name: value or "" for name, value in attrs})
        self._open.append(tag)
        if tag in WITHOUT_END:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, self.getpos()
        self._builder.end(tag)
        if tag in CELLS:
            self._builder.data(" ")

    def handle_data(self, data: str) -> None:
        if self._open:
            self._builder.data(data)

    def root(self) -> ET.Element:
        self.close()
        assert not self._open
        return self._builder.close()


class Page:
    """A page that was written."""

    def __init__(self, source: str) -> None:
        tree = Tree()
        tree.feed(source)
        self.source = source
        self.root = tree.root()

    def panel(self, name: str, tenant: int = 1) -> ET.Element:
        found = self.root.find(f".//section[@id='tenant-{tenant}-{name}']")
        assert found is not None, name
        return found

    @property
    def panels(self) -> list[str]:
        return [each.attrib["id"].removeprefix("tenant-1-") for each in self.root.iterfind(".//section[@id]")]


def report(database: Database, *words: str) -> Page:
    """Write the report of a database."""
    file = database.target / "report.html"
    command: list[str | Path] = [program(database.dbt, "python"), ROOT / "transform" / "report", "--output", file]
    done([*command, *words], DBT_TARGET_PATH=str(database.target), **database.variables)
    return Page(file.read_text(encoding="utf-8"))


def text(element: ET.Element) -> str:
    """What a reader reads, white space as one space."""
    return " ".join("".join(element.itertext()).split())


def figures(element: ET.Element) -> list[float]:
    """The numbers in it that a program may read, in their order."""
    return [float(data.attrib["value"]) for data in element.iterfind(".//data")]


def cards(panel: ET.Element) -> dict[str, ET.Element]:
    """Cards of a panel by their heading."""
    found = {}
    for card in panel.iterfind(".//article"):
        heading = next(each for each in card.iter() if each.tag in {"h3", "h4", "caption"})
        found[text(heading)] = card
    return found
