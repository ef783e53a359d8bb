-- Meters with rows that cover more than a day: weeks, months, counters read seldom.
select distinct x_tenant, x_meter_id
from {schema}.usage_facts
where charge_period_end > charge_period_start + interval '2 days'
