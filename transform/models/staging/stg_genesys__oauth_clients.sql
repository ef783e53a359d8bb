{{ stage('genesys_oauth_clients', [
    ['id', 'oauth_client_id', 'text'],
    ['name', 'client_name', 'text'],
    ['state', 'state', 'text'],
]) }}
