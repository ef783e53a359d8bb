{{ stage('demandbase_api_usage', [
    ['usage_key', 'usage_key', 'text'],
    ['accountId', 'account_id', 'text'],
    ['accountName', 'account_name', 'text'],
    ['period', 'period', 'text'],
    ['period_start', 'period_start', 'timestamp'],
    ['api', 'api_name', 'text'],
    ['transactions', 'transactions', 'bigint'],
    ['is_final', 'is_final', 'boolean'],
]) }}
