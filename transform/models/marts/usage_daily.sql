with days as (
    select
        x_tenant,
        service_provider_name,
        x_meter_id,
        sku_meter,
        consumed_unit,
        x_usage_date,
        sum(consumed_quantity) as consumed_quantity,
        count(*) as fact_count,
        count(*) filter (where not x_is_final) as facts_not_final
    from {{ ref('usage_facts') }}
    group by x_tenant, service_provider_name, x_meter_id, sku_meter, consumed_unit, x_usage_date
),

running as (
    select
        *,
        min(x_usage_date) over (partition by x_tenant, x_meter_id) as first_date,
        sum(consumed_quantity) over (
            partition by x_tenant, x_meter_id order by x_usage_date
            range between interval '6 days' preceding and current row
        ) as quantity_7_days,
        sum(consumed_quantity) over (
            partition by x_tenant, x_meter_id, date_trunc('month', cast(x_usage_date as timestamp))
            order by x_usage_date
        ) as month_to_date,
        cast(
            date_trunc('month', cast(x_usage_date as timestamp)) + interval '1 month' as date
        ) - x_usage_date - 1 as days_to_come
    from days
),

averaged as (
    select
        *,
        case
            when x_usage_date - first_date >= 6 then cast(quantity_7_days as double precision) / 7
        end as average_7_days
    from running
)

select
    x_tenant,
    service_provider_name,
    x_meter_id,
    sku_meter,
    consumed_unit,
    x_usage_date,
    cast(consumed_quantity as numeric(38, 0)) as consumed_quantity,
    fact_count,
    facts_not_final,
    facts_not_final = 0 as x_is_final,
    average_7_days,
    cast(month_to_date as numeric(38, 0)) as month_to_date,
    cast(month_to_date as double precision) + average_7_days * days_to_come as month_end_estimate
from averaged
