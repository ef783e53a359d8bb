{{ stage('pingone_issuance_rules', [
    ['id', 'issuance_rule_id', 'text'],
    ['environment_id', 'environment_id', 'text'],
    ['credential_type_id', 'credential_type_id', 'text'],
    ['status', 'status', 'text'],
]) }}
