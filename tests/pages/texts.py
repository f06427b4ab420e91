"""All texts of the pages, as they stand in the source: of templates, and of Python where ``said`` marks them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import polib

from app.pages import languages
from app.pages.frame import TEMPLATES, environment

PACKAGE = TEMPLATES.parent
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")


def in_templates() -> dict[str, str]:
    """Text → where it stands. Of texts in two forms, both."""
    made = environment("en")
    found = {}
    for path in sorted(TEMPLATES.rglob("*.html")):
        for line, _, texts in made.extract_translations(path.read_text(encoding="utf-8")):
            assert texts is not None, f"{path.name}:{line}: _ takes a text as it is, tell any other"
            # Of several, those behind the texts are values.
            for text in (texts,) if isinstance(texts, str) else texts:
                if text is not None:
                    found[text] = f"{path.name}:{line}"
    return found


def in_python() -> dict[str, str]:
    """Text → where it stands."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "said":
                (text,) = node.args
                assert isinstance(text, ast.Constant), (
                    f"{path.name}:{node.lineno}: said takes a text as it is"
                )
                found[str(text.value)] = f"{path.name}:{node.lineno}"
    return found


def entries(language: str) -> dict[Path, list[polib.POEntry]]:
    """The entries of each catalogue of a language."""
    paths = sorted(languages.LOCALE.glob(f"{language}*.po"))
    return {path: list(polib.pofile(str(path))) for path in paths}
