with snapshots as (
    select
        *,
        lag(consumed_credits) over (partition by tenant, account_id order by observed_at) as consumed_before,
        lag(observed_at) over (partition by tenant, account_id order by observed_at) as observed_before,
        row_number() over (partition by tenant, account_id order by observed_at desc) as from_the_newest
    from {{ ref('stg_demandbase__credits') }}
    where observed_at is not null and consumed_credits is not null
),

growths as (
    select
        tenant,
        account_id,
        cast(consumed_credits - consumed_before as double precision) as growth,
        cast(extract(epoch from observed_at - observed_before) as double precision) / 3600 as hours,
        row_number() over (partition by tenant, account_id order by observed_at desc) as from_the_newest
    from snapshots
    where consumed_credits >= consumed_before
),

paces as (
    select
        tenant,
        account_id,
        count(*) as growth_count,
        sum(hours) as hours_covered,
        sum(growth) / sum(hours) * 24 as per_day,
        percentile_cont(0.25) within group (order by growth / hours * 24) as per_day_low,
        percentile_cont(0.75) within group (order by growth / hours * 24) as per_day_high
    from growths
    where from_the_newest <= 28
    group by tenant, account_id
),

forecasts as (
    select
        snapshots.*,
        snapshots.allocated_credits - snapshots.consumed_credits as credits_left,
        cast(extract(hour from snapshots.observed_at) as double precision) / 24 as day_gone,
        coalesce(paces.growth_count, 0) as growth_count,
        coalesce(paces.hours_covered, 0) as hours_covered,
        paces.per_day,
        case when paces.growth_count >= 4 then paces.per_day_low end as per_day_low,
        case when paces.growth_count >= 4 then paces.per_day_high end as per_day_high
    from snapshots
    left join paces on snapshots.tenant = paces.tenant and snapshots.account_id = paces.account_id
    where snapshots.from_the_newest = 1
),

ends as (
    select
        {%- for pace in ['per_day', 'per_day_low', 'per_day_high'] %}
        case
            when forecasts.credits_left <= 0 then 0
            when forecasts.{{ pace }} > 0 then cast(forecasts.credits_left as double precision) / forecasts.{{ pace }}
        end as days_left_at_{{ pace }},
        {%- endfor %}
        forecasts.*
    from forecasts
)

select
    tenant as x_tenant,
    account_id as billing_account_id,
    account_name as billing_account_name,
    observed_at,
    cast(allocated_credits as numeric(38, 0)) as allocated_credits,
    cast(consumed_credits as numeric(38, 0)) as consumed_credits,
    cast(credits_left as numeric(38, 0)) as credits_left,
    growth_count,
    hours_covered,
    per_day as credits_per_day,
    per_day_low as credits_per_day_low,
    per_day_high as credits_per_day_high,
    {%- for name, pace in [('', 'per_day'), ('_earliest', 'per_day_high'), ('_latest', 'per_day_low')] %}
    case
        when days_left_at_{{ pace }} < 3653
            then cast(observed_at as date) + cast(floor(day_gone + days_left_at_{{ pace }}) as integer)
    end as exhausted_on{{ name }},
    {%- endfor %}
    days_left_at_per_day as days_left
from ends
