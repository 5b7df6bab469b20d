"""Settings of the service (`FIEL_SERVE_*`). Where store and program files lie is in `fiel.settings`."""

from __future__ import annotations

import ipaddress
import re
from functools import cached_property
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableError

from fiel.errors import SettingsError
from fiel.settings import Settings, load_settings


class ServeSettings(BaseSettings):
    """Every setting of the service, each with its meaning and unit. Secrets are never shown."""

    model_config = SettingsConfigDict(env_prefix="FIEL_SERVE_", extra="ignore", frozen=True, env_ignore_empty=True)

    fiel: Settings = Field(default_factory=load_settings, description="The settings of the whole house.", exclude=True)

    host: str = Field("127.0.0.1", description="Address to listen on; anything but loopback needs an API key.")
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(1, ge=1, le=64, description="Processes that answer requests.")
    hosts: tuple[str, ...] = Field(
        (),
        description="Names (JSON list) that a request's Host header may have beside loopback's. Empty: any, as soon as "
        "keys exist; without keys only loopback's.",
    )
    proxies: str = Field(
        "",
        description="Addresses, separated by commas, of proxies whose X-Forwarded-For and -Proto are believed.",
    )

    max_body_bytes: int = Field(4 * 1024 * 1024, ge=1_024, description="Largest request body.")
    max_batch: int = Field(1_000, ge=1, le=100_000, description="Most customers in one request.")
    max_url_bytes: int = Field(4_096, ge=256, description="Longest path and query together.")
    max_header_bytes: int = Field(16_384, ge=1_024, description="Most bytes of headers, names and values together.")
    max_connections: int = Field(1_000, ge=1, description="Connections a worker holds at once; the next one gets 503.")
    rate_per_second: float = Field(
        2_000, gt=0, description="Requests a second that one key (without keys: one client) may send to one worker."
    )
    rate_burst: int = Field(4_000, ge=1, description="Requests that it may send at once after a pause.")
    refused_per_second: float = Field(
        5, gt=0, description="Requests without a valid key, a second, that are answered for one client address."
    )
    refused_burst: int = Field(50, ge=1, description="Such requests at once after a pause.")
    request_timeout_seconds: float = Field(
        30, gt=0, description="Longest time from a request's first byte to its answer's first byte."
    )
    keep_alive_seconds: int = Field(20, ge=1, description="How long an idle connection is kept.")
    shutdown_seconds: int = Field(
        15, ge=1, description="How long running requests may take after a stop was asked for."
    )

    poll_seconds: float = Field(
        2, gt=0, le=30, description="How often promotions and keys are looked up: a change is in force after that time."
    )
    key_grace_seconds: float = Field(
        300, ge=60, description="How long the last known keys stay valid while the store cannot be reached."
    )
    session_hours: float = Field(12, gt=0, le=24 * 30, description="How long a signed-in browser stays signed in.")
    session_secret: SecretStr | None = Field(
        None,
        min_length=16,
        description="Secret that sessions are made with. Unset: a new one at every start, which ends all sessions. "
        "Set the same one (32 random bytes or more) where several machines serve.",
    )
    score_age_limit_days: int = Field(
        10,
        ge=1,
        description="Age of a program's scores, in days since their as_of, above which it counts as stale; for a "
        "quarterly program at least 100. A finished file without dates is never stale.",
    )
    score_age_limits: dict[str, int] = Field(
        default_factory=dict, description='Other limits by program, as JSON: {"pension": 100}.'
    )
    doors: dict[Literal["data", "values", "purchase", "form"], str] = Field(
        default_factory=dict,
        description="Which program answers at a compatible door (data, values, purchase, form) whose address names "
        'none, as JSON: {"data": "teomewhy"}.',
    )
    served_share: float = Field(1.0, ge=0, le=1, description="Share of the answers that are logged to out_served.")
    served_buffer: int = Field(
        20_000,
        ge=1,
        description="Customers whose answers may wait in memory for the log; more are dropped and counted.",
    )
    served_rows: int = Field(50_000, ge=1, description="Customers in one file of the log of answers.")
    served_seconds: float = Field(60, gt=0, description="Longest time until a file of the log is finished.")

    @cached_property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def score_age_limit(self, program: str) -> int:
        """Days after which the program's scores are stale."""
        return self.score_age_limits.get(program, self.score_age_limit_days)


def load_serve_settings(**given: Any) -> ServeSettings:
    """The service's settings of this environment, `given` before it; SettingsError names the variable that is wrong."""
    try:
        return ServeSettings(**given)
    except UnreadableError as error:
        field = re.search(r'field "(\w+)"', str(error))
        name = field.group(1).upper() if field else "…"
        raise SettingsError(f"settings of the service are wrong: FIEL_SERVE_{name}: it is no JSON") from error
    except ValidationError as error:
        wrong = "; ".join(
            f"FIEL_SERVE_{str(item['loc'][0]).upper()}: {': '.join([*map(str, item['loc'][1:2]), item['msg']])}"
            for item in error.errors()
        )
        raise SettingsError(f"settings of the service are wrong: {wrong}") from error
