"""Write the report: one HTML file that needs nothing else, from the marts that dbt built.

The connection is that of dbt's profiles (DBT_DUCKDB_PATH, or DBT_POSTGRES_DBNAME and so on, and DBT_SCHEMA); what
became of the checks is read where dbt wrote it (DBT_TARGET_PATH).
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

import jinja2

import charts
import words
from chapter import Chapter
from checks import last_run
from warehouse import UnreadableError, of_tenant, read, tenants


def page(tenant: str | None = None) -> str:
    """Return the page: a chapter per tenant, or that of one.

    Raises:
        UnreadableError: the database cannot be opened, or has no such tenant.
    """
    rows = read()
    found = tenants(rows)
    if tenant is not None and tenant not in found:
        raise UnreadableError(f"There is no tenant {tenant!r} in the database, only: {', '.join(map(repr, found))}")
    chapters = [Chapter(each, of_tenant(rows, each)) for each in found if tenant in {None, each}]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("page")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (words.change, words.day, words.ending, words.name, words.number, words.percent, words.short)
    environment.filters |= {each.__name__: each for each in filters}
    return environment.get_template("page.html").render(
        chapters=chapters,
        checks=last_run(),
        draw=charts,
        today=max((chapter.today for chapter in chapters if chapter.today), default=None),
        written_at=datetime.now(UTC),
    )


def main() -> None:
    """Write the page and say where it is."""
    parser = argparse.ArgumentParser(prog="report", description="Write the usage report as one HTML file.")
    parser.add_argument("--output", type=Path, default=Path("report.html"), help="where it goes")
    parser.add_argument("--tenant", help="only this one; without it every tenant has a chapter")
    options = parser.parse_args()
    try:
        written = page(options.tenant)
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(written, encoding="utf-8")
    except (UnreadableError, OSError) as error:
        sys.exit(f"The report was not written: {error}")
    print(f"The report: {options.output}")


if __name__ == "__main__":
    main()
