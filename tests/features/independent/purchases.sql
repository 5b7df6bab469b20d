-- Purchase days, RFM and purchase histories, from instants and returns. Written from DOMAIN.md section 5 and
-- docs/decisions/009-returns.md, sharing no code with fiel/features. Inputs: events, returns, dates(as_of). The window of
-- RFM is 365 days, the zone Europe/London.

create or replace table bought as
select
    customer_id,
    cast((occurred_at at time zone 'UTC') at time zone 'Europe/London' as date) as day,
    sum(greatest(value, 0)) as value
from events
where not is_operator
group by all;

create or replace table shoppers as
select distinct as_of, customer_id from dates join bought on bought.day < dates.as_of;

-- Purchase days that stand at as_of: what a return takes back counts from the day after it.
create or replace table standing as
select as_of, customer_id, day, value - returned as value
from (
    select
        dates.as_of,
        bought.*,
        coalesce((
            select sum(returns.value) from returns
            where returns.customer_id = bought.customer_id and returns.purchase_day = bought.day and returns.day < dates.as_of
        ), 0) as returned,
        exists (
            select 1 from returns
            where returns.customer_id = bought.customer_id and returns.purchase_day = bought.day and returns.day < dates.as_of
        ) as has_return
    from dates join bought on bought.day < dates.as_of
)
where not has_return or value - returned > 0;

create or replace table rfm_values as
with kept as (
    select
        as_of,
        customer_id,
        as_of - max(day) as days_since_last,
        count(*) filter (as_of - day <= 365) as purchase_days_d365,
        sum(value) filter (as_of - day <= 365) as value
    from standing
    group by as_of, customer_id
),
lost as (
    select as_of, customer_id, sum(value) as value
    from dates
    join returns on purchase_day is null and day < as_of and as_of - day <= 365
    group by as_of, customer_id
)
select
    as_of,
    customer_id,
    days_since_last,
    coalesce(purchase_days_d365, 0) as purchase_days_d365,
    coalesce(kept.value, 0) - coalesce(lost.value, 0) as revenue_net_d365
from shoppers
left join kept using (as_of, customer_id)
left join lost using (as_of, customer_id);

create or replace table rfm_cuts as
select
    as_of,
    quantile_cont(-days_since_last, [0.2, 0.4, 0.6, 0.8]) as r,
    quantile_cont(purchase_days_d365, [0.2, 0.4, 0.6, 0.8]) as f,
    quantile_cont(revenue_net_d365, [0.2, 0.4, 0.6, 0.8]) as m
from rfm_values
where purchase_days_d365 > 0
group by as_of;

create or replace macro scored(cuts, value) as 1 + len(list_filter(cuts, lambda cut: cut < value));

create or replace table rfm as
with scores as (
    select
        rfm_values.*,
        case when purchase_days_d365 = 0 then 1 else scored(r, -days_since_last) end as r_score,
        case when purchase_days_d365 = 0 then 1 else scored(f, purchase_days_d365) end as f_score,
        case when purchase_days_d365 = 0 then 1 else scored(m, revenue_net_d365) end as m_score
    from rfm_values left join rfm_cuts using (as_of)
)
select
    *,
    case
        when r_score = 5 and f_score in (4, 5) then 'champions'
        when r_score in (3, 4) and f_score in (4, 5) then 'loyal'
        when r_score in (4, 5) and f_score in (2, 3) then 'potential_loyal'
        when r_score = 5 and f_score = 1 then 'new'
        when r_score = 4 and f_score = 1 then 'promising'
        when r_score = 3 and f_score in (2, 3) then 'need_attention'
        when r_score = 3 and f_score = 1 then 'about_to_sleep'
        when r_score in (1, 2) and f_score = 5 then 'cannot_lose'
        when r_score in (1, 2) and f_score in (3, 4) then 'at_risk'
        when r_score = 1 and f_score = 1 then 'lost'
        when r_score in (1, 2) and f_score in (1, 2) then 'hibernating'
    end as rfm_segment
from scores;

create or replace table histories as
with numbered as (
    select *, row_number() over (partition by as_of, customer_id order by day) as number from standing
)
select
    as_of,
    customer_id,
    count(*) - 1 as purchase_frequency,
    max(day) - min(day) as purchase_recency_days,
    as_of - min(day) as purchase_age_days,
    sum(value) filter (number > 1) / count(*) filter (number > 1) as purchase_mean_value
from numbered
group by as_of, customer_id;
