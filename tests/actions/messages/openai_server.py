"""A fake Azure OpenAI (and compatible) server on loopback that answers chat completions, and fails when told to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DRAFTS = {
    "Portuguese": "Olá! Que bom ter você com a gente: o seu envolvimento está em {engagement}, obrigado.\n"
    "Para você separamos “{first}” e “{second}”, que combinam com o seu dia a dia.",
    "Spanish": "¡Hola! Qué bueno tenerle con nosotros: su vínculo está en {engagement}, muchas gracias.\n"
    "Para usted hemos apartado «{first}» y «{second}», que van bien con su día a día.",
    "English": "Dear customer, it is good to have you with us: your engagement is {engagement}, thank you.\n"
    "We have set aside “{first}” and “{second}” for you, and we hope that you like them.",
    "Russian": "Здравствуйте! Как хорошо, что вы с нами: ваша вовлечённость {engagement}, спасибо вам.\n"
    "Для вас мы отобрали «{first}» и «{second}», и надеемся, что они вам понравятся.",
}


def good_draft(body: dict[str, Any]) -> str:
    """A message that says what the request asks for, in words of its own."""
    rules, facts = body["messages"][0]["content"], json.loads(body["messages"][1]["content"])
    language = next(name for name in DRAFTS if f"Write in {name}" in rules)
    first, second = (product["title"] for product in facts["products"])
    lines = [DRAFTS[language].format(engagement=facts["engagement"], first=first, second=second)]
    lines += [facts[name] for name in ("offer", "call_to_action", "signature") if name in facts]
    return "\n".join(lines)


class OpenAIServer:
    """`script` holds what the next requests get in turn (None: a good draft).

    A number answers that status, `429 after 2` with Retry-After; `silent` hangs up; `slow` answers too late; `page` is
    a web page with status 200; `uncounted` has no usage; everything else is the text of the answer, in which {good} is
    the good draft. `always` is used when the script is at its end.
    """

    def __init__(self) -> None:
        self.script: list[str | None] = []
        self.always: str | None = None
        self.requests: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.keys: list[str | None] = []
        self.at: list[float] = []
        self.address = ""
        self.slow_seconds = 1.0
        self.lock = threading.Lock()

    @property
    def facts(self) -> list[dict[str, Any]]:
        """The user message of each request."""
        return [json.loads(body["messages"][1]["content"]) for body in self.requests]


@contextmanager
def openai_server() -> Iterator[OpenAIServer]:
    state = OpenAIServer()

    class Handler(BaseHTTPRequestHandler):
        def answer(self, status: int, content: bytes, kind: str = "application/json", wait: str | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            if wait is not None:
                self.send_header("Retry-After", wait)
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with state.lock:
                state.requests.append(body)
                state.paths.append(self.path)
                state.keys.append(self.headers.get("api-key") or self.headers.get("Authorization"))
                state.at.append(time.monotonic())
                turn = state.script.pop(0) if state.script else state.always
            if turn and turn.split()[0].isdigit():
                status, *more = turn.split()
                error = {"error": {"message": "no", "code": more[-1] if more[:1] == ["code"] else status}}
                self.answer(int(status), json.dumps(error).encode(), wait=more[1] if more[:1] == ["after"] else None)
            elif turn == "silent":
                self.close_connection = True
                self.connection.close()
            elif turn == "page":
                self.answer(200, b"<html>Welcome to the proxy</html>", "text/html")
            else:
                if turn == "slow":
                    time.sleep(state.slow_seconds)
                text = good_draft(body)
                if turn not in (None, "slow", "uncounted"):
                    text = str(turn).replace("{good}", text)
                self.answer(200, json.dumps(completion(body, text, counted=turn != "uncounted")).encode())

        def log_message(self, *_: Any) -> None:
            """Quiet."""

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:
                self.close_connection = True

        def finish(self) -> None:
            try:
                super().finish()
            except OSError:
                return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    state.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()


def completion(body: dict[str, Any], text: str, counted: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "fake",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
    }
    if counted:
        found["usage"] = {"prompt_tokens": 300, "completion_tokens": 100, "total_tokens": 400}
    return found
