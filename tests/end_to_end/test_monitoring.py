"""The dashboard and the alerts name what the service really has, once it has been used."""

from __future__ import annotations

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from app.web.metrics import numbers
from lab.device.errors import PhoneError
from tests.end_to_end.stack import Stack, wait_until
from tests.monitoring.files import Expression, expressions

CONTACTS = 9

OF_PROMETHEUS = {"instance", "job"}
"""Labels that Prometheus itself adds to all."""

SELDOM = {*numbers.OX_OUTCOMES, *numbers.OX_KINDS}
"""Values that a label may have and need not have had yet."""

FREE = {"command", "version", "status"}
"""Labels of which an expression may name values that nobody has sent yet."""


Series = dict[str, list[dict[str, str]]]


@pytest.fixture(scope="module")
def told(running: Stack) -> Series:
    """Of each series' name all labels it has, after a phone was used that hung up in the end."""
    phone = running.phone(version="16.1", device_id="monitoring".ljust(32, "0"))
    phone.provision()
    phone.folder_sync()
    folder = phone.folder_of_type(CONTACTS).server_id
    phone.sync_all(folder)
    waits = 'usm_wait_seconds_count{command="Ping"}'
    with pytest.raises(PhoneError):
        phone.ping([folder], 600, timeout=1.0)
    phone.close()
    assert wait_until(lambda: waits in _metrics(running))
    found: Series = {"up": [{}]}
    for family in text_string_to_metric_families(_metrics(running)):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def _metrics(stack: Stack) -> str:
    return requests.get(f"http://127.0.0.1:{stack.admin_port}/usm/metrics", timeout=20).text


def test_expressions_name_what_there_is(told: Series) -> None:
    assert [fault for each in expressions() for fault in faults(each, told)] == []


def test_an_expression_that_names_something_else_is_found(told: Series) -> None:
    wrong = ("usm_nothing", 'usm_wakeups_total{by="poll"}', 'usm_wakeups_total{source="pol"}')
    wrong += ("sum by (kind) (usm_wakeups_total)", "1 + 1")
    assert all(faults(Expression("here", text), told) for text in wrong)
    assert faults(Expression("here", 'sum by (source) (usm_wakeups_total{source="poll"})'), told) == []


def faults(expression: Expression, told: Series) -> list[str]:
    """What is wrong with the names in an expression."""
    labels = set(OF_PROMETHEUS)
    found = [] if expression.selectors() else ["no metric"]
    for selector in expression.selectors():
        series = told.get(selector.name, [])
        has = {name for each in series for name in each} | OF_PROMETHEUS
        labels |= has
        found += [] if series else [f"there is no {selector.name}"]
        found += [f"{selector.name} has no label {name}" for name in selector.labels.keys() - has]
        for name in selector.labels.keys() & has - OF_PROMETHEUS - FREE:
            there = {each[name] for each in series if name in each} | SELDOM
            strange = set(selector.labels[name].split("|")) - there
            found += [f"{name} of {selector.name} is never {value}" for value in strange]
    found += [f"nothing to add up by {label}" for label in expression.groups() - labels]
    return [f"{expression.where}: {each}" for each in found]


def test_every_number_is_shown_or_watched(told: Series) -> None:
    used = {selector.name for expression in expressions() for selector in expression.selectors()}
    there = {name for name in told if not name.endswith(("_created", "_sum", "_count", "_bucket"))}
    assert there - used == {"usm_ox_calls_total"}


def test_labels_have_no_values_but_the_programs_own(told: Series) -> None:
    values = {value for series in told.values() for each in series for value in each.values()}
    assert not {value for value in values if "@" in value or "monitoring" in value or len(value) > 20}
