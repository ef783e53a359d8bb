select * from {schema}.usage_anomalies where is_unusual order by x_usage_date desc, x_meter_id
