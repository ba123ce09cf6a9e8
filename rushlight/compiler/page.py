"""An explanation as one page of HTML: no file, script or font from elsewhere; everything that comes from the program is escaped."""
from __future__ import annotations

from html import escape
from typing import Any

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
pre, td.what { font: 13px/1.45 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
pre { background: #f5f5f2; padding: .8rem; border-radius: 4px; margin: 0; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: right; padding: .2rem .6rem; vertical-align: top; white-space: nowrap; border-bottom: 1px solid #ddd; }
th:last-child, td.what { text-align: left; width: 55%; }
td.bar { min-width: 9rem; }
td.bar span { display: block; background: #d98a1f; color: #000; height: 1.3em; text-align: left; padding-left: .2rem; box-sizing: border-box; }
summary { cursor: pointer; font-weight: 600; font-size: 1.1rem; margin-top: 2rem; }
@media (prefers-color-scheme: dark) {
  body { color: #ddd; background: #1b1b1b; } pre { background: #262626; } th, td { border-color: #3a3a3a; }
  td.bar span { background: #b06f14; color: #fff; }
}
"""
#: lines from which a text is folded away
LONG = 25


def page(title: str, sections: Any) -> str:
    """The page of an explanation's sections."""
    head = f"<meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{escape(title)}</title><style>{STYLE}</style>"
    body = "\n".join([part(section, 1 if number == 0 else 2) for number, section in enumerate(sections)])
    return f"<!DOCTYPE html>\n<html lang=\"en\"><head>{head}</head>\n<body>\n{body}\n</body></html>\n"


def part(section: Any, level: int) -> str:
    """A section; a long text opens at a click."""
    text = f"<pre>{escape(chr(10).join(section.lines))}</pre>" if section.lines else ""
    inner = text + (table(section) if section.rows else "")
    if len(section.lines) >= LONG:
        return f"<details><summary>{escape(section.title)}</summary>{inner}</details>"
    return f"<h{level}>{escape(section.title)}</h{level}>{inner}"


def table(section: Any) -> str:
    """A table, one column of which is drawn as bars against its largest number."""
    largest = max([float(row[section.bar]) for row in section.rows], default=0.0) if section.bar is not None else 0.0
    head = "".join([f"<th>{escape(name)}</th>" for name in section.head])
    rows = [f"<tr>{''.join([cell(section, i, text, largest) for i, text in enumerate(row)])}</tr>" for row in section.rows]
    return f"<table><tr>{head}</tr>\n{chr(10).join(rows)}</table>"


def cell(section: Any, column: int, text: str, largest: float) -> str:
    if column == section.bar:
        width = 100 * float(text) / largest if largest else 0.0
        return f"<td class=\"bar\"><span style=\"width:{width:.1f}%\">{escape(text)}</span></td>"
    kind = " class=\"what\"" if column == len(section.head) - 1 else ""
    return f"<td{kind}>{escape(text)}</td>"
