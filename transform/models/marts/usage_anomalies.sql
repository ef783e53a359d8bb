with days as (
    select
        x_tenant,
        service_provider_name,
        x_meter_id,
        sku_meter,
        consumed_unit,
        x_usage_date,
        sum(consumed_quantity) as consumed_quantity,
        bool_and(x_is_final) as x_is_final,
        {#- Of a counter that was not read, a day without a row says nothing; elsewhere it is a day without usage. #}
        bool_and(x_source_stream = 'pingone_issuance_rule_usage_counts') as is_of_snapshots
    from {{ ref('usage_facts') }}
    where charge_period_end <= charge_period_start + interval '2 days'
    group by x_tenant, service_provider_name, x_meter_id, sku_meter, consumed_unit, x_usage_date
),

digits as (
    {%- for digit in range(10) %}
    select {{ digit }} as digit
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

numbers as (
    select ones.digit + 10 * tens.digit + 100 * hundreds.digit + 1000 * thousands.digit as number
    from digits as ones
    cross join digits as tens
    cross join digits as hundreds
    cross join digits as thousands
),

meters as (
    select
        x_tenant,
        service_provider_name,
        x_meter_id,
        sku_meter,
        consumed_unit,
        is_of_snapshots,
        min(x_usage_date) as first_date,
        max(x_usage_date) as last_date,
        min(x_usage_date) filter (where not x_is_final) as first_date_not_final,
        count(*) as days_with_rows
    from days
    group by x_tenant, service_provider_name, x_meter_id, sku_meter, consumed_unit, is_of_snapshots
),

calendar as (
    select
        meters.*,
        meters.first_date + numbers.number as x_usage_date
    from meters
    inner join numbers on meters.last_date - meters.first_date >= numbers.number
),

filled as (
    select
        calendar.x_tenant,
        calendar.service_provider_name,
        calendar.x_meter_id,
        calendar.sku_meter,
        calendar.consumed_unit,
        calendar.x_usage_date,
        coalesce(days.consumed_quantity, 0) as consumed_quantity,
        coalesce(
            days.x_is_final,
            calendar.first_date_not_final is null or calendar.x_usage_date < calendar.first_date_not_final
        ) as x_is_final,
        {#- Where more than one day of twenty has no row, a low day says nothing. #}
        calendar.is_of_snapshots
        or calendar.days_with_rows * 20 >= (calendar.last_date - calendar.first_date + 1) * 19 as can_be_low
    from calendar
    left join days
        on
            calendar.x_tenant = days.x_tenant
            and calendar.x_meter_id = days.x_meter_id
            and calendar.x_usage_date = days.x_usage_date
    where days.x_usage_date is not null or not calendar.is_of_snapshots
),

quartiles as (
    select
        filled.x_tenant,
        filled.x_meter_id,
        filled.x_usage_date,
        {%- for name, share in [('lower', 0.25), ('middle', 0.5), ('upper', 0.75)] %}
        percentile_cont({{ share }}) within group (
            order by cast(earlier.consumed_quantity as double precision)
        ) as {{ name }},
        {%- endfor %}
        count(*) as days_before
    from filled
    inner join filled as earlier
        on
            filled.x_tenant = earlier.x_tenant
            and filled.x_meter_id = earlier.x_meter_id
            and filled.x_usage_date > earlier.x_usage_date
            and filled.x_usage_date <= earlier.x_usage_date + 28
    group by filled.x_tenant, filled.x_meter_id, filled.x_usage_date
),

ranges as (
    select
        x_tenant,
        x_meter_id,
        x_usage_date,
        days_before,
        middle as usual_median,
        greatest(lower - 3 * greatest(upper - lower, sqrt(middle), 3), 0) as usual_low,
        upper + 3 * greatest(upper - lower, sqrt(middle), 3) as usual_high
    from quartiles
),

judged as (
    select
        filled.*,
        coalesce(ranges.days_before, 0) as days_before,
        case when ranges.days_before >= 14 then ranges.usual_median end as usual_median,
        case when ranges.days_before >= 14 then ranges.usual_low end as usual_low,
        case when ranges.days_before >= 14 then ranges.usual_high end as usual_high
    from filled
    left join ranges
        on
            filled.x_tenant = ranges.x_tenant
            and filled.x_meter_id = ranges.x_meter_id
            and filled.x_usage_date = ranges.x_usage_date
),

directed as (
    select
        *,
        case
            when consumed_quantity > usual_high then 'high'
            when consumed_quantity < usual_low and x_is_final and can_be_low then 'low'
        end as direction
    from judged
)

select
    x_tenant,
    service_provider_name,
    x_meter_id,
    sku_meter,
    consumed_unit,
    x_usage_date,
    cast(consumed_quantity as numeric(38, 0)) as consumed_quantity,
    x_is_final,
    days_before,
    usual_median,
    usual_low,
    usual_high,
    direction,
    direction is not null as is_unusual
from directed
