"""Templates are taken apart once and joined per execution."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.plan.template import Template, json_text, names_in, url_text


@pytest.mark.parametrize(
    ("text", "names", "expected"),
    [
        pytest.param("plain", (), "plain", id="text without names is itself"),
        pytest.param("", (), "", id="nothing is nothing"),
        pytest.param("{{user}}", ("user",), "ann", id="a name alone"),
        pytest.param(
            "/u/{{user}}/x/{{ user }}?i={{item.id}}", ("user", "user", "item.id"), "/u/ann/x/ann?i=7", id="many"
        ),
        pytest.param("{user} }} {{user}}", ("user",), "{user} }} ann", id="single braces are text"),
        pytest.param("é{{user}}ß", ("user",), "éannß", id="letters beyond ASCII"),
    ],
)
def test_names_are_replaced(text: str, names: tuple[str, ...], expected: str) -> None:
    template, values = Template.of(text), {"user": "ann", "item.id": "7"}
    assert template.names == names
    assert template.render(values) == expected
    assert template.render_bytes(values) == expected.encode()


@given(st.lists(st.one_of(st.text("ab{ é", max_size=4), st.sampled_from(["{{x}}", "{{y}}"])), max_size=6), st.text())
def test_bytes_and_text_agree(pieces: list[str], value: str) -> None:
    text = " ".join(piece.replace("{{", "{ {") if piece not in ("{{x}}", "{{y}}") else piece for piece in pieces)
    template, values = Template.of(text), {"x": value.encode(errors="replace").decode(), "y": "ü"}
    assert template.render_bytes(values) == template.render(values).encode()


@pytest.mark.parametrize("text", ["{{}}", "{{ }}", "{{a b}}", "{{1a}}", "x{{a$}}"])
def test_braces_around_what_is_no_name_are_a_mistake(text: str) -> None:
    with pytest.raises(ValueError, match="expected a variable name"):
        Template.of(text)


def test_an_escape_is_applied_to_values_only() -> None:
    template = Template.of('{"q": "{{q}}"}')
    value = 'a "quoted"\nline \\ é'
    assert json.loads(template.render({"q": value}, escape=json_text))["q"] == value
    assert json.loads(template.render_bytes({"q": value}, escape=json_text))["q"] == value
    assert Template.of("/s?q={{q}}").render({"q": "a/b c&é"}, escape=url_text) == "/s?q=a%2Fb%20c%26%C3%A9"


@given(st.one_of(st.text(), st.text("aZ09é٣²")))
def test_a_value_in_a_url_is_percent_encoded(value: str) -> None:
    """Letters and digits beyond ASCII too."""
    assert url_text(value) == quote(value, safe="")


def test_a_value_that_looks_like_a_template_is_not_filled_in_again() -> None:
    assert Template.of("{{a}}").render({"a": "{{b}}", "b": "wrong"}) == "{{b}}"


def test_names_are_found_in_nested_values_and_keys() -> None:
    document = {"{{k}}": ["{{a}}", 1, None, {"x": ("{{b}} {{c.d}}", True)}]}
    assert names_in(document) == {"k", "a", "b", "c.d"}
