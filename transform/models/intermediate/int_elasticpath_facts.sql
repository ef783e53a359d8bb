with days as (
    select
        tenant,
        promotion_id,
        cast(used_at as date) as used_on,
        sum(times_used) as times_used
    from {{ ref('stg_elasticpath__promotion_usages') }}
    where used_at is not null and times_used is not null
    group by tenant, promotion_id, cast(used_at as date)
),

judged as (
    select
        *,
        used_on < max(used_on) over (partition by tenant) as is_final
    from days
),

promotions as (
    select * from {{ ref('stg_elasticpath__promotions') }}
)

select
    judged.tenant as x_tenant,
    'elasticpath.redemptions' as x_meter_id,
    promotions.store_id as billing_account_id,
    cast(null as text) as billing_account_name,
    cast(null as text) as sub_account_id,
    cast(null as text) as sub_account_name,
    cast(null as text) as region_id,
    judged.promotion_id as resource_id,
    promotions.promotion_name as resource_name,
    cast(null as text) as charge_description,
    cast(judged.used_on as timestamp) as charge_period_start,
    cast(judged.used_on as timestamp) + interval '1 day' as charge_period_end,
    judged.times_used as consumed_quantity,
    judged.used_on as x_usage_date,
    judged.is_final as x_is_final,
    'elasticpath_promotion_usages' as x_source_stream,
    coalesce(judged.promotion_id, '') || '/' || cast(judged.used_on as text) as x_source_key
from judged
left join promotions on judged.tenant = promotions.tenant and judged.promotion_id = promotions.promotion_id
