{#-
    One stream as a table: columns renamed and cast, rows the loader marked as deleted left out. The only place that
    knows loaders: a table that is not there is one without rows, a column that is not there is null; names are found
    in whatever case the loader wrote them; a time with a zone becomes UTC, as every time without one is.

    columns: a list of [the vendor's name, our name, type]. The name may lead into an object: organization.id.
    It is empty where the vendor has no such field and the streams like this one do.
    Added are tenant (empty without the setting, so that it joins) and loaded_at (null where the loader does not say).
-#}
{% macro stage(stream, columns) %}
    {%- set found = tap_usage.loaded(source('usage', stream)) if execute else [] -%}
    {%- set relation = found | first -%}
    {%- set held = {} -%}
    {%- for column in (adapter.get_columns_in_relation(relation) if relation else []) -%}
        {%- do held.update({column.name | lower: column}) -%}
    {%- endfor -%}
    {%- if relation and not held -%}
        {{ exceptions.raise_compiler_error('No column of ' ~ relation ~ ' can be read: grant select on it.') }}
    {%- endif -%}
    {%- set times = ['_sdc_batched_at', '_sdc_received_at', '_sdc_extracted_at'] | select('in', held) | list -%}
    select
    {%- for name, alias, type in columns %}
        {{ tap_usage.staged(held, name, type) }} as {{ alias }},
    {%- endfor %}
        coalesce({{ tap_usage.staged(held, 'tenant', 'text') }}, '') as tenant,
        {{ tap_usage.staged(held, (times + ['none'])[0], 'timestamp') }} as loaded_at
    {%- if relation %}
    from {{ relation }}
    {%- if '_sdc_deleted_at' in held %}
    where _sdc_deleted_at is null
    {%- endif %}
    {%- else %}
    where 1 = 0
    {%- endif %}
{% endmacro %}

{#-
    The relation as a list, empty where it is not there. dbt's cache of relations is not asked: it is filled one by one
    while another thread already reads it, which then finds tables missing that are there.
-#}
{% macro loaded(relation) %}
    {%- set found = [] -%}
    {%- for row in dbt.list_relations_without_caching(relation.without_identifier()) -%}
        {%- if row['name'] | lower == relation.identifier | lower -%}
            {%- do found.append(relation.incorporate(path={'identifier': row['name']})) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}

{% macro staged(held, name, type) %}
    {%- set path = name.split('.') -%}
    {%- set column = held.get(path[0] | lower) -%}
    {%- if not column -%}
        cast(null as {{ type }})
    {%- else -%}
        {%- set value = adapter.quote(column.name) -%}
        {%- set kind = column.dtype | lower -%}
        {%- if path[1:] -%}
            {%- set value = 'cast(' ~ value ~ ' as ' ~ ('jsonb' if target.type == 'postgres' else 'json') ~ ")" -%}
            {%- set value = value ~ " ->> '" ~ path[1] ~ "'" -%}
        {%- elif 'with time zone' in kind or kind == 'timestamptz' -%}
            {%- set value = value ~ " at time zone 'UTC'" -%}
        {%- endif -%}
        {%- if type == 'date' and kind != 'date' -%}
            {%- set value = 'cast(' ~ value ~ ' as timestamp)' -%}
        {%- endif -%}
        cast({{ value }} as {{ type }})
    {%- endif -%}
{% endmacro %}
