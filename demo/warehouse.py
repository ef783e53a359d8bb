"""Read the database that the demo filled; runs in the loader's environment, where duckdb is.

`warehouse.py counts FILE` prints the rows of every table as JSON, `warehouse.py summary FILE` what they mean as text.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import duckdb

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
        select clientname as client, sum(requests) as requests, sum(status400) as "4xx", sum(status429) as "429",
            sum(status500) as "5xx", min(date)::date as "from", max(date)::date as "to",
            count(*) filter (not is_final) as "rows not final"
        from genesys_organization_usage group by all order by requests desc limit 6""",
    "Demandbase: transactions by API": """
        select coalesce(api, '(no name)') as api, sum(transactions) as transactions, count(distinct date) as days,
            max(period_start) as "to", sum(transactions) filter (not is_final) as "not final"
        from demandbase_api_usage group by all order by transactions desc limit 6""",
    "Demandbase: credits": """
        select observed_on as "on", allocatedcredits as allocated, consumedcredits as consumed,
            consumedcredits_delta as "consumed +" from demandbase_credits order by observed_on""",
    "Elastic Path: redemptions by promotion": """
        select name as promotion, sum(times_used) as redemptions, count(distinct order_id) as orders,
            min(used_on)::date as "from", max(used_on)::date as "to"
        from elasticpath_promotion_usages as usages join elasticpath_promotions as promotions
            on promotions.id = usages.promotion_id
        group by all order by redemptions desc limit 6""",
}


def table(head: list[str], rows: list[tuple[Any, ...]]) -> str:
    """Columns of text, numbers to the right."""
    text = [["" if cell is None else str(cell) for cell in row] for row in [tuple(head), *rows]]
    widths = [max(len(cell) for cell in column) for column in zip(*text, strict=True)]
    numeric = [all(isinstance(cell, int | None) for cell in column) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in text
    ]
    return "\n".join([lines[0], "-" * len(max(lines, key=len)), *lines[1:]])


def counts(database: duckdb.DuckDBPyConnection) -> str:
    """Rows of every table, as JSON."""
    names = database.execute("select table_name from duckdb_tables() order by table_name").fetchall()
    return json.dumps({name: database.table(name).count("*").fetchone()[0] for (name,) in names})


def summary(database: duckdb.DuckDBPyConnection) -> str:
    """A table per vendor."""
    parts = []
    for title, question in SUMMARIES.items():
        answer = database.execute(question)
        head = [column[0] for column in answer.description]
        parts.append(f"{title}\n\n{table(head, answer.fetchall())}")
    return "\n\n".join(parts)


if __name__ == "__main__":
    what, file = sys.argv[1:]
    with duckdb.connect(file, read_only=True) as connection:
        print({"counts": counts, "summary": summary}[what](connection))
