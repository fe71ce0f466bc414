"""How far the search got: distinct configurations, and the best so far against trials and time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from phase6c.analysis.trials import Result, Search, alike
from phase6c.document.section import Section, Table, number
from phase6c.records import score


class Improvement(NamedTuple):
    """A trial that was better than all before it.

    Attributes:
        number: Of the trial.
        n_trials: That had begun by then, itself included.
        epochs: That all of these trained.
        seconds: That all of these trained; None where a file does not say.
        score: What it reached.
    """

    number: int
    n_trials: int
    epochs: int
    seconds: float | None
    score: float


def convergence(search: Search) -> Section:
    """What was tried more than once, and when the search last found something better."""
    steps, repeats = improvements(search), repeated(search)
    return Section(
        name="convergence",
        title="Convergence",
        says=tuple(_says(search, steps, repeats)),
        tables=(_progress(search, steps), *_repeats(search, repeats)),
    )


def chosen_results(search: Search) -> list[Result]:
    """What the search itself chose and measured, in the order of its numbers."""
    return [one for one in search.results if one.chosen and one.curve]


def improvements(search: Search) -> list[Improvement]:
    """The trials that were each better than all before, in the order of their numbers."""
    steps: list[Improvement] = []
    epochs, seconds, best = 0, 0.0, float("-inf")
    known = all(one.seconds is not None for one in search.results)
    for count, one in enumerate(chosen_results(search), start=1):
        epochs += len(one.curve)
        seconds += one.seconds or 0.0
        if one.score > best:
            best = one.score
            steps.append(Improvement(one.number, count, epochs, seconds if known else None, best))
    return steps


def repeated(search: Search) -> list[list[Result]]:
    """Trials of the search itself that share one configuration, the most frequent first."""
    chosen = (one for one in search.results if one.chosen)
    return sorted(alike(chosen), key=len, reverse=True)


def _says(
    search: Search, steps: Sequence[Improvement], repeats: Sequence[list[Result]]
) -> Iterator[str]:
    n_chosen = sum(one.chosen for one in search.results)
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
        f"The best was found as trial {last.n_trials} of {n_measured}; the "
        f"{n_measured - last.n_trials} after it found nothing better."
    )
    if last.n_trials > 2 * n_measured / 3 and len(steps) > 1:
        gain = last.score - _best_by(steps, 2 * n_measured // 3)
        yield (
            f"The last third of the trials still improved the best by {number(gain)}: the search "
            "had not settled."
        )


def _these(group: Sequence[Result]) -> str:
    numbers = ", ".join(str(one.number) for one in group[:5])
    return f"trials {numbers}{' ...' if len(group) > 5 else ''} ({len(group)} of them)"


def _best_by(steps: Sequence[Improvement], n_trials: int) -> float:
    earlier = [one.score for one in steps if one.n_trials <= n_trials]
    return earlier[-1] if earlier else steps[0].score


def _progress(search: Search, steps: Sequence[Improvement]) -> Table:
    return Table(
        name="convergence",
        title="Each trial that was better than all before it",
        columns=("trial", "trials so far", "epochs so far", "seconds so far", search.objective),
        rows=tuple(
            (
                one.number,
                one.n_trials,
                one.epochs,
                None if one.seconds is None else round(one.seconds),
                score(one.score, search.objective),
            )
            for one in steps
        ),
    )


def _repeats(search: Search, repeats: Sequence[list[Result]]) -> tuple[Table, ...]:
    if not repeats:
        return ()
    rows = []
    for group in repeats:
        values = [score(one.score, search.objective) for one in group if one.curve]
        ends = (min(values), max(values)) if values else (None, None)
        numbers = " ".join(str(one.number) for one in group)
        rows.append((len(group), numbers, *ends))
    columns = ("times", "trials", "lowest", "highest")
    title = "Configurations that were trained more than once"
    return (Table(name="repeats", title=title, columns=columns, rows=tuple(rows)),)
