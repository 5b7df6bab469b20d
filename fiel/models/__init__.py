"""The supervised life: labels, cohorts, classifier, evaluation, registry, promotion, scoring."""
