from datetime import timedelta

from fiel.core import Core
from fiel.features.snapshot import build_snapshots, model_features
from fiel.reports.labels import feature_label
from tests.reports.conftest import AS_OF, make_purchase_days, make_shop


def test_every_feature_of_a_shop_has_a_short_label_of_its_own() -> None:
    program, before = make_shop(), AS_OF - timedelta(days=1)
    core = Core.of({"customer_days": make_purchase_days(200, before)}, before)
    ((_, tables),) = build_snapshots(core, [AS_OF], program)
    columns = model_features(program, tables["feat_snapshot"].columns)
    labels = [feature_label(column) for column in columns]
    assert len(labels) > 60
    assert len(set(labels)) == len(labels)
    assert [label for label in labels if "_" in label or len(label) > 40] == []


def test_the_name_of_a_stage_is_no_window() -> None:
    assert feature_label("stage_share_reborn") == "share of days as reborn"
    assert feature_label("stage_d28") == "earlier stage, 28 days"
