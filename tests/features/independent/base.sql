-- What every other file here stands on, from instants alone. Written from DOMAIN.md sections 0 and 1, sharing no code
-- with fiel/features. Inputs: events, event_lines, links, course_episodes, completions, skills, rewards (columns as in
-- fiel/tables.py) and dates(as_of).

create or replace macro local_time(instant) as (instant at time zone 'UTC') at time zone 'America/Sao_Paulo';
create or replace macro local_day(instant) as cast(local_time(instant) as date);

-- Events that count: operator events are no activity, no feature, no outcome.
create or replace table acts as
select
    event_id,
    customer_id,
    value,
    is_live,
    occurred_at,
    local_time(occurred_at) as local_at,
    local_day(occurred_at) as day
from events
where not is_operator;

-- Active days, each with the gap to the one before it.
create or replace table visits as
select
    customer_id,
    day,
    day - lag(day) over (partition by customer_id order by day) as gap
from (select distinct customer_id, day from acts);

-- One row for each customer with an active day before as_of.
create or replace table people as
select dates.as_of, visits.customer_id, min(visits.day) as first_day, max(visits.day) as last_day
from dates
join visits on visits.day < dates.as_of
group by all;

create or replace macro stage_of(age, recency, gap) as case
    when age <= 7 then 'curioso'
    when recency <= 7 and gap <= 14 then 'fiel'
    when recency between 8 and 14 then 'turista'
    when recency between 15 and 28 then 'desencantado'
    when recency > 28 then 'zumbi'
    when recency <= 7 and gap between 15 and 27 then 'reconquistado'
    when recency <= 7 and gap > 27 then 'reborn'
end;
