"""How far the search got: distinct configurations, and the best so far against trials and time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from phase6c.analysis.trials import Result, Search, alike
from phase6c.document.section import Section, Table, number
from phase6c.records import score
from phase6c.wording import counted


class Improvement(NamedTuple):
    """A trial that was better than all before it.

    Attributes:
        number: Number of the trial.
        n_trials: Number of trials that had begun by then, itself included.
        epochs: Epochs that all of these trained.
        seconds: Seconds that all of these trained; None where a file does not say.
        score: Score that it reached.
    """

    number: int
    n_trials: int
    epochs: int
    seconds: float | None
    score: float


def convergence(search: Search) -> Section:
    """Repeated configurations, and the last time that the search found a better trial."""
    steps, repeats = improvements(search), repeated(search)
    return Section(
        name="convergence",
        title="Convergence",
        says=tuple(_says(search, steps, repeats)),
        tables=(_progress(search, steps), *_repeats(search, repeats)),
    )


def chosen_results(search: Search) -> list[Result]:
    """The trials that the search itself chose and measured, in the order of their numbers."""
    return [result for result in search.results if result.chosen and result.curve]


def improvements(search: Search) -> list[Improvement]:
    """The trials that were each better than all before, in the order of their numbers."""
    steps: list[Improvement] = []
    epochs, seconds, best = 0, 0.0, float("-inf")
    known = all(other.seconds is not None for other in search.results)
    for count, result in enumerate(chosen_results(search), start=1):
        epochs += len(result.curve)
        seconds += result.seconds or 0.0
        if result.score > best:
            best = result.score
            steps.append(
                Improvement(result.number, count, epochs, seconds if known else None, best)
            )
    return steps


def repeated(search: Search) -> list[list[Result]]:
    """Trials of the search itself that share a configuration, the most frequent first."""
    chosen = (result for result in search.results if result.chosen)
    return sorted(alike(chosen), key=len, reverse=True)


def _says(
    search: Search, steps: Sequence[Improvement], repeats: Sequence[list[Result]]
) -> Iterator[str]:
    n_chosen = sum(result.chosen for result in search.results)
    if not n_chosen:
        yield "The search itself has chosen no trial."
        return
    n_again = sum(len(group) - 1 for group in repeats)
    if not n_again:
        yield f"All {n_chosen} trials of the search are different configurations."
    else:
        yield (
            f"{n_chosen} trials are {n_chosen - n_again} different configurations: {n_again} "
            f"repeat an earlier one, {_these(repeats[0])} the most often. Results that agree "
            "because they are the same configuration are a repeat, not convergence."
        )
    if not steps:
        return
    last, n_measured = steps[-1], len(chosen_results(search))
    yield (
        f"Trial {last.number}, number {last.n_trials} of {n_measured} in the order of the search, "
        f"reached the highest score; {_since(n_measured - last.n_trials)}"
    )
    # A search whose best came late would likely have found a better one with more trials.
    if last.n_trials > 2 * n_measured / 3 and len(steps) > 1:
        gain = last.score - _best_by(steps, 2 * n_measured // 3)
        yield (
            f"The last third of the trials still improved the best by {number(gain)}: the search "
            "had not settled."
        )


def _since(n_trials: int) -> str:
    if not n_trials:
        return "it is the last."
    return f"the {counted(n_trials, 'trial')} after it did not beat it."


def _these(group: Sequence[Result]) -> str:
    numbers = ", ".join(str(result.number) for result in group[:5])
    return f"trials {numbers}{' ...' if len(group) > 5 else ''} ({len(group)} of them)"


def _best_by(steps: Sequence[Improvement], n_trials: int) -> float:
    earlier = [step.score for step in steps if step.n_trials <= n_trials]
    return earlier[-1] if earlier else steps[0].score


def _progress(search: Search, steps: Sequence[Improvement]) -> Table:
    return Table(
        name="convergence",
        title="Each trial that was better than all before it",
        columns=("trial", "trials so far", "epochs so far", "seconds so far", search.objective),
        rows=tuple(
            (
                step.number,
                step.n_trials,
                step.epochs,
                None if step.seconds is None else round(step.seconds),
                score(step.score, search.objective),
            )
            for step in steps
        ),
    )


def _repeats(search: Search, repeats: Sequence[list[Result]]) -> tuple[Table, ...]:
    if not repeats:
        return ()
    rows = []
    for group in repeats:
        values = [score(result.score, search.objective) for result in group if result.curve]
        ends = (min(values), max(values)) if values else (None, None)
        numbers = " ".join(str(result.number) for result in group)
        rows.append((len(group), numbers, *ends))
    columns = ("times", "trials", "lowest", "highest")
    title = "Configurations that were trained more than once"
    return (Table(name="repeats", title=title, columns=columns, rows=tuple(rows)),)
