with snapshots as (
    select
        *,
        observed_on < max(observed_on) over (partition by tenant) as is_final
    from {{ ref('stg_pingone__issuance_rule_usage_counts') }}
    where observed_at is not null
),

counters as (
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
        environment_id,
        credential_type_id,
        observed_on,
        observed_at,
        is_final,
        '{{ counter }}' as counter_name,
        '{{ meter }}' as meter_id,
        {{ counter }} as counter_value
    from snapshots
    where {{ counter }} is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

followed as (
    select
        *,
        lag(counter_value) over (
            partition by tenant, issuance_rule_id, counter_name order by observed_at
        ) as value_before,
        lag(observed_at) over (
            partition by tenant, issuance_rule_id, counter_name order by observed_at
        ) as observed_before
    from counters
),

environments as (
    select * from {{ ref('stg_pingone__environments') }}
),

credential_types as (
    select * from {{ ref('stg_pingone__credential_types') }}
)

select
    followed.tenant as x_tenant,
    followed.meter_id as x_meter_id,
    environments.organization_id as billing_account_id,
    cast(null as text) as billing_account_name,
    followed.environment_id as sub_account_id,
    environments.environment_name as sub_account_name,
    environments.region_id,
    followed.issuance_rule_id as resource_id,
    credential_types.title as resource_name,
    cast(null as text) as charge_description,
    followed.observed_before as charge_period_start,
    followed.observed_at as charge_period_end,
    {{ growth('followed.counter_value', 'followed.value_before') }} as consumed_quantity,
    followed.observed_on as x_usage_date,
    followed.is_final as x_is_final,
    'pingone_issuance_rule_usage_counts' as x_source_stream,
    followed.issuance_rule_id || '/' || cast(followed.observed_on as text) || '/' || followed.counter_name
        as x_source_key
from followed
left join environments
    on followed.tenant = environments.tenant and followed.environment_id = environments.environment_id
left join credential_types
    on
        followed.tenant = credential_types.tenant
        and followed.credential_type_id = credential_types.credential_type_id
where followed.value_before is not null
