"""Learn to read handwritten digits, in seconds, and draw what was learnt.

    python digits.py [PICTURE]

1,797 images of 8 x 8 pixels (digits.md says whose); a fifth of them is held out and never learnt from.
"""
import os
import sys

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn
from tqdm import tqdm

EPOCHS, BATCH = 30, 64
HERE = os.path.dirname(os.path.abspath(__file__))
BLUE, RED, GREY = "#2b5d8a", "#c0392b", "#8a8a8a"


def load():
    """(images to learn from, their labels, held-out images, their labels); an image is a row of 64 numbers from 0 to 1."""
    file = np.load(os.path.join(HERE, "digits.npz"))
    images = torch.from_numpy(file["images"]).float().flatten(1) / 16
    labels = torch.from_numpy(file["labels"]).long()
    order = torch.randperm(len(images))
    held = len(images) // 5
    return images[order[held:]], labels[order[held:]], images[order[:held]], labels[order[:held]]


@torch.no_grad()
def read(model, images):
    """The most likely digit of each image."""
    model.eval()
    digits = model(images).argmax(1)
    model.train()
    return digits


def one_epoch(model, optimizer, images, labels):
    """The loss of every step of one pass over the images, in an order drawn anew."""
    losses = []
    for batch in torch.randperm(len(images)).split(BATCH):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def train(model, images, labels, held_images, held_labels):
    """Trains the model; returns each step's loss, epoch by epoch, and the held-out accuracy in percent after each epoch."""
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    losses, scores = [], []
    watched = sys.stderr.isatty()
    bar = tqdm(range(1, EPOCHS + 1), desc="training", unit="epoch", disable=not watched)
    for epoch in bar:
        losses.append(one_epoch(model, optimizer, images, labels))
        schedule.step()
        mean = sum(losses[-1]) / len(losses[-1])
        scores.append(100 * (read(model, held_images) == held_labels).float().mean().item())
        bar.set_postfix_str(f"loss {mean:.3f}, accuracy {scores[-1]:.1f} %")
        if not watched and epoch % 5 == 0:
            print(f"epoch {epoch:2}  loss {mean:.3f}  accuracy {scores[-1]:.1f} %")
    return losses, scores


def draw_curves(figure, losses, scores):
    """The loss of every step with each epoch's mean over it, and the held-out accuracy below."""
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    steps = len(losses[0])
    ends = np.arange(1, len(losses) + 1)
    above.plot(np.arange(1, len(losses) * steps + 1) / steps, np.concatenate(losses), color=BLUE, alpha=0.3, linewidth=0.8)
    above.plot(ends - 0.5, [np.mean(epoch) for epoch in losses], color=BLUE, linewidth=2)
    above.set(yscale="log", title="training loss (cross-entropy): each step, and the mean of each epoch")
    below.plot(ends, scores, color=BLUE, linewidth=2)
    below.set(xlabel="epoch", ylim=(min(scores[2], 94), 100), title=f"held-out accuracy, %: {scores[-1]:.1f} at the end")
    for axes in (above, below):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.title.set(size=10)


def draw_digits(figure, images, labels, digits, rows=6, columns=9):
    """A grid of held-out images, each with the digit read in it; the last row holds mistakes, with what is right."""
    wrong = (digits != labels).nonzero().flatten().tolist()
    chosen = [i for i in range(len(labels)) if i not in wrong][:columns * (rows - 1)] + wrong[:columns]
    for axes in figure.subplots(rows, columns).flat:
        axes.axis("off")
    for axes, i in zip(figure.axes, chosen):
        mistake = i in wrong
        axes.imshow(images[i].reshape(8, 8).numpy(), cmap="gray_r", interpolation="nearest")
        axes.set_title(f"{digits[i]}, is {labels[i]}" if mistake else f"{digits[i]}", size=10,
                       color=RED if mistake else GREY, pad=3)
    figure.suptitle(f"held-out digits and what was read; in red, mistakes ({len(wrong)} of {len(labels)})", size=10)


def draw(path, losses, scores, images, labels, digits):
    """Writes the picture."""
    figure = Figure(figsize=(13, 6), dpi=110, layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[5, 7])
    draw_curves(left, losses, scores)
    draw_digits(right, images, labels, digits)
    figure.savefig(path)


def main():
    path = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "digits.png")
    torch.manual_seed(0)
    images, labels, held_images, held_labels = load()
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))
    print(f"{len(images)} images to learn from, {len(held_images)} held out")
    losses, scores = train(model, images, labels, held_images, held_labels)
    print(f"held-out accuracy {scores[-1]:.1f} %")
    draw(path, losses, scores, held_images, held_labels, read(model, held_images))
    print(f"picture: {path}")


if __name__ == "__main__":
    main()
