"""A network of two layers whose gradients autograd finds: say which tensors want one, and call backward."""
import torch

torch.manual_seed(0)
batch, inputs, hidden, outputs = 32, 20, 16, 4
x = torch.randn(batch, inputs)
target = torch.sin(x[:, :outputs])

first = (torch.randn(inputs, hidden) / inputs**0.5).requires_grad_()
second = (torch.randn(hidden, outputs) / hidden**0.5).requires_grad_()
rate = 0.1

for step in range(301):
    loss = ((x @ first).clamp(min=0) @ second - target).pow(2).mean()
    if step % 50 == 0:
        print(f"step {step:3}  loss {loss.item():.4f}  grad_fn {loss.grad_fn.name()}")
    loss.backward()
    with torch.no_grad():  # the update itself is not to be differentiated
        for weight in (first, second):
            weight -= rate * weight.grad
            weight.grad = None

print("leaves", first.is_leaf, second.is_leaf, "- results", (first @ second).is_leaf)
