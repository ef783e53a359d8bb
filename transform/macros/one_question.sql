{#-
    Rows of one question per period, so that no sum is doubled: after a change of grouping, granularity or period the
    old rows stay in the table, beside the new ones of the same days. The question with the newest day counts, from its
    first day on; what ended by then, counts as it was asked before.

    relation: has period_start, period_end, and question, which is never null. partition: columns within which
    questions are asked, never null.
-#}
{% macro one_question(relation, partition) %}
    select answers.*
    from {{ relation }} as answers
    inner join (
        select
            {{ partition | join(', ') }},
            question,
            min(min(period_start)) over (
                partition by {{ partition | join(', ') }}
                order by max(period_start) desc, count(*) desc, question
                rows between unbounded preceding and 1 preceding
            ) as taken_over_at
        from {{ relation }}
        group by {{ partition | join(', ') }}, question
    ) as questions
        on
            answers.question = questions.question
            {%- for column in partition %}
            and answers.{{ column }} = questions.{{ column }}
            {%- endfor %}
    where questions.taken_over_at is null or answers.period_end <= questions.taken_over_at
{% endmacro %}
