"""`receive()` and `send()` of a connection whose messages are looked at one by one, around those that count.

Only where that is asked for (`SOCKETSCOPE_MESSAGE_SPANS=all`, or a function that finds the trace context in messages):
a span costs many times what counting costs.
"""

from __future__ import annotations

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from socketscope.instrumentation.asgi import Message, Receive, Send
from socketscope.instrumentation.messages import Messages
from socketscope.instrumentation.watched import Watched


def each_message(messages: Messages, watched: Watched, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """Give `receive()` and `send()` so that each message is told to `messages`.

    While a message is handled its span is the current one. A task that was started before, or receives in another
    task, does not see it.
    """
    inside: Context | None = None
    outside: Context | None = None

    async def receive_each() -> Message:
        nonlocal inside, outside
        messages.done(watched)
        # No tokens: applications receive in tasks that they cancel, and one may not cross from one to another.
        if inside is not None and outside is not None and otel_context.get_current() is inside:
            otel_context.attach(outside)
        inside = outside = None
        message = await receive()
        context = messages.received(watched, message)
        if context is not None:
            inside, outside = context, otel_context.get_current()
            otel_context.attach(context)
        return message

    async def send_each(message: Message) -> None:
        span = messages.sending(watched, message)
        if span is None:
            await send(message)
            return
        try:
            await send(message)
        except BaseException as error:
            messages.sent(watched, span, error)
            raise
        messages.sent(watched, span)

    return receive_each, send_each if messages.all else send
