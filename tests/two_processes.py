"""What each of two processes does in `test_processes.py`; what it finds is left as JSON."""

import copy
import json
import os
import signal
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import distributed, nn

from players import SIZE, quick
from zskt import Run
from zskt.devices import Where
from zskt.distillation.batch_statistics import SharedStatistics
from zskt.distillation.fabric import make_fabric
from zskt.distillation.loop import Play
from zskt.distillation.session import Session
from zskt.distillation.stopping import Stopped
from zskt.methods import METHODS
from zskt.model_file import Card
from zskt.networks import create
from zskt.pieces.batch_norm import BatchNormPrior
from zskt.runs.folder import RunFolder
from zskt.runs.writer import FolderWriter
from zskt.seeds import stream

ALONE = Where("cpu", "32")
TOGETHER = Where("cpu", "32", devices=2)
RANK = int(os.environ["RANK"])


def pair(dtype=torch.float32):
    torch.manual_seed(0)
    # A user's own student, which each process has drawn anew.
    teacher = create("resnet-8", classes=10, input_size=SIZE).to(dtype)
    torch.manual_seed(RANK)
    return teacher, create("wrn-10-1", classes=10, input_size=SIZE).to(dtype)


def session_of(fabric, teacher, student, **settings):
    return Session(
        copy.deepcopy(teacher), copy.deepcopy(student), input_size=SIZE, classes=10, seed=0,
        fabric=fabric, tell=lambda text: None, **settings,
    )  # fmt: skip


def state(session):
    networks = {"student": session.student, **session.networks}
    return {
        f"{role} {name}": value.clone()
        for role, network in networks.items()
        for name, value in network.state_dict().items()
        # The noise that is a layer.
        if name != "noisy"
    }


def of_rank(rank, value):
    """What one process has, on both."""
    value = [value]
    distributed.broadcast_object_list(value, rank)
    return value[0]


def same(ours, theirs, **tolerance):
    if tolerance:
        return all(torch.allclose(ours[name], theirs[name], **tolerance) for name in ours)
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


def every_method(fabric):
    """Images apart, networks the same to the bit."""
    found = {}
    for name in METHODS:
        session = session_of(fabric, *pair())
        rounds = quick(name).rounds(session)
        for number in range(20 if name in ("zskt", "replay") else 3):
            session.progress = number / 20
            played = next(rounds)
            session.processes.settle((session.student, *session.networks.values()))
        images = [of_rank(rank, played.images) for rank in (0, 1)]
        found[name] = {
            "drew apart": not torch.equal(*images),
            "same networks": same(state(session), of_rank(0, state(session))),
            "memories": [len(each) for each in session.memories],
            "same memories": all(
                torch.equal(each.images(9, 0), of_rank(0, each.images(9, 0)))
                for each in session.memories
            ),
        }
    return found


class Doubled:
    """The noise of both processes, one below the other, for one that stands for both."""

    def __init__(self):
        seeds = (stream(0, "noise", rank) for rank in (0, 1))
        self.streams = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, count, *size):
        parts = [
            torch.randn(count // 2, *size, generator=each, dtype=torch.float64)
            for each in self.streams
        ]
        return torch.cat(parts)


def equals_one_process(fabric):
    """Two batches of 64 on two processes, one of 128 on one, in float64."""
    found = {}
    teacher, _ = pair(torch.float64)
    student = create("wrn-10-1", classes=10, input_size=SIZE).double()
    student.load_state_dict(of_rank(0, student.state_dict()))
    for name, rounds in (("noise", 2), ("zskt", 2)):
        method = replace(quick(name), batch_size=64)
        both = session_of(fabric, teacher, student, sync_batch_norm=True)
        with both.processes.statistics():
            list(islice(method.rounds(both), rounds))
        alone = session_of(make_fabric(ALONE, torch.float64), teacher, student)
        alone.noise = Doubled()
        list(islice(replace(method, batch_size=128).rounds(alone), rounds))
        found[name] = same(state(both), state(alone), rtol=1e-9, atol=1e-11)
        moved = {f"student {name}": value for name, value in student.state_dict().items()}
        found[f"{name} moved"] = not same(moved, state(both))
    return found


def batch_norm():
    """A layer's answer, gradients and running statistics over both halves of a batch."""
    torch.manual_seed(0)
    whole, slope = torch.randn(2, 6, 3, 4, 4, dtype=torch.float64).add(1)
    layers = [nn.BatchNorm2d(3).double() for _ in range(2)]
    inputs = whole.clone().requires_grad_(), whole[3 * RANK :][:3].clone().requires_grad_()
    (layers[0](inputs[0]) * slope).mean().backward()
    with SharedStatistics():
        part = layers[1](inputs[1])
        loss = (part * slope[3 * RANK :][:3]).mean()
    loss.backward()
    with torch.no_grad():
        ours = {"input": inputs[1].grad / 2, "answer": part, **layers[1].state_dict()}
        theirs = {"input": inputs[0].grad[3 * RANK :][:3], **layers[0].state_dict()}
        theirs["answer"] = F.batch_norm(inputs[0], None, None, training=True)[3 * RANK :][:3]
        for name, parameter in layers[1].named_parameters():
            distributed.all_reduce(parameter.grad)
            ours[f"gradient {name}"] = parameter.grad / 2
            theirs[f"gradient {name}"] = layers[0].get_parameter(name).grad
    return {name: torch.allclose(ours[name], theirs[name].to(ours[name])) for name in ours}


def prior(fabric):
    """R of both halves of a batch, and its gradient to the images."""
    teacher, student = pair(torch.float64)
    whole = torch.randn(6, *SIZE, generator=torch.Generator().manual_seed(0)).double()
    inputs = whole[3 * RANK :][:3].clone().requires_grad_(), whole.clone().requires_grad_()
    values = []
    for each, images in zip((fabric, make_fabric(ALONE, torch.float64)), inputs, strict=True):
        _, distance = BatchNormPrior(session_of(each, teacher, student))(images)
        distance.backward()
        values.append(distance)
    return {
        "value": torch.allclose(*values),
        "gradient": torch.allclose(inputs[0].grad / 2, inputs[1].grad[3 * RANK :][:3]),
    }


class Interrupted:
    """A method in whose third round Ctrl-C reaches the second process alone."""

    def __init__(self, method):
        self.method = method

    def rounds(self, session):
        for number, played in enumerate(self.method.rounds(session), 1):
            if number == 3 and RANK == 1:
                os.kill(os.getpid(), signal.SIGINT)
            yield played


class Broken:
    """A method whose third round breaks, once, on the second process alone."""

    def __init__(self, method):
        self.method, self.whole = method, False

    def rounds(self, session):
        for number, played in enumerate(self.method.rounds(session), 1):
            if number == 3 and not self.whole:
                self.whole = True
                if RANK == 1:
                    played.metrics["student_loss"] = torch.tensor(float("nan"))
            yield played


def recovered(folder):
    """Numbers that break on one process take both back to the checkpoint of the first."""
    student = create("wrn-10-1", classes=10, input_size=SIZE)
    method = Broken(quick("replay"))
    found = play(RunFolder(folder / "broken"), method, student, save_seconds=1e-9)
    state = found.student.state_dict()
    return {
        "made": [[each["round"], each["back_to"], each["broken"]] for each in found.recovered],
        "same": same(state, of_rank(0, state)),
    }


def play(folder, method, student, **settings):
    run = Run(rounds=6, device="cpu", precision="32", record_every=1, **settings)
    part = Play(method=method, run=run, where=TOGETHER, input_size=SIZE, classes=10, progress=False)
    card = Card(architecture="wrn-10-1", input_size=SIZE, classes=10)
    if RANK == 0:
        settings = {"command_name": "distill", "input_size": SIZE}
        part.writer = FolderWriter(folder, card, settings, None, resumed=folder.holds_run)
    part.memories = folder.memories
    part.saved = folder.state()
    distributed.barrier()
    if RANK == 0 and part.saved:
        folder.rewind(part.saved["round"])
    return part(pair()[0], student)


def stopped_and_resumed(folder):
    """Stopped on one process, both stop; resumed, the run ends as if it had never stopped."""
    student = create("wrn-10-1", classes=10, input_size=SIZE)
    student.load_state_dict(of_rank(0, student.state_dict()))
    students = [copy.deepcopy(student) for _ in range(3)]
    whole = play(RunFolder(folder / "whole"), quick("replay"), students[0])
    stopped = None
    try:
        play(RunFolder(folder / "stopped"), Interrupted(quick("replay")), students[1])
    except Stopped as stop:
        stopped = str(stop)
    distributed.barrier()
    again = play(RunFolder(folder / "stopped"), quick("replay"), students[2])
    return {
        "stopped": stopped,
        "student": same(again.student.state_dict(), whole.student.state_dict()),
        "average": same(again.average.state_dict(), whole.average.state_dict()),
    }


def main(folder):
    torch.set_num_threads(1)
    fabric, exact = make_fabric(TOGETHER), make_fabric(TOGETHER, torch.float64)
    found = {
        "methods": every_method(fabric),
        "one process": equals_one_process(exact),
        "batch norm": batch_norm(),
        "prior": prior(exact),
        "resumed": stopped_and_resumed(folder),
        "recovered": recovered(folder),
    }
    (folder / f"{RANK}.json").write_text(json.dumps(found))
    distributed.barrier()
    # Left open, its threads can abort the interpreter on its way out.
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
