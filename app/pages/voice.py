"""How a page about customers speaks: the reader's language, and amounts in the program's unit of value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from app.pages.words import N_, Language, localised, number, prose_date, translate, units
from fiel import words as catalogue
from fiel.models.phrases import phrase_of
from fiel.program import Program
from fiel.program.learning import Target
from fiel.reports import format as fmt
from fiel.reports.labels import feature_label

STATUSES = {
    "template": N_("written from the template"),
    "written": N_("written by the model, first draft"),
    "rewritten": N_("written by the model, second draft"),
    "replaced": N_("written from the template, after two refused drafts"),
    "unanswered": N_("written from the template, as the model did not answer"),
    "pending": N_("not written yet"),
}
"""Who wrote a message, by its status."""

TONES = {
    "loyal": N_("to loyal customers"),
    "warning_signs": N_("warning signs"),
    "needs_attention": N_("needs attention"),
}
"""What a message's tone is for."""


@lru_cache(maxsize=10_000)
def _label(column: str, language: Language) -> str:
    """A column in a few words; looked up among many families, so kept."""
    return catalogue.translate(feature_label(column), language)


@dataclass(frozen=True)
class Voice:
    """Texts, numbers and dates of one program in one language."""

    language: Language
    program: Program

    def say(self, text: str, **values: Any) -> str:
        """The English `text` in the reader's language, with `values` put in."""
        return translate(text, self.language, **values)

    def whole(self, value: float | None) -> str:
        """A count."""
        return number(value, self.language)

    def ratio(self, value: float | None) -> str:
        """A ratio with three significant figures."""
        return number(value, self.language, "ratio")

    def percent(self, value: float | None) -> str:
        """A share of one."""
        return number(value, self.language, "percent")

    def signed_points(self, value: float | None) -> str:
        """A difference of shares in percentage points."""
        return number(value, self.language, "signed_points")

    def amount(self, value: float | None) -> str:
        """An amount of the program's value, given in its smallest unit, with its unit."""
        return units(
            None if value is None else value / self.program.value.scale, self.program.value.unit, self.language
        )

    def money(self, value: float | None) -> str:
        """An amount of the program's economics (whole currency) with its sign."""
        economics = self.program.economics
        return units(value, economics.currency if economics else self.program.value.unit, self.language)

    def cents(self, value: float | None) -> str:
        """An amount of the program's economics to a hundredth."""
        if value is None:
            return fmt.MISSING
        economics = self.program.economics
        currency = economics.currency if economics else self.program.value.unit
        sign = fmt.MINUS if round(value, 2) < 0 else ""
        symbol = fmt.units(0, currency).removesuffix("0").strip()
        return f"{sign}{symbol} {localised(f'{abs(value):,.2f}', self.language)}"

    def days(self, value: float | None) -> str:
        """A number of days with its unit."""
        if value is None:
            return fmt.MISSING
        return (
            self.say("%(count)s day", count=self.whole(value))
            if value == 1
            else self.say("%(count)s days", count=self.whole(value))
        )

    def counted(self, count: int, one: str, many: str) -> str:
        """A number of things: `one` or `many` with `%(count)s` in it."""
        return self.say(one if count == 1 else many, count=self.whole(count))

    def points(self, value: float | None) -> str:
        """What a grant pays, with its sign."""
        return number(value, self.language, "signed_whole")

    def signed(self, value: float | None) -> str:
        """A difference of log odds with its sign, to three decimals."""
        return number(value, self.language, "signed_measure")

    def value_of(self, column: str, value: Any) -> str:
        """A feature's value as people read it, with its unit."""
        form = phrase_of(column).form
        if value is None or value == "none":
            return fmt.MISSING
        if isinstance(value, bool):
            return self.say("yes") if value else self.say("no")
        if isinstance(value, str):
            return value if column == "stage" else self.code(value)
        if form == "share":
            return self.percent(value)
        if form == "value":
            return self.amount(value)
        return self.whole(value) if float(value).is_integer() else self.ratio(value)

    def level(self, word: str | None) -> str:
        """A level of loyalty or of relative risk in a word."""
        return self.say(word) if word else fmt.MISSING

    @property
    def unit(self) -> str:
        """The unit of value in a word or a sign."""
        unit = self.program.value.unit
        return fmt.units(0, unit).removesuffix(" 0") if fmt.is_currency(unit) else self.say(unit)

    def date(self, value: Any) -> str:
        """A date in prose."""
        return prose_date(value, self.language)

    def feature(self, column: str) -> str:
        """A feature in a few words."""
        return self._quarters(self._named(column) or _label(column, self.language))

    def _named(self, column: str) -> str:
        """A share of a product, category or course by its own name."""
        tracked = self.program.features
        for family, names in (("product", tracked.tracked_products), ("category", tracked.tracked_categories)):
            key = column.removeprefix(f"{family}_share_")
            if key != column:
                return self.say("share of %(name)s", name=names.get(key, key))
        course = column.removeprefix("course_share_")
        return "" if course == column else self.say("share done of the course %(name)s", name=course.replace("_", " "))

    def _quarters(self, label: str) -> str:
        """The window of a pension fund's columns in words instead of `q4`."""
        found = re.search(r",? q(\d+)$", label)
        if found is None:
            so_far = re.sub(r",? life$", f", {self.say('so far')}", label)
            return re.sub(r" ytd$", f", {self.say('in the year so far')}", so_far)
        words = self.say("last quarter") if found[1] == "1" else self.say("%(count)s quarters", count=found[1])
        return f"{label[: found.start()]}, {words}"

    def text(self, english: str | None) -> str:
        """A text that Fiel's own catalogue knows (a reason, a segment), in the reader's language."""
        return catalogue.translate(english, self.language) if english else ""

    def code(self, code: str | None) -> str:
        """A code such as `potential_loyal` or `grade 1` as words."""
        return self.text(fmt.words(code)) if code else fmt.MISSING

    def tone(self, tone: str | None) -> str:
        """The tone of a message."""
        return self.say(TONES[tone]) if tone in TONES else self.code(tone)

    def status(self, status: str | None) -> str:
        """Who wrote a message."""
        return self.say(STATUSES[status]) if status in STATUSES else self.code(status)

    def outcome(self, target: Target) -> str:
        """What the probability of `target` is of, as `fiel in 28 days`."""
        horizon = {"days": target.horizon_days, "months": target.horizon_months}
        if target.kind == "label":
            return self.say(target.name.replace("_", " ").capitalize())
        if target.kind == "closed":
            return self.say("Closing within %(months)s months", **horizon)
        if target.kind == "purchase":
            return self.say("Purchase within %(days)s days", **horizon)
        if target.kind == "active":
            return self.say("Active within %(days)s days", **horizon)
        return self.say("%(stage)s in %(days)s days", stage=target.stage, **horizon)

    @property
    def loss_words(self) -> str:
        """Of whom `loss_prob` is (fiel.models.scoring.in_target_now)."""
        if self.program.target.kind == "stage":
            return self.say("%(stage)s now, and not in %(days)s days", **self._stage_and_days)
        return self.say("active in the last %(days)s days, and not in the next", days=self.program.target.horizon_days)

    @property
    def gain_words(self) -> str:
        """Of whom `gain_prob` is."""
        if self.program.target.kind == "stage":
            return self.say("not %(stage)s now, and so in %(days)s days", **self._stage_and_days)
        return self.say("not active in the last %(days)s days, and in the next", days=self.program.target.horizon_days)

    @property
    def _stage_and_days(self) -> dict[str, Any]:
        return {"stage": self.program.target.stage, "days": self.program.target.horizon_days}

    @property
    def who(self) -> str:
        """What the program's customers are called, one of them."""
        return self.say("account") if self.program.is_quarterly else self.say("customer")

    @property
    def many(self) -> str:
        """What the program's customers are called."""
        return self.say("accounts") if self.program.is_quarterly else self.say("customers")
