select tenant as x_tenant, oauth_client_id, client_name as oauth_client_name, state as oauth_client_state
from {schema}.stg_genesys__oauth_clients
