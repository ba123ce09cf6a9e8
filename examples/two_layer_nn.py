"""A network of two layers built from ready-made ones, updated by hand."""
import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(32, 20)
target = torch.sin(x[:, :4])

model = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 4))
criterion = nn.MSELoss()
print(model)

for step in range(301):
    loss = criterion(model(x), target)
    if step % 50 == 0:
        print(f"step {step:3}  loss {loss.item():.4f}")
    model.zero_grad()
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 0.2 * parameter.grad

for name, parameter in model.named_parameters():
    print(f"{name:9} {tuple(parameter.shape)}")
