#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Read the jobs out of a CI file, as its service would, for scripts/gates/check-ci.

usage: jobs.py github|gitlab|shell FILE DIR

Each job, and each entry of a matrix, becomes a folder of DIR with the files
  title, image, workspace   one line each
  steps/N                   what is run, in this order; N/M in the title
  environment               NAME=VALUE, one a line, of all steps
  uploads, caches, junit    paths in the workspace that the job hands over
Whatever this program does not know, a key or an action, is an error.
"""

import itertools
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import yaml

# On GitHub, the path of the workspace that an expression gives is that of the
# machine outside the container, and GITHUB_WORKSPACE is the one inside.
GITHUB_OUTSIDE = "/runner/work/acme/acme"
GITHUB_INSIDE = "/__w/acme/acme"
GITLAB_FOLDER = "/builds/acme/acme"

# What stands for an action: check-ci makes the checkout and keeps the cache before
# the steps, and looks after them for what is uploaded and published.
ACTIONS = {
    "actions/checkout@v4": {"submodules"},
    "actions/cache@v4": {"path", "key", "restore-keys"},
    "actions/upload-artifact@v4": {"name", "path", "if-no-files-found"},
    "mikepenz/action-junit-report@v5": {"report_paths", "check_name", "require_tests"},
}


class Unknown(Exception):
    pass


@dataclass
class Job:
    title: str
    image: str
    workspace: str
    environment: dict[str, str] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    uploads: list[str] = field(default_factory=list)
    caches: list[str] = field(default_factory=list)
    junit: list[str] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        (folder / "steps").mkdir(parents=True)
        lists = {name: getattr(self, name) for name in ("uploads", "caches", "junit")}
        lists["environment"] = [f"{k}={v}" for k, v in self.environment.items()]
        for name in ("title", "image", "workspace"):
            lists[name] = [getattr(self, name)]
        for name, lines in lists.items():
            (folder / name).write_text("".join(f"{x}\n" for x in lines), encoding="utf-8")
        for number, text in enumerate(self.steps, 1):
            (folder / "steps" / f"{number:02}").write_text(text + "\n", encoding="utf-8")


def only(what: str, value: dict, known: set[str]) -> None:
    if not isinstance(value, dict):
        raise Unknown(f"{what} is no mapping")
    for key in value:
        if key not in known:
            raise Unknown(f"{what}: unknown key '{key}'")


def entries(matrix: dict) -> list[dict[str, str]]:
    """All combinations of a matrix."""
    lists = [[str(x) for x in (v if isinstance(v, list) else [v])] for v in matrix.values()]
    return [dict(zip(matrix, values)) for values in itertools.product(*lists)]


# --- GitHub

def term(text: str, context: dict[str, str]) -> str:
    text = text.strip()
    if re.fullmatch(r"'[^']*'", text):
        return text[1:-1]
    left, equal, right = text.partition("==")
    if equal:
        return "true" if term(left, context) == term(right, context) else ""
    if text not in context:
        raise Unknown(f"expression '{text}'")
    return context[text]


def expression(text: str, context: dict[str, str]) -> str:
    """a, 'a', a == 'b', joined by && and ||: enough for what the samples have."""
    value = ""
    for alternative in text.split("||"):
        for operand in alternative.split("&&"):
            value = term(operand, context)
            if not value:
                break
        if value:
            break
    return value


def expand(value, context: dict[str, str]) -> str:
    return re.sub(r"\$\{\{(.*?)\}\}", lambda m: expression(m[1], context), str(value))


def use(job: Job, step: dict, context: dict[str, str]) -> None:
    action = step["uses"]
    if action not in ACTIONS:
        raise Unknown(f"nothing stands for 'uses: {action}'")
    only(f"uses: {action}", step.get("with", {}), ACTIONS[action])
    given = {k: expand(v, context) for k, v in step.get("with", {}).items()}
    if action.startswith("actions/checkout@") and given.get("submodules") != "True":
        raise Unknown("a checkout without the kit, which is a submodule")
    for name, into in (("path", job.caches if "/cache@" in action else job.uploads),
                       ("report_paths", job.junit)):
        into += given.get(name, "").split()


def github(file: dict) -> list[Job]:
    # YAML 1.1 reads the key "on" as true.
    only("the file", file, {"name", True, "permissions", "jobs"})
    jobs = []
    for name, spec in file["jobs"].items():
        only(f"job {name}", spec, {"name", "runs-on", "container", "timeout-minutes", "strategy",
                                   "env", "steps"})
        for entry in entries(spec.get("strategy", {}).get("matrix", {})):
            context = {f"matrix.{k}": v for k, v in entry.items()}
            context |= {"github.workspace": GITHUB_OUTSIDE, "github.run_id": "1"}
            job = Job(expand(spec.get("name", name), context), spec["container"], GITHUB_INSIDE)
            job.environment = {"CI": "true", "GITHUB_ACTIONS": "true",
                               "GITHUB_WORKSPACE": GITHUB_INSIDE}
            job.environment |= {k: expand(v, context) for k, v in spec.get("env", {}).items()}
            for step in spec["steps"]:
                only(f"a step of {name}", step, {"name", "if", "uses", "with", "run"})
                if step.get("if", "always()") != "always()":
                    raise Unknown(f"if: {step['if']}")
                if "uses" in step:
                    use(job, step, context)
                else:
                    job.steps.append(expand(step["run"], context))
            jobs.append(job)
    return jobs


# --- GitLab

def variables(values: dict, known: dict[str, str]) -> dict[str, str]:
    return {k: re.sub(r"\$(\w+)", lambda m: known.get(m[1], ""), str(v)) for k, v in values.items()}


def gitlab(file: dict) -> list[Job]:
    jobs = []
    default = file.pop("default", {})
    only("default", default, {"image", "before_script"})
    given = {"CI": "true", "GITLAB_CI": "true", "CI_PROJECT_DIR": GITLAB_FOLDER}
    given |= variables(file.pop("variables", {}), given)
    if given.get("GIT_SUBMODULE_STRATEGY") not in ("normal", "recursive"):
        raise Unknown("a checkout without the kit, which is a submodule")
    for name, spec in file.items():
        only(name, spec, {"stage", "timeout", "parallel", "cache", "script", "artifacts"})
        only(f"{name}: parallel", spec.get("parallel", {}), {"matrix"})
        matrices = spec.get("parallel", {}).get("matrix", [{}])
        for entry in itertools.chain.from_iterable(entries(m) for m in matrices):
            title = f"{name} {' '.join(entry.values())}".strip()
            job = Job(title, default["image"], GITLAB_FOLDER, given | entry)
            # One shell for all of it, which stops at the first error.
            job.steps = ["\n".join(default.get("before_script", []) + spec["script"])]
            only(f"{name}: cache", spec.get("cache", {}), {"key", "paths", "when"})
            job.caches = spec.get("cache", {}).get("paths", [])
            artifacts = spec.get("artifacts", {})
            only(f"{name}: artifacts", artifacts, {"when", "expire_in", "paths", "reports"})
            only(f"{name}: reports", artifacts.get("reports", {}), {"junit"})
            job.uploads = artifacts.get("paths", [])
            job.junit = [artifacts["reports"]["junit"]] if "reports" in artifacts else []
            jobs.append(job)
    return jobs


def shell(_path: Path) -> list[Job]:
    job = Job("shell", "debian:12", "/var/lib/jenkins/workspace/acme")
    job.environment = {"CI": "true", "WORKSPACE": job.workspace,
                       "KIT_CACHE": f"{job.workspace}/.kit-cache"}
    job.steps = ["apt-get update\napt-get install -y --no-install-recommends git ca-certificates",
                 "sh ci.sh"]
    job.caches = [".kit-cache"]
    job.junit = ["kit/build/kunit/*/results.xml"]
    return [job]


def main() -> None:
    if len(sys.argv) != 4 or sys.argv[1] not in ("github", "gitlab", "shell"):
        sys.exit(__doc__)
    service, path, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    try:
        if service == "shell":
            jobs = shell(path)
        else:
            read = {"github": github, "gitlab": gitlab}[service]
            jobs = read(yaml.safe_load(path.read_text(encoding="utf-8")))
        for number, job in enumerate(jobs, 1):
            job.write(folder / f"{number}")
    except (Unknown, KeyError, yaml.YAMLError) as e:
        sys.exit(f"{path.name}: {'missing: ' if isinstance(e, KeyError) else ''}{e}")


if __name__ == "__main__":
    main()
