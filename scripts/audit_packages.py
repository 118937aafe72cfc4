"""Licences and known faults of the packages that Bakeoff brings with it; `scripts/audit` calls this.

Licences are read from what is installed, offline: every package that an extra for users needs must have a licence on
the list below, and one that says nothing fails. Known faults are asked of a service by pip-audit. Where it is not
reached, pip-audit says "no known vulnerabilities" of what it never looked up; so a release with a known fault is looked
up first, and where that one is not found to be faulty, nothing was audited, and this says so.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

#: Extras that users install; tests and documentation bring more, which nobody is handed.
EXTRAS = ("", "control", "finetune", "generate", "hub", "improve", "mlflow", "onnx", "server", "tune", "web")
#: SPDX identifiers of licences under which a package may be used beside an Apache-2.0 program, whoever sells that.
ALLOWED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0",
    "CNRI-Python", "ISC", "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "Python-2.0", "Unlicense", "Zlib",
}  # fmt: skip
#: What packages that name no SPDX identifier call these.
SPELLED = {
    "2-clause bsd": "BSD-2-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
}
#: A release with a known fault (CVE-2018-18074), by which a service shows that it is there.
FAULTY = "requests==2.19.0"


def packages() -> Iterator[importlib.metadata.Distribution]:
    """Give the installed packages that the extras need, each once."""
    waiting, seen, given = [("bakeoff", extra) for extra in EXTRAS], set(), set()
    while waiting:
        name, extra = waiting.pop()
        place = (re.sub(r"[-_.]+", "-", name).lower(), extra)
        if place in seen:
            continue
        seen.add(place)
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # of another system, or of an extra that is not installed
        if place[0] not in given:
            given.add(place[0])
            yield found
        for text in found.requires or ():
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
                waiting += [(wanted.name, ""), *((wanted.name, more) for more in wanted.extras)]


def licence(found: importlib.metadata.Distribution) -> str:
    """Give what a package says of its licence: an SPDX expression where it has one; empty where it says nothing."""
    told = found.metadata
    classified = [
        line.rpartition(" :: ")[2] for line in told.get_all("Classifier", []) if line.startswith("License ::")
    ]
    written = (told.get("License") or "").strip()
    for said in (told.get("License-Expression"), written if "\n" not in written else None, *classified):
        if said and (allowed(said) or said is told.get("License-Expression")):
            return said
    return (written.splitlines() or [" AND ".join(classified)])[0]


def allowed(expression: str) -> bool:
    """Say whether an expression is one of allowed licences: all that are joined by AND, one of those joined by OR."""
    said = SPELLED.get(expression.strip().lower(), expression.strip())
    if said in ALLOWED:
        return True
    if "(" in said:  # none so far: a nested expression wants a person's eyes
        return False
    if " OR " in said:
        return any(allowed(part) for part in said.split(" OR "))
    return " AND " in said and all(allowed(part) for part in said.split(" AND "))


def check_licences() -> bool:
    """Print packages whose licence is not allowed, or is not told."""
    found = {package.metadata["Name"]: licence(package) for package in packages()}
    wrong = {name: said for name, said in found.items() if not allowed(said)}
    for name, said in sorted(wrong.items()):
        print(f"licence of {name}: {said or 'none is told'!r} is not on the list of scripts/audit_packages.py")
    print(f"licences: {len(found)} packages, {len(wrong)} not allowed")
    return not wrong


def audited(*arguments: str) -> list[dict[str, object]]:
    """Ask pip-audit; give what it says of each package."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    try:
        told: list[dict[str, object]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return []
    return told


def check_faults() -> bool:
    """Print packages with known faults, or that none could be looked up."""
    try:
        importlib.metadata.distribution("pip-audit")
    except importlib.metadata.PackageNotFoundError:
        print("known faults: SKIPPED, pip-audit is not installed: .venv/bin/pip install pip-audit")
        return True
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "faulty.txt"
        path.write_text(FAULTY + "\n", encoding="utf-8")
        shown = audited("--requirement", str(path), "--no-deps", "--disable-pip")
    if not any(package.get("vulns") for package in shown):
        print(f"known faults: SKIPPED, the service that knows them is not reached ({FAULTY} has one, and is not told)")
        return True
    found = audited("--local", "--skip-editable")
    faulty = [package for package in found if package.get("vulns")]
    for package in faulty:
        names = ", ".join(str(fault["id"]) for fault in package["vulns"])  # type: ignore[attr-defined]
        print(f"known faults of {package['name']} {package['version']}: {names}")
    unknown = sum("skip_reason" in package for package in found)
    print(f"known faults: {len(found)} packages, {len(faulty)} with faults, {unknown} could not be looked up")
    return not faulty


def main() -> None:
    """Check both."""
    fine = [check_licences(), check_faults()]
    raise SystemExit(0 if all(fine) else 1)


if __name__ == "__main__":
    main()
