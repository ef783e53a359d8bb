{{ config(severity='warn') }}
-- After a change of grouping, granularity or period the rows of before stay beside the new ones. The facts take one of
-- them per period; empty the loader's table and load it again to have all periods alike. Rows that were loaded before
-- there was grouped_by do not say how they were grouped.
{%- set genesys = genesys_usage() %}
with questions as (
    select
        tenant,
        '{{ genesys }}' as source_stream,
        {{ 'oauth_client_id' if '_client_' in genesys else 'cast(null as text)' }} as asked_of,
        granularity,
        grouped_by
    from {{ ref('stg_genesys__' ~ genesys.removeprefix('genesys_')) }}
    union all
    select
        tenant,
        'demandbase_api_usage' as source_stream,
        account_id as asked_of,
        period as granularity,
        cast(null as text) as grouped_by
    from {{ ref('stg_demandbase__api_usage') }}
)

select
    tenant,
    source_stream,
    asked_of,
    count(distinct granularity) as granularities,
    count(distinct grouped_by) as groupings
from questions
group by tenant, source_stream, asked_of
having count(distinct granularity) > 1 or count(distinct grouped_by) > 1
