"""The sections of a program with engagement: what they say of known tables, and what stands where there are none."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
import vl_convert

from fiel.core import Core
from fiel.features.attributes import undated_base
from fiel.program import EngagementRules, Program, Source, Target
from fiel.reports.cards import SourceCard
from fiel.reports.charts import About
from fiel.reports.charts.engagement import observed_uplift, qini_curve, segments_by_risk
from fiel.reports.charts.interactions import events_by_hour, events_by_weekday
from fiel.reports.data import ReportData, collect
from fiel.reports.engagement import EngagementView, engagement_markdown
from fiel.reports.page import render_report
from fiel.reports.sections import sections
from fiel.reports.sections.base import Empty, Figure, Section, Shown, Words
from fiel.segments.engagement import SEGMENTS
from fiel.segments.risk import RISK_GROUPS
from fiel.segments.uplift import uplift_decile, uplift_findings
from fiel.tables import TABLES

AS_OF = date(2025, 12, 1)
ABOUT = About(AS_OF, 900, simulated=True)
CUSTOMERS = 900


def make_program() -> Program:
    return Program(
        name="operator",
        title="Operator",
        kind="table",
        simulated=True,
        source=Source(format="telecom", version_date=AS_OF),
        target=Target(name="churn", kind="label", exclude_stages=()),
        features={"groups": ("attributes",), "optional_groups": ()},
        engagement=EngagementRules(),
    )


def make_view(**changes: object) -> EngagementView:
    """Made-up customers, a third of them in no doubt about the treatment, and a small log."""
    rng = np.random.default_rng(1)
    prob, uplift = rng.beta(1, 20, CUSTOMERS), rng.normal(0.02, 0.05, CUSTOMERS)
    treated = rng.random(CUSTOMERS) < 0.7
    ids = [f"c{number:04}" for number in range(CUSTOMERS)]
    customers = pl.DataFrame(
        {
            "customer_id": ids,
            "segment": rng.choice(SEGMENTS, CUSTOMERS).tolist(),
            "risk_group": np.select([prob <= 0.05, prob <= 0.1, prob <= 0.3], RISK_GROUPS[:3], "critical").tolist(),
            "engagement": rng.uniform(0, 100, CUSTOMERS),
            "prob": prob,
            "value": rng.uniform(0, 100_000, CUSTOMERS),
            "uplift": uplift,
        }
    ).with_columns(uplift_decile=uplift_decile(pl.col("uplift")))
    left = rng.random(CUSTOMERS) < np.clip(prob + 0.05 - uplift * treated, 0, 1)
    labels = pl.DataFrame({"customer_id": ids, "label": left.astype(int), "is_treated": treated})
    findings = uplift_findings(customers, labels, None, "", SEGMENTS, confidence=0.95, draws=60, seed=1)
    events = [
        (kind, hour, day, 10 * (hour + 1) * (3 - place), 5)
        for place, kind in enumerate(("clicks", "carts", "orders"))
        for hour in range(24)
        for day in range(1, 8)
    ]
    items = [
        (segment, rank, 100 + rank, 50 - rank, 60, 5, 1) for segment in ("all", "premium") for rank in range(1, 13)
    ]
    given: dict[str, object] = {
        "card": {
            "model_version": "3",
            "is_base_rate": False,
            "silhouette": 0.33,
            "explained": [0.1, 0.08, 0.06, 0.05, 0.04],
            "uplift": findings.as_dict(),
            "log": {},
        },
        "customers": customers,
        "uplift": findings.observed.with_columns(as_of=pl.lit(AS_OF)),
        "qini": findings.curve.with_columns(as_of=pl.lit(AS_OF)),
        "events": pl.DataFrame(events, schema=["kind", "hour", "weekday", "events", "sessions"], orient="row"),
        "items": pl.DataFrame(
            items, schema=["segment", "rank", "aid", "sessions", "clicks", "carts", "orders"], orient="row"
        ),
        "labels": labels,
    }
    return EngagementView(**(given | changes))  # type: ignore[arg-type]


def make_report(view: EngagementView | None) -> ReportData:
    program = make_program()
    ids = make_view().customers.select("customer_id")
    attributes = ids.with_columns(x_pc1=pl.lit(1.0))
    labels = ids.with_columns(label=pl.lit(0, pl.Int64), is_treated=pl.lit(None, pl.Boolean))
    core = Core.of({"attributes": attributes, "labels": labels}, date(2025, 11, 30))
    source = SourceCard("v1", date(2025, 11, 30), date(2025, 11, 30), {}, pl.DataFrame(), (), {}, "code")
    return collect(
        core,
        pl.LazyFrame(schema=TABLES["feat_life_cycle_spans"].declared),
        undated_base(core, AS_OF).collect(),
        program=program,
        as_of=AS_OF,
        source=source,
        engagement=view,
    )


@pytest.fixture(scope="module")
def view() -> EngagementView:
    return make_view()


@pytest.fixture(scope="module")
def found(view) -> dict[str, Section]:
    return {section.name: section for section in sections(make_report(view))}


def test_groups_count_everyone_once_and_what_they_say_is_what_counting_gives(view) -> None:
    for frame, by, names in ((view.segments, "segment", SEGMENTS[::-1]), (view.risks, "risk_group", RISK_GROUPS)):
        assert frame[by].to_list() == list(names)
        assert frame["customers"].sum() == CUSTOMERS
        assert frame["share"].sum() == pytest.approx(1)
        for row in frame.to_dicts():
            some = view.customers.filter(pl.col(by) == row[by]).join(view.labels, on="customer_id")
            assert row["customers"] == some.height
            assert row["left_rate"] == (pytest.approx(some["label"].mean()) if some.height else None)


def test_a_risk_group_without_customers_is_shown_as_such() -> None:
    some = make_view().customers.filter(pl.col("risk_group") == "low")
    last = replace(make_view(), customers=some).risks.row(3, named=True)
    assert (last["risk_group"], last["customers"], last["left_rate"]) == ("critical", 0, None)


def test_the_sections_stand_in_the_order_of_the_answers(found) -> None:
    names = list(found)
    assert names.index("engagement") < names.index("treatment") < names.index("treat") < names.index("interactions")


def test_the_statement_stands_in_the_report_word_for_word(found, view) -> None:
    said = [block.text for block in found["treatment"].blocks if isinstance(block, Words)]
    assert said == view.statement
    assert any("no customer's own uplift is known" in sentence for sentence in said)


def test_figures_have_their_tables(found) -> None:
    figures = {block.name: block for section in found.values() for block in section.blocks if isinstance(block, Figure)}
    assert {"segments-risk", "uplift-segment", "uplift-decile", "qini", "events-hour", "events-weekday"} <= set(figures)
    assert len(figures["uplift-decile"].table.rows) == 10
    assert len(figures["qini"].table.rows) == 11


def test_most_popular_articles_are_of_all_sessions_and_of_segments(found) -> None:
    tables = {block.title: block.table for block in found["interactions"].blocks if isinstance(block, Shown)}
    assert [row[1] for row in tables["Most popular articles"].rows][:2] == ["101", "102"]
    assert {row[0] for row in tables["Most popular articles by segment"].rows} == {"premium"}


def test_without_links_the_report_says_why_no_segment_has_articles(view) -> None:
    items = view.items.filter(pl.col("segment") == "all")
    report = make_report(replace(view, items=items))
    section = next(one for one in sections(report) if one.name == "interactions")
    assert any("No links.csv" in block.text for block in section.blocks if isinstance(block, Words))


def test_without_a_log_there_is_no_section_of_it(view) -> None:
    report = make_report(replace(view, events=view.events.clear(), items=view.items.clear()))
    assert "interactions" not in {section.name for section in sections(report)}


def test_without_tables_the_report_says_what_to_run() -> None:
    section = next(one for one in sections(make_report(None)) if one.name == "engagement")
    (empty,) = section.blocks
    assert isinstance(empty, Empty)
    assert empty.command == "fiel run segments --program operator --as-of 2025-12-01"


def test_a_base_rate_is_said_instead_of_segments_by_risk(view) -> None:
    report = make_report(replace(view, card=view.card | {"is_base_rate": True}))
    section = next(one for one in sections(report) if one.name == "engagement")
    assert any("Do not choose customers by risk" in block.text for block in section.blocks if isinstance(block, Words))
    assert "is the base rate" in engagement_markdown(replace(view, card=view.card | {"is_base_rate": True}),
                                                     make_program(), AS_OF)  # fmt: skip


def test_one_arm_alone_leaves_the_charts_of_uplift_out(view) -> None:
    labels = view.labels.with_columns(is_treated=pl.lit(value=True))
    findings = uplift_findings(view.customers, labels, None, "", SEGMENTS, confidence=0.95, draws=60, seed=1)
    day = pl.lit(AS_OF).alias("as_of")
    card = view.card | {"uplift": findings.as_dict()}
    alone = replace(view, card=card, uplift=findings.observed.with_columns(day), qini=findings.curve.with_columns(day))
    section = next(one for one in sections(make_report(alone)) if one.name == "treatment")
    assert [type(block) for block in section.blocks] == [Words]


def test_the_whole_page_is_drawn_and_equal_data_give_equal_bytes(view) -> None:
    page = render_report(make_report(view))
    assert page == render_report(make_report(make_view()))
    assert "chance to leave" not in page  # there are no scores in this report
    assert "What the treatment did" in page


def test_the_artifact_has_segments_uplift_and_statement(view) -> None:
    text = engagement_markdown(view, make_program(), AS_OF)
    for words in ("| premium |", "| critical |", "What the treatment did", view.statement[0], "Most popular articles"):
        assert words in text


def charts(view: EngagementView) -> dict[str, dict]:
    deciles = view.uplift.filter(pl.col("by") == "decile").with_columns(name=pl.format("decile {}", "group"))
    made = {
        "segments": segments_by_risk(view.crossed, SEGMENTS[::-1], RISK_GROUPS, ABOUT),
        "uplift": observed_uplift(deciles, 0.02, "decile", ABOUT),
        "qini": qini_curve(view.qini, 0.95, ABOUT),
        "hours": events_by_hour(view.events, ABOUT, "UTC"),
        "weekdays": events_by_weekday(view.events, ABOUT),
    }
    return {name: chart.to_dict() for name, chart in made.items()}


@pytest.mark.parametrize("name", ["segments", "uplift", "qini", "hours", "weekdays"])
def test_a_chart_says_what_it_shows_and_can_be_drawn(view, name) -> None:
    spec = charts(view)[name]
    assert "simulated" in spec["title"]["subtitle"]
    assert "2025-12-01" in spec["title"]["subtitle"]
    assert len(spec["description"]) > 20
    drawn = vl_convert.vegalite_to_svg(json.dumps(spec | {"width": 500}))
    assert "NaN" not in drawn
    assert "<svg" in drawn
