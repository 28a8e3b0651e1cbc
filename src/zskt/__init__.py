"""zskt distils a trained image classifier into a smaller one without any data.

The public names are these; everything else may change.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zskt.data import load_data as load_data
    from zskt.errors import UserError as UserError
    from zskt.methods import ZSKT as ZSKT
    from zskt.model_file import Card as Card
    from zskt.model_file import load as load
    from zskt.model_file import load_weights as load_weights
    from zskt.networks import create as create
    from zskt.teachers import load_teacher as load_teacher
    from zskt.training.distill import Distilled as Distilled
    from zskt.training.distill import distill as distill
    from zskt.training.run import Run as Run
    from zskt.verdict.judgement import judged as judged
    from zskt.verdict.signals import signals as signals

_HOME = {
    "Card": "zskt.model_file",
    "Distilled": "zskt.training.distill",
    "Run": "zskt.training.run",
    "UserError": "zskt.errors",
    "ZSKT": "zskt.methods",
    "create": "zskt.networks",
    "distill": "zskt.training.distill",
    "judged": "zskt.verdict.judgement",
    "load": "zskt.model_file",
    "load_data": "zskt.data",
    "load_teacher": "zskt.teachers",
    "load_weights": "zskt.model_file",
    "signals": "zskt.verdict.signals",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    # Torch takes seconds to import, and `zskt --help` imports this package too.
    if name not in _HOME:
        raise AttributeError(f"module 'zskt' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)
