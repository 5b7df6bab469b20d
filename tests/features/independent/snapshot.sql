-- Population and value cluster.
create or replace table snapshot_extra as
with live as (
    select distinct as_of, acts.customer_id from dates join acts on acts.day < dates.as_of and acts.is_live
),
month as (select as_of, customer_id, active_days as f, value_earned as v from activity_windows where suffix = 'd28')
select
    life_cycle_now.as_of,
    life_cycle_now.customer_id,
    live.customer_id is not null and stage <> 'zumbi' as in_population,
    case
        when f = 0 then 'none'
        when v >= 1500 then case when f <= 10 then 'hyper' else 'eficiente' end
        when v >= 750 then case when f <= 10 then 'indeciso' else 'esforcado' end
        when f < 5 then 'lurker'
        when f <= 10 then 'preguicoso'
        else 'potencial'
    end as value_cluster
from life_cycle_now
join month using (as_of, customer_id)
left join live using (as_of, customer_id);
