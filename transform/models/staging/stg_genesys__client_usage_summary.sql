{{ stage('genesys_client_usage_summary', [
    ['usage_key', 'usage_key', 'text'],
    ['oauth_client_id', 'oauth_client_id', 'text'],
    ['days', 'days', 'bigint'],
    ['observed_on', 'observed_on', 'date'],
    ['date', 'period_start', 'timestamp'],
    ['templateUri', 'template_uri', 'text'],
    ['httpMethod', 'http_method', 'text'],
    ['requests', 'requests', 'bigint'],
]) }}
