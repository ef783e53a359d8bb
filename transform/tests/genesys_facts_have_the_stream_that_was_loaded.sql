{{ config(severity='warn') }}
-- Another stream of Genesys was loaded than the one the variables genesys_usage_api and genesys_usage_of name.
with streams as (
    {%- for stream in [
        'organization_usage',
        'client_usage',
        'organization_usage_aggregates',
        'client_usage_aggregates',
    ] %}
    select
        'genesys_{{ stream }}' as source_stream,
        count(*) as row_count
    from {{ ref('stg_genesys__' ~ stream) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    source_stream,
    row_count
from streams
where
    row_count > 0
    and exists (
        select 1
        from streams as fed
        where fed.source_stream = '{{ genesys_usage() }}' and fed.row_count = 0
    )
