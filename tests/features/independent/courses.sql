-- Course features. Known at as_of: what became known on a day before it. Days are cut from the instants here too.
create or replace table known_episodes as
select as_of, course_slug, episode from dates join course_episodes on known_from < as_of;

create or replace table known_courses as
select as_of, course_slug, count(*) as episodes from known_episodes group by all;

create or replace table known_users as
select distinct as_of, user_id, customer_id
from dates
join links on known_from < as_of and (known_until is null or known_until >= as_of);

create or replace table done as
select distinct known_users.as_of, known_users.customer_id, completions.course_slug, completions.episode
from known_users
join completions on completions.user_id = known_users.user_id and local_day(completions.occurred_at) < known_users.as_of
join known_episodes
    on known_episodes.as_of = known_users.as_of
    and known_episodes.course_slug = completions.course_slug
    and known_episodes.episode = completions.episode;

create or replace table course_progress as
select done.as_of, done.customer_id, done.course_slug, count(*) / any_value(episodes) as share
from done
join known_courses on known_courses.as_of = done.as_of and known_courses.course_slug = done.course_slug
group by done.as_of, done.customer_id, done.course_slug;

create or replace table claimed as
select distinct known_users.as_of, known_users.customer_id, rewards.course_slug
from known_users
join rewards on rewards.user_id = known_users.user_id and local_day(rewards.occurred_at) < known_users.as_of;

create or replace table last_learned as
select known_users.as_of, known_users.customer_id, known_users.as_of - max(day) as learning_recency_days
from known_users
join (
    select user_id, local_day(occurred_at) as day from completions
    union all
    select user_id, local_day(occurred_at) as day from skills
    union all
    select user_id, local_day(occurred_at) as day from rewards
) as steps
    on steps.user_id = known_users.user_id and steps.day < known_users.as_of
group by known_users.as_of, known_users.customer_id;

create or replace table courses_counted as
select
    people.as_of,
    people.customer_id,
    count(course_slug) filter (where share = 1) as courses_finished,
    count(course_slug) filter (where share < 1) as courses_begun,
    count(course_slug) filter (where share = 1 and claimed.customer_id is not null) as courses_finished_rewarded,
    count(course_slug) filter (where share = 1 and claimed.customer_id is null) as courses_finished_unrewarded,
    any_value(learning_recency_days) as learning_recency_days
from people
left join course_progress using (as_of, customer_id)
left join claimed using (as_of, customer_id, course_slug)
left join last_learned using (as_of, customer_id)
group by people.as_of, people.customer_id;

-- Every customer has a share of every course that is known at as_of, 0 where nothing is done.
create or replace table course_shares as
select people.as_of, people.customer_id, known_courses.course_slug, coalesce(share, 0.0) as share
from people
join known_courses on known_courses.as_of = people.as_of
left join course_progress
    on course_progress.as_of = people.as_of
    and course_progress.customer_id = people.customer_id
    and course_progress.course_slug = known_courses.course_slug;
