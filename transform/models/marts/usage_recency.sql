{%- set told, untold = 'count(*) filter (where not is_final)', 'cast(null as bigint)' -%}
{%- set streams = {
    'pingone_issuance_rule_usage_counts': ['Ping Identity', 'observed_on', untold, 'true'],
    'genesys_organization_usage': ['Genesys', 'period_start', told, "granularity = 'Day'"],
    'genesys_client_usage': ['Genesys', 'period_start', told, "granularity = 'Day'"],
    'genesys_client_usage_summary': ['Genesys', 'observed_on', untold, 'true'],
    'genesys_organization_usage_aggregates': ['Genesys', 'period_start', told, "granularity = 'Day'"],
    'genesys_client_usage_aggregates': ['Genesys', 'period_start', told, "granularity = 'Day'"],
    'demandbase_api_usage': ['Demandbase', 'period_start', told, "period = 'day'"],
    'demandbase_credits': ['Demandbase', 'observed_on', untold, 'true'],
    'elasticpath_promotion_usages': ['Elastic Path', 'used_at', untold, 'true'],
} -%}
with days as (
    {%- for stream, (provider, date_column, rows_not_final, covers_a_day) in streams.items() %}
    select
        tenant,
        '{{ stream }}' as source_stream,
        '{{ provider }}' as provider_name,
        cast({{ date_column }} as date) as usage_date,
        count(*) as row_count,
        {#- Where the tap does not say what can change, it is the last day. #}
        {{ rows_not_final }} as rows_not_final,
        coalesce(bool_and({{ covers_a_day }}), true) as covers_a_day,
        max(loaded_at) as loaded_at
    from {{ ref('stg_' ~ stream.replace('_', '__', 1)) }}
    where {{ date_column }} is not null
    group by tenant, cast({{ date_column }} as date)
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

judged as (
    select
        *,
        coalesce(
            rows_not_final,
            case
                when usage_date = max(usage_date) over (partition by tenant, source_stream) then row_count
                else 0
            end
        ) as changing
    from days
),

streams as (
    select
        *,
        min(usage_date) filter (where changing > 0) over (partition by tenant, source_stream) as first_changing_date
    from judged
),

totals as (
    select
        tenant,
        source_stream,
        provider_name,
        sum(row_count) as row_count,
        min(usage_date) as first_date,
        max(usage_date) as last_date,
        max(usage_date) filter (
            where first_changing_date is null or usage_date < first_changing_date
        ) as last_final_date,
        sum(changing) as rows_not_final,
        count(*) as days_with_rows,
        bool_and(covers_a_day) as covers_a_day,
        max(loaded_at) as loaded_at
    from streams
    group by tenant, source_stream, provider_name
)

select
    tenant as x_tenant,
    cast(source_stream as text) as x_source_stream,
    cast(provider_name as text) as service_provider_name,
    cast(row_count as bigint) as row_count,
    first_date,
    last_date,
    last_final_date,
    cast(rows_not_final as bigint) as rows_not_final,
    cast(case when covers_a_day then last_date - first_date + 1 - days_with_rows end as bigint) as days_without_rows,
    cast(max(last_date) over (partition by tenant) - last_date as bigint) as days_behind,
    loaded_at
from totals
