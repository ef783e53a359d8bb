select x_tenant, oauth_client_id, x_usage_date, status_429, x_is_final
from {schema}.genesys_calls_daily
where status_429 > 0
order by x_usage_date
