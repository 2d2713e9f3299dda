"""Findings as JUnit XML, which CI systems show: a suite for each step, a case for each finding."""

import re
from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree as ET

from hardway.checks.causes import causes_of
from hardway.model.resources import Finding, Verdict

NOT_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
"""Characters that XML 1.0 cannot have, not even escaped."""
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
OUTCOMES = {Verdict.WRONG: "failure", Verdict.UNKNOWN: "error"}
"""What CI systems call them; a warning is a skipped case, which fails nothing."""


def xml(found: Sequence[Finding]) -> str:
    """Return findings as one document."""
    root = ET.Element("testsuites", _counts(found), name="hardway verify")
    for step, group in groupby(found, key=lambda f: f.step):
        own = list(group)
        suite = ET.SubElement(root, "testsuite", _counts(own), name=step)
        for finding in own:
            _case(suite, finding, found)
    ET.indent(root)
    return f"{DECLARATION}\n{ET.tostring(root, encoding='unicode')}\n"


def _counts(found: Sequence[Finding]) -> dict[str, str]:
    outcomes = [_outcome(f) for f in found]
    return {
        "tests": str(len(outcomes)),
        "failures": str(outcomes.count("failure")),
        "errors": str(outcomes.count("error")),
        "skipped": str(outcomes.count("skipped")),
    }


def _outcome(finding: Finding) -> str:
    """Return what becomes of a case; empty where it passes."""
    if finding.ok:
        return ""
    return OUTCOMES[finding.verdict] if finding.fails or finding.open else "skipped"


def _case(suite: ET.Element, finding: Finding, found: Sequence[Finding]) -> None:
    name = f"{finding.check} {finding.machine}"
    case = ET.SubElement(suite, "testcase", classname=finding.step, name=name, time="0")
    if outcome := _outcome(finding):
        message = _plain(f"expected {finding.expected}, found {finding.found}")
        follows = ", ".join(f"{c.check} {c.machine}" for c in causes_of(finding, found))
        lines = [f"why: {finding.why}", f"see: {finding.see}"]
        lines += [f"follows from: {follows}"] if follows else []
        ET.SubElement(case, outcome, message=message).text = _plain("\n".join(lines))


def _plain(text: str) -> str:
    return NOT_XML.sub("?", text)
