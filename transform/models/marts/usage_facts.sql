with facts as (
    {%- for vendor in ['genesys', 'pingone', 'demandbase', 'elasticpath'] %}
    select * from {{ ref('int_' ~ vendor ~ '_facts') }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

meters as (
    select * from {{ ref('int_meters') }}
)

select
    facts.x_tenant,
    meters.service_provider_name,
    meters.service_provider_name as host_provider_name,
    meters.service_name,
    meters.service_category,
    meters.service_subcategory,
    facts.billing_account_id,
    facts.billing_account_name,
    facts.sub_account_id,
    facts.sub_account_name,
    case when facts.sub_account_id is not null then 'Environment' end as sub_account_type,
    facts.region_id,
    facts.resource_id,
    facts.resource_name,
    meters.resource_type,
    meters.sku_meter,
    cast('Usage' as text) as charge_category,
    facts.charge_description,
    facts.charge_period_start,
    facts.charge_period_end,
    cast(facts.consumed_quantity as numeric(38, 0)) as consumed_quantity,
    meters.consumed_unit,
    meters.x_meter_id,
    facts.x_usage_date,
    facts.x_is_final,
    cast(facts.x_source_stream as text) as x_source_stream,
    facts.x_source_key
from facts
inner join meters on facts.x_meter_id = meters.x_meter_id
