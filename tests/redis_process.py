"""The real redis-server."""

import os
import shutil
import signal
import socket
import subprocess

from real_program import RealProgram, lacking
from socketscope.demo.stack.options import HOST, free_port


def required_redis(environment=os.environ):
    """The program; skips the test where it can't be had, and fails in CI."""
    found = shutil.which(environment.get("SOCKETSCOPE_REDIS") or "redis-server")
    return found or lacking("no Redis: set SOCKETSCOPE_REDIS or apt-get install redis-server")


class RedisProcess(RealProgram):
    """`url` to connect to. Keeps nothing over a restart but with `appendonly`; `options` are lines of redis.conf."""

    def __init__(self, program, directory, *, appendonly=False, tls=None, options=()):
        self.program = program
        self.port = free_port()
        self.tls = tls
        super().__init__(directory, f"{'rediss' if tls else 'redis'}://{HOST}:{self.port}")
        listen = (
            [f"port {self.port}"]
            if tls is None
            else [
                "port 0",
                f"tls-port {self.port}",
                f"tls-cert-file {tls.certificate}",
                f"tls-key-file {tls.key}",
                f"tls-ca-cert-file {tls.authority}",
                "tls-auth-clients no",
            ]
        )
        lines = [
            f"bind {HOST}",
            *listen,
            f"dir {self.directory}",
            'save ""',
            f"appendonly {'yes' if appendonly else 'no'}",
            "appendfsync everysec",
            "daemonize no",
            *options,
        ]
        (self.directory / "redis.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def command(self):
        return [self.program, str(self.directory / "redis.conf")]

    def ready(self):
        try:
            with socket.create_connection((HOST, self.port), timeout=1) as connection:
                if self.tls:
                    return True
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False

    def do(self, *words):
        """Say one command as `redis-cli` does; gives the raw first answer."""
        with socket.create_connection((HOST, self.port), timeout=10) as connection:
            parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
            request = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
            connection.sendall(request)
            return connection.recv(65536)

    def kill(self):
        """Kill it as `kill -9` does."""
        self.process.kill()
        self.process.wait()

    def again(self):
        """Start it once more, and wait until it answers."""
        return self.start().wait_ready()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        self.go_on()
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
