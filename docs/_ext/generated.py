"""Sphinx extension: write the command-line and Python reference from the code.

A page holds one of the markers in `MARKERS`; the text that is generated from the code takes its
place.
"""

import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import tyro.extras

import f2r


def commands_of(target: Any, program: str) -> Iterator[tuple[str, Any]]:
    """Give every command of a tyro program with its parser.

    Args:
        target: what the program hands to `tyro.cli`.
        program: name of the program.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        parser = tyro.extras.get_parser(target, prog=program)
    yield from _leaves(parser, program)


def _leaves(parser: Any, name: str) -> Iterator[tuple[str, Any]]:
    choices = [a.choices for a in parser._actions if _kind(a) == "_SubParsersAction"]
    if not choices:
        yield name, parser
    for word, command in choices[0].items() if choices else ():
        yield from _leaves(command, f"{name} {word}")


def _kind(action: Any) -> str:
    return type(action).__name__  # tyro has classes of its own, named as those of argparse


def command_page(target: Any, program: str) -> str:
    """Describe every command of a program in Markdown: arguments, options, defaults."""
    return "\n".join(_command(name, parser) for name, parser in commands_of(target, program))


def _command(name: str, parser: Any) -> str:
    actions = [a for a in parser._actions if _kind(a) != "_HelpAction"]
    rows = [_row(action) for action in actions]
    head = ["| argument or option | values | default | meaning |", "|---|---|---|---|"]
    return "\n".join([f"## {name}", "", parser.description or "", "", *head, *rows, ""])


def _row(action: Any) -> str:
    text, default = _split(action.help or "")
    is_switch = action.nargs == 0
    negative = is_switch and default == "`True`"
    options = [o for o in action.option_strings if negative or not o.startswith("--no-")]
    name = ", ".join(f"`{option}`" for option in options) or f"`{_label(action)}`"
    if is_switch:
        default = "on" if negative else ""
    values = _values(action) if action.option_strings else ""
    cells = (name, values, default, text)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _label(action: Any) -> str:
    """Name a positional argument: the word of `--help`, or else that of the field."""
    named = re.search(r"[A-Z]+(\.\.\.)?", str(action.metavar))
    if named and named[0] not in {"STR", "PATH", "INT", "FLOAT"}:
        return named[0]
    return str(action.dest).rpartition(".")[2].upper()


def _split(text: str) -> tuple[str, str]:
    """Take the default, which tyro writes in brackets at the end, from a help text."""
    text = " ".join(text.split())
    match = re.fullmatch(r"(.*?) ?\((default|optional|required|repeatable)(?:: ?(.*))?\)", text)
    if match is None:
        return text, ""
    default = match[3] if match[2] != "required" else "required"
    return match[1], "" if default in {None, "", "None"} else f"`{default}`"


def _values(action: Any) -> str:
    if action.nargs == 0:
        return ""
    metavar = str(action.metavar or action.dest)
    metavar = re.sub(r"\{None\}\|", "", metavar).replace("None,", "")
    choices = re.fullmatch(r"\{(.*)\}", metavar)
    return ", ".join(f"`{c}`" for c in choices[1].split(",")) if choices else f"`{metavar}`"


def f2r_commands() -> str:
    """Describe the commands of `f2r`."""
    from f2r.cli.main import Command

    return command_page(Command, "f2r")


def bench_commands() -> str:
    """Describe the commands of `f2r-bench`."""
    from f2r_bench.cli.main import Command

    return command_page(Command, "f2r-bench")


def public_names() -> str:
    """Give an autodoc directive for every name of `f2r.__all__`."""
    names = [name for name in f2r.__all__ if not name.startswith("_")]
    return "\n".join(_directive(name) for name in sorted(names, key=str.lower))


def _directive(name: str) -> str:
    value = getattr(f2r, name)
    kind = "function"
    if isinstance(value, type):
        kind = "exception" if issubclass(value, Exception) else "class"
    options = "   :members:\n" if kind == "class" else ""
    lines = f".. auto{kind}:: f2r.{name}\n{options}"
    return f"### f2r.{name}\n\n```{{eval-rst}}\n{lines}```\n"


def options() -> str:
    """Describe the fields of the configuration of a run in Markdown."""
    from f2r import config

    shown = [c for c in (config.DenoiseConfig, getattr(config, "Tuning", None)) if c]
    return "\n".join(f"### {kind.__name__}\n\n{kind.__doc__}\n\n{_fields(kind)}" for kind in shown)


def _fields(kind: Any) -> str:
    """Give a table of the fields of a dataclass."""
    from sphinx.pycode import ModuleAnalyzer

    texts = ModuleAnalyzer.for_module(kind.__module__).find_attr_docs()
    hints = get_type_hints(kind, include_extras=True)
    rows = ["| field | type | default | meaning |", "|---|---|---|---|"]
    for one in fields(kind):
        default = "" if one.default is MISSING else f"`{one.default!s}`"
        lines = (texts.get((base.__name__, one.name)) for base in kind.__mro__)
        text = " ".join(next(filter(None, lines), [])).strip()
        kinds = _type_name(hints[one.name]).replace("|", "\\|")
        rows.append(f"| `{one.name}` | {kinds} | {default} | {text} |")
    return "\n".join(rows) + "\n"


def _type_name(hint: Any) -> str:
    """Write a type without what `Annotated` adds to it."""
    if get_origin(hint) is Annotated:
        return _type_name(get_args(hint)[0])
    if isinstance(hint, type):
        return hint.__name__.replace("NoneType", "None")
    names = [_type_name(arg) if not isinstance(arg, str) else f"'{arg}'" for arg in get_args(hint)]
    return " | ".join(names)


MARKERS: dict[str, Callable[[], str]] = {
    "<!-- commands f2r -->": f2r_commands,
    "<!-- commands f2r-bench -->": bench_commands,
    "<!-- options -->": options,
    "<!-- public names -->": public_names,
}


def fill(_app: Any, _name: str, source: list[str]) -> None:
    """Put the generated text in the place of the markers of a page."""
    for marker, write in MARKERS.items():
        if marker in source[0]:
            source[0] = source[0].replace(marker, write())


def hide_colons(_app: Any, what: str, _name: str, _obj: Any, _opt: Any, lines: list[str]) -> None:
    """Keep napoleon from taking the text before a colon for the type of an attribute."""
    if what in {"attribute", "data", "property"}:
        lines[:] = [line.replace(":", "\0") for line in lines]


def show_colons(_app: Any, _what: str, _name: str, _obj: Any, _opt: Any, lines: list[str]) -> None:
    """Put the colons back, after napoleon."""
    lines[:] = [line.replace("\0", ":") for line in lines]


def setup(app: Any) -> dict[str, bool]:
    """Register the extension."""
    app.connect("source-read", fill)
    app.connect("autodoc-process-docstring", hide_colons, priority=400)
    app.connect("autodoc-process-docstring", show_colons, priority=600)
    return {"parallel_read_safe": True}
