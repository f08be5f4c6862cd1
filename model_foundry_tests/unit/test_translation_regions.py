"""What of a document is left alone: regions, elements, names."""

import pytest

from model_foundry.translation.document import Document
from model_foundry.translation.glossary import Glossary
from model_foundry.translation.structure import differences


def document(text: str, *keep: str) -> Document:
    said = {"from": "en", "to": "de", "terms": [], "keep": keep}
    return Document(text, keep=Glossary.model_validate(said).kept_in)


def texts(text: str, *keep: str) -> list[str]:
    return [segment.text for segment in document(text, *keep).segments]


@pytest.mark.parametrize(
    ("off", "on"),
    [
        ("<!-- translate: false -->", "<!-- translate: true -->"),
        ("{/* translate: false */}", "{/* translate: true */}"),
        ("<!--translate:off-->", "<!-- translate: on -->"),
    ],
)
def test_a_region_is_left_alone(off: str, on: str) -> None:
    text = f"# One\n\n{off}\n\n## Two\n\n- three\n\n{on}\n\nFour.\n\n{off}\n\nFive.\n"
    assert texts(text) == ["One", "Four."]


def test_what_only_looks_like_a_region_is_translated() -> None:
    text = "```\n<!-- translate: false -->\n```\n\nOne <!-- translate: false --> two.\n\nThree.\n"
    assert texts(text) == ["One `1` two.", "Three."]


@pytest.mark.parametrize(
    "element",
    ['<span translate="no">not this</span>', "<b class='x notranslate'>not this</b>"],
)
def test_an_element_may_say_so_itself(element: str) -> None:
    assert texts(f"See {element} here.\n") == ["See `1` here."]


def test_a_name_is_never_sent() -> None:
    text = "Use **Dagster** with Model\nFoundry, Dagsters and dagster.\n\nDagster.\n"
    text += "\n| Dagster |\n|-|\n"
    found = document(text, "Dagster", "Model Foundry")
    [segment] = found.segments
    assert segment.text == "Use **`1`** with `2`, Dagsters and dagster."
    new = found.render({segment: "`2` mit **`1`** und so weiter"})
    assert new.startswith("Model\nFoundry mit **Dagster** und so weiter\n\nDagster.\n")
    assert differences(text, new) == []
    assert found.misfit(segment, "`2` allein") is not None


@pytest.mark.parametrize(
    ("text", "translation", "expected"),
    [
        ("A&amp;B of A&B here\n", None, None),
        ("> use A\\_B\n> here\n", None, None),
        ("# Model Foundry: a start\n", "`1`: ein Anfang", "# Model Foundry: ein Anfang\n"),
        ("use *Model Foundry* now\n", "nutze *`1`* jetzt", "nutze *Model Foundry* jetzt\n"),
        ("[Model Foundry](x.md) is it\n", "[`2`](1) ist es", "[Model Foundry](x.md) ist es\n"),
    ],
)
def test_names_stay_wherever_they_stand(
    text: str, translation: str | None, expected: str | None
) -> None:
    found = document(text, "Model Foundry", "A&B", "A_B")
    [segment] = found.segments
    if translation is not None:
        assert segment.text.count("`") == 2
        assert found.render({segment: translation}) == expected
    else:
        assert found.render({segment: segment.text.replace("here", "hier")}).count("hier") == 1
