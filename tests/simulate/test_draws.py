"""Draws depend on seed, purpose and keys, on nothing else."""

import uuid

import numpy as np

from fiel.simulate.draws import Draws

NUMBERS = np.arange(20_000)


def test_a_draw_does_not_depend_on_what_else_is_drawn() -> None:
    draws = Draws(1)
    everything = draws.uniform("visit", NUMBERS[:, None], np.arange(3)[None, :])
    assert np.array_equal(draws.uniform("visit", NUMBERS[500:600], 2), everything[500:600, 2])


def test_seed_purpose_and_key_each_change_the_draw() -> None:
    base = Draws(1).uniform("visit", NUMBERS)
    for other in (Draws(2).uniform("visit", NUMBERS), Draws(1).uniform("chat", NUMBERS),
                  Draws(1).uniform("visit", NUMBERS, 0), Draws(1).uniform("visit", NUMBERS + 1)):  # fmt: skip
        assert abs(np.corrcoef(base, other)[0, 1]) < 0.03
        assert not np.any(base == other)


def test_draws_are_uniform_and_normal() -> None:
    uniform, normal = Draws(3).uniform("u", NUMBERS), Draws(3).normal("n", NUMBERS)
    assert uniform.min() > 0
    assert uniform.max() < 1
    counts = np.histogram(uniform, bins=20, range=(0, 1))[0]
    assert np.all(np.abs(counts - 1000) < 150)
    assert abs(normal.mean()) < 0.03
    assert abs(normal.std() - 1) < 0.03


def test_ids_are_distinct_version_4_uuids() -> None:
    ids = Draws(3).uuids("customer", NUMBERS)
    assert len(set(ids)) == len(NUMBERS)
    assert {uuid.UUID(text).version for text in ids[:200]} == {4}
    assert all(str(uuid.UUID(text)) == text for text in ids[:200])
