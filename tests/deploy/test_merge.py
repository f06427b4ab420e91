"""What somebody edited in a .properties file outlives every deployment, and nothing else does."""

from __future__ import annotations

import re

import javaproperties
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tasks import merge
from tasks.merge import Found, Merged, Wanted

TEMPLATE = """\
# usm.properties
#
# Written by the deployment.

### Size ####

# Worker processes.
com.example.workers=0

# Where the server is.
com.example.url=http://127.0.0.1/ajax/
com.example.port=8010
"""
OTHER = """\
# eas.properties

# Longest wait.
com.example.eas.wait=1770
"""
SECTION = "".join(merge.SECTION)


def wanted(**changed: object) -> Wanted:
    """The template with some values, named explicitly, such as ``workers=4``."""
    keys = {f"com.example.{name}": str(value) for name, value in changed.items()}
    return Wanted(merge.replace(TEMPLATE, keys), frozenset(keys))


def once(there: Found, want: Wanted | None = None, **placeholders: tuple[str, ...]) -> Merged:
    """The file that a text on the host becomes."""
    known = {f"com.example.{name}": values for name, values in placeholders.items()}
    return merge.merge({"usm": want or wanted()}, {"usm": there}, known)["usm"]


def edited(before: str, after: str, text: str = TEMPLATE) -> str:
    assert before in text
    return text.replace(before, after)


def test_a_host_without_the_file_gets_the_template() -> None:
    assert once(Found()) == Merged(TEMPLATE)


def test_a_value_that_was_edited_since_the_last_run_stays() -> None:
    there = edited("workers=0", "workers = 4")
    merged = once(Found(there, base=TEMPLATE))
    assert merged.text == edited("workers=0", "workers=4")
    assert {key: (entry.value, entry.line) for key, entry in merged.kept.items()} == {
        "com.example.workers": ("4", 8)
    }


def test_a_value_that_the_settings_name_wins_over_an_edit() -> None:
    there = edited("workers=0", "workers=4")
    assert once(Found(there, base=TEMPLATE), wanted(workers=8)).text == edited("workers=0", "workers=8")


def test_a_value_that_the_settings_name_wins_also_where_it_is_that_of_everybody() -> None:
    there = edited("workers=0", "workers=4")
    assert once(Found(there, base=TEMPLATE), wanted(workers=0)).text == TEMPLATE


def test_a_value_that_nobody_edited_follows_the_template() -> None:
    newer = Wanted(edited("workers=0", "workers=2"))
    assert once(Found(TEMPLATE, base=TEMPLATE), newer) == Merged(newer.text)


def test_a_value_that_is_no_longer_named_goes_back_to_the_template() -> None:
    named = wanted(workers=8)
    assert once(Found(named.text, base=named.text)).text == TEMPLATE


def test_blanks_and_comments_are_no_edits_of_a_value() -> None:
    there = edited("com.example.workers=0", "  com.example.workers :  0  ") + "# by hand\n"
    assert once(Found(there, base=TEMPLATE)) == Merged(TEMPLATE)


def test_a_line_that_was_taken_out_comes_back_with_its_comment() -> None:
    there = edited("# Worker processes.\ncom.example.workers=0\n", "")
    assert once(Found(there, base=TEMPLATE)).text == TEMPLATE


def test_a_value_that_was_emptied_stays_empty() -> None:
    there = edited("workers=0", "workers=")
    assert once(Found(there, base=TEMPLATE)).text == there


def test_new_keys_come_with_their_comments_and_edits_stay_beside_them() -> None:
    old = "com.example.url=http://ox/ajax/\n"
    base = "com.example.url=http://127.0.0.1/ajax/\n"
    merged = once(Found(old, base=base))
    assert merged.text == edited("http://127.0.0.1/ajax/", "http://ox/ajax/")


@pytest.mark.parametrize(
    ("value", "stays"),
    [("0", False), ("", False), ("16", False), ("99", False), ("4", True)],
    ids=["our default", "empty", "shipped", "placeholder", "edit"],
)
def test_in_a_file_that_we_never_wrote_an_edit_is_what_nobody_shipped(value: str, stays: bool) -> None:
    there = f"com.example.workers={value}\n"
    shipped = ("com.example.workers=16\n", "com.example.other=1\n")
    merged = once(Found(there, shipped=shipped), workers=("99",))
    assert bool(merged.kept) is stays
    assert merge.values(merged.text)["com.example.workers"] == (value if stays else "0")


def test_a_file_as_its_package_brought_it_has_no_edits() -> None:
    there = "com.example.workers=16\ncom.example.port=9\n"
    assert once(Found(there, shipped=(there,))) == Merged(TEMPLATE)


def test_keys_of_others_stay_as_they_are_written_in_a_section_at_the_end() -> None:
    there = (
        "# The vendor's.\n! Both lines.\ncom.vendor.a = 1,\\\n   2\n\n# not directly above\n\ncom.vendor.b:x\n"
        + TEMPLATE
        + "\n\tcom.vendor.c\n"
    )
    assert once(Found(there)).text == (
        TEMPLATE
        + f"\n{SECTION}\n"
        + "# The vendor's.\n! Both lines.\ncom.vendor.a = 1,\\\n   2\ncom.vendor.b:x\n\tcom.vendor.c\n"
    )


def test_a_key_that_the_deployment_wrote_and_no_longer_wants_goes_unless_it_was_edited() -> None:
    base = TEMPLATE + "com.example.old=1\n"
    assert once(Found(base, base=base)).text == TEMPLATE
    merged = once(Found(TEMPLATE + "com.example.old=2\n", base=base))
    assert merged.text == f"{TEMPLATE}\n{SECTION}\ncom.example.old=2\n"


def test_a_key_in_the_other_file_counts_and_moves_where_it_belongs() -> None:
    both = {"usm": wanted(), "eas": Wanted(OTHER)}
    there = {
        "usm": Found(TEMPLATE + "com.example.eas.wait=900\n", base=TEMPLATE),
        "eas": Found("", base=OTHER),
    }
    merged = merge.merge(both, there)
    assert merged["usm"].text == TEMPLATE
    assert merged["eas"].text == OTHER.replace("1770", "900")


def test_the_last_of_two_equal_keys_counts_and_the_others_are_reported() -> None:
    there = edited("workers=0", "workers=4\ncom.example.workers=5") + "a=1\n# two\na=2\n"
    merged = once(Found(there, base=TEMPLATE))
    assert merged.text == edited("workers=0", "workers=5") + f"\n{SECTION}\n# two\na=2\n"
    assert merged.repeated == {"com.example.workers": (8,), "a": (14,)}


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\n"])
def test_files_of_other_systems_are_understood(ending: str) -> None:
    there = edited("workers=0", "workers=4") + "# mine\na = b\\\n  c"
    merged = once(Found(there.replace("\n", ending), base=TEMPLATE))
    assert merged.text == edited("workers=0", "workers=4") + f"\n{SECTION}\n# mine\na = b\\\n  c\n"
    assert merged.kept["com.example.workers"].line == 8


@pytest.mark.parametrize("source", ["a=b\\", "a=b\\\\\\", "a=b\\\n\\", "a\\"])
def test_a_backslash_at_the_end_of_a_file_does_not_swallow_what_follows(source: str) -> None:
    before = merge.values(source)
    merged = once(Found(f"z=1\n# c\n{source}"))
    found = merge.values(merged.text)
    assert {key: found[key] for key in before} == before
    assert once(Found(merged.text, base=TEMPLATE)).text == merged.text


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("grün", "gr\\u00fcn"),
        ("gr\\u00FCn", "gr\\u00fcn"),
        ("\\ud83d\\ude00", "\\ud83d\\ude00"),
        ("\\ud83d", "\\ud83d"),
    ],
)
def test_letters_beyond_ascii_are_escaped_in_our_keys(written: str, kept: str) -> None:
    there = edited("workers=0", f"workers={written}")
    assert once(Found(there, base=TEMPLATE)).text == edited("workers=0", f"workers={kept}")


def test_letters_beyond_ascii_stay_as_they_are_in_the_lines_of_others() -> None:
    line = "# größer\nkey=grün\n".encode().decode(merge.ENCODING)
    assert once(Found(line)).text.endswith(line)


def test_a_text_that_cannot_be_read_is_refused_with_its_line() -> None:
    with pytest.raises(merge.UnreadableError, match=re.escape("\\u00g")) as caught:
        once(Found("a=1\r\n# c\r\nb=c\\\r\n d\r\nc=\\u00g1\r\n"))
    assert caught.value.line == 5


def test_what_a_package_shipped_need_not_be_readable() -> None:
    assert once(Found(TEMPLATE, shipped=("a=\\uXX\n",))).text == TEMPLATE


def test_what_is_remembered_tells_apart_whatever_asks_for_another_run() -> None:
    digest = merge.digest(TEMPLATE)
    texts = {
        merge.remember(wanted(), digest),
        merge.remember(wanted(workers=0), digest),
        merge.remember(wanted(workers=1), digest),
        merge.remember(wanted(), merge.digest("")),
    }
    assert len(texts) == 4
    for text in texts:
        assert merge.result_of(text) in (digest, merge.digest(""))
    assert merge.values(merge.remember(wanted(workers=1), digest)) == merge.values(wanted(workers=1).text)
    assert merge.result_of(None) == merge.result_of(TEMPLATE) == ""


def test_the_difference_names_keys_and_hides_what_may_be_a_password() -> None:
    before = (
        "com.a=1\ncom.openexchange.usm.database.url=mysql://u:hush1@h/d\ncom.b=x\nproxy=http://u:hush2@h/\n"
    )
    after = "com.a=2\ncom.openexchange.usm.database.url=\ncom.c=grün\nmy.password=hush3\n"
    lines = merge.difference(before, after)
    assert lines == [
        *("-com.a=1", "+com.a=2"),
        *("-com.openexchange.usm.database.url=***", "+com.openexchange.usm.database.url="),
        "+com.c=gr\\u00fcn",
        "+my.password=***",
        "-com.b=x",
        "-proxy=***",
    ]


@pytest.mark.parametrize("name", ["database.password", "admin.logins", "notify.secret", "secret_keys"])
def test_a_secret_of_ours_is_never_shown(name: str) -> None:
    assert merge.shown(f"com.openexchange.usm.{name}", "hush") == f"com.openexchange.usm.{name}=***"


def test_the_length_of_a_password_is_no_password() -> None:
    key = "com.openexchange.usm.eas.policy.MinDevicePasswordLength"
    assert merge.shown(key, "8") == f"{key}=8"


def test_a_key_is_replaced_and_every_other_byte_stays() -> None:
    text = "# grün\r\na : 1\r\n\r\n  a = 2 \\\r\n  3\r\nb=\\u00e4"
    assert merge.replace(text, {"a": "ü", "c d": "x"}) == (
        "# grün\r\na : 1\r\n\r\na=\\u00fc\r\nb=\\u00e4\r\nc\\ d=x\r\n"
    )
    assert merge.replace(text, {"a": "2 3", "b": "ä"}) == text
    assert merge.replace("", {"a": "1"}) == "a=1\n"


# Texts as administrators write them, and worse.

_WORD = st.text("abc.ü \\:=#!\t", max_size=6)
_KEY = st.one_of(
    st.sampled_from(["com.example.workers", "com.example.url", "com.example.port", "com.vendor.x"]), _WORD
)
_LINE = st.one_of(
    st.builds(
        lambda indent, key, separator, value: indent + key + separator + value,
        st.sampled_from(["", "  ", "\t"]),
        _KEY.map(lambda key: re.sub(r"([\\ :=#!\t])", r"\\\1", key)),
        st.sampled_from(["=", ":", " ", " = ", "\t:"]),
        _WORD,
    ),
    st.builds(lambda sign, rest: sign + rest, st.sampled_from(["#", "!", " #"]), _WORD),
    st.just(""),
    st.sampled_from([*merge.SECTION, *TEMPLATE.splitlines()]).map(str.rstrip),
)
_TEXT = st.builds(
    lambda lines, ending, last: ending.join(lines) + (ending if last else ""),
    st.lists(_LINE, max_size=12),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
)
_WANTED = st.builds(wanted, workers=st.integers(0, 3).map(str), port=_WORD.map(str.strip)) | st.just(
    Wanted(TEMPLATE)
)


def readable(*texts: str | None) -> bool:
    for text in texts:
        try:
            merge.entries(text or "")
        except merge.UnreadableError:
            return False
    return True


@given(_TEXT, st.none() | _TEXT, st.lists(_TEXT, max_size=2), _WANTED)
def test_what_is_merged_again_comes_out_the_same(
    text: str, base: str | None, shipped: list[str], want: Wanted
) -> None:
    assume(readable(text))
    first = once(Found(text, base, tuple(shipped)), want)
    again = once(Found(first.text, base=merge.remember(want, merge.digest(first.text))), want)
    assert again.text == first.text


@given(_TEXT, _WANTED)
def test_no_key_is_lost_and_every_value_has_its_reason(text: str, want: Wanted) -> None:
    assume(readable(text))
    there = javaproperties.loads(text)
    merged = once(Found(text, base=TEMPLATE), want)
    found = javaproperties.loads(merged.text)
    ours = javaproperties.loads(want.text)
    assert found.keys() == there.keys() | ours.keys()
    default = javaproperties.loads(TEMPLATE)
    for key, value in found.items():
        is_edited = key in there and there[key].strip() != default.get(key, "never written").strip()
        if key in want.explicit or not is_edited:
            assert value == ours[key]
        else:
            assert value.strip() == there[key].strip()


@given(_TEXT, _WANTED)
def test_every_comment_of_the_template_stands_above_its_key(text: str, want: Wanted) -> None:
    assume(readable(text))
    above = {entry.key: entry.above for entry in merge.entries(once(Found(text), want).text)}
    for entry in merge.entries(TEMPLATE):
        assert above[entry.key] == entry.above


@given(_TEXT, st.dictionaries(_WORD, _WORD.map(str.strip), max_size=3))
def test_replacing_changes_the_keys_that_are_named_and_no_other(text: str, chosen: dict[str, str]) -> None:
    assume(readable(text))
    after = merge.replace(text, chosen)
    stripped = {key.strip(): value for key, value in chosen.items()}
    assume(stripped == chosen)
    assert javaproperties.loads(after) == {**javaproperties.loads(text), **chosen}
    assert merge.replace(after, chosen) == after
