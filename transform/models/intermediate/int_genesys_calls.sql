with answers as (
    select
        *,
        '{{ genesys_usage() }}' as source_stream,
        coalesce(granularity, 'Day') || ' by ' || coalesce(grouped_by, 'unknown') as question,
        {#- Clients are asked one by one, each from a day of its own. #}
        coalesce(oauth_client_id, '') as asked_of,
        case granularity
            when 'Week' then period_start + interval '7 days'
            when 'Month' then period_start + interval '1 month'
            else period_start + interval '1 day'
        end as period_end
    from {{ ref('stg_genesys__' ~ genesys_usage().removeprefix('genesys_')) }}
    where period_start is not null
),

counted as (
    {{ one_question('answers', ['tenant', 'asked_of'] if '_client_' in genesys_usage() else ['tenant']) }}
),

clients as (
    select * from {{ ref('stg_genesys__oauth_clients') }}
),

listed as (
    select distinct tenant from clients
)

select
    counted.tenant,
    counted.source_stream,
    counted.usage_key,
    counted.organization_id,
    counted.oauth_client_id,
    coalesce(clients.client_name, counted.client_name) as client_name,
    case
        when counted.oauth_client_id is null or listed.tenant is null then null
        when clients.oauth_client_id is null then 'not listed'
        else clients.state
    end as client_state,
    counted.http_method,
    counted.template_uri,
    counted.period_start,
    counted.period_end,
    counted.requests,
    counted.status_2xx,
    counted.status_3xx,
    counted.status_4xx,
    counted.status_429,
    counted.status_5xx,
    coalesce(counted.is_final, true) as is_final
from counted
left join clients on counted.tenant = clients.tenant and counted.oauth_client_id = clients.oauth_client_id
left join listed on counted.tenant = listed.tenant
