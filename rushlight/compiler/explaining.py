"""`explain(f)(*args)`: what the compiler makes of a call, as text and as a page of HTML."""
from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from ..nn.module import Module
from .compiled import Compiled
from .compiling import compile
from .graph import Equation, Graph
from .passes.fuse import Fused
from .timing import Part, of_backward, of_forward

#: the calls after which a function that is not replayed yet will not be
CALLS = 3


def explain(f: Callable, *extra_args: Any, **extra_kwargs: Any) -> Any:
    """A function of f's arguments that gives an Explanation: print it, or `.html(path)` writes it as one page.

    f is a function, a module, or what `compile` gave for one. It is called until there is a recording that fits (once, or twice where a first
    call makes what later ones find, such as an optimizer's state), and does in these calls what it always does. Replays are timed after that;
    what they change is put back.

    Example:

    >>> import rushlight as torch
    >>> print(torch.compiler.explain(lambda x: (x * 2).tanh())(torch.ones(3)).refused)
    None
    """
    def explained(*args: Any, **kwargs: Any) -> Explanation:
        return Explanation(work_of(f), args, kwargs)
    return explained(*extra_args, **extra_kwargs) if extra_args or extra_kwargs else explained


def work_of(f: Any) -> Compiled:
    """The compiled form of a function."""
    if isinstance(f, Module) and f._compiled_call_impl is not None:
        f = f._compiled_call_impl
    own = getattr(f, "__dict__", {}).get("_rushlight_work")
    return own if own is not None else work_of(compile(f))


class Section:
    """A part of the explanation: lines of text, or a table whose rows are as long as `head`. `bar` is the column that the page draws as bars."""

    def __init__(self, title: str, lines: Any = (), head: tuple = (), rows: Any = (), bar: int | None = None):
        self.title, self.lines, self.head, self.rows, self.bar = title, list(lines), head, list(rows), bar

    def text(self) -> Iterator[str]:
        """Its lines as plain text."""
        yield self.title
        yield "-" * len(self.title)
        yield from self.lines
        if self.rows:
            widths = [max([len(row[i]) for row in (self.head, *self.rows)]) for i in range(len(self.head) - 1)]
            for row in (self.head, *self.rows):
                yield "  ".join([*[cell.rjust(width) for cell, width in zip(row, widths)], row[-1]]).rstrip()
        yield ""


class Explanation:
    """What became of a call. str() is the whole text; `sections` are its parts.

    graphs         the graphs as recorded and after the passes
    parts          the parts of a replay with their seconds and bytes; backward_parts those of the way back from what a forward returns
    refused        why calls run as written, or None
    history        what was recorded again, or not kept, and why
    """

    def __init__(self, work: Compiled, args: tuple, kwargs: dict):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            recording = fitting(work, args, kwargs)
        self.name = getattr(work.function, "__qualname__", type(work.function).__name__)
        self.backend = str(work.settings.get("backend") or "the best there is")
        self.refused = None if recording is not None else work.refused or "\n".join(work.history[-1:]) or "no recording fits"
        self.history = list(work.history)
        self.recordings = len(work.recordings)
        self.graphs: list[Graph] = []
        self.parts: list[Part] = []
        self.backward_parts: list[Part] = []
        self.sections = [self.summary(recording, work)]
        if recording is not None:
            self.look_at(recording, args, kwargs)
        self.sections.append(Section("Recorded again, and why", self.history or ["nothing was"]))

    # ---- PyTorch's figures

    @property
    def graph_count(self) -> int:
        return self.recordings

    @property
    def graph_break_count(self) -> int:
        return int(self.refused is not None)

    @property
    def break_reasons(self) -> list[str]:
        return [] if self.refused is None else [self.refused]

    @property
    def op_count(self) -> int:
        return len(self.graphs[0].equations) if self.graphs else 0

    # ---- sections

    def summary(self, recording: Any, work: Compiled) -> Section:
        lines = [f"backend: {self.backend}", f"recordings: {len(work.recordings)} kept, {work.made} made"]
        if recording is None:
            lines.append(f"calls run as written: {self.refused}")
        return Section(f"{self.name}, compiled", lines)

    def look_at(self, recording: Any, args: tuple, kwargs: dict) -> None:
        """The sections of a recording."""
        plan, shaped = recording.plan, recording.plan.graph
        times, conditions = of_forward(recording, args, kwargs)
        self.graphs = [recording.graph, shaped]
        self.parts = times.parts
        self.sections[0].lines += [f"one replay: {microseconds(times.total)} us, of which its conditions {microseconds(conditions)} us"]
        self.sections += [kernels("Kernels and calls, the longest first", self.parts), memory_of(plan), fusion(shaped),
                          graph_section("The graph as recorded", recording.graph), graph_section("The graph after the passes", shaped)]
        back = None if recording.backward is None else of_backward(recording, args, kwargs)
        if back is not None:
            graph = recording.backward.graph()
            self.graphs.append(graph)
            self.backward_parts = back.parts
            self.sections[0].lines.append(f"its way back: {microseconds(back.total)} us")
            self.sections += [kernels("Kernels and calls of the way back", back.parts), memory_of(back.plan),
                              graph_section("The backward graph as recorded", graph)]

    # ---- as text and as a page

    def __str__(self) -> str:
        return "\n".join([line for section in self.sections for line in section.text()]).rstrip() + "\n"

    def to_html(self) -> str:
        """One page of HTML that needs nothing else."""
        from .page import page
        return page(f"{self.name}, compiled", self.sections)

    def html(self, path: str | os.PathLike) -> None:
        """Writes the page to a file."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.to_html())


def kernels(title: str, parts: list[Part]) -> Section:
    """The table of a replay's parts."""
    whole = sum([part.seconds for part in parts]) or 1.0
    rows = []
    for part in parts:
        rate = f"{part.bytes / part.seconds / 1e9:.1f}" if part.seconds > 0 and part.bytes else ""
        rows.append((microseconds(part.seconds), f"{100 * part.seconds / whole:.1f}", sized(part.bytes) if part.bytes else "", rate,
                     str(part.calls), part.kind, "what the plan does besides" if part.equation is None else placed(part.equation)))
    return Section(title, head=("us", "%", "bytes", "GB/s", "calls", "kind", "what"), rows=rows, bar=1)


def fitting(work: Compiled, args: tuple, kwargs: dict) -> Any:
    """The recording that stands for a call, after as many calls as it takes; None if none does."""
    for _ in range(CALLS):
        found = next((made for made in work.recordings if made.holds(args, kwargs)), None)
        if found is not None:
            with found.building:
                if found.function is None:
                    found.replay = found.function = found.build()
            return found
        work(args, kwargs)
        if work.refused is not None:
            break
    return next((made for made in work.recordings if made.function is not None and made.holds(args, kwargs)), None)


def graph_section(title: str, graph: Graph) -> Section:
    return Section(f"{title}: {len(graph.equations)} equations", str(graph).split("\n"))


def memory_of(plan: Any) -> Section:
    """The memory that a plan holds from call to call."""
    buffers = getattr(plan, "buffers", None)
    if buffers is None:
        return Section("Memory", ["none is planned"])
    own = {id(buffers.held[storage]): buffers.held[storage].nbytes for storage in buffers.kept if storage in buffers.held}
    return Section("Memory of the plan", [f"buffers: {sized(buffers.bytes)}, and {sized(buffers.without_reuse)} if none was used twice",
                                          f"results of kernels that have their own: {sized(sum(own.values()))}"])


def fusion(graph: Graph) -> Section:
    """The loops that passes made of several equations, as what they do to an element."""
    lines: list[str] = []
    for equation in graph.equations:
        if isinstance(equation.op, Fused):
            lines += [described(equation), *["    " + line for line in of_program(equation)]]
    return Section("Fused loops", lines or ["none"])


def of_program(equation: Equation) -> Iterator[str]:
    """What a loop does to an element, line by line."""
    op = equation.op
    places = dict(zip(op.program.elements, equation.inputs))
    names = []
    for number, (operation, arguments) in enumerate(op.program.instructions):
        if operation in ("input", "constant"):
            names.append(f"{places.get(arguments[0], arguments[0])}")
            continue
        names.append(f"t{number}")
        yield f"t{number} = {operation}({', '.join([names[i] for i in arguments])})"
    for (name, dims, factor), value in zip(op.results, equation.outputs):
        source = names[op.program.outputs[name]]
        summed = source if dims is None else f"sum of {source} over {dims}" + (f" times {factor:g}" if factor != 1 else "")
        yield f"{value} = {summed}"


def described(equation: Equation) -> str:
    """An equation on one line."""
    if isinstance(equation.op, Fused):
        outputs = ", ".join([value.described() for value in equation.outputs if value is not None])
        return f"{outputs} = loop over {equation.op.shape} of {', '.join(map(str, equation.inputs))}"
    return str(equation)


def placed(equation: Equation) -> str:
    """An equation with the program's line."""
    return described(equation) + (f"  at {os.path.basename(equation.where)}" if equation.where else "")


def microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:.1f}"


def sized(count: int) -> str:
    """A number of bytes: 512 B, 1.5 kB, 2.0 MB."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1e3:.1f} kB" if count < 1_000_000 else f"{count / 1e6:.1f} MB"
