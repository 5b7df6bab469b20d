"""Kaggle's two API calls and its download, on loopback, with the failures that the real one has."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import socket
import threading
import zipfile
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class FakeKaggle:
    """Holds data sets (handle -> version -> zip) and a script of failures for the next requests of each call."""

    def __init__(self) -> None:
        self.datasets: dict[str, dict[int, bytes]] = {}
        self.failures: dict[str, list[Any]] = {
            "GetDataset": [], "DownloadDataset": [], "ListDataFiles": [], "DownloadDataFiles": [], "file": []
        }  # fmt: skip
        self.calls: Counter[str] = Counter()
        self.authorization: list[str | None] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> FakeKaggle:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def publish(self, handle: str, folder: Path) -> int:
        """A new version of the data set with the files of `folder`; its number."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.iterdir()):
                archive.write(path, path.name)
        versions = self.datasets.setdefault(handle, {})
        number = max(versions, default=0) + 1
        versions[number] = packed.getvalue()
        return number

    def fail(self, call: str, *failures: Any) -> None:
        """The next requests of `call` (GetDataset, DownloadDataset, file) fail so: a status, (status, headers), or
        `truncated`, `corrupt`, `wrong md5` for the file."""
        self.failures[call] += failures


def _listed(packed: bytes) -> list[dict[str, Any]]:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return [{"name": one.filename, "totalBytes": one.file_size} for one in archive.infolist()]


def _handler(kaggle: FakeKaggle) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            call = self.path.rsplit("/", 1)[-1]
            asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
            kaggle.calls[call] += 1
            kaggle.authorization.append(self.headers.get("Authorization"))
            if self._failed(call):
                return
            if "competitionName" in asked:
                handle = f"competitions/{asked['competitionName']}"
            else:
                handle = f"{asked['ownerSlug']}/{asked['datasetSlug']}"
            versions = kaggle.datasets.get(handle)
            if versions is None:
                self._answer(404, b'{"code": 404, "message": "Not found"}')
            elif call == "ListDataFiles":
                self._answer(200, json.dumps({"files": _listed(versions[max(versions)])}).encode())
            elif call == "DownloadDataFiles":
                self._answer(302, b"", {"Location": f"{kaggle.address}/files/{handle}/{max(versions)}"})
            elif call == "GetDataset":
                self._answer(200, json.dumps({"currentVersionNumber": max(versions)}).encode())
            else:
                number = int(asked["datasetVersionNumber"])
                self._answer(302, b"", {"Location": f"{kaggle.address}/files/{handle}/{number}"})

        def do_GET(self) -> None:
            kaggle.calls["file"] += 1
            _, _, owner, name, number = self.path.split("/")
            content = kaggle.datasets[f"{owner}/{name}"][int(number)]
            kind = kaggle.failures["file"].pop(0) if kaggle.failures["file"] else None
            if isinstance(kind, int):
                self._answer(kind, b"")
                return
            digest = base64.b64encode(hashlib.md5(content).digest()).decode()
            headers = {"x-goog-hash": f"md5={digest}", "Content-Type": "application/zip"}
            if kind == "wrong md5":
                content = content[:-1] + b"?"
            elif kind == "corrupt":  # broken before it was published, so its md5 is right
                content = b"PK this is no archive at all"
                headers["x-goog-hash"] = "md5=" + base64.b64encode(hashlib.md5(content).digest()).decode()
            if kind == "truncated":
                self._answer(200, content, headers, sent=len(content) // 2)
            else:
                self._answer(200, content, headers)

        def _failed(self, call: str) -> bool:
            if not kaggle.failures[call]:
                return False
            failure = kaggle.failures[call].pop(0)
            status, headers = failure if isinstance(failure, tuple) else (failure, {})
            self._answer(status, json.dumps({"code": status, "message": "no"}).encode(), headers)
            return True

        def _answer(
            self, status: int, content: bytes, headers: dict[str, str] | None = None, sent: int | None = None
        ) -> None:
            self.send_response(status)
            for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[:sent])
            if sent is not None:
                self.wfile.flush()
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
