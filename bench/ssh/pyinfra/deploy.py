"""The work by pyinfra: a put for each file; a unit restarts when what it reads changed."""

import json
from pathlib import Path

from pyinfra import host
from pyinfra.operations import files, systemd
from pyinfra.operations.util import any_changed

WORK = json.loads(Path("/run/bench/work.json").read_text())
TOP = Path(WORK["tree"], host.name)

put = {
    path: files.put(src=str(TOP / path.lstrip("/")), dest=path, mode=WORK["modes"][path],
                    user="root", group="root")
    for path in WORK["files"]
}  # fmt: skip
systemd.daemon_reload(_if=any_changed(*(put[path] for path in WORK["unit_files"])))
for unit in WORK["units"]:
    # Restarts only what runs; what does not is started below.
    systemd.service(unit["name"], running=None, restarted=True,
                    _if=any_changed(*(put[path] for path in unit["reads"])))  # fmt: skip
    systemd.service(unit["name"], running=True, enabled=True)
