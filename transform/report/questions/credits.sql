select * from {schema}.credits_forecast order by billing_account_name, billing_account_id
