"""A model of bars in a folder, without a search before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from phase6c.config import TrialConfig
from phase6c.data.bars import Bars
from phase6c.data.panel import feature_code_digest
from phase6c.data.preparation import prepare_search_data
from phase6c.data.windows import SearchData
from phase6c.nn.checkpoint import weights_bytes
from phase6c.nn.model_folder import ModelInfo, StoredBlend, StoredScaler, write_model
from phase6c.nn.trainer import Trainer
from phase6c.statistics.calibrators import Calibrator
from phase6c.statistics.simple_models import SimpleModel

VALUES: dict[str, Any] = {
    "n_layers": 1,
    "d_model": 16,
    "n_heads": 2,
    "d_ff_ratio": 2,
    "context_days": 8,
    "patch_days": 2,
    "learning_rate": 1e-3,
    "tier": "a20",
}
SEEDS = (3, 4)
CALIBRATOR = Calibrator.fit("platt", np.array([-2.0, -1.0, 0.0, 1.0]), np.array([0, 1, 0, 1]))


def make_model(
    folder: Path,
    bars: Bars,
    seeds: Sequence[int] = SEEDS,
    partner: Callable[[SearchData], SimpleModel] | None = None,
    **fields: Any,
) -> tuple[SearchData, Trainer]:
    """Writes a model after one epoch; the data and the trainers that it came of.

    With a function that fits a partner it is a blend.
    """
    trials = [TrialConfig.from_flat({**VALUES, **fields, "seed": seed}) for seed in seeds]
    data = prepare_search_data(bars, trials[0].data)
    trainer = Trainer(trials, data)
    trainer.train_only()
    info = ModelInfo(
        trial=trials[0],
        seeds=tuple(seeds),
        feature_names=data.feature_names,
        n_params=1,
        bar_days=1.0,
        sources=bars.sources,
        bars_digest=bars.digest,
        fitted_through=date(2011, 12, 30),
        threshold=0.3,
        evaluation_id="made-up",
        code_version="0",
        feature_code_digest=feature_code_digest(),
        blended_with="gradient_boosting" if partner else None,
    )
    lanes = zip(seeds, trainer.lanes, strict=True)
    weights = {seed: weights_bytes(lane.weights()) for seed, lane in lanes}
    folder.mkdir(parents=True, exist_ok=True)
    scaler = StoredScaler.of(data, info.trial.model.bins)
    blend = StoredBlend(model=partner(data)) if partner else None
    write_model(folder, info, scaler, CALIBRATOR, weights, blend)
    return data, trainer
