"""The simulated shop has the real file's layout and oddities, and the purchase process that it says it has."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from fiel.errors import SettingsError
from fiel.estimators import BGNBD, MBGNBD, GammaGamma
from fiel.simulate import simulator
from fiel.simulate.retail import Simulation, simulate
from fiel.simulate.retail_calendar import easter
from fiel.simulate.retail_people import Rates

COLUMNS = {
    "InvoiceNo": pl.String, "StockCode": pl.String, "Description": pl.String, "Quantity": pl.Int64,
    "InvoiceDate": pl.Datetime("us"), "UnitPrice": pl.Float64, "CustomerID": pl.Float64, "Country": pl.String,
}  # fmt: skip
REAL_YEAR = {"start": date(2010, 12, 1), "end": date(2011, 12, 8)}  # the real file's days; it too ends a day later
IS_CANCELLATION = pl.col("InvoiceNo").str.starts_with("C")
HAS_CUSTOMER = pl.col("CustomerID").is_not_null()
VALUE = pl.col("Quantity") * pl.col("UnitPrice")
DAY = pl.col("InvoiceDate").dt.date()


@dataclass(frozen=True)
class Shop:
    made: Simulation
    rows: pl.DataFrame

    @property
    def sales(self) -> pl.DataFrame:
        """Paid lines of known customers, without what cancellations took back."""
        return paid(self.rows)


def paid(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(HAS_CUSTOMER & ~IS_CANCELLATION & (pl.col("Quantity") > 0) & (pl.col("UnitPrice") > 0))


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """About as many customers as the real file has in its 374 days."""
    made = simulate(tmp_path_factory.mktemp("year"), customers=6_000, **REAL_YEAR)
    return Shop(made, pl.read_parquet(made.files))


@pytest.fixture(scope="module")
def real(real_data: Path) -> pl.DataFrame:
    return pl.read_parquet(real_data / "online_retail/online_retail.parquet")


# ------------------------------------------------------------------------------------------------------------ layouts


def test_the_simulator_is_found_by_the_programs_name() -> None:
    assert simulator("retail") is simulate


def test_parquet_has_the_columns_and_types_of_online_retail(year: Shop) -> None:
    assert dict(year.rows.schema) == COLUMNS
    assert [path.name for path in year.made.files] == ["online_retail.parquet"]


@pytest.mark.real_data
def test_columns_and_types_are_the_real_files(year: Shop, real: pl.DataFrame) -> None:
    assert dict(year.rows.schema) == dict(real.schema)


def test_csv_files_are_of_online_retail_ii_and_overlap_by_nine_days(tmp_path: Path) -> None:
    made = simulate(tmp_path / "csv", customers=400, layout="csv")
    whole = pl.read_parquet(simulate(tmp_path / "parquet", customers=400).files)
    frames = [pl.read_csv(path, infer_schema=False) for path in made.files]
    assert len(frames) == 2
    for frame in frames:
        assert frame.columns == [
            "Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"
        ]  # fmt: skip
        assert frame["Customer ID"].drop_nulls().str.contains(r"^\d{5}\.0$").all()
        assert frame["InvoiceDate"].str.contains(r"^\d{4}-\d\d-\d\d \d\d:\d\d:00$").all()
    days = [frame["InvoiceDate"].str.slice(0, 10).str.to_date() for frame in frames]
    shared = [day for day in days[0].unique().sort().to_list() if day >= date(2024, 2, 1) + timedelta(days=365)]
    assert shared
    assert shared == [day for day in days[1].unique().sort().to_list() if day <= days[0].max()]
    assert max(shared) - min(shared) <= timedelta(days=8)
    assert set(frames[0]["Invoice"]) | set(frames[1]["Invoice"]) == set(whole["InvoiceNo"])
    first = frames[0].filter(days[0] >= min(shared))
    assert first.equals(frames[1].filter(days[1] <= max(shared)))
    assert sum(frame.height for frame in frames) == whole.height + first.height == made.rows


def test_xlsx_holds_the_same_rows_in_one_sheet(tmp_path: Path) -> None:
    dates = {"start": date(2024, 3, 1), "end": date(2024, 3, 31)}
    made = simulate(tmp_path / "xlsx", customers=200, layout="xlsx", **dates)
    whole = pl.read_parquet(simulate(tmp_path / "parquet", customers=200, **dates).files)
    assert [path.name for path in made.files] == ["Online Retail.xlsx"]
    sheet = pl.read_excel(made.files[0], schema_overrides={"CustomerID": pl.Float64, "UnitPrice": pl.Float64})
    assert sheet.with_columns(pl.col("InvoiceDate").cast(pl.Datetime("us"))).equals(whole)


@pytest.mark.parametrize("layout", ["parquet", "csv", "xlsx"])
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path, layout: str) -> None:
    def made(folder: str, seed: int) -> list[bytes]:
        files = simulate(tmp_path / folder, customers=60, end=date(2024, 5, 1), seed=seed, layout=layout).files
        return [path.read_bytes() for path in files]

    assert made("one", 3) == made("two", 3)
    assert made("three", 4) != made("one", 3)


def test_a_later_end_keeps_the_history_up_to_the_earlier_one(tmp_path: Path) -> None:
    early = pl.read_parquet(simulate(tmp_path / "early", customers=400, end=date(2024, 9, 30)).files)
    late = pl.read_parquet(simulate(tmp_path / "late", customers=400, end=date(2025, 3, 31)).files)
    through = DAY.le(date(2024, 9, 30))
    assert early.filter(through).height > 10_000
    assert early.filter(through).equals(late.filter(through))


def test_large_shops_are_written_in_parts_that_give_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pl.read_parquet(simulate(tmp_path / "whole", customers=100).files)
    monkeypatch.setattr("fiel.simulate.retail.CHUNK_INVOICES", 200)
    made = simulate(tmp_path / "parts", customers=100)
    assert len(made.files) > 2
    assert pl.concat(pl.read_parquet(path) for path in made.files).equals(whole)


@pytest.mark.parametrize("layout", ["parquet", "csv", "xlsx"])
def test_a_shop_without_a_customer_is_an_empty_file(tmp_path: Path, layout: str) -> None:
    made = simulate(tmp_path, customers=1, start=date(2024, 1, 2), end=date(2024, 1, 2), layout=layout)
    assert (made.rows, made.buyers, len(made.files)) == (0, 0, 1)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"customers": 0}, "customers is 0"),
        ({"start": date(2025, 1, 2), "end": date(2025, 1, 1)}, "start must not be after end"),
        ({"layout": "sqlite"}, "parquet, csv, xlsx"),
    ],
)
def test_wrong_wishes_are_refused(tmp_path: Path, wrong: dict[str, object], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        simulate(tmp_path, **wrong)  # type: ignore[arg-type]


# ----------------------------------------------------------------------------------------------------------- oddities


def test_the_shop_is_closed_on_saturdays_at_easter_and_at_the_years_end(year: Shop) -> None:
    days = set(year.rows.select(DAY.unique()).to_series())
    assert {day.weekday() for day in days} == {0, 1, 2, 3, 4, 6}
    assert days.isdisjoint({date(2010, 12, 25), date(2010, 12, 31), date(2011, 1, 3)})
    assert days.isdisjoint({date(2011, 4, 22), date(2011, 4, 24), date(2011, 4, 25), date(2011, 8, 29)})


@pytest.mark.parametrize("sunday", [date(2010, 4, 4), date(2011, 4, 24), date(2024, 3, 31), date(2025, 4, 20)])
def test_easter_is_on_the_known_dates(sunday: date) -> None:
    assert easter(sunday.year) == sunday


def test_invoices_are_in_office_hours_and_the_file_ends_at_ten_to_one(year: Shop) -> None:
    hours = year.rows["InvoiceDate"].dt.hour()
    assert hours.min() >= 6  # type: ignore[operator]
    assert hours.max() <= 21  # type: ignore[operator]
    assert year.made.exported_at.isoformat() == "2011-12-09T12:50:00"
    assert date(2011, 12, 9) == year.rows["InvoiceDate"].max().date() <= year.made.exported_at.date()  # type: ignore[union-attr]
    assert year.rows["InvoiceDate"].max() <= year.made.exported_at  # type: ignore[operator]


def test_an_invoice_has_one_customer_one_time_and_one_country(year: Shop) -> None:
    whole = year.rows.group_by("InvoiceNo").agg(
        pl.col("CustomerID").n_unique().alias("customers"),
        pl.col("InvoiceDate").n_unique().alias("times"),
        pl.col("Country").n_unique().alias("countries"),
    )
    assert whole.select(pl.max("customers"), pl.max("times"), pl.max("countries")).row(0) == (1, 1, 1)


def test_invoice_numbers_grow_with_time(year: Shop) -> None:
    number = year.rows["InvoiceNo"].str.strip_prefix("C").str.strip_prefix("A").cast(pl.Int64)
    assert number.is_sorted()
    assert year.rows["InvoiceDate"].is_sorted()


def test_customers_have_one_id_each(year: Shop) -> None:
    assert year.rows.filter(~IS_CANCELLATION)["CustomerID"].drop_nulls().n_unique() == year.made.buyers


def test_cancellations_match_wholly_partly_or_not_at_all(year: Shop) -> None:
    back = year.rows.filter(IS_CANCELLATION & HAS_CUSTOMER & pl.col("StockCode").str.contains(r"^\d{5}"))
    back = back.with_row_index("line")
    same = back.join(year.sales, on=["CustomerID", "StockCode", "UnitPrice"], suffix="_bought").filter(
        pl.col("InvoiceDate_bought") <= pl.col("InvoiceDate")
    )
    whole = same.filter(pl.col("Quantity_bought") == -pl.col("Quantity"))["line"].n_unique() / back.height
    part = same.filter(pl.col("Quantity_bought") > -pl.col("Quantity"))["line"].n_unique() / back.height
    any_match = same.filter(pl.col("Quantity_bought") >= -pl.col("Quantity"))["line"].n_unique() / back.height
    assert (back["Quantity"] < 0).all()
    assert 0.2 < whole < 0.6
    assert 0.2 < part < 0.8
    assert 0.05 < 1 - any_match < 0.3


@pytest.mark.parametrize(
    "code", ["POST", "DOT", "C2", "M", "D", "S", "B", "CRUK", "PADS", "BANK CHARGES", "AMAZONFEE", "TEST001"]
)
def test_rows_that_are_no_product_are_there(year: Shop, code: str) -> None:
    assert code in set(year.rows["StockCode"])


def test_bad_debts_have_a_negative_price_an_a_invoice_and_no_customer(year: Shop) -> None:
    debts = year.rows.filter(pl.col("UnitPrice") < 0)
    assert debts.height > 0
    assert set(debts["StockCode"]) == {"B"}
    assert debts["InvoiceNo"].str.starts_with("A").all()
    assert debts["CustomerID"].is_null().all()


def test_stock_corrections_have_no_price_no_customer_and_other_descriptions(year: Shop) -> None:
    lost = year.rows.filter(~IS_CANCELLATION & (pl.col("Quantity") < 0))
    assert lost.height > 500
    assert (lost["UnitPrice"] == 0).all()
    assert lost["CustomerID"].is_null().all()
    assert {"Unknown", "check", "damages"} <= set(lost["Description"])


def test_some_products_have_more_than_one_description(year: Shop) -> None:
    names = year.sales.group_by("StockCode").agg(pl.col("Description").n_unique())["Description"]
    assert 0.1 < (names > 1).mean() < 0.5  # type: ignore[operator]


# ------------------------------------------------------------------------------------------------------------ realism

ABSOLUTE = {  # how far a share may be from the real one
    "rows without a customer": 0.04,
    "cancelled rows": 0.005,
    "cancelled invoices": 0.035,
    "rows with price 0": 0.002,
    "negative rows without a cancellation": 0.001,
    "rows that are no product": 0.003,
    "exact duplicates": 0.004,
    "rows from the United Kingdom": 0.04,
    "customers who bought once": 0.05,
    "customers with a cancellation": 0.10,
    "revenue of the best 1 % of the customers": 0.16,  # two of the real ones bought for 160,000 and 280,000
    "revenue of the best 10 %": 0.10,
    "revenue of the best 20 %": 0.07,
    "lines of the best 10 % of the products": 0.08,
    "invoices in September": 0.015,
    "invoices in November": 0.02,
}
RELATIVE = {  # ratio to the real value, minus 1
    "lines of an invoice, mean": 0.15,
    "lines of an invoice, median": 0.20,
    "value of an invoice, mean": 0.20,
    "value of an invoice, median": 0.20,
    "purchase days of a customer, mean": 0.15,
    "gap between purchase days, first quartile": 0.35,
    "gap between purchase days, median": 0.25,
    "gap between purchase days, third quartile": 0.15,
    "price, median": 0.10,
    "lines of an anonymous invoice, mean": 0.30,
}


def shape(rows: pl.DataFrame) -> dict[str, float]:
    sales = paid(rows)
    invoices = sales.group_by("InvoiceNo").agg(pl.len(), value=VALUE.sum(), month=pl.col("InvoiceDate").first())
    month = invoices["month"].dt.month()
    customers = sales.group_by("CustomerID").agg(value=VALUE.sum(), days=DAY.n_unique()).sort("value", descending=True)
    revenue = customers["value"].cum_sum() / customers["value"].sum()
    products = sales.group_by("StockCode").len().sort("len", descending=True)["len"]
    days = sales.select("CustomerID", day=DAY).unique().sort("CustomerID", "day")
    gaps = days.select((pl.col("day") - pl.col("day").shift().over("CustomerID")).dt.total_days()).to_series()
    web = rows.filter(~HAS_CUSTOMER & (pl.col("UnitPrice") > 0) & (pl.col("Quantity") > 0)).group_by("InvoiceNo").len()
    cancelled = rows.filter(IS_CANCELLATION)
    known = rows.filter(HAS_CUSTOMER)
    return {
        "rows without a customer": rows["CustomerID"].null_count() / rows.height,
        "cancelled rows": cancelled.height / rows.height,
        "cancelled invoices": cancelled["InvoiceNo"].n_unique() / rows["InvoiceNo"].n_unique(),
        "rows with price 0": rows.filter(pl.col("UnitPrice") == 0).height / rows.height,
        "negative rows without a cancellation": rows.filter(~IS_CANCELLATION & (pl.col("Quantity") < 0)).height
        / rows.height,
        "rows that are no product": rows.filter(~pl.col("StockCode").str.contains(r"^\d{5}")).height / rows.height,
        "exact duplicates": 1 - rows.unique().height / rows.height,
        "rows from the United Kingdom": rows.filter(pl.col("Country") == "United Kingdom").height / rows.height,
        "customers who bought once": customers.filter(pl.col("days") == 1).height / customers.height,
        "customers with a cancellation": known.filter(IS_CANCELLATION)["CustomerID"].n_unique()
        / known["CustomerID"].n_unique(),
        "revenue of the best 1 % of the customers": revenue[customers.height // 100 - 1],
        "revenue of the best 10 %": revenue[customers.height // 10 - 1],
        "revenue of the best 20 %": revenue[customers.height // 5 - 1],
        "lines of the best 10 % of the products": products.head(len(products) // 10).sum() / products.sum(),
        "invoices in September": (month == 9).sum() / len(month),
        "invoices in November": (month == 11).sum() / len(month),
        "lines of an invoice, mean": invoices.select(pl.mean("len")).item(),
        "lines of an invoice, median": invoices.select(pl.median("len")).item(),
        "value of an invoice, mean": invoices.select(pl.mean("value")).item(),
        "value of an invoice, median": invoices.select(pl.median("value")).item(),
        "purchase days of a customer, mean": customers.select(pl.mean("days")).item(),
        "gap between purchase days, first quartile": gaps.quantile(0.25) or 0,
        "gap between purchase days, median": gaps.quantile(0.5) or 0,
        "gap between purchase days, third quartile": gaps.quantile(0.75) or 0,
        "price, median": sales.select(pl.median("UnitPrice")).item(),
        "lines of an anonymous invoice, mean": web.select(pl.mean("len")).item(),
    }


@pytest.fixture(scope="module")
def shapes(year: Shop, real: pl.DataFrame) -> tuple[dict[str, float], dict[str, float]]:
    return shape(year.rows), shape(real)


@pytest.mark.real_data
@pytest.mark.parametrize("what", ABSOLUTE)
def test_shares_are_near_the_real_files(shapes: tuple[dict[str, float], dict[str, float]], what: str) -> None:
    ours, theirs = shapes
    assert ours[what] == pytest.approx(theirs[what], abs=ABSOLUTE[what])


@pytest.mark.real_data
@pytest.mark.parametrize("what", RELATIVE)
def test_sizes_are_near_the_real_files(shapes: tuple[dict[str, float], dict[str, float]], what: str) -> None:
    ours, theirs = shapes
    assert ours[what] == pytest.approx(theirs[what], rel=RELATIVE[what])


@pytest.mark.real_data
def test_no_product_is_named_as_in_the_real_file(year: Shop, real: pl.DataFrame) -> None:
    ours = set(year.sales.filter(pl.col("StockCode").str.contains(r"^\d{5}"))["Description"].str.strip_chars())
    assert ours.isdisjoint(real["Description"].drop_nulls().str.strip_chars())


# ------------------------------------------------------------------------------------------------ the purchase process


def histories(rows: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Frequency, recency and T in days and the mean of repeat purchases, straight from the rows."""
    days = (
        paid(rows).filter(pl.col("StockCode").str.contains(r"^\d{5}") & DAY.lt(as_of))
        .group_by("CustomerID", day=DAY).agg(value=VALUE.sum()).sort("CustomerID", "day")
    )  # fmt: skip
    return days.group_by("CustomerID", maintain_order=True).agg(
        frequency=pl.len() - 1.0,
        recency=(pl.col("day").max() - pl.col("day").min()).dt.total_days(),
        age=(as_of - pl.col("day").min()).dt.total_days(),
        since=(as_of - pl.col("day").max()).dt.total_days(),
        mean_repeat=pl.col("value").slice(1).mean(),
        last_to_mean=pl.col("value").last() / pl.col("value").mean(),
        last_day=pl.col("day").max(),
    )


@pytest.mark.parametrize(("leaves_after_first", "model"), [(True, MBGNBD), (False, BGNBD)])
def test_the_parameters_are_recovered_from_the_file(
    tmp_path: Path, leaves_after_first: bool, model: type[BGNBD] | type[MBGNBD]
) -> None:
    rates = Rates(season=0.0, signs=0.0, leaves_after_first=leaves_after_first)
    made = simulate(tmp_path, customers=6_000, seed=3, rates=rates)
    known = histories(pl.read_parquet(made.files), date(2025, 12, 1))
    fitted = model().fit(known["frequency"], known["recency"], known["age"])
    for name, truth in {"r": rates.r, "alpha": rates.alpha, "a": rates.a, "b": rates.b}.items():
        assert fitted.parameters_[name] == pytest.approx(truth, abs=2.6 * fitted.standard_errors_[name]), name
    other = (BGNBD if leaves_after_first else MBGNBD)().fit(known["frequency"], known["recency"], known["age"])
    assert fitted.log_likelihood_ > other.log_likelihood_
    repeaters = known.filter(pl.col("frequency") > 0)
    spend = GammaGamma().fit(repeaters["frequency"], repeaters["mean_repeat"])
    assert spend.p_ == pytest.approx(rates.p, rel=0.2)  # packs of whole pieces round the values
    assert spend.q_ == pytest.approx(rates.q, rel=0.2)
    assert spend.v_ == pytest.approx(rates.v, rel=0.2)


def test_returns_and_falling_baskets_tell_what_purchase_histories_do_not(tmp_path: Path) -> None:
    rows = pl.read_parquet(simulate(tmp_path, customers=6_000).files)
    back = rows.filter(IS_CANCELLATION & HAS_CUSTOMER).select("CustomerID", back_day=DAY)

    def population(as_of: date) -> pl.DataFrame:
        until = as_of + timedelta(days=90)
        buyers = paid(rows).filter(DAY.is_between(as_of, until, closed="left")).select("CustomerID").unique()
        returned = back.filter(pl.col("back_day") < as_of).group_by("CustomerID").agg(pl.col("back_day").max())
        return (
            histories(rows, as_of).filter(pl.col("since") <= 180)
            .join(buyers.with_columns(buys=pl.lit(True)), on="CustomerID", how="left")
            .join(returned, on="CustomerID", how="left")
            .with_columns(pl.col("buys").fill_null(False),
                          returned=(pl.col("back_day") >= pl.col("last_day")).fill_null(False).cast(pl.Int8))
        )  # fmt: skip

    train = pl.concat(population(date(2025, month, 1)) for month in (1, 2, 3, 4, 5))
    test = population(date(2025, 8, 20))

    def auc(columns: list[str]) -> float:
        model = HistGradientBoostingClassifier(max_depth=4, learning_rate=0.05, max_iter=80, random_state=0)
        model.fit(train.select(columns).to_numpy(), train["buys"].to_numpy())
        return float(roc_auc_score(test["buys"].to_numpy(), model.predict_proba(test.select(columns).to_numpy())[:, 1]))

    history = ["frequency", "recency", "age", "since"]
    assert 0.70 < auc(history) < 0.80  # the real file: .73
    assert auc([*history, "returned", "last_to_mean"]) > auc(history) + 0.01


def test_a_leaving_customer_never_buys_again() -> None:
    from fiel.simulate.draws import Draws
    from fiel.simulate.retail_calendar import trade
    from fiel.simulate.retail_people import purchases

    bought = purchases(Draws(5), trade(date(2024, 1, 1), date(2025, 12, 31)), 2_000, Rates())
    last_of_each = np.append(bought.customer[1:] != bought.customer[:-1], True)
    assert bought.is_last.any()
    assert last_of_each[bought.is_last].all()
    assert (bought.place[np.append(True, last_of_each[:-1])] == 0).all()
