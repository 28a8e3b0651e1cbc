"""How far a run is, by its rounds and by a clock that the test holds."""

import pytest

from players import SIZE, quick
from zskt import Run, UserError
from zskt.devices import resolve
from zskt.distillation.budget import Budget
from zskt.distillation.loop import Play
from zskt.methods import METHODS
from zskt.runs.writer import NullWriter


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_rounds_are_the_progress():
    budget = Budget(Run(rounds=8))
    assert (budget.progress(), budget.expected_rounds()) == (0, 8)
    crossed = []
    while not budget.over():
        budget.advance()
        crossed += [budget.round] if budget.crossed(3) else []
    assert crossed == [3, 6, 8]
    assert budget.progress() == 1


def test_without_a_length_it_is_the_papers():
    assert Run().total_rounds == 80_000
    assert Run(minutes=1).total_rounds is None
    with pytest.raises(UserError, match="`rounds` or `minutes`, not both"):
        Run(rounds=1, minutes=1)


def test_the_clock_is_the_progress():
    clock = Clock()
    budget = Budget(Run(minutes=1), clock)
    budget.reserve = 10
    crossed = []
    for _ in range(10):
        clock.now += 5
        budget.advance()
        crossed.append(budget.crossed(4))
    assert budget.progress() == 1
    assert budget.over()
    assert crossed.count(True) == 4
    assert budget.expected_rounds() == 10
    assert budget.seconds == 50


def test_minutes_go_on_where_an_earlier_part_left_them():
    clock = Clock()
    budget = Budget(Run(minutes=1), clock)
    budget.resume(7, 30.0)
    assert budget.progress() == 0.5
    assert budget.round == 7
    clock.now += 15
    assert budget.progress() == 0.75
    assert not budget.over()


def test_until_pauses_but_does_not_end():
    budget = Budget(Run(rounds=8, until=1))
    budget.advance()
    assert budget.paused()
    assert not budget.over()


@pytest.mark.parametrize("name", METHODS)
def test_a_run_by_the_clock_anneals_and_ends_in_time(name, teacher, student):
    """A look takes a second and a round three, of a minute with fifteen kept for the end."""
    clock, method = Clock(), quick(name, batch_size=4)
    run = Run(minutes=1, device="cpu", precision="32", record_every=1)
    budget = Budget(run, clock)
    budget.reserve = 15

    def measure(number, network):
        clock.now += 1
        return {}

    class Slow:
        def rounds(self, session):
            for each in method.rounds(session):
                clock.now += 3
                yield each

    part = Play(
        method=Slow(), run=run, where=resolve("cpu", "32"), input_size=SIZE, classes=10,
        budget=budget, measure=measure, progress=False,
    )  # fmt: skip
    rows = part(teacher, student).history
    # Looks take a tenth of the time at most: after rounds 1, 3, 6, 9 and 12, and at the end, 48.
    assert [row["round"] for row in rows] == list(range(1, 15))
    assert budget.seconds == 48
    rates = [row["student_learning_rate"] for row in rows]
    # Some methods begin with a warm-up, which the first round belongs to.
    assert rates[1:] == sorted(rates[1:], reverse=True)
    assert 0.95 * method.student_learning_rate < max(rates) <= method.student_learning_rate * 1.001
    assert rates[-1] < 0.01 * max(rates)


def test_a_look_in_which_the_time_runs_out_is_the_last(teacher, student):
    budget = Budget(Run(minutes=1, record_every=1), clock := Clock())
    looks, finished = [], []

    def measure(number, network):
        clock.now += 61
        looks.append(number)
        return {"student_accuracy": 0.5}

    class Kept(NullWriter):
        def finish(self, *networks):
            finished.append(networks)

    class Slow:
        def rounds(self, session):
            for each in quick("noise").rounds(session):
                clock.now += 4
                yield each

    play = Play(
        method=Slow(), run=budget.run, where=resolve("cpu", "32"), input_size=SIZE,
        classes=10, budget=budget, measure=measure, writer=Kept(), progress=False,
    )  # fmt: skip
    rows = play(teacher, student).history
    assert [row["student_accuracy"] for row in rows] == [0.5]
    assert looks == [1]
    assert len(finished) == 1


def test_a_run_whose_time_is_over_plays_one_round(tmp_path):
    import zskt

    budget = Budget(Run(minutes=1), clock := Clock())
    clock.now += 61
    teacher, student = (
        zskt.create(name, classes=10, input_size=SIZE) for name in ("wrn-10-1", "resnet-8")
    )
    play = Play(
        method=quick("noise"), run=budget.run, where=resolve("cpu", "32"), input_size=SIZE,
        classes=10, budget=budget, progress=False,
    )  # fmt: skip
    assert [row["round"] for row in play(teacher, student).history] == [1]
