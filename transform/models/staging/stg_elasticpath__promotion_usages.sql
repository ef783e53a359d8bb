{{ stage('elasticpath_promotion_usages', [
    ['id', 'usage_id', 'text'],
    ['promotion_id', 'promotion_id', 'text'],
    ['used_on', 'used_at', 'timestamp'],
    ['times_used', 'times_used', 'bigint'],
]) }}
