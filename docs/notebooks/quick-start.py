# %% [markdown]
# # Quick start
#
# A student is taught by a teacher, without data, and looked at. The teacher comes with zskt: a
# network that knows handwritten digits of 8x8 pixels.

# %%
from importlib.resources import files
from pathlib import Path

import zskt

ROUNDS, OUT = 30, Path("runs/quick")
teacher = Path(str(files("zskt") / "assets" / "digits-teacher.safetensors"))
for what, found in zskt.inspect(teacher).facts.items():
    print(f"{what}: {found}")

# %% [markdown]
# A run of our own method, as `zskt demo` makes it. Nothing is written without `out`.
# On two cores it takes about a minute.

# %%
run = zskt.Run(rounds=ROUNDS, device="cpu")
result = zskt.distill(teacher, "wrn-10-1", run=run, out=OUT, overwrite=True)

# %% [markdown]
# What can be told without data: a word, its reason, and the share of the teacher's accuracy that
# the student is predicted to keep, with an interval; None after very short runs.

# %%
print(result.verdict.word, "because", result.verdict.reason)
print(result.verdict.share)

# %% [markdown]
# And what real scans say. No student learns from them.

# %%
for row in zskt.evaluate(OUT, teacher=teacher, data="digits").rows:
    print(f"{row['network']}: accuracy {row['accuracy']:.2%}, agreement {row['agreement']:.2%}")

# %% [markdown]
# The images that the student learnt from: no digits.

# %%
from matplotlib import pyplot as plt

assert result.source is not None  # as with methods that draw nothing
images = result.source.images(16, seed=0)
figure, axes = plt.subplots(2, 8, figsize=(8, 2.2))
for axis, image in zip(axes.flat, images, strict=True):
    axis.imshow(image[0].numpy(), cmap="gray")
    axis.axis("off")

# %% [markdown]
# In another process the student is one line.

# %%
student = zskt.load(OUT)
print(sum(weight.numel() for weight in student.parameters()), "weights")
