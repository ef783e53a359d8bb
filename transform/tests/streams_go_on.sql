{{ config(severity='warn') }}
-- A stream lags behind the newest day of the tenant by more than its rhythm explains: days of usage end with yesterday
-- or today, snapshots with today. Weeks, months and redemptions have no such rhythm.
select
    x_tenant,
    x_source_stream,
    last_date,
    days_behind
from {{ ref('usage_recency') }}
where
    days_behind > 3
    and days_without_rows is not null
    and x_source_stream <> 'elasticpath_promotion_usages'
