"""Words that stand at the end of a command's help."""

EXAMPLES = {
    "plan": "model.onnx wrn-16-1",
    "distill": "--teacher model.onnx --student wrn-16-1 --minutes 20 --out runs/student",
    "report": "runs/student --watch",
    "evaluate": "runs/student --teacher model.onnx --data cifar10",
    "compare": "runs/student student.onnx --teacher model.onnx",
    "export": "runs/student --out student.onnx --int8",
    "push": "runs/student NAME/student --private",
    "leaderboard": "model.onnx --student wrn-16-1 --minutes 20",
    "sweep": "grid.toml --ray --cores-per-run 1",
    "train": "wrn-16-2 --data cifar10 --out runs/teacher",
}
