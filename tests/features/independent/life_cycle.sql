-- The stage of every customer on every day, walked day by day: no spans, no closed form.
create or replace table stage_days as
with days as (
    select customer_id, min(day) as first_day, unnest(generate_series(min(day) + 1, (select max(as_of) from dates), interval 1 day))::date as d
    from visits
    group by customer_id
)
select days.customer_id, days.d, stage_of(days.d - days.first_day, days.d - visits.day, visits.gap) as stage
from days
asof join visits on visits.customer_id = days.customer_id and visits.day < days.d;

create or replace table life_cycle_now as
with last_gap as (
    select people.*, visits.gap as gap_days
    from people
    join visits on visits.customer_id = people.customer_id and visits.day = people.last_day
)
select
    as_of,
    last_gap.customer_id,
    as_of - first_day as age,
    as_of - last_day as recency_days,
    gap_days,
    stage_of(as_of - first_day, as_of - last_day, gap_days) as stage,
    -- one frequency window earlier; `none` for who was not there yet
    case
        when as_of - first_day <= 28 then 'none'
        else (select stage from stage_days where stage_days.customer_id = last_gap.customer_id and d = as_of - 28)
    end as stage_d28,
    -- a visit on as_of, seen one day later: the last active day is as_of, the gap is today's recency
    stage_of(as_of + 1 - first_day, 1, as_of - last_day) as stage_after_visit
from last_gap;

create or replace table life_cycle_shares as
select
    people.as_of,
    people.customer_id,
    count(*) filter (where stage = 'curioso') / count(*) as stage_share_curioso,
    count(*) filter (where stage = 'fiel') / count(*) as stage_share_fiel,
    count(*) filter (where stage = 'turista') / count(*) as stage_share_turista,
    count(*) filter (where stage = 'desencantado') / count(*) as stage_share_desencantado,
    count(*) filter (where stage = 'zumbi') / count(*) as stage_share_zumbi,
    count(*) filter (where stage = 'reconquistado') / count(*) as stage_share_reconquistado,
    count(*) filter (where stage = 'reborn') / count(*) as stage_share_reborn
from people
join stage_days on stage_days.customer_id = people.customer_id and d <= people.as_of
group by people.as_of, people.customer_id;

-- What comes without another visit: walk forward from as_of until the stage is another one.
create or replace table life_cycle_next as
with walk as (
    select
        as_of,
        customer_id,
        stage,
        as_of + step as d,
        stage_of(age + step, recency_days + step, gap_days) as later_stage
    from life_cycle_now
    cross join (select unnest(generate_series(1, 60))::integer as step)
)
select as_of, customer_id, min(d) as next_stage_date, arg_min(later_stage, d) as next_stage
from walk
where later_stage <> stage
group by as_of, customer_id;

create or replace table life_cycle_peers as
with frequency as (
    select as_of, customer_id, stage, active_days
    from life_cycle_now
    join activity_windows using (as_of, customer_id)
    where suffix = 'd28'
),
peers as (select as_of, stage, avg(active_days) as mean_active_days from frequency where stage <> 'zumbi' group by all)
select
    as_of,
    customer_id,
    mean_active_days as stage_mean_active_days_d28,
    active_days / mean_active_days as active_days_ratio_d28
from frequency
left join peers using (as_of, stage);
