"""Teachers and students of the user's own code that are not what they should be."""

from collections.abc import Iterator
from pathlib import Path

from campaigns.cases import Case
from campaigns.child import Bounds

KINDS = {
    "raises": ("return 1 / 0", ""),
    "raises later": (
        "self.n += 1\n        assert self.n < 9, 'nine'\n        return self.head(x.flatten(1))",
        "self.n = 0",
    ),
    "exits": ("raise SystemExit(3)", ""),
    "interrupts": ("raise KeyboardInterrupt", ""),
    "returns nothing": ("return None", ""),
    "recurses": ("return self.forward(x)", ""),
    "memory": ("raise MemoryError", ""),
    "stops": ("raise StopIteration", ""),
    "unspeakable": ("raise Odd()", ""),
    "group": ("raise ExceptionGroup('g', [ValueError()])", ""),
    "returns text": ("return 'x'", ""),
    "returns list": ("return [self.head(x.flatten(1))]", ""),
    "returns empty": ("return []", ""),
    "returns one": ("return self.head(x.flatten(1))[:, :1]", ""),
    "returns none of batch": ("return self.head(x.flatten(1))[:0]", ""),
    "returns numpy": ("return self.head(x.flatten(1)).detach().numpy()", ""),
    "returns integers": ("return self.head(x.flatten(1)).long()", ""),
    "returns complex": ("return self.head(x.flatten(1)) + 0j", ""),
    "returns double": ("return self.head(x.flatten(1)).double()", ""),
    "returns half": ("return self.head(x.flatten(1)).half()", ""),
    "returns meta": ("return self.head(x.flatten(1)).to('meta')", ""),
    "returns sparse": ("return self.head(x.flatten(1)).to_sparse()", ""),
    "returns nan": ("return self.head(x.flatten(1)) * float('nan')", ""),
    "detaches": ("return self.head(x.flatten(1)).detach()", ""),
    "random": ("return torch.rand(len(x), 10)", ""),
    "no grad": ("with torch.no_grad(): return self.head(x.flatten(1))", ""),
    "writes input": ("x.zero_(); return self.head(x.flatten(1))", ""),
    "train mode": ("self.train(); return self.head(x.flatten(1))", ""),
    "double": (None, "self.double()"),
    "complex": (None, "self.to(torch.complex64)"),
    "half": (None, "self.half()"),
    "bfloat": (None, "self.bfloat16()"),
    "integer": (
        None,
        "self.w = nn.Parameter(torch.zeros(3, dtype=torch.int8), requires_grad=False)",
    ),
    "integer first": (
        None,
        "self.head = nn.Module(); "
        "self.head.w = nn.Parameter(torch.zeros(3, dtype=torch.long), requires_grad=False); "
        "self.head.forward = lambda x: x[:, :10]",
    ),
    "frozen": (None, "self.requires_grad_(False)"),
    "lazy": (None, "self.head = nn.LazyLinear(10)"),
    "meta": (None, "self.to('meta')"),
    "half frozen": (None, "self.head.weight.requires_grad_(False)"),
    "shared": (
        None,
        "self.a = self.head; self.b = nn.Linear(64, 10); self.b.weight = self.head.weight",
    ),
    "pruned": (
        None,
        "import torch.nn.utils.prune as p; "
        "p.l1_unstructured(self.head, 'weight', 0.5); "
        "self.head(torch.zeros(1, 64))",
    ),
    "weight norm": (None, "self.head = nn.utils.weight_norm(self.head)"),
    "parametrised": (None, "nn.utils.parametrizations.spectral_norm(self.head)"),
    "string state": (
        None,
        ""
        "type(self).get_extra_state = lambda self: 'x'; "
        "type(self).set_extra_state = lambda self, s: None",
    ),
    "no copy": (None, "self.lock = __import__('threading').Lock()"),
    "generator state": (None, "self.g = (n for n in range(3))"),
    "hook": (None, "self.register_forward_hook(lambda *_: 1 / 0)"),
    "no weights": ("return x.flatten(1)[:, :10]", "del self.head"),
    "none weight": (None, "self.head.bias = None"),
    "nan weight": (None, "self.head.weight.data.fill_(float('nan'))"),
    "sparse weight": (None, "self.w = nn.Parameter(torch.zeros(3, 3).to_sparse())"),
    "quantised": (None, "self.head = torch.ao.nn.quantized.Linear(64, 10)"),
    "empty weight": (None, "self.w = nn.Parameter(torch.zeros(0))"),
    "scripted": (None, "self.head = torch.jit.script(self.head)"),
    "odd name": (None, "self.register_buffer('\\U0001f996', torch.zeros(1))"),
    "text buffer": (None, "self._buffers['s'] = 'text'"),
    "none buffer": (None, "self.register_buffer('n', None)"),
    "huge buffer": (None, "self.register_buffer('h', torch.zeros(1).expand(10**12))"),
    "parallel": (None, "self.head = nn.DataParallel(self.head)"),
    "inference": (
        None,
        "with torch.inference_mode(): self.head.weight = nn.Parameter(torch.rand(10, 64), "
        "requires_grad=False)",
    ),
    "result weight": (
        None,
        "self.head = nn.Linear(64, 10); "
        "w = self.head.weight * 1; "
        "del self.head.weight; "
        "self.head.weight = w",
    ),
    "state raises": (None, "self.state_dict = lambda *a, **k: 1 / 0"),
    "parameters raise": (None, "self.parameters = lambda *a, **k: 1 / 0"),
    "eval raises": (None, "self.train = lambda *a: 1 / 0"),
    "property": (None, "type(self).stages = property(lambda self: 1 / 0)"),
    "stages": (None, "self.stages = ('nothing',)"),
    "long": ("while True: pass", ""),
}
"""What `forward` does (None: what it should) and what is done last when it is made."""
FACTORIES = {
    "exits": "raise SystemExit(0)",
    "aborts": "import sys; sys.exit('bye')",
    "interrupts": "raise KeyboardInterrupt",
    "raises": "raise ValueError",
    "many lines": "raise ValueError('a\\nb\\n\\n')",
    "odd": "raise Odd()",
    "base": "raise Odder()",
    "nothing": "return None",
    "a class": "return Net",
    "recurses": "return recurses()",
    "arguments": "return Net(1, 2)",
    "function": "return lambda x: x",
    "prints": "print('x' * 10**6); return Net()",
    "warns": "import warnings; warnings.warn('w'); return Net()",
    "argument": "return Net(**a)",
}
SHORT = ("--rounds", "1", "--batch-size", "2", "--out", "o", "--device", "cpu")


def cases(base: Path) -> Iterator[Case]:
    """Each as a teacher that is looked at and taught from, and as a student."""
    ours = ("--teacher", "{base}/teacher.safetensors")
    size = ("--input-size", "1", "8", "8")
    bounds = Bounds(ctrl_c=1.5)
    for name in [*KINDS, *(f"make {each}" for each in FACTORIES)]:
        text = source(name)
        place = "gift:make"
        ways = {
            "teacher": ("inspect", place, *size, "--student", "lenet"),
            "teacher of a run": (
                "distill",
                "--teacher",
                place,
                "--student",
                "wrn-10-1",
                *size,
                *SHORT,
                "--method",
                "zskt",
            ),
            "student": ("distill", *ours, "--student", place, *SHORT, "--method", "zskt"),
            "student trained": (
                "train",
                place,
                "--data",
                "{base}/data.npz",
                "--out",
                "o",
                "--steps",
                "1",
                "--batch-size",
                "2",
            ),
        }
        for role, words in ways.items():
            made = lambda folder, text=text: (folder / "gift.py").write_text(text)  # noqa: E731
            yield Case(f"{role} of code", name, words, made, bounds)


def source(name: str) -> str:
    """A module whose `make` gives the network, or fails."""
    forward, last = KINDS.get(name, (None, ""))
    make = (
        FACTORIES.get(name.removeprefix("make "), "return Net()")
        if "make " in name
        else "return Net()"
    )
    return f"""
import torch
from torch import nn

class Odd(Exception):
    def __str__(self):
        raise RuntimeError("no words")

class Odder(BaseException):
    pass

def recurses():
    return recurses()

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 10)
        {last or "pass"}

    def forward(self, x):
        {forward or "return self.head(x.flatten(1))"}

def make(**a):
    {make}
"""
