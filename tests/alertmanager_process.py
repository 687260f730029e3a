"""The real Alertmanager."""

import json
import os
import shutil

from real_program import RealProgram, lacking
from socketscope.demo.stack.http import get
from socketscope.demo.stack.options import HOST, free_port

CONFIGURATION = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


def required_alertmanager(environment=os.environ):
    """The program; skips the test where it can't be had, and fails in CI."""
    names = (environment.get("SOCKETSCOPE_ALERTMANAGER"), "prometheus-alertmanager", "alertmanager")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if not found:
        lacking("no Alertmanager: set SOCKETSCOPE_ALERTMANAGER or apt-get install prometheus-alertmanager")
    return found


class AlertmanagerProcess(RealProgram):
    """`url` to ask. Its files are below `directory`."""

    def __init__(self, program, directory):
        self.program = program
        super().__init__(directory, f"http://{HOST}:{free_port()}")
        (self.directory / "alertmanager.yml").write_text(CONFIGURATION)

    def command(self):
        return [
            self.program,
            f"--config.file={self.directory / 'alertmanager.yml'}",
            f"--storage.path={self.directory / 'data'}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
            "--cluster.listen-address=",  # alone
        ]

    def alerts(self):
        """Return what it knows now: the alerts that have not ended."""
        return json.loads(get(f"{self.url}/api/v2/alerts"))
