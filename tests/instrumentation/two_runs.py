"""The same script against an application alone and against the same one watched: what each side saw, step by step."""

import asyncio
from copy import deepcopy

BLOCKED = object()
"""The server neither takes nor gives: whoever awaits it waits until `Run.answer`."""


class Run:
    """One connection of an application that does what it is told, at a server that does what it is told.

    `transcript` has what both saw, in order: messages, exceptions, and the end. Each entry with something that has
    passed says whether it was the very object that was put in.
    """

    def __init__(self, watch, path):
        self.transcript = []
        self.scope = {
            "type": "websocket",
            "path": path,
            "root_path": "",
            "query_string": b"",
            "headers": [],
            "client": ("192.0.2.77", 50123),
            "server": ("127.0.0.1", 8000),
            "state": {},
        }
        self.stubborn = False
        """Whether the application ignores the next cancellation."""
        self._orders = asyncio.Queue()
        self._ended = False
        self._waiting = None
        self._answers = {"receive": BLOCKED, "send": None}
        self._given = None
        self._sending = None
        self.task = asyncio.ensure_future(self._serve(watch(self._application)))

    # what it is told -------------------------------------------------------------------------------------------

    def order(self, what, *arguments):
        """Let the application do this once it has done what it does."""
        self._orders.put_nowait((what, arguments))

    def prepare(self, call, answer):
        """Let the server answer the next `receive` or `send` with this: a message, None or an exception."""
        self._answers[call] = answer

    def answer(self, answer):
        """Let the server answer what it is being asked, if it is."""
        if self.blocked:
            self._waiting.set_result(answer)

    @property
    def blocked(self):
        """Whether the application waits for the server."""
        return self._waiting is not None and not self._waiting.done()

    # the server ------------------------------------------------------------------------------------------------

    async def _serve(self, app):
        try:
            await app(self.scope, self._give, self._take)
        except BaseException as error:
            self._note("the application raised", error, told(error))
            if isinstance(error, asyncio.CancelledError):
                raise
        else:
            self._note("the application returned")
        finally:
            self._ended = True

    async def _give(self):
        answer, self._answers["receive"] = self._answers["receive"], BLOCKED
        return await self._answered(answer)

    async def _take(self, message):
        before = deepcopy(message)
        answer, self._answers["send"] = self._answers["send"], None
        await self._answered(answer)
        self._note("the server took", message is self._sending and same(message, before))

    async def _answered(self, answer):
        if answer is BLOCKED:
            self._waiting = asyncio.get_running_loop().create_future()
            answer = await self._waiting
        self._given = answer
        if isinstance(answer, BaseException):
            raise answer
        return answer

    # the application -------------------------------------------------------------------------------------------

    async def _application(self, scope, receive, send):
        while True:
            try:
                order, arguments = await self._orders.get()
                if order == "return":
                    return
                if order == "raise":
                    raise arguments[0]
                await getattr(self, f"_{order}")(receive, send, *arguments)
            except asyncio.CancelledError:
                if not self.stubborn:
                    raise
                self.stubborn = False
                self._note("the application ignores a cancellation")

    async def _receive(self, receive, send, catches):
        try:
            message = await receive()
        except Exception as error:
            self._note("receive raised", error is self._given, told(error))
            if not catches:
                raise
        else:
            self._note("received", message is self._given, message)

    async def _send(self, receive, send, message, catches):
        self._sending = message
        try:
            answer = await send(message)
        except Exception as error:
            self._note("send raised", error is self._given, told(error), message)
            if not catches:
                raise
        else:
            self._note("sent", answer, message)

    async def _race(self, receive, send):
        """Wait for a message and for something else, which is quicker."""
        racing = asyncio.ensure_future(receive())
        try:
            await asyncio.sleep(0)
        finally:
            racing.cancel()
        (outcome,) = await asyncio.gather(racing, return_exceptions=True)
        if isinstance(outcome, BaseException):
            self._note("the race was lost", told(outcome))
        else:
            self._note("received", outcome is self._given, outcome)

    async def _say(self, receive, send, change, name):
        change(name)
        self._note(change.__name__, name)

    def _note(self, *what):
        self.transcript.append(what)


def told(error):
    """What tells one exception from another."""
    inner = tuple(told(one) for one in error.exceptions) if isinstance(error, BaseExceptionGroup) else ()
    return type(error).__name__, str(error), inner


def same(one, other):
    """Whether both are equal, and of the same types all through: 1000 is not an `IntEnum` of it."""
    return repr(one) == repr(other)
