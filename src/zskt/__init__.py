"""zskt distils a trained image classifier into a smaller one without any data.

The public names are these; everything else may change. What a command does is a function of the
same name: `zskt distill` is `zskt.distill`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zskt.data import load_data as load_data
    from zskt.distillation.run import Run as Run
    from zskt.errors import UserError as UserError
    from zskt.experiments.leaderboard import leaderboard as leaderboard
    from zskt.experiments.reproduce import reproduce as reproduce
    from zskt.experiments.sweep import sweep as sweep
    from zskt.jobs.beliefs import beliefs as beliefs
    from zskt.jobs.compare import compare as compare
    from zskt.jobs.demo import demo as demo
    from zskt.jobs.distill import Distilled as Distilled
    from zskt.jobs.distill import distill as distill
    from zskt.jobs.evaluate import evaluate as evaluate
    from zskt.jobs.export import export as export
    from zskt.jobs.finetune import finetune as finetune
    from zskt.jobs.inspect import inspect as inspect
    from zskt.jobs.list import list_names as list_names
    from zskt.jobs.noise_predictions import UniformNoise as UniformNoise
    from zskt.jobs.noise_predictions import noise_predictions as noise_predictions
    from zskt.jobs.plan import plan as plan
    from zskt.jobs.push import push as push
    from zskt.jobs.report import report as report
    from zskt.jobs.run_file import read_run_file as read_run_file
    from zskt.jobs.synthesize import synthesize as synthesize
    from zskt.jobs.toy import toy as toy
    from zskt.jobs.train import train as train
    from zskt.jobs.verdict import verdict as verdict
    from zskt.measure.beliefs.settings import Measurement as Measurement
    from zskt.methods.adi import ADI as ADI
    from zskt.methods.dafl import DAFL as DAFL
    from zskt.methods.dfad import DFAD as DFAD
    from zskt.methods.dfq import DFQ as DFQ
    from zskt.methods.fast import Fast as Fast
    from zskt.methods.nayer import NAYER as NAYER
    from zskt.methods.noise import Noise as Noise
    from zskt.methods.replay import Replay as Replay
    from zskt.methods.zskt import ZSKT as ZSKT
    from zskt.model_file import Card as Card
    from zskt.model_file import load as load
    from zskt.model_file import load_weights as load_weights
    from zskt.networks import create as create
    from zskt.plane.settings import Toy as Toy
    from zskt.supervised.recipe import FineTuning as FineTuning
    from zskt.supervised.recipe import FineTuningDistillation as FineTuningDistillation
    from zskt.supervised.recipe import KnowledgeDistillation as KnowledgeDistillation
    from zskt.supervised.recipe import Recipe as Recipe
    from zskt.teachers.load import load_teacher as load_teacher
    from zskt.teachers.options import TeacherOptions as TeacherOptions
    from zskt.teachers.teacher import Teacher as Teacher

_HOME = {
    "ADI": "zskt.methods.adi",
    "Card": "zskt.model_file",
    "DAFL": "zskt.methods.dafl",
    "DFAD": "zskt.methods.dfad",
    "DFQ": "zskt.methods.dfq",
    "Distilled": "zskt.jobs.distill",
    "Fast": "zskt.methods.fast",
    "FineTuning": "zskt.supervised.recipe",
    "FineTuningDistillation": "zskt.supervised.recipe",
    "KnowledgeDistillation": "zskt.supervised.recipe",
    "Measurement": "zskt.measure.beliefs.settings",
    "NAYER": "zskt.methods.nayer",
    "Noise": "zskt.methods.noise",
    "Recipe": "zskt.supervised.recipe",
    "Replay": "zskt.methods.replay",
    "Run": "zskt.distillation.run",
    "Teacher": "zskt.teachers.teacher",
    "TeacherOptions": "zskt.teachers.options",
    "Toy": "zskt.plane.settings",
    "UniformNoise": "zskt.jobs.noise_predictions",
    "UserError": "zskt.errors",
    "ZSKT": "zskt.methods.zskt",
    "beliefs": "zskt.jobs.beliefs",
    "compare": "zskt.jobs.compare",
    "create": "zskt.networks",
    "demo": "zskt.jobs.demo",
    "distill": "zskt.jobs.distill",
    "evaluate": "zskt.jobs.evaluate",
    "export": "zskt.jobs.export",
    "finetune": "zskt.jobs.finetune",
    "inspect": "zskt.jobs.inspect",
    "leaderboard": "zskt.experiments.leaderboard",
    "list_names": "zskt.jobs.list",
    "load": "zskt.model_file",
    "load_data": "zskt.data",
    "load_teacher": "zskt.teachers.load",
    "load_weights": "zskt.model_file",
    "noise_predictions": "zskt.jobs.noise_predictions",
    "plan": "zskt.jobs.plan",
    "push": "zskt.jobs.push",
    "read_run_file": "zskt.jobs.run_file",
    "report": "zskt.jobs.report",
    "reproduce": "zskt.experiments.reproduce",
    "sweep": "zskt.experiments.sweep",
    "synthesize": "zskt.jobs.synthesize",
    "toy": "zskt.jobs.toy",
    "train": "zskt.jobs.train",
    "verdict": "zskt.jobs.verdict",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    # Torch takes seconds to import, and `zskt --help` imports this package too.
    if name not in _HOME:
        raise AttributeError(f"module 'zskt' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)
