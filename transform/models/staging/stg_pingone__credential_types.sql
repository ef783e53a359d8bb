{{ stage('pingone_credential_types', [
    ['id', 'credential_type_id', 'text'],
    ['environment_id', 'environment_id', 'text'],
    ['title', 'title', 'text'],
    ['deletedAt', 'deleted_at', 'timestamp'],
]) }}
