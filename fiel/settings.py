"""Environment settings (`FIEL_*`). Relative paths are relative to FIEL_HOME, never to the working directory."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from fiel.errors import SettingsError

HOME = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Every environment setting, each with its meaning. Secrets are never shown."""

    model_config = SettingsConfigDict(env_prefix="FIEL_", extra="ignore", frozen=True, env_ignore_empty=True)

    home: Path = Field(HOME, description="FIEL_HOME: the folder that relative paths are relative to.")
    lake_address: str = Field(
        "lake", validation_alias="FIEL_LAKE", description="FIEL_LAKE: folder or s3://bucket/prefix."
    )
    programs_path: str = Field(
        "deployments/programs",
        validation_alias="FIEL_PROGRAMS",
        description="FIEL_PROGRAMS: folder of the program files.",
    )
    database_url: SecretStr | None = Field(
        None, description="FIEL_DATABASE_URL: the store; default SQLite by the lake."
    )
    mlflow_address: str | None = Field(
        None,
        validation_alias="FIEL_MLFLOW_URI",
        description="FIEL_MLFLOW_URI: tracking server; default SQLite by the lake.",
    )
    mlflow_artifacts: str | None = Field(
        None, description="FIEL_MLFLOW_ARTIFACTS: where artifacts of a local MLflow go; default a folder by the lake."
    )
    public_url: str = Field(
        "http://127.0.0.1:8000",
        pattern=r"^https?://[^\s/?#@]+(/[^\s?#@]*)?$",
        description="FIEL_PUBLIC_URL: address of the service as others reach it; it is written on registered models, "
        "where a model hub reads it.",
    )
    points_api_url: str | None = Field(None, description="FIEL_POINTS_API_URL: address of the points API.")
    points_api_token: SecretStr | None = Field(None, description="FIEL_POINTS_API_TOKEN: its bearer token, if any.")
    openai_kind: Literal["azure", "compatible"] = Field(
        "azure", description="FIEL_OPENAI_KIND: azure (Azure OpenAI), or compatible (any server with OpenAI's API)."
    )
    openai_endpoint: str | None = Field(
        None,
        description="FIEL_OPENAI_ENDPOINT: https://RESOURCE.openai.azure.com, or the compatible server's address "
        "with its /v1.",
    )
    openai_model: str | None = Field(None, description="FIEL_OPENAI_MODEL: deployment (azure) or model (compatible).")
    openai_key: SecretStr | None = Field(
        None, description="FIEL_OPENAI_KEY: the key; a compatible server may need none."
    )
    openai_api_version: str = Field("2024-10-21", description="FIEL_OPENAI_API_VERSION: version of Azure's API.")
    serve_spool: str | None = Field(
        None,
        description="FIEL_SERVE_SPOOL: folder in which the service keeps its answers until a flow collects them; "
        "default a folder by the lake; with a lake on S3 the folder `served` in FIEL_HOME.",
    )
    published_sets: int = Field(
        3, ge=1, description="FIEL_PUBLISHED_SETS: newest sets of scores that the store keeps for the service; older "
        "ones are removed when a new one is published (the lake keeps them all)."
    )  # fmt: skip
    source_root: str | None = Field(
        None,
        description="FIEL_SOURCE_ROOT: folder under which --source addresses given "
        "by a Prefect run must lie. Unset: any.",
    )

    @property
    def programs(self) -> Path:
        """Folder of the program files, absolute."""
        return self._absolute(self.programs_path)

    @property
    def lake(self) -> str:
        """The lake's address: an absolute folder, or s3://bucket/prefix without a slash at the end."""
        return self._address(self.lake_address)

    @property
    def is_remote(self) -> bool:
        """Whether the lake is on S3."""
        return self.lake_address.startswith("s3://")

    @cached_property
    def beside_lake(self) -> Path:
        """Folder beside a local lake where store and MLflow live by default: `LAKE.state`."""
        if self.is_remote:
            raise SettingsError(
                "with a lake on S3, FIEL_DATABASE_URL and FIEL_MLFLOW_URI must be set (and FIEL_MLFLOW_ARTIFACTS where "
                "that is a database): there is no folder beside the lake to keep the store and the models in"
            )
        return Path(self.lake + ".state")

    @property
    def store_url(self) -> str:
        """SQLAlchemy address of the store."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.beside_lake / 'store.db'}"

    @property
    def served_spool(self) -> Path:
        """Folder of the service's answers on their way to out_served, one subfolder for each program."""
        if self.serve_spool:
            return self._absolute(self.serve_spool)
        return self.home / "served" if self.is_remote else self.beside_lake / "served"

    @property
    def mlflow_uri(self) -> str:
        """MLflow tracking address."""
        return self.mlflow_address or f"sqlite:///{self.beside_lake / 'mlflow.db'}"

    @property
    def mlflow_artifact_root(self) -> str | None:
        """Artifact location of new experiments: absolute or s3://; None where a tracking server decides.

        A database as tracking address decides nothing: MLflow would write into the working directory.
        """
        if self.mlflow_artifacts:
            return self._address(self.mlflow_artifacts)
        is_server = (self.mlflow_address or "").startswith(("http://", "https://"))
        return None if is_server else str(self.beside_lake / "mlflow-artifacts")

    def check_places(self) -> None:
        """SettingsError where store or models have no place to be; asks nobody."""
        _ = (self.store_url, self.mlflow_uri)

    @property
    def public_address(self) -> str:
        """Address of the service as others reach it, without a slash at the end."""
        return self.public_url.rstrip("/")

    @property
    def exports(self) -> str:
        """Folder (or S3 prefix) of exports and reports: `exports` inside the lake."""
        return f"{self.lake}/exports"

    def _absolute(self, path: str) -> Path:
        given = Path(path).expanduser()
        return given if given.is_absolute() else (self.home / given).resolve()

    def _address(self, address: str) -> str:
        return address.rstrip("/") if address.startswith("s3://") else str(self._absolute(address))


def load_settings() -> Settings:
    """The settings of this environment; SettingsError names the variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(f"FIEL_{'_'.join(map(str, item['loc'])).upper()}: {item['msg']}" for item in error.errors())
        raise SettingsError(f"environment settings are wrong: {wrong}") from error
