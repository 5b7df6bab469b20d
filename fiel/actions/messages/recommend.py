"""What is recommended to whom: two products of the catalogue.

By the customer's own interactions where a link joins them to the log, else by what is popular in the segment. In the
order in which a customer's two places are filled (`basis`):

- `own`: products that the customer's own sessions opened or put into the cart, a cart counting three openings; what was
  ordered is not recommended again;
- `segment`: products with the most sessions of linked customers of the same segment;
- `all`: products with the most sessions at all (without links the log does not say whose a session is);
- `catalogue`: the order of the catalogue.

A product that the catalogue reserves for other segments is never recommended. Equal numbers go by its order.
"""

from __future__ import annotations

import polars as pl

from fiel.actions.messages.brief import RECOMMENDED
from fiel.errors import MessageError
from fiel.program.messages import Messages

CART_WEIGHT = 3
BASES = ("own", "segment", "all", "catalogue")
DEEPEST = 50
"""Popular products that a customer may already have ordered before the search for another one ends."""

Frame = pl.DataFrame | pl.LazyFrame


def recommendations(
    interactions: Frame | None, links: Frame | None, segments: pl.DataFrame, catalogue: pl.DataFrame
) -> pl.DataFrame:
    """One row for each customer of `segments`: customer_id, products (two ids), basis (of each of the two).

    interactions: session, aid, kind (clicks, carts, orders), only those known at as_of. links: customer_id, session.
    segments: customer_id, segment. catalogue: as `catalogue_of` makes it; its product_id is the aid as text. Without
    links nothing is own and no segment has its own popularity. MessageError when the catalogue has fewer than two
    products for a segment.
    """
    products = catalogue.select("product_id", "segments", place=pl.int_range(pl.len(), dtype=pl.Int64))
    fitting = _fitting(segments, products)
    seen = _seen(interactions, products)
    linked = _linked(seen, links, segments) if links is not None else None
    ordered = _ordered(linked, segments)
    popular = _popular(seen, linked, fitting)
    own = _own(linked, fitting, segments)
    most = ordered.group_by("customer_id").len().get_column("len").max() or 0
    depth = RECOMMENDED + min(int(str(most)), DEEPEST)
    offered = pl.concat([own, _for_customers(popular, segments, depth)], how="diagonal")
    wanted = offered.join(ordered, on=["customer_id", "product_id"], how="anti").with_columns(again=pl.lit(0))
    anyway = _for_customers(popular, segments, 2 * RECOMMENDED).with_columns(again=pl.lit(1))
    order = ["customer_id", "again", "tier", "rank"]
    return (
        pl.concat([wanted, anyway], how="diagonal")
        .sort(order)
        .unique(["customer_id", "product_id"], keep="first", maintain_order=True)
        .group_by("customer_id", maintain_order=True)
        .head(RECOMMENDED)
        .group_by("customer_id", maintain_order=True)
        .agg(
            products=pl.col("product_id"),
            basis=pl.col("tier").replace_strict(list(range(len(BASES))), list(BASES), return_dtype=pl.String),
        )
        .sort("customer_id")
    )


def choose(customers: pl.DataFrame, messages: Messages) -> pl.DataFrame:
    """The customers that are written to: of the program's risk groups, the highest `value` first where there is one.

    MessageError for a customer whose risk group has no tone, chosen or not: nobody is passed over by a spelling.
    """
    unmapped = customers.filter(~pl.col("risk_group").is_in(list(messages.tones)).fill_null(False))
    if not unmapped.is_empty():
        first = unmapped.row(0, named=True)
        raise MessageError(
            f"{unmapped.height:,} customers have a risk group without a tone, first {first['customer_id']!r} "
            f"({first['risk_group']!r}): messages.tones knows {', '.join(messages.tones)}"
        )
    by = [pl.col("value").fill_null(float("-inf"))] if "value" in customers.columns else []
    chosen = customers.filter(pl.col("risk_group").is_in(list(messages.risk_groups)))
    chosen = chosen.sort([*by, "customer_id"], descending=[*([True] * len(by)), False])
    return chosen.head(messages.most) if messages.most is not None else chosen


def _fitting(segments: pl.DataFrame, products: pl.DataFrame) -> pl.DataFrame:
    """segment, product_id, place: what the catalogue allows for each segment."""
    names = segments.select(pl.col("segment").unique().sort())
    allowed = pl.col("segments").is_null() | pl.col("segments").list.contains(pl.col("segment"))
    fitting = names.join(products, how="cross").filter(allowed).drop("segments")
    counts = names.join(fitting.group_by("segment").len(), on="segment", how="left", nulls_equal=True)
    few = counts.filter(pl.col("len").fill_null(0) < RECOMMENDED).sort("segment")
    if not few.is_empty():
        raise MessageError(
            f"the catalogue has fewer than {RECOMMENDED} products for segment {few['segment'][0]!r}: add some, or "
            "leave its column segments empty"
        )
    return fitting


def _seen(interactions: Frame | None, products: pl.DataFrame) -> pl.DataFrame:
    """session, product_id, clicks, carts, orders: the log of catalogue products, summed."""
    schema = {
        "session": pl.Int64,
        "product_id": pl.String,
        "clicks": pl.UInt32,
        "carts": pl.UInt32,
        "orders": pl.UInt32,
    }
    if interactions is None:
        return pl.DataFrame(schema=schema)
    known = products.lazy().select("product_id")
    return (
        interactions.lazy()
        .select("session", "kind", product_id=pl.col("aid").cast(pl.String))
        .join(known, on="product_id", how="semi")
        .group_by("session", "product_id")
        .agg((pl.col("kind") == kind).sum().alias(kind) for kind in ("clicks", "carts", "orders"))
        .collect(engine="streaming")  # the log may be larger than memory
    )


def _linked(seen: pl.DataFrame, links: Frame, segments: pl.DataFrame) -> pl.DataFrame:
    """`_seen` of sessions that a link joins to a customer, with customer_id and segment."""
    pairs = links.lazy().select("customer_id", "session").unique().collect()
    return seen.join(pairs, on="session").join(segments.select("customer_id", "segment"), on="customer_id")


def _ordered(linked: pl.DataFrame | None, segments: pl.DataFrame) -> pl.DataFrame:
    """customer_id, product_id: what a customer has ordered."""
    if linked is None:
        return segments.select("customer_id", product_id=pl.lit("", dtype=pl.String)).clear()
    return linked.filter(pl.col("orders") > 0).select("customer_id", "product_id").unique()


def _own(linked: pl.DataFrame | None, fitting: pl.DataFrame, segments: pl.DataFrame) -> pl.DataFrame:
    """customer_id, product_id, tier, rank by the customer's own sessions."""
    if linked is None:
        nobody = segments.select("customer_id").clear()
        return nobody.with_columns(
            product_id=pl.lit("", dtype=pl.String), tier=pl.lit(0, dtype=pl.Int32), rank=pl.lit(0, dtype=pl.Int64)
        )
    weight = pl.col("clicks").sum().cast(pl.Int64) + CART_WEIGHT * pl.col("carts").sum().cast(pl.Int64)
    return (
        linked.join(fitting, on=["segment", "product_id"], nulls_equal=True)
        .group_by("customer_id", "product_id", "place")
        .agg(weight=weight)
        .filter(pl.col("weight") > 0)
        .sort("customer_id", "weight", "place", descending=[False, True, False])
        .select(
            "customer_id",
            "product_id",
            tier=pl.lit(BASES.index("own"), dtype=pl.Int32),
            rank=pl.int_range(pl.len(), dtype=pl.Int64).over("customer_id"),
        )
    )


def _popular(seen: pl.DataFrame, linked: pl.DataFrame | None, fitting: pl.DataFrame) -> pl.DataFrame:
    """segment, product_id, tier, rank: every fitting product once, the most popular in the segment first."""
    total = seen.group_by("product_id").agg(sessions=pl.col("session").n_unique())
    if linked is None:
        inside = pl.DataFrame(schema={**fitting.select("segment", "product_id").schema, "here": pl.UInt32})
    else:
        inside = linked.group_by("segment", "product_id").agg(here=pl.col("session").n_unique())
    here, sessions = pl.col("here").fill_null(0), pl.col("sessions").fill_null(0)
    tier = pl.when(here > 0).then(BASES.index("segment")).when(sessions > 0).then(BASES.index("all"))
    return (
        fitting.join(inside, on=["segment", "product_id"], how="left", nulls_equal=True)
        .join(total, on="product_id", how="left")
        .with_columns(here, sessions, tier.otherwise(BASES.index("catalogue")).cast(pl.Int32).alias("tier"))
        .sort("segment", "here", "sessions", "place", descending=[False, True, True, False])
        .select("segment", "product_id", "tier", rank=pl.int_range(pl.len(), dtype=pl.Int64).over("segment"))
    )


def _for_customers(popular: pl.DataFrame, segments: pl.DataFrame, depth: int) -> pl.DataFrame:
    """The first `depth` popular products of each customer's segment."""
    best = popular.filter(pl.col("rank") < depth)
    return segments.select("customer_id", "segment").join(best, on="segment", nulls_equal=True).drop("segment")


def with_recommendations(
    customers: pl.DataFrame,
    interactions: Frame | None,
    links: Frame | None,
    catalogue: pl.DataFrame,
    messages: Messages,
) -> pl.DataFrame:
    """The chosen customers with what is recommended to them: what `write_messages` reads.

    customers: customer_id, segment, risk_group, engagement (0 to 100), prob, and where known language and value; one
    row for each customer. Popularity is that among all customers, chosen or not.
    """
    chosen = choose(customers, messages)
    recommended = recommendations(interactions, links, customers, catalogue)
    return chosen.join(recommended, on="customer_id", how="left", maintain_order="left")
