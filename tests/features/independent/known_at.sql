-- When undated catalogue rows were known, for a first source version (DOMAIN.md section 1, known-at). Inputs beside the
-- usual ones: catalogue(course_slug, episode), years(course_slug, year), seen(day).
create or replace macro local_time(instant) as (instant at time zone 'UTC') at time zone 'America/Sao_Paulo';
create or replace macro local_day(instant) as cast(local_time(instant) as date);

create or replace table episodes_known as
select
    catalogue.course_slug,
    catalogue.episode,
    least(
        (
            select min(local_day(occurred_at))
            from completions
            where completions.course_slug = catalogue.course_slug and completions.episode >= catalogue.episode
        ),
        case when years.year < 2025 then date '2025-02-04' end
    ) as known_from
from catalogue
left join years using (course_slug);

create or replace table links_known as
select
    links.user_id,
    links.customer_id,
    least(
        (
            select min(local_day(occurred_at))
            from events
            where events.customer_id = links.customer_id and events.origin = 'cursos'
        ),
        (select day from seen)
    ) as known_from
from links;
