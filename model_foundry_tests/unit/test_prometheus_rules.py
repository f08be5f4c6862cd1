"""deploy/prometheus: what promtool (Debian's package `prometheus`) says of it."""

import copy
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from model_foundry.fleet.file import load_fleet
from model_foundry.fleet.scrape import target_groups

DEPLOY = Path(__file__).parents[2] / "deploy"
PROMETHEUS = DEPLOY / "prometheus"
RULES = yaml.safe_load((PROMETHEUS / "rules.yml").read_text(encoding="utf-8"))

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="promtool is missing (apt-get install prometheus): rules and alerts are not tested",
)


def promtool(*arguments: str, folder: Path = PROMETHEUS) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


@needs_promtool
def test_configuration_and_rules_hold() -> None:
    for command in (
        ("check", "config", "--lint-fatal", "prometheus.yml"),
        ("check", "rules", "--lint-fatal", "rules.yml"),
        ("test", "rules", "rules.test.yml"),
    ):
        done = promtool(*command)
        assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_each_broken_rule_fails_a_test(tmp_path: Path) -> None:
    shutil.copy(PROMETHEUS / "rules.test.yml", tmp_path)
    broken = copy.deepcopy(RULES)
    names = []
    for rule in (rule for group in broken["groups"] for rule in group["rules"]):
        if "alert" in rule:
            names.append(f"alertname: {rule['alert']},")
            turned, comparisons = re.subn(
                r" (>=|>|==) ", lambda found: " != " if "==" in found[1] else " < ", rule["expr"]
            )
            assert comparisons > 0
            rule["expr"] = turned
        else:
            names.append(rule["record"])
            rule["record"] += "_renamed"
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(broken), encoding="utf-8")
    done = promtool("test", "rules", "rules.test.yml", folder=tmp_path)
    assert done.returncode != 0
    assert [name for name in names if name not in done.stderr + done.stdout] == []


def test_every_alert_says_what_it_is_about() -> None:
    alerts = [rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]
    assert len(alerts) > 10
    for alert in alerts:
        assert alert["labels"]["severity"] in {"page", "warn"}
        assert alert["annotations"]["summary"]


def test_the_slots_that_are_scraped_are_those_of_the_fleet() -> None:
    fleet = load_fleet(DEPLOY / "fleet.yaml")
    committed = yaml.safe_load((PROMETHEUS / "slots.json").read_text(encoding="utf-8"))
    assert committed == target_groups(fleet.in_profile("standard"), {})
    assert [group["labels"]["slot"] for group in committed] == [
        "naughty",
        "kindergarten",
        "translator",
    ]
