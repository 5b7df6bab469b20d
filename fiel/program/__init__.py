"""One loyalty program, as data: what comes in, what is asked, what it pays to act.

A program is a YAML file, `deployments/programs/NAME.yaml`. Everything that a program might want to change is a field
here, with its meaning, so that an unknown key or a wrong value is refused with its place in the file.
"""

from __future__ import annotations

from fiel.program.attributes import Attributes
from fiel.program.base import STAGES
from fiel.program.engagement import EngagementRules, RiskLimits
from fiel.program.files import load_program, program_names, read_program
from fiel.program.incentive import Economics, Incentive, ScoreBucket, ValueBucket
from fiel.program.learning import EmbeddingRules, EnsembleRules, Promotion, Shares, Target, Training
from fiel.program.messages import Messages, Offer
from fiel.program.model import Program
from fiel.program.pension import Pension
from fiel.program.purchases import Clusters, PurchaseRules, Purchases, Rfm
from fiel.program.rules import Break, Features, LifeCycle, PartsOfDay, ValueClusters
from fiel.program.source import EventColumns, KaggleHandle, OperatorEvents, Source, Value

__all__ = [
    "STAGES",
    "Attributes",
    "Break",
    "Clusters",
    "Economics",
    "EmbeddingRules",
    "EngagementRules",
    "EnsembleRules",
    "EventColumns",
    "Features",
    "Incentive",
    "KaggleHandle",
    "LifeCycle",
    "Messages",
    "Offer",
    "OperatorEvents",
    "PartsOfDay",
    "Pension",
    "Program",
    "Promotion",
    "PurchaseRules",
    "Purchases",
    "Rfm",
    "RiskLimits",
    "ScoreBucket",
    "Shares",
    "Source",
    "Target",
    "Training",
    "Value",
    "ValueBucket",
    "ValueClusters",
    "load_program",
    "program_names",
    "read_program",
]
