{#- The stream of Genesys that feeds the facts, as the variables say. -#}
{% macro genesys_usage() %}
    {%- set api = var('genesys_usage_api') or env_var('DBT_GENESYS_USAGE_API', 'query') -%}
    {%- set of = var('genesys_usage_of') or env_var('DBT_GENESYS_USAGE_OF', 'organization') -%}
    {%- if api not in ['query', 'aggregates'] or of not in ['organization', 'client'] -%}
        {{ exceptions.raise_compiler_error(
            'genesys_usage_api is query or aggregates, genesys_usage_of is organization or client; not '
            ~ api ~ ' and ' ~ of ~ '.'
        ) }}
    {%- endif -%}
    {{ return('genesys_' ~ of ~ '_usage' ~ ('_aggregates' if api == 'aggregates' else '')) }}
{% endmacro %}
