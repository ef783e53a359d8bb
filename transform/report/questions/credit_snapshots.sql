select
    tenant as x_tenant,
    account_id as billing_account_id,
    observed_at,
    allocated_credits - consumed_credits as credits_left
from {schema}.stg_demandbase__credits
where allocated_credits is not null and consumed_credits is not null
order by observed_at
