{{ config(severity='warn') }}
-- What the usage is about stands in the list of its kind. A client of Genesys may be deleted and is not looked for here.
with used as (
    select distinct tenant, 'pingone_issuance_rules' as list, issuance_rule_id as id
    from {{ ref('stg_pingone__issuance_rule_usage_counts') }}
    union all
    select distinct tenant, 'pingone_environments' as list, environment_id as id
    from {{ ref('stg_pingone__issuance_rule_usage_counts') }}
    union all
    select distinct tenant, 'pingone_credential_types' as list, credential_type_id as id
    from {{ ref('stg_pingone__issuance_rule_usage_counts') }}
    union all
    select distinct tenant, 'elasticpath_promotions' as list, promotion_id as id
    from {{ ref('stg_elasticpath__promotion_usages') }}
),

listed as (
    select tenant, 'pingone_issuance_rules' as list, issuance_rule_id as id
    from {{ ref('stg_pingone__issuance_rules') }}
    union all
    select tenant, 'pingone_environments' as list, environment_id as id
    from {{ ref('stg_pingone__environments') }}
    union all
    select tenant, 'pingone_credential_types' as list, credential_type_id as id
    from {{ ref('stg_pingone__credential_types') }}
    union all
    select tenant, 'elasticpath_promotions' as list, promotion_id as id
    from {{ ref('stg_elasticpath__promotions') }}
)

select
    used.tenant,
    used.list,
    used.id
from used
left join listed on used.tenant = listed.tenant and used.list = listed.list and used.id = listed.id
where
    listed.id is null
    and used.id is not null
    and exists (
        select 1
        from listed as any_listed
        where any_listed.tenant = used.tenant and any_listed.list = used.list
    )
