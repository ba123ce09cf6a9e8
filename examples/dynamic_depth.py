"""A network whose depth is drawn anew for every batch: plain Python decides, and one layer's weights serve many times."""
import random

import torch
from torch import nn


class Deepening(nn.Module):
    """One layer in, one layer out, and the same middle layer from none to three times in between."""

    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.enter = nn.Linear(inputs, hidden)
        self.middle = nn.Linear(hidden, hidden)
        self.leave = nn.Linear(hidden, outputs)

    def forward(self, x, depth):
        h = torch.tanh(self.enter(x))
        while depth > 0:
            h = torch.tanh(self.middle(h))
            depth -= 1
        return self.leave(h)


random.seed(0)
torch.manual_seed(0)
x = torch.randn(32, 20)
target = torch.sin(x[:, :4])
model = Deepening(20, 24, 4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
seen = [0, 0, 0, 0]

for _ in range(200):
    depth = random.randint(0, 3)
    seen[depth] += 1
    optimizer.zero_grad()  # sets every gradient to None: at depth 0 the middle layer has none, and keeps its weights
    loss = nn.functional.mse_loss(model(x, depth), target)
    loss.backward()
    optimizer.step()

print("batches by depth:", seen)
with torch.no_grad():
    for depth in range(4):
        print(f"depth {depth}  loss {nn.functional.mse_loss(model(x, depth), target).item():.3f}")
