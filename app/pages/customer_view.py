"""What a customer's page shows, of the published rows and documents: key figures, tables, texts, in one language.

Nothing here asks the store or a model; `app.pages.customer` brings what is known.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.pages.customer_charts import CustomerChart, quarters_chart, stage_bar, timeline
from app.pages.facts import Fact, Rows, amount, rows, share, told
from app.pages.voice import Voice
from app.scored import Scored
from fiel.models.profit import threshold, worth
from fiel.reports import format as fmt

RISK_TONES = {"low": "good", "medium": "plain", "high": "warning", "critical": "bad"}


@dataclass(frozen=True)
class Promotion:
    """The answer to "apply the promotion?": yes, no or unknown, and why."""

    answer: str
    tone: str
    why: str
    facts: tuple[Fact, ...] = ()


def figure(chart: CustomerChart | None) -> dict[str, Any] | None:
    """A chart as the macro `figure` takes it."""
    if chart is None:
        return None
    columns = [
        {"title": title, "kind": "number" if is_numeric else "text"}
        for title, is_numeric in zip(chart.table.columns, chart.table.numeric, strict=True)
    ]
    table = {"columns": columns, "rows": chart.table.rows, "note": "", "exact": {}}
    # Vega names the drawing by the specification's own description, and takes other names away.
    spec = {**chart.spec, "description": f"{chart.title}. {chart.description}"}
    return {
        "name": chart.name, "title": chart.title, "subtitle": chart.subtitle, "description": chart.description,
        "spec": spec, "table": table, "is_wide": False, "is_half": False,
    }  # fmt: skip


def charts(document: Mapping[str, Any], as_of: date, voice: Voice) -> list[dict[str, Any]]:
    """The charts of what happened, those that the document has something for."""
    found = (
        timeline(document.get("days") or [], as_of, voice),
        stage_bar(document.get("spans") or [], as_of, voice),
        quarters_chart(document.get("quarters") or [], as_of, voice),
    )
    return [made for made in map(figure, found) if made is not None]


def key_figures(
    scores: Mapping[str, Any],
    document: Mapping[str, Any],
    voice: Voice,
    by_rule: Collection[str] = (),
    published: str = "",
) -> list[Fact]:
    """The key figures of the head: probability first, then what the program knows besides.

    `by_rule` are the further targets whose champion is no model of the customer: the stage rule or the base rate.
    `published` (`published_by`) stands beside what rests on the published score and not on the probability shown.
    """
    _, program = voice.say, voice.program
    purchase = document.get("purchase") or {}
    segments = document.get("segments") or {}
    found: list[Fact | None] = [
        share(_("Probability"), scores.get("prob"), voice, voice.outcome(program.target)),
        share(_("Chance of losing"), scores.get("loss_prob"), voice, voice.loss_words),
        share(_("Chance of winning"), scores.get("gain_prob"), voice, voice.gain_words),
        share(_("p(alive)"), scores.get("alive_prob"), voice, _("still a customer, by the purchase model")),
    ]
    if program.economics is None:
        found += [
            amount(
                _("Value at stake"),
                scores.get("value_at_stake"),
                voice,
                _joined(_("(1 − probability) × what is expected of someone still a customer"), published),
            ),
            amount(
                _("Expected value, %(days)s days", days=program.target.horizon_days), _expected(purchase, voice), voice
            ),
        ]
    if not program.has_stages and not program.is_quarterly and "engagement" in segments:
        engagement = segments["engagement"]
        found += [
            Fact(_("Engagement"), voice.ratio(engagement), _("of 100"), repr(engagement)),
            told(
                _("Value"),
                voice.whole,
                scores.get("value"),
                _joined(_("(1 − probability) × engagement × 1000"), published),
            ),
            told(
                _("Uplift of the campaign"),
                voice.signed_points,
                segments.get("uplift"),
                _("how much less likely to leave if treated"),
            ),
        ]
    for name, prob in (document.get("probs") or {}).items():
        further = next((target for target in program.more_targets if target.name == name), None)
        if further is not None and name in by_rule:
            label = _("The mean of the stage") if program.has_stages else _("The mean of all")
            note = _("%(outcome)s; no model has beaten it", outcome=voice.outcome(further))
            found.append(share(label, prob, voice, note))
        elif further is not None:
            found.append(share(_("Probability"), prob, voice, voice.outcome(further)))
    return [fact for fact in found if fact is not None]


def disagreement(
    scores: Mapping[str, Any], document: Mapping[str, Any], voice: Voice, by_rule: Collection[str] = ()
) -> str:
    """A sentence where the models of two horizons cannot both be right: more within the shorter than the longer one."""
    program = voice.program
    known = [(program.target, scores.get("prob"))] + [
        (target, (document.get("probs") or {}).get(target.name))
        for target in program.more_targets
        if target.name not in by_rule and target.kind == program.target.kind
    ]
    days = sorted(
        ((target.horizon_months or 0) * 31 + (target.horizon_days or 0), prob)
        for target, prob in known
        if prob is not None
    )
    if all(nearer <= further for (_n, nearer), (_f, further) in itertools.pairwise(days)):
        return ""
    return voice.say(
        "Each horizon has a model of its own, and here they disagree: within the longer time it cannot be less likely."
    )


def _expected(purchase: Mapping[str, Any], voice: Voice) -> float | None:
    return (purchase.get("value_expected") or {}).get(str(voice.program.target.horizon_days))


def published_by(scored: Scored, voice: Voice) -> str:
    """What is said of figures that the batch made of its own score; empty where that is the score shown."""
    if scored.is_of_the_set or scored.row is None or scored.row.scores["model_version"] is None:
        return ""
    return voice.say("of the published score, version %(version)s", version=scored.row.scores["model_version"])


def _joined(*texts: str) -> str:
    return "; ".join(text for text in texts if text)


def groups(scores: Mapping[str, Any], document: Mapping[str, Any], voice: Voice, published: str = "") -> list[Fact]:
    """The groups that the customer is in: the name of the grouping and the group, with a tone where it has one.

    `published` as in `key_figures`: risk and grade are made of the batch's score.
    """
    _ = voice.say
    segments = document.get("segments") or {}
    risk = segments.get("risk") or scores.get("risk")
    named = [
        (_("Value cluster"), segments.get("value_cluster"), ""),
        (_("RFM segment"), segments.get("rfm_segment"), ""),
        (_("Cluster"), segments.get("cluster_name"), ""),
        (_("Segment"), segments.get("segment"), ""),
        (_joined(_("Risk, for the operator only"), published), risk, RISK_TONES.get(str(risk), "plain")),
    ]
    found = [Fact(label, voice.code(str(group)), tone=tone or "plain") for label, group, tone in named if group]
    if voice.program.economics is not None and scores.get("grade") is not None:
        grade = int(scores["grade"])
        note = _("treating pays") if grade == 1 else _("2 to 5: quarters of those where it does not pay, best first")
        found.append(Fact(_joined(_("Grade"), published), str(grade), note, tone="good" if grade == 1 else "plain"))
    return found


def ahead(document: Mapping[str, Any], voice: Voice) -> tuple[str, str, str, str] | None:
    """What is next: the stage without a visit and its day (empty where it stays), that after a visit, the sentence."""
    found = document.get("next") or {}
    if not found:
        return None
    _, stage, day, visit = voice.say, found.get("stage"), found.get("date"), found.get("after_visit")
    if stage and day:
        words = _("Without a visit the stage becomes %(stage)s on %(day)s.", stage=stage, day=voice.date(day))
    else:
        words = _("Without a visit the stage stays as it is.")
    if visit:
        words += " " + _("A visit now would make it %(stage)s.", stage=visit)
    return str(stage or ""), str(day or ""), str(visit or ""), words


def purchases(document: Mapping[str, Any], voice: Voice) -> tuple[list[Fact], Rows | None]:
    """What the purchase model says: the facts it was told, and what it expects by days ahead."""
    found = document.get("purchase") or {}
    if not found:
        return [], None
    _ = voice.say
    facts = [
        told(_("Repeat purchase days"), voice.whole, found.get("frequency"), _("frequency")),
        told(_("First to last purchase"), voice.days, found.get("recency_days"), _("recency")),
        told(_("Since the first purchase"), voice.days, found.get("age_days"), "T"),
        amount(_("A repeat purchase day, on average"), found.get("mean_value"), voice, _("monetary value")),
        amount(_("A purchase day, expected"), found.get("value_a_day_expected"), voice),
    ]
    for days, value in sorted((found.get("lifetime_value") or {}).items(), key=lambda item: int(item[0])):
        facts.append(amount(_("Lifetime value, %(days)s days", days=days), value, voice, _("discounted")))
    counts, amounts = found.get("purchases_expected") or {}, found.get("value_expected") or {}
    horizons = sorted({*counts, *amounts}, key=int)
    table = rows(
        _("Expected purchases"),
        ((_("within"), "text"), (_("purchase days"), "number"), (_("value"), "number")),
        [(voice.days(int(days)), voice.ratio(counts.get(days)), voice.amount(amounts.get(days))) for days in horizons],
    )
    return [fact for fact in facts if fact is not None], table if horizons else None


def already(
    found: Sequence[Mapping[str, Any]], held_out: Sequence[Mapping[str, Any]], as_of: date, voice: Voice
) -> str:
    """What the ledger says against treating the customer (again) at `as_of`; empty where it says nothing."""
    now = as_of.isoformat()
    if any(str(row["as_of"])[:10] == now for row in held_out):
        return voice.say(
            "The cycle of this date holds this customer out: who is treated all the same spoils the comparison that "
            "measures the effect."
        )
    kinds = {row["kind"] for row in found if str(row["as_of"])[:10] == now}
    if "grant" in kinds and "reversal" not in kinds:
        return voice.say("The cycle of this date has granted it already.")
    return ""


def promotion(scores: Mapping[str, Any], voice: Voice) -> Promotion | None:
    """The answer to "apply the promotion?", where the program knows what a right and a wrong one bring."""
    economics, _ = voice.program.economics, voice.say
    if economics is None:
        return None
    prob = scores.get("prob")
    if prob is None:
        return Promotion(
            _("Not known"), "warning", _("This customer has no probability, so there is nothing to weigh.")
        )
    right, wrong = worth(economics)
    profit, cut = prob * right + (1 - prob) * wrong, threshold(economics)
    facts = [
        Fact(_("Expected profit"), voice.cents(profit), _("of treating this customer"), repr(profit)),
        Fact(_("Probability"), voice.percent(prob), _("treat above %(cut)s", cut=voice.percent(cut)), repr(prob)),
        Fact(_("A right treatment brings"), voice.money(economics.benefit)),
        Fact(_("A wrong one costs"), voice.money(economics.cost)),
    ]
    if economics.acceptance_rate < 1:
        facts.append(
            Fact(_("Acceptance"), voice.percent(economics.acceptance_rate), _("of those who are asked rightly"))
        )
    if economics.contact_cost:
        facts.append(Fact(_("Asking anyone costs"), voice.cents(economics.contact_cost)))
    if profit > 0:
        why = _("The expected profit is above zero.")
        return Promotion(_("Yes, apply it"), "good", why, tuple(facts))
    why = _("The expected profit is not above zero.")
    return Promotion(_("No, leave it"), "plain", why, tuple(facts))


def grants(found: Sequence[Mapping[str, Any]], held_out: Sequence[Mapping[str, Any]], voice: Voice) -> Rows | None:
    """What the customer was granted and where they were held out, the newest first."""
    _ = voice.say
    kinds = {"grant": _("grant"), "reversal": _("grant taken back")}
    rows_of = [
        (
            str(row["as_of"])[:10],
            kinds.get(row["kind"], str(row["kind"])),
            row["product"],
            voice.points(row["points"]),
            row["reason"] if row["kind"] == "reversal" else "",
        )
        for row in found
    ] + [
        (
            str(row["as_of"])[:10],
            _("held out"),
            row["product"],
            voice.points(row["points"]),
            _("paid nothing: belongs to the comparison group of season %(season)s", season=row["season"]),
        )
        for row in held_out
    ]
    if not rows_of:
        return None
    return rows(
        _("Grants"),
        (
            (_("as of"), "text"),
            (_("what happened"), "text"),
            (_("product"), "text"),
            (voice.unit, "number"),
            (_("remark"), "prose"),
        ),
        sorted(rows_of, key=lambda row: row[0], reverse=True),
    )


def features(names: Sequence[str], values: Sequence[Any], voice: Voice) -> Rows:
    """Everything that the models may read of the customer."""
    _ = voice.say
    return rows(
        _("Every figure that the model may read"),
        ((_("figure"), "text"), (_("column"), "id"), (_("value"), "number")),
        [(voice.feature(name), name, plain(value, voice)) for name, value in zip(names, values, strict=False)],
    )


def plain(value: Any, voice: Voice) -> str:
    """A feature's value as people read it, without its unit."""
    if value is None:
        return fmt.MISSING
    if isinstance(value, bool):
        return voice.say("yes") if value else voice.say("no")
    if isinstance(value, int | float):
        return voice.whole(value) if float(value).is_integer() else voice.ratio(value)
    return str(value)


def basis(scored: Scored, voice: Voice) -> str:
    """Where the probability comes from, or why there is none."""
    _ = voice.say
    if scored.prob is None:
        if scored.row is not None and not scored.row.scores["in_population"]:
            return _("No probability: the model was not trained on such customers (they are outside its population).")
        return _("No probability: no model is in service, and none had scored this customer.")
    version = scored.model_version or fmt.MISSING
    if scored.basis == "cross_fitted":
        return _(
            "From models that had not seen this customer: the model in service (version %(version)s) has.",
            version=version,
        )
    if scored.basis == "published":
        return _("As published, by model version %(version)s; no model is in service now.", version=version)
    return _("Computed just now by the model in service, version %(version)s.", version=version)
