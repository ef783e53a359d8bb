-- Growths of a counter that never began anew add up to its last value less its first.
with counters as (
    {%- for counter, meter in {
        'issued': 'pingone.credentials_issued',
        'accepted': 'pingone.credentials_accepted',
        'updated': 'pingone.credentials_updated',
        'revoked': 'pingone.credentials_revoked',
        'errors': 'pingone.errors',
    }.items() %}
    select
        tenant,
        issuance_rule_id,
        '{{ meter }}' as meter_id,
        {{ counter }} as counter_value,
        lag({{ counter }}) over (partition by tenant, issuance_rule_id order by observed_at) as value_before
    from {{ ref('stg_pingone__issuance_rule_usage_counts') }}
    where {{ counter }} is not null and observed_at is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

totals as (
    select
        tenant,
        issuance_rule_id,
        meter_id,
        max(counter_value) - min(counter_value) as growth
    from counters
    group by tenant, issuance_rule_id, meter_id
    having count(*) filter (where counter_value < value_before) = 0
),

facts as (
    select
        x_tenant,
        resource_id,
        x_meter_id,
        sum(consumed_quantity) as quantity
    from {{ ref('usage_facts') }}
    where x_source_stream = 'pingone_issuance_rule_usage_counts'
    group by x_tenant, resource_id, x_meter_id
)

select
    totals.tenant,
    totals.issuance_rule_id,
    totals.meter_id,
    totals.growth,
    facts.quantity
from totals
left join facts
    on
        totals.tenant = facts.x_tenant
        and totals.issuance_rule_id = facts.resource_id
        and totals.meter_id = facts.x_meter_id
where totals.growth <> coalesce(facts.quantity, 0)
