"""A points API on loopback that books transactions as the real one does, and fails when it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote


class PointsServer:
    """`failures` holds, for the next POSTs in turn, what goes wrong (None: nothing).

    `500` books nothing and fails; `500 booked` books and fails; `silent` and `silent booked` hang up without an answer;
    a number answers that status and books nothing. `stamp` is the date that a booking gets.
    """

    def __init__(self) -> None:
        self.booked: list[dict[str, Any]] = []
        self.failures: list[str | None] = []
        self.unknown: set[str] = set()
        self.last: dict[tuple[str, str], str] = {}
        self.stamp = "2025-09-01 09:30:00.000"
        self.address = ""
        self.tells_last = True

    def book(self, body: dict[str, Any]) -> None:
        self.booked.append(body)
        self.last[body["customer_id"], body["products"][0]["product_id"]] = self.stamp

    def points(self) -> dict[str, int]:
        """Points booked for each customer."""
        total: dict[str, int] = {}
        for body in self.booked:
            total[body["customer_id"]] = total.get(body["customer_id"], 0) + body["points"]
        return total


@contextmanager
def points_server() -> Iterator[PointsServer]:
    state = PointsServer()

    class Handler(BaseHTTPRequestHandler):
        def answer(self, status: int, content: Any = None) -> None:
            body = json.dumps(content or {}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            _, place, *keys = [unquote(part) for part in self.path.split("/")]
            if place == "customers" and keys[0] not in state.unknown:
                self.answer(200, {"uuid": keys[0], "points": 0})
            elif place == "last_transaction_product" and state.tells_last:
                self.answer(200, {"last_transaction_date": state.last.get((keys[0], keys[1]))})
            else:
                self.answer(404)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            failure = state.failures.pop(0) if state.failures else None
            if failure is None or failure.endswith("booked"):
                state.book(body)
            if failure is None:
                self.answer(201)
            elif failure.startswith("silent"):
                self.close_connection = True
                self.connection.close()
            else:
                self.answer(int(failure.split()[0]))

        def log_message(self, *_: Any) -> None:
            """Quiet."""

        def finish(self) -> None:
            try:
                super().finish()
            except OSError:
                return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    state.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
