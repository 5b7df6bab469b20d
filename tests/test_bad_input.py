"""Bad input, one case a row: what is wrong, the command that meets it, and what it has to say.

Each case spoils a copy of a small world (a champion, a paid cycle, an event table) and runs the real command line. It
has to end with exit status 1 and one line that names the file, row or field and what to do, and everything that was
there has to be as it was: table versions and rows, exports, ledger, models, aliases. Rows that are wrong by themselves
are set aside, counted and shown, and the rest is kept.

`docs/bad-input.md` is made of this table: `python -m tests.test_bad_input` writes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import click
import pytest

from fiel.errors import (
    CohortError,
    CycleConflictError,
    FielError,
    LakeError,
    MessageError,
    NoChampionError,
    PlanError,
    ProgramError,
    RegistryError,
    RejectShareError,
    SettingsError,
    SourceAccessError,
    SourceError,
    SourceUnavailableError,
    StoreError,
    StoreUnavailableError,
    TimeError,
)
from flows.cli import _kind
from tests.bad_input import spoil as by
from tests.bad_input.command import fiel
from tests.bad_input.page import PAGE, page
from tests.bad_input.spoil import Spoil
from tests.bad_input.world import Place, World, changed, state

INGEST = "run ingest --source {source}"
SHOP = "run ingest --program shop --source {shop}"
GIFTS = "run ingest --program gifts --source {gifts}"
BANK = "run ingest --program bank --source {bank}"
FUND = "run ingest --program fund --source {fund}"
CARRIER = "run ingest --program carrier --source {carrier}"
LATEST = "--as-of latest"
LOYAL, COURSES = "source/loyalty-system", "source/education-platform"
CLIENTS, EVENTS, LINES, PRODUCTS = (
    f"{LOYAL}/{table}.csv" for table in ("clientes", "transacoes", "transacao_produto", "produtos")
)
NEXT_YEARS = f"{date.today().year + 2}-01-01 10:00:00.000"
GOODS = "programs/teomewhy-catalogue.csv"
ALL = range(1, 1_000_000)
LISTS = by.parquet(
    {"Invoice": ["9"], "StockCode": ["71053"], "Description": ["MUG"], "Quantity": [1], "InvoiceDate": ["2010-12-03"],
     "Price": [2.55], "Customer ID": [["17850"]], "Country": ["UK"]}
)  # fmt: skip
"""A purchase log whose customers are lists of one."""


@dataclass(frozen=True)
class Case:
    """One row: `what` is wrong, the `command` that meets it, its `error`, what that `says`, and to `do`.

    `says` and `do` are parts of the message. Instead of an error, `aside` are rows that are rejected, by `table: rule`,
    and the command succeeds; then `says` are parts of its summary and `do` is for the page.
    """

    what: str
    spoil: Spoil
    command: str
    error: type[Exception] | None
    says: tuple[str, ...]
    do: str
    aside: dict[str, int] = field(default_factory=dict)
    program: str = "teomewhy"
    """Whose rows are set aside."""
    noisy: bool = False
    """A library's own thread prints lines that nobody can hold back before ours."""

    @property
    def kind(self) -> str:
        """The words that the line begins with."""
        if self.error is None:
            return "set aside"
        return _kind(self.error("")) if issubclass(self.error, FielError) else "usage"


SECTIONS: dict[str, list[Case]] = {
    "Source files": [
        Case(
            "a table is missing",
            by.gone(PRODUCTS),
            INGEST,
            SourceError,
            ("table produtos of loyalty-system is missing", "looked for it in loyalty-system/database.db"),
            "Fetch the whole data set",
        ),
        Case(
            "a database without one of its tables",
            by.database(by.statement(f"{LOYAL}/database.db", "DROP TABLE produtos")),
            INGEST,
            SourceError,
            ("table produtos of loyalty-system is missing", "database.db holds clientes, transac"),
            "Fetch the whole data set",
        ),
        Case(
            "one of the two data sets is missing",
            by.gone(COURSES),
            INGEST,
            SourceError,
            ("table cursos of education-platform is missing",),
            "leave education-platform out of source.kaggle in the program file",
        ),
        Case(
            "a column is missing",
            by.text(EVENTS, "QtdePontos", "QtdPontos"),
            INGEST,
            SourceError,
            ("transacoes.csv: column QtdePontos", "is missing; there are: "),
            "did you mean QtdPontos?",
        ),
        Case(
            "a column stands twice",
            by.text(EVENTS, "QtdePontos", "IdCliente"),
            INGEST,
            SourceError,
            ("transacoes.csv: column IdCliente stands twice in the header",),
            "rename one",
        ),
        Case(
            "the wrong separator",
            by.text(EVENTS, ";", "|"),
            INGEST,
            SourceError,
            ("transacoes.csv: column IdTransacao", "read as one single column"),
            "the separator is probably another than `,` or `;`",
        ),
        Case(
            "an empty file",
            by.holds(EVENTS, b""),
            INGEST,
            SourceError,
            ("transacoes.csv is empty",),
            "fetch or export it again",
        ),
        Case(
            "a table without rows",
            by.all_of(by.lines(EVENTS, lambda lines: lines[:1]), by.lines(LINES, lambda lines: lines[:1])),
            INGEST,
            SourceError,
            ("no event is left to work with",),
            "check that the transaction table has rows",
        ),
        Case(
            "an empty database",
            by.database(by.holds(f"{LOYAL}/database.db", b"")),
            INGEST,
            SourceError,
            ("database.db is empty",),
            "fetch or export it again",
        ),
        Case(
            "a database that was cut off",
            by.database(by.cut(f"{LOYAL}/database.db", 5_000)),
            INGEST,
            SourceError,
            ("database.db is not a readable SQLite database",),
            "fetch or export it again",
        ),
        Case(
            "a sign-in page in place of the database",
            by.database(by.holds(f"{LOYAL}/database.db", b"<html>Please sign in</html>" * 50)),
            INGEST,
            SourceError,
            ("database.db is not a readable SQLite database",),
            "fetch or export it again",
        ),
        Case(
            "an archive that nobody unpacked",
            by.all_of(by.gone("source"), by.holds("source/archive.zip", b"PK\x03\x04")),
            INGEST,
            SourceError,
            ("table clientes of loyalty-system is missing", "There is archive.zip"),
            "unpack it there",
        ),
        Case(
            "bytes that are no text",
            by.holds(EVENTS, b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"),
            INGEST,
            SourceError,
            ("transacoes.csv is not a text file",),
            "export it as CSV in UTF-8",
        ),
        Case(
            "another encoding than UTF-8",
            by.holds(PRODUCTS, "IdProduto;DescNomeProduto;DescCategoriaProduto\n1;presença;chat\n".encode("latin1")),
            INGEST,
            SourceError,
            ("produtos.csv: is not UTF-8 (line 2, byte 0xe7)",),
            "iconv -f latin1 -t utf8",
        ),
        Case(
            "a quote that is never closed",
            by.field(EVENTS, "IdCliente", '"no end'),
            INGEST,
            SourceError,
            ("transacoes.csv: a quote is opened and never closed",),
            "mend the row or export the file again",
        ),
        Case(
            "a source that does not exist",
            by.gone("source"),
            INGEST,
            SourceError,
            ("source does not exist",),
            "check --source (a folder, a file, or s3://bucket/prefix)",
        ),
        Case(
            "a source without files",
            by.all_of(by.gone("source"), lambda place: place.source.mkdir()),
            INGEST,
            SourceError,
            ("table clientes of loyalty-system is missing: looked for it in",),
            "Fetch the whole data set",
        ),
        Case(
            "a source outside the folder that is allowed",
            by.setting(FIEL_SOURCE_ROOT="{root}/allowed"),
            INGEST,
            SourceAccessError,
            ("is not under FIEL_SOURCE_ROOT",),
            "move it there",
        ),
        Case(
            "no source at all",
            by.nothing,
            "run ingest --program shop",
            SourceError,
            ("program shop names no source",),
            "give --source DIR",
        ),
    ],
    "Rows": [
        Case(
            "most rows of a table without a readable date",
            by.field(EVENTS, "DtCriacao", "31/02/2025", ALL),
            INGEST,
            RejectShareError,
            ("rows of", "were rejected", "time_unparseable in transacoes", "For example transacoes row 1: "),
            "mend the source, or raise source.tolerated_reject_share",
        ),
        Case(
            "every date in the future",
            by.field(EVENTS, "DtCriacao", NEXT_YEARS, ALL),
            INGEST,
            RejectShareError,
            ("time_in_future in transacoes", "Nothing was written"),
            "mend the source, or raise source.tolerated_reject_share",
        ),
        Case(
            "a twentieth of the customers with a balance in words",
            by.field(CLIENTS, "qtdePontos", "muitos", range(1, 31)),
            INGEST,
            RejectShareError,
            ("rows of clientes were rejected", "tolerated is 1.0%", "balance_unparseable in clientes"),
            "mend the source, or raise source.tolerated_reject_share",
        ),
        Case(
            "two rows with one key that contradict each other",
            by.lines(EVENTS, lambda lines: [*lines, _again(lines[5])]),
            INGEST,
            None,
            ("rejected_by_rule.transacoes: duplicate_key",),
            "of equal keys the same row stays in any order: mend the other, it is in core_rejected",
            {"transacoes: duplicate_key": 1},
        ),
        Case(
            "a row that is there twice, equal",
            by.lines(EVENTS, lambda lines: [*lines, lines[5]]),
            INGEST,
            None,
            ("counts.repeated_rows",),
            "nothing: it counts once",
        ),
        Case(
            "a product that the catalogue lacks",
            by.field(LINES, "IdProduto", "404"),
            INGEST,
            None,
            ("1 lines sell a product that the catalogue lacks (kept without a name): 404",),
            "wait for the catalogue, or mend the line",
        ),
        Case(
            "three dates in the future",
            by.field(EVENTS, "DtCriacao", NEXT_YEARS, range(1, 4)),
            INGEST,
            None,
            ("rejected_by_rule.transacoes: time_in_future",),
            "mend the rows, they are in core_rejected; their lines go with them",
            {"transacoes: time_in_future": 3, "transacao_produto: transaction_rejected": 3},
        ),
        Case(
            "a transaction without a customer, one with points in words, one with a date that is none",
            by.all_of(
                by.field(EVENTS, "IdCliente", "", range(1, 2)),
                by.field(EVENTS, "QtdePontos", "dez", range(2, 3)),
                by.field(EVENTS, "DtCriacao", "yesterday", range(3, 4)),
            ),
            INGEST,
            None,
            ("transacoes: customer_missing", "transacoes: value_unparseable", "transacoes: time_unparseable"),
            "mend the rows, they are in core_rejected; their lines go with them",
            {
                "transacoes: customer_missing": 1,
                "transacoes: value_unparseable": 1,
                "transacoes: time_unparseable": 1,
                "transacao_produto: transaction_rejected": 3,
            },
        ),
        Case(
            "a row with a field too many",
            by.lines(EVENTS, lambda lines: [*lines, "x" + lines[5] + ";?"]),
            INGEST,
            None,
            ("rejected_by_rule.transacoes: too_many_fields",),
            "mend the row, it is in core_rejected",
            {"transacoes: too_many_fields": 1},
        ),
    ],
    "Event tables": [
        Case(
            "a column name that is not in the file",
            by.program("shop", source__columns={"customer": "client", "time": "bougth_at", "value": "price"}),
            SHOP,
            SourceError,
            ("sales.csv: column bougth_at", "is missing; there are: client, bought_at, price"),
            "did you mean bought_at?",
        ),
        Case(
            "dates that cannot be read",
            by.field("shop/sales.csv", "bought_at", "soon", range(1, 400), ","),
            SHOP,
            RejectShareError,
            (
                "399 rows of sales.csv were rejected",
                "time_unparseable",
                'sales.csv row 1: {"customer":"c0","time":"soon"',
            ),
            "mend the source, or raise source.tolerated_reject_share",
        ),
        Case(
            "values that are no numbers",
            by.field("shop/sales.csv", "price", "EUR 2.50", range(1, 400), ","),
            SHOP,
            RejectShareError,
            ("value_unparseable", '"value":"EUR 2.50"'),
            "mend the source, or raise source.tolerated_reject_share",
        ),
        Case(
            "a time format that does not fit",
            by.program("shop", source__time_format="%d/%m/%Y"),
            SHOP,
            RejectShareError,
            ("6,600 rows of sales.csv were rejected, 100.0%", "time_unparseable"),
            "mend the source, or raise source.tolerated_reject_share",
        ),
        Case(
            "another separator",
            by.text("shop/sales.csv", ",", "|"),
            SHOP,
            SourceError,
            ("sales.csv: column client", "read as one single column"),
            "the separator is probably another than `,` or `;`",
        ),
        Case(
            "a header of the program file that does not fit",
            by.program("shop", source__header=["client", "bought_at"]),
            SHOP,
            SourceError,
            ("sales.csv: the first row has 3 fields", "source.header names 2 columns"),
            "Mend source.header or source.separator",
        ),
        Case(
            "no file of the pattern",
            by.program("shop", source__files=["orders-*.csv"]),
            SHOP,
            SourceError,
            ("no file matches source.files pattern 'orders-*.csv'; there are: sales.csv",),
            "Readable are .csv",
        ),
        Case(
            "a spreadsheet",
            by.all_of(by.gone("shop/sales.csv"), by.holds("shop/sales.xlsx", b"PK\x03\x04")),
            SHOP,
            SourceError,
            ("there are: sales.xlsx",),
            "Readable are .csv",
        ),
        Case(
            "Parquet that is none",
            by.all_of(by.gone("shop/sales.csv"), by.holds("shop/sales.parquet", b"PAR1 not really")),
            SHOP,
            SourceError,
            ("sales.parquet is not a readable Parquet file",),
            "fetch it again",
        ),
        Case(
            "a packed file that was cut off",
            by.all_of(by.gone("shop/sales.csv"), by.holds("shop/sales.csv.gz", b"\x1f\x8b\x08\x00\x00\x00\x00")),
            SHOP,
            SourceError,
            ("sales.csv.gz cannot be unpacked",),
            "fetch it again",
        ),
        Case(
            "a database with several tables",
            by.tables("shop/shop.db", "sales", "returns"),
            SHOP,
            SourceError,
            ("shop.db: which table holds the events is not said; there are returns, sales",),
            "set source.table in the program file",
        ),
        Case(
            "a database without the table",
            by.all_of(by.tables("shop/shop.db", "sales"), by.program("shop", source__table="orders")),
            SHOP,
            SourceError,
            ("shop.db: table orders is missing; there are sales",),
            "set source.table in the program file",
        ),
    ],
    "Purchase logs": [
        Case(
            "a layout that is neither Online Retail nor Online Retail II",
            by.text("gifts/sales.csv", "InvoiceNo", "Receipt"),
            GIFTS,
            SourceError,
            (
                "sales.csv is not laid out as Online Retail or Online Retail II",
                "column InvoiceNo or Invoice is missing; it has: Receipt, StockCode",
            ),
            "Needed are InvoiceNo or Invoice, StockCode",
        ),
        Case(
            "two kinds of dates in one column",
            by.field("gifts/sales.csv", "InvoiceDate", "2010-12-03 08:26:00", range(3, 4), ","),
            GIFTS,
            SourceError,
            (
                "sales.csv: column InvoiceDate mixes dates like '2010-12-03 08:26:00' (row 3) and like",
                "'12/01/2010 08:26' (row 1)",
            ),
            "write every date alike, best as YYYY-MM-DD, or set source.time_format",
        ),
        Case(
            "dates of which some begin with the day and some with the month",
            by.field("gifts/sales.csv", "InvoiceDate", "31/12/2010 8:26", range(3, 4), ","),
            GIFTS,
            SourceError,
            ("column InvoiceDate contradicts itself: '31/12/2010 8:26' (row 3) begins with the day",),
            "write every date alike, best as YYYY-MM-DD, or set source.time_format",
        ),
        Case(
            "dates that can be read in two ways",
            by.lines("gifts/sales.csv", lambda lines: lines[:13]),
            GIFTS,
            SourceError,
            ("'12/01/2010 08:26' (row 1), and none of them tells which number is the day",),
            "write every date alike, best as YYYY-MM-DD, or set source.time_format",
        ),
        Case(
            "quantities that are texts",
            by.field("gifts/sales.csv", "Quantity", "six", range(1, 60), ","),
            GIFTS,
            RejectShareError,
            ("59 rows of sales.csv were rejected", "quantity_unparseable", '"quantity":"six"'),
            "mend the source, or raise source.tolerated_reject_share",
        ),
        Case(
            "an invoice with a quantity that is a text",
            by.lines(
                "gifts/sales.csv", lambda lines: [*lines, lines[1].replace("536365", "9").replace(",6,", ",six,")]
            ),
            GIFTS,
            None,
            ("rejected_by_rule.sales.csv: quantity_unparseable",),
            "mend the row, it is in core_rejected",
            {"sales.csv: quantity_unparseable": 1},
            program="gifts",
        ),
        Case(
            "a customer id that went through a float in another file",
            by.holds(
                "gifts/more.csv",
                b"Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"
                b"9,71053,MUG,0,2010-12-03 08:26:00,2.55,17850.0,UK\n",
            ),
            GIFTS,
            None,
            ("counts.set_aside_zero_quantity",),
            "nothing: 17850.0 is the customer 17850",
            program="gifts",
        ),
        Case(
            "a workbook that is none",
            by.holds("gifts/more.xlsx", b"PK\x03\x04 not really"),
            GIFTS,
            SourceError,
            ("more.xlsx is not a readable Excel workbook",),
            "fetch or save it again",
        ),
        Case(
            "a Parquet column of lists",
            by.holds("gifts/more.parquet", LISTS),
            GIFTS,
            SourceError,
            ("more.parquet: column Customer ID holds lists or records, not single values",),
            "write one value a row",
        ),
        Case(
            "a folder without a file of a known kind",
            by.all_of(by.gone("gifts/sales.csv"), by.holds("gifts/archive.zip", b"PK")),
            GIFTS,
            SourceError,
            ("no file of Online Retail is there", "there are: archive.zip"),
            "unpack the archive first",
        ),
        Case(
            "a rule that does not exist",
            by.program("gifts", source__purchase_rules={"cancelations": "drop"}),
            GIFTS,
            ProgramError,
            ("gifts.yaml: field `source.purchase_rules.cancelations` is not known",),
            "did you mean `cancellations`?",
        ),
    ],
    "Churn file, interaction log, links": [
        Case(
            "no churn file",
            by.gone("carrier/churn.csv"),
            CARRIER,
            SourceError,
            ("the folder of telecom holds 0 churn files", "there are: interactions.jsonl, links.csv"),
            "it needs one CSV with PC1 ...",
        ),
        Case(
            "two CSV files that may be it",
            by.holds("carrier/churn-2024.csv", b"PC1\n1\n"),
            CARRIER,
            SourceError,
            ("holds 2 churn files",),
            "it needs one CSV with PC1 ...",
        ),
        Case(
            "a churn file without one of its numbers",
            by.text("carrier/churn.csv", "PC3", "PCx"),
            CARRIER,
            SourceError,
            ("churn.csv: 1 of 7 columns are missing: PC3", "there are: PC1, PC2, PCx"),
            "The churn file has PC1 ..., FACTOR1 ..., y and t",
        ),
        Case(
            "a churn file of other numbers than the program says",
            by.program("carrier", engagement__numbers=5),
            CARRIER,
            SourceError,
            ("churn.csv: 1 of 8 columns are missing: PC5",),
            "separated by commas",
        ),
        Case(
            "numbers, outcomes and treatments that are none",
            by.all_of(
                by.field("carrier/churn.csv", "PC2", "many", range(2, 3), ","),
                by.field("carrier/churn.csv", "y", "left", range(4, 5), ","),
                by.field("carrier/churn.csv", "t", "2", range(6, 7), ","),
            ),
            CARRIER,
            None,
            (),
            "the rows are set aside with the cells; the other customers keep their row numbers",
            {
                "churn.csv: number_unparseable": 1,
                "churn.csv: label_unknown": 1,
                "churn.csv: treatment_unknown": 1,
            },
            program="carrier",
        ),
        Case(
            "outcomes that nobody can read",
            by.field("carrier/churn.csv", "y", "?", ALL, ","),
            CARRIER,
            SourceError,
            ("churn.csv: no row is left of 300",),
            "look at what was rejected, mend the file",
        ),
        Case(
            "lines of the log that are cut off, not JSON, or of another layout",
            by.lines(
                "carrier/interactions.jsonl",
                lambda lines: [
                    *lines,
                    lines[0][:30],
                    "session 7 was lost",
                    '{"session":70}',
                    '{"session":-1,"events":[]}',
                ],
            ),
            CARRIER,
            None,
            (),
            "each line is set aside with its number",
            {
                "interactions.jsonl: not_json": 2,
                "interactions.jsonl: events_missing": 1,
                "interactions.jsonl: session_unreadable": 1,
            },
            program="carrier",
        ),
        Case(
            "events in seconds instead of milliseconds, in the future, of another type",
            by.lines(
                "carrier/interactions.jsonl",
                lambda lines: [
                    *lines,
                    '{"session":70,"events":[{"aid":1,"ts":1762000000,"type":"clicks"}]}',
                    '{"session":71,"events":[{"aid":1,"ts":99762000000000,"type":"clicks"}]}',
                    '{"session":72,"events":[{"aid":1,"ts":1762000000000,"type":"likes"}]}',
                ],
            ),
            CARRIER,
            None,
            (),
            "each event is set aside, the others of its session are kept",
            {
                "interactions.jsonl: time_not_in_milliseconds": 1,
                "interactions.jsonl: time_in_future": 1,
                "interactions.jsonl: type_unknown": 1,
            },
            program="carrier",
        ),
        Case(
            "a log that is none",
            by.holds("carrier/interactions.jsonl", b"hello\n"),
            CARRIER,
            SourceError,
            ("interactions.jsonl: no event could be read", "1 lines tried"),
            "is it an OTTO log, one session a line?",
        ),
        Case(
            "an empty log",
            by.holds("carrier/interactions.jsonl", b""),
            CARRIER,
            SourceError,
            ("interactions.jsonl is empty",),
            "fetch or export it again",
        ),
        Case(
            "links of customers and sessions that are none",
            by.holds("carrier/links.csv", b"customer_id,session\n1,4\n999,5\n2,x\n,6\n"),
            CARRIER,
            None,
            (),
            "the rows are set aside",
            {
                "links.csv: customer_unknown": 1,
                "links.csv: session_unreadable": 1,
                "links.csv: customer_missing": 1,
            },
            program="carrier",
        ),
        Case(
            "segments before anything was scored",
            by.after(f"run features --program carrier {LATEST}"),
            f"run segments --program carrier {LATEST}",
            LakeError,
            ("carrier has no scores of 2025-12-01",),
            "fiel run retrain --program carrier",
        ),
        Case(
            "a telecom source without the section that says what its file holds",
            by.program("carrier", engagement=None),
            "check carrier",
            ProgramError,
            ("carrier.yaml", "source.format telecom and the section `engagement` go together"),
            "go together",
        ),
        Case(
            "risk limits that do not rise",
            by.program("carrier", engagement__risk={"low": 0.2, "medium": 0.1, "high": 0.3}),
            "check carrier",
            ProgramError,
            ("carrier.yaml", "engagement.risk"),
            "have to rise",
        ),
    ],
    "Tables of customers": [
        Case(
            "no table of customers whose outcome is known",
            by.gone("bank/train.csv"),
            BANK,
            SourceError,
            ("there is no train.csv", "there are: test.csv"),
            "Download it from the competition's page",
        ),
        Case(
            "two such tables",
            by.holds("bank/old/train.csv", b"ID,TARGET\n"),
            BANK,
            SourceError,
            ("there are 2 files of train rows (old/train.csv, train.csv)",),
            "leave one of them",
        ),
        Case(
            "a table without an outcome",
            by.text("bank/train.csv", "TARGET", "target"),
            BANK,
            SourceError,
            ("train.csv: 1 columns are missing: TARGET", "the file has 6: ID, var3"),
            "Columns are spelled as the competition has them",
        ),
        Case(
            "a table with another separator",
            by.text("bank/train.csv", ",", "|"),
            BANK,
            SourceError,
            ("train.csv: 2 columns are missing: ID, TARGET", "it was read as one column"),
            "is the separator a comma?",
        ),
        Case(
            "customers without an outcome who lack a column that the others have",
            by.text("bank/test.csv", "saldo_var30", "saldo_var31"),
            BANK,
            SourceError,
            ("test.csv: 1 columns are missing: saldo_var30",),
            "Columns are spelled as the competition has them",
        ),
        Case(
            "two columns that would have one name",
            by.all_of(by.gone("bank/test.csv"), by.text("bank/train.csv", "var3,var15", "VAR38,var15")),
            BANK,
            SourceError,
            ("train.csv: columns VAR38, var38 would have one name",),
            "mend the header",
        ),
        Case(
            "a zipped table that is none",
            by.all_of(by.gone("bank/train.csv"), by.holds("bank/train.csv.zip", b"PK\x03\x04 broken")),
            BANK,
            SourceError,
            ("train.csv.zip",),
            "again",
        ),
        Case(
            "outcomes that are no 0 and no 1",
            by.field("bank/train.csv", "TARGET", "no", ALL, ","),
            BANK,
            RejectShareError,
            ("300 rows of train.csv were rejected", "target_unreadable in train.csv", '"TARGET":"no"'),
            "mend the source, or raise source.tolerated_reject_share",
        ),
        Case(
            "a customer without a number",
            by.field("bank/train.csv", "ID", "", separator=","),
            BANK,
            None,
            (),
            "the row is set aside",
            {"train.csv: id_missing": 1},
            program="bank",
        ),
        Case(
            "a customer's number below 0",
            by.field("bank/train.csv", "ID", "-3", separator=","),
            BANK,
            None,
            (),
            "the row is set aside",
            {"train.csv: id_negative": 1},
            program="bank",
        ),
        Case(
            "an attribute that is no number",
            by.field("bank/test.csv", "var38", "much", range(2, 4), ","),
            BANK,
            None,
            (),
            "the row is set aside with the cell",
            {"test.csv: value_unreadable": 2},
            program="bank",
        ),
        Case(
            "a customer in both tables",
            by.field("bank/test.csv", "ID", "1", separator=","),
            BANK,
            None,
            (),
            "the row with the outcome is kept",
            {"test.csv: id_in_train_too": 1},
            program="bank",
        ),
        Case(
            "nobody with the outcome that is to be predicted",
            by.all_of(
                by.field("bank/train.csv", "TARGET", "0", ALL, ","),
                by.after(BANK, f"run features --program bank {LATEST}"),
            ),
            f"run retrain --program bank {LATEST}",
            CohortError,
            ("hold one class only (0 of",),
            "there is nothing to learn",
        ),
        Case(
            "a date before an undated table was published",
            by.nothing,
            "run score --program bank --as-of 2016-01-01",
            TimeError,
            ("known as of one date only, 2016-03-02", "2016-01-01"),
            "ask for that date (`--as-of latest`)",
        ),
        Case(
            "an undated table without the day on which it was published",
            by.text("programs/bank.yaml", "version_date: 2016-03-02", "version_date: null"),
            "check bank",
            ProgramError,
            ("bank.yaml", "version_date"),
            "source.version_date",
        ),
        Case(
            "features of dated events for an undated table",
            by.program("bank", features__groups=["attributes", "activity"]),
            f"run features --program bank {LATEST}",
            ProgramError,
            ("activity is made of dated events, but the program is of kind table",),
            "fitting are: attributes",
        ),
        Case(
            "grades without what a treatment earns",
            by.program("bank", economics=None),
            "check bank",
            ProgramError,
            ("incentive.max_grade reads grades",),
            "add economics",
        ),
        Case(
            "a family of columns that the table does not have",
            by.program("bank", attributes__families=["saldo", "imp"]),
            f"run features --program bank {LATEST}",
            ProgramError,
            ("field `attributes.families`: no column begins with imp",),
            "names are those of the source's header",
        ),
        Case(
            "a competition whose rules were not accepted",
            by.published("ListDataFiles", 403),
            "run ingest --program bank",
            SourceAccessError,
            (f"Kaggle competition {by.COMPETITION}",),
            f"accept the competition's rules at https://www.kaggle.com/competitions/{by.COMPETITION}/rules",
        ),
    ],
    "Accounts by quarter": [
        Case(
            "no file of account-quarters",
            by.gone("fund/account_quarters.csv"),
            FUND,
            SourceError,
            ("no file matches 'account_quarters*.csv' (accounts)", "there are: coordinates.csv"),
            "mend pension.files.accounts",
        ),
        Case(
            "two files that the program's pattern matches",
            by.holds("fund/account_quarters_2020.csv", b"npo_account_id,quarter\n"),
            FUND,
            SourceError,
            ("account_quarters.csv, account_quarters_2020.csv all match 'account_quarters*.csv'",),
            "name one in pension.files.accounts",
        ),
        Case(
            "an outside fact that the program asks for is missing",
            by.gone("fund/cursUSD.csv"),
            FUND,
            SourceError,
            ("no file matches 'cursUSD.csv' (usd_rate)",),
            "mend pension.files.usd_rate",
        ),
        Case(
            "a column that nobody declared",
            by.text("fund/account_quarters.csv", "balance", "mood"),
            FUND,
            SourceError,
            ("account_quarters.csv: column mood is not declared: nobody said when its values were known",),
            "declare it in fiel/sources/pension_columns.py",
        ),
        Case(
            "account-quarters without their account",
            by.text("fund/account_quarters.csv", "npo_account_id", "balance_id"),
            FUND,
            SourceError,
            ("account_quarters.csv: column npo_account_id is missing",),
            "there are: balance_id, client_id, quarter",
        ),
        Case(
            "operations with the wrong separator",
            by.text("fund/transactions.csv", ";", "|"),
            FUND,
            SourceError,
            ("transactions.csv: column npo_account_id, quarter, npo_oprtn_grp is missing",),
            "there are: npo_account_id|npo_oprtn_date",
        ),
        Case(
            "a file in another encoding",
            by.holds("fund/schemes.csv", "npo_accnt_id;accnt_pnsn_schm\na1;схема\n".encode("cp1251")),
            FUND,
            SourceError,
            ("schemes.csv is not UTF-8 (line 2)",),
            "iconv -f cp1251 -t utf8",
        ),
        Case(
            "an empty list of postcodes",
            by.holds("fund/coordinates.csv", b""),
            FUND,
            SourceError,
            ("coordinates.csv is empty",),
            "fetch or export it again",
        ),
        Case(
            "quarters that are none in most rows",
            by.field("fund/account_quarters.csv", "quarter", "4th", ALL, ","),
            FUND,
            SourceError,
            ("account_quarters.csv: no account-quarter is left to work with (474 rows read)",),
            "Mend the file, or pension.files.accounts",
        ),
        Case(
            "an account-quarter with a quarter that is none",
            by.lines("fund/account_quarters.csv", lambda rows: [*rows, "a1,c1,2021Q5,2021,1,1,30,1,101000,0"]),
            FUND,
            None,
            ("account_quarters.csv: quarter_unparseable",),
            "The row is left out. Write quarters as 2021Q4.",
            {"account_quarters.csv: quarter_unparseable": 1},
            "fund",
        ),
        Case(
            "an account-quarter that is not over",
            by.lines(
                "fund/account_quarters.csv",
                lambda rows: [*rows, f"a1,c1,{date.today().year + 2}Q1,{date.today().year + 2},1,1,30,1,101000,0"],
            ),
            FUND,
            None,
            ("account_quarters.csv: quarter_not_over",),
            "The row is left out: its quarter cannot be known yet.",
            {"account_quarters.csv: quarter_not_over": 1},
            "fund",
        ),
        Case(
            "an operation of a group that is neither contribution nor income, and one outside its quarter",
            by.lines(
                "fund/transactions.csv",
                lambda rows: [*rows, "a1;2021-11-15;2021Q4;2021;7;1,00", "a1;2021-01-15;2021Q4;2021;1;1,00"],
            ),
            FUND,
            None,
            ("transactions.csv: npo_oprtn_grp_unknown", "transactions.csv: npo_oprtn_date_outside_quarter"),
            "The rows are left out.",
            {"transactions.csv: npo_oprtn_date_outside_quarter": 1, "transactions.csv: npo_oprtn_grp_unknown": 1},
            "fund",
        ),
        Case(
            "a rate that is no number",
            by.field("fund/cursUSD.csv", "cursUSD", "much", separator=","),
            FUND,
            None,
            ("cursUSD.csv: cursUSD_unparseable",),
            "The quarter has no rate, and its changes are empty.",
            {"cursUSD.csv: cursUSD_unparseable": 1},
            "fund",
        ),
        Case(
            "a horizon that is no whole number of quarters",
            by.program("fund", target__horizon_months=4),
            FUND,
            ProgramError,
            ("horizon_months has to be whole quarters",),
            "(3, 6, 9, 12",
        ),
        Case(
            "levels of loyalty that do not rise",
            by.program("fund", pension__levels={"low_below": 0.9}),
            FUND,
            ProgramError,
            ("pension.levels",),
            "low_below has to be below high_from",
        ),
        Case(
            "a quarter whose outcome is not observed, asked for in the past of the training",
            by.program("fund", pension__observed_until="2019Q1"),
            f"run retrain --program fund {LATEST}",
            CohortError,
            ("quarterly cohorts with a known outcome", "too few"),
            "wait for more quarters of data",
        ),
    ],
    "Kaggle": [
        Case(
            "credentials that Kaggle does not accept",
            by.published("GetDataset", 401),
            "run ingest",
            SourceAccessError,
            (f"Kaggle data set {by.LOYALTY}", "(401)"),
            "set KAGGLE_API_TOKEN, or KAGGLE_USERNAME and KAGGLE_KEY",
        ),
        Case(
            "terms that were not accepted",
            by.published("DownloadDataset", 403),
            "run ingest",
            SourceAccessError,
            (f"Kaggle data set {by.LOYALTY} version 1", "(403)"),
            "accept the data set's terms on its page",
        ),
        Case(
            "a data set that Kaggle does not know",
            by.published("GetDataset", handle=by.EDUCATION),
            "run ingest",
            SourceAccessError,
            (f"Kaggle data set {by.EDUCATION}", "(404)"),
            "check source.kaggle[].handle in the program file",
        ),
        Case(
            "a Kaggle that is down",
            by.published("GetDataset", 503, 503),
            "run ingest",
            SourceUnavailableError,
            ("Kaggle answers 503 (busy or down)",),
            "try again later",
        ),
        Case(
            "a Kaggle that asks to wait for a day",
            by.published("GetDataset", (429, {"Retry-After": "86400"})),
            "run ingest",
            SourceUnavailableError,
            ("Kaggle answers 429",),
            "it asks to wait 86400 s",
        ),
        Case(
            "a transfer that breaks off each time",
            by.published("file", "truncated", "truncated"),
            "run ingest",
            SourceUnavailableError,
            (f"{by.LOYALTY} version 1", "the transfer broke off"),
            "check the network and try again",
        ),
        Case(
            "a corrupt zip",
            by.published("file", "corrupt", "corrupt"),
            "run ingest",
            SourceError,
            (f"{by.LOYALTY} version 1: the archive cannot be unpacked", "also after 2 downloads"),
            "fetch the files by hand and pass --source DIR",
        ),
    ],
    "Program files and options": [
        Case(
            "a program that does not exist",
            by.nothing,
            "run loyalty --program teomewhi",
            ProgramError,
            ("there is no program 'teomewhi'", "teomewhi.yaml does not exist"),
            "did you mean 'teomewhy'?",
        ),
        Case(
            "a program that does not exist, in the demo",
            by.nothing,
            "demo --program teomewhi --folder {root}/demo",
            ProgramError,
            ("there is no program 'teomewhi'",),
            "did you mean 'teomewhy'?",
        ),
        Case(
            "no program files where they should be",
            by.setting(FIEL_PROGRAMS="{root}/nowhere"),
            "check teomewhy",
            ProgramError,
            ("there is no program 'teomewhy'", "nowhere/teomewhy.yaml does not exist"),
            "check FIEL_PROGRAMS",
        ),
        Case(
            "an unknown key",
            by.program(brakes=[]),
            "check teomewhy",
            ProgramError,
            ("teomewhy.yaml: field `brakes` is not known",),
            "did you mean `breaks`?",
        ),
        Case(
            "an unknown key further in",
            by.program(incentive__budget_point=5),
            "run reward",
            ProgramError,
            ("teomewhy.yaml: field `incentive.budget_point` is not known",),
            "did you mean `budget_points`?",
        ),
        Case(
            "a value of the wrong type",
            by.program(target__horizon_days="a month"),
            "status teomewhy",
            ProgramError,
            ("teomewhy.yaml: field `target.horizon_days`", "(got 'a month')"),
            "valid integer",
        ),
        Case(
            "a share above 1",
            by.program(incentive__hold_out_share=30),
            "run reward",
            ProgramError,
            ("field `incentive.hold_out_share`", "(got '30')"),
            "less than or equal to 1",
        ),
        Case(
            "a life-cycle stage that does not exist",
            by.program(target__exclude_stages=["zumbis"]),
            "check teomewhy",
            ProgramError,
            ("field `target.exclude_stages.0`", "no such stage"),
            "did you mean 'zumbi'?",
        ),
        Case(
            "a feature group that does not exist",
            by.program(features__groups=["activty", "life_cycle"]),
            "check teomewhy",
            ProgramError,
            ("field `features.groups`: no feature group 'activty'",),
            "known are: activity, life_cycle, courses, calendar",
        ),
        Case(
            "a time zone that does not exist",
            by.program(day_time_zone="Brasilia"),
            "check teomewhy",
            ProgramError,
            ("field `day_time_zone`", "'Brasilia' is no IANA time zone"),
            "such as America/Sao_Paulo or UTC",
        ),
        Case(
            "score buckets that overlap",
            by.program(
                incentive__buckets=[
                    {"product": "a", "from_prob": 0.0, "to_prob": 0.6, "points": 1},
                    {"product": "b", "from_prob": 0.5, "to_prob": 1.0, "points": 2},
                ]
            ),
            "check teomewhy",
            ProgramError,
            ("field `incentive`",),
            "incentive buckets a and b overlap",
        ),
        Case(
            "an event table without columns",
            by.program("shop", source__columns=None),
            "check shop",
            ProgramError,
            ("shop.yaml: field `source`: ", "source.columns is needed for format event_table"),
            "name at least customer and time",
        ),
        Case(
            "a file that is no YAML",
            by.holds("programs/teomewhy.yaml", b"name: teomewhy\ntitle: [open\nsource: {}\n"),
            "check teomewhy",
            ProgramError,
            ("teomewhy.yaml: not valid YAML", "expected ',' or ']'", "(line 3, column 7)"),
            "mend the file",
        ),
        Case(
            "an empty program file",
            by.holds("programs/teomewhy.yaml", b""),
            "check teomewhy",
            ProgramError,
            ("teomewhy.yaml: a program file is a mapping of fields",),
            "such as `name: teomewhy`",
        ),
        Case(
            "a name that is not the file's",
            by.text("programs/teomewhy.yaml", "name: teomewhy", "name: another"),
            "check teomewhy",
            ProgramError,
            ("field `name` is 'another', but the file is called 'teomewhy'",),
            "make them equal",
        ),
        Case(
            "a data set that the format does not know",
            by.program(source__kaggle=[{"name": "loyalty", "handle": "a/b"}]),
            INGEST,
            ProgramError,
            ("source.kaggle names loyalty",),
            "format teomewhy knows loyalty-system (needed) and education-platform",
        ),
        Case(
            "an option of another stage",
            by.nothing,
            "run score --source {source}",
            click.UsageError,
            ("--source belongs to loyalty and ingest, not to score",),
            "belongs to loyalty and ingest",
        ),
        Case(
            "a stage that does not exist",
            by.nothing,
            "run lyalty",
            click.UsageError,
            ("'lyalty' is not one of",),
            "'loyalty', 'ingest'",
        ),
        Case(
            "reasons for nobody knows whom",
            by.nothing,
            f"run score {LATEST} --reasons some",
            click.UsageError,
            ("--reasons", "'some' is not one of"),
            "'granted', 'all', 'none'",
        ),
        Case(
            "a first day that is no date",
            by.nothing,
            "simulate {root}/new --start 1.2.2024",
            SettingsError,
            ("--start '1.2.2024' is no date",),
            "write YYYY-MM-DD",
        ),
        Case(
            "a layout that does not exist",
            by.nothing,
            "simulate {root}/new --layout excel",
            click.UsageError,
            ("--layout", "'excel' is not one of"),
            "'sqlite', 'csv'",
        ),
        Case(
            "a simulation into a file",
            by.holds("taken", b""),
            "simulate {root}/taken/here --customers 5",
            SettingsError,
            ("taken/here cannot be written",),
            "check the path, space and permissions",
        ),
        Case(
            "a program without a simulator",
            by.nothing,
            "simulate {root}/new --program shop",
            SettingsError,
            ("program 'shop' has no simulator",),
            "fiel/simulate/",
        ),
    ],
    "Dates": [
        Case(
            "an as_of that is no date",
            by.nothing,
            "run features --as-of tomorrow",
            TimeError,
            ("as_of 'tomorrow' is no date",),
            "write YYYY-MM-DD, or `latest`",
        ),
        Case(
            "a day that the calendar lacks",
            by.nothing,
            "run deliver --as-of 2025-02-30",
            TimeError,
            ("as_of '2025-02-30' is no date",),
            "write YYYY-MM-DD, or `latest`",
        ),
        Case(
            "an as_of before the first event",
            by.nothing,
            "run features --as-of 2020-01-01",
            TimeError,
            ("as_of 2020-01-01 is before anything is known: the first event is on ",),
            "as_of must be at least ",
        ),
        Case(
            "an as_of past what the data know",
            by.nothing,
            "run score --as-of 2025-04-02",
            TimeError,
            ("as_of 2025-04-02 is past what the data know", "complete through 2025-03-31"),
            "as_of may be at most 2025-04-01 (`--as-of latest` is that day); "
            "ingest newer data or choose an earlier as_of",
        ),
        Case(
            "no as_of, while the data are old",
            by.nothing,
            "run reward",
            TimeError,
            ("is past what the data know: source version files=", "complete through 2025-03-31"),
            "ingest newer data or choose an earlier as_of",
        ),
        Case(
            "a leakage check before the first event",
            by.nothing,
            "verify-leakage shop --as-of 2020-01-01",
            TimeError,
            ("as_of 2020-01-01 is before anything is known",),
            "as_of must be at least 2024-01-02",
        ),
    ],
    "Nothing to work with yet": [
        Case(
            "nothing was ingested",
            by.setting(FIEL_LAKE="{root}/new"),
            f"run features {LATEST}",
            LakeError,
            ("nothing was ingested yet for program teomewhy",),
            "run `fiel run ingest --program teomewhy` first",
        ),
        Case(
            "no champion yet",
            by.after(f"run features --program shop {LATEST}"),
            f"run score --program shop {LATEST}",
            NoChampionError,
            ("fiel-shop has no champion yet",),
            "run `fiel run retrain --program shop` first",
        ),
        Case(
            "no scores of that date",
            by.nothing,
            "run reward --as-of 2025-03-20",
            PlanError,
            ("plan of teomewhy, as_of 2025-03-20: there are no scores",),
            "run `fiel run score --program teomewhy --as-of 2025-03-20`",
        ),
        Case(
            "a report of a date without a snapshot",
            by.nothing,
            "run report --as-of 2025-03-20",
            LakeError,
            ("program teomewhy has no snapshot of 2025-03-20",),
            "run `fiel run score --program teomewhy --as-of 2025-03-20` first",
        ),
        Case(
            "too few months to train on",
            by.nothing,
            "run retrain --as-of 2024-06-01",
            CohortError,
            ("program teomewhy: at as_of 2024-06-01 there are", "too few"),
            "training.oot_cohorts",
        ),
        Case(
            "only one class in the cohorts",
            by.tried("run retrain --program shop --as-of 2024-11-01"),
            "run retrain --program shop --as-of 2024-11-01",
            CohortError,
            ("hold one class only", "rows reached the target"),
            "wait for data or widen the population",
        ),
        Case(
            "no points API to deliver to",
            by.nothing,
            "run deliver --as-of 2025-04-01",
            SettingsError,
            ("FIEL_POINTS_API_URL is not set",),
            "there is no points API to deliver to",
        ),
    ],
    "Lake, disk and S3": [
        Case(
            "a file where the lake should be",
            by.all_of(by.holds("taken", b""), by.setting(FIEL_LAKE="{root}/taken")),
            INGEST,
            LakeError,
            ("taken/teomewhy/raw/files/", "cannot be written: Not a directory"),
            "check FIEL_LAKE, space and permissions",
        ),
        Case(
            "a full disk while files are brought in",
            by.all_of(by.field(EVENTS, "QtdePontos", "1"), by.full_disk(30_000)),
            INGEST,
            LakeError,
            ("raw/files/", "cannot be written: File too large"),
            "check FIEL_LAKE, space and permissions",
        ),
        Case(
            "a full disk while features are written",
            by.full_disk(20_000),
            "run features --as-of 2025-03-20",
            LakeError,
            ("cannot be written", "the earlier version is still there"),
            "check space, permissions and other writers",
            noisy=True,
        ),
        Case(
            "a full disk while a cycle is paid",
            by.all_of(by.unpaid, by.full_disk(8_000)),
            f"run reward {LATEST}",
            StoreError,
            ("store.db cannot be used",),
            "free some space, then run again; nothing was half written",
        ),
        Case(
            "a data file of a table is gone",
            by.only_file("lake/teomewhy/core_customer_days/*.parquet", None),
            "run features --as-of 2025-03-20",
            LakeError,
            ("core_customer_days cannot be read: its file part-", "is gone"),
            "restore the lake from its backup",
        ),
        Case(
            "a data file of a table is damaged",
            by.only_file("lake/teomewhy/core_customers/*.parquet", b"damaged"),
            f"run reward {LATEST}",
            LakeError,
            ("core_customers cannot be read: its file part-", "has 7 of "),
            "restore the lake from its backup",
            noisy=True,
        ),
        Case(
            "a table's log is damaged",
            by.only_file("lake/teomewhy/feat_snapshot/_delta_log/*.json", b"{"),
            "status teomewhy",
            LakeError,
            ("feat_snapshot cannot be read",),
            "restore the lake from its backup",
        ),
        Case(
            "a lake on S3 without credentials",
            by.lake_on_s3,
            "status teomewhy",
            LakeError,
            ("the lake is on S3 but no AWS credentials are set",),
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        Case(
            "a lake on S3 and no place for the store",
            by.all_of(by.s3(), by.setting(FIEL_LAKE="s3://bucket/lake")),
            "status teomewhy",
            SettingsError,
            ("with a lake on S3", "there is no folder beside the lake"),
            "FIEL_DATABASE_URL and FIEL_MLFLOW_URI must be set",
        ),
        Case(
            "a lake on an S3 that does not answer",
            by.all_of(by.s3(), by.lake_on_s3),
            INGEST,
            LakeError,
            ("table s3://bucket/lake/teomewhy/core_versions cannot be read", "Connection refused"),
            "check network, bucket, credentials and AWS_ENDPOINT_URL",
        ),
        Case(
            "a lake on an S3 that refuses",
            by.all_of(by.s3_that_refuses, by.lake_on_s3),
            INGEST,
            LakeError,
            ("table s3://bucket/lake/teomewhy/core_versions cannot be read", "lacked the necessary privileges"),
            "check network, bucket, credentials and AWS_ENDPOINT_URL",
        ),
        Case(
            "a source on S3 without credentials",
            by.nothing,
            "run ingest --source s3://bucket/drop",
            SourceAccessError,
            ("source s3://bucket/drop is on S3 but no AWS credentials are set",),
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        Case(
            "a source on an S3 that does not answer",
            by.s3(),
            "run ingest --source s3://bucket/drop",
            SourceUnavailableError,
            ("source s3://bucket/drop: 127.0.0.1:9 does not answer",),
            "check network and endpoint",
        ),
        Case(
            "a source on an S3 that refuses",
            by.s3_that_refuses,
            "run ingest --source s3://bucket/drop",
            SourceAccessError,
            ("source s3://bucket/drop: S3 refuses these credentials",),
            "check them",
        ),
    ],
    "Models and store": [
        Case(
            "an MLflow server that is down",
            by.setting(FIEL_MLFLOW_URI="http://127.0.0.1:9"),
            f"run score {LATEST}",
            RegistryError,
            ("the MLflow server http://127.0.0.1:9 cannot be reached",),
            "start it, or mend FIEL_MLFLOW_URI",
        ),
        Case(
            "another MLflow than before",
            by.statement(
                "lake.state/mlflow.db",
                "DELETE FROM registered_model_aliases",
                "DELETE FROM model_versions WHERE version = 2",
            ),
            f"run score {LATEST}",
            RegistryError,
            ("fiel-teomewhy has no version 2",),
            "FIEL_MLFLOW_URI points to another registry than before",
        ),
        Case(
            "a champion whose file was changed",
            by.only_file(
                "lake.state/mlflow-artifacts/**/stage_rule.json",
                b'{"kind": "stage_rule", "probs": {"fiel": 0.99}, "rows": {"fiel": 1}, "base_prob": 0.5}',
            ),
            f"run score {LATEST}",
            RegistryError,
            ("version 2 of fiel-teomewhy was registered with digest", "the artifact was changed"),
            "restore it, or roll back to an earlier version",
        ),
        Case(
            "a champion whose file is damaged",
            by.only_file("lake.state/mlflow-artifacts/**/stage_rule.json", b"{"),
            f"run score {LATEST}",
            RegistryError,
            ("was registered with digest", "the artifact was changed"),
            "restore it, or roll back to an earlier version",
        ),
        Case(
            "a champion whose file is gone",
            by.only_file("lake.state/mlflow-artifacts/**/stage_rule.json", None),
            f"run score {LATEST}",
            RegistryError,
            ("the registered model lacks its file stage_rule.json",),
            "restore the artifacts, or roll back to an earlier version",
        ),
        Case(
            "nothing to roll back to",
            by.nothing,
            "rollback teomewhy --reason testing",
            RegistryError,
            ("fiel-teomewhy has no version to roll back to",),
            "retrain, or promote another version with a reason",
        ),
        Case(
            "a rollback without a reason",
            by.nothing,
            "rollback teomewhy --reason ' '",
            RegistryError,
            ("a rollback needs a reason",),
            "it is kept in the ledger",
        ),
        Case(
            "a store that was lost",
            by.gone("lake.state/store.db"),
            f"run score {LATEST}",
            RegistryError,
            ("alias champion of fiel-teomewhy points to version 2, but the promotion ledger has no row",),
            "Restore it, or delete the alias in MLflow and run retrain",
        ),
        Case(
            "a store that cannot be reached",
            by.setting(FIEL_DATABASE_URL="postgresql://fiel:hidden@127.0.0.1:9/fiel"),
            f"run reward {LATEST}",
            StoreError,
            ("the store postgresql+psycopg://fiel:***@127.0.0.1:9/fiel cannot be used",),
            "check FIEL_DATABASE_URL, that the server runs",
        ),
        Case(
            "a database that the store does not know",
            by.setting(FIEL_DATABASE_URL="mysql://fiel@127.0.0.1/fiel"),
            "status teomewhy",
            StoreError,
            ("FIEL_DATABASE_URL names 'mysql'",),
            "(sqlite:///FILE)",
        ),
        Case(
            "a store that is no database",
            by.holds("lake.state/store.db", b"not a database, but long enough to look like one" * 30),
            "status teomewhy",
            StoreError,
            ("store.db cannot be used", "not a database"),
            "check FIEL_DATABASE_URL",
        ),
        Case(
            "a store of a later Fiel",
            by.statement("lake.state/store.db", "UPDATE alembic_version SET version_num = '9999'"),
            "status teomewhy",
            StoreError,
            ("has revision 9999",),
            "install the Fiel that made it, or give FIEL_DATABASE_URL a new database",
        ),
        Case(
            "a file where the store's folder should be",
            by.all_of(by.holds("taken", b""), by.setting(FIEL_DATABASE_URL="sqlite:///{root}/taken/store.db")),
            "status teomewhy",
            StoreError,
            ("taken cannot be made",),
            "check the path and its permissions",
        ),
    ],
    "Serving": [
        Case(
            "a service for others without a key",
            by.nothing,
            "serve --host 0.0.0.0 --port 0",
            SettingsError,
            ("0.0.0.0 can be reached from other machines and there is no valid API key",),
            "fiel key create NAME",
        ),
        Case(
            "a store that nobody made",
            by.setting(FIEL_DATABASE_URL="sqlite:///{root}/nowhere/store.db"),
            "serve --port 0",
            StoreUnavailableError,
            ("there is no store at", "nowhere/store.db"),
            "publish a program first",
        ),
        Case(
            "a setting of the service out of its range",
            by.setting(FIEL_SERVE_WORKERS="0"),
            "serve --port 0",
            SettingsError,
            ("FIEL_SERVE_WORKERS: Input should be greater than or equal to 1",),
            "",
        ),
        Case(
            "a setting of the service that is no JSON",
            by.setting(FIEL_SERVE_SCORE_AGE_LIMITS="pension=100"),
            "serve --port 0",
            SettingsError,
            ("FIEL_SERVE_SCORE_AGE_LIMITS: it is no JSON",),
            "",
        ),
        Case(
            "a key for a program that is not there",
            by.nothing,
            "key create shop --program nobody",
            SettingsError,
            ("--program nobody: there is no such program",),
            "there are: ",
        ),
        Case(
            "a key that was never made",
            by.nothing,
            "key revoke 0123456789ab",
            SettingsError,
            ("there is no key '0123456789ab'",),
            "see `fiel key list`",
        ),
    ],
    "Messages": [
        Case(
            "a program that writes no messages",
            by.nothing,
            f"run message --program shop {LATEST}",
            MessageError,
            ("program shop writes no messages",),
            "its file has no section `messages`",
        ),
        Case(
            "no catalogue",
            by.gone(GOODS),
            f"run message {LATEST}",
            MessageError,
            ("the catalogue ", "teomewhy-catalogue.csv cannot be read"),
            "check messages.catalogue in the program file",
        ),
        Case(
            "a catalogue in another encoding",
            by.holds(GOODS, "product_id,title\n1,Chapéu\n2,Adaga\n".encode("latin-1")),
            f"run message {LATEST}",
            MessageError,
            ("teomewhy-catalogue.csv is no CSV in UTF-8",),
            "",
        ),
        Case(
            "a catalogue without titles",
            by.text(GOODS, "product_id,title", "product_id,name"),
            f"run message {LATEST}",
            MessageError,
            ("teomewhy-catalogue.csv: there is no column 'title'",),
            "needed are product_id and title",
        ),
        Case(
            "a product that stands twice",
            by.text(GOODS, "012 - Adaga Envenenada,", "011 - Adaga,"),
            f"run message {LATEST}",
            MessageError,
            ("teomewhy-catalogue.csv, line 12: product_id stands twice", "'011 - Adaga'"),
            "",
        ),
        Case(
            "a title that nobody filled in",
            by.text(GOODS, ",Espada Curta", ",[product name]"),
            f"run message {LATEST}",
            MessageError,
            ("line 3: title '[product name]' has", "reads as a placeholder or markup"),
            "mend the title",
        ),
        Case(
            "one product only",
            by.lines(GOODS, lambda found: found[:2]),
            f"run message {LATEST}",
            MessageError,
            ("the catalogue has fewer than 2 products for segment",),
            "add some, or leave its column segments empty",
        ),
        Case(
            "a risk group without a tone",
            by.program(messages__tones={"low": "loyal", "medium": "loyal", "high": "loyal"}),
            "check teomewhy",
            ProgramError,
            ("risk group 'critical' is written to and has no tone",),
            "add it to tones",
        ),
        Case(
            "an offer without words in a language",
            by.program(
                messages__offers=[{"id": "autumn", "tones": ["loyal"], "words": {"en": "An evening with the author."}}]
            ),
            "check teomewhy",
            ProgramError,
            ("offers autumn has no words in pt",),
            "messages are written in that language",
        ),
        Case(
            "a signature that a guard refuses",
            by.program(messages__signature={"pt": "Equipe [nome]"}),
            f"run message {LATEST}",
            MessageError,
            ("the pt template for customer ", "is refused by a guard (placeholder: "),
            "mend the words of the program file's messages",
        ),
        Case(
            "an engagement that the snapshot does not have",
            by.program(messages__from_scores__engagement="visits"),
            f"run message {LATEST}",
            MessageError,
            ("messages.from_scores: the snapshot has no column 'visits'",),
            "choose another one",
        ),
        Case(
            "messages of a date without scores",
            by.nothing,
            "run message --as-of 2025-03-20",
            MessageError,
            ("program teomewhy has no scores of 2025-03-20",),
            "run `fiel run score --program teomewhy --as-of 2025-03-20` first",
        ),
        Case(
            "a language model without prices",
            by.program(messages__writer="openai"),
            "check teomewhy",
            ProgramError,
            ("writer openai needs model.price_in and model.price_out",),
            "0 where the server is your own",
        ),
        Case(
            "a language model without an address",
            by.program(messages__writer="openai", messages__model={"price_in": 1, "price_out": 2}),
            f"run message {LATEST}",
            SettingsError,
            ("FIEL_OPENAI_ENDPOINT and FIEL_OPENAI_MODEL and FIEL_OPENAI_KEY not set",),
            "set it, or let the program file say messages.writer: template",
        ),
        Case(
            "a key that would travel unencrypted",
            by.all_of(
                by.program(messages__writer="openai", messages__model={"price_in": 1, "price_out": 2}),
                by.setting(
                    FIEL_OPENAI_ENDPOINT="http://models.example", FIEL_OPENAI_MODEL="writer", FIEL_OPENAI_KEY="k"
                ),
            ),
            f"run message {LATEST}",
            SettingsError,
            ("FIEL_OPENAI_ENDPOINT is http and not on this machine",),
            "the key would travel unencrypted",
        ),
        Case(
            "a key that the server refuses",
            by.all_of(
                by.program(messages__writer="openai", messages__model={"price_in": 1, "price_out": 2}),
                by.language_model("401"),
            ),
            f"run message {LATEST}",
            MessageError,
            ("the language model azure:writer refuses every request (HTTP 401)",),
            "check FIEL_OPENAI_ENDPOINT, FIEL_OPENAI_MODEL and FIEL_OPENAI_KEY, then run again",
        ),
    ],
    "Points": [
        Case(
            "another policy for a cycle that is paid",
            by.program(
                incentive__version="2",
                incentive__buckets=[{"product": "more", "from_prob": 0.1, "to_prob": 1.0, "points": 20}],
            ),
            f"run reward {LATEST}",
            CycleConflictError,
            ("cycle teomewhy 2025-04-01 is already applied", "under policy version 2026-1", "changed "),
            "reverse single grants to correct it, and plan changes for the next cycle",
        ),
        Case(
            "another budget for a cycle that is paid",
            by.program(incentive__budget_points=20),
            f"run reward {LATEST}",
            CycleConflictError,
            ("cycle teomewhy 2025-04-01 is already applied", "with other content: removed "),
            "reverse single grants to correct it, and plan changes for the next cycle",
        ),
        Case(
            "paying a cycle of the past",
            by.after("run score --as-of 2025-03-20", "run reward --as-of 2025-03-20 --plan-only"),
            "run reward --as-of 2025-03-20",
            PlanError,
            ("cycle teomewhy 2025-03-20: cycle 2025-04-01 is already applied", "can be planned, never paid"),
            "the next may have as_of 2025-04-08",
        ),
        Case(
            "a grant that does not exist",
            by.nothing,
            "reverse teomewhy 0000 --reason testing",
            PlanError,
            ("there is no grant '0000' in the ledger",),
            "take the id from the cycle's export",
        ),
        Case(
            "a reversal without a reason",
            by.nothing,
            "reverse teomewhy 0000 --reason ''",
            PlanError,
            ("grant 0000: a correction needs a reason",),
            "say why, the ledger keeps it",
        ),
    ],
}
CASES = {case.what: case for cases in SECTIONS.values() for case in cases}
REFUSED = {name: case for name, case in CASES.items() if case.error is not None}
SET_ASIDE = {name: case for name, case in CASES.items() if case.error is None}


def _again(line: str) -> str:
    """The transaction once more, with other points."""
    event, customer, time, _, origin = line.split(";")
    return ";".join([event, customer, time, "987", origin])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture
def place(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Place:
    return Place(world, tmp_path, monkeypatch, request)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_bad_input_is_one_clear_line_and_leaves_everything_as_it_was(
    case: Case, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    case.spoil(place)
    before = state(place)
    capfd.readouterr()
    status = fiel(case.command.format(**place.addresses), place.patch)
    told = capfd.readouterr().err
    assert case.error is not None
    is_ours = issubclass(case.error, FielError)
    assert status == (1 if is_ours else 2), told
    if is_ours:
        *before_it, line = told.splitlines()
        assert case.noisy or before_it == [], told
        assert line.startswith(f"{case.kind}: "), told
        words = line
    else:
        words = re.sub(r"[\s│]+", " ", told)
    assert [part for part in (*case.says, case.do) if part not in words] == [], told
    assert "Traceback" not in told
    assert "\x1b[38" not in told
    assert changed(before, state(place)) == []


@pytest.mark.parametrize("case", SET_ASIDE.values(), ids=list(SET_ASIDE))
def test_bad_rows_are_set_aside_and_shown_and_the_rest_is_kept(
    case: Case, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    events, rejected, before = place.events(case.program), place.rejected(case.program), state(place, core=False)
    case.spoil(place)
    capfd.readouterr()
    assert fiel(case.command.format(**place.addresses), place.patch) == 0
    told = capfd.readouterr().out
    assert [part for part in case.says if part not in told] == [], told
    more = {rule: number - rejected.get(rule, 0) for rule, number in place.rejected(case.program).items()}
    assert {rule: number for rule, number in more.items() if number} == case.aside
    lost = sum(number for rule, number in case.aside.items() if rule.startswith("transacoes: "))
    lost -= sum(case.aside.get(f"transacoes: {rule}", 0) for rule in ("duplicate_key", "too_many_fields"))
    kept = place.events(case.program)
    assert kept.height == events.height - lost
    assert kept.join(events, on=events.columns, nulls_equal=True, how="anti").is_empty()
    assert changed(before, state(place, core=False)) == []


def test_the_page_is_made_of_this_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(SECTIONS), "run `python -m tests.test_bad_input`"


def test_no_two_rows_are_one_case() -> None:
    assert len(CASES) == sum(len(cases) for cases in SECTIONS.values())


if __name__ == "__main__":
    PAGE.write_text(page(SECTIONS), encoding="utf-8")
