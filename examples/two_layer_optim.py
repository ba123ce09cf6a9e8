"""A network of two layers trained by an optimizer, with a learning rate that falls as the training goes on."""
import torch
from torch import nn, optim

torch.manual_seed(0)
x = torch.randn(32, 20)
target = torch.sin(x[:, :4])

model = nn.Sequential(nn.Linear(20, 16), nn.Tanh(), nn.Linear(16, 4))
optimizer = optim.Adam(model.parameters(), lr=0.005)
schedule = optim.lr_scheduler.StepLR(optimizer, step_size=100, gamma=0.3)
print(optimizer)

for step in range(301):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), target)
    loss.backward()
    if step % 50 == 0:
        print(f"step {step:3}  rate {schedule.get_last_lr()[0]:.4f}  loss {loss.item():.4f}")
    optimizer.step()
    schedule.step()
