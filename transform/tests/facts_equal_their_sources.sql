-- No row of a source is lost or doubled on its way into the facts. Where a stream was asked in more than one way, the
-- facts leave rows out on purpose (see streams_are_asked_in_one_way), and nothing is compared.
{%- set genesys = genesys_usage() %}
with sources as (
    select
        tenant,
        '{{ genesys }}' as source_stream,
        sum(requests) as quantity,
        count(distinct coalesce(granularity, '') || coalesce(grouped_by, '')) as questions
    from {{ ref('stg_genesys__' ~ genesys.removeprefix('genesys_')) }}
    where period_start is not null
    group by tenant
    union all
    select
        tenant,
        'demandbase_api_usage' as source_stream,
        sum(transactions) as quantity,
        count(distinct coalesce(period, '')) as questions
    from {{ ref('stg_demandbase__api_usage') }}
    where period_start is not null
    group by tenant
    union all
    select
        tenant,
        'elasticpath_promotion_usages' as source_stream,
        sum(times_used) as quantity,
        1 as questions
    from {{ ref('stg_elasticpath__promotion_usages') }}
    where used_at is not null
    group by tenant
),

facts as (
    select
        x_tenant,
        x_source_stream,
        sum(consumed_quantity) as quantity
    from {{ ref('usage_facts') }}
    where x_source_stream <> 'pingone_issuance_rule_usage_counts'
    group by x_tenant, x_source_stream
)

select
    coalesce(sources.tenant, facts.x_tenant) as x_tenant,
    coalesce(sources.source_stream, facts.x_source_stream) as x_source_stream,
    sources.quantity as quantity_of_the_source,
    facts.quantity as quantity_of_the_facts
from sources
full join facts on sources.tenant = facts.x_tenant and sources.source_stream = facts.x_source_stream
where
    coalesce(sources.quantity, 0) <> coalesce(facts.quantity, 0)
    and coalesce(sources.questions, 1) = 1
