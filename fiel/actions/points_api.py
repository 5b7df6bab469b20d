"""The points API as a client sees it (DOMAIN.md section 1), and what each of its answers says about a payment.

The API makes its own ids and has no idempotency key: a repeated request pays twice. So an answer is read for one
question only: was the transaction surely booked, surely not, or is it not known?
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from fiel.errors import DeliveryError
from fiel.store.deliveries import State

BOOKED = (200, 201)
REFUSED = (400, 409, 413, 415, 422)
TURNED_AWAY = (401, 403, 404, 405, 407, 410, 429)
"""Nothing was booked, and the next transaction would fare no better: the address, the token or the rate is wrong."""


@dataclass(frozen=True)
class Answer:
    """What became of one transaction; `stop` says that the next one would fare no better."""

    state: State
    said: str
    stop: bool = False


@dataclass(frozen=True)
class Seen:
    """A last transaction as the API writes its date; `is_certain` is False when the API only says "not found"."""

    date: str | None
    is_certain: bool


class PointsApi:
    """A client of the points API at `address`; use it as a context manager."""

    def __init__(
        self,
        address: str,
        token: SecretStr | None = None,
        timeout_seconds: float = 20,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        self.address = address.rstrip("/")
        self._client = httpx.Client(
            base_url=self.address, headers=headers, timeout=timeout_seconds, transport=transport, follow_redirects=False
        )

    def __enter__(self) -> PointsApi:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def pay(self, customer_id: str, product: str, points: int, system_origin: str) -> Answer:
        """Send one transaction, once. The answer is `not_delivered` only where nothing can have been booked."""
        body = {
            "customer_id": customer_id,
            "points": points,
            "system_origin": system_origin,
            "products": [{"product_id": product, "product_qtd": 1, "points": points}],
        }
        try:
            response = self._client.post("/transactions", json=body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return Answer("not_delivered", f"no connection ({type(error).__name__})", stop=True)
        except httpx.HTTPError as error:
            return Answer("unknown", f"no answer ({type(error).__name__})")
        said = f"HTTP {response.status_code}"
        if response.status_code in BOOKED:
            return Answer("delivered", said)
        if response.status_code in REFUSED:
            return Answer("refused", said)
        if response.status_code in TURNED_AWAY:
            return Answer("not_delivered", said, stop=True)
        return Answer("unknown", said)

    def knows(self, customer_id: str) -> bool:
        """Whether the API knows the customer; paying an unknown one answers 500, which says nothing."""
        return self._get(f"/customers/{quote(customer_id, safe='')}") is not None

    def last_transaction(self, customer_id: str, product: str) -> Seen:
        """The customer's last transaction with the product; the API knows of yesterday and today only."""
        found = self._get(f"/last_transaction_product/{quote(customer_id, safe='')}/{quote(product, safe='')}")
        if found is None:
            return Seen(None, is_certain=False)
        if "last_transaction_date" not in found:
            raise DeliveryError(
                f"the points API at {self.address} answers without last_transaction_date: check the address"
            )
        return Seen(str(found["last_transaction_date"]) if found["last_transaction_date"] else None, is_certain=True)

    def _get(self, path: str) -> dict[str, Any] | None:
        """The JSON object at the path; None where there is nothing. DeliveryError when the API does not say."""
        try:
            response = self._client.get(path)
            if response.status_code == httpx.codes.NOT_FOUND:
                return None
            response.raise_for_status()
            content = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise DeliveryError(
                f"the points API at {self.address} does not answer GET {path.split('/')[1]} "
                f"({type(error).__name__}): check the address, the token and that it runs, then run again"
            ) from error
        if not isinstance(content, dict):
            raise DeliveryError(f"the points API at {self.address} answers something else than an object")
        return content
