-- Promotions that were redeemed after their end, or are disabled and were redeemed.
select
    x_tenant,
    promotion_id,
    max(promotion_name) as promotion_name,
    max(ends_at) as ends_at,
    max(case when is_enabled then 1 else 0 end) as is_enabled,
    max(x_usage_date) as last_used_on,
    sum(case when x_usage_date > cast(ends_at as date) then consumed_quantity else 0 end) as used_after_end
from {schema}.usage_facts
inner join {schema}.stg_elasticpath__promotions on resource_id = promotion_id and x_tenant = tenant
where resource_type = 'Promotion' and (x_usage_date > cast(ends_at as date) or not is_enabled)
group by x_tenant, promotion_id
order by last_used_on desc, promotion_id
