"""`socketscope serve` as a process of its own."""

import os
import re
import signal
import subprocess
import sys
import threading


class ServiceProcess:
    """Started with `socketscope serve`; waits for its `ready` line. Ports of 0 are free ones."""

    def __init__(self, *options, port=0, grpc_port=0, http_port=0, environment=None, cwd=None):
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "socketscope", "serve"),
                *(f"--port={port}", f"--otlp-grpc-port={grpc_port}", f"--otlp-http-port={http_port}"),
                *map(str, options),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
            cwd=cwd,
        )
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if line.startswith("ready"):
                break
        else:
            raise AssertionError(f"serve did not start: {self.process.communicate()[1]}")
        self.url = self.told("console")
        self.grpc = self.told("OTLP gRPC")
        self.http = self.told("OTLP HTTP")
        self.port, self.grpc_port, self.http_port = (
            int(url.rpartition(":")[2]) for url in (self.url, self.grpc, self.http)
        )
        # Nobody reads the rest while it runs: keep its pipe empty.
        self.complaints = []
        self._reader = threading.Thread(target=lambda: self.complaints.extend(self.process.stderr), daemon=True)
        self._reader.start()

    def told(self, what):
        return next(re.sub(rf"^{what}\s+", "", line) for line in self.lines if line.startswith(what))

    def stop(self, number=signal.SIGTERM):
        """Stop it; returns its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(timeout=30)
        self._reader.join(timeout=5)
        self.process.stdout.close()
        self.process.stderr.close()
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.stop(signal.SIGKILL)


class AlertsProcess:
    """`socketscope serve --only alerts`; waits until it is ready."""

    def __init__(self, config, cwd, environment=None):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "socketscope", "serve", "--only", "alerts", "--port=0", f"--config={config}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
        )
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if line.startswith("ready"):
                self.url = line.split()[1]
                break
        else:
            raise AssertionError(self.process.communicate()[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)
