-- The quarter windows of a fund's open accounts, straight from its files, as an analyst would write them.
create table account_rows as
select
    npo_account_id as customer_id,
    last_day(make_date(cast(year as integer), 3 * cast(quarter[6] as integer), 1)) as day,
    cast(churn as integer) as churn,
    any_value(client_id) as client_id,
    max(cast(replace(balance, ',', '.') as double)) as balance,
    max(cast(pmnts_nmbr_per_qrtr as integer)) as contributions,
    max(cast(replace(pmnts_sum_per_qrtr, ',', '.') as double)) as contributed,
    max(cast(replace(oprtn_sum_per_qrtr, ',', '.') as double)) as operated,
    max(cast(age as integer)) as age,
    any_value(postal_code) as postal_code
from read_csv('{folder}/account_quarters.csv', all_varchar = true)
group by all;

create table operations as
select
    npo_account_id as customer_id,
    last_day(make_date(cast(year as integer), 3 * cast(quarter[6] as integer), 1)) as day,
    count(*) as contributions,
    sum(cast(replace(npo_sum, ',', '.') as double)) as contributed,
    min(cast(replace(npo_sum, ',', '.') as double)) as smallest,
    max(cast(replace(npo_sum, ',', '.') as double)) as largest
from read_csv('{folder}/transactions.csv', delim = ';', all_varchar = true)
where npo_oprtn_grp = '1'
group by all;

create table windows as
with standing as (
    select customer_id, max_by(balance, day) as balance, max_by(age, day) as age, max_by(client_id, day) as client_id,
        min(day) as opened, max(day) as newest
    from account_rows
    group by all
    having max(churn) = 0
)
select
    standing.*,
    count(*) over (partition by client_id) as open_accounts,
    paid.* exclude (customer_id)
from standing
left join (
    select
        customer_id,
        sum(contributions) as operations_life,
        sum(contributed) as operation_sum_life,
        max(day) as last_operation,
        sum(contributions) filter (day > date '2022-12-31') as operations_q1,
        sum(contributions) filter (day > date '2022-09-30') / 2 as operations_mean_q2,
        sum(contributions) filter (day > date '2022-06-30') / 3 as operations_mean_q3,
        sum(contributions) filter (day > date '2022-03-31') / 4 as operations_mean_q4,
        sum(contributed) filter (day > date '2022-12-31') as operation_sum_q1,
        sum(contributed) filter (day > date '2022-03-31') / 4 as operation_sum_mean_q4,
        min(smallest) filter (day > date '2022-12-31') as operation_min_q1,
        max(largest) filter (day > date '2022-12-31') as operation_max_q1
    from operations
    group by all
) as paid using (customer_id);
