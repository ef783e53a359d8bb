-- OAuth clients that called: ever, and in the 30 days up to the last final one.
with days as (
    select
        x_tenant,
        coalesce(max(case when x_is_final then x_usage_date end), max(x_usage_date)) as last_date
    from {schema}.genesys_calls_daily
    group by x_tenant
),

calls as (
    select
        genesys_calls_daily.*,
        last_date,
        case when x_usage_date > last_date - 30 and x_usage_date <= last_date then 1 else 0 end as recent
    from {schema}.genesys_calls_daily
    inner join days using (x_tenant)
)

select
    x_tenant,
    oauth_client_id,
    max(oauth_client_name) as oauth_client_name,
    max(oauth_client_state) as oauth_client_state,
    max(last_date) as last_date,
    max(case when requests > 0 then x_usage_date end) as last_call_on,
    sum(requests) as requests_ever,
    sum(recent * requests) as requests,
    sum(recent * status_429) as status_429,
    sum(recent * status_4xx_other) as status_4xx_other,
    sum(recent * status_5xx) as status_5xx
from calls
group by x_tenant, oauth_client_id
