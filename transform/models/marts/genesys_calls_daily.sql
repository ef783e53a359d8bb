with days as (
    select
        tenant,
        oauth_client_id,
        max(client_name) as client_name,
        max(client_state) as client_state,
        cast(period_start as date) as usage_date,
        {%- for count in ['requests', 'status_2xx', 'status_3xx', 'status_429', 'status_4xx', 'status_5xx'] %}
        coalesce(sum({{ count }}), 0) as {{ count }},
        {%- endfor %}
        bool_and(is_final) as is_final
    from {{ ref('int_genesys_calls') }}
    group by tenant, oauth_client_id, cast(period_start as date)
)

select
    tenant as x_tenant,
    oauth_client_id,
    client_name as oauth_client_name,
    client_state as oauth_client_state,
    usage_date as x_usage_date,
    cast(requests as numeric(38, 0)) as requests,
    cast(status_2xx as numeric(38, 0)) as status_2xx,
    cast(status_3xx as numeric(38, 0)) as status_3xx,
    cast(status_429 as numeric(38, 0)) as status_429,
    cast(status_4xx - status_429 as numeric(38, 0)) as status_4xx_other,
    cast(status_5xx as numeric(38, 0)) as status_5xx,
    cast(status_429 as double precision) / nullif(requests, 0) as throttled_share,
    cast(status_4xx + status_5xx as double precision) / nullif(requests, 0) as failed_share,
    is_final as x_is_final
from days
