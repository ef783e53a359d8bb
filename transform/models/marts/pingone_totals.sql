with snapshots as (
    select
        *,
        row_number() over (partition by tenant, issuance_rule_id order by observed_at desc) as from_the_newest
    from {{ ref('stg_pingone__issuance_rule_usage_counts') }}
),

rules as (
    select * from {{ ref('stg_pingone__issuance_rules') }}
),

listed as (
    select distinct tenant from rules
),

credential_types as (
    select * from {{ ref('stg_pingone__credential_types') }}
),

environments as (
    select * from {{ ref('stg_pingone__environments') }}
)

select
    snapshots.tenant as x_tenant,
    snapshots.issuance_rule_id,
    case when rules.issuance_rule_id is null and listed.tenant is not null then 'not listed' else rules.status end
        as rule_status,
    snapshots.credential_type_id,
    credential_types.title as credential_type_title,
    snapshots.environment_id,
    environments.environment_name,
    {%- for counter in ['issued', 'accepted', 'updated', 'revoked', 'errors'] %}
    cast(snapshots.{{ counter }} as numeric(38, 0)) as {{ counter }},
    {%- endfor %}
    snapshots.observed_at
from snapshots
left join rules on snapshots.tenant = rules.tenant and snapshots.issuance_rule_id = rules.issuance_rule_id
left join listed on snapshots.tenant = listed.tenant
left join credential_types
    on
        snapshots.tenant = credential_types.tenant
        and snapshots.credential_type_id = credential_types.credential_type_id
left join environments
    on snapshots.tenant = environments.tenant and snapshots.environment_id = environments.environment_id
where snapshots.from_the_newest = 1
