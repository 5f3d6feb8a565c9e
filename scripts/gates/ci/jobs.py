#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Read the jobs out of a CI file, as its service would, for scripts/gates/check-ci.

usage: jobs.py github|gitlab|shell|kit-github|kit-gitlab|readthedocs FILE DIR

Those with kit- are for the repository of the kit itself, the others for one that
has the kit as a submodule. Each job, and each entry of a matrix, becomes a folder
of DIR with the files
  title, image, workspace   one line each
  steps/N                   what is run, in this order; N/M in the title
  environment               NAME=VALUE, one a line, of all steps
  uploads, caches, junit    paths in the workspace that the job hands over
  pages                     folders there that are published as a site
  packages                  of apt, which the service installs; then the steps do
                            not run as root
Whatever this program does not know, a key or an action, is an error.
"""

import functools
import itertools
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import yaml

# On GitHub, the path of the workspace that an expression gives is that of the
# machine outside the container, and GITHUB_WORKSPACE is the one inside.
GITHUB_OUTSIDE = "/runner/work/{0}/{0}"
GITHUB_INSIDE = "/__w/{0}/{0}"
GITLAB_FOLDER = "/builds/{0}/{0}"
READTHEDOCS_HOME = "/opt/docs"        # as its user has it below /home
READTHEDOCS_FOLDER = f"{READTHEDOCS_HOME}/checkouts/readthedocs.org/user_builds/kit/checkouts/latest"
# The branch that a site is published from, and the conditions that say so.
MAIN = {"github.ref": "refs/heads/main"}
GITLAB_MAIN = "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"
PACKAGES = Path(__file__).resolve().parents[2] / "lib/packages"

# What stands for an action: check-ci makes the checkout and keeps the cache before
# the steps, and looks after them for what is uploaded and published.
ACTIONS = {
    "actions/checkout@v4": {"submodules"},
    "actions/cache@v4": {"path", "key", "restore-keys"},
    "actions/upload-artifact@v4": {"name", "path", "if-no-files-found"},
    "actions/upload-pages-artifact@v3": {"path"},
    "actions/deploy-pages@v4": set(),
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
    pages: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        (folder / "steps").mkdir(parents=True)
        lists = {name: getattr(self, name) for name in ("uploads", "caches", "junit", "pages", "packages")}
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


def use(job: Job, step: dict, context: dict[str, str], kit: bool) -> None:
    action = step["uses"]
    if action not in ACTIONS:
        raise Unknown(f"nothing stands for 'uses: {action}'")
    only(f"uses: {action}", step.get("with", {}), ACTIONS[action])
    given = {k: expand(v, context) for k, v in step.get("with", {}).items()}
    if action.startswith("actions/checkout@") and given.get("submodules") != "True" and not kit:
        raise Unknown("a checkout without the kit, which is a submodule")
    paths = {"actions/cache@v4": job.caches, "actions/upload-pages-artifact@v3": job.pages}
    for name, into in (("path", paths.get(action, job.uploads)), ("report_paths", job.junit)):
        into += given.get(name, "").split()


def deploys(name: str, spec: dict, done: dict[str, Job]) -> None:
    """A job without a container publishes what the one that it needs has uploaded."""
    if [step.get("uses") for step in spec["steps"]] != ["actions/deploy-pages@v4"]:
        raise Unknown(f"job {name} has no container")
    needed = done.get(spec.get("needs", ""))
    if not needed or not needed.pages:
        raise Unknown(f"job {name} needs no job that uploads a site")
    if spec.get("permissions") != {"pages": "write", "id-token": "write"}:
        raise Unknown(f"job {name} lacks the permissions to publish")
    only(f"{name}: environment", spec.get("environment", {}), {"name", "url"})


def github_job(name: str, spec: dict, entry: dict[str, str], kit: bool) -> Job:
    repository = "kit" if kit else "acme"
    inside = GITHUB_INSIDE.format(repository)
    context = {f"matrix.{k}": v for k, v in entry.items()}
    context |= {"github.workspace": GITHUB_OUTSIDE.format(repository), "github.run_id": "1"}
    job = Job(expand(spec.get("name", name), context), spec["container"], inside)
    job.environment = {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": inside}
    job.environment |= {k: expand(v, context) for k, v in spec.get("env", {}).items()}
    for step in spec["steps"]:
        only(f"a step of {name}", step, {"name", "if", "uses", "with", "run"})
        if step.get("if", "always()") != "always()":
            raise Unknown(f"if: {step['if']}")
        if "uses" in step:
            use(job, step, context, kit)
        else:
            job.steps.append(expand(step["run"], context))
    return job


def github(file: dict, kit: bool = False) -> list[Job]:
    # YAML 1.1 reads the key "on" as true.
    only("the file", file, {"name", True, "permissions", "jobs"})
    jobs, named = [], {}
    for name, spec in file["jobs"].items():
        only(f"job {name}", spec, {"name", "runs-on", "container", "timeout-minutes", "strategy",
                                   "env", "steps", "if", "needs", "permissions", "environment"})
        if "if" in spec and not expression(spec["if"], MAIN):
            raise Unknown(f"job {name} does not run on the branch main")
        if "container" not in spec:
            deploys(name, spec, named)
            continue
        for entry in entries(spec.get("strategy", {}).get("matrix", {})):
            jobs.append(github_job(name, spec, entry, kit))
        named[name] = jobs[-1]
    return jobs


# --- GitLab

def variables(values: dict, known: dict[str, str]) -> dict[str, str]:
    return {k: re.sub(r"\$(\w+)", lambda m: known.get(m[1], ""), str(v)) for k, v in values.items()}


def gitlab_job(name: str, spec: dict, default: dict, given: dict[str, str], entry: dict[str, str]) -> Job:
    title = f"{name} {' '.join(entry.values())}".strip()
    environment = given | variables(spec.get("variables", {}), given) | entry
    job = Job(title, default["image"], given["CI_PROJECT_DIR"], environment)
    # One shell for all of it, which stops at the first error.
    job.steps = ["\n".join(default.get("before_script", []) + spec["script"])]
    only(f"{name}: cache", spec.get("cache", {}), {"key", "paths", "when"})
    job.caches = spec.get("cache", {}).get("paths", [])
    artifacts = spec.get("artifacts", {})
    only(f"{name}: artifacts", artifacts, {"when", "expire_in", "paths", "reports"})
    only(f"{name}: reports", artifacts.get("reports", {}), {"junit"})
    job.uploads = artifacts.get("paths", [])
    job.junit = [artifacts["reports"]["junit"]] if "reports" in artifacts else []
    if name == "pages":
        if "public" not in job.uploads:
            raise Unknown("the job pages has no artifact public, which is what is published")
        if spec.get("rules") != [{"if": GITLAB_MAIN}]:
            raise Unknown("the job pages publishes from other branches than the default one")
        job.pages = ["public"]
    elif "rules" in spec:
        raise Unknown(f"{name}: rules")
    return job


def gitlab(file: dict, kit: bool = False) -> list[Job]:
    jobs = []
    default = file.pop("default", {})
    only("default", default, {"image", "before_script"})
    given = {"CI": "true", "GITLAB_CI": "true",
             "CI_PROJECT_DIR": GITLAB_FOLDER.format("kit" if kit else "acme")}
    given |= variables(file.pop("variables", {}), given)
    if given.get("GIT_SUBMODULE_STRATEGY") not in ("normal", "recursive") and not kit:
        raise Unknown("a checkout without the kit, which is a submodule")
    for name, spec in file.items():
        only(name, spec, {"stage", "timeout", "variables", "parallel", "cache", "script", "artifacts", "rules"})
        only(f"{name}: parallel", spec.get("parallel", {}), {"matrix"})
        matrices = spec.get("parallel", {}).get("matrix", [{}])
        for entry in itertools.chain.from_iterable(entries(m) for m in matrices):
            jobs.append(gitlab_job(name, spec, default, given, entry))
    return jobs


# --- Read the Docs

def packages(groups: set[str], system: str) -> set[str]:
    """What the packages of these groups are called there."""
    out = set()
    for line in PACKAGES.read_text(encoding="utf-8").splitlines():
        words = line.split()
        if words and words[0] in groups:
            other = [w.partition("=")[2] for w in words[3:] if w.startswith(f"{system}=")]
            out.add((other or [words[1]])[0])
    return out


def readthedocs(file: dict) -> list[Job]:
    only("the file", file, {"version", "build"})
    build = file["build"]
    # With the key "commands", the service would install no packages.
    only("build", build, {"os", "tools", "apt_packages", "jobs"})
    only("build: jobs", build["jobs"], {"create_environment", "install", "build"})
    only("build: jobs: build", build["jobs"]["build"], {"html"})
    if not build["os"].startswith("ubuntu-"):
        raise Unknown(f"os: {build['os']}")
    job = Job("pages", build["os"], READTHEDOCS_FOLDER)
    job.packages = build["apt_packages"]
    wrong = packages({"base", "docs"}, "ubuntu") ^ set(job.packages)
    if wrong:
        raise Unknown(f"apt_packages and scripts/lib/packages differ in {', '.join(sorted(wrong))}")
    job.environment = {"CI": "true", "READTHEDOCS": "True",   "HOME": READTHEDOCS_HOME,
                       "READTHEDOCS_OUTPUT": f"{READTHEDOCS_FOLDER}/_readthedocs/"}
    job.steps = [*build["jobs"]["create_environment"], *build["jobs"]["install"],
                 *build["jobs"]["build"]["html"]]
    job.pages = ["_readthedocs/html"]
    return [job]


def shell(_file: dict) -> list[Job]:
    job = Job("shell", "debian:12", "/var/lib/jenkins/workspace/acme")
    job.environment = {"CI": "true", "WORKSPACE": job.workspace,
                       "KIT_CACHE": f"{job.workspace}/.kit-cache"}
    job.steps = ["apt-get update\napt-get install -y --no-install-recommends git ca-certificates",
                 "sh ci.sh"]
    job.caches = [".kit-cache"]
    job.junit = ["kit/build/kunit/*/results.xml"]
    return [job]


READERS = {"github": github, "gitlab": gitlab, "shell": shell, "readthedocs": readthedocs,
           "kit-github": functools.partial(github, kit=True),
           "kit-gitlab": functools.partial(gitlab, kit=True)}


def main() -> None:
    if len(sys.argv) != 4 or sys.argv[1] not in READERS:
        sys.exit(__doc__)
    service, path, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    try:
        text = path.read_text(encoding="utf-8")
        jobs = READERS[service]({} if service == "shell" else yaml.safe_load(text))
        for number, job in enumerate(jobs, 1):
            job.write(folder / f"{number}")
    except (Unknown, KeyError, yaml.YAMLError) as e:
        sys.exit(f"{path.name}: {'missing: ' if isinstance(e, KeyError) else ''}{e}")


if __name__ == "__main__":
    main()
