"""What is drawn and what wakes a person, asked of the real Prometheus, Alertmanager and MariaDB: Grafana itself is not needed for that."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import pytest
import yaml
from tests.support.settings import ROOT
from tests.support.stack import SKIPPED, Stack, wait_for

PANELS = json.loads((ROOT / "grafana/dashboards/platform.json").read_text())["panels"]
RULES = yaml.safe_load((ROOT / "prometheus/rules/platform.yml").read_text())["groups"][0]["rules"]
RULE_TESTS = ROOT / "tests/compose/alerts.yml"
_METRIC = re.compile(r"\bthreet_\w+")


def _queries(key: str) -> list[Any]:
    """One parameter for each query of a panel that has this key."""
    return [pytest.param(target[key], id=panel["title"]) for panel in PANELS for target in panel["targets"] if key in target]


def _prometheus(stack: Stack, path: str, **query: str) -> Any:
    address = f"http://127.0.0.1:{stack.ports['PROMETHEUS_PORT']}/api/v1/{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(address, timeout=10) as answer:
        return json.load(answer)["data"]


def _series(stack: Stack, expression: str) -> list[Any]:
    found: list[Any] = _prometheus(stack, "query", query=expression)["result"]
    return found


def test_their_own_tools_find_nothing_wrong_with_their_configuration(stack: Stack) -> None:
    said = stack.run("docker", "exec", stack.container("prometheus"), "promtool", "check", "config", "/etc/prometheus/prometheus.yml")
    assert f"{len(RULES)} rules found" in said
    stack.run("docker", "exec", stack.container("alertmanager"), "amtool", "check-config", "/etc/alertmanager/alertmanager.yml")


def test_every_target_but_those_left_out_is_up(stack: Stack) -> None:
    def down() -> set[str]:
        return {target["labels"]["job"] for target in _prometheus(stack, "targets")["activeTargets"] if target["health"] != "up"}

    wait_for("the others are up", lambda: down() == set(SKIPPED.split()))
    (alertmanager,) = _prometheus(stack, "alertmanagers")["activeAlertmanagers"]
    assert "alertmanager:9093" in alertmanager["url"]


@pytest.mark.parametrize("expression", _queries("expr"))
def test_a_panel_of_prometheus_has_something_to_draw(stack: Stack, expression: str) -> None:
    found = wait_for(expression, lambda: _series(stack, expression))
    assert all(series["metric"] for series in found)


def test_the_alerts_are_evaluated_and_ask_for_what_is_measured(stack: Stack) -> None:
    (group,) = wait_for("all were evaluated", lambda: _evaluated(stack))
    assert [rule["name"] for rule in group["rules"]] == [rule["alert"] for rule in RULES]
    assert {rule["health"] for rule in group["rules"]} == {"ok"}
    names = set(_prometheus(stack, "label/__name__/values"))
    asked = {name for rule in RULES for name in _METRIC.findall(rule["expr"])}
    assert asked
    assert asked <= names


def _evaluated(stack: Stack) -> Any:
    groups = _prometheus(stack, "rules")["groups"]
    return groups if all(rule["health"] != "unknown" for group in groups for rule in group["rules"]) else None


def test_each_alert_is_raised_when_it_is_due_and_not_before(stack: Stack) -> None:
    """By Prometheus' own rule tests, which need no time to pass; one that expects the wrong thing fails."""
    text = RULE_TESTS.read_text()
    assert {rule["alert"] for rule in RULES} == set(re.findall(r"alertname: (\w+)", text))
    command = ("sh", "-c", "cat >/tmp/alerts.yml && promtool test rules /tmp/alerts.yml")
    assert "SUCCESS" in stack.in_container("prometheus", *command, stdin=text)
    with pytest.raises(AssertionError, match="FAILED"):
        stack.in_container("prometheus", *command, stdin=text.replace("eval_time: 30s", "eval_time: 5m", 1))


def test_what_nobody_measures_or_is_no_query_would_be_seen(stack: Stack) -> None:
    assert _series(stack, "sum by (task) (rate(threet_task_total[1m]))") == []
    with pytest.raises(urllib.error.HTTPError, match="400"):
        _series(stack, "sum by (task (threet_tasks_total)")


def _as_grafana(stack: Stack, statement: str) -> list[list[str]]:
    """Rows under a row of the columns' names, by the user that may only read. The macro is written out as Grafana does it."""
    expanded = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 BETWEEN UTC_TIMESTAMP(6) - INTERVAL 3 HOUR AND UTC_TIMESTAMP(6)", statement)
    assert "$__" not in expanded
    login = 'MYSQL_PWD="$(cat /run/secrets/database.readonly_password)" mariadb --user=grafana --host=127.0.0.1 --batch 3t'
    return [line.split("\t") for line in stack.in_container("mariadb", "sh", "-c", login, stdin=expanded).splitlines()]


@pytest.mark.parametrize("statement", _queries("rawSql"))
def test_a_panel_of_the_database_has_something_to_draw(stack: Stack, statement: str) -> None:
    rows = wait_for("rows", lambda: found if len(found := _as_grafana(stack, statement)) > 1 else None)
    assert all(len(row) == len(rows[0]) for row in rows)


def test_a_panel_over_time_has_a_column_of_that_name() -> None:
    over_time = [target["rawSql"] for panel in PANELS for target in panel["targets"] if target.get("format") == "time_series"]
    assert over_time
    assert all(re.search(r"\bAS time\b", statement) for statement in over_time)


def test_the_user_of_the_panels_can_change_nothing(stack: Stack) -> None:
    with pytest.raises(AssertionError, match="denied"):
        _as_grafana(stack, "DELETE FROM orders")
