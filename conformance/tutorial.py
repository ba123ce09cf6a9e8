"""A well-known tutorial's program under PyTorch and under `rushlight run`: the same losses and the same text, and how long each takes.

    python tutorial.py TEXT [--characters 20000] [--epochs 3] [--turns 1]

The program is the kind that beginners meet first: windows of 100 characters, each a number from 0 to 1, go through an LSTM of width 256, and
a linear layer guesses the character that follows. It is saved, loaded, and writes 1,000 characters by argmax. Minutes: not part of CI.
The losses per character must agree to three decimals, the text to the letter; the last lines are the figures.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

WINDOW = 100


# ---- the program


def examples(text):
    """(windows `(n, 100, 1)` from 0 to 1, the number of the character after each, {character: number})."""
    import torch
    numbers = {c: i for i, c in enumerate(sorted(set(text)))}
    codes = [numbers[c] for c in text]
    began = time.perf_counter()
    windows = torch.tensor([codes[i:i + WINDOW] for i in range(len(codes) - WINDOW)], dtype=torch.float32)
    took = time.perf_counter() - began
    return windows.reshape(-1, WINDOW, 1) / float(len(numbers)), torch.tensor(codes[WINDOW:]), numbers, took


def network(characters):
    """The model: the LSTM's last output, thinned out, decides on the next character."""
    from torch import nn

    class CharModel(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(input_size=1, hidden_size=256, num_layers=1, batch_first=True)
            self.dropout = nn.Dropout(0.2)
            self.linear = nn.Linear(256, characters)

        def forward(self, x):
            x, _ = self.lstm(x)
            return self.linear(self.dropout(x[:, -1, :]))
    return CharModel()


def learn(model, windows, following, epochs):
    """(the best state, the seconds of each epoch); an epoch learns from all windows and then measures the loss on all of them."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset
    optimizer = torch.optim.Adam(model.parameters())
    loss_fn = torch.nn.CrossEntropyLoss(reduction="sum")
    loader = DataLoader(TensorDataset(windows, following), shuffle=True, batch_size=128)
    best, best_loss, seconds = None, float("inf"), []
    for epoch in range(epochs):
        began = time.perf_counter()
        model.train()
        for x, y in loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        loss = 0
        with torch.no_grad():
            for x, y in loader:
                loss += loss_fn(model(x), y)
        if loss < best_loss:
            best, best_loss = model.state_dict(), loss
        print("Epoch %d: Cross-entropy: %.4f" % (epoch, loss))  # noqa: UP031  # the tutorial formats a 0-d tensor this way
        seconds.append(time.perf_counter() - began)
    return best, seconds


def write(model, pattern, characters, length):
    """The text of the likeliest characters, each guessed from the 100 before it."""
    import torch
    model.eval()
    written = []
    with torch.no_grad():
        for _ in range(length):
            x = torch.tensor(pattern, dtype=torch.float32).reshape(1, WINDOW, 1) / float(len(characters))
            index = int(model(x).argmax())
            written.append(characters[index])
            pattern = [*pattern[1:], index]
    return "".join(written)


def program(path, length, epochs, times):
    """Learns, saves, loads and writes; how long each part took goes into the file `times`."""
    import torch
    torch.manual_seed(0)
    text = pathlib.Path(path).read_text(encoding="utf-8").lower()[:length]
    windows, following, numbers, reading = examples(text)
    model = network(len(numbers))
    best, epoch_seconds = learn(model, windows, following, epochs)
    torch.save([best, numbers], "single-char.pth")
    best, numbers = torch.load("single-char.pth")
    model.load_state_dict(best)
    characters = sorted(numbers, key=numbers.get)
    prompt = text[:WINDOW]
    pattern = [numbers[c] for c in prompt]
    write(model, pattern, characters, 5)
    began = time.perf_counter()
    print(write(model, pattern, characters, 1000))
    pathlib.Path(times).write_text(json.dumps({
        "tensor of the nested list": reading, "epoch": min(epoch_seconds), "1,000 characters": time.perf_counter() - began}))


# ---- the comparison


def run(command, arguments, folder):
    """(what the program printed, {part: seconds})."""
    times = os.path.join(folder, "times.json")
    done = subprocess.run([*command, os.path.abspath(__file__), *arguments, "--times", times], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return done.stdout, json.loads(pathlib.Path(times).read_text())


def split(printed, windows):
    """(the loss per character of each epoch, the text)."""
    *lines, text = printed.rstrip("\n").split("\n", printed.count("Epoch "))
    return [float(line.rpartition(" ")[2]) / windows for line in lines], text


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("text", help="a text file; it is read in lower case")
    parse.add_argument("--characters", type=int, default=20_000, help="how much of it is read")
    parse.add_argument("--epochs", type=int, default=3)
    parse.add_argument("--turns", type=int, default=1, help="how often each library runs the program, in turns; the shortest time counts")
    parse.add_argument("--times", help=argparse.SUPPRESS)
    given = parse.parse_args()
    if given.times:
        return program(given.text, given.characters, given.epochs, given.times)
    arguments = [os.path.abspath(given.text), "--characters", str(given.characters), "--epochs", str(given.epochs)]
    sides = {"PyTorch": [sys.executable], "Rushlight": [sys.executable, "-m", "rushlight", "run"]}
    printed, best = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(given.turns):
            for side, command in sides.items():
                printed[side], times = run(command, arguments, folder)
                best[side] = {part: min(seconds, best.get(side, times)[part]) for part, seconds in times.items()}
    return report({side: split(text, given.characters - WINDOW) for side, text in printed.items()}, best)


def report(found, best):
    """Prints the figures; 1 if the two sides part."""
    (losses, text), (their_losses, their_text) = found["Rushlight"], found["PyTorch"]
    for side, (numbers, _) in found.items():
        print(f"{side:10}loss per character: {'  '.join(f'{number:.6f}' for number in numbers)}")
    same_losses = all(abs(a - b) < 5e-4 for a, b in zip(losses, their_losses)) and len(losses) == len(their_losses)
    print(f"losses: {'the same to 3 decimals' if same_losses else 'they differ'}; text of {len(text)} characters: "
          f"{'the same' if text == their_text else 'differs'}")
    print(f"begins {text[:60]!r}")
    for part, seconds in best["Rushlight"].items():
        theirs = best["PyTorch"][part]
        print(f"{part}: PyTorch {theirs:.3f} s, Rushlight {seconds:.3f} s, {theirs / seconds:.2f} times as fast")
    return 0 if same_losses and text == their_text else 1


if __name__ == "__main__":
    sys.exit(main())
