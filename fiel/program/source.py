"""The part of a program that says what comes in: source, columns, value, operator events."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from fiel.program.base import Share, Strict, TimeZone
from fiel.program.purchases import PurchaseRules


class KaggleHandle(Strict):
    """One Kaggle data set, or the data of one competition, that is part of the source."""

    name: str = Field(description="Short name, also the folder under raw/ and under a local source folder.")
    handle: str = Field(description="OWNER/DATASET on Kaggle; the competition's name for a competition.")
    kind: Literal["dataset", "competition"] = Field(
        "dataset", description="competition: its rules have to be accepted on its page before anything is downloaded."
    )


class EventColumns(Strict):
    """Which columns of your event table mean what (source format `event_table`)."""

    customer: str = Field(description="Column that identifies the customer.")
    time: str = Field(description="Column with the time (or date) of the event.")
    event: str | None = Field(
        None,
        description="Column that identifies the event; rows with the same id and customer "
        "are lines of one event. None: each row is one event.",
    )
    value: str | None = Field(
        None, description="Column with the signed value of the row. None: every event is worth 0."
    )
    quantity: str | None = Field(None, description="Column that multiplies the value (unit price x quantity).")
    product: str | None = Field(None, description="Column with the product id.")
    product_name: str | None = Field(None, description="Column with the product's name.")
    category: str | None = Field(None, description="Column with the product's category.")
    origin: str | None = Field(None, description="Column with the channel of the event.")


class Source(Strict):
    """Where the data come from and how they are laid out."""

    format: Literal["teomewhy", "event_table", "online_retail", "santander", "pension", "telecom"] = Field(
        description="The layout: a module of `fiel/sources/`."
    )
    kaggle: tuple[KaggleHandle, ...] = Field((), description="Kaggle data sets, resolved to a version before download.")
    path: str | None = Field(None, description="Default folder or s3:// address when no --source is given.")
    files: tuple[str, ...] = Field(
        ("*",), description="event_table, online_retail: file names or patterns inside the source folder."
    )
    table: str | None = Field(None, description="event_table: the table's name when the file is SQLite.")
    separator: str | None = Field(
        None,
        description="event_table: the CSV separator; a single space means any run of "
        "blanks. None: `,` or `;`, found from the header.",
    )
    header: tuple[str, ...] | None = Field(None, description="event_table: column names of a file without a header.")
    columns: EventColumns | None = Field(None, description="event_table: what the columns mean.")
    time_format: str | None = Field(
        None,
        description="strptime format of the time column. None: ISO 8601; online_retail also reads 12/1/2010 8:26, "
        "where a day above 12 in the same table tells the order of day and month.",
    )
    time_zone: TimeZone = Field("UTC", description="Time zone in which the source writes its times.")
    decimal_mark: Literal[".", ","] = Field(
        ".",
        description="event_table, online_retail: the decimal mark of values in text; with a comma, points are "
        "thousands marks.",
    )
    missing_customer: Literal["reject", "drop"] = Field(
        "reject", description="Rows without a customer: counted as rejects, or set aside as expected (still counted)."
    )
    clock: Literal["calendar", "data"] = Field(
        "calendar",
        description="calendar: as_of defaults to the run's date. "
        "data: a finished file; as_of defaults to the day after its last "
        "complete day.",
    )
    last_day_complete: bool = Field(
        False,
        description="The last day of the data is complete (dates without hours, "
        "or an export made after midnight). False: known_through is the day before it.",
    )
    origins: dict[str, str] = Field({}, description="Source spelling of an origin to ours.")
    categories: dict[str, str] = Field(
        {},
        description="Source spelling of a product category (lower case) to ours; "
        "an unmapped category warns and stays as it is.",
    )
    version_date: date | None = Field(
        None,
        description="Undated programs (kind table): the date of the source version, which is their only as_of. Move it "
        "when a newer file comes.",
    )
    purchase_rules: PurchaseRules = Field(
        default_factory=PurchaseRules, description="online_retail: what becomes of cancellations and other odd rows."
    )
    tolerated_reject_share: Share = Field(
        0.01, description="Above this share of rejected rows the run stops before anything downstream changes."
    )

    @model_validator(mode="after")
    def _columns_where_needed(self) -> Source:
        if self.format == "event_table" and self.columns is None:
            raise ValueError("source.columns is needed for format event_table: name at least customer and time")
        return self


class Value(Strict):
    """The unit in which events are worth something. Sums are integer sums of the smallest unit."""

    unit: str = Field("points", description="Word for the unit, as people read it (points, GBP, USD).")
    scale: int = Field(1, ge=1, le=1_000_000, description="Smallest units in one unit: 1 for points, 100 for cents.")


class OperatorEvents(Strict):
    """Events that the operator or Fiel itself causes: they count in balances, never as activity, feature or outcome."""

    categories: tuple[str, ...] = Field((), description="Product categories of operator events.")
    products: tuple[str, ...] = Field((), description="Product names of operator events.")
    origins: tuple[str, ...] = Field((), description="Origins of operator events.")
