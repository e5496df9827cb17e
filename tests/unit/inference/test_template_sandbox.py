"""Hostile chat templates: each ends soon, in an error that names the template."""

from __future__ import annotations

import tracemalloc

import pytest

from inference import ChatPrompt, ChatTemplateError
from inference.prompts.template_sandbox import ChatTemplate, TemplateLimitError
from tests.support.chat_templates import CHATML
from tests.unit.inference.test_chat_prompts import TALK, builder

ENDLESS = "{% set r = range(9999) %}" + "{% for a in r %}" * 4 + "{% endfor %}" * 4
HOSTILE = {
    "endless loops": ENDLESS,
    "endless macros": "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
    "branching macros": (
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(99) }}"
    ),
    "a recursive loop": "{% for a in [[[]]] recursive %}{{ loop([[1]] * 2) }}{% endfor %}",
    "a long range": "{{ range(10 ** 9) | list }}",
    "a long text": "{{ 'x' * 10 ** 9 }}",
    "a text doubled": (
        "{% set n = namespace(s='x') %}{% for _ in range(60) %}{% set n.s = n.s + n.s %}"
        "{% endfor %}"
    ),
    "a text joined": (
        "{% set n = namespace(s='x') %}{% for _ in range(60) %}{% set n.s = n.s ~ n.s %}"
        "{% endfor %}"
    ),
    "a captured text": (
        "{% set n = namespace(s='x') %}{% for _ in range(60) %}"
        "{% set t %}{{ n.s }}{{ n.s }}{% endset %}{% set n.s = t %}{% endfor %}"
    ),
    "replacing": "{% set s = 'a' | replace('a', 'a' | center(9)) %}" * 2,
    "replacing more": (
        "{% set n = namespace(s='a') %}{% for _ in range(40) %}"
        "{% set n.s = n.s.replace('a', 'aa') %}{% endfor %}"
    ),
    "joining": "{{ range(9999) | join('x' | replace('x', 'y' * 9)) }}",
    "padding": "{{ 'x'.ljust(10 ** 9) }}",
    "formatting": "{{ '%1000000000d' % 1 }}",
    "formatting more": "{{ '{:>1000000000}'.format(1) }}",
    "formatting in numbers": (
        "{% set n = namespace(s='{0}{0}') %}{% for _ in range(60) %}{% set n.s = n.s + n.s %}"
        "{% set t = n.s.format(n.s) %}{% endfor %}"
    ),
    "formatting an attribute": "{{ '{0.__class__.__mro__}'.format(1).x }}",
    "indenting": "{{ ('x\n' * 9) | indent(10 ** 9) }}",
    "a large number": "{{ 9 ** 9 ** 9 }}",
    "a number squared": (
        "{% set n = namespace(i=3) %}{% for _ in range(60) %}{% set n.i = n.i * n.i %}{% endfor %}"
    ),
    "bytes": "{{ (1).to_bytes(10 ** 9, 'big') }}",
    "nested lists": (
        "{% set n = namespace(l=[1]) %}{% for _ in range(60) %}{% set n.l = [n.l, n.l] %}"
        "{% endfor %}{{ n.l | string }}"
    ),
    "nested dictionaries": (
        "{% set n = namespace(l={}) %}{% for _ in range(60) %}{% set n.l = dict(a=n.l, b=n.l) %}"
        "{% endfor %}{{ n.l | tojson }}"
    ),
    "lists appended": (
        "{% set n = namespace(l=[1]) %}{% for _ in range(60) %}{% set n.l = n.l + n.l %}"
        "{% endfor %}"
    ),
    "deep nesting": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "deep lists": "{{ " + "[" * 5000 + "]" * 5000 + " }}",
    "Python's insides": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "the globals of a function": "{{ raise_exception.__globals__.json }}",
    "the globals of a namespace": "{{ namespace.__init__.__globals__ }}",
    "the environment": "{{ self.__init__.__globals__ }}",
    "another file": "{% include '/etc/passwd' %}",
    "not Jinja": "{% if %}",
    "not closed": "{{ 'x'",
    "nothing that exists": "{{ nothing.at.all }}",
    "messages taken apart": "{{ messages[-1].content[1:] }}{{ messages[0].content }}",
    "no messages": "Hello",
    "a refusal": "{{ raise_exception('No.') }}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_template_is_refused(name: str) -> None:
    # What is hostile comes last, so that messages are there and an honest answer would be possible.
    source = HOSTILE[name] if "messages" in name else CHATML + HOSTILE[name]
    tracemalloc.start()
    try:
        with pytest.raises(ChatTemplateError, match=r"template of (toy|the)|model's chat template"):
            builder(source).build(ChatPrompt(messages=TALK), 10_000)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 100 * 2**20


def test_a_namespace_shows_little_of_itself() -> None:
    doubled = (
        "{% set n = namespace() %}{% for _ in range(60) %}{% set n = namespace(a=n, b=n) %}"
        "{% endfor %}{{ n }}"
    )
    assert ChatTemplate(doubled).render({}) == "<namespace>"


def test_comparing_what_is_nested_takes_no_time() -> None:
    nested = (
        "{% set n = namespace(a=[1], b=[1]) %}{% for _ in range(60) %}{% set n.a = [n.a, n.a] %}"
        "{% set n.b = [n.b, n.b] %}{% endfor %}{{ n.a == n.b }}"
    )
    with pytest.raises(TemplateLimitError):
        ChatTemplate(nested).render({})


def test_formatting_without_widths_is_honest() -> None:
    assert ChatTemplate("{{ '<{}{x}>'.format('a', x=1) }}").render({}) == "<a1>"


def test_each_rendering_has_its_own_budget() -> None:
    template = ChatTemplate(
        "{% for _ in range(9999) %}{% for _ in range(9) %}{% endfor %}{% endfor %}x"
    )
    assert [template.render({}) for _ in range(3)] == ["x"] * 3
