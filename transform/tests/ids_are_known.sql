{{ config(severity='warn') }}
-- What the usage is about stands in the list of its kind. A client of Genesys may be deleted: it is not looked for.
{%- set kinds = {
    'issuance_rule_id': ['pingone__issuance_rules', 'pingone__issuance_rule_usage_counts'],
    'environment_id': ['pingone__environments', 'pingone__issuance_rule_usage_counts'],
    'credential_type_id': ['pingone__credential_types', 'pingone__issuance_rule_usage_counts'],
    'promotion_id': ['elasticpath__promotions', 'elasticpath__promotion_usages'],
} %}
with used as (
    {%- for name, (_, usage) in kinds.items() %}
    select distinct
        tenant,
        '{{ name }}' as kind,
        {{ name }} as entity_id
    from {{ ref('stg_' ~ usage) }}
    where {{ name }} is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

listed as (
    {%- for name, (list, _) in kinds.items() %}
    select
        tenant,
        '{{ name }}' as kind,
        {{ name }} as entity_id
    from {{ ref('stg_' ~ list) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

loaded as (
    select distinct
        tenant,
        kind
    from listed
)

select
    used.tenant,
    used.kind,
    used.entity_id
from used
inner join loaded on used.tenant = loaded.tenant and used.kind = loaded.kind
left join listed on used.tenant = listed.tenant and used.kind = listed.kind and used.entity_id = listed.entity_id
where listed.entity_id is null
