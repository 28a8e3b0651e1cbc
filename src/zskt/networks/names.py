"""Networks by name, each with a line about it."""

NETWORKS = {
    "wrn-16-1": "wide residual network of the paper, 0.18 M parameters; any wrn-DEPTH-WIDTH",
    "wrn-16-2": "wide residual network of the paper, 0.69 M parameters",
    "wrn-40-1": "wide residual network of the paper, 0.56 M parameters",
    "wrn-40-2": "wide residual network of the paper, 2.24 M parameters",
    "resnet-20": "residual network for small images, 0.27 M parameters; any resnet-DEPTH",
    "resnet-56": "residual network for small images, 0.86 M parameters",
    "lenet": "LeNet-5, 0.06 M parameters; images of at least 16x16",
    "timm:NAME": "any classifier of timm, for example timm:resnet18 or timm:mobilenetv3_small_050",
    "torchvision:NAME": "any classifier of torchvision, for example torchvision:resnet18",
    "MODULE:FACTORY": "your own code: a function or class that makes a network",
    "shrink:FACTOR": "as a student: a smaller one of the teacher's family, for example shrink:0.5",
}
