"""How probable a label is, of the evidence for it, in the collection at hand."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

#: Evidence is a logit; beyond this it is all the same.
SURE = 20.7
#: Bins of evidence, half a unit wide.
EDGES = np.linspace(-21.0, 21.0, 85)
MIDDLES = (EDGES[:-1] + EDGES[1:]) / 2
#: Of cases against which more speaks than this the given label is not taken for the right one.
RIGHT = -1.0
#: What is tried: parts of wrong labels, slopes, and evidence at which both are equally probable.
PARTS = np.geomspace(0.001, 0.45, 16)
SLOPES = np.geomspace(0.15, 1.6, 12)
EVENS = np.linspace(-16.0, 4.0, 21)
#: What is known beforehand: that few labels are wrong, and slopes of other collections.
FEW = 12.0
USUAL_SLOPE, SPREAD = 0.4, 0.5
#: Of so many cases what fits counts half as much as at most, which is as much as what is usual.
CASES = 50
#: How far the search goes on around the best of these, in their steps.
AROUND = np.linspace(-1.0, 1.0, 5)


def certainty(given: Values, wrong: Sequence[Values], usual: tuple[float, float]) -> Values:
    """The probability that each label is right.

    It is logistic in the evidence. Intercept and slope are the means of the `usual` ones, which
    were fitted on labels that are known to be wrong, and of those that fit this collection, in
    which labels may be easier to tell apart and more of them be wrong; those of few cases count
    less.

    These are found without knowing which are wrong: `wrong` are the logits that the same cases
    would have, had they been given some other label. Of the given ones a part p is wrong as well,
    so that the ratio of the densities of `given` and `wrong`, p (1 + exp(slope (x - even))), falls
    to p where nothing right lies. All three maximise the likelihood of telling a given label from
    a wrong one at x (density ratios by logistic regression, Qin 1998; a mixture of positives and
    unlabelled, Elkan and Noto 2008), with weak priors.

    Args:
        given: (n,) logits of the evidence for the given labels.
        wrong: One or more (n,), each the logits for some other label of the same cases.
        usual: Intercept and slope.

    Returns:
        (n,), 0..1.
    """
    intercept, slope = usual
    right = given > RIGHT
    if right.any():
        even, fitted = _fit(_counts(given), _wrong(wrong, right, len(given)))
        weight = len(given) / (len(given) + CASES) / 2
        intercept += weight * (-fitted * even - intercept)
        slope += weight * (fitted - slope)
    found: Values = 1 / (1 + np.exp(-(intercept + slope * given)))
    return found


def _counts(logits: Values) -> Values:
    return np.histogram(np.clip(logits, -SURE, SURE), EDGES)[0].astype(np.float64)


def _wrong(wrong: Sequence[Values], right: NDArray[np.bool_], cases: int) -> Values:
    """Each kind of wrong label as often as another, and all as often as given ones."""
    counted = np.sum([_counts(one[right]) for one in wrong], axis=0)
    weighted: Values = counted * cases / counted.sum()
    return weighted


def _fit(given: Values, wrong: Values) -> tuple[float, float]:
    """Where both are equally probable, and the slope."""
    even, slope, part = _best(given, wrong, EVENS, SLOPES, PARTS)
    step = EVENS[1] - EVENS[0]
    closer = [ratio**AROUND for ratio in (SLOPES[1] / SLOPES[0], PARTS[1] / PARTS[0])]
    even, slope, _ = _best(given, wrong, even + step * AROUND, slope * closer[0], part * closer[1])
    return even, slope


def _best(
    given: Values, wrong: Values, evens: Values, slopes: Values, parts: Values
) -> tuple[float, float, float]:
    power = slopes[:, None, None] * (MIDDLES - evens[:, None])
    ratio = parts[:, None] * (1 + np.exp(np.clip(power, -40, 40)))[:, :, None, :]
    likelihood = given @ np.moveaxis(np.log(ratio), -1, -2) - (given + wrong) @ np.moveaxis(
        np.log1p(ratio), -1, -2
    )
    likelihood += FEW * np.log1p(-parts)
    likelihood -= 2 * (np.log(slopes / USUAL_SLOPE) / SPREAD)[:, None, None] ** 2
    # Rounded, so that sums in another order choose the same.
    i, j, k = np.unravel_index(np.argmax(likelihood.round(6)), likelihood.shape)
    return float(evens[j]), float(slopes[i]), float(parts[k])
