"""A network of two layers as a class of its own, saved into a dictionary and restored from it."""
import torch
import torch.nn.functional as F
from torch import nn


class TwoLayers(nn.Module):
    """inputs -> hidden, ReLU -> outputs, with a learnt scale on the result."""

    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.inner = nn.Linear(inputs, hidden)
        self.outer = nn.Linear(hidden, outputs)
        self.scale = nn.Parameter(torch.ones(outputs))

    def forward(self, x):
        return self.scale * self.outer(F.relu(self.inner(x)))


torch.manual_seed(0)
x = torch.randn(32, 20)
target = torch.sin(x[:, :4])
model = TwoLayers(20, 16, 4)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
print(model)
print("numbers to learn:", sum(parameter.numel() for parameter in model.parameters()))

for step in range(201):
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), target)
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step:3}  loss {loss.item():.4f}")

twin = TwoLayers(20, 16, 4)
print(twin.load_state_dict(model.state_dict()))
print("the same output:", torch.equal(twin(x), model(x)))
