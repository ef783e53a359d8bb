{{ stage('demandbase_credits', [
    ['accountId', 'account_id', 'text'],
    ['accountName', 'account_name', 'text'],
    ['observed_on', 'observed_on', 'date'],
    ['observed_at', 'observed_at', 'timestamp'],
    ['allocatedCredits', 'allocated_credits', 'bigint'],
    ['consumedCredits', 'consumed_credits', 'bigint'],
    ['consumedCredits_delta', 'consumed_credits_delta', 'bigint'],
    ['counter_reset', 'is_counter_reset', 'boolean'],
]) }}
