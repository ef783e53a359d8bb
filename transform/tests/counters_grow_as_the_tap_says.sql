{{ config(severity='warn') }}
-- The tap's own deltas add up to the growth of the counter, where it never began anew. They do not when the loader kept
-- rows of a run whose state was lost; the facts come from the counters and are right all the same.
with counters as (
    {%- for counter in ['issued', 'accepted', 'updated', 'revoked', 'errors'] %}
    select
        tenant,
        issuance_rule_id as entity_id,
        '{{ counter }}' as counter_name,
        {{ counter }} as counter_value,
        {{ counter }}_delta as delta,
        is_counter_reset
    from {{ ref('stg_pingone__issuance_rule_usage_counts') }}
    union all
    {%- endfor %}
    select
        tenant,
        account_id as entity_id,
        'consumedCredits' as counter_name,
        consumed_credits as counter_value,
        consumed_credits_delta as delta,
        is_counter_reset
    from {{ ref('stg_demandbase__credits') }}
)

select
    tenant,
    entity_id,
    counter_name,
    max(counter_value) - min(counter_value) as growth,
    sum(delta) as deltas
from counters
where counter_value is not null
group by tenant, entity_id, counter_name
having
    not bool_or(coalesce(is_counter_reset, false))
    and max(counter_value) - min(counter_value) <> coalesce(sum(delta), 0)
