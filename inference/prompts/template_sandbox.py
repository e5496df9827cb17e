"""Runs the chat template of a model file: a program in Jinja, written by whoever made the file.

Jinja's sandbox keeps a template from Python's insides, but lets it run for ever and fill the
memory. So here loops, calls, macros and everything that can make a value larger is counted and
bounded: a template may do some ten thousand things, and no value may be larger than any message
is. The messages themselves do not pass through it (`inference.prompts.chat`), so what a template
has to work with is small.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import wraps
from itertools import islice
from string import Formatter
from typing import Any, cast

import jinja2
import jinja2.ext
import jinja2.meta
import jinja2.utils
from jinja2 import nodes, sandbox

MAX_SECONDS = 2.0
MAX_STEPS = 200_000
"""Rounds of loops and calls."""
MAX_CHARS = 1 << 20
"""Of any text, the result included; message contents are placeholders in it."""
MAX_ITEMS = 20_000
"""Of any list with all that is nested in it."""
_MAX_INT_BITS = 64
_MAX_INDENT = 64

_FILTERS = (
    "abs", "attr", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first",
    "float", "int", "items", "last", "length", "list", "lower", "map", "max", "min", "reject",
    "rejectattr", "reverse", "round", "safe", "select", "selectattr", "sort", "string", "title",
    "trim", "unique", "upper",
)  # fmt: skip
_METHODS = frozenset(
    {
        "capitalize", "count", "endswith", "find", "get", "index", "isalnum", "isalpha", "isdigit",
        "islower", "isspace", "isupper", "items", "keys", "lower", "lstrip", "partition",
        "removeprefix", "removesuffix", "replace", "rfind", "rpartition", "rsplit", "rstrip",
        "split", "splitlines", "startswith", "strip", "title", "upper", "values",
    }
)  # fmt: skip
_PLAIN = (str, bytes, int, float, list, tuple, Mapping, set, frozenset)


class TemplateRefusedError(Exception):
    """The template itself refused the conversation, in its own words."""


class TemplateLimitError(Exception):
    """The template does more than any honest one needs to."""


class ChatTemplate:
    """A compiled template. Not for several threads at once."""

    def __init__(self, source: str) -> None:
        """Raises `jinja2.TemplateError` and whatever else Python raises for odd programs."""
        self._environment = _Environment()
        tree = self._environment.parse(source)
        self.variables = frozenset(jinja2.meta.find_undeclared_variables(tree))
        """What it asks for: `messages`, `tools`, …"""
        self._template = self._environment.from_string(source)

    def render(self, variables: Mapping[str, object]) -> str:
        """Raises `TemplateRefusedError`, `TemplateLimitError`, or whatever Python raises."""
        self._environment.restart()
        return self._template.render(variables)


class _GenerationTags(jinja2.ext.Extension):
    """`{% generation %}` marks answers for training; here it means nothing."""

    tags = {"generation"}  # noqa: RUF012 - Jinja's own interface

    def parse(self, parser: Any) -> list[nodes.Node]:
        parser.stream.skip(1)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


EXTENSIONS = (_GenerationTags, jinja2.ext.loopcontrols)


class _Namespace(jinja2.utils.Namespace):
    """Its text is short, whatever it holds."""

    def __repr__(self) -> str:
        return "<namespace>"


class _Environment(sandbox.ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        # The same options as everyone's, as templates are written for them. Without the optimiser,
        # which would compute constants while compiling.
        super().__init__(
            trim_blocks=True, lstrip_blocks=True, extensions=EXTENSIONS, optimized=False
        )
        self.filters = {name: self._bounded(self.filters[name]) for name in _FILTERS}
        self.filters |= {
            "tojson": self._tojson,
            "from_json": self._bounded(json.loads),
            "join": self._bounded(_join),
            "replace": _replace,
            "indent": self._bounded(_indent),
            "counted": self._counted,
            "joined": self._joined,
            "weighed": self._checked,
        }
        functions: dict[str, object] = {
            "range": _range,
            "dict": dict,
            "namespace": _Namespace,
            "raise_exception": _refuse,
            "strftime_now": _now,
        }
        self.globals = functions
        self.concat = self._concat
        self.restart()

    def restart(self) -> None:
        self._n_steps = 0
        self._deadline = time.monotonic() + MAX_SECONDS

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Puts the counting into the program."""
        tree = super()._parse(source, name, filename)
        for loop in tree.find_all(nodes.For):
            loop.iter = _filtered(cast("nodes.Expr", loop.iter), "counted")
        return cast("nodes.Template", _weighing(tree))

    def call(self, context: Any, obj: Any, *args: Any, **kwargs: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride] - Jinja's names are mangled
        self._step()
        if getattr(obj, "__name__", "") == "replace" and isinstance(obj.__self__, str):
            return _replace(obj.__self__, *args)
        return self._checked(super().call(context, obj, *args, **kwargs))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        self._step()
        if operator == "+":
            self._check_sum(left, right)
        elif not (isinstance(left, (int, float)) and isinstance(right, (int, float))):
            raise TemplateLimitError(f"it uses {operator} on what is no number")
        elif operator == "**" and abs(right) > _MAX_INT_BITS:
            raise TemplateLimitError("it computes very large numbers")
        return self._checked(super().call_binop(context, operator, left, right))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, _PLAIN) and attr not in _METHODS:
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """`str.format` without widths, which could be any."""
        wrapped = super().wrap_str_format(value)
        if wrapped is None:
            return None

        def bounded(*args: object, **kwargs: object) -> str:
            fields = list(Formatter().parse(value.__self__))
            longest = max((len(str(item)) for item in (*args, *kwargs.values())), default=0)
            if any(form for _, _, form, _ in fields) or len(fields) * longest > MAX_CHARS:
                raise TemplateLimitError("it formats with widths")
            return wrapped(*args, **kwargs)

        return bounded

    def _step(self) -> None:
        self._n_steps += 1
        if self._n_steps > MAX_STEPS or time.monotonic() > self._deadline:
            raise TemplateLimitError("it does not come to an end")

    def _counted(self, values: Iterable[Any]) -> Iterator[Any]:
        for value in values:
            self._step()
            yield value

    def _concat(self, parts: Iterable[str]) -> str:
        kept: list[str] = []
        n_chars = 0
        for part in parts:
            self._step()
            n_chars += len(part)
            if n_chars > MAX_CHARS:
                raise TemplateLimitError("it makes too much text")
            kept.append(part)
        return "".join(kept)

    def _joined(self, values: Iterable[object]) -> str:
        return self._concat(map(str, values))

    def _check_sum(self, left: Any, right: Any) -> None:
        if isinstance(left, str) and isinstance(right, str) and len(left) + len(right) > MAX_CHARS:
            raise TemplateLimitError("it makes too much text")

    def _checked(self, value: Any) -> Any:
        """`value`, if it is not too large; with all that is in it."""
        waiting: list[Any] = [value]
        n_items = 0
        while waiting:
            item = waiting.pop()
            n_items += 1
            if isinstance(item, str) and len(item) > MAX_CHARS:
                raise TemplateLimitError("it makes too much text")
            if isinstance(item, int) and item.bit_length() > _MAX_INT_BITS:
                raise TemplateLimitError("it computes very large numbers")
            if isinstance(item, Mapping):
                waiting.extend(cast("Mapping[object, object]", item).values())
            elif isinstance(item, (list, tuple, set, frozenset)):
                waiting.extend(cast("Iterable[object]", item))
            if n_items + len(waiting) > MAX_ITEMS:
                raise TemplateLimitError("it makes very long lists")
        return value

    def _bounded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def bounded(*args: Any, **kwargs: Any) -> Any:
            self._step()
            result = function(*args, **kwargs)
            if isinstance(result, Iterator):
                # Computed only as it is taken, item by item.
                return self._counted(cast("Iterator[object]", result))
            return self._checked(result)

        return bounded

    def _tojson(
        self,
        value: object,
        ensure_ascii: bool = False,  # noqa: FBT001, FBT002 - as templates call it
        indent: int | None = None,
        separators: tuple[str, str] | None = None,
        sort_keys: bool = False,  # noqa: FBT001, FBT002
    ) -> str:
        """JSON as the models were trained on: not escaped for HTML, nor to ASCII, as placeholders
        must be found again."""
        del ensure_ascii
        if indent is not None:
            indent = min(indent, _MAX_INDENT)
        encoder = json.JSONEncoder(
            ensure_ascii=False, indent=indent, separators=separators, sort_keys=sort_keys
        )
        return escaped_placeholders(self._concat(encoder.iterencode(value)))


def escaped_placeholders(text: str) -> str:
    """Marks placeholders that have come to stand inside a JSON string."""
    return text.replace(PLACEHOLDER_END, JSON_MARK + PLACEHOLDER_END)


PLACEHOLDER_START, PLACEHOLDER_END, JSON_MARK = "\ue000", "\ue001", "\ue002"
"""Around the number of a text that the template does not see. Private-use characters, which
nothing else in a rendering holds."""


def _filtered(node: nodes.Expr, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


def _weighing(node: nodes.Node) -> nodes.Node:
    """The program with every list, dictionary and joined text checked as it is made."""
    for name, value in list(node.iter_fields()):
        if isinstance(value, nodes.Node):
            setattr(node, name, _weighing(value))
        elif isinstance(value, list):
            items = cast("list[Any]", value)
            setattr(node, name, [_weighing(i) if isinstance(i, nodes.Node) else i for i in items])
    if isinstance(node, nodes.Concat):
        return _filtered(nodes.List(node.nodes, lineno=node.lineno), "joined")
    if isinstance(node, (nodes.List, nodes.Dict)):
        return _filtered(node, "weighed")
    if isinstance(node, nodes.Tuple) and node.ctx == "load":
        return _filtered(node, "weighed")
    return node


def _refuse(message: object) -> None:
    raise TemplateRefusedError(str(message)[:300])


def _now(form: str) -> str:
    return datetime.now().strftime(form)


def _range(*bounds: int) -> range:
    numbers = range(*bounds)
    if len(numbers) > MAX_ITEMS:
        raise TemplateLimitError("it makes very long lists")
    return numbers


def _join(values: Iterable[object], separator: str = "", attribute: str | None = None) -> str:
    found = list(islice(values, MAX_ITEMS))
    if attribute is not None:
        found = [cast("Mapping[str, object]", item)[attribute] for item in found]
    texts = [str(item) for item in found]
    if sum(map(len, texts)) + len(separator) * len(texts) > MAX_CHARS:
        raise TemplateLimitError("it makes too much text")
    return separator.join(texts)


def _replace(text: str, old: str, new: str, count: int | None = None) -> str:
    text = str(text)
    if len(text) + text.count(old) * len(new) > MAX_CHARS:
        raise TemplateLimitError("it makes too much text")
    return text.replace(old, new, -1 if count is None else count)


def _indent(
    text: str,
    width: int | str = 4,
    first: bool = False,  # noqa: FBT001, FBT002 - as templates call it
    blank: bool = False,  # noqa: FBT001, FBT002
) -> str:
    margin = width if isinstance(width, str) else " " * min(width, _MAX_INDENT)
    if len(text) + text.count("\n") * len(margin) > MAX_CHARS:
        raise TemplateLimitError("it makes too much text")
    lines = text.split("\n")
    indented = [margin + line if line or blank else line for line in lines[1:]]
    head = margin + lines[0] if first else lines[0]
    return "\n".join([head, *indented])
