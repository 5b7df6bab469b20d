-- Activity features over each window, one row for each customer, as_of and window (long form).
create or replace table windows as
select * from (values ('life', 1000000), ('d7', 7), ('d14', 14), ('d28', 28), ('d56', 56)) as w (suffix, days);

create or replace table activity_windows as
with in_window as (
    select people.as_of, people.customer_id, windows.suffix, acts.*
    from people
    cross join windows
    left join acts
        on acts.customer_id = people.customer_id
        and acts.day < people.as_of
        and people.as_of - acts.day <= windows.days
),
by_day as (
    select as_of, customer_id, suffix, day, (epoch_us(max(occurred_at)) - epoch_us(min(occurred_at))) // 1000000 as seconds
    from in_window
    where event_id is not null
    group by all
),
hours as (select as_of, customer_id, suffix, sum(seconds) / 3600.0 as hours from by_day group by all)
select
    in_window.as_of,
    in_window.customer_id,
    in_window.suffix,
    count(distinct day) as active_days,
    count(event_id) as transactions,
    cast(coalesce(sum(value), 0) as bigint) as value_net,
    cast(coalesce(sum(value) filter (where value > 0), 0) as bigint) as value_earned,
    cast(coalesce(-sum(value) filter (where value < 0), 0) as bigint) as value_spent,
    case when count(distinct day) = 0 then 0.0 else count(event_id) / count(distinct day) end as transactions_per_day,
    coalesce(any_value(hours.hours), 0.0) as hours
from in_window
left join hours using (as_of, customer_id, suffix)
group by in_window.as_of, in_window.customer_id, in_window.suffix;

create or replace table activity_life as
select
    people.as_of,
    people.customer_id,
    people.as_of - people.first_day as age_days,
    count(*) filter (where hour(local_at) between 7 and 11) as transactions_morning_life,
    count(*) filter (where hour(local_at) between 12 and 18) as transactions_afternoon_life,
    count(*) filter (where hour(local_at) < 7 or hour(local_at) > 18) as transactions_night_life,
    count(*) filter (where hour(local_at) between 7 and 11) / count(*) as transactions_morning_share,
    count(*) filter (where hour(local_at) between 12 and 18) / count(*) as transactions_afternoon_share,
    count(*) filter (where hour(local_at) < 7 or hour(local_at) > 18) / count(*) as transactions_night_share
from people
join acts on acts.customer_id = people.customer_id and acts.day < people.as_of
group by people.as_of, people.customer_id, people.first_day;

create or replace table activity_gaps as
select
    people.as_of,
    people.customer_id,
    avg(gap) as mean_gap_days_life,
    avg(gap) filter (where people.as_of - visits.day <= 28) as mean_gap_days_d28,
    count(*) filter (where people.as_of - visits.day <= 28) / 28.0 as active_days_share_d28
from people
join visits on visits.customer_id = people.customer_id and visits.day < people.as_of
group by all;

-- A transaction without lines counts one line, of no product.
create or replace table activity_shares as
with lines as (
    select acts.customer_id, acts.day, event_lines.product_name, event_lines.category
    from acts
    left join event_lines using (event_id)
)
select
    people.as_of,
    people.customer_id,
    count(*) filter (where product_name = 'ChatMessage') / count(*) as product_share_chat_message,
    count(*) filter (where product_name = 'Airflow Lover') / count(*) as product_share_airflow_lover,
    count(*) filter (where product_name = 'R Lover') / count(*) as product_share_r_lover,
    count(*) filter (where product_name = 'Resgatar Ponei') / count(*) as product_share_resgatar_ponei,
    count(*) filter (where product_name = 'Lista de presença') / count(*) as product_share_lista_de_presenca,
    count(*) filter (where product_name = 'Presença Streak') / count(*) as product_share_presenca_streak,
    count(*) filter (where product_name = 'Troca de Pontos StreamElements') / count(*) as product_share_troca_stream_elements,
    count(*) filter (where product_name = 'Reembolso: Troca de Pontos StreamElements') / count(*)
        as product_share_reembolso_stream_elements,
    count(*) filter (where category = 'rpg') / count(*) as category_share_rpg,
    count(*) filter (where category = 'churn_model') / count(*) as category_share_churn_model
from people
join lines on lines.customer_id = people.customer_id and lines.day < people.as_of
group by people.as_of, people.customer_id;
