from fiel.program import Economics
from fiel.reports.cards import ModelCard
from fiel.reports.plots import model_plots
from tests.reports.conftest import AS_OF, make_card, make_program


def test_every_figure_of_a_card_becomes_a_picture_and_the_same_one_each_time() -> None:
    program = make_program(economics=Economics(benefit=90, cost=10))
    plots = model_plots(make_card(program), program, AS_OF)
    assert sorted(plots) == [
        "plots/auc_by_cohort.png",
        "plots/comparison_auc.png",
        "plots/comparison_log_loss.png",
        "plots/gains.png",
        "plots/importances.png",
        "plots/profit.png",
        "plots/reliability_catboost.png",
        "plots/reliability_stage_rule.png",
        "plots/slices.png",
    ]
    assert all(content.startswith(b"\x89PNG") and len(content) > 5_000 for content in plots.values())


def test_the_same_card_gives_the_same_bytes() -> None:
    card = ModelCard("1", "catboost", "keep", "a reason", importances=make_card(make_program()).importances)
    assert model_plots(card, make_program(), AS_OF) == model_plots(card, make_program(), AS_OF)


def test_a_card_without_figures_has_no_pictures() -> None:
    assert model_plots(ModelCard("1", "stage_rule", "first", "the first champion"), make_program(), AS_OF) == {}
