select * from {schema}.usage_daily order by service_provider_name, x_meter_id, x_usage_date
