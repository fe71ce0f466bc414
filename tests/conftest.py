"""Made-up measurements, trials and studies, for every test that trains nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jaxtyping
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings

from phase6c.config import DataConfig, TrainConfig, TrialConfig
from phase6c.data.bars import Bars, load_bars
from phase6c.data.reading import readers
from phase6c.records import Baseline, Health, Measurement, Metrics, Trial
from phase6c.statistics.logits import sigmoid
from phase6c.statistics.metrics import measure
from phase6c.study.ledger import FILE_NAME as LEDGER_NAME
from phase6c.study.ledger import Ledger
from phase6c.study.study import Study, load_study
from phase6c.study.study_config import BASELINES_FILE, StudyConfig, write_study_config
from phase6c.study.trial_folder import PREDICTIONS_FILE, trial_folder
from phase6c.study.views.json_files import write_views
from search_spaces import tiny

# An example may take as long as a busy machine makes it.
settings.register_profile("phase6c", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fast", settings.get_profile("phase6c"), max_examples=25)
settings.load_profile("fast" if os.environ.get("PHASE6C_FAST_TESTS") else "phase6c")


def pytest_configure() -> None:
    """Hears Ctrl-C and a hang-up, which tests send, though shells and `nohup` ignore them.

    Ray's workers, which give way to everybody else by themselves, get their share of the machine.
    """
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112, Ray reads it so
    for number, usual in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGHUP, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start Ray come first, so that no worker is left with a long one at the end."""
    long = {
        item.path
        for item in items
        if item.get_closest_marker("ray") or item.get_closest_marker("chaos")
    }
    items.sort(key=lambda item: item.path not in long)


VALUES = {
    "n_layers": 2,
    "d_model": 40,
    "n_heads": 4,
    "d_ff_ratio": 4,
    "context_days": 16,
    "patch_days": 4,
    "pooling": "mean",
    "shortcut": True,
    "dropout": 0.1,
    "weight_decay": 1e-3,
    "learning_rate": 1e-4,
}


N_DAYS = 400
DAYS = pd.date_range("2012-01-02", periods=N_DAYS, freq="B")


@pytest.fixture(scope="module", autouse=True)
def disk() -> Iterator[None]:
    """One that nobody waits for: what a test writes need not survive a power cut."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The borders as users meet them: without the checks that only tests put there."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.fixture(scope="session")
def two_cpus() -> Iterator[None]:
    """A Ray of two CPUs that all searches of this process share, so that each starts none."""
    # Only where it is needed: ray is loaded within seconds.
    import ray

    from phase6c.tune.runtime.ray_private import small_and_local

    with small_and_local():
        ray.init(
            address="local",
            num_cpus=2,
            num_gpus=0,
            include_dashboard=False,
            log_to_driver=False,
            configure_logging=False,
        )
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def one_worker(two_cpus: None) -> Iterator[None]:
    """Trials one after the other: each further worker would first load torch for seconds."""
    from phase6c.tune.runtime import session
    from phase6c.tune.runtime.nodes import Node

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "cluster_nodes", lambda: [Node(cpus=1)])
        yield


@pytest.fixture(scope="module")
def light_evaluations() -> Iterator[None]:
    """Evaluations of this process with fewer draws and trees, where no figure is asked about."""
    from phase6c.evaluation.baselines import boosting
    from phase6c.evaluation.outcomes import Draws
    from phase6c.tune.evaluation import run

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "Draws", partial(Draws, n=200))
        patch.setattr(boosting, "MAX_TREES", 20)
        yield


@pytest.fixture(scope="module")
def short_demo_bars(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Only the last years of the demo bars in this process, which trains on them several times."""
    folder = tmp_path_factory.mktemp("demo")
    whole = readers._demo_path

    def last_years(ticker: str) -> Path:
        path = folder / f"{ticker}.csv"
        pd.read_csv(whole(ticker)).tail(1500).to_csv(path, index=False)
        return path

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readers, "_demo_path", last_years)
        yield


@pytest.fixture(scope="session")
def made_bars() -> Callable[..., pd.DataFrame]:
    """Bars whose volatility is that of the days before, so that there is something to know."""

    def build(seed: int, n_days: int = 1500) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        shocks = rng.standard_normal(n_days)
        volatility = np.empty(n_days)
        variance = 1e-4
        for day, shock in enumerate(shocks):
            volatility[day] = variance**0.5
            variance = 4e-6 + 0.12 * variance * shock**2 + 0.84 * variance
        close = 50 * np.exp(np.cumsum(volatility * shocks))
        reach = 0.5 * volatility * np.abs(rng.standard_normal((2, n_days)))
        open_ = close * np.exp(0.2 * volatility * rng.standard_normal(n_days))
        return pd.DataFrame(
            {
                "date": pd.bdate_range("2010-01-04", periods=n_days).strftime("%Y-%m-%d"),
                "open": open_,
                "high": np.maximum(open_, close) * (1 + reach[0]),
                "low": np.minimum(open_, close) * (1 - reach[1]),
                "close": close,
                "volume": rng.lognormal(12, 1, n_days),
            }
        )

    return build


@pytest.fixture(scope="session")
def panel_bars(
    made_bars: Callable[..., pd.DataFrame], tmp_path_factory: pytest.TempPathFactory
) -> Bars:
    """Four tickers, the last three times as volatile as the first."""
    frames = []
    for number, power in enumerate((0.6, 0.9, 1.3, 1.8)):
        frame = made_bars(number, 1200)
        # Powers keep the order of the day's prices, and scale every return.
        prices = ["open", "high", "low", "close"]
        frame[prices] = 50 * (frame[prices] / 50) ** power
        frames.append(frame.assign(ticker=f"T{number}"))
    path = tmp_path_factory.mktemp("panel") / "panel.csv"
    pd.concat(frames).to_csv(path, index=False)
    return load_bars(path)


@pytest.fixture(scope="session")
def measured() -> Callable[..., Measurement]:
    """One epoch with a value; None is a divergence."""

    def build(
        epoch: int, value: float | None, objective: str = "auc", verdict: str = "healthy"
    ) -> Measurement:
        if value is None:
            verdict = "saturated"
        return Measurement(
            epoch=epoch,
            value=value,
            metrics=Metrics.model_validate({objective: value}),
            health=Health.model_validate({"verdict": verdict, "evidence": ("As told by a test.",)}),
            duration_s=1.5,
        )

    return build


@pytest.fixture(scope="session")
def birth() -> Callable[..., dict[str, Any]]:
    """What a ledger's row says of a new trial; flat values and fields can be set by name."""

    def build(seed: int = 0, **fields: Any) -> dict[str, Any]:
        values = VALUES | {name: fields.pop(name) for name in VALUES if name in fields}
        config = TrialConfig.from_flat({**values, "seed": seed})
        born = {"seed": seed, "params": values, "config": config.model_dump(mode="json")}
        return born | {"n_params": 50_000, "in_budget": True} | fields

    return build


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger in the test's own folder."""
    ledger = Ledger(tmp_path / LEDGER_NAME)
    yield ledger
    ledger.close()


@pytest.fixture
def result(ledger: Ledger, measured: Callable[..., Measurement]) -> Callable[..., None]:
    """Appends an epoch and the decision about it to the ledger."""

    def append(number: int, epoch: int, value: float | None, decision: str, **content: Any) -> None:
        measurement = measured(epoch, value).model_dump(mode="json")
        row = {"measurement": measurement, "decision": decision}
        ledger.append("result", number, **row, **content)

    return append


@pytest.fixture(scope="session")
def trial_of(birth, measured) -> Callable[..., Trial]:
    """A trial with these values, one an epoch."""

    def build(number: int, *values: float | None, state: str = "COMPLETE", **fields: Any) -> Trial:
        verdict = fields.pop("verdict", "healthy")
        measurements = tuple(
            measured(epoch, value, verdict=verdict) for epoch, value in enumerate(values, start=1)
        )
        content = {"number": number, "state": state, "measurements": measurements}
        return Trial.model_validate(birth(**fields) | content)

    return build


@pytest.fixture(scope="session")
def study_config() -> Callable[..., StudyConfig]:
    """A study of the tiny space; fields of it and of its training can be set by name."""

    def build(**fields: Any) -> StudyConfig:
        names = [name for name in TrainConfig.model_fields if name in fields]
        train = {"epochs": 9} | {name: fields.pop(name) for name in names}
        settled = {
            "study_id": "made-up",
            "name": "hpo_tiny_h1",
            "budget": "tiny",
            "space": tiny.SPACE.describe(),
            "sources": ("sp500",),
            "data": DataConfig(),
            "data_digest": "0" * 64,
            "data_summary": {},
            "train": TrainConfig.model_validate(train),
            "n_trials": 5,
            "code_version": "0",
        }
        return StudyConfig.model_validate(settled | fields)

    return build


class Market:
    """Days whose rises, and mirrored falls, a score foretells."""

    def __init__(self, seed: int = 0, directional: bool = False) -> None:
        rng = np.random.default_rng(seed)
        self.signal = rng.normal(size=N_DAYS)
        chance = sigmoid(-1.5 + self.signal)
        self.y = (rng.random(N_DAYS) < chance).astype(int)
        falls = sigmoid(-1.5 - self.signal) if directional else chance
        self.down = rng.random(N_DAYS) < falls
        self._rng = rng

    def logits(self, noise: float) -> np.ndarray:
        return -1.5 + self.signal + noise * self._rng.normal(size=N_DAYS)

    def frame(self, key: str, value: int | str, logits: np.ndarray) -> pd.DataFrame:
        columns = {"date": DAYS, "ticker": "MADE", key: value, "y": self.y, "down": self.down}
        return pd.DataFrame(columns | {"logit": logits, "p": sigmoid(logits)})


@pytest.fixture(scope="session")
def market() -> type[Market]:
    return Market


@pytest.fixture(scope="session")
def write_trials() -> Callable[[Path, StudyConfig, list[Trial]], Study]:
    """Writes a study's own files as a search leaves them, except those of its trials."""

    def write(folder: Path, config: StudyConfig, trials: list[Trial]) -> Study:
        folder.mkdir(parents=True, exist_ok=True)
        write_study_config(folder, config)
        ledger = Ledger(folder / LEDGER_NAME)
        for trial in trials:
            left = {"measurements", "state", "stopped", "audited", "error", "attempts", "number"}
            born = trial.model_dump(mode="json", exclude=left)
            ledger.append("trial", trial.number, **born)
            ledger.append("started", trial.number)
            for one in trial.measurements:
                _append_epoch(ledger, trial, one.epoch)
            if trial.state == "FAILED" and not ledger.trials[trial.number].finished:
                error = {"kind": "bug", "message": "planted"}
                ledger.append("failed", trial.number, state="FAILED", error=error)
        ledger.close()
        write_views(folder, config, ledger.trials)
        return load_study(folder)

    return write


def _append_epoch(ledger: Ledger, trial: Trial, epoch: int) -> None:
    measurement = trial.measurements[epoch - 1].model_dump(mode="json")
    last = epoch == trial.epochs
    decision: dict[str, object] = {"decision": "continue"}
    stopped = trial.stopped.model_dump(mode="json") if trial.stopped else None
    if trial.stopped and trial.audited and epoch == trial.stopped.epoch:
        decision = {"decision": "audit", "stopped": stopped}
    elif last and trial.state == "COMPLETE":
        decision = {"decision": "complete"}
    elif last and trial.state == "PRUNED":
        decision = {"decision": "stop", "stopped": stopped}
    ledger.append("result", trial.number, measurement=measurement, **decision)


@pytest.fixture(scope="session")
def small_study(
    write_trials: Callable[..., Study],
    study_config: Callable[..., StudyConfig],
    trial_of: Callable[..., Trial],
) -> Callable[..., Study]:
    """Writes eight trials, a reference and a baseline with their predictions on one market.

    Trial 0 is the reference, trial 3 the best.
    """

    def write(folder: Path, market: Market | None = None, **fields: object) -> Study:
        market = market or Market()
        trials = []
        for number in range(9):
            noise = 0.1 if number == 3 else 1.5 + 0.2 * number
            logits = [market.logits(noise + 0.5), market.logits(noise)]
            frames = [market.frame("epoch", epoch, one) for epoch, one in enumerate(logits, 1)]
            where = trial_folder(folder, number)
            where.mkdir(parents=True)
            pd.concat(frames).to_parquet(where / PREDICTIONS_FILE)
            metrics = [measure(one, market.y, market.down, 0.2) for one in logits]
            stopped = {"epoch": 2, "value": 0.6, "cutoff": 0.65} if number > 6 else None
            trial = trial_of(
                number,
                *(one.auc for one in metrics),
                state="PRUNED" if stopped else "COMPLETE",
                source="sampled" if number else "reference",
                name=None if number else "january_best",
                dropout=[0.1, 0.0, 0.05, 0.1, 0.2, 0.3, 0.1, 0.5, 0.7][number],
                learning_rate=1e-3 if number == 6 else 1e-4,
                stopped=stopped,
            )
            measurements = tuple(
                one.model_copy(update={"metrics": found, "health": Health(verdict="healthy")})
                for one, found in zip(trial.measurements, metrics, strict=True)
            )
            trials.append(trial.model_copy(update={"measurements": measurements}))
        simple = market.logits(0.8)
        market.frame("name", "logistic_regression", simple).to_parquet(folder / BASELINES_FILE)
        baseline = Baseline(
            name="logistic_regression",
            metrics=measure(simple, market.y, market.down, 0.2),
            duration_s=0.1,
        )
        block = {"first_date": "2012-01-02", "last_date": "2013-07-12", "rows": N_DAYS}
        summary = {"bars_digest": "a" * 64, "val": block | {"base_rate": float(market.y.mean())}}
        config = study_config(
            epochs=2, n_trials=8, baselines=(baseline,), data_summary=summary, **fields
        )
        return write_trials(folder, config, trials)

    return write
