{{ config(severity='warn') }}
-- There is no row of any stream: is usage_schema the schema into which the loader wrote?
with counts as (
    {%- for model in [
        'pingone__issuance_rule_usage_counts',
        'genesys__organization_usage',
        'genesys__client_usage',
        'genesys__organization_usage_aggregates',
        'genesys__client_usage_aggregates',
        'demandbase__api_usage',
        'demandbase__credits',
        'elasticpath__promotion_usages',
    ] %}
    select count(*) as row_count
    from {{ ref('stg_' ~ model) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select sum(row_count) as row_count
from counts
having sum(row_count) = 0
