{#- The columns together name one row, and none of them is null but those that may be. -#}
{% test key(model, columns, may_be_null=[]) %}
select
    {{ columns | join(', ') }},
    count(*) as row_count
from {{ model }}
group by {{ columns | join(', ') }}
having
    count(*) > 1
    or {{ columns | reject('in', may_be_null) | join(' is null or ') }} is null
{% endtest %}
