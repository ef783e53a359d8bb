{#- Growth of a counter since the row before; one that is lower than before began anew. -#}
{% macro growth(counter, before) -%}
    case when {{ counter }} < {{ before }} then {{ counter }} else {{ counter }} - {{ before }} end
{%- endmacro %}
