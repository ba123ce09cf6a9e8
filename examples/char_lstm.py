"""Learn to write text one character at a time, and write some.

    python char_lstm.py [FILE]                                   train; without FILE on the sources of Python's standard library
    python char_lstm.py [FILE] --resume                          go on where the last epoch ended
    python char_lstm.py --generate 500 --prompt "def "           write with the best model so far
    python char_lstm.py --generate 500 --temperature 0           always the most likely character

char_lstm.md says how it works; --help lists what can be set.
"""
import argparse
import collections
import contextlib
import math
import os
import pathlib
import sys
import sysconfig
import time

import torch
from torch import nn

#: folders of the standard library that hold tests, tables or data, and no programs to learn from
NOT_PROGRAMS = {"test", "tests", "idle_test", "site-packages", "dist-packages", "encodings", "pydoc_data", "lib2to3", "idlelib", "turtledemo"}
HELD_OUT = 0.05  # of the text: what "best" is measured on


class CharLSTM(nn.Module):
    """The logits of the next character after each one given, and the state from which to go on."""

    def __init__(self, characters, embedding=64, hidden=256, layers=1, dropout=0.2):
        super().__init__()
        self.embed = nn.Embedding(characters, embedding)
        self.lstm = nn.LSTM(embedding, hidden, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, characters)

    def forward(self, x, state=None):
        out, state = self.lstm(self.embed(x), state)
        return self.head(self.dropout(out)), state


# ---- the text


def library_text():
    """The sources of Python's standard library, one file after the other."""
    folder = pathlib.Path(sysconfig.get_paths()["stdlib"])
    files = [path for path in sorted(folder.rglob("*.py")) if not NOT_PROGRAMS & set(path.relative_to(folder).parts)]
    return "\n\n".join(path.read_text(encoding="utf-8", errors="ignore") for path in files if not path.name.startswith("_sysconfigdata"))


def encode(text):
    """(the characters that it is written in, the number of each character in the text); very rare characters are left out."""
    counts = collections.Counter(text)
    characters = "".join(sorted(c for c in counts if counts[c] > len(text) // 100_000))
    number = {c: i for i, c in enumerate(characters)}
    return characters, torch.tensor([number[c] for c in text if c in number])


def streams(codes, rows):
    """The codes as `rows` texts of equal length that are read side by side, with the character that follows each: (inputs, targets)."""
    length = (len(codes) - 1) // rows
    if not length:
        sys.exit("the text is too short for this batch: give a longer one, or a smaller --batch")
    return codes[:rows * length].view(rows, length), codes[1:rows * length + 1].view(rows, length)


# ---- learning


def losses(model, inputs, targets, window):
    """Yields the mean loss of one window after the other; each begins with the state that the one before it left."""
    state = None
    for x, y in zip(inputs.split(window, 1), targets.split(window, 1)):
        logits, state = model(x, state)
        state = tuple(part.detach() for part in state)
        yield nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())


@torch.no_grad()
def mean_loss(model, inputs, targets, window):
    """The mean loss over all windows, of a model that does not learn from them."""
    model.eval()
    found = [loss.item() for loss in losses(model, inputs, targets, window)]
    model.train()
    return sum(found) / len(found)


def one_epoch(model, optimizer, schedule, inputs, targets, window, progress):
    """The mean loss of one pass over the text."""
    total = 0.0
    for number, loss in enumerate(losses(model, inputs, targets, window), 1):
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        total += loss.item()
        progress.step(total / number)
    return total / number


class Progress:
    """Says on stderr how far it is, five times a second on a terminal and else once a minute."""

    def __init__(self, steps, characters):
        self.steps, self.characters, self.done = steps, characters, 0
        self.terminal = sys.stderr.isatty()
        self.began = self.said = time.monotonic()

    def step(self, loss):
        """One window is learnt; loss is the mean of this epoch so far."""
        self.done += 1
        now = time.monotonic()
        if now - self.said < (0.2 if self.terminal else 60):
            return
        self.said = now
        speed = self.done / (now - self.began)
        left = (self.steps - self.done) / speed
        line = f"{100 * self.done / self.steps:5.1f} %  loss {loss:.3f}  {speed * self.characters:,.0f} characters/s  {clock(left)} left"
        print(f"\r{line}\x1b[K" if self.terminal else line, end="" if self.terminal else "\n", file=sys.stderr, flush=True)

    def clear(self):
        """Makes room for a line of other text."""
        if self.terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def clock(seconds):
    """Seconds as 1:23:45 or 23:45."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


# ---- writing


def pick(logits, temperature, top_k):
    """A character drawn by its probability, softmax(logits / temperature), from the top_k likeliest; with temperature 0 the likeliest."""
    if temperature == 0:
        return logits.argmax()
    if top_k:
        logits, codes = logits.topk(min(top_k, len(logits)))
    drawn = torch.multinomial(torch.softmax(logits / temperature, 0), 1)
    return codes[drawn] if top_k else drawn


@torch.no_grad()
def write(model, characters, prompt, length, temperature=0.8, top_k=0):
    """Yields `length` characters that follow the prompt."""
    model.eval()
    x, state = torch.tensor([[characters.index(c) for c in prompt if c in characters] or [0]]), None
    for _ in range(length):
        logits, state = model(x, state)
        x = pick(logits[0, -1], temperature, top_k).view(1, 1)
        yield characters[x.item()]
    model.train()


# ---- files


def save(content, path):
    """torch.save, so that whatever happens the file is the old one or the new one, whole."""
    partial = f"{path}.{os.getpid()}.partial"
    try:
        torch.save(content, partial)
        os.replace(partial, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(partial)


def last(path):
    """The file that --resume goes on from: beside the best model, the state of everything after the last epoch."""
    root, extension = os.path.splitext(path)
    return f"{root}.last{extension}"


def load(path):
    """(model, its characters) of a file with a best model."""
    if not os.path.exists(path):
        sys.exit(f"{path} is not there: train first, or say which file with --model")
    content = torch.load(path)
    model = CharLSTM(len(content["characters"]), **content["sizes"])
    model.load_state_dict(content["model"])
    return model, content["characters"]


def export(path, target):
    """The best model alone, in half precision: a small file to give away."""
    content = torch.load(path)
    content["model"] = {name: value.half() for name, value in content["model"].items()}
    save({name: content[name] for name in ("characters", "sizes", "model", "loss")}, target)


# ---- the program


def train(given):
    """Trains, saves the best model and the last state, and writes a sample after each epoch."""
    torch.manual_seed(given.seed)
    text = pathlib.Path(given.file).read_text(encoding="utf-8") if given.file else library_text()
    characters, codes = encode(text)
    held = max(int(HELD_OUT * len(codes)), 2)
    inputs, targets = streams(codes[:-held], given.batch)
    held_out = streams(codes[-held:], min(given.batch, max(held // given.window, 1)))
    sizes = {"embedding": given.embedding, "hidden": given.hidden, "layers": given.layers, "dropout": given.dropout}
    model = CharLSTM(len(characters), **sizes)
    optimizer = torch.optim.Adam(model.parameters(), lr=given.lr)
    windows = math.ceil(inputs.shape[1] / given.window)
    # The rate falls to a twentieth along a cosine: what an LSTM learns last is fine, and large steps undo it.
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: 0.05 + 0.95 * math.cos(math.pi / 2 * min(step / (windows * given.epochs), 1)) ** 2)
    print(f"{len(codes):,} characters, {len(characters)} different ones; {sum(p.numel() for p in model.parameters()):,} parameters")
    begun, best = 0, math.inf
    parts = {"model": model, "optimizer": optimizer, "schedule": schedule}
    if given.resume:
        begun, best = resume(last(given.model), parts, characters)
    progress = Progress(windows * (given.epochs - begun), given.batch * given.window)
    for epoch in range(begun + 1, given.epochs + 1):
        loss = one_epoch(model, optimizer, schedule, inputs, targets, given.window, progress)
        found = mean_loss(model, *held_out, given.window)
        progress.clear()
        print(f"\nepoch {epoch}  loss {loss:.3f}  held-out {found:.3f}{'  best' if found < best else ''}")
        if found < best:
            best = found
            save({"characters": characters, "sizes": sizes, "model": model.state_dict(), "loss": best}, given.model)
        sample(model, characters, given)
        state = {name: part.state_dict() for name, part in parts.items()}
        save({**state, "characters": characters, "epoch": epoch, "best": best, "random": torch.get_rng_state()}, last(given.model))


def resume(path, parts, characters):
    """(epochs done, best loss so far) of a run that stopped; everything goes on as if it had not."""
    content = torch.load(path)
    if content["characters"] != characters:
        sys.exit(f"{path} was trained on another text")
    for name, part in parts.items():
        part.load_state_dict(content[name])
    torch.set_rng_state(content["random"])
    return content["epoch"], content["best"]


def sample(model, characters, given, length=200):
    """Prints a prompt and what the model writes after it."""
    print(given.prompt, end="")
    for c in write(model, characters, given.prompt, length, given.temperature, given.top_k):
        print(c, end="", flush=True)
    print()


def arguments():
    """What the command line says."""
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("file", nargs="?", help="the text to learn from")
    parse.add_argument("--model", default="char_lstm.pth", help="where the best model is kept (%(default)s)")
    parse.add_argument("--resume", action="store_true", help="go on where the last epoch ended")
    for name, value, what in (("epochs", 10, "passes over the text"), ("window", 100, "characters between two steps of learning"),
                              ("batch", 64, "places of the text that are read side by side"), ("embedding", 64, "numbers for a character"),
                              ("hidden", 256, "size of the LSTM"), ("layers", 1, "its layers"), ("seed", 0, "of all random numbers")):
        parse.add_argument(f"--{name}", type=int, default=value, help=f"{what} (%(default)s)")
    parse.add_argument("--dropout", type=float, default=0.2, help="share of activations left out while learning (%(default)s)")
    parse.add_argument("--lr", type=float, default=2e-3, help="Adam's learning rate at the beginning (%(default)s)")
    parse.add_argument("--generate", type=int, metavar="N", help="write N characters and train nothing")
    parse.add_argument("--prompt", default="def ", help="what the text begins with (%(default)r)")
    parse.add_argument("--temperature", type=float, default=0.8, help="below 1: more likely characters; 0: the likeliest (%(default)s)")
    parse.add_argument("--top-k", type=int, default=0, metavar="K", help="draw from the K likeliest characters alone")
    parse.add_argument("--export", metavar="FILE", help="write the best model in half precision, and train nothing")
    return parse.parse_args()


def main():
    given = arguments()
    if given.export:
        export(given.model, given.export)
    elif given.generate is not None:
        torch.manual_seed(given.seed)
        sample(*load(given.model), given, given.generate)
    else:
        train(given)


if __name__ == "__main__":
    main()
