"""The model registry of one target of a program: MLflow behind a few calls in our words (DESIGN.md section 5).

One registered model, `fiel-PROGRAM`, for a further target `fiel-PROGRAM-TARGET` (in the same experiment), with the
aliases `champion` and `challenger`. A training is logged once: its fingerprint (inputs, recipe, code) finds the version
again. What is loaded is checked against the promotion ledger, which alone says who the champion is; the alias follows
it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fiel.errors import NoChampionError, RegistryError
from fiel.models.artifact import Training, as_json, log_model, model_content, read_model, read_recipe
from fiel.models.loaded import LoadedModel, model_of
from fiel.models.tracking import Tracking, is_missing, missing_type, shown
from fiel.models.versions import VersionInfo, facts, hub_tags, spread_of, version_info
from fiel.program import Program
from fiel.settings import Settings
from fiel.store import PromotionRow, Store

__all__ = ["CHALLENGER", "CHAMPION", "Registry", "RegistryStatus", "Training", "VersionInfo"]

CHAMPION = "champion"
CHALLENGER = "challenger"

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class RegistryStatus:
    """Who is champion and why; empty fields where nothing was promoted yet."""

    model_name: str
    uri: str
    champion: VersionInfo | None
    challenger: VersionInfo | None
    versions: int
    promoted: PromotionRow | None


class Registry:
    """The registered model of one program's target (`Program.with_target`).

    With a `ledger`, the champion is what the ledger's newest row says.
    """

    def __init__(self, settings: Settings, program: Program, ledger: Store | None = None) -> None:
        self.program = program
        self.name = program.model_name
        self.ledger = ledger
        self._settings = settings
        self._tracking = Tracking(settings.mlflow_uri, program.experiment_name, settings.mlflow_artifact_root)

    def of_every_target(self) -> dict[str, Registry]:
        """The registry of each target of the program by its name, the main target first."""
        names = self.program.target_names
        return {name: Registry(self._settings, self.program.with_target(name), self.ledger) for name in names}

    @property
    def uri(self) -> str:
        """The tracking address, without a password."""
        return shown(self._tracking.uri)

    # -- logging

    def log_training(self, training: Training) -> VersionInfo:
        """The registered version of this training: the one that has its fingerprint, else a new one.

        The version is registered last, so a run that dies before leaves an unfinished MLflow run and no version.
        """
        found = self.find(training.fingerprint)
        if found is None:
            with self._door("the training cannot be logged"):
                found = self._log(training)
        self.announce()
        return found

    def find(self, fingerprint: str) -> VersionInfo | None:
        """The (oldest) version of the training with this fingerprint."""
        found = self.versions(f"tag.fingerprint = '{fingerprint}'")
        return found[0] if found else None

    def versions(self, condition: str | None = None) -> list[VersionInfo]:
        """All versions, oldest first."""
        query = f"name = '{self.name}'" + (f" and {condition}" if condition else "")
        found: list[Any] = []
        token = None
        with self._door("the versions cannot be listed"):
            while True:
                page = self._tracking.client.search_model_versions(query, max_results=1_000, page_token=token)
                found += page
                token = page.token
                if not token:
                    break
        return sorted((version_info(item) for item in found if "kind" in item.tags), key=lambda info: int(info.version))

    def version(self, version: str) -> VersionInfo:
        """One version; RegistryError if there is none."""
        with self._door(f"version {version} cannot be read"):
            try:
                return version_info(self._tracking.client.get_model_version(self.name, version))
            except missing_type() as error:
                if not is_missing(error):
                    raise
                raise RegistryError(
                    f"{self.name} has no version {version} at {self.uri}: it was deleted, or FIEL_MLFLOW_URI points "
                    "to another registry than before"
                ) from error

    def run_file(self, run_id: str, path: str) -> bytes:
        """A file that was logged beside a model; RegistryError if the run has none under that path."""
        with (
            self._door(f"file {path} of run {run_id} cannot be read"),
            self._tracking.download(f"runs:/{run_id}/{path}") as found,
        ):
            return found.read_bytes()

    # -- loading

    def load(self, version: str) -> LoadedModel:
        """The model of a version; RegistryError unless its file has the digest it was registered with."""
        return self.load_file(version)[0]

    def load_file(self, version: str) -> tuple[LoadedModel, bytes]:
        """The model of a version and the bytes of its file; RegistryError as `load`."""
        info = self.version(version)
        with (
            self._door(f"version {version} cannot be loaded"),
            self._tracking.download(info.address) as folder,
        ):
            content = model_content(folder, info.kind)
            recipe = read_recipe(folder)
        digest = hashlib.sha256(content).hexdigest()
        if digest != info.digest:
            raise RegistryError(
                f"version {version} of {self.name} was registered with digest {info.digest[:12]}, but its file has "
                f"{digest[:12]}: the artifact was changed; restore it, or roll back to an earlier version"
            )
        model, features, categorical = model_of(content, info.kind)
        loaded = LoadedModel(
            version=info.version,
            kind=info.kind,
            digest=digest,
            model=model,
            features=features,
            categorical=categorical,
            fingerprint=info.fingerprint,
            recipe_digest=info.recipe_digest,
            recipe=recipe,
            trained_as_of=info.trained_as_of,
            oot_as_of=info.oot_as_of,
            spread=spread_of(info.tags),
            as_of=info.as_of,
            parts=info.parts,
        )
        return loaded, content

    def metrics(self, version: str) -> dict[str, float]:
        """What the training of a version measured, named `split.measure`."""
        info = self.version(version)
        with self._door(f"the metrics of version {version} cannot be read"):
            return dict(self._tracking.client.get_run(info.run_id).data.metrics)

    def champion(self) -> LoadedModel:
        """The champion by alias, after the alias was brought in line with the ledger.

        NoChampionError before the first promotion; RegistryError where the file's digest is not the ledger's.
        """
        promoted = self.reconcile()
        version = self.alias(CHAMPION)
        if version is None:
            raise NoChampionError(
                f"{self.name} has no champion yet: run `fiel run retrain --program {self.program.name}` first"
            )
        model = self.load(version)
        if promoted is not None and promoted.digest != model.digest:
            raise RegistryError(
                f"the champion, version {version} of {self.name}, has digest {model.digest[:12]}, but it was promoted "
                f"with {promoted.digest[:12]} (promotion ledger, {promoted.at:%Y-%m-%d %H:%M}): the artifact or its "
                "tags were changed; restore them, or roll back to an earlier version"
            )
        return model

    # -- aliases

    def alias(self, alias: str) -> str | None:
        """The version that an alias points to, or None."""
        with self._door(f"alias {alias} cannot be read"):
            try:
                return str(self._tracking.client.get_model_version_by_alias(self.name, alias).version)
            except missing_type() as error:
                if is_missing(error) or getattr(error, "error_code", None) == "INVALID_PARAMETER_VALUE":
                    return None
                raise

    def set_alias(self, alias: str, version: str | None) -> None:
        """Point an alias to a version; None takes it away."""
        with self._door(f"alias {alias} cannot be set"):
            if version is None:
                self._tracking.client.delete_registered_model_alias(self.name, alias)
            else:
                self._tracking.client.set_registered_model_alias(self.name, alias, version)

    def describe(self, version: str, text: str) -> None:
        """Show `text` beside a version in MLflow: why it was promoted or not."""
        with self._door(f"version {version} cannot be described"):
            self._tracking.client.update_model_version(self.name, version, description=text)

    def announce(self) -> None:
        """Say on the registered model where its features are and who answers: what a model hub looks for.

        See `hub_tags`. Changes nothing where they are right, and says nothing of a model that is not registered yet.
        """
        client = self._tracking.client
        with self._door("its tags cannot be set"):
            try:
                known = client.get_registered_model(self.name).tags
            except missing_type() as error:
                if is_missing(error):
                    return
                raise
            for name, text in hub_tags(self._settings, self.program).items():
                if known.get(name) != text:
                    client.set_registered_model_tag(self.name, name, text)

    def reconcile(self) -> PromotionRow | None:
        """The ledger's newest row, after the champion alias was pointed to its version; None without ledger or row.

        A promotion writes its row first and moves the alias second, so a run that died between is finished here. An
        alias that was moved by hand is moved back. RegistryError for an alias without any ledger row.
        """
        if self.ledger is None:
            return None
        rows = self.ledger.promotions(self.program.ledger_name)
        current = self.alias(CHAMPION)
        if not rows:
            if current is not None:
                raise RegistryError(
                    f"alias champion of {self.name} points to version {current}, but the promotion ledger has no row: "
                    "the store was lost or FIEL_DATABASE_URL points elsewhere. Restore it, or delete the alias in "
                    "MLflow and run retrain"
                )
            return None
        newest = rows[-1]
        if current != newest.to_version:
            self.version(newest.to_version)
            _LOG.warning(
                "alias champion of %s pointed to version %s; the promotion ledger says %s: pointed it there",
                self.name,
                current or "none",
                newest.to_version,
            )
            self.set_alias(CHAMPION, newest.to_version)
        return newest

    def status(self) -> RegistryStatus:
        """Who is champion and challenger, and the ledger row that made the champion. Changes nothing."""
        versions = {info.version: info for info in self.versions()}
        rows = self.ledger.promotions(self.program.ledger_name) if self.ledger is not None else []
        return RegistryStatus(
            model_name=self.name,
            uri=self.uri,
            champion=versions.get(rows[-1].to_version if rows else self.alias(CHAMPION) or ""),
            challenger=versions.get(self.alias(CHALLENGER) or ""),
            versions=len(versions),
            promoted=rows[-1] if rows else None,
        )

    # -- inside

    @contextmanager
    def _door(self, doing: str) -> Iterator[None]:
        with self._tracking.explained(f"{self.name}: {doing}"):
            yield

    def _log(self, training: Training) -> VersionInfo:
        client = self._tracking.client
        tags = facts(training, self.program)
        metrics = {name: value for name, value in training.metrics.items() if value is not None}
        name = f"{training.kind} {training.as_of}"
        if self.name != self.program.experiment_name:
            name += f" {self.program.target.name}"
        with self._tracking.run(name, tags) as run_id:
            self._tracking.log_values(run_id, training.params, metrics)
            self._tracking.log_files(run_id, {**training.files, "recipe.json": as_json(training.recipe)})
            logged = log_model(training)
        with self._tracking.download(logged.model_uri) as folder:
            digest = read_model(folder, training.kind)[1]
        self._make_registered_model()
        made = client.create_model_version(
            self.name,
            source=logged.model_uri,
            run_id=run_id,
            model_id=logged.model_id,
            tags={**tags, "digest": digest},
        )
        return version_info(made)

    def _make_registered_model(self) -> None:
        try:
            self._tracking.client.create_registered_model(
                self.name, description=f"{self.program.title}: {self.program.target.name}"
            )
        except missing_type() as error:
            if getattr(error, "error_code", None) != "RESOURCE_ALREADY_EXISTS":
                raise
