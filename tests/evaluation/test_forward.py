"""A step is calibrated by the steps before it and by nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from phase6c.evaluation.outcomes import calibrated_forward
from phase6c.statistics.calibrators import KINDS, Calibrator


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_later_changes_nothing(kind, world):
    logits = world.seeds(1, 0.5, shift=1.0)[0]
    calibrated = calibrated_forward(kind, logits, world.truth)
    later = world.truth.of(["fold_4", "fold_5", "cal"])
    flipped = replace(world.truth, y=np.where(later, 1 - world.truth.y, world.truth.y))
    again = calibrated_forward(kind, np.where(later, -logits, logits), flipped)
    np.testing.assert_array_equal(again[~later], calibrated[~later])


@pytest.mark.parametrize("kind", KINDS)
def test_each_step_gets_the_calibrator_of_the_steps_before_it(kind, world):
    logits = world.seeds(1, 0.5, shift=1.0)[0]
    calibrated = calibrated_forward(kind, logits, world.truth)
    first, third = world.truth.of(["fold_1"]), world.truth.of(["fold_3"])
    before = world.truth.of(["fold_1", "fold_2"])
    np.testing.assert_array_equal(calibrated[first], logits[first])
    fitted = Calibrator.fit(kind, logits[before], world.truth.y[before])
    np.testing.assert_allclose(calibrated[third], fitted.apply(logits[third]))


def test_steps_of_one_class_teach_nothing(world):
    no_rise = replace(world.truth, y=np.zeros_like(world.truth.y))
    logits = world.seeds(1, 0.5)[0]
    np.testing.assert_array_equal(calibrated_forward("platt", logits, no_rise), logits)
