"""A session on two real processes: each draws its own noise, all take the same step."""

import subprocess
import sys

TWO = """
import copy, sys
import torch
from lightning_fabric import Fabric
from zskt.distillation.recovery import check_finite
from zskt.distillation.round import Round
from zskt.distillation.session import Session
from zskt.errors import DivergedError
from zskt.methods.noise import Noise
from zskt.networks import create

torch.set_num_threads(1)
fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp", precision="32-true")
fabric.launch()
torch.manual_seed(0)
size = (1, 8, 8)
teacher, student = (create(name, classes=4, input_size=size) for name in ("resnet-8", "wrn-10-1"))
alone = copy.deepcopy(student)
session = Session(
    teacher, student, input_size=(1, 8, 8), classes=4, seed=0, fabric=fabric, tell=lambda text: None
)
rounds = Noise(batch_size=4, student_steps=2).rounds(session)
played = next(rounds)
images = fabric.all_gather(played.images)
weights = fabric.all_gather(torch.cat([p.detach().flatten() for p in student.parameters()]))
assert not torch.equal(images[0], images[1]), "both processes drew the same images"
assert torch.equal(weights[0], weights[1]), "the processes took different steps"
assert fabric.broadcast(fabric.global_rank) == 0
# Numbers that break on one process break the round on both, with one sentence.
loss = float("nan") if fabric.global_rank else 1.0
try:
    check_finite(1, Round(played.images, student_loss=loss), session, weights=True)
except DivergedError as error:
    assert error.broken == "a loss of another process", error
else:
    raise AssertionError("the other process goes on alone")
check_finite(1, played, session, weights=True)
if fabric.global_rank == 0:
    print("both agree")
# Left open, its threads can abort the interpreter on its way out.
torch.distributed.barrier()
torch.distributed.destroy_process_group()
"""


def test_two_processes_draw_apart_and_step_together(tmp_path):
    (tmp_path / "two.py").write_text(TWO)
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "two.py"]
    run = subprocess.run(
        [sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert "both agree" in run.stdout
