select * from {schema}.usage_recency order by service_provider_name, x_source_stream
