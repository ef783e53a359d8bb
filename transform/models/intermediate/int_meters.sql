{%- set meters = [
    ['genesys.api_requests', 'API Requests', 'Requests'],
    ['pingone.credentials_issued', 'Credentials Issued', 'Credentials'],
    ['pingone.credentials_accepted', 'Credentials Accepted', 'Credentials'],
    ['pingone.credentials_updated', 'Credentials Updated', 'Credentials'],
    ['pingone.credentials_revoked', 'Credentials Revoked', 'Credentials'],
    ['pingone.errors', 'Errors', 'Errors'],
    ['demandbase.api_transactions', 'API Transactions', 'Transactions'],
    ['elasticpath.redemptions', 'Promotion Redemptions', 'Redemptions'],
] -%}
{%- set services = {
    'genesys': ['Genesys', 'Genesys Cloud', 'Business Applications', 'OAuth Client'],
    'pingone': ['Ping Identity', 'PingOne Credentials', 'Identity', 'Issuance Rule'],
    'demandbase': ['Demandbase', 'InsideView API', 'Business Applications', 'API'],
    'elasticpath': ['Elastic Path', 'Composable Commerce', 'Business Applications', 'Promotion'],
} -%}
{%- for id, meter, unit in meters %}
{%- set vendor = id.split('.')[0] %}
{%- set provider, service, category, resource = services[vendor] %}
select
    cast('{{ id }}' as text) as x_meter_id,
    cast('{{ provider }}' as text) as service_provider_name,
    cast('{{ service }}' as text) as service_name,
    cast('{{ category }}' as text) as service_category,
    cast('Other ({{ category }})' as text) as service_subcategory,
    cast('{{ resource }}' as text) as resource_type,
    cast('{{ meter }}' as text) as sku_meter,
    cast('{{ unit }}' as text) as consumed_unit
{%- if not loop.last %}
union all
{%- endif %}
{%- endfor %}
