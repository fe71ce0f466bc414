"""A small planted market: random features, and a label that depends on one of them."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from phase6c.config import DataConfig, ModelConfig, OptimConfig, TrainConfig, TrialConfig
from phase6c.data.scaling import Scaler
from phase6c.data.summary import BlockDates, BlockSummary, DataSummary
from phase6c.data.windows import Block, SearchData

N_FEATURES = 5
CONTEXT_DAYS = 8
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def planted_data(seed: int = 0, n_train: int = 900, n_val: int = 400) -> SearchData:
    """Labels with a base rate near 0.3 that follow the first feature of the last day."""
    random = np.random.default_rng(seed)
    n_rows = CONTEXT_DAYS - 1 + n_train + n_val
    features = random.standard_normal((n_rows, N_FEATURES)).astype(np.float32)
    odds = 3.0 * features[:, 0] - 1.2
    y = (random.random(n_rows) < 1 / (1 + np.exp(-odds))).astype(np.float32)
    return assemble(features, y, n_train)


def assemble(features: np.ndarray, y: np.ndarray, n_train: int) -> SearchData:
    """One ticker whose windows end on every row that has a whole context before it."""
    rows = np.arange(CONTEXT_DAYS - 1, len(features))
    days = np.datetime64("2000-01-01") + rows
    down = np.random.default_rng(1).random(len(features)) < 0.3

    def block(name: str, part: slice) -> Block:
        own = rows[part]
        tickers = np.zeros(len(own), dtype=np.int16)
        ends = days[part] + 1
        unknown = np.full(len(own), np.nan, dtype=np.float32)
        # What is to come is told by the first feature, and not at all of some windows.
        coming = np.stack([features[own, 0], -features[own, 0]], axis=1)
        coming[::7] = np.nan
        return Block(
            *(name, own, y[own], down[own], days[part], ends, tickers),
            border=None,
            outcomes=unknown,
            volatility=unknown,
            coming=coming,
        )

    def summary(one: Block) -> BlockSummary:
        first, last = (one.dates[end].astype(object) for end in (0, -1))
        rate = float(one.y.mean())
        return BlockSummary(
            first_date=first, last_date=last, rows=len(one), base_rate=rate, tickers=1
        )

    train, val = block("train", slice(n_train)), block("val", slice(n_train, None))
    width = features.shape[1]
    last = summary(val)
    return SearchData(
        features=features,
        dates=np.datetime64("2000-01-01") + np.arange(len(features)),
        ticker_starts=np.zeros(1, dtype=np.int64),
        train=train,
        val=val,
        feature_names=tuple(f"feature_{column}" for column in range(width)),
        tickers=("PLANTED",),
        base_rate=float(train.y.mean()),
        config=DataConfig(),
        digest="planted",
        scaler=Scaler(np.zeros((1, width)), np.ones((1, width))),
        logged=(),
        summary=DataSummary(
            train=summary(train),
            val=last,
            cal=last,
            test=BlockDates(first_date=last.first_date, last_date=last.last_date, rows=1),
            purge_days=1,
            fractions={},
            rise=0.01,
            tickers=("PLANTED",),
            tickers_without_rows=(),
            dropped_features=(),
            notes=(),
            bars_digest="planted",
        ),
    )


@pytest.fixture(scope="session")
def planted() -> SearchData:
    return planted_data()


@pytest.fixture(scope="session")
def shuffled(planted: SearchData) -> SearchData:
    """The same market with labels that belong to other days."""
    rows = np.concatenate([planted.train.end_rows, planted.val.end_rows])
    y = np.zeros(len(planted.features), dtype=np.float32)
    y[rows] = np.random.default_rng(2).permutation(np.concatenate([planted.train.y, planted.val.y]))
    return assemble(planted.features, y, len(planted.train))


@pytest.fixture(scope="session")
def plain_transformer() -> type[torch.nn.Module]:
    """The same model in plain torch modules."""
    path = BENCHMARKS / "plain_transformer.py"
    kind: type[torch.nn.Module] = runpy.run_path(str(path))["PlainTransformer"]
    return kind


@pytest.fixture
def trial() -> Callable[..., TrialConfig]:
    """A small trial; every field of its model, optimiser and training can be set by name."""

    def build(seed: int = 0, **fields: object) -> TrialConfig:
        model: dict[str, object] = {
            "n_layers": 2,
            "d_model": 16,
            "n_heads": 2,
            "d_ff_ratio": 2,
            "context_days": CONTEXT_DAYS,
            "patch_days": 2,
            "dropout": 0.1,
        }
        optim: dict[str, object] = {"learning_rate": 1e-3, "weight_decay": 0.01}
        train: dict[str, object] = {"epochs": 4, "batch_size": 32}
        for name, value in fields.items():
            for section, kind in ((model, ModelConfig), (optim, OptimConfig), (train, TrainConfig)):
                if name in kind.model_fields:
                    section[name] = value
        return TrialConfig(
            model=ModelConfig.model_validate(model),
            optim=OptimConfig.model_validate(optim),
            train=TrainConfig.model_validate(train),
            seed=seed,
        )

    return build
