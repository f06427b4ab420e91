"""Arbitrary trees that ActiveSync could send, for Hypothesis."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

from app.wbxml import Element
from app.wbxml.pages import PAGES

# A machine busy with other things is no failure.
unhurried = settings(deadline=None)

NAMES = [name for page in PAGES for name in page.names.values()]

names = st.sampled_from(NAMES)
# What XML 1.0 2.2 calls Char: everything else is left out by the encoder.
texts = st.text(
    st.one_of(
        st.sampled_from("\t\n\r ä€\U0001f600"),
        st.characters(min_codepoint=0x20, max_codepoint=0xFFFD, exclude_categories=["Cs"]),
        st.characters(min_codepoint=0x10000),
    ),
    min_size=1,
)
blocks = st.binary(min_size=1, max_size=300)
leaves = st.builds(Element, names, st.none() | texts | blocks)


def _parents(children: st.SearchStrategy[Element]) -> st.SearchStrategy[Element]:
    return st.builds(Element, names, st.none(), st.lists(children, min_size=1, max_size=5))


trees = st.recursive(leaves, _parents, max_leaves=30)
