"""The language model behind Azure OpenAI or any server with OpenAI's API, through the `openai` SDK.

The SDK's own retries are off: every request is recorded before it is sent, so only `asking` may send one again. It does
not follow redirects, which would carry the key to another host.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from fiel.actions.messages.model_writer import Prompt, Reply
from fiel.errors import SettingsError
from fiel.program.messages import Model
from fiel.settings import Settings

WITHOUT_KEY = "none"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
REFUSED = (400, 409, 413, 415, 422)
BUSY = (408, 425, 429)


class OpenAIWriter:
    """A deployment (Azure) or a model (compatible server). SettingsError names what is missing."""

    def __init__(self, settings: Settings, model: Model) -> None:
        endpoint, name = _needed(settings)
        import openai

        self.name = f"{settings.openai_kind}:{name}"
        self._model, self._deployment, self._openai = model, name, openai
        client = openai.DefaultHttpxClient(timeout=model.timeout_seconds, follow_redirects=False)
        shared: dict[str, Any] = {"timeout": model.timeout_seconds, "max_retries": 0, "http_client": client}
        key = settings.openai_key.get_secret_value() if settings.openai_key else WITHOUT_KEY
        self._client: Any = (
            openai.AzureOpenAI(
                azure_endpoint=endpoint,
                azure_deployment=name,
                api_version=settings.openai_api_version,
                api_key=key,
                **shared,
            )
            if settings.openai_kind == "azure"
            else openai.OpenAI(base_url=endpoint, api_key=key, **shared)
        )

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def ask(self, prompt: Prompt, limit: int) -> Reply:
        """Send the request once and read the answer for what became of it."""
        more: dict[str, Any] = {self._model.answer_tokens_field: limit}
        if self._model.temperature is not None:
            more["temperature"] = self._model.temperature
        try:
            found = self._client.chat.completions.create(model=self._deployment, messages=prompt, **more)
        except self._openai.APIStatusError as error:
            return _status(error.status_code, error.response.headers, error.code)
        except self._openai.APITimeoutError:
            return Reply("unknown", f"no answer within {self._model.timeout_seconds:g} seconds")
        except self._openai.APIConnectionError as error:
            cause = type(error.__cause__ or error).__name__
            never_sent = cause in ("ConnectError", "ConnectTimeout", "PoolTimeout")
            return Reply("busy" if never_sent else "unknown", f"no connection ({cause})")
        except (self._openai.OpenAIError, ValueError, TypeError, AttributeError) as error:
            return Reply("unknown", f"an answer that is no chat completion ({type(error).__name__})")
        return _read(found)


def _read(found: Any) -> Reply:
    """The answer's text and tokens; the SDK checks no types, and a stranger answers as it likes."""
    choices: Any = getattr(found, "choices", None)
    message = getattr(choices[0], "message", None) if isinstance(choices, list) and choices else None
    if message is None:
        return Reply("unknown", "an answer that is no chat completion")
    content = getattr(message, "content", None)
    usage = getattr(found, "usage", None)
    return Reply(
        "answered",
        f"finish reason {getattr(choices[0], 'finish_reason', None)}",
        content if isinstance(content, str) else "",
        _tokens(getattr(usage, "prompt_tokens", None)),
        _tokens(getattr(usage, "completion_tokens", None)),
    )


def _tokens(count: Any) -> int | None:
    return count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None


def _status(status: int, headers: Mapping[str, str], code: str | None) -> Reply:
    said = f"HTTP {status}" + (f" ({code[:60]})" if isinstance(code, str) and code != str(status) else "")
    if status in REFUSED:
        return Reply("refused", said)
    if code == "insufficient_quota":
        return Reply("fatal", said)
    if status in BUSY or status >= 500:
        return Reply("busy", said, retry_after=retry_after(headers))
    return Reply("fatal", said)


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds that the server asks to wait: `retry-after-ms`, or `Retry-After` as seconds or as a date.

    >>> retry_after({"retry-after": "2"}), retry_after({"retry-after-ms": "1500"}), retry_after({"retry-after": "soon"})
    (2.0, 1.5, None)
    """
    for name, scale in (("retry-after-ms", 1_000), ("retry-after", 1)):
        try:
            return max(0.0, float(headers[name]) / scale)
        except (KeyError, ValueError):
            continue
    try:
        return max(0.0, parsedate_to_datetime(headers["retry-after"]).timestamp() - (now or time.time()))
    except (KeyError, ValueError):
        return None


def _needed(settings: Settings) -> tuple[str, str]:
    """Endpoint and model; SettingsError for what is missing, or for a key that would travel in the open."""
    given = {
        "FIEL_OPENAI_ENDPOINT": settings.openai_endpoint,
        "FIEL_OPENAI_MODEL": settings.openai_model,
        "FIEL_OPENAI_KEY": settings.openai_key or (None if settings.openai_kind == "azure" else WITHOUT_KEY),
    }
    missing = [name for name, value in given.items() if not value]
    if missing:
        raise SettingsError(
            f"{' and '.join(missing)} not set: the program's messages are written by openai; set it, or let the "
            "program file say messages.writer: template"
        )
    endpoint, model = str(settings.openai_endpoint), str(settings.openai_model)
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(f"FIEL_OPENAI_ENDPOINT {endpoint!r} is no http(s) address")
    if parts.scheme == "http" and settings.openai_key and parts.hostname not in LOOPBACK:
        raise SettingsError("FIEL_OPENAI_ENDPOINT is http and not on this machine: the key would travel unencrypted")
    return endpoint.rstrip("/"), model
