"""Probabilities of labels that are fitted to the collection at hand."""

import numpy as np
import polars as pl
import pytest

from findings_cases import case_of
from pixsieve.findings.certainty import certainty

USUAL = (2.6, 0.32)


def mixture(wrong: float, cases: int = 4_000, apart: float = 8.0):
    """Logits of given labels, a part of them wrong, of some other labels, and which are wrong."""
    chance = np.random.default_rng(0)
    bad = chance.random(cases) < wrong
    given = np.where(bad, chance.normal(-apart, 3, cases), chance.normal(apart, 3, cases))
    # Some other label of an image whose given one is wrong may be the right one.
    return given, np.where(given > 0, -given, chance.normal(-apart, 3, cases)), bad


@pytest.mark.parametrize("part", [0.02, 0.1, 0.25])
def test_most_wrong_labels_are_improbable_and_hardly_a_right_one(part):
    given, other, bad = mixture(part)
    found = certainty(given, [other], USUAL)
    listed = found < 0.5
    assert listed[bad].mean() > 0.6
    assert listed[~bad].mean() < 0.005


def test_many_wrong_labels_do_not_hide_one_another():
    shares = []
    for part in (0.05, 0.3):
        # The more are wrong, the less can be seen.
        given, other, bad = mixture(part, apart=4)
        shares.append((certainty(given, [other], USUAL) < 0.5)[bad].mean())
    plain = 1 / (1 + np.exp(-(USUAL[0] + USUAL[1] * given)))
    assert shares[1] > shares[0] > (plain < 0.5)[bad].mean()


def test_where_none_is_wrong_none_is_suspected():
    given, other, _ = mixture(0)
    assert certainty(given, [other], USUAL).min() > 0.5


def test_more_evidence_is_more_probable():
    given, other, _ = mixture(0.1)
    found = certainty(given, [other, other - 1], USUAL)
    assert (np.diff(found[np.argsort(given)]) >= 0).all()
    assert ((found >= 0) & (found <= 1)).all()


def test_of_few_cases_the_usual_weights_count():
    given, other, _ = mixture(0.1, cases=3)
    plain = 1 / (1 + np.exp(-(USUAL[0] + USUAL[1] * given)))
    assert certainty(given, [other], USUAL) == pytest.approx(plain, abs=0.03)
    assert certainty(np.empty(0), [np.empty(0)], USUAL).shape == (0,)


def test_the_order_does_not_matter():
    given, other, _ = mixture(0.1)
    turned = certainty(given[::-1], [other[::-1]], USUAL)[::-1]
    assert (certainty(given, [other], USUAL) == turned).all()


def neighbors(labels: list[str], groups: int = 2):
    """Pictures in rings of look-alikes, each of which sees the next four."""
    size = len(labels) // groups
    edges = [
        (g * size + i, g * size + (i + step) % size, 0.9 - step / 100)
        for g in range(groups)
        for i in range(size)
        for step in range(1, 5)
    ]
    return case_of([{"label": label} for label in labels], *edges)


def test_a_list_of_one_label_is_that_label():
    labels = ["cat"] * 30 + ["dog"] * 30
    labels[5] = "dog"
    case = neighbors(labels)
    columns = ["image", "suggested_label", "score", "agreement", "neighbors"]
    plain = case.mislabels(1.0).select(columns)
    assert plain["image"].to_list() == [5]
    assert case.mislabels(1.0, separator="|").select(columns).equals(plain)


def test_labels_that_cannot_be_seen_accuse_nobody():
    chance = np.random.default_rng(1)
    who = chance.integers(0, 4, 80)
    main = ["cat"] * 40 + ["dog"] * 40
    main[7] = "dog"
    labels = [f"{one}|by {other}" for one, other in zip(main, who, strict=True)]
    found = neighbors(labels).mislabels(0.5, separator="|")
    assert found["image"].to_list() == [7]
    assert found["suggested_label"].str.starts_with("cat").all()
    assert isinstance(found, pl.DataFrame)
