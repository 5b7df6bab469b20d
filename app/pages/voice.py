"""How a page about customers speaks: the reader's language, and amounts in the program's unit of value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.pages.words import Language, localised, number, prose_date, translate, units
from fiel import words as catalogue
from fiel.models.phrases import phrase_of
from fiel.program import Program
from fiel.program.learning import Target
from fiel.reports import format as fmt
from fiel.reports.labels import feature_label


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

    def points(self, value: float | None) -> str:
        """What a grant pays, with its sign."""
        return number(value, self.language, "signed_whole")

    @property
    def reward_unit(self) -> str:
        """The unit of grants: whole units of value."""
        return self.unit

    def signed(self, value: float | None) -> str:
        """A difference with its sign."""
        return number(value, self.language, "signed_ratio")

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
        return catalogue.translate(feature_label(column), self.language)

    def text(self, english: str | None) -> str:
        """A text that Fiel's own catalogue knows (a reason, a segment), in the reader's language."""
        return catalogue.translate(english, self.language) if english else ""

    def code(self, code: str | None) -> str:
        """A code such as `potential_loyal` or `grade 1` as words."""
        return self.text(fmt.words(code)) if code else fmt.MISSING

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
    def who(self) -> str:
        """What the program's customers are called, one of them."""
        return self.say("account") if self.program.is_quarterly else self.say("customer")

    @property
    def many(self) -> str:
        """What the program's customers are called."""
        return self.say("accounts") if self.program.is_quarterly else self.say("customers")
