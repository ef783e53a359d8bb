select * from {schema}.pingone_totals order by issued desc, issuance_rule_id
