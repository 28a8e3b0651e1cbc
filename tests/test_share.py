"""Images of the teacher alone, and the share that a student is predicted to keep."""

import json
from importlib.resources import files
from math import inf

import pytest
import torch

from zskt.measure.verdict.inverted import COUNT, affordable, inverted, seconds_to_invert
from zskt.measure.verdict.judgement import judged
from zskt.measure.verdict.share import Line, fitted, predicted
from zskt.model_file import load, read_classifier_card
from zskt.networks import create
from zskt.statistics import channel_statistics, norms, remembering, running
from zskt.taps import tapped

DIGITS = files("zskt") / "assets" / "digits-teacher.safetensors"


@pytest.fixture(scope="module")
def digits():
    return load(DIGITS).eval(), read_classifier_card(DIGITS)


def prior(teacher, images):
    layers = remembering(teacher)
    with torch.no_grad(), tapped(layers, inputs=True) as inputs:
        teacher(images)
        apart = [norms(*channel_statistics(inputs[it]), *running(it)) for it in layers]
    return torch.stack(apart).sum().item()


def test_images_of_the_teacher_come_near_to_its_data(digits):
    teacher, card = digits
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    images = inverted(teacher, card, count=20, steps=30)
    assert images.shape == (20, *card.input_size)
    low, high = card.normalisation.bounds
    assert low[0] - 1e-5 <= images.min()
    assert images.max() <= high[0] + 1e-5
    noise = torch.randn(20, *card.input_size, generator=torch.Generator().manual_seed(0))
    assert prior(teacher, images) < 0.75 * prior(teacher, noise)
    # Every class is asked for twice, and the teacher sees many of them.
    with torch.no_grad():
        assert len(teacher(images).argmax(1).unique()) >= 5
    assert torch.equal(images, inverted(teacher, card, count=20, steps=30))
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
    assert not teacher.training
    assert all(parameter.requires_grad for parameter in teacher.parameters())


def test_images_are_made_only_where_they_are_worth_it(digits):
    teacher, card = digits
    assert affordable(teacher, card, inf) == COUNT
    assert affordable(teacher, card, 100_000) == COUNT // 2
    assert affordable(teacher, card, 1000) == 0
    plain = create("lenet", classes=10, input_size=(1, 28, 28))
    assert affordable(plain, card, inf) == 0
    # A run by the clock keeps time for them only if it can come so far.
    assert seconds_to_invert(teacher, card, inf) > 0
    assert seconds_to_invert(teacher, card, 1e-3) == 0
    assert seconds_to_invert(plain, card, inf) == 0


def students(data, spread, seed, **more):
    """Students around a line."""
    random = torch.Generator().manual_seed(seed)
    agreements = torch.rand(200, generator=random).tolist()
    noises = (spread * torch.randn(200, generator=random)).tolist()
    return [
        {"data": data, "inverted_agreement": agreement, "share": 0.1 + 0.8 * agreement + noise}
        | more
        for agreement, noise in zip(agreements, noises, strict=True)
    ]


def test_a_line_and_its_interval_are_found_again():
    line = fitted([row for seed, data in enumerate("abc") for row in students(data, 0.05, seed)])
    assert line.start == pytest.approx(0.1, abs=0.02)
    assert line.rise == pytest.approx(0.8, abs=0.02)
    # Nine in ten draws of a normal distribution lie within 1.64 of its spreads.
    assert line.below == pytest.approx(1.64 * 0.05, abs=0.015)
    assert line.above == pytest.approx(1.64 * 0.05, abs=0.015)


def test_the_interval_is_that_of_finished_runs():
    study = [row for seed, data in enumerate("ab") for row in students(data, 0.2, seed, round=1)]
    finished = [row for seed, data in enumerate("ab") for row in students(data, 0.02, seed + 2)]
    line = fitted(study + finished)
    assert max(line.below, line.above) < 0.07


def test_an_interval_reaches_as_far_to_each_side_as_runs_are_off_there():
    rows = [row for seed, data in enumerate("ab") for row in students(data, 0.0, seed)]
    for row in rows[::10]:
        row["share"] += 0.3
    line = fitted(rows)
    assert line.above > 0.25
    assert line.below < 0.1


def test_a_prediction_stays_between_0_and_1():
    share = Line(0.1, 1.0, 0.2, 0.3).at(0.95)
    assert (share.value, share.high) == (1.0, 1.0)
    assert share.low == pytest.approx(0.8)
    assert Line(0.1, 1.0, 0.2, 0.3).at(0.4).high == pytest.approx(0.8)
    assert Line(0.1, 1.0, 0.2, 0.3).at(-0.05).low == 0.0
    assert predicted({"leaves_kappa": 1.0}) is None


def test_what_the_package_has_learnt_is_what_its_table_teaches():
    learnt = json.loads((files("zskt") / "assets" / "share.json").read_text())
    line = fitted(learnt["students"])
    assert [learnt[name] for name in line._fields] == pytest.approx(list(line))
    assert len({row["data"] for row in learnt["students"]}) >= 4


@pytest.mark.parametrize(
    ("agreement", "word"),
    [(0.0, "failed"), (0.15, "failed"), (0.3, "doubtful"), (0.75, "doubtful"), (0.9, "good")],
)
def test_the_word_follows_from_the_share(agreement, word):
    verdict = judged({"inverted_agreement": agreement, "leaves_kappa": 0.5})
    assert verdict.word == word
    assert verdict.share is not None
    assert f"about {verdict.share.value:.0%}" in verdict.reason
