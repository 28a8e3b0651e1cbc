"""Teachers from wherever they come: our files, other makers' names, ONNX, TorchScript, code."""
