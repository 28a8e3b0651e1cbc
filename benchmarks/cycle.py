"""One round of ours against one of the literal published loop, alternating in one process.

    uv run python benchmarks/cycle.py --out results/cycle.json

The literal loop is fp32 and contiguous, takes the activations from the forward pass as the
authors' networks return them, and runs the generator again with autograd at every student step.
Both do the same arithmetic: one generator step and ten student steps at batch 128, 3x32x32. Each
pair of rounds gives one ratio; the median is the figure, the extremes its spread.
"""

import argparse
import copy
import time
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F
from torch import nn

from zskt.devices import make_fabric
from zskt.game import Game
from zskt.methods import ZSKT
from zskt.networks import Generator, create
from zskt.results import write_result

SIZE = (3, 32, 32)
PAIRS = {"wrn-16-2 to wrn-16-1": ("wrn-16-2", "wrn-16-1"),
         "wrn-40-2 to wrn-16-1": ("wrn-40-2", "wrn-16-1")}  # fmt: skip


def literal_rounds(teacher, student, batch_size=128, rounds=80_000):
    """The published loop as it is run by its authors; yields after every round."""
    generator = Generator(SIZE)
    generator_adam = torch.optim.Adam(generator.parameters(), lr=1e-3)
    student_adam = torch.optim.Adam(student.parameters(), lr=2e-3)
    schedules = [
        torch.optim.lr_scheduler.CosineAnnealingLR(adam, rounds)
        for adam in (generator_adam, student_adam)
    ]
    teacher.eval()
    student.train()
    while True:
        noise = torch.randn(batch_size, 100)
        images = generator(noise)
        loss = -literal_kl(outputs(student, images)[0], outputs(teacher, images)[0])
        generator_adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(generator.parameters(), 5)
        generator_adam.step()
        for step in range(10):
            images = generator(noise)
            if step == 0:
                with torch.no_grad():
                    teacher_logits, *teacher_activations = outputs(teacher, images)
            student_logits, *activations = outputs(student, images)
            loss = literal_kl(student_logits, teacher_logits)
            for ours, theirs in zip(activations, teacher_activations, strict=True):
                loss = loss + 250 * (attention(ours) - attention(theirs)).pow(2).mean()
            student_adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(student.parameters(), 5)
            student_adam.step()
        for schedule in schedules:
            schedule.step()
        yield


def outputs(network, images):
    """Logits and the outputs of the three groups, as networks that return them do."""
    one = network.group1(network.stem(images))
    two = network.group2(one)
    three = network.group3(two)
    return network.head(F.relu(network.bn(three)).mean((2, 3))), one, two, three


def literal_kl(student_logits, teacher_logits):
    log_q, p = F.log_softmax(student_logits, 1), F.softmax(teacher_logits, 1)
    return F.kl_div(log_q, p, reduction="none").mean()


def attention(activation):
    return F.normalize(activation.pow(2).mean(1).view(activation.size(0), -1))


def our_rounds(teacher, student):
    game = Game(
        teacher, student, input_size=SIZE, classes=10, rounds=80_000, seed=0,
        fabric=make_fabric("cpu", "auto"),
    )  # fmt: skip
    return ZSKT().play(game)


def seconds_of(rounds):
    start = time.perf_counter()
    next(rounds)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs-of-rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    asked = parser.parse_args()
    start = time.monotonic()
    rows = []
    for name, (teacher_name, student_name) in PAIRS.items():
        torch.manual_seed(0)
        teacher, student = (
            create(network, classes=10, input_size=SIZE) for network in (teacher_name, student_name)
        )
        literal = literal_rounds(copy.deepcopy(teacher), copy.deepcopy(student))
        ours = our_rounds(teacher, student)
        next(literal), next(ours)
        times = [(seconds_of(literal), seconds_of(ours)) for _ in range(asked.pairs_of_rounds)]
        ratios = [theirs / mine for theirs, mine in times]
        rows.append({
            "pair": name,
            "literal_seconds": round(median(theirs for theirs, _ in times), 3),
            "our_seconds": round(median(mine for _, mine in times), 3),
            "ratio": round(median(ratios), 2),
            "ratio_min": round(min(ratios), 2),
            "ratio_max": round(max(ratios), 2),
            "rounds_each": asked.pairs_of_rounds,
        })  # fmt: skip
        print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    if asked.out:
        settings = {"batch_size": 128, "input_size": SIZE, "pairs_of_rounds": asked.pairs_of_rounds}
        seconds = time.monotonic() - start
        write_result(asked.out, seeds=[0], settings=settings, seconds=seconds, rows=rows)


if __name__ == "__main__":
    main()
