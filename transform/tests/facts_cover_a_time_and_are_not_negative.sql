select
    x_tenant,
    x_source_stream,
    x_source_key,
    charge_period_start,
    charge_period_end,
    consumed_quantity
from {{ ref('usage_facts') }}
where coalesce(charge_period_end <= charge_period_start, true) or coalesce(consumed_quantity < 0, true)
