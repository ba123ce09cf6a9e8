"""A network of two layers with an activation of our own: its value and its gradient, as an autograd Function."""
import torch


class Softsign(torch.autograd.Function):
    """x / (1 + |x|), whose derivative is 1 / (1 + |x|)^2."""

    @staticmethod
    def forward(ctx, x):
        scale = 1 / (1 + x.abs())
        ctx.save_for_backward(scale)
        return x * scale

    @staticmethod
    def backward(ctx, grad):
        (scale,) = ctx.saved_tensors
        return grad * scale**2


torch.manual_seed(0)
check = torch.linspace(-2, 2, 7, dtype=torch.float64, requires_grad=True)
print("gradcheck", torch.autograd.gradcheck(Softsign.apply, (check,)))

batch, inputs, hidden, outputs = 32, 20, 16, 4
x = torch.randn(batch, inputs)
target = torch.sin(x[:, :outputs])
first = (torch.randn(inputs, hidden) / inputs**0.5).requires_grad_()
second = (torch.randn(hidden, outputs) / hidden**0.5).requires_grad_()
rate = 0.2

for step in range(301):
    loss = (Softsign.apply(x @ first) @ second - target).pow(2).mean()
    if step % 50 == 0:
        print(f"step {step:3}  loss {loss.item():.4f}")
    gradients = torch.autograd.grad(loss, (first, second))
    with torch.no_grad():
        for weight, gradient in zip((first, second), gradients):
            weight -= rate * gradient
