-- Calendar features: the same for every customer. A live day has at least a tenth of the median of the daily live
-- actives, over the days before as_of that had any.
create or replace table live_actives as
select day, count(distinct customer_id) as customers from acts where is_live group by day;

create or replace table calendar as
with typical as (
    select as_of, median(customers) as customers from dates join live_actives on day < as_of group by as_of
)
select
    dates.as_of,
    isodow(dates.as_of) as as_of_weekday,
    (
        select count(*)
        from live_actives
        join typical on typical.as_of = dates.as_of
        where
            live_actives.day < dates.as_of
            and dates.as_of - live_actives.day <= 28
            and live_actives.customers * 10 >= typical.customers
    ) as live_days_d28,
    -- planned breaks of the program file, from as_of until before as_of + 28
    (
        select count(distinct day)
        from (select unnest(generate_series(dates.as_of, dates.as_of + 27, interval 1 day))::date as day) as ahead
        join (
            select *
            from (values (date '2024-12-09', date '2025-01-05'), (date '2025-12-08', date '2026-01-11')) as b (first, last)
        ) as breaks on day between first and last
    ) as planned_break_days
from dates;
