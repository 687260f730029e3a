"""Connections that are reset while messages are under way: nobody can know exactly what arrived, but the bounds."""

import asyncio
import json
import os
import socket
import struct
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

import one_chat
from socketscope.demo.stack import programs
from socketscope.demo.stack.alerts import CONFIGURATION
from socketscope.demo.stack.console import Console
from socketscope.demo.stack.http import Unreachable, get
from socketscope.demo.stack.options import Options, free_port
from socketscope.demo.stack.process import Process

MEMBERS = 12
SAYINGS = 300


@pytest.fixture
def start(tmp_path):
    """Starts a program of the demo; ends it when the test is over."""
    started = []

    def begin(program):
        surroundings = programs.surroundings(os.environ)
        process = Process(program, directory=tmp_path, environment=surroundings)
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()


def answers(url):
    end = monotonic() + 60
    while monotonic() < end:
        try:
            return get(url)
        except Unreachable:
            sleep(0.1)
    raise AssertionError(f"{url} did not answer")


async def member(websocket, *, leaves_after=None):
    """Counts what arrives: until it resets the connection after so many messages, or all has been said."""
    messages = size = 0
    try:
        while messages != leaves_after:
            payload = await websocket.recv()
            messages += 1
            size += len(payload.encode())
            if "the end" in payload:
                await websocket.close()
    except ConnectionClosed:
        return messages, size
    websocket.transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
    websocket.transport.abort()
    return messages, size


async def talk(url):
    """What the clients received in all: messages and bytes."""
    # All are there before anything is said: who comes later would wait for ever to hear the end.
    there = [await connect(f"{url}?user=user{index}", compression=None, ping_interval=None) for index in range(MEMBERS)]
    async with asyncio.TaskGroup() as group:
        # Each second one resets its connection in the middle of the flow.
        members = [
            group.create_task(member(websocket, leaves_after=30 + 20 * index if index % 2 else None))
            for index, websocket in enumerate(there)
        ]
        async with connect(f"{url}?user=speaker", compression=None, ping_interval=None) as speaker:
            ears = asyncio.create_task(_listen(speaker))
            for number in range(SAYINGS):
                await speaker.send(json.dumps({"action": "say", "text": f"{number} ü"}))
            await speaker.send(json.dumps({"action": "say", "text": "the end"}))
            heard = await ears
    received = [heard, *(task.result() for task in members)]
    return sum(messages for messages, _ in received), sum(size for _, size in received)


async def _listen(websocket):
    messages = size = 0
    # On a busy machine the answer to the close frame may come too late; what arrived before it counts all the same.
    with suppress(ConnectionClosed):
        async for payload in websocket:
            messages += 1
            size += len(payload.encode())
            if "the end" in payload:
                await websocket.close()
    return messages, size


def test_what_is_measured_lies_between_what_clients_received_and_the_sends_that_returned(start, tmp_path):
    ports = ("port", "store_grpc_port", "store_http_port", "chat_port")
    options = Options(**{name: free_port() for name in ports})
    (tmp_path / CONFIGURATION).write_text("{}", encoding="utf-8")  # no alerts of the demo here
    console = start(programs.console(options, tmp_path))
    chat = one_chat.chat(options)
    counted = tmp_path / "counted.json"
    command = ["counted_chat:app" if part == "chat:app" else part for part in chat.command]
    command[command.index("--app-dir") + 1] = str(Path(__file__).parent)
    watched = start(replace(chat, command=command, environment={**chat.environment, "COUNTED": str(counted)}))
    answers(f"http://127.0.0.1:{options.port}/readyz")
    answers(f"http://127.0.0.1:{options.chat_port}/")

    received, received_bytes = asyncio.run(talk(f"ws://127.0.0.1:{options.chat_port}/ws/lobby"))
    watched.stop(grace=20)
    measured = Console(f"http://127.0.0.1:{options.port}").measured()
    console.stop(grace=20)

    returned = json.loads(counted.read_text(encoding="utf-8"))
    assert received <= measured["messages_sent"] <= returned["messages"]
    assert received_bytes <= measured["bytes_sent"] <= returned["bytes"]
    assert measured["messages_received"] == SAYINGS + 1
    assert measured["connections_accepted"] == MEMBERS + 1
    assert measured["connections_lost"] == MEMBERS // 2
    assert measured["connections_failed"] == measured["errors"] == 0
