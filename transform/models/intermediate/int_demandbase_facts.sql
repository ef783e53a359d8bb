with answers as (
    select
        *,
        coalesce(account_id, '') as asked_of,
        coalesce(period, 'day') as question,
        case period
            when 'year' then period_start + interval '1 year'
            when 'month' then period_start + interval '1 month'
            else period_start + interval '1 day'
        end as period_end
    from {{ ref('stg_demandbase__api_usage') }}
    where period_start is not null
),

counted as (
    {{ one_question('answers', ['tenant', 'asked_of']) }}
)

select
    tenant as x_tenant,
    'demandbase.api_transactions' as x_meter_id,
    account_id as billing_account_id,
    account_name as billing_account_name,
    cast(null as text) as sub_account_id,
    cast(null as text) as sub_account_name,
    cast(null as text) as region_id,
    api_name as resource_id,
    api_name as resource_name,
    cast(null as text) as charge_description,
    period_start as charge_period_start,
    period_end as charge_period_end,
    transactions as consumed_quantity,
    cast(period_start as date) as x_usage_date,
    coalesce(is_final, true) as x_is_final,
    'demandbase_api_usage' as x_source_stream,
    usage_key as x_source_key
from counted
where transactions is not null
