#!/usr/bin/env python3
"""Checks a plan of modules against dpkg: check-closure.py TREE < PLAN

PLAN is what `vend modules plan --json` says. Prints a line for each dependency of a package that nothing in reach of
its module meets, for each package that is in no module or in several, and then how many relations were looked at.
Knows nothing of how the plan was made: it asks dpkg-query for the relations and dpkg for the order of versions.
"""
import functools
import json
import re
import subprocess
import sys

tree = sys.argv[1]
modules = json.load(sys.stdin)["modules"]
fields = ["binary:Package", "Package", "Version", "Architecture", "Multi-Arch", "Provides", "Pre-Depends", "Depends"]
query = "\\t".join("${%s}" % field for field in fields) + "\\n"
output = subprocess.run(
    ["dpkg-query", f"--admindir={tree}/var/lib/dpkg", "-W", "-f", query],
    check=True, capture_output=True, text=True,
).stdout
packages = {}
for line in output.splitlines():
    row = dict(zip(fields, line.split("\t")))
    packages[row["Package"]] = row


@functools.cache
def compare(a, operator, b):
    return subprocess.run(["dpkg", "--compare-versions", a, operator, b]).returncode == 0


def relation(text):
    match = re.fullmatch(r"\s*([^\s:(]+)(?::\w+)?\s*(?:\(([<>=]+)\s*([^)]+)\))?\s*", text)
    return match.groups()


def meets(candidate, wanted):
    name, operator, version = wanted
    row = packages[candidate]
    if candidate == name and (operator is None or compare(row["Version"], operator, version)):
        return True
    for provision in filter(None, row["Provides"].split(",")):
        offered, _, offered_version = relation(provision)
        if offered != name:
            continue
        if operator is None or (offered_version and compare(offered_version, operator, version)):
            return True
    return False


def reach(name):
    found, queue = set(), [name] + [other for other, module in modules.items() if module["essential"]]
    while queue:
        module = queue.pop()
        if module not in found:
            found.add(module)
            queue += modules[module]["includes"]
    return found


homes = {}
for name, module in modules.items():
    for package in module["packages"]:
        if package in homes:
            print(f"{package} is in {homes[package]} and in {name}")
        homes[package] = name
for package in packages:
    if package not in homes:
        print(f"{package} is in no module")
for package in homes:
    if package not in packages:
        print(f"{package} is not known to dpkg")

looked = 0
for name, module in modules.items():
    there = [package for other in reach(name) for package in modules[other]["packages"]]
    for package in module["packages"]:
        groups = f'{packages[package]["Pre-Depends"]},{packages[package]["Depends"]}'.split(",")
        for group in filter(str.strip, groups):
            looked += 1
            alternatives = [relation(text) for text in group.split("|")]
            if not any(meets(candidate, wanted) for wanted in alternatives for candidate in there):
                print(f"{package} in {name} needs {group.strip()}, which is not in reach")
print(f"{len(homes)} packages, {looked} relations")
