"""Metrics are Prometheus text, and a finding that is wrong is 0."""

import re

from tests.views import atlas, seen

from hardway.operations.metrics import Metric, _lines, gauges
from hardway.pictures.view import View

LINE = re.compile(
    r'[a-z_]+(\{[a-z_]+="(?:[^"\\\n]|\\.)*"(,[a-z_]+="(?:[^"\\\n]|\\.)*")*\})? -?[\d.]+'
)


def shown(view: View) -> list[str]:
    return "".join(_lines(gauges(view))).splitlines()


def test_every_line_is_in_the_format_and_every_name_has_a_type() -> None:
    typed = set()
    for line in shown(seen()):
        if line.startswith("# TYPE "):
            typed.add(line.split()[2])
        elif not line.startswith("#"):
            assert LINE.fullmatch(line), line
            assert re.split(r"[{ ]", line)[0] in typed


def test_what_is_wrong_is_zero() -> None:
    lines = shown(seen(("kubelet-healthy", "worker-1")))
    of_kubelet = [line for line in lines if 'check="kubelet-healthy"' in line]
    assert sorted(line[-1] for line in of_kubelet) == ["0", "1", "1"]
    assert next(line for line in of_kubelet if line.endswith(" 0")).count("worker-1") == 1


def test_the_leader_and_the_ends_of_certificates_are_there() -> None:
    lines = shown(seen())
    assert "hardway_etcd_members 3" in lines
    (admin,) = (line for line in lines if 'certificate="admin"' in line)
    assert float(admin.split()[-1]) > 1.7e9
    assert "e+" not in admin


def test_without_machines_there_is_nothing_but_certificates() -> None:
    names = {line.split("{")[0] for line in shown(View(atlas())) if "{" in line}
    assert names == {"hardway_certificate_not_after_seconds"}


def test_labels_are_escaped() -> None:
    rows = iter([Metric("a", "b", (({"x": 'say "\\hi"\n'}, 1.0),))])
    assert list(_lines(rows))[-1] == 'a{x="say \\"\\\\hi\\"\\n"} 1\n'
