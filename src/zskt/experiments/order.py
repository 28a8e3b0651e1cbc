"""The runs of an experiment as tasks: each once, behind those that it is made of."""

from collections.abc import Iterable
from functools import partial

from zskt.experiments.placing import Placing, Task, placed
from zskt.experiments.specs import RunSpec, teacher
from zskt.experiments.store import RunStore


def make_all(
    store: RunStore, specs: Iterable[RunSpec], placing: Placing, *, retry: bool = False
) -> None:
    """Make every run that is missing, and with `retry`, once more, those that diverged before.

    Raises:
        UserError: as `placed` does.
    """
    tasks = tasks_of(store, specs, retry=retry)
    for _ in placed(tasks, placing, device=store.where.name, progress=True):
        pass


def tasks_of(store: RunStore, specs: Iterable[RunSpec], *, retry: bool = False) -> list[Task]:
    """A task for each run that is not finished, with the names of those that it needs.

    With `retry` those that diverged are no longer finished.
    """
    tasks = dict[RunSpec, Task]()
    seen = set[RunSpec]()

    def visit(spec: RunSpec) -> None:
        if spec in seen:
            return
        seen.add(spec)
        needed = needs(store, spec)
        for each in needed:
            visit(each)
        if retry:
            store.forget_diverged(spec)
        if store.finished(spec) is None:
            names = tuple(each.name for each in needed)
            make = partial(store.make, spec)
            tasks[spec] = Task(
                name=spec.name, folder=store.root / spec.name, make=make, needs=names
            )

    for spec in specs:
        if spec.kind != "teacher" or store.given(spec.student) is None:
            visit(spec)
    return list(tasks.values())


def needs(store: RunStore, spec: RunSpec) -> list[RunSpec]:
    """The runs of which another is made, without teachers that are given as files."""
    first = [teacher(spec.teacher)] if spec.teacher is not None else []
    if spec.after is not None:
        first.append(spec.after)
    return [each for each in first if each.kind != "teacher" or store.given(each.student) is None]
