-- Features of a pension fund's accounts, from core_accounts, core_closings, core_operations, core_context and
-- core_places. Written from DOMAIN.md section 3, sharing no code with fiel/features. Inputs: accounts, closings,
-- operations, context, places, dates(as_of, last): `last` is the last day of the newest quarter published before as_of.
-- Quarters are counted as year * 4 + quarter.

create or replace macro quarter_number(day) as year(day) * 4 + quarter(day);

-- The newest published row of every account that is not known to be closed.
create or replace table standing as
select * exclude (place)
from (
    select
        dates.as_of,
        dates.last,
        accounts.*,
        min(accounts.day) over (partition by dates.as_of, accounts.customer_id) as opened,
        row_number() over (partition by dates.as_of, accounts.customer_id order by accounts.day desc) as place
    from dates join accounts on accounts.known_from < dates.as_of
) as rows
where place = 1
    and not exists (
        select 1 from closings
        where closings.customer_id = rows.customer_id and closings.known_from < rows.as_of
    );

-- Contributions of each account in the last n calendar quarters, one row for n = 1 .. 4.
create or replace table windows as
select
    standing.as_of,
    standing.customer_id,
    n,
    coalesce(sum(operations.contributions), 0) as number,
    sum(operations.contributed) as amount,
    count(operations.contributed) as amounts_given,
    min(operations.contribution_min) as smallest,
    max(operations.contribution_max) as largest
from standing
cross join range(1, 5) as counted(n)
left join operations
    on operations.customer_id = standing.customer_id
    and operations.contributions > 0
    and operations.known_from < standing.as_of
    and quarter_number(operations.day) between quarter_number(standing.last) - n + 1 and quarter_number(standing.last)
group by all;

create or replace table by_window as
select
    as_of,
    customer_id,
    max(number) filter (n = 1) as operations_q1,
    max(case when number = 0 then 0 when amounts_given > 0 then amount end) filter (n = 1) as operation_sum_q1,
    max(smallest) filter (n = 1) as operation_min_q1,
    max(largest) filter (n = 1) as operation_max_q1,
    max(case when number > 0 and amounts_given > 0 then amount / cast(number as double) end)
        filter (n = 1) as operation_mean_q1,
    max(number / 2.0::double) filter (n = 2) as operations_mean_q2,
    max(number / 3.0::double) filter (n = 3) as operations_mean_q3,
    max(number / 4.0::double) filter (n = 4) as operations_mean_q4,
    max(case when number = 0 then 0 when amounts_given > 0 then amount end / 2.0::double)
        filter (n = 2) as operation_sum_mean_q2,
    max(case when number = 0 then 0 when amounts_given > 0 then amount end / 3.0::double)
        filter (n = 3) as operation_sum_mean_q3,
    max(case when number = 0 then 0 when amounts_given > 0 then amount end / 4.0::double)
        filter (n = 4) as operation_sum_mean_q4
from windows
group by all;

-- Everything ever paid in, as far as it is published.
create or replace table life as
select
    standing.as_of,
    standing.customer_id,
    coalesce(sum(operations.contributions), 0) as operations_life,
    case
        when count(operations.day) = 0 then 0
        when count(operations.contributed) > 0 then sum(operations.contributed)
    end as operation_sum_life,
    any_value(quarter_number(standing.last)) - max(quarter_number(operations.day)) as quarters_since_operation,
    any_value(standing.as_of) - first(operations.last_contribution_on order by operations.day desc)
        as days_since_operation
from standing
left join operations
    on operations.customer_id = standing.customer_id
    and operations.contributions > 0
    and operations.known_from < standing.as_of
group by all;

-- The account rows' own totals, by quarter: never the source's totals of a year.
create or replace table totals as
select
    standing.as_of,
    standing.customer_id,
    coalesce(sum(contributions) filter (year(day) = year(last)), 0) as contributions_ytd,
    coalesce(sum(contributed) filter (year(day) = year(last)), 0) as contributed_ytd,
    coalesce(sum(operated) filter (year(day) = year(last)), 0) as operated_ytd,
    coalesce(sum(contributions), 0) as contributions_q4,
    coalesce(sum(contributed), 0) as contributed_q4,
    coalesce(sum(operated), 0) as operated_q4
from (select as_of, last, customer_id from standing) as standing
left join (select customer_id, day, known_from, contributions, contributed, operated from accounts) as accounts
    on accounts.customer_id = standing.customer_id
    and accounts.known_from < standing.as_of
    and quarter_number(accounts.day) between quarter_number(standing.last) - 3 and quarter_number(standing.last)
group by all;

create or replace table quarters as
select
    standing.as_of,
    standing.customer_id,
    by_window.* exclude (as_of, customer_id),
    totals.* exclude (as_of, customer_id),
    life.operations_life,
    life.operation_sum_life,
    life.quarters_since_operation,
    life.days_since_operation,
    quarter_number(last) - quarter_number(opened) as quarters_since_opening,
    quarter_number(last) - quarter_number(day) as quarters_since_row,
    round(sin(2 * pi() * (quarter(standing.as_of) - 1) / 4), 12) as season_sin,
    round(cos(2 * pi() * (quarter(standing.as_of) - 1) / 4), 12) as season_cos,
    case
        when client_id is null then 1
        else count(*) over (partition by standing.as_of, client_id)
    end as open_accounts,
    payment_type,
    gender,
    age,
    cooperation_days,
    balance,
    standing.as_of - first_contribution_on as days_since_first_contribution,
    accumulation_period,
    payment_period,
    scheme,
    region,
    citizen,
    has_phone,
    has_email,
    has_online_account,
    has_npo_assignee,
    has_ops_assignee,
    has_address,
    has_application
from standing
join by_window using (as_of, customer_id)
join totals using (as_of, customer_id)
join life using (as_of, customer_id);

-- Rates: the newest published quarter, and the same fact one and four quarters before that quarter.
create or replace table rates as
select
    dates.as_of,
    fact,
    max_by(value, period_end) as now,
    max(quarter_number(period_end)) as at
from dates join context on context.known_from < dates.as_of and fact in ('usd_rate', 'key_rate')
group by all;

create or replace table changes as
select
    dates.as_of,
    max(case when rates.fact = 'usd_rate' and back = 1 then now / earlier.value - 1 end) as usd_change_q1,
    max(case when rates.fact = 'usd_rate' and back = 4 then now / earlier.value - 1 end) as usd_change_q4,
    max(case when rates.fact = 'key_rate' and back = 1 then now - earlier.value end) as key_rate_change_q1,
    max(case when rates.fact = 'key_rate' and back = 4 then now - earlier.value end) as key_rate_change_q4
from dates
left join rates using (as_of)
cross join (values (1), (4)) as lags(back)
left join context as earlier
    on earlier.fact = rates.fact
    and earlier.known_from < dates.as_of
    and quarter_number(earlier.period_end) = rates.at - back
group by all;

create or replace table expectancy as
select
    newest.*,
    now - (
        select value from context
        where fact = 'life_expectancy' and known_from < newest.as_of and subject = newest.subject
            and year(period_end) = newest.at - 1
    ) as change
from (
    select dates.as_of, subject, max_by(value, period_end) as now, max(year(period_end)) as at
    from dates join context on context.known_from < dates.as_of and fact = 'life_expectancy'
    group by all
) as newest;

create or replace table surroundings as
select
    standing.as_of,
    standing.customer_id,
    usd_change_q1,
    usd_change_q4,
    key_rate_change_q1,
    key_rate_change_q4,
    expectancy.now as life_expectancy,
    expectancy.change as life_expectancy_change,
    expectancy.now - standing.age as years_left,
    places.latitude,
    places.longitude,
    places.district,
    places.place_region
from standing
left join changes on changes.as_of = standing.as_of
left join expectancy on expectancy.as_of = standing.as_of and expectancy.subject = cast(standing.gender as varchar)
left join places on places.postal_code = standing.postal_code and places.known_from < standing.as_of;
