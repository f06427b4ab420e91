"""What the lab believes of pyinfra's output: a run is done when every host was worked on and none failed."""

from lab.deployment import Deployment, first_pid, read_output

NAMES = ("web1", "ox1", "ox2")
OUTPUT = """\
--> Connecting to hosts...
    [web1] Connected
    [ox1] Connected

--> Starting operation: package | install open-xchange-usm
    [ox1] Success
    [ox2] \x1b[32mSuccess\x1b[0m

--> Starting operation: Apache | proxy
    [web1] No changes

--> Starting operation: services | start
    [ox1] Error: executed 1 commands
    [ox2] No changes
"""


def test_outcomes_are_read_by_host_and_operation() -> None:
    found = read_output(OUTPUT.splitlines())
    assert found.changed == {
        "ox1": ["package | install open-xchange-usm"],
        "ox2": ["package | install open-xchange-usm"],
    }
    assert found.unchanged == {"web1": ["Apache | proxy"], "ox2": ["services | start"]}
    assert found.failed == {"ox1": ["services | start"]}
    assert found.changes() == {"package | install open-xchange-usm": ["ox1", "ox2"]}
    assert (found.count("changed"), found.count("changed", "ox1"), found.count("failed", "web1")) == (2, 1, 0)


def test_connecting_is_no_operation() -> None:
    assert read_output(OUTPUT.splitlines()[:3]).hosts() == set()


def test_a_failed_operation_is_a_problem_even_when_pyinfra_ends_with_0() -> None:
    found = read_output(OUTPUT.splitlines())
    assert found.problem(NAMES) == "failed: services | start on ox1"


def test_a_run_that_touched_no_host_is_a_problem_even_when_pyinfra_ends_with_0() -> None:
    assert Deployment().problem(NAMES) == "pyinfra did nothing on ox1, ox2, web1"


def test_an_exit_status_is_a_problem_whatever_was_printed() -> None:
    everywhere = {"web1": ["step"], "ox1": ["step"], "ox2": ["step"]}
    assert Deployment(unchanged=everywhere).problem(NAMES) == ""
    assert Deployment(unchanged=everywhere, status=1).problem(NAMES) == "pyinfra ended with 1"


def test_the_oldest_process_holds_the_socket() -> None:
    assert first_pid('users:(("apache2",pid=93,fd=4),("apache2",pid=61,fd=4))') == 61
