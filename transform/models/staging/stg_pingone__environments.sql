{{ stage('pingone_environments', [
    ['id', 'environment_id', 'text'],
    ['name', 'environment_name', 'text'],
    ['type', 'environment_type', 'text'],
    ['region', 'region_id', 'text'],
    ['organization.id', 'organization_id', 'text'],
    ['status', 'status', 'text'],
]) }}
