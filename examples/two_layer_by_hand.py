"""A network of two layers, its gradients worked out by hand and written with plain tensor operations."""
import torch

torch.manual_seed(0)
batch, inputs, hidden, outputs = 32, 20, 16, 4
x = torch.randn(batch, inputs)
target = torch.sin(x[:, :outputs])

first = torch.randn(inputs, hidden) / inputs**0.5
second = torch.randn(hidden, outputs) / hidden**0.5
rate = 0.1

for step in range(301):
    # forward
    before = x @ first
    after = before.clamp(min=0)
    error = after @ second - target
    loss = (error**2).mean()
    if step % 50 == 0:
        print(f"step {step:3}  loss {loss.item():.4f}")

    # backward: the chain rule, from the loss to the weights
    grad_output = 2 * error / error.numel()
    grad_second = after.T @ grad_output
    grad_after = grad_output @ second.T
    grad_before = torch.where(before > 0, grad_after, torch.zeros(()))
    grad_first = x.T @ grad_before

    # downhill
    first -= rate * grad_first
    second -= rate * grad_second

print("weights", tuple(first.shape), tuple(second.shape), first.dtype)
