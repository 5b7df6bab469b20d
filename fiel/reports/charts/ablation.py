"""Chart of what each part of a model is worth on the folds."""

from __future__ import annotations

import altair as alt
import polars as pl

from fiel.reports import format as fmt
from fiel.reports.charts.base import About, Chart, finished, ground, label, layered, tip
from fiel.reports.theme import light

CONFIDENT = 1.96
"""Standard errors to each side of a 95 % interval."""

_PARTS = {
    ("autoencoder", "no embedding"): "autoencoder",
    ("pca", "no embedding"): "PCA",
    ("autoencoder", "pca"): "autoencoder vs PCA",
}


def with_shares(ablation: pl.DataFrame) -> pl.DataFrame:
    """`ablation` (fiel.models.trials.ABLATION_SCHEMA) with `part` in words, and the saved share of the log loss.

    `saved`, `low` and `high` are shares of the log loss without the part, with a 95 % interval of rows summed by
    customer; `kept` says in words whether the part is in the model.
    """
    whole = pl.col("log_loss_without")
    named = [_PARTS.get((row["with"], row["without"]), _part(row)) for row in ablation.to_dicts()]
    return ablation.with_columns(
        part=pl.Series(named, dtype=pl.String),
        saved=pl.when(whole > 0).then(pl.col("gain") / whole),
        low=pl.when(whole > 0).then((pl.col("gain") - CONFIDENT * pl.col("gain_error")) / whole),
        high=pl.when(whole > 0).then((pl.col("gain") + CONFIDENT * pl.col("gain_error")) / whole),
        kept=pl.when("is_kept").then(pl.lit("kept")).otherwise(pl.lit("left out")),
    )


def hundredths(share: float | None) -> str:
    """A share with its sign, to a hundredth of a per cent: what is below says nothing here.

    >>> hundredths(0.0332), hundredths(-0.0000682)
    ('+3.32 %', '−0.01 %')
    """
    if share is None:
        return fmt.MISSING
    rounded = round(100 * share, 2)
    return fmt.signed(f"{abs(rounded):.2f} %", rounded)


def ablation(frame: pl.DataFrame, about: About) -> Chart:
    """The share of the log loss that each part saves on the folds, with its interval; `frame` is that of the card."""
    shares = with_shares(frame)
    words = [f"{hundredths(row['saved'])}, {row['kept']}" for row in shares.to_dicts()]
    rows = shares.with_columns(words=pl.Series(words, dtype=pl.String))
    order = rows["part"].to_list()
    base = alt.Chart(rows.select("part", "saved", "low", "high", "kept", "words", "with", "without")).encode(
        alt.Y("part:N", sort=order, title=None, axis=alt.Axis(labelLimit=190)),
        color=alt.Color(
            "kept:N",
            scale=alt.Scale(domain=["kept", "left out"], range=[light("accent"), light("muted")]),
            legend=None,
        ),
        tooltip=[
            tip("with", "with"),
            tip("without", "against"),
            tip("saved", "log loss saved", "+.2%"),
            tip("low", "interval from", "+.2%"),
            tip("high", "to", "+.2%"),
            tip("kept", "in the model"),
        ],
    )
    value = alt.X(
        "saved:Q",
        title="log loss saved",
        scale=alt.Scale(padding=28),
        axis=alt.Axis(labelExpr="datum.value == 0 ? '0' : format(datum.value, '+.1%')", tickCount=5),
    )
    shapes = alt.Scale(domain=["kept", "left out"], range=["diamond", "circle"])
    zero = alt.Chart(pl.DataFrame({"at": [0.0]})).mark_rule(strokeDash=[4, 3], color=light("muted")).encode(x="at:Q")
    drawn = layered(
        zero,
        base.mark_rule(strokeWidth=2).encode(alt.X("low:Q"), x2="high:Q"),
        base.mark_point(size=90, opacity=1).encode(value, shape=alt.Shape("kept:N", scale=shapes, legend=None)),
        ground(base.encode(value, color=alt.value(light("paper"))), "words:N", align="center", dx=0, dy=-14),
        label(base.encode(value, color=alt.value(light("ink"))), "words:N", align="center", dx=0, dy=-14),
    )
    said = fmt.listed([f"{row['part']} {row['words']}" for row in rows.to_dicts()])
    return finished(
        drawn,
        "What each part is worth on the folds",
        about.subtitle(
            "share of the log loss that it saves (above 0: better), with a 95 % interval",
            int(_most(frame)),
            "judging row",
        ),
        f"Log loss saved on the folds: {said}.",
        46 * rows.height,
    )


def _part(row: dict[str, object]) -> str:
    """The optional group, or the model that is tried against another one."""
    return str(row["with"]) if row["what"] == "ensemble" else str(row["what"]).replace("_", " ")


def _most(frame: pl.DataFrame) -> float:
    """Rows that judge: the same for every comparison."""
    return float(frame["rows"].to_numpy().max()) if frame.height else 0.0
