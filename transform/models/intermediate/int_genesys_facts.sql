select
    tenant as x_tenant,
    'genesys.api_requests' as x_meter_id,
    organization_id as billing_account_id,
    cast(null as text) as billing_account_name,
    cast(null as text) as sub_account_id,
    cast(null as text) as sub_account_name,
    cast(null as text) as region_id,
    oauth_client_id as resource_id,
    client_name as resource_name,
    case
        when http_method is not null and template_uri is not null then http_method || ' ' || template_uri
        else coalesce(http_method, template_uri)
    end as charge_description,
    period_start as charge_period_start,
    period_end as charge_period_end,
    requests as consumed_quantity,
    cast(period_start as date) as x_usage_date,
    is_final as x_is_final,
    source_stream as x_source_stream,
    usage_key as x_source_key
from {{ ref('int_genesys_calls') }}
where requests is not null
