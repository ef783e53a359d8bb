-- Who used what in the 30 days a meter is judged by: final days up to the last one, or all while none is final.
with meters as (
    select
        x_tenant,
        x_meter_id,
        count(case when x_is_final then 1 end) as final_days,
        coalesce(max(case when x_is_final then x_usage_date end), max(x_usage_date)) as last_date
    from {schema}.usage_daily
    group by x_tenant, x_meter_id
),

days as (
    select x_tenant, x_meter_id, x_usage_date
    from {schema}.usage_daily
    inner join meters using (x_tenant, x_meter_id)
    where x_usage_date > last_date - 30 and x_usage_date <= last_date and (x_is_final or final_days = 0)
)

select
    x_tenant,
    service_provider_name,
    x_meter_id,
    resource_type,
    resource_id,
    charge_description,
    max(resource_name) as resource_name,
    max(sub_account_name) as sub_account_name,
    sum(consumed_quantity) as consumed_quantity
from {schema}.usage_facts
inner join days using (x_tenant, x_meter_id, x_usage_date)
group by x_tenant, service_provider_name, x_meter_id, resource_type, resource_id, charge_description
