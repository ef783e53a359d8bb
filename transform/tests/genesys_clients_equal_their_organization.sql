{{ config(severity='warn') }}
-- What a client is said to have requested is what the organization is said to have requested by it: final days only.
with answers as (
    {%- for api in ['', '_aggregates'] %}
    {%- for of in ['organization', 'client'] %}
    select
        '{{ of }}' as answered_of,
        'query{{ api }}' as api,
        tenant,
        oauth_client_id,
        coalesce(granularity, 'Day') as granularity,
        grouped_by,
        period_start,
        sum(requests) as requests
    from {{ ref('stg_genesys__' ~ of ~ '_usage' ~ api) }}
    where oauth_client_id is not null
    group by tenant, oauth_client_id, coalesce(granularity, 'Day'), grouped_by, period_start
    having bool_and(coalesce(is_final, true))
    {{ 'union all' if not loop.last }}
    {%- endfor %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    clients.tenant,
    clients.oauth_client_id,
    clients.period_start,
    clients.requests as requests_of_the_client,
    organizations.requests as requests_of_the_organization
from answers as clients
inner join answers as organizations
    on
        clients.api = organizations.api
        and clients.tenant = organizations.tenant
        and clients.oauth_client_id = organizations.oauth_client_id
        and clients.granularity = organizations.granularity
        and clients.period_start = organizations.period_start
where
    clients.answered_of = 'client'
    and organizations.answered_of = 'organization'
    and clients.requests <> organizations.requests
