"""Read the database that the demo filled; runs in the loader's environment, where the driver is.

`warehouse.py counts duckdb FILE SCHEMA` prints the rows of every table as JSON, `warehouse.py summary psycopg2 URL
SCHEMA` what they mean as text.
"""

from __future__ import annotations

import importlib
import json
import sys
from decimal import Decimal
from typing import Any

SUMMARIES = {
    "PingOne: credentials by issuance rule, lifetime totals and growth of the last day": """
        select coalesce(title, counts.credential_type_id) as "credential type",
            right(issuance_rule_id, 12) as rule, rules.status,
            issued, issued_delta as "issued +", accepted, accepted_delta as "accepted +", revoked, errors
        from pingone_issuance_rule_usage_counts as counts
        left join pingone_credential_types as types on types.id = counts.credential_type_id
        left join pingone_issuance_rules as rules on rules.id = counts.issuance_rule_id
        where observed_on = (select max(observed_on) from pingone_issuance_rule_usage_counts)
        order by issued desc, rule limit 6""",
    "Genesys Cloud: API requests by OAuth client": """
        select "clientName" as client, sum(requests) as requests, sum(status400) as "4xx", sum(status429) as "429",
            sum(status500) as "5xx", cast(min(date) as date) as "from", cast(max(date) as date) as "to",
            count(*) filter (where not is_final) as "rows not final"
        from genesys_organization_usage group by "clientName" order by requests desc limit 6""",
    "Demandbase: transactions by API": """
        select coalesce(api, '(no name)') as api, sum(transactions) as transactions, count(distinct date) as days,
            max(period_start) as "to", sum(transactions) filter (where not is_final) as "not final"
        from demandbase_api_usage group by api order by transactions desc limit 6""",
    "Demandbase: credits": """
        select observed_on as "on", "allocatedCredits" as allocated, "consumedCredits" as consumed,
            "consumedCredits_delta" as "consumed +" from demandbase_credits order by observed_on""",
    "Elastic Path: redemptions by promotion": """
        select name as promotion, sum(times_used) as redemptions, count(distinct order_id) as orders,
            cast(min(used_on) as date) as "from", cast(max(used_on) as date) as "to"
        from elasticpath_promotion_usages as usages join elasticpath_promotions as promotions
            on promotions.id = usages.promotion_id
        group by name order by redemptions desc limit 6""",
}
TABLES = "select table_name from information_schema.tables where table_schema = '{}' order by table_name"


def table(head: list[str], rows: list[tuple[Any, ...]]) -> str:
    """Columns of text, numbers to the right."""
    text = [["" if cell is None else str(cell) for cell in row] for row in [tuple(head), *rows]]
    widths = [max(len(cell) for cell in column) for column in zip(*text, strict=True)]
    numeric = [all(isinstance(cell, int | Decimal | None) for cell in column) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in text
    ]
    return "\n".join([lines[0], "-" * len(max(lines, key=len)), *lines[1:]])


def counts(cursor: Any, schema: str) -> str:  # noqa: ANN401 - of either driver
    """Rows of every table of the schema, as JSON."""
    cursor.execute(TABLES.format(schema))
    found = {}
    for (name,) in cursor.fetchall():
        cursor.execute(f"select count(*) from {schema}.{name}")  # noqa: S608 - tables of our own
        (found[name],) = cursor.fetchone()
    return json.dumps(found)


def summary(cursor: Any, schema: str) -> str:  # noqa: ANN401 - of either driver
    """A table per vendor."""
    cursor.execute(f"set search_path = '{schema}'")
    parts = []
    for title, question in SUMMARIES.items():
        cursor.execute(question)
        head = [column[0] for column in cursor.description]
        parts.append(f"{title}\n\n{table(head, cursor.fetchall())}")
    return "\n\n".join(parts)


if __name__ == "__main__":
    what, driver, where, of = sys.argv[1:]
    connection = importlib.import_module(driver).connect(where)
    print({"counts": counts, "summary": summary}[what](connection.cursor(), of))
