"""The errors that a caller can act on. Each message says what was wrong, where, and what to do."""


class FielError(Exception):
    """Base of every error that Fiel raises on purpose; the command line prints it without a traceback."""


class ProgramError(FielError):
    """A program file is missing or wrong. Mend the file."""


class SettingsError(FielError):
    """An environment setting is missing or wrong. Set it."""


class SourceError(FielError):
    """Source files are missing, broken or not in their layout. Mend or fetch them again."""


class SourceAccessError(SourceError):
    """The source refuses us (credentials, rules not accepted, not found). Retrying does not help."""


class SourceUnavailableError(SourceError):
    """The source could not be reached or broke off. Retrying may help; `retry_after` is in seconds when it said so."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RejectShareError(FielError):
    """More rows break their schema than the program tolerates. Look at core_rejected, mend the source."""


class LakeError(FielError):
    """The lake cannot be read or written. Nothing was half written."""


class SchemaError(LakeError):
    """A frame does not have its table's declared schema. A defect in the code that made it."""


class TimeError(FielError):
    """An as_of or a label lies outside what the data know. Choose another as_of or ingest newer data."""


class CohortError(FielError):
    """The cohorts cannot train a model (too few, one class only). Wait for data or widen the population."""


class SegmentError(FielError):
    """Segments cannot be told apart: their grid has a hole or a defect. Mend the row that the message names."""


class EstimatorError(FielError):
    """An estimator's input is wrong or cannot be fitted. The message names the field and the first bad position."""


class FeatureError(FielError):
    """Features given for a score are unknown, missing or of the wrong kind; `field` is the feature's name as given."""

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.field = field


class NoChampionError(FielError):
    """No champion model is registered yet. Run retrain."""


class RegistryError(FielError):
    """The model registry cannot be used, or holds something that does not match the promotion ledger."""


class PlanError(FielError):
    """A plan cannot be made or applied (wrong date, cap, cadence). The message names the rule."""


class CycleConflictError(PlanError):
    """A cycle is already applied with other content; the message holds the difference."""


class StoreError(FielError):
    """The online store cannot be reached or used."""


class StoreUnavailableError(StoreError):
    """The online store does not answer, or not in time. It may again: try once more after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CursorError(StoreError):
    """A ranking's cursor is not one of ours, or of another query, or its set is gone. Start at the first page."""


class DeliveryError(FielError):
    """The points API refuses us or keeps failing. Nothing is lost: what was not delivered is sent by the next run."""


class MessageError(FielError):
    """Messages cannot be written: input, catalogue or words are wrong, or the model's server refuses us."""
