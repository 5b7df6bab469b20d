from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser

import polars as pl
import pytest

from fiel.program import Economics, LifeCycle, Purchases, Target, Value
from fiel.reports import cards
from fiel.reports.cards import SourceCard
from fiel.reports.data import ReportData
from fiel.reports.page import render_report, unbroken
from fiel.reports.sections.now import leaving
from fiel.reports.sections.wording import stage_meanings
from tests.reports.conftest import AS_OF, FIRST_DAY, make_card, make_program, make_report, make_shop, make_shop_report


class Page(HTMLParser):
    """The elements of a page: tags with their attributes, ids, texts, and scripts by type."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[str | None, str]] = []
        self.headings: list[str] = []
        self.words: list[str] = []
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag
        if tag == "script":
            self.scripts.append((dict(attrs).get("type"), ""))
        if tag in ("h1", "h2"):
            self.headings.append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "script":
            kind, text = self.scripts[-1]
            self.scripts[-1] = (kind, text + data)
        elif self._open in ("h1", "h2"):
            self.headings[-1] += data
        if self._open not in ("script", "style"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def html(report: ReportData) -> str:
    return render_report(report)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_the_same_data_give_the_same_bytes(html: str) -> None:
    assert render_report(make_report()) == html


def test_the_answers_come_first(page: Page) -> None:
    assert page.headings == [
        "Made-up club, as of 1 March 2025",
        "What changed since 2025-02-22",
        "Who is leaving",
        "What we propose to pay, and why it should work",
        "Key figures",
        "The model",
        "The data",
    ]


def test_the_header_names_what_the_figures_rest_on(page: Page) -> None:
    for fact in (
        "made_up",
        "2025-03-01 (exclusive)",
        "loyalty-system=12",
        "2025-02-28",
        "version 3",
        "7 (invented amounts)",
    ):
        assert fact in page.text
    assert "Simulated data." in page.text


def test_real_data_are_not_called_simulated(report: ReportData) -> None:
    real = render_report(make_report(120, program=make_program(simulated=False), model=None, quality=None))
    assert "imulated" not in Page(real).text


def test_nothing_is_loaded_from_elsewhere(page: Page) -> None:
    for tag, attributes in page.tags:
        for name in ("src", "href", "srcset", "action", "poster"):
            address = attributes.get(name) or ""
            assert not address or address.startswith(("#", "data:")), f"{tag} {address}"
    assert "@import" not in "".join(text for _, text in page.scripts if text)


def test_the_page_s_own_policy_allows_its_two_scripts_and_no_other(page: Page) -> None:
    policy = next(item["content"] for item in page.of("meta") if item.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    allowed = re.findall(r"'sha256-([^']+)'", policy)
    run = [text for kind, text in page.scripts if kind is None]
    assert [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in run] == allowed
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy


def test_every_chart_has_words_for_a_screen_reader_and_its_figures_as_a_table(html: str, page: Page) -> None:
    drawn = [item for item in page.of("div") if item.get("class") == "chart"]
    assert len(drawn) == len(page.of("figure")) >= 20
    assert all(item["role"] == "img" and len(item["aria-label"] or "") > 40 for item in drawn)
    figures = re.findall(r"<figure.*?</figure>", html, flags=re.DOTALL)
    assert all("<details>" in figure and "<td" in figure for figure in figures)


def test_it_can_be_walked_through_by_keyboard_and_ear(page: Page) -> None:
    assert page.of("html")[0]["lang"] == "en"
    assert next(item for item in page.of("a") if item.get("class") == "skip")["href"] == "#content"
    ids = [item["id"] for _, item in page.tags if item.get("id")]
    assert len(ids) == len(set(ids))
    assert {(item["href"] or "")[1:] for item in page.of("a")} <= set(ids)
    assert all(item.get("scope") == "col" for item in page.of("th"))


def test_counts_on_the_page_are_those_of_the_data(page: Page, report: ReportData) -> None:
    assert report.plan is not None
    assert f"{report.dropping.height} customers drop a stage by 2025-03-08" in page.text
    assert f"{report.plan.paid_customers} customers would be granted {report.plan.paid_points:,} points" in page.text
    assert f"{report.plan.held_out} are held out (30 % by design)" in page.text


def test_the_amounts_are_said_to_be_invented(page: Page) -> None:
    assert "placeholders of ours" in page.text


def test_what_a_customer_is_called_cannot_break_the_page(report: ReportData) -> None:
    hostile = '</script><script>alert("x")</script>'
    rows = report.ranking.with_columns(customer_id=pl.lit(hostile), value_cluster=pl.lit(hostile))
    html = render_report(make_report(60, scores=rows.drop("rank"), model=None, quality=None))
    assert hostile not in html
    assert len([kind for kind, _ in Page(html).scripts if kind is None]) == 2


def test_empty_states_say_what_to_run(empty_report: ReportData) -> None:
    text = Page(render_report(empty_report)).text
    for command in (
        "fiel run reward --program made_up --as-of 2025-03-01",
        "fiel run score --program made_up --as-of 2025-03-01",
        "fiel run retrain --program made_up",
    ):
        assert command in text
    assert "no champion yet" in text


def test_a_program_with_economics_shows_its_profit_curve() -> None:
    program = make_program(economics=Economics(benefit=90, cost=10))
    html = render_report(make_report(120, program=program))
    assert "Profit by threshold" in html
    assert "R$ 5,200" in html


def test_a_plan_that_cannot_be_paid_says_why(report: ReportData) -> None:
    summary = report.money.summary
    assert summary is not None
    stale = summary.model_copy(update={"not_payable_because": "the scores are 9 days old"})
    html = render_report(make_report(120, money=type(report.money)(summary=stale), model=None, quality=None))
    assert "This plan cannot be paid: the scores are 9 days old." in html


def test_five_thousand_customers_stay_under_three_megabytes() -> None:
    assert len(render_report(make_report(5_000)).encode()) < 3_000_000


def test_the_meaning_of_a_stage_follows_the_program_s_thresholds() -> None:
    meanings = stage_meanings(LifeCycle(recent_max=30, new_max_age=30, tourist_max=60, leaving_max=120))
    assert meanings["turista"] == "away for 31 to 60 days"
    assert meanings["zumbi"] == "gone: away for more than 120 days"


def test_the_first_day_with_history_has_a_report() -> None:
    found = make_report(300, as_of=AS_OF.replace(year=2024, month=1, day=2))
    assert "There is nothing to compare with yet" in render_report(found)


def test_the_stages_are_explained_before_the_first_figures_by_stage(page: Page) -> None:
    assert page.text.index("What the stages mean") < page.text.index("Key figures then and now")


def test_an_applied_plan_is_told_as_done(report: ReportData) -> None:
    done = Page(render_report(replace(report, money=replace(report.money, applied=True))))
    assert "What was granted, and why it should work" in done.headings
    assert "customers were granted" in done.text
    assert "would be" not in done.text[done.text.index("customers were granted") :].split("Key figures", 1)[0]


def test_rows_left_out_on_purpose_are_said_even_where_none_is_broken(report: ReportData) -> None:
    counts = {"rows_read": 1_000, "dropped_missing_customer": 250, "rejected": 0}
    source = SourceCard("files=1", AS_OF - timedelta(days=1), FIRST_DAY, counts=counts)
    text = Page(render_report(replace(report, source=source))).text
    assert "250 (missing customer) rows, 25 % of the 1,000 read" in text
    assert "No row of this source version was rejected" in text


def test_promised_stands_beside_what_came_true(report: ReportData) -> None:
    assert report.model is not None
    bins = pl.DataFrame(
        [
            ("oot", "catboost", 1, 300, 0.2, 0.3, 0.25, 0.35),
            ("oot", "catboost", 2, 100, 0.6, 0.7, 0.6, 0.8),
            ("oot", "stage_rule", 1, 400, 0.9, 0.1, 0.05, 0.15),
        ],
        schema=cards.RELIABILITY_SCHEMA,
        orient="row",
    )
    text = Page(render_report(replace(report, model=replace(report.model, reliability=bins)))).text
    assert "promised 30 % on average and 40 % came true: they were 10 percentage points too low." in text


def test_a_champion_that_is_the_stage_rule_is_shown_once(report: ReportData) -> None:
    card = make_card(report.program)
    rule = card.comparison.filter(pl.col("model") == "stage rule")
    same = pl.concat([rule.with_columns(model=pl.lit("champion")), rule])
    text = Page(render_report(replace(report, model=replace(card, comparison=same)))).text
    assert "The champion that it replaced is the stage rule." in text
    assert "champion before" not in text


class TestWhatTheModelCannotShow:
    def words(self, report: ReportData, first_day: date, judged: int) -> str:
        card = make_card(report.program)
        oot = card.cohort_metrics.filter(pl.col("split") == "oot")["as_of"].unique().sort().to_list()
        kept = card.cohort_metrics.filter((pl.col("split") != "oot") | pl.col("as_of").is_in(oot[:judged]))
        source = replace(report.source, first_day=first_day)
        return Page(
            render_report(replace(report, source=source, model=replace(card, cohort_metrics=kept)))
        ).text  # fmt: skip

    def test_one_cohort_and_a_short_history_are_said(self, report: ReportData) -> None:
        text = self.words(report, AS_OF - timedelta(days=373), 1)
        assert "judged on 1 cohort (2024-11-01)" in text
        assert "One cohort judges it" in text
        assert "The data cover 373 days, so no season is seen twice" in text

    def test_with_two_of_each_there_is_nothing_to_warn_of(self, report: ReportData) -> None:
        text = self.words(report, AS_OF - timedelta(days=365 + 28), 2)
        assert "judged on 2 cohorts (2024-11-01 to 2024-12-01)" in text
        assert "One cohort judges it" not in text
        assert "no season is seen twice" not in text


class TestAShop:
    @pytest.fixture(scope="class")
    def html(self, shop: ReportData) -> str:
        return render_report(shop)

    @pytest.fixture(scope="class")
    def page(self, html: str) -> Page:
        return Page(html)

    def test_has_the_pages_of_purchases_among_the_answers(self, page: Page) -> None:
        assert page.headings[1:] == [
            "What changed since 2025-02-22",
            "Who is leaving",
            "What is at stake, and with whom",
            "What we propose to pay, and why it should work",
            "Who our customers are",
            "How often they buy, and who is still there",
            "Key figures",
            "The model",
            "The data",
            "The data, as they came",
        ]

    def test_the_same_data_give_the_same_bytes(self, html: str) -> None:
        assert render_report(make_shop_report()) == html

    def test_counts_on_the_page_are_those_of_the_data(self, page: Page, shop: ReportData) -> None:
        view = shop.purchases
        assert view is not None
        assert view.stake is not None
        assert view.rfm is not None
        assert view.disagreement is not None
        assert f"£ {round(view.stake.total / 100):,} are at stake with {view.stake.customers} customers" in page.text
        assert f"brought £ {round(view.rfm.revenue_net / 100):,} of net revenue in the last 365 days" in page.text
        assert f"disagree on {view.disagreement.customers} customers of {view.disagreement.asked}" in page.text

    def test_speaks_of_buying(self, page: Page) -> None:
        assert "chance to buy again" in page.text
        assert "not to buy again before 30 May 2025" in page.text
        assert "chance to be active" not in page.text

    @pytest.mark.parametrize(
        ("reason", "is_said"), [("3 active days lower it", True), ("the stage is fiel: 53% of such customers", False)]
    )
    def test_says_what_the_reasons_speak_of_where_they_speak_of_it(
        self, shop: ReportData, reason: str, is_said: bool
    ) -> None:
        told = replace(shop, leaving=shop.leaving.with_columns(reason_1=pl.lit(reason)))
        assert ("“It” in the reasons is the chance to buy again." in str(leaving(told).blocks)) is is_said

    def test_lists_customers_with_their_segment(self, html: str) -> None:
        for title in ("the most likely not to buy again", "Ranking by score"):
            (block,) = re.findall(rf"<table>\s*<caption[^>]*>[^<]*{title}.*?</table>", html, re.DOTALL)
            assert ">segment</th>" in block
            assert ">value cluster</th>" not in block

    def test_says_how_well_the_model_tells_what_it_was_fitted_on(self, shop: ReportData, page: Page) -> None:
        assert shop.purchases is not None
        assert shop.purchases.models is not None
        used = shop.purchases.models.used
        assert used is not None
        weeks = shop.purchases.models.hold_out.filter(pl.col("kind") == "period", pl.col("model") == used.name)
        before = weeks.filter(pl.col("bucket") < pl.col("calibrated_until").dt.to_string("%Y-%m-%d"))
        came, expected = (before[name].sum() for name in ("actual", "expected"))
        assert f"{used.title} accounts for {expected:,.0f} of {came:,.0f} (" in page.text

    def test_says_which_model_is_used_and_which_is_not_identified(self, page: Page) -> None:
        assert "These data do not identify the drop-out part of" in page.text
        assert "The pooled model is in use, because" in page.text
        assert "p(alive) should rank nobody here" in page.text

    def test_says_what_decides_the_amounts(self, page: Page) -> None:
        assert "What is at stake with a customer within 90 days decides the amount" in page.text
        assert "The plan by value at stake" in page.text
        assert "Set incentive.value_buckets in the program file" in page.text

    def test_cohorts_take_the_place_of_retention_by_active_days(self, page: Page) -> None:
        assert "Who buys again, by month of the first purchase" in page.text
        assert "Retention by month of the first active day" not in page.text

    def test_every_figure_names_its_date(self, html: str) -> None:
        subtitles = re.findall(r'<figcaption><h3>.*?</h3><p class="subtitle">(.*?)</p>', html)
        assert len(subtitles) >= 40
        undated = [text for text in subtitles if "as of 2025-03-01" not in text and " read" not in text]
        assert undated == []

    def test_without_its_tables_says_what_to_run(self) -> None:
        bare = make_shop_report(
            150, scores=None, plan=None, model=None, segments=None, cluster_profiles=None, segment_moves=None,
            purchase_fits=None, hold_out=None, disagreements=None,
        )  # fmt: skip
        text = Page(render_report(bare)).text
        assert "fiel run segments --program made_up_shop --as-of 2025-03-01" in text
        assert "fiel run features --program made_up_shop --as-of 2025-03-01" in text
        assert "are at stake" not in text

    def test_a_p_alive_that_is_the_same_for_everybody_is_said_and_not_drawn(self, shop: ReportData) -> None:
        view = shop.purchases
        assert view is not None
        assert view.models is not None
        assert view.histories is not None
        flat = replace(
            view,
            models=replace(view.models, alive_range=(1.0, 1.0)),
            histories=replace(view.histories, lines=pl.DataFrame()),
        )
        html = render_report(replace(shop, purchases=flat))
        assert "gives everybody the same p(alive), 1" in Page(html).text
        assert "p(alive) should rank nobody here" not in Page(html).text
        assert 'id="figure-alive"' not in html
        assert 'id="figure-histories"' in html

    def test_says_where_nobody_is_disagreed_on(self, shop: ReportData) -> None:
        view = shop.purchases
        assert view is not None
        assert view.disagreement is not None
        top = view.disagreement.top.clear()
        text = Page(render_report(make_shop_report(150, disagreements=top))).text
        assert "Stage, p(alive) and classifier agree on every customer." in text

    def test_without_a_usable_model_says_so(self) -> None:
        program = make_shop(purchases=Purchases(min_repeaters=5_000))
        text = Page(render_report(make_shop_report(150, program=program))).text
        assert "No purchase model could be fitted: its features are empty." in text
        assert "not fitted:" in text


@pytest.mark.parametrize("text", ["£ 1,554, 22.2 % of it", "R$ 5"])
def test_no_line_ends_between_a_number_and_its_unit(text: str) -> None:
    assert re.search(r"[£$] | %", unbroken(text)) is None
    assert unbroken(text).replace("\u00a0", " ") == text


def test_a_shop_is_told_in_its_own_words() -> None:
    program = make_program(
        value=Value(unit="GBP", scale=100),
        target=Target(name="purchase", kind="active", horizon_days=90),
        life_cycle=LifeCycle(
            new_max_age=45, recent_max=45, loyal_max_gap=90, won_back_max_gap=179, tourist_max=90, leaving_max=180
        ),
    )
    text = Page(render_report(make_report(300, program=program))).text
    assert "GBP of purchases" in text
    assert "GBP earned" not in text
    assert "chance to stay away" in text
    assert "without a visit" not in text.lower()
    assert "first 45 days" in text
    assert "first week" not in text
