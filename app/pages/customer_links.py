"""Addresses of customers' pages, for ids of any text: slashes, spaces, letters of any alphabet, dots."""

from __future__ import annotations

from urllib.parse import quote, urlencode

LONGEST = 200
"""Longest id that the store holds, in characters."""


def customer_href(program: str, customer_id: str) -> str:
    """The address of the customer's page.

    A browser resolves `.` and `..` in a path, quoted or not, so ids with such a part go into the query.

    >>> customer_href("shop", "a/b c"), customer_href("shop", "..")
    ('/p/shop/customers/a%2Fb%20c', '/p/shop/customers?id=..')
    """
    if customer_id in ("", ".", "..") or any(part in (".", "..") for part in customer_id.split("/")):
        return f"/p/{program}/customers?{urlencode({'id': customer_id})}"
    return f"/p/{program}/customers/{quote(customer_id, safe='')}"


def can_exist(customer_id: str) -> bool:
    r"""Whether a store could hold a customer of this id: not too long, and text that can be written.

    >>> can_exist("a/b"), can_exist("a\x00"), can_exist(""), can_exist("x" * 201)
    (True, False, False, False)
    """
    if not 0 < len(customer_id) <= LONGEST or "\x00" in customer_id:
        return False
    try:
        customer_id.encode()
    except UnicodeEncodeError:
        return False
    return True
