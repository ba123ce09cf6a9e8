"""A straight line through noisy points, by gradient descent, and beside it the exact answer of least squares."""
import torch
from torch import nn

torch.manual_seed(0)
x = torch.rand(100, 1) * 4 - 2
y = 3 * x - 1 + 0.1 * torch.randn(100, 1)

line = nn.Linear(1, 1)
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(line.parameters(), lr=0.1)

for epoch in range(61):
    loss = criterion(line(x), y)
    if epoch % 10 == 0:
        print(f"epoch {epoch:2}  loss {loss.item():.4f}  y = {line.weight.item():.3f} x + {line.bias.item():.3f}")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

with torch.no_grad():
    dx, dy = x - x.mean(), y - y.mean()
    slope = (dx * dy).sum() / (dx * dx).sum()
    print(f"least squares: y = {slope.item():.3f} x + {(y.mean() - slope * x.mean()).item():.3f}")
    print("at 0, 1, 2:", line(torch.tensor([[0.0], [1.0], [2.0]])).squeeze(1).numpy().round(1))
