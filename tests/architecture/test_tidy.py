"""Goal: the numbers and bans of the house hold. Method: read every file as a tree, and each rule
must also refuse a piece of code that breaks it."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE_LINES_MAX = 300
TEST_LINES_MAX = 500
FUNCTION_LINES_MAX = 50
TEST_FUNCTION_LINES_MAX = 70
MAIN_LINES_MAX = 60
PUBLIC_NAMES_MAX = 7
PARAMETERS_MAX = 6
README_LINES_MAX = 40

GENERATED = ("contracts/hexi/", "contracts/hexi_contracts/topics.py")
OWNS_TIME = "services/kit/hexi_kit/clock.py"
OWNS_CHANCE = ("services/kit/hexi_kit/ids.py", "services/kit/hexi_kit/testing/")
CLOCK_CALLS = re.compile(
    r"^(time\.(time|time_ns|monotonic|monotonic_ns|perf_counter|perf_counter_ns|sleep)"
    r"|(datetime\.)?datetime\.(now|utcnow|today)|(datetime\.)?date\.today)$"
)
SLEEPS = ("time.sleep", "asyncio.sleep")
CHANCE_CALLS = re.compile(r"^(random\.[a-z]\w*|uuid\.uuid[14]|uuid4|uuid1|os\.urandom)$")
CLIENT = re.compile(r"(Client|Pool|Producer|Consumer|Channel|channel|App|Engine|Server)$")
EXACT = re.compile(r"(^|_)(fen|yuan|price|amount|money|watt_seconds|energy_ws)(_|$)")
IGNORE = re.compile(
    r"#\s*(type:\s*ignore|noqa)\b(?P<code>\[[\w, -]+\]|:\s*[A-Z]+\d+[\w, ]*)?(?P<why>.*)"
)


@dataclass(frozen=True)
class File:
    """One Python file, read once."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def is_test(self) -> bool:
        return self.path.startswith("tests/")

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield node, ast.unparse(node.func)

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node


def is_command(node: ast.stmt) -> bool:
    """Whether it is typed by people: its parameters are options, its name a word of the CLI."""
    decorators = getattr(node, "decorator_list", [])
    return any(".command" in ast.unparse(one) for one in decorators)


Rule = Callable[[File], Iterator[str]]


def files_are_short(file: File) -> Iterator[str]:
    lines = file.text.count("\n")
    limit = TEST_LINES_MAX if file.is_test else SOURCE_LINES_MAX
    if (
        Path(file.path).name == "main.py"
        and not file.is_test
        and not file.path.startswith("deploy")
    ):
        limit = MAIN_LINES_MAX
    if lines > limit:
        yield f"expected at most {limit} lines, was {lines}"


def functions_are_short(file: File) -> Iterator[str]:
    limit = TEST_FUNCTION_LINES_MAX if file.is_test else FUNCTION_LINES_MAX
    for node in file.functions():
        lines = (node.end_lineno or 0) - node.lineno + 1
        if lines > limit:
            yield f"{node.name}: expected at most {limit} lines, was {lines}"


def parameters_are_few(file: File) -> Iterator[str]:
    for node in file.functions():
        if is_command(node):
            continue
        taken = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        count = len([one for one in taken if one.arg not in ("self", "cls")])
        if count > PARAMETERS_MAX and not file.is_test:
            yield f"{node.name}: expected at most {PARAMETERS_MAX} parameters, was {count}"


def public_names_are_few(file: File) -> Iterator[str]:
    """Functions and classes; a module of exceptions is one tree and counts once."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    names = [
        node.name
        for node in file.tree.body
        if isinstance(node, kinds) and not node.name.startswith("_") and not is_command(node)
    ]
    if file.is_test or file.path.endswith("/errors.py"):
        return
    if len(names) > PUBLIC_NAMES_MAX:
        yield f"expected at most {PUBLIC_NAMES_MAX} public names, was {len(names)}"


def module_says_what_it_owns(file: File) -> Iterator[str]:
    if file.tree.body and not ast.get_docstring(file.tree):
        yield "expected a module docstring"


def ignores_say_why(file: File) -> Iterator[str]:
    for number, line in enumerate(file.text.splitlines(), 1):
        found = IGNORE.search(line)
        if found and (not found["code"] or not found["why"].strip(" #-:")):
            yield f"line {number}: expected a code and a reason on every ignore"


def time_and_chance_are_given(file: File) -> Iterator[str]:
    bench = file.path.startswith("tests/")
    for node, name in file.calls():
        if CLOCK_CALLS.match(name) and file.path != OWNS_TIME and not bench:
            yield f"line {node.lineno}: {name}: ask the clock you were given"
        if CHANCE_CALLS.match(name) and not file.path.startswith(OWNS_CHANCE) and not bench:
            yield f"line {node.lineno}: {name}: ask the ids or the Random you were given"
        if name == "random.Random" and not node.args and not bench:
            yield f"line {node.lineno}: random.Random without a seed"


def nobody_sleeps(file: File) -> Iterator[str]:
    for node, name in file.calls():
        gives_way = bool(node.args) and ast.unparse(node.args[0]) == "0"
        if name in SLEEPS and not gives_way and file.path != OWNS_TIME:
            yield f"line {node.lineno}: {name}: wait for the thing itself, or ask the clock"


def domain_is_pure(file: File) -> Iterator[str]:
    if "/domain/" not in file.path or file.is_test:
        return
    for node in ast.walk(file.tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await):
            yield f"line {node.lineno}: domain does not wait"
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name.split(".")[0] for alias in node.names}
            module = (getattr(node, "module", None) or "").split(".")[0]
            if {"logging", "structlog"} & (names | {module}):
                yield f"line {node.lineno}: domain does not log"


def fakes_stand_in_not_mocks(file: File) -> Iterator[str]:
    if file.is_test and re.search(
        r"^\s*(from unittest import mock|from unittest\.mock|import unittest\.mock)",
        file.text,
        re.M,
    ):
        yield "mocks freeze the implementation: use a fake of the port"


def clients_live_in_main(file: File) -> Iterator[str]:
    for node in file.tree.body:
        value = getattr(node, "value", None)
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(value, ast.Call):
            name = ast.unparse(value.func)
            if CLIENT.search(name) and not file.is_test:
                yield f"line {node.lineno}: {name} at import: build it in main"


def money_and_energy_are_integers(file: File) -> Iterator[str]:
    for node in ast.walk(file.tree):
        name = annotation = None
        if isinstance(node, ast.arg):
            name, annotation = node.arg, node.annotation
        elif isinstance(node, ast.AnnAssign):
            name, annotation = ast.unparse(node.target), node.annotation
        if name and annotation and EXACT.search(name) and "float" in ast.unparse(annotation):
            yield f"line {node.lineno}: {name}: expected an integer, was a float"


RULES: tuple[Rule, ...] = (
    files_are_short,
    functions_are_short,
    parameters_are_few,
    public_names_are_few,
    module_says_what_it_owns,
    ignores_say_why,
    time_and_chance_are_given,
    nobody_sleeps,
    domain_is_pure,
    fakes_stand_in_not_mocks,
    clients_live_in_main,
    money_and_energy_are_integers,
)

BAD: dict[Rule, tuple[str, str]] = {
    files_are_short: ("services/x/hexi_x/a.py", "a = 1\n" * 301),
    functions_are_short: ("services/x/hexi_x/a.py", "def f():\n" + "    a = 1\n" * 51),
    parameters_are_few: ("services/x/hexi_x/a.py", "def f(a, b, c, d, e, *, g, h): ...\n"),
    public_names_are_few: (
        "services/x/hexi_x/a.py",
        "".join(f"def f{number}(): ...\n" for number in range(8)),
    ),
    module_says_what_it_owns: ("services/x/hexi_x/a.py", "a = 1\n"),
    ignores_say_why: ("services/x/hexi_x/a.py", "a = b()  # type: " + "ignore[misc]\n"),
    time_and_chance_are_given: ("services/x/hexi_x/a.py", "import time\na = time.time()\n"),
    nobody_sleeps: ("tests/unit/x/test_a.py", "async def f():\n    await asyncio.sleep(1)\n"),
    domain_is_pure: ("services/x/hexi_x/domain/a.py", "async def f(): ...\n"),
    fakes_stand_in_not_mocks: ("tests/unit/x/test_a.py", "from unittest.mock import Mock\n"),
    clients_live_in_main: ("services/x/hexi_x/a.py", "pool = open.Pool()\n"),
    money_and_energy_are_integers: ("services/x/hexi_x/a.py", "def f(price_fen: float): ...\n"),
}


def python_files() -> list[File]:
    """Every file of ours, also those not committed yet."""
    listing = ["git", "ls-files", "-co", "--exclude-standard", "*.py"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [
        File(name, (ROOT / name).read_text())
        for name in sorted(names.splitlines())
        if not name.startswith(GENERATED) and (ROOT / name).exists()
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_file_keeps(rule: Rule) -> None:
    broken = [f"{file.path}: {text}" for file in python_files() for text in rule(file)]

    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_code_that_breaks_it_is_refused_by(rule: Rule) -> None:
    path, text = BAD[rule]

    assert list(rule(File(path, text)))


def test_test_files_have_names_of_their_own() -> None:
    names = Counter(Path(file.path).name for file in python_files() if file.is_test)

    assert not [name for name, count in names.items() if count > 1 and name.startswith("test_")]


def test_readmes_are_short() -> None:
    for path in ROOT.glob("services/*/README.md"):
        assert path.read_text().count("\n") <= README_LINES_MAX, path


def test_no_file_names_a_registry_or_a_machine() -> None:
    # Put together here, so that this file does not name them either.
    banned = ["pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "repo1.maven" + ".org"]
    banned += ["/" + "work/main", "/" + "work/shared", "/root/" + "."]
    pattern = [part for one in banned for part in ("-e", one)]

    found = subprocess.run(
        ["git", "grep", "-lF", *pattern], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert found.stdout == ""
