# %% [markdown]
# # Bring your own model
#
# Any `torch.nn.Module` that classifies images can be a teacher, and any other a student. Neither
# needs to know of zskt. Here both are small, and the teacher is trained first; yours is trained
# already.

# %%
import torch
from torch import nn

import zskt

EPOCHS, ROUNDS = 30, 100
torch.manual_seed(0)


def network(width: int) -> nn.Module:
    """A plain network of convolutions, for grey images of 8x8."""
    layers = []
    for channels, out in ((1, width), (width, width)):
        layers += [nn.Conv2d(channels, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(width * 16, 10))


# %% [markdown]
# Your training, in your way. From pixels of 0 to 1, 0.5 is taken, and they are divided by 0.5: keep
# those two numbers.

# %%
digits = zskt.load_data("digits")
images = (digits.train.images.float() / 255 - 0.5) / 0.5
mine = network(32)
adam = torch.optim.Adam(mine.parameters())
for _ in range(EPOCHS):
    for batch in torch.randperm(len(images)).split(64):
        loss = nn.functional.cross_entropy(mine(images[batch]), digits.train.labels[batch])
        adam.zero_grad()
        loss.backward()
        adam.step()

# %% [markdown]
# From here on no data. The teacher is a copy of your network: yours is not changed.

# %%
teacher = zskt.load_teacher(mine, input_size=(1, 8, 8), mean=(0.5,), std=(0.5,))
for what, found in zskt.inspect(teacher).facts.items():
    print(f"{what}: {found}")

# %% [markdown]
# How long will it take? A trial of a few rounds says so.

# %%
small = network(8)
method = zskt.ZSKT(fresh_noise=True, attention=0.0, generator_width=32)
run = zskt.Run(rounds=ROUNDS, device="cpu")
for line in zskt.plan(teacher, small, method=method, run=run, seconds=1).lines:
    print(line)

# %% [markdown]
# `small` is trained in place.

# %%
result = zskt.distill(teacher, small, method=method, run=run)
print(result.verdict)

# %% [markdown]
# If there is some data after all, test the student as you would test any network.

# %%
test = (digits.test.images.float() / 255 - 0.5) / 0.5
with torch.no_grad():
    for name, each in (("teacher", mine), ("student", small)):
        right = each.eval()(test).argmax(1) == digits.test.labels
        print(f"{name}: {right.float().mean():.2%} of {len(right)} real scans")
